/* Rows as JSON: one function a type, chosen when the writer is set up. */
#include "sink/row.h"

#include "base/assert.h"
#include "base/decimal.h"
#include "media.h"
#include <string.h>

static bool put_null(struct gm_buf *buf, bool is_null)
{
    if (is_null)
        gm_buf_append(buf, "null", 4);
    return is_null;
}

static void put_u64(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    if (!put_null(buf, !column->valid[row]))
        gm_json_u64(buf, column->u64[row]);
}

static void put_i64(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    if (!put_null(buf, !column->valid[row]))
        gm_json_i64(buf, column->i64[row]);
}

static void put_f64(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    if (!put_null(buf, !column->valid[row]))
        gm_json_f64(buf, column->f64[row]);
}

static void put_bool(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    if (!put_null(buf, !column->valid[row]))
        gm_buf_text(buf, column->u64[row] ? "true" : "false");
}

static void put_media(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    if (put_null(buf, !column->valid[row] || column->u64[row] >= GM_MEDIA_COUNT))
        return;
    const char *name = gm_media_name((enum gm_media)column->u64[row]);
    gm_json_string(buf, name, strlen(name));
}

static void put_string(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    struct gm_view view = column->views[row];
    if (!put_null(buf, !view.data))
        gm_json_string(buf, view.data, view.n_bytes);
}

/* As it is, but on one line: a line break can only stand between tokens there. */
static void put_json(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    struct gm_view view = column->views[row];
    if (put_null(buf, !view.data || view.n_bytes == 0))
        return;
    size_t at = buf->n_bytes;
    gm_buf_append(buf, view.data, view.n_bytes);
    if (buf->failed ||
        (!memchr(view.data, '\n', view.n_bytes) && !memchr(view.data, '\r', view.n_bytes)))
        return;
    for (; at < buf->n_bytes; at++)
        if (buf->data[at] == '\n' || buf->data[at] == '\r')
            buf->data[at] = ' ';
}

enum { U32_DIGITS = 10 };

/* Lists of ids are long: room is asked for once. */
static void put_list_u32(struct gm_buf *buf, const struct gm_column *column, uint32_t row)
{
    struct gm_view view = column->views[row];
    if (put_null(buf, !view.data))
        return;
    size_t n = view.n_bytes / 4;
    if (!gm_buf_reserve(buf, n * (U32_DIGITS + 1) + 2))
        return;
    uint8_t *to = buf->data + buf->n_bytes;
    *to++ = '[';
    for (size_t i = 0; i < n; i++) {
        const uint8_t *b = view.data + 4 * i;
        if (i > 0)
            *to++ = ',';
        to += gm_decimal_u64(
            b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24, (char *)to);
    }
    *to++ = ']';
    buf->n_bytes = (size_t)(to - buf->data);
}

typedef void put_function(struct gm_buf *buf, const struct gm_column *column, uint32_t row);
static put_function *const put_of_type[] = {
    [GM_TYPE_U64] = put_u64,   [GM_TYPE_I64] = put_i64,
    [GM_TYPE_F64] = put_f64,   [GM_TYPE_BOOL] = put_bool,
    [GM_TYPE_BYTES] = NULL,    [GM_TYPE_STRING] = put_string,
    [GM_TYPE_JSON] = put_json, [GM_TYPE_LIST_U32] = put_list_u32,
};

/* ---- setting up ---- */

/* Room for a key with its comma, quotes and colon; names of columns need no escapes. */
enum { KEY_BYTES = 48 };
_Static_assert(GM_COLUMN_NAME_BYTES + 4 <= KEY_BYTES, "a key fits");

static bool in_list(const struct gm_opt_list *list, const char *name)
{
    for (size_t i = 0; list && i < list->n_items; i++)
        if (strcmp(list->items[i], name) == 0)
            return true;
    return false;
}

/* How a column is written; NULL: not at all. */
static put_function *put_of(const struct gm_batch *schema, int column)
{
    const struct gm_column_def *def = schema->columns[column].def;
    if (column == GM_IN_MEDIA)
        return put_media;
    return def->flags & GM_COLUMN_HIDDEN ? NULL : put_of_type[def->type];
}

