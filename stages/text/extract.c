/* Stage extract: the text of a record. A plain text is its whole body, at no cost; of a JSON line
 * it is one string field, decoded. It stands first in every text chain; the planner puts it there
 * when a job does not list it.
 *
 * The text may still be invalid UTF-8 here (a plain file can hold anything), so the column is
 * "raw_text", of bytes and hidden; the stage utf8 makes the STRING column "text" of it. The other
 * fields of a JSON line are passed through as the JSON column "extra", because labels, URLs and
 * licences that came with a text belong to it; `keep: none` drops them. */
#include "base/buf.h"
#include "json/json.h"
#include "json/quick.h"
#include "media.h"
#include "stage.h"

#include <string.h>

#define MAX_LINE_BYTES (UINT32_MAX - 1) /* what the parser can do; the engine stops far below */
#define N_KEYS_NAMED   8                /* in the message about a missing field */

enum keep { KEEP_NONE, KEEP_ALL };

struct extract_opts {
    char *field;
    char *id_field;
    int keep;
};

struct extract {
    const struct extract_opts *opts;
    struct gm_json_parser *parser;
    struct gm_buf scratch;
    enum gm_json_tier tier;
    const char *taken[3]; /* fields that are columns of their own, ended by NULL */
    int media, body;
    int raw_text, record_id, extra;
};

static const char *const keep_choices[] = {"none", "all", NULL};

static const struct gm_opt opts[] = {
    {.name = "field",
     .type = GM_OPT_STRING,
     .offset = offsetof(struct extract_opts, field),
     .default_text = "text",
     .help = "field of a JSON line that holds the text"},
    {.name = "id_field",
     .type = GM_OPT_STRING,
     .offset = offsetof(struct extract_opts, id_field),
     .help = "field of a JSON line that becomes record_id"},
    {.name = "keep",
     .type = GM_OPT_ENUM,
     .offset = offsetof(struct extract_opts, keep),
     .default_text = "all",
     .choices = keep_choices,
     .help = "which other fields of a JSON line become the column extra"},
    GM_OPT_END};

enum { IN_MEDIA, IN_BODY };
static const struct gm_column_def in[] = {
    {"media", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL, "what the body is"},
    {"body", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, "bytes", "the bytes as they came"},
    GM_COLUMN_END};

enum { OUT_RAW_TEXT, OUT_RECORD_ID, OUT_EXTRA };
static const struct gm_column_def out[] = {
    {"raw_text", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, "the text before UTF-8 validation"},
    {"record_id", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL,
     "the JSON line's id_field, a number as it was written; or null"},
    {"extra", GM_TYPE_JSON, GM_COLUMN_VISIBLE, NULL,
     "the JSON line's other fields, unchanged, as one object; or null"},
    GM_COLUMN_END};

static void extract_close(void *ctx)
{
    struct extract *extract = ctx;
    gm_json_parser_free(extract->parser);
    extract->parser = NULL;
    gm_buf_free(&extract->scratch);
}

static enum gm_status extract_open(void *ctx, const void *options,
                                   const struct gm_prepared *prepared, const struct gm_bind *bind,
                                   struct gm_err *err)
{
    (void)prepared;
    struct extract *extract = ctx;
    extract->opts = options;
    extract->tier = gm_json_best_tier();
    extract->media = bind->in[IN_MEDIA];
    extract->body = bind->in[IN_BODY];
    extract->raw_text = bind->out[OUT_RAW_TEXT];
    extract->record_id = bind->out[OUT_RECORD_ID];
    extract->extra = bind->out[OUT_EXTRA];
    extract->taken[0] = extract->opts->field;
    extract->taken[1] = extract->opts->id_field;
    gm_buf_init(&extract->scratch);
    extract->parser = gm_json_parser_new(MAX_LINE_BYTES, GM_JSON_DEFAULT_DEPTH);
    if (!extract->parser)
        return gm_err_set(err, GM_NOMEM, "no memory for the JSON parser");
    return GM_OK;
}

