/* What a sink may add to its shards: a head that is known at the end, and index files beside them;
 * and to the manifest: counters.
 *
 * Beside its parts, a sink of SHARDS may keep the size of every record, and have the writer make
 * index files of them when a shard is closed:
 *
 *      NAME-00000.EXT     parts, after head_bytes that are filled in at the end
 *      NAME-00000.sizes   a u32 for each record, in units of unit_bytes; removed when it is used
 *      NAME-00000.IDX     made of the sizes by struct gm_sidecar
 *
 * Each part is followed by gm_out_sizes with as many sizes as it has records; their sum, in units
 * of the sink's unit_bytes, must be its length. Sizes are committed with the parts that they belong
 * to, so that after a crash a shard is closed again from what is on disk, and nothing is held in
 * memory however many records there are. */
#ifndef GM_SHARD_H
#define GM_SHARD_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct gm_out; /* sink.h */
/* The sizes of the records of the last part. */
enum gm_status gm_out_sizes(struct gm_out *out, const uint32_t *sizes, uint32_t n_records,
                            struct gm_err *err);

/* A shard that is complete, as the writer shows it to the hooks below. */
struct gm_shard_facts {
    uint64_t n_records;
    uint64_t n_bytes; /* of parts: without head and trailer */
};
struct gm_shard_io {
    struct gm_shard_facts facts;
    /* The next sizes, up to capacity; *n_sizes 0 after the last. rewind starts again. */
    enum gm_status (*sizes)(struct gm_shard_io *io, uint32_t *sizes, size_t capacity,
                            size_t *n_sizes, struct gm_err *err);
    enum gm_status (*rewind)(struct gm_shard_io *io, struct gm_err *err);
    /* Appends to the index file. */
    enum gm_status (*put)(struct gm_shard_io *io, const void *data, size_t n_bytes,
                          struct gm_err *err);
};
/* An index file beside each shard. make is a pure function of the options, the facts and the sizes;
 * it runs in the writer, which trusts nothing of a worker but lengths. */
struct gm_sidecar {
    const char *extension; /* with its dot; stands for the shard's own */
    enum gm_status (*make)(const void *opts, struct gm_shard_io *io, struct gm_err *err);
};

#define GM_HEAD_BYTES 4096 /* at most */
struct gm_shard_extras {
    uint32_t unit_bytes;               /* of the record sizes; 0: no sizes are kept */
    const struct gm_sidecar *sidecars; /* ended by a NULL extension; NULL: none */
    /* What stands in front of the parts, and its bytes, known when the shard is complete. */
    uint32_t head_bytes;
    void (*head)(const void *opts, const struct gm_shard_facts *facts, uint8_t *head);
};

/* Numbers that a sink counts over the whole run, exactly: they are committed with the records that
 * they stand for, and stand in the manifest as SINK.NAME. A table ends with NULL. */
#define GM_COUNTER_SLOTS 64 /* of all sinks of a job */
struct gm_counter_def {
    const char *name;
    const char *help;
};

/* counter: index into the sink's table. Not for rows that do not come out. */
void gm_out_add(struct gm_out *out, unsigned counter, uint64_t n);

#endif
