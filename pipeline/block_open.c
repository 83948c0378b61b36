/* Opening an input block: one checking pass a column, into views that come from the batch's arena.
 *
 * The block was written by a process that parses hostile input, so nothing in it is trusted: the
 * header is copied before it is checked, numbers are copied, spans are read once and checked
 * before they become views. Only the bytes of texts and bodies stay where they are. */
#include "block.h"

#include "base/utf8.h"
#include <string.h>

enum { MAX_COLUMNS = GM_BLOCK_MESSAGES + 1 };

static const uint8_t value_bytes[MAX_COLUMNS] = {
    [GM_IN_ITEM] = 8, [GM_IN_MEMBER] = 8, [GM_IN_SOURCE] = 8,
    [GM_IN_NAME] = 8, [GM_IN_MEDIA] = 1,  [GM_IN_BODY] = 8,
    [GM_IN_META] = 8, [GM_IN_SHA256] = 8, [GM_BLOCK_MESSAGES] = 8,
};

struct reader {
    const uint8_t *data;
    struct gm_block_header header;     /* private copy, checked */
    uint32_t rows_offset[MAX_COLUMNS]; /* 0: the column is absent */
    struct gm_batch *batch;
    struct gm_err *err;
};

static enum gm_status malformed(const struct reader *reader, const char *what)
{
    return gm_err_set(reader->err, GM_INTERNAL, "input block: %s is out of bounds or malformed",
                      what);
}

static bool in_bounds(const struct reader *reader, uint32_t offset, uint64_t n_bytes)
{
    return offset >= sizeof reader->header && offset <= reader->header.n_bytes &&
           n_bytes <= reader->header.n_bytes - offset;
}

static enum gm_status read_header(struct reader *reader, size_t n_bytes)
{
    struct gm_block_header *header = &reader->header;
    if (n_bytes < sizeof *header)
        return malformed(reader, "header");
    memcpy(header, reader->data, sizeof *header);
    if (header->magic != GM_BLOCK_MAGIC || header->n_bytes > n_bytes ||
        header->n_bytes > GM_BLOCK_MAX_BYTES || header->n_bytes < sizeof *header ||
        header->n_rows == 0)
        return malformed(reader, "header");
    if (!in_bounds(reader, header->bodies_offset, header->bodies_bytes))
        return malformed(reader, "body area");
    if (!in_bounds(reader, header->strings_offset, header->strings_bytes))
        return malformed(reader, "string area");
    if (header->reasons_offset != 0 &&
        !in_bounds(reader, header->reasons_offset, (uint64_t)header->n_rows * 2))
        return malformed(reader, "list of reasons");
    if (header->n_columns > MAX_COLUMNS ||
        !in_bounds(reader, header->columns_offset,
                   header->n_columns * sizeof(struct gm_block_column)))
        return malformed(reader, "column table");
    const uint8_t *strings = reader->data + header->strings_offset;
    if (gm_utf8_valid_prefix(strings, header->strings_bytes) != header->strings_bytes)
        return malformed(reader, "text (not valid UTF-8)");
    return GM_OK;
}

static enum gm_status read_table(struct reader *reader)
{
    const struct gm_block_header *header = &reader->header;
    for (uint32_t i = 0; i < header->n_columns; i++) {
        struct gm_block_column column;
        memcpy(&column, reader->data + header->columns_offset + i * sizeof column, sizeof column);
        if (column.column >= MAX_COLUMNS || reader->rows_offset[column.column] != 0)
            return malformed(reader, "column number");
        uint64_t n_bytes = (uint64_t)header->n_rows * value_bytes[column.column];
        if (column.rows_offset % 8 != 0 || !in_bounds(reader, column.rows_offset, n_bytes))
            return malformed(reader, "column");
        reader->rows_offset[column.column] = column.rows_offset;
    }
    if (!reader->rows_offset[GM_IN_ITEM] || !reader->rows_offset[GM_IN_MEDIA] ||
        !reader->rows_offset[GM_IN_BODY])
        return malformed(reader, "column table");
    return GM_OK;
}

/* True if a text may start or end at this place: not inside a character. */
static bool is_boundary(const uint8_t *strings, uint32_t n_strings, uint32_t at)
{
    return at == n_strings || (strings[at] & 0xC0) != 0x80;
}

static bool read_strings(const struct reader *reader, uint32_t rows_offset, struct gm_view *views)
{
    const uint8_t *at = reader->data + rows_offset;
    const uint8_t *strings = reader->data + reader->header.strings_offset;
    const uint32_t n_strings = reader->header.strings_bytes;
    struct gm_block_span last = {GM_BLOCK_NULL, 0};
    struct gm_view view = {NULL, 0};
    for (uint32_t i = 0; i < reader->header.n_rows; i++) {
        struct gm_block_span span;
        memcpy(&span, at + i * sizeof span, sizeof span);
        if (span.offset != last.offset || span.n_bytes != last.n_bytes) {
            last = span;
            view = (struct gm_view){NULL, 0};
            if (span.offset != GM_BLOCK_NULL) {
                if (span.offset > n_strings || span.n_bytes > n_strings - span.offset ||
                    !is_boundary(strings, n_strings, span.offset) ||
                    !is_boundary(strings, n_strings, span.offset + span.n_bytes))
                    return false;
                view = (struct gm_view){strings + span.offset, span.n_bytes};
            }
        }
        views[i] = view;
    }
    return true;
}

