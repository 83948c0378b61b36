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
#include "shard.h"
#include <stdbool.h>
#include <stdint.h>

/* NOTHING: only counts. */
enum gm_stream_mode { GM_STREAM_SHARDS, GM_STREAM_FILES, GM_STREAM_NOTHING };

struct gm_out; /* opaque; pipeline/out.h */

/* Appends one part: for SHARDS name is NULL, for FILES a relative path below the stream's folder
 * (validated by the writer: no "..", no leading '/', no empty or "." parts, at most 1,024 bytes).
 * n_records: how many records it carries. GM_NOMEM: no memory. */
enum gm_status gm_out_part(struct gm_out *out, const char *name, const void *data, size_t n_bytes,
                           uint32_t n_records, struct gm_err *err);
/* The same without a copy: append the payload to the buffer, then end the part (n_records 0: there
 * is none, and nothing must have been appended). The buffer holds more than the part. */
struct gm_buf *gm_out_begin(struct gm_out *out);
enum gm_status gm_out_end(struct gm_out *out, uint32_t n_records, struct gm_err *err);
/* An empty scratch buffer that keeps its memory between blocks. */
struct gm_buf *gm_out_scratch(struct gm_out *out);

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
    /* What SHARDS have beside their parts: fills *extras, which is all zeros. NULL: nothing. */
    void (*extras)(const void *opts, struct gm_shard_extras *extras);

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
