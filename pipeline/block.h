/* The input block: rows packed by a producer (fetch, unpack) into one piece of shared memory, as
 * columns, read in place by a worker.
 *
 *      header | bodies ... | strings | column table | columns | reasons
 *               grow in place          written by gm_block_seal
 *
 * Bodies are appended where they will stay; the rest waits in private memory until the block is
 * sealed. All texts (source, name, meta, messages) lie in one string area, so that one pass checks
 * their UTF-8, and a text equal to the one in the row before is stored once: the thousand lines of
 * one file share its source. A column in which every row is null is left out.
 *
 * Readers check every offset: the producer parses hostile input. */
#ifndef GM_BLOCK_H
#define GM_BLOCK_H

#include "base/buf.h"
#include "base/err.h"
#include "batch.h"
#include "media.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_BLOCK_MAGIC     0x31424d47u           /* "GMB1" */
#define GM_BLOCK_BYTES     (256u * 1024u)        /* the usual class */
#define GM_BLOCK_MAX_BYTES (64u * 1024u * 1024u) /* the largest class */

/* All offsets are in bytes from the start of the block. */
struct gm_block_header {
    uint32_t magic;
    uint32_t n_bytes; /* used, with this header */
    uint32_t n_rows;
    uint32_t n_columns;
    uint32_t columns_offset; /* of struct gm_block_column[n_columns] */
    uint32_t reasons_offset; /* of uint16_t[n_rows] */
    uint32_t bodies_offset, bodies_bytes;
    uint32_t strings_offset, strings_bytes; /* valid UTF-8 as a whole */
    uint32_t reserved[6];
};
_Static_assert(sizeof(struct gm_block_header) == 64, "block header is part of the protocol");

#define GM_BLOCK_MESSAGES      GM_IN_COUNT /* column number of the messages of dropped rows */
#define GM_BLOCK_MESSAGE_BYTES 512         /* longer messages are cut */

/* rows_offset, by column: item and member uint64_t[n_rows] (member UINT64_MAX: null); media
 * uint8_t[n_rows]; body a span into the bodies; the others a span into the strings. */
struct gm_block_column {
    uint32_t column; /* enum gm_input_column or GM_BLOCK_MESSAGES; each at most once */
    uint32_t rows_offset;
};

struct gm_block_span {
    uint32_t offset; /* from the start of the area; GM_BLOCK_NULL: the value is null */
    uint32_t n_bytes;
};
#define GM_BLOCK_NULL UINT32_MAX

/* What a producer knows of a row besides its body. Strings may be NULL (null). */
struct gm_row {
    uint64_t item;
    uint64_t member; /* UINT64_MAX: null */
    enum gm_media media;
    struct gm_view source, name, meta;
    struct gm_view sha256; /* of the body, as hexadecimal digits */
};

struct gm_block_row; /* block.c */

struct gm_block_builder {
    uint8_t *data; /* the block, not owned */
    size_t capacity_bytes;
    size_t body_end; /* next free byte of the body area */
    size_t row_body_start;
    size_t row_strings_start;
    struct gm_buf strings;     /* the string area so far */
    struct gm_block_row *rows; /* what the columns are made of; kept from block to block */
    uint32_t n_rows;
    uint32_t rows_capacity;
    uint32_t columns_seen; /* bit per column that has a value */
    bool has_sha256;       /* room is kept for that column */
    bool in_row;
};

void gm_block_builder_init(struct gm_block_builder *builder);
void gm_block_builder_free(struct gm_block_builder *builder);
/* Starts a block of capacity_bytes (<= GM_BLOCK_MAX_BYTES) at data. */
void gm_block_start(struct gm_block_builder *builder, uint8_t *data, size_t capacity_bytes);
/* Capacity that a block needs for one row with this body. */
size_t gm_block_need_bytes(const struct gm_row *row, size_t body_bytes);
/* Room for the body of one more row with these strings; 0: none, not even an empty one. */
size_t gm_block_room_bytes(const struct gm_block_builder *builder, const struct gm_row *row);
/* One row: begin, body bytes in any number of pieces, then end or abort. GM_AGAIN: does not fit
 * (begin: no row was begun; body: the row is still open, abort it and take a larger block).
 * GM_NOMEM: the private memory cannot grow (as for AGAIN, nothing changed). The row's strings must
 * be valid UTF-8 and are copied. */
enum gm_status gm_block_row_begin(struct gm_block_builder *builder, const struct gm_row *row);
enum gm_status gm_block_row_body(struct gm_block_builder *builder, const void *data,
                                 size_t n_bytes);
/* Where the next body bytes will go, and how many fit, for reading a file in place; then say how
 * many came. */
uint8_t *gm_block_row_space(struct gm_block_builder *builder, size_t *n_bytes);
void gm_block_row_filled(struct gm_block_builder *builder, size_t n_bytes);
/* reason NONE for a good row, else the row is listed as dropped with the message (NUL-terminated,
 * any bytes, may be NULL; room for it is kept free). GM_OK or GM_NOMEM (the row is still open). */
enum gm_status gm_block_row_end(struct gm_block_builder *builder, enum gm_reason reason,
                                const char *message);
void gm_block_row_abort(struct gm_block_builder *builder);
/* A good row whose body is at hand: begin, body and end at once, for a third of their cost.
 * GM_AGAIN and GM_NOMEM: nothing changed. */
enum gm_status gm_block_row_put(struct gm_block_builder *builder, const struct gm_row *row,
                                const void *data, size_t n_bytes);
/* Body of the open row, to move it to a larger block. */
struct gm_view gm_block_row_view(const struct gm_block_builder *builder);
/* Writes tables and header; returns the used bytes. At least one row. */
size_t gm_block_seal(struct gm_block_builder *builder);

/* Rows of a sealed block; 0 if it is malformed. */
uint32_t gm_block_rows(const uint8_t *data, size_t n_bytes);
/* Marks one row of a sealed block as dropped: the supervisor's word about a record that killed its
 * workers. A block too damaged for it, or a row outside it, is left alone. */
void gm_block_mark(uint8_t *data, size_t n_bytes, uint32_t row, enum gm_reason reason);

/* Fills an empty batch with views into the block (input columns and reasons). GM_INTERNAL: the
 * block is malformed. Strings that are not valid UTF-8 are malformed. */
enum gm_status gm_block_open(const uint8_t *data, size_t n_bytes, struct gm_batch *batch,
                             struct gm_err *err);

#endif