static bool read_bodies(const struct reader *reader, uint32_t rows_offset, struct gm_view *views)
{
    const uint8_t *at = reader->data + rows_offset;
    const uint8_t *bodies = reader->data + reader->header.bodies_offset;
    const uint32_t n_bodies = reader->header.bodies_bytes;
    bool bad = false;
    for (uint32_t i = 0; i < reader->header.n_rows; i++) {
        struct gm_block_span span;
        memcpy(&span, at + i * sizeof span, sizeof span);
        bad |= (uint64_t)span.offset + span.n_bytes > n_bodies;
        views[i] = (struct gm_view){bodies + span.offset, span.n_bytes};
    }
    return !bad;
}

static bool read_media(const struct reader *reader, uint32_t rows_offset, struct gm_column *column)
{
    const uint8_t *media = reader->data + rows_offset;
    bool bad = false;
    for (uint32_t i = 0; i < reader->header.n_rows; i++) {
        uint8_t value = media[i];
        bad |= value >= GM_MEDIA_COUNT;
        column->u64[i] = value;
    }
    memset(column->valid, 1, reader->header.n_rows);
    return !bad;
}

static void read_numbers(const struct reader *reader, uint32_t rows_offset, bool nullable,
                         struct gm_column *column)
{
    memcpy(column->u64, reader->data + rows_offset, (size_t)reader->header.n_rows * 8);
    for (uint32_t i = 0; i < reader->header.n_rows; i++)
        column->valid[i] = !nullable || column->u64[i] != UINT64_MAX;
}

static enum gm_status read_column(struct reader *reader, uint32_t i)
{
    struct gm_batch *batch = reader->batch;
    if (gm_batch_add_column(batch, &gm_input_columns[i]) != (int)i)
        return gm_err_set(reader->err, GM_NOMEM, "input block: no memory for %u rows",
                          batch->n_rows);
    struct gm_column *column = &batch->columns[i];
    uint32_t rows_offset = reader->rows_offset[i];
    bool good = true;
    if (rows_offset == 0)
        return GM_OK;
    if (i == GM_IN_BODY)
        good = read_bodies(reader, rows_offset, column->views);
    else if (i == GM_IN_MEDIA)
        good = read_media(reader, rows_offset, column);
    else if (i == GM_IN_ITEM || i == GM_IN_MEMBER)
        read_numbers(reader, rows_offset, i == GM_IN_MEMBER, column);
    else
        good = read_strings(reader, rows_offset, column->views);
    return good ? GM_OK : malformed(reader, gm_input_columns[i].name);
}

static enum gm_status read_reasons(struct reader *reader)
{
    struct gm_batch *batch = reader->batch;
    size_t n_rows = batch->n_rows;
    batch->messages = gm_batch_alloc(batch, n_rows * (sizeof *batch->messages + 2));
    if (!batch->messages)
        return gm_err_set(reader->err, GM_NOMEM, "input block: no memory for %zu rows", n_rows);
    batch->reasons = (uint16_t *)(void *)(batch->messages + n_rows);
    memset(batch->messages, 0, n_rows * (sizeof *batch->messages + 2));
    if (reader->header.reasons_offset != 0)
        memcpy(batch->reasons, reader->data + reader->header.reasons_offset, n_rows * 2);
    for (size_t i = 0; i < n_rows; i++)
        if (batch->reasons[i] >= GM_REASON_COUNT)
            return malformed(reader, "reason");
    uint32_t rows_offset = reader->rows_offset[GM_BLOCK_MESSAGES];
    if (rows_offset != 0 && !read_strings(reader, rows_offset, batch->messages))
        return malformed(reader, "message");
    return GM_OK;
}

enum gm_status gm_block_open(const uint8_t *data, size_t n_bytes, struct gm_batch *batch,
                             struct gm_err *err)
{
    GM_ASSERT(batch->n_rows == 0 && batch->n_columns == 0);
    struct reader reader = {.data = data, .batch = batch, .err = err};
    enum gm_status status = read_header(&reader, n_bytes);
    if (status == GM_OK)
        status = read_table(&reader);
    if (status != GM_OK)
        return status;
    batch->n_rows = reader.header.n_rows;
    for (uint32_t i = 0; i < GM_IN_COUNT && status == GM_OK; i++)
        status = read_column(&reader, i);
    if (status == GM_OK)
        status = read_reasons(&reader);
    if (status != GM_OK)
        gm_batch_reset(batch);
    return status;
}

uint32_t gm_block_rows(const uint8_t *data, size_t n_bytes)
{
    struct reader reader = {.data = data};
    return read_header(&reader, n_bytes) == GM_OK ? reader.header.n_rows : 0;
}

void gm_block_mark(uint8_t *data, size_t n_bytes, uint32_t row, enum gm_reason reason)
{
    struct reader reader = {.data = data};
    uint16_t value = (uint16_t)reason;
    if (read_header(&reader, n_bytes) == GM_OK && reader.header.reasons_offset != 0 &&
        row < reader.header.n_rows)
        memcpy(data + reader.header.reasons_offset + row * sizeof value, &value, sizeof value);
}
