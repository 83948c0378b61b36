/* The input block: building and reading.
 *
 * Built for many small rows: a row costs one 64-byte entry in private memory, a compare of its
 * texts with the row before, and the copy of its body; sealing turns the entries into columns in
 * one pass each. Reading is in block_open.c.
 *
 * Limits: offsets are 32 bits, a block is at most GM_BLOCK_MAX_BYTES; room for all columns of the
 * next row and for one message is always kept free, so that sealing cannot fail. */
#include "block.h"

#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

struct gm_block_row {
    uint64_t item;
    uint64_t member;
    struct gm_block_span source, name, meta, message, body, sha256;
    uint16_t reason;
    uint8_t media;
};

enum {
    N_SPAN_COLUMNS = 5,
    /* With all columns but that of the hashes, which most jobs have no use for. */
    ROW_BYTES = 8 + 8 + 1 + N_SPAN_COLUMNS * (int)sizeof(struct gm_block_span) + 2,
    MAX_COLUMNS = GM_BLOCK_MESSAGES + 1,
    /* Column table, and up to 7 bytes of padding in front of each area and column. */
    TABLE_BYTES = MAX_COLUMNS * (int)sizeof(struct gm_block_column) + (MAX_COLUMNS + 3) * 7,
    FIRST_ROWS = 1024
};

static const struct gm_block_span null_span = {GM_BLOCK_NULL, 0};

/* ---- building ---- */

void gm_block_builder_init(struct gm_block_builder *builder)
{
    memset(builder, 0, sizeof *builder);
    gm_buf_init(&builder->strings);
}

void gm_block_builder_free(struct gm_block_builder *builder)
{
    if (!builder)
        return;
    gm_buf_free(&builder->strings);
    free(builder->rows);
    gm_block_builder_init(builder);
}

void gm_block_start(struct gm_block_builder *builder, uint8_t *data, size_t capacity_bytes)
{
    GM_ASSERT(capacity_bytes <= GM_BLOCK_MAX_BYTES);
    GM_ASSERT(capacity_bytes >= sizeof(struct gm_block_header));
    builder->data = data;
    builder->capacity_bytes = capacity_bytes;
    builder->body_end = sizeof(struct gm_block_header);
    builder->row_body_start = builder->body_end;
    builder->row_strings_start = 0;
    gm_buf_clear(&builder->strings);
    builder->n_rows = 0;
    builder->columns_seen = 0;
    builder->has_sha256 = false;
    builder->in_row = false;
}

static size_t string_bytes(const struct gm_row *row)
{
    return row->source.n_bytes + row->name.n_bytes + row->meta.n_bytes + row->sha256.n_bytes;
}

size_t gm_block_need_bytes(const struct gm_row *row, size_t body_bytes)
{
    return sizeof(struct gm_block_header) + TABLE_BYTES + ROW_BYTES + GM_BLOCK_MESSAGE_BYTES +
           (row->sha256.data ? sizeof(struct gm_block_span) : 0) + string_bytes(row) + body_bytes +
           1;
}

/* Free bytes if the block had n_rows rows and extra more bytes of strings; 0: none. */
static size_t free_bytes(const struct gm_block_builder *builder, uint32_t n_rows, size_t extra)
{
    size_t row_bytes = ROW_BYTES + (builder->has_sha256 ? sizeof(struct gm_block_span) : 0);
    size_t used = builder->body_end + TABLE_BYTES + (size_t)n_rows * row_bytes +
                  GM_BLOCK_MESSAGE_BYTES + builder->strings.n_bytes;
    if (used >= builder->capacity_bytes || extra >= builder->capacity_bytes - used)
        return 0;
    return builder->capacity_bytes - used - extra;
}

/* What a row adds besides its body and ROW_BYTES. The first hash makes a column for all rows. */
static size_t extra_bytes(const struct gm_block_builder *builder, const struct gm_row *row)
{
    bool begins = row->sha256.data && !builder->has_sha256;
    return string_bytes(row) + (begins ? (builder->n_rows + 1) * sizeof(struct gm_block_span) : 0);
}

size_t gm_block_room_bytes(const struct gm_block_builder *builder, const struct gm_row *row)
{
    GM_ASSERT(!builder->in_row);
    return free_bytes(builder, builder->n_rows + 1, extra_bytes(builder, row));
}

