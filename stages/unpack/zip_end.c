/* Looks for the end record of a zip (APPNOTE 4.3.16) in the last 64 KB, where its comment allows it
 * to be, and for the one of Zip64 that goes in front of it. Sizes stated there are only believed as
 * an estimate. */
#include "unpack/zip_end.h"

#include "base/buf.h"
#include "unpack/stream.h"

#include <string.h>

#define END_BYTES       22
#define LOCATOR64_BYTES 20
#define END64_BYTES     56
#define TAIL_BYTES      (END_BYTES + 65535 + LOCATOR64_BYTES + END64_BYTES)

static uint64_t le(const uint8_t *bytes, size_t n_bytes)
{
    uint64_t value = 0;
    while (n_bytes > 0)
        value = value << 8 | bytes[--n_bytes];
    return value;
}

/* Start of the directory by the Zip64 record that lies directly in front of the end record at at.
 */
static uint64_t start64(const struct gm_buf *tail, size_t at)
{
    if (at < LOCATOR64_BYTES + END64_BYTES)
        return UINT64_MAX;
    const uint8_t *locator = tail->data + at - LOCATOR64_BYTES;
    const uint8_t *end64 = locator - END64_BYTES;
    if (memcmp(locator, "PK\6\7", 4) != 0 || memcmp(end64, "PK\6\6", 4) != 0)
        return UINT64_MAX;
    return le(end64 + 48, 8);
}

static void read_end(const struct gm_buf *tail, size_t at, uint64_t tail_at, struct gm_zip_end *end)
{
    uint64_t start = le(tail->data + at + 16, 4);
    uint64_t record_at = tail_at + at;
    if (start == UINT32_MAX)
        start = start64(tail, at);
    end->found = true;
    end->directory_bytes = start <= record_at ? record_at - start : UINT64_MAX;
}

enum gm_status gm_zip_find_end(struct gm_stream *stream, struct gm_zip_end *end, struct gm_err *err)
{
    struct gm_buf tail = GM_BUF_INIT;
    uint64_t n_tail = stream->n_bytes < TAIL_BYTES ? stream->n_bytes : TAIL_BYTES;
    uint64_t tail_at = stream->n_bytes - n_tail;
    enum gm_status status = GM_OK;
    *end = (struct gm_zip_end){false, UINT64_MAX};
    gm_stream_seek(stream, tail_at);
    for (size_t n_bytes = 1; status == GM_OK && n_bytes > 0;) {
        const uint8_t *data;
        status = gm_stream_next(stream, &data, &n_bytes, err);
        if (status == GM_OK)
            gm_buf_append(&tail, data, n_bytes);
    }
    if (tail.failed)
        status = gm_err_set(err, GM_NOMEM, "no memory for the end of a zip archive");
    for (size_t at = 0; status == GM_OK && at + END_BYTES <= tail.n_bytes; at++)
        if (memcmp(tail.data + at, "PK\5\6", 4) == 0 &&
            at + END_BYTES + le(tail.data + at + 20, 2) <= tail.n_bytes)
            read_end(&tail, at, tail_at, end);
    gm_buf_free(&tail);
    gm_stream_seek(stream, 0);
    return status;
}
