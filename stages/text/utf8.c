/* Stage utf8: makes sure that a text is UTF-8, and drops a byte order mark at the start of a file
 * (in a string of a JSON line U+FEFF is a character like any other, and stays). Later stages and
 * sinks rely on it: the column "text" is valid UTF-8 and not empty from here on. The
 * planner puts it behind extract when a job does not list it. A valid text costs no copy. */
#include "base/utf8.h"

#include "base/buf.h"
#include "media.h"
#include "stage.h"

#include <string.h>

enum invalid { INVALID_ERROR, INVALID_REPLACE };

struct utf8_opts {
    int invalid;
};

struct utf8 {
    const struct utf8_opts *opts;
    struct gm_buf repaired;
    int raw_text, media, text;
};

static const char *const invalid_choices[] = {"error", "replace", NULL};

static const struct gm_opt opts[] = {
    {.name = "invalid",
     .type = GM_OPT_ENUM,
     .offset = offsetof(struct utf8_opts, invalid),
     .default_text = "error",
     .choices = invalid_choices,
     .help = "what invalid UTF-8 does: fail the record, or become U+FFFD"},
    GM_OPT_END};

static const struct gm_column_def in[] = {
    {"raw_text", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, "the text before UTF-8 validation"},
    {"media", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL, "what the body is"},
    GM_COLUMN_END};

static const struct gm_column_def out[] = {
    {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, "the text, without a file's byte order mark"},
    GM_COLUMN_END};

static enum gm_status utf8_open(void *ctx, const void *options, const struct gm_prepared *prepared,
                                const struct gm_bind *bind, struct gm_err *err)
{
    (void)prepared;
    (void)err;
    struct utf8 *utf8 = ctx;
    utf8->opts = options;
    utf8->raw_text = bind->in[0];
    utf8->media = bind->in[1];
    utf8->text = bind->out[0];
    gm_buf_init(&utf8->repaired);
    return GM_OK;
}

static void utf8_close(void *ctx)
{
    struct utf8 *utf8 = ctx;
    gm_buf_free(&utf8->repaired);
}

/* Fills utf8->repaired: each maximal ill-formed part becomes one U+FFFD. */
static void repair(struct utf8 *utf8, const uint8_t *text, size_t n_bytes)
{
    gm_buf_clear(&utf8->repaired);
    while (n_bytes > 0) {
        const size_t n_valid = gm_utf8_valid_prefix(text, n_bytes);
        gm_buf_append(&utf8->repaired, text, n_valid);
        text += n_valid;
        n_bytes -= n_valid;
        if (n_bytes > 0) {
            const size_t n_bad = gm_utf8_bad_length(text, n_bytes);
            gm_buf_append(&utf8->repaired, "\xEF\xBF\xBD", 3);
            text += n_bad;
            n_bytes -= n_bad;
        }
    }
}

static enum gm_status utf8_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                   struct gm_err *err)
{
    struct utf8 *utf8 = ctx;
    struct gm_view raw = gm_batch_view(batch, utf8->raw_text, row);
    bool is_file = gm_batch_u64(batch, utf8->media, row) != GM_MEDIA_JSON_LINE;
    if (is_file && raw.n_bytes >= 3 && memcmp(raw.data, "\xEF\xBB\xBF", 3) == 0) {
        raw.data += 3;
        raw.n_bytes -= 3;
    }
    if (raw.n_bytes == 0) {
        gm_batch_reject(batch, row, GM_REASON_TEXT_EMPTY, "the text has no characters");
        return GM_OK;
    }
    const size_t n_valid = gm_utf8_valid_prefix(raw.data, raw.n_bytes);
    if (n_valid == raw.n_bytes) {
        gm_batch_set_view(batch, utf8->text, row, raw.data, raw.n_bytes);
        return GM_OK;
    }
    if (utf8->opts->invalid == INVALID_ERROR) {
        gm_batch_reject(batch, row, GM_REASON_TEXT_UTF8, "invalid UTF-8: byte 0x%02X at offset %zu",
                        raw.data[n_valid],
                        (size_t)(raw.data - gm_batch_view(batch, utf8->raw_text, row).data) +
                            n_valid);
        return GM_OK;
    }
    repair(utf8, raw.data, raw.n_bytes);
    if (utf8->repaired.failed ||
        !gm_batch_set_copy(batch, utf8->text, row, utf8->repaired.data, utf8->repaired.n_bytes))
        return gm_err_set(err, GM_NOMEM, "no memory to repair a text of %zu bytes", raw.n_bytes);
    return GM_OK;
}

const struct gm_stage gm_text_utf8 = {
    .name = "utf8",
    .family = "text",
    .summary = "makes sure that the text is valid UTF-8",
    .in = in,
    .out = out,
    .opts = opts,
    .opts_bytes = sizeof(struct utf8_opts),
    .ctx_bytes = sizeof(struct utf8),
    .open = utf8_open,
    .process = utf8_process,
    .close = utf8_close,
};
