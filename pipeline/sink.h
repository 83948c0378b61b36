/* The contract of a sink: turns the rows of a batch into bytes for one output stream.
 *
 * encode runs in the worker (so compression uses all cores), the writer process only appends the
 * finished parts in order. A stream is one of
 *
 *      SHARDS  NAME-00000.EXT, NAME-00001.EXT ...  parts appended, rotated by size
 *      FILES   a folder; each part is one file with the part's name
 *
 * encode must be a pure function of (batch, options): a part is an independent compression frame,
 * tar run or row group, so that shards are byte-identical whatever happened in between. */
#ifndef GM_SINK_H
#define GM_SINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "batch.h"
#include "facts.h"
#include <stdbool.h>
#include <stdint.h>

/* NOTHING: only counts. */
enum gm_stream_mode { GM_STREAM_SHARDS, GM_STREAM_FILES, GM_STREAM_NOTHING };
#define GM_HEAD_BYTES 4096

struct gm_out; /* opaque; pipeline/out.h */

/* Appends one part: for SHARDS name is NULL, for FILES a relative path below the stream's folder
 * (validated by the writer: no "..", no leading '/', no empty or "." parts, at most 1,024 bytes).
 * n_records: how many records it carries. GM_NOMEM: no memory. */
enum gm_status gm_out_part(struct gm_out *out, const char *name, const void *data, size_t n_bytes,
                           uint32_t n_records, struct gm_err *err);
/* An empty scratch buffer that keeps its memory between blocks. */
struct gm_buf *gm_out_scratch(struct gm_out *out);

/* Beside its parts, a sink of SHARDS may keep the size of every record, and have the writer make
 * index files of them when a shard is closed:
 *
 *      NAME-00000.EXT     parts, after head_bytes that are filled in at the end
 *      NAME-00000.sizes   a u32 for each record, in units of unit_bytes; removed when it is used
 *      NAME-00000.IDX     made of the sizes by struct gm_sidecar
 *
 * Sizes are committed with the parts that they belong to, so that after a crash a shard is closed
 * again from what is on disk, and nothing is held in memory however many records there are. */

/* The last part that was appended has these records, n_records in number; the sum of the sizes, in
 * units of the sink's unit_bytes, must be its length. Once for every part of such a sink. */
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

/* Numbers that a sink counts over the whole run, exactly: they are committed with the records that
 * they stand for, and stand in the manifest as SINK.NAME. A table ends with NULL. */
#define GM_COUNTER_SLOTS 64 /* of all sinks of a job */
struct gm_counter_def {
    const char *name;
    const char *help;
};
/* counter: index into the sink's table. Not for rows that do not come out. */
void gm_out_add(struct gm_out *out, unsigned counter, uint64_t n);

struct gm_sink {
    const char *name; /* key in the `sink:` section: "records", "images", "bodies" */
    const char *summary;
    const char *family; /* which chain it ends ("text", "image", "files"), "" = text and image */
    const struct gm_opt *opts;
    size_t opts_bytes;
    size_t ctx_bytes;
    const char *const *columns; /* columns that must exist, ended by NULL */
    bool holds_records; /* each record comes out here: the chain needs no `records` beside it */
    const struct gm_counter_def *counters; /* NULL: none */

    enum gm_status (*check)(const void *opts, struct gm_err *err);
    /* Replaces what the options leave open ("auto") by what the chain's stages know; planner, once,
     * after check. The result is part of the job's digest. NULL: nothing is left open. */
    enum gm_status (*settle)(void *opts, const struct gm_facts *facts, struct gm_err *err);
    /* For the writer: mode, file extension with dot (".jsonl.zst"), rotation size in bytes. */
    enum gm_stream_mode (*mode)(const void *opts);
    const char *(*extension)(const void *opts);
    uint64_t (*shard_bytes)(const void *opts);
    /* Bytes that close a finished shard (1,024 zeros for tar); *n_bytes 0: none. NULL hook: none.
     */
    const void *(*trailer)(const void *opts, size_t *n_bytes);
    /* SHARDS: unit of the record sizes; 0 or a NULL hook: no sizes are kept. */
    uint32_t (*unit_bytes)(const void *opts);
    /* Ended by a NULL extension; needs sizes. NULL hook or result: none. */
    const struct gm_sidecar *(*sidecars)(const void *opts);
    /* Length of what stands in front of the parts, at most GM_HEAD_BYTES, and its bytes, known when
     * the shard is complete. NULL hooks: nothing. */
    uint32_t (*head_bytes)(const void *opts);
    void (*head)(const void *opts, const struct gm_shard_facts *facts, uint8_t *head);

    enum gm_status (*open)(void *ctx, const void *opts, const struct gm_batch *schema,
                           struct gm_err *err);
    /* Writes the rows whose reason is NONE. Called once a block, after the chain. Returns GM_NOMEM
     * or a bug. */
    enum gm_status (*encode)(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                             struct gm_err *err);
    void (*close)(void *ctx);

    /* Appends lines about the run for people, made of the committed counters (as in the table).
     * NULL: nothing to say. */
    void (*describe)(const void *opts, const uint64_t *counters, struct gm_buf *text);
};

extern const struct gm_sink *const gm_sinks[]; /* stages/table.def; ended by NULL */

#endif
