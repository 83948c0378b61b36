/* The output block: what a worker hands back for one lease, and what the writer appends.
 *
 *      header | part | part | ...           part: part header, name, payload, padding to 8
 *
 * Everything is little-endian with fixed sizes. The writer reads it from memory that a worker
 * wrote, so gm_out_check and gm_out_next check every length: "assume the worker is already taken
 * over". */
#ifndef GM_OUT_H
#define GM_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "reason.h"
#include "sink.h"
#include <stddef.h>
#include <stdint.h>

#define GM_OUT_MAGIC      0x324f4d47u /* "GMO2" */
#define GM_MAX_STREAMS    10
#define GM_OUT_NAME_BYTES 1024

/* What a worker is given for its output: half as much again as an input block has, for token ids of
 * 32 bits and records with their numbers are often somewhat longer than the text. */
#define GM_OUT_BLOCK_BYTES (384u * 1024u)

/* Streams that every run has; sinks follow from GM_STREAM_FIRST_SINK on, in plan order. */
enum gm_stream { GM_STREAM_ITEMS, GM_STREAM_REJECTS, GM_STREAM_KEYS, GM_STREAM_FIRST_SINK };

struct gm_out_header {
    uint32_t magic;
    uint32_t n_parts;
    uint32_t n_bytes;                  /* whole block with this header */
    uint32_t n_in;                     /* records that this block accounts for */
    uint32_t n_written;                /* of them, records that came out */
    uint32_t reasons[GM_REASON_SLOTS]; /* the others, by enum gm_reason; [0] unused */
    uint32_t reserved;
    uint64_t counters[GM_COUNTER_SLOTS]; /* of the sinks, in plan order */
    uint64_t checksum;                   /* XXH3-64 of all parts */
};
_Static_assert(sizeof(struct gm_out_header) == 800, "output header is part of the protocol");

struct gm_out_part {
    uint32_t stream; /* < GM_MAX_STREAMS */
    uint32_t n_records;
    uint32_t name_bytes; /* <= GM_OUT_NAME_BYTES */
    uint32_t n_bytes;    /* payload */
};

/* Builder: private to a worker. It works in the leased block itself while that is large enough
 * (gm_out_borrow), else on the heap, and is copied into a larger one. */
struct gm_out {
    struct gm_buf bytes;   /* header and parts so far */
    size_t part_at;        /* of the part that was begun */
    struct gm_buf scratch; /* for sinks */
    /* Of the sink that is encoding now; set by the engine. */
    uint32_t stream;
    uint32_t sizes_stream;
    uint32_t first_counter;
    struct gm_out_header header;
};

void gm_out_init(struct gm_out *out);
void gm_out_free(struct gm_out *out);
void gm_out_reset(struct gm_out *out);
/* Begins in this memory; NULL: on the heap. Nothing is written to it after the next call. */
void gm_out_borrow(struct gm_out *out, void *data, size_t n_bytes);
/* Counts a record; NONE = written. */
void gm_out_count(struct gm_out *out, enum gm_reason reason);
/* Completes the header in front; after that out->bytes is the block. GM_NOMEM if an append failed.
 */
enum gm_status gm_out_finish(struct gm_out *out, struct gm_err *err);

/* Reader. header_out gets a checked copy; n_bytes is the size of the mapping that may be read. */
enum gm_status gm_out_check(const uint8_t *data, size_t n_bytes, struct gm_out_header *header_out,
                            struct gm_err *err);
/* The checksum that the block states; 0 if it has no header. What is behind it is not looked at. */
uint64_t gm_out_checksum(const uint8_t *data, size_t n_bytes);
/* Steps through the parts of a checked block: *offset starts at sizeof(struct gm_out_header).
 * GM_END after the last. name and payload point into data. */
enum gm_status gm_out_next(const uint8_t *data, size_t n_bytes, size_t *offset,
                           struct gm_out_part *part, const uint8_t **name, const uint8_t **payload,
                           struct gm_err *err);

/* One line of rejects.jsonl for a row that did not come out; the same everywhere. NULL strings are
 * null. */
struct gm_reject {
    uint64_t item;
    uint64_t member; /* UINT64_MAX: none */
    struct gm_view source, name;
    const char *stage; /* "fetch", "unpack", "text.utf8", ... */
    enum gm_reason reason;
    struct gm_view message;
};
void gm_reject_encode(struct gm_buf *buf, const struct gm_reject *reject);

#endif