static enum gm_status extract_check(const void *options, struct gm_err *err)
{
    const struct extract_opts *wanted = options;
    if (!wanted->field || !*wanted->field)
        return gm_err_set(err, GM_CONFIG, "field: name the field that holds the text");
    if (wanted->id_field && strcmp(wanted->id_field, wanted->field) == 0)
        return gm_err_set(err, GM_CONFIG, "id_field: \"%s\" is the field of the text already",
                          wanted->field);
    return GM_OK;
}

static const char *const kind_texts[] = {
    [GM_JSON_MISSING] = "missing", [GM_JSON_NULL] = "null",      [GM_JSON_BOOL] = "a boolean",
    [GM_JSON_U64] = "a number",    [GM_JSON_I64] = "a number",   [GM_JSON_F64] = "a number",
    [GM_JSON_STRING] = "a string", [GM_JSON_ARRAY] = "an array", [GM_JSON_OBJECT] = "an object"};

static void reject_field(struct extract *extract, struct gm_batch *batch, uint32_t row,
                         enum gm_json_kind kind)
{
    const char *field = extract->opts->field;
    if (kind != GM_JSON_MISSING) {
        gm_batch_reject(batch, row, GM_REASON_TEXT_FIELD, "field \"%s\" is %s, not a string", field,
                        kind_texts[kind]);
        return;
    }
    struct gm_json_field each;
    unsigned n_named = 0;
    gm_buf_clear(&extract->scratch);
    gm_json_rewind(extract->parser);
    while (n_named < N_KEYS_NAMED && gm_json_next(extract->parser, &each)) {
        gm_buf_text(&extract->scratch, n_named++ ? ", " : "");
        gm_json_string(&extract->scratch, each.key, each.key_bytes);
    }
    gm_batch_reject(batch, row, GM_REASON_TEXT_FIELD, "no field \"%s\"; the object has %s", field,
                    n_named ? gm_buf_cstr(&extract->scratch) : "no fields");
}

/* record_id: null unless the field is a string or a number. */
static bool set_record_id(struct extract *extract, struct gm_batch *batch, uint32_t row)
{
    struct gm_json_value value;
    const char *name = extract->opts->id_field;
    const int column = extract->record_id;
    if (!name)
        return true;
    switch (gm_json_get(extract->parser, name, &value)) {
    case GM_JSON_STRING:
        return gm_batch_set_copy(batch, column, row, value.text, value.n_bytes);
    case GM_JSON_U64:
    case GM_JSON_I64:
    case GM_JSON_F64:
        break;
    default:
        return true;
    }
    /* The last of several fields of that name, as gm_json_get has it. */
    struct gm_json_field each;
    const uint8_t *raw = NULL;
    size_t raw_bytes = 0;
    gm_json_rewind(extract->parser);
    while (gm_json_next(extract->parser, &each)) {
        if (each.key_bytes == strlen(name) && memcmp(each.key, name, each.key_bytes) == 0) {
            raw = each.raw;
            raw_bytes = each.raw_bytes;
        }
    }
    return gm_batch_set_copy(batch, column, row, raw, raw_bytes);
}

static bool set_extra(struct extract *extract, struct gm_batch *batch, uint32_t row)
{
    if (extract->opts->keep == KEEP_NONE)
        return true;
    struct gm_buf *scratch = &extract->scratch;
    gm_buf_clear(scratch);
    if (gm_json_append_others(extract->parser, extract->taken, scratch) == 0)
        return !scratch->failed;
    return !scratch->failed &&
           gm_batch_set_copy(batch, extract->extra, row, scratch->data, scratch->n_bytes);
}

