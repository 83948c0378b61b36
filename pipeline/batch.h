/* A batch: the rows that one worker holds, as typed columns plus one reject reason a row.
 *
 * Columns come from the input block (views into shared, read-only memory) and from the stages
 * (private memory). A stage adds columns and never edits another's; a column with the name of an
 * earlier one shadows it: later stages and the sinks see the last. Variable-size values are views,
 * so that "unchanged" costs nothing: the new column may point at the old bytes.
 *
 *      row        item   member  body            text             n_words   reason
 *      0          17     0       {"text":...}    -> into body     12        0
 *      1          17     1       {"txt":...}     (null)           (null)    TEXT_FIELD
 *
 * Memory: gm_batch_alloc gives memory that lives until gm_batch_reset (next block). Everything is
 * bounded by the worker's share of the budget. One process, one thread. */
#ifndef GM_BATCH_H
#define GM_BATCH_H

#include "base/assert.h"
#include "reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_MAX_COLUMNS       64
#define GM_COLUMN_NAME_BYTES 32
#define GM_NO_COLUMN         (-1)

enum gm_type {
    GM_TYPE_U64,     /* uint64_t */
    GM_TYPE_I64,     /* int64_t */
    GM_TYPE_F64,     /* double; NaN is written as null */
    GM_TYPE_BOOL,    /* 0 or 1, stored as uint64_t */
    GM_TYPE_STRING,  /* valid UTF-8 */
    GM_TYPE_BYTES,   /* any bytes; never written to JSONL */
    GM_TYPE_JSON,    /* one JSON value, already encoded: written as it is */
    GM_TYPE_LIST_U32 /* uint32_t values, little-endian; n_bytes is 4 x count */
};

enum gm_column_flags {
    GM_COLUMN_VISIBLE = 0,
    GM_COLUMN_HIDDEN = 1 /* for other stages and special sinks; not part of a written record */
};

struct gm_column_def {
    const char *name; /* snake_case, at most GM_COLUMN_NAME_BYTES - 1 bytes */
    enum gm_type type;
    unsigned flags;   /* enum gm_column_flags */
    const char *unit; /* "bytes", "code points"; NULL: none */
    const char *help; /* one sentence for docs and `gristmill stages NAME` */
};
#define GM_COLUMN_END                                                                              \
    {                                                                                              \
        NULL, GM_TYPE_U64, 0, NULL, NULL                                                           \
    }

struct gm_view {
    const uint8_t *data; /* NULL: the value is null */
    size_t n_bytes;
};

struct gm_column {
    const struct gm_column_def *def;
    union {
        uint64_t *u64; /* BOOL too */
        int64_t *i64;
        double *f64;
        struct gm_view *views;
    };
    uint8_t *valid; /* one byte a row: 1 = has a value; for view types data != NULL says it */
};

struct gm_arena_chunk;

struct gm_batch {
    uint32_t n_rows;
    uint32_t n_columns;
    struct gm_column columns[GM_MAX_COLUMNS];
    uint16_t *reasons;             /* enum gm_reason per row; 0 = still in */
    struct gm_view *messages;      /* per row, for dropped rows; view may be null */
    struct gm_arena_chunk *chunks; /* private memory, newest first */
    size_t allocated_bytes;
};

/* How a record is named in every output: the item's number with at least 9 digits, and for a member
 * of a container "." and its number with at least 6 ("000000017", "000000017.000003"). text holds
 * GM_RECORD_ID_BYTES and gets a NUL; member UINT64_MAX: none. Returns the length. */
#define GM_RECORD_ID_BYTES 48
size_t gm_record_id(uint64_t item, uint64_t member, char *text);

/* Columns that every input block has, in this order; stages name them in their `in` tables. */
extern const struct gm_column_def gm_input_columns[];
enum gm_input_column {
    GM_IN_ITEM,   /* "item"   U64: number of the source item, 0-based, over all sources */
    GM_IN_MEMBER, /* "member" U64: number within the container; null for the item itself */
    GM_IN_SOURCE, /* "source" STRING: URL or path as listed (invalid UTF-8 replaced) */
    GM_IN_NAME,   /* "name"   STRING: name to mirror: path below the source's root, member path, or
                     null */
    GM_IN_MEDIA,  /* "media"  U64 hidden: enum gm_media */
    GM_IN_BODY,   /* "body"   BYTES hidden */
    GM_IN_META,   /* "meta"   JSON: the list row's other columns, passed through; or null */
    GM_IN_SHA256, /* "body_sha256" STRING hidden: of the body, 64 hexadecimal digits, if fetch has
                     computed it and a stage reads it; or null */
    GM_IN_COUNT
};

void gm_batch_init(struct gm_batch *batch);
void gm_batch_free(struct gm_batch *batch);
/* Drops rows, columns and private memory (one chunk is kept for reuse). */
void gm_batch_reset(struct gm_batch *batch);

/* Private memory until reset, aligned to 16; NULL when the worker's budget is used up. */
void *gm_batch_alloc(struct gm_batch *batch, size_t n_bytes);
/* Cuts the newest allocation to its first n_bytes, which it has; the rest is free again. */
void gm_batch_trim(struct gm_batch *batch, void *newest, size_t n_bytes);

/* Appends a column with all rows null; returns its index, or GM_NO_COLUMN: no memory. */
int gm_batch_add_column(struct gm_batch *batch, const struct gm_column_def *def);
/* Index of the last column of that name, or GM_NO_COLUMN. For tests and open(); not per row. */
int gm_batch_find(const struct gm_batch *batch, const char *name);

/* Setting and getting; column < n_columns and row < n_rows are asserted, types too. The bytes of a
 * view must live until reset: input block, gm_batch_alloc or static. */
void gm_batch_set_u64(struct gm_batch *batch, int column, uint32_t row, uint64_t value);
void gm_batch_set_i64(struct gm_batch *batch, int column, uint32_t row, int64_t value);
void gm_batch_set_f64(struct gm_batch *batch, int column, uint32_t row, double value);
void gm_batch_set_view(struct gm_batch *batch, int column, uint32_t row, const void *data,
                       size_t n_bytes);
/* Copies into private memory first; false: no memory. */
bool gm_batch_set_copy(struct gm_batch *batch, int column, uint32_t row, const void *data,
                       size_t n_bytes);
bool gm_batch_is_null(const struct gm_batch *batch, int column, uint32_t row);
uint64_t gm_batch_u64(const struct gm_batch *batch, int column, uint32_t row);
int64_t gm_batch_i64(const struct gm_batch *batch, int column, uint32_t row);
double gm_batch_f64(const struct gm_batch *batch, int column, uint32_t row);
struct gm_view gm_batch_view(const struct gm_batch *batch, int column, uint32_t row);

/* Drops the row: it goes to rejects.jsonl with this reason and message; later stages do not see it.
 * The first reason wins. */
void gm_batch_reject(struct gm_batch *batch, uint32_t row, enum gm_reason reason,
                     const char *format, ...) GM_PRINTF(4, 5);

#endif
