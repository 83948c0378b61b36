/* See failing.h. The lines are our own and have one form, so their text is searched: inside of a
 * JSON string every quote has a backslash in front, so nothing else can look like the field. */
#include "run/failing.h"

#include "base/buf.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>

#define READ_BYTES (256u * 1024u)

static const char field[] = ",\"status\":\"" GM_ITEM_FAILING "\",";
enum { FIELD_BYTES = sizeof field - 1 };

static uint64_t count(const struct gm_buf *text)
{
    uint64_t n = 0;
    const uint8_t *at = text->data, *end = text->data + text->n_bytes;
    while ((at = memmem(at, (size_t)(end - at), field, FIELD_BYTES))) {
        n++;
        at += FIELD_BYTES;
    }
    return n;
}

enum gm_status gm_failing_count(int generation_fd, uint64_t *n_failing, struct gm_err *err)
{
    struct gm_buf text = GM_BUF_INIT;
    size_t n_read = READ_BYTES;
    int fd = -1;
    *n_failing = 0;
    enum gm_status status = gm_open_at(generation_fd, "items.jsonl", O_RDONLY, &fd, err);
    if (status == GM_OK && !gm_buf_reserve(&text, READ_BYTES + FIELD_BYTES))
        status = gm_err_set(err, GM_NOMEM, "no memory to read items.jsonl");
    while (status == GM_OK && n_read == READ_BYTES) {
        status = gm_read_full(fd, text.data + text.n_bytes, READ_BYTES, &n_read, err);
        if (status != GM_OK)
            break;
        text.n_bytes += n_read;
        *n_failing += count(&text);
        size_t keep = text.n_bytes < FIELD_BYTES - 1 ? text.n_bytes : FIELD_BYTES - 1;
        memmove(text.data, text.data + text.n_bytes - keep, keep); /* one may begin here */
        text.n_bytes = keep;
    }
    gm_close(&fd);
    gm_buf_free(&text);
    return status;
}
