/* The batch: columns in an arena.
 *
 * Memory is a list of chunks, each larger than the last; an allocation is a bump of a pointer in
 * the newest one. Reset keeps one chunk, so that a worker in its steady state allocates nothing.
 * Limits: one thread; at most GM_MAX_COLUMNS columns; memory is bounded from outside, by the
 * worker's address space limit. */
#include "batch.h"

#include "base/decimal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CHUNK_BYTES = 256 * 1024,
    KEPT_CHUNK_BYTES = 8 * 1024 * 1024, /* a larger chunk goes back to the system on reset */
    MESSAGE_BYTES = 512
};

struct gm_arena_chunk {
    struct gm_arena_chunk *next;
    size_t n_bytes;
    size_t n_used;
    size_t reserved; /* keeps data aligned to 16 */
    uint8_t data[];
};
_Static_assert(sizeof(struct gm_arena_chunk) % 16 == 0, "data must be aligned to 16");

const struct gm_column_def gm_input_columns[] = {
    [GM_IN_ITEM] = {"item", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL,
                    "number of the source item, from 0, over all sources"},
    [GM_IN_MEMBER] = {"member", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL,
                      "number within the container; null for the item itself"},
    [GM_IN_SOURCE] = {"source", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, "URL or path as listed"},
    [GM_IN_NAME] = {"name", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL,
                    "path below the source's root, or the member's path; or null"},
    [GM_IN_MEDIA] = {"media", GM_TYPE_U64, GM_COLUMN_HIDDEN, NULL, "what the body is"},
    [GM_IN_BODY] = {"body", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, "bytes", "the bytes as they came"},
    [GM_IN_META] = {"meta", GM_TYPE_JSON, GM_COLUMN_VISIBLE, NULL,
                    "the other columns of the list row, passed through; or null"},
    [GM_IN_SHA256] = {"body_sha256", GM_TYPE_STRING, GM_COLUMN_HIDDEN, NULL,
                      "SHA-256 of the body if it is known; or null"},
    [GM_IN_COUNT] = GM_COLUMN_END,
};

/* With zeros in front up to n_digits_min; returns how many digits there are. */
static size_t write_padded(char *text, uint64_t value, size_t n_digits_min)
{
    char digits[GM_DECIMAL_U64_MAX];
    const size_t n_digits = gm_decimal_u64(value, digits);
    const size_t n_zeros = n_digits < n_digits_min ? n_digits_min - n_digits : 0;
    memset(text, '0', n_zeros);
    memcpy(text + n_zeros, digits, n_digits);
    return n_zeros + n_digits;
}

size_t gm_record_id(uint64_t item, uint64_t member, char *text)
{
    _Static_assert(2 * GM_DECIMAL_U64_MAX + 2 <= GM_RECORD_ID_BYTES, "the longest id");
    size_t n = write_padded(text, item, 9);
    if (member != UINT64_MAX) {
        text[n++] = '.';
        n += write_padded(text + n, member, 6);
    }
    text[n] = '\0';
    return n;
}

void gm_batch_init(struct gm_batch *batch)
{
    memset(batch, 0, sizeof *batch);
}