static bool grow_rows(struct gm_block_builder *builder)
{
    uint32_t capacity = builder->rows_capacity ? builder->rows_capacity * 2 : FIRST_ROWS;
    struct gm_block_row *rows = realloc(builder->rows, capacity * sizeof *rows);
    if (!rows)
        return false;
    builder->rows = rows;
    builder->rows_capacity = capacity;
    return true;
}

/* The span of a text: the one in the row before if that has the same bytes, else a copy. */
static struct gm_block_span put_string(struct gm_block_builder *builder, struct gm_view text,
                                       struct gm_block_span before)
{
    if (!text.data)
        return null_span;
    struct gm_buf *strings = &builder->strings;
    if (before.offset != GM_BLOCK_NULL && before.n_bytes == text.n_bytes &&
        (text.n_bytes == 0 || memcmp(strings->data + before.offset, text.data, text.n_bytes) == 0))
        return before;
    struct gm_block_span span = {(uint32_t)strings->n_bytes, (uint32_t)text.n_bytes};
    gm_buf_append(strings, text.data, text.n_bytes);
    return span;
}

/* The entry of a row for which there is room. */
static enum gm_status open_row(struct gm_block_builder *builder, const struct gm_row *row)
{
    if (builder->n_rows == builder->rows_capacity && !grow_rows(builder))
        return GM_NOMEM;
    if (!gm_buf_reserve(&builder->strings, string_bytes(row) + GM_BLOCK_MESSAGE_BYTES)) {
        builder->strings.failed = false;
        return GM_NOMEM;
    }
    static const struct gm_block_row none = {.source = {GM_BLOCK_NULL, 0},
                                             .name = {GM_BLOCK_NULL, 0},
                                             .meta = {GM_BLOCK_NULL, 0},
                                             .sha256 = {GM_BLOCK_NULL, 0}};
    struct gm_block_row *entry = &builder->rows[builder->n_rows];
    const struct gm_block_row *before = builder->n_rows > 0 ? entry - 1 : &none;
    builder->row_strings_start = builder->strings.n_bytes;
    builder->row_body_start = builder->body_end;
    entry->item = row->item;
    entry->member = row->member;
    entry->media = (uint8_t)row->media;
    entry->source = put_string(builder, row->source, before->source);
    entry->name = put_string(builder, row->name, before->name);
    entry->meta = put_string(builder, row->meta, before->meta);
    entry->sha256 = put_string(builder, row->sha256, before->sha256);
    builder->has_sha256 |= row->sha256.data != NULL;
    entry->message = null_span;
    return GM_OK;
}

enum gm_status gm_block_row_begin(struct gm_block_builder *builder, const struct gm_row *row)
{
    GM_ASSERT(!builder->in_row && row->media < GM_MEDIA_COUNT);
    if (free_bytes(builder, builder->n_rows + 1, extra_bytes(builder, row)) == 0)
        return GM_AGAIN;
    enum gm_status status = open_row(builder, row);
    builder->in_row = status == GM_OK;
    return status;
}

uint8_t *gm_block_row_space(struct gm_block_builder *builder, size_t *n_bytes)
{
    GM_ASSERT(builder->in_row);
    *n_bytes = free_bytes(builder, builder->n_rows + 1, 0);
    return builder->data + builder->body_end;
}

void gm_block_row_filled(struct gm_block_builder *builder, size_t n_bytes)
{
    GM_ASSERT(builder->in_row && n_bytes <= free_bytes(builder, builder->n_rows + 1, 0));
    builder->body_end += n_bytes;
}

enum gm_status gm_block_row_body(struct gm_block_builder *builder, const void *data, size_t n_bytes)
{
    size_t room;
    uint8_t *space = gm_block_row_space(builder, &room);
    if (n_bytes > room)
        return GM_AGAIN;
    if (n_bytes > 0)
        memcpy(space, data, n_bytes);
    builder->body_end += n_bytes;
    return GM_OK;
}