static bool set_quickly(struct extract *extract, struct gm_batch *batch, uint32_t row,
                        const struct gm_json_quick *quick)
{
    struct gm_buf *scratch = &extract->scratch;
    gm_batch_set_view(batch, extract->raw_text, row, quick->value, quick->value_bytes);
    if (quick->id)
        gm_batch_set_view(batch, extract->record_id, row, quick->id, quick->id_bytes);
    return quick->n_others == 0 ||
           (!scratch->failed &&
            gm_batch_set_copy(batch, extract->extra, row, scratch->data, scratch->n_bytes));
}

/* Most lines of a corpus. *is_ok: there was memory. */
static bool extract_quickly(struct extract *extract, struct gm_batch *batch, uint32_t row,
                            struct gm_view body, bool *is_ok)
{
    struct gm_json_quick quick = {.tier = extract->tier,
                                  .field = extract->opts->field,
                                  .id_field = extract->opts->id_field,
                                  .others =
                                      extract->opts->keep == KEEP_NONE ? NULL : &extract->scratch};
    if (extract->tier == GM_JSON_PLAIN || body.n_bytes == 0)
        return false;
    uint8_t *decoded = gm_batch_alloc(batch, body.n_bytes + GM_JSON_QUICK_SLACK);
    if (!decoded)
        return false;
    gm_buf_clear(&extract->scratch);
    const bool is_taken = gm_json_quick_string(&quick, body.data, body.n_bytes, decoded);
    const bool is_decoded = is_taken && quick.value == decoded;
    gm_batch_trim(batch, decoded, is_decoded ? quick.value_bytes : 0);
    if (is_taken)
        *is_ok = set_quickly(extract, batch, row, &quick);
    return is_taken;
}

static enum gm_status extract_json(struct extract *extract, struct gm_batch *batch, uint32_t row,
                                   struct gm_err *err)
{
    const struct gm_view body = gm_batch_view(batch, extract->body, row);
    struct gm_err why;
    bool is_ok = true;
    if (extract_quickly(extract, batch, row, body, &is_ok))
        return is_ok ? GM_OK
                     : gm_err_set(err, GM_NOMEM, "no memory for a text of %zu bytes", body.n_bytes);
    const enum gm_status status = gm_json_parse(extract->parser, body.data, body.n_bytes, 0, &why);
    if (status == GM_NOMEM)
        return gm_err_set(err, GM_NOMEM, "%s", why.text);
    if (status != GM_OK) {
        gm_batch_reject(batch, row, GM_REASON_TEXT_JSON, "%s", why.text);
        return GM_OK;
    }
    struct gm_json_value text;
    const enum gm_json_kind kind = gm_json_get(extract->parser, extract->opts->field, &text);
    if (kind != GM_JSON_STRING) {
        reject_field(extract, batch, row, kind);
        return GM_OK;
    }
    /* The parser's copy lives until the next row only. */
    if (!gm_batch_set_copy(batch, extract->raw_text, row, text.text, text.n_bytes) ||
        !set_record_id(extract, batch, row) || !set_extra(extract, batch, row))
        return gm_err_set(err, GM_NOMEM, "no memory for a text of %zu bytes", text.n_bytes);
    return GM_OK;
}

static enum gm_status extract_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                      struct gm_err *err)
{
    struct extract *extract = ctx;
    if (gm_batch_u64(batch, extract->media, row) == GM_MEDIA_JSON_LINE)
        return extract_json(extract, batch, row, err);
    const struct gm_view body = gm_batch_view(batch, extract->body, row);
    gm_batch_set_view(batch, extract->raw_text, row, body.data ? (const void *)body.data : "",
                      body.n_bytes);
    return GM_OK;
}

const struct gm_stage gm_text_extract = {
    .name = "extract",
    .family = "text",
    .summary = "takes the text out of a plain file or a field of a JSON line",
    .in = in,
    .out = out,
    .opts = opts,
    .opts_bytes = sizeof(struct extract_opts),
    .ctx_bytes = sizeof(struct extract),
    .check = extract_check,
    .open = extract_open,
    .process = extract_process,
    .close = extract_close,
};