void gm_batch_free(struct gm_batch *batch)
{
    if (!batch)
        return;
    for (struct gm_arena_chunk *chunk = batch->chunks; chunk;) {
        struct gm_arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    memset(batch, 0, sizeof *batch);
}

void gm_batch_reset(struct gm_batch *batch)
{
    struct gm_arena_chunk *kept = NULL;
    for (struct gm_arena_chunk *chunk = batch->chunks; chunk;) {
        struct gm_arena_chunk *next = chunk->next;
        struct gm_arena_chunk *loser = chunk;
        if (chunk->n_bytes <= KEPT_CHUNK_BYTES && (!kept || chunk->n_bytes > kept->n_bytes)) {
            loser = kept;
            kept = chunk;
        }
        free(loser);
        chunk = next;
    }
    if (kept) {
        kept->next = NULL;
        kept->n_used = 0;
    }
    batch->chunks = kept;
    batch->allocated_bytes = kept ? kept->n_bytes : 0;
    batch->n_rows = 0;
    batch->n_columns = 0;
    batch->reasons = NULL;
    batch->messages = NULL;
}

static bool add_chunk(struct gm_batch *batch, size_t n_bytes)
{
    size_t size = batch->chunks ? batch->chunks->n_bytes : FIRST_CHUNK_BYTES / 2;
    size = size < KEPT_CHUNK_BYTES / 2 ? size * 2 : KEPT_CHUNK_BYTES;
    if (size < n_bytes)
        size = n_bytes;
    struct gm_arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        return false;
    chunk->next = batch->chunks;
    chunk->n_bytes = size;
    chunk->n_used = 0;
    batch->chunks = chunk;
    batch->allocated_bytes += size;
    return true;
}

void *gm_batch_alloc(struct gm_batch *batch, size_t n_bytes)
{
    if (n_bytes > SIZE_MAX / 2)
        return NULL;
    size_t size = (n_bytes + 15) & ~(size_t)15;
    struct gm_arena_chunk *chunk = batch->chunks;
    if (!chunk || size > chunk->n_bytes - chunk->n_used) {
        if (!add_chunk(batch, size))
            return NULL;
        chunk = batch->chunks;
    }
    void *result = chunk->data + chunk->n_used;
    chunk->n_used += size;
    return result;
}

void gm_batch_trim(struct gm_batch *batch, void *newest, size_t n_bytes)
{
    struct gm_arena_chunk *chunk = batch->chunks;
    uint8_t *data = newest;
    GM_ASSERT(chunk && data >= chunk->data && data <= chunk->data + chunk->n_used);
    size_t n_used = (size_t)(data - chunk->data) + ((n_bytes + 15) & ~(size_t)15);
    GM_ASSERT(n_used <= chunk->n_used);
    chunk->n_used = n_used;
}

static bool is_view_type(enum gm_type type)
{
    return type >= GM_TYPE_STRING;
}

int gm_batch_add_column(struct gm_batch *batch, const struct gm_column_def *def)
{
    GM_ASSERT(def->name && strlen(def->name) < GM_COLUMN_NAME_BYTES);
    if (batch->n_columns == GM_MAX_COLUMNS)
        return GM_NO_COLUMN;
    size_t n_rows = batch->n_rows;
    struct gm_column column = {.def = def};
    if (is_view_type(def->type)) {
        column.views = gm_batch_alloc(batch, n_rows * sizeof *column.views);
        if (!column.views)
            return GM_NO_COLUMN;
        memset(column.views, 0, n_rows * sizeof *column.views);
    } else {
        column.u64 = gm_batch_alloc(batch, n_rows * (sizeof *column.u64 + 1));
        if (!column.u64)
            return GM_NO_COLUMN;
        memset(column.u64, 0, n_rows * (sizeof *column.u64 + 1));
        column.valid = (uint8_t *)(column.u64 + n_rows);
    }
    batch->columns[batch->n_columns] = column;
    return (int)batch->n_columns++;
}

int gm_batch_find(const struct gm_batch *batch, const char *name)
{
    for (uint32_t i = batch->n_columns; i > 0; i--)
        if (strcmp(batch->columns[i - 1].def->name, name) == 0)
            return (int)i - 1;
    return GM_NO_COLUMN;
}

static const struct gm_column *column_at(const struct gm_batch *batch, int column, uint32_t row)
{
    GM_ASSERT(column >= 0 && (uint32_t)column < batch->n_columns && row < batch->n_rows);
    return &batch->columns[column];
}

void gm_batch_set_u64(struct gm_batch *batch, int column, uint32_t row, uint64_t value)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(c->def->type == GM_TYPE_U64 || (c->def->type == GM_TYPE_BOOL && value <= 1));
    c->u64[row] = value;
    c->valid[row] = 1;
}

void gm_batch_set_i64(struct gm_batch *batch, int column, uint32_t row, int64_t value)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(c->def->type == GM_TYPE_I64);
    c->i64[row] = value;
    c->valid[row] = 1;
}

void gm_batch_set_f64(struct gm_batch *batch, int column, uint32_t row, double value)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(c->def->type == GM_TYPE_F64);
    c->f64[row] = value;
    c->valid[row] = 1;
}

void gm_batch_set_view(struct gm_batch *batch, int column, uint32_t row, const void *data,
                       size_t n_bytes)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(is_view_type(c->def->type) && (data || n_bytes == 0));
    c->views[row] = (struct gm_view){data, n_bytes};
}

bool gm_batch_set_copy(struct gm_batch *batch, int column, uint32_t row, const void *data,
                       size_t n_bytes)
{
    uint8_t *copy = gm_batch_alloc(batch, n_bytes);
    if (!copy)
        return false;
    if (n_bytes > 0)
        memcpy(copy, data, n_bytes);
    gm_batch_set_view(batch, column, row, copy, n_bytes);
    return true;
}

bool gm_batch_is_null(const struct gm_batch *batch, int column, uint32_t row)
{
    const struct gm_column *c = column_at(batch, column, row);
    return is_view_type(c->def->type) ? c->views[row].data == NULL : c->valid[row] == 0;
}

uint64_t gm_batch_u64(const struct gm_batch *batch, int column, uint32_t row)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(c->def->type == GM_TYPE_U64 || c->def->type == GM_TYPE_BOOL);
    return c->u64[row];
}

int64_t gm_batch_i64(const struct gm_batch *batch, int column, uint32_t row)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(c->def->type == GM_TYPE_I64);
    return c->i64[row];
}

double gm_batch_f64(const struct gm_batch *batch, int column, uint32_t row)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(c->def->type == GM_TYPE_F64);
    return c->f64[row];
}

struct gm_view gm_batch_view(const struct gm_batch *batch, int column, uint32_t row)
{
    const struct gm_column *c = column_at(batch, column, row);
    GM_ASSERT(is_view_type(c->def->type));
    return c->views[row];
}

void gm_batch_reject(struct gm_batch *batch, uint32_t row, enum gm_reason reason,
                     const char *format, ...)
{
    GM_ASSERT(row < batch->n_rows && reason > GM_REASON_NONE && reason < GM_REASON_COUNT);
    if (batch->reasons[row] != GM_REASON_NONE)
        return;
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    batch->reasons[row] = (uint16_t)reason;
    if (n < 0)
        return;
    size_t n_bytes = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    /* Without memory the row is still dropped, only without words. */
    uint8_t *copy = gm_batch_alloc(batch, n_bytes);
    if (!copy)
        return;
    memcpy(copy, text, n_bytes);
    batch->messages[row] = (struct gm_view){copy, n_bytes};
}