static void add_field(struct gm_sink_row *row, const struct gm_batch *schema, int column,
                      const struct gm_opt_list *only, const struct gm_opt_list *but)
{
    const char *name = schema->columns[column].def->name;
    put_function *put = put_of(schema, column);
    if (!put || (only && only->n_items > 0 && !in_list(only, name)) || in_list(but, name))
        return;
    uint32_t key_at = (uint32_t)row->keys.n_bytes;
    gm_buf_char(&row->keys, ',');
    gm_json_string(&row->keys, name, strlen(name));
    gm_buf_char(&row->keys, ':');
    GM_ASSERT(row->keys.failed || row->keys.n_bytes - key_at <= KEY_BYTES);
    row->fields[row->n_fields++] =
        (struct gm_sink_field){column, key_at, (uint32_t)row->keys.n_bytes - key_at, put};
}

static enum gm_status check_list(const struct gm_batch *schema, const struct gm_opt_list *list,
                                 const char *option, struct gm_err *err)
{
    for (size_t i = 0; list && i < list->n_items; i++) {
        const char *name = list->items[i];
        int column = gm_batch_find(schema, name);
        if (strcmp(name, "id") != 0 && (column == GM_NO_COLUMN || !put_of(schema, column)))
            return gm_err_set(err, GM_CONFIG, "%s: no stage of this chain writes a field \"%s\"",
                              option, name);
    }
    return GM_OK;
}

enum gm_status gm_sink_row_init(struct gm_sink_row *row, const struct gm_batch *schema,
                                const struct gm_opt_list *only, const struct gm_opt_list *but,
                                struct gm_err *err)
{
    memset(row, 0, sizeof *row);
    gm_buf_init(&row->keys);
    GM_ASSERT(schema->n_columns >= GM_IN_COUNT);
    enum gm_status status = check_list(schema, only, "fields", err);
    if (status == GM_OK)
        status = check_list(schema, but, "exclude", err);
    if (status != GM_OK)
        return status;
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        const char *name = schema->columns[i].def->name;
        bool is_first = true;
        for (uint32_t j = 0; j < i; j++)
            is_first &= strcmp(schema->columns[j].def->name, name) != 0;
        if (is_first && i != GM_IN_META)
            add_field(row, schema, gm_batch_find(schema, name), only, but);
    }
    add_field(row, schema, gm_batch_find(schema, gm_input_columns[GM_IN_META].name), only, but);
    gm_buf_reserve(&row->keys, KEY_BYTES); /* see put_key */
    return row->keys.failed ? gm_err_set(err, GM_NOMEM, "sink: no memory") : GM_OK;
}

void gm_sink_row_free(struct gm_sink_row *row)
{
    gm_buf_free(&row->keys);
    row->n_fields = 0;
}

/* ---- writing ---- */

size_t gm_sink_row_id(const struct gm_batch *batch, uint32_t number, char text[GM_RECORD_ID_BYTES])
{
    uint64_t item = gm_batch_u64(batch, GM_IN_ITEM, number);
    uint64_t member = gm_batch_is_null(batch, GM_IN_MEMBER, number)
                          ? UINT64_MAX
                          : gm_batch_u64(batch, GM_IN_MEMBER, number);
    return gm_record_id(item, member, text);
}

/* A copy of a fixed length costs less than one that is called with a length. */
static void put_key(const struct gm_sink_row *row, const struct gm_sink_field *field,
                    struct gm_buf *buf)
{
    if (!gm_buf_reserve(buf, KEY_BYTES))
        return;
    memcpy(buf->data + buf->n_bytes, row->keys.data + field->key_at, KEY_BYTES);
    buf->n_bytes += field->key_bytes;
}

void gm_sink_row_put(const struct gm_sink_row *row, const struct gm_batch *batch, uint32_t number,
                     struct gm_buf *buf)
{
    char id[GM_RECORD_ID_BYTES];
    size_t id_bytes = gm_sink_row_id(batch, number, id);
    gm_buf_append(buf, "{\"id\":\"", 7);
    gm_buf_append(buf, id, id_bytes);
    gm_buf_char(buf, '"');
    for (uint32_t i = 0; i < row->n_fields; i++) {
        const struct gm_sink_field *field = &row->fields[i];
        put_key(row, field, buf);
        field->put(buf, &batch->columns[field->column], number);
    }
    gm_buf_char(buf, '}');
}