/* Appends the message as valid UTF-8, cut to what is kept free for it. */
static struct gm_block_span put_message(struct gm_buf *strings, const char *message)
{
    const uint8_t *text = (const uint8_t *)message;
    size_t left = strnlen(message, GM_BLOCK_MESSAGE_BYTES);
    struct gm_block_span span = {(uint32_t)strings->n_bytes, 0};
    while (left > 0) {
        size_t good = gm_utf8_valid_prefix(text, left);
        gm_buf_append(strings, text, good);
        text += good;
        left -= good;
        if (left > 0) { /* one byte for one: the result must not grow */
            gm_buf_char(strings, '?');
            text++;
            left--;
        }
    }
    span.n_bytes = (uint32_t)(strings->n_bytes - span.offset);
    return span;
}

/* The row at the end becomes one of the block's. */
static void close_row(struct gm_block_builder *builder, enum gm_reason reason)
{
    struct gm_block_row *entry = &builder->rows[builder->n_rows];
    entry->reason = (uint16_t)reason;
    entry->body.offset = (uint32_t)(builder->row_body_start - sizeof(struct gm_block_header));
    entry->body.n_bytes = (uint32_t)(builder->body_end - builder->row_body_start);
    if (entry->member != UINT64_MAX)
        builder->columns_seen |= 1u << GM_IN_MEMBER;
    if (entry->source.offset != GM_BLOCK_NULL)
        builder->columns_seen |= 1u << GM_IN_SOURCE;
    if (entry->name.offset != GM_BLOCK_NULL)
        builder->columns_seen |= 1u << GM_IN_NAME;
    if (entry->meta.offset != GM_BLOCK_NULL)
        builder->columns_seen |= 1u << GM_IN_META;
    if (entry->sha256.offset != GM_BLOCK_NULL)
        builder->columns_seen |= 1u << GM_IN_SHA256;
    builder->n_rows++;
}

enum gm_status gm_block_row_end(struct gm_block_builder *builder, enum gm_reason reason,
                                const char *message)
{
    GM_ASSERT(builder->in_row && reason < GM_REASON_COUNT);
    struct gm_block_row *entry = &builder->rows[builder->n_rows];
    if (reason != GM_REASON_NONE) {
        if (message) {
            entry->message = put_message(&builder->strings, message);
            if (builder->strings.failed)
                return GM_NOMEM;
            builder->columns_seen |= 1u << GM_BLOCK_MESSAGES;
        }
    }
    close_row(builder, reason);
    builder->in_row = false;
    return GM_OK;
}

enum gm_status gm_block_row_put(struct gm_block_builder *builder, const struct gm_row *row,
                                const void *data, size_t n_bytes)
{
    GM_ASSERT(!builder->in_row && row->media < GM_MEDIA_COUNT);
    size_t room = free_bytes(builder, builder->n_rows + 1, extra_bytes(builder, row));
    if (room == 0 || n_bytes > room)
        return GM_AGAIN;
    enum gm_status status = open_row(builder, row);
    if (status != GM_OK)
        return status;
    if (n_bytes > 0)
        memcpy(builder->data + builder->body_end, data, n_bytes);
    builder->body_end += n_bytes;
    close_row(builder, GM_REASON_NONE);
    return GM_OK;
}

void gm_block_row_abort(struct gm_block_builder *builder)
{
    GM_ASSERT(builder->in_row);
    builder->body_end = builder->row_body_start;
    builder->strings.n_bytes = builder->row_strings_start;
    builder->strings.failed = false;
    builder->in_row = false;
}

struct gm_view gm_block_row_view(const struct gm_block_builder *builder)
{
    GM_ASSERT(builder->in_row);
    return (struct gm_view){builder->data + builder->row_body_start,
                            builder->body_end - builder->row_body_start};
}

/* ---- sealing: one writer a column ---- */

static void seal_item(const struct gm_block_row *rows, uint32_t n_rows, void *out)
{
    uint64_t *values = out;
    for (uint32_t i = 0; i < n_rows; i++)
        values[i] = rows[i].item;
}

static void seal_member(const struct gm_block_row *rows, uint32_t n_rows, void *out)
{
    uint64_t *values = out;
    for (uint32_t i = 0; i < n_rows; i++)
        values[i] = rows[i].member;
}

static void seal_media(const struct gm_block_row *rows, uint32_t n_rows, void *out)
{
    uint8_t *values = out;
    for (uint32_t i = 0; i < n_rows; i++)
        values[i] = rows[i].media;
}

static const struct seal_column {
    void (*fixed)(const struct gm_block_row *rows, uint32_t n_rows, void *out); /* NULL: spans */
    size_t value_bytes;
    size_t span_at; /* offset of the span in struct gm_block_row */
} seal_columns[MAX_COLUMNS] = {
    [GM_IN_ITEM] = {seal_item, 8, 0},
    [GM_IN_MEMBER] = {seal_member, 8, 0},
    [GM_IN_MEDIA] = {seal_media, 1, 0},
    [GM_IN_SOURCE] = {NULL, 8, offsetof(struct gm_block_row, source)},
    [GM_IN_NAME] = {NULL, 8, offsetof(struct gm_block_row, name)},
    [GM_IN_BODY] = {NULL, 8, offsetof(struct gm_block_row, body)},
    [GM_IN_META] = {NULL, 8, offsetof(struct gm_block_row, meta)},
    [GM_IN_SHA256] = {NULL, 8, offsetof(struct gm_block_row, sha256)},
    [GM_BLOCK_MESSAGES] = {NULL, 8, offsetof(struct gm_block_row, message)},
};

static void seal_spans(const struct gm_block_row *rows, uint32_t n_rows, size_t span_at, void *out)
{
    struct gm_block_span *spans = out;
    for (uint32_t i = 0; i < n_rows; i++)
        memcpy(&spans[i], (const uint8_t *)&rows[i] + span_at, sizeof *spans);
}

/* The next multiple of 8, with zeros up to it: a block is a pure function of its rows. */
static size_t pad8(uint8_t *data, size_t at)
{
    size_t end = (at + 7) & ~(size_t)7;
    memset(data + at, 0, end - at);
    return end;
}

static size_t seal_reasons(const struct gm_block_builder *builder, size_t at)
{
    uint16_t *reasons = (uint16_t *)(void *)(builder->data + at);
    for (uint32_t i = 0; i < builder->n_rows; i++)
        reasons[i] = builder->rows[i].reason;
    return at + (size_t)builder->n_rows * sizeof *reasons;
}

size_t gm_block_seal(struct gm_block_builder *builder)
{
    GM_ASSERT(!builder->in_row && builder->n_rows > 0);
    uint8_t *data = builder->data;
    struct gm_block_header header = {.magic = GM_BLOCK_MAGIC, .n_rows = builder->n_rows};
    header.bodies_offset = sizeof header;
    header.bodies_bytes = (uint32_t)(builder->body_end - sizeof header);
    size_t at = pad8(data, builder->body_end);
    header.strings_offset = (uint32_t)at;
    header.strings_bytes = (uint32_t)builder->strings.n_bytes;
    if (header.strings_bytes > 0)
        memcpy(data + at, builder->strings.data, header.strings_bytes);
    at = pad8(data, at + header.strings_bytes);

    uint32_t seen = builder->columns_seen | 1u << GM_IN_ITEM | 1u << GM_IN_MEDIA | 1u << GM_IN_BODY;
    header.columns_offset = (uint32_t)at;
    header.n_columns = (uint32_t)__builtin_popcount(seen);
    struct gm_block_column *table = (struct gm_block_column *)(void *)(data + at);
    at += header.n_columns * sizeof *table;
    for (uint32_t i = 0; i < MAX_COLUMNS; i++) {
        if (!(seen & 1u << i))
            continue;
        at = pad8(data, at);
        *table++ = (struct gm_block_column){i, (uint32_t)at};
        const struct seal_column *column = &seal_columns[i];
        if (column->fixed)
            column->fixed(builder->rows, builder->n_rows, data + at);
        else
            seal_spans(builder->rows, builder->n_rows, column->span_at, data + at);
        at += builder->n_rows * column->value_bytes;
    }
    at = pad8(data, at);
    header.reasons_offset = (uint32_t)at;
    at = seal_reasons(builder, at);
    GM_ASSERT(at <= builder->capacity_bytes);
    header.n_bytes = (uint32_t)at;
    memcpy(data, &header, sizeof header);
    return at;
}
