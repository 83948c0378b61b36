/* The output folder: the writer's file side. Output blocks are appended in order, and committed in
 * groups, each with one frame of the journal:
 *
 *      append* -> data durable -> names durable -> renames -> journal frame      commit
 *
 * The last frame may be made durable together with the last renames.
 * What a crash leaves behind the last frame is cut off when the folder is opened again, so that
 * every block is in the files exactly once. The folder holds:
 *
 *      journal              journal.h
 *      NAME.EXT             an APPEND stream: one file that grows (rejects.jsonl)
 *      NAME-00000.EXT ...   a SHARDS stream: closed, with its trailer, before a part would take it
 *                           over shard_bytes
 *      NAME-00000.sizes     a SIZES stream: the sizes of the records in a shard of another stream,
 *                           until that shard is complete and committed
 *      NAME-00000.IDX       index files of a complete shard (sidecar.h)
 *      NAME/...             a FILES stream: one file a part, as placer.h says; and its list
 *      NAME.sha256          "HEX  NAME/path" a line, as `sha256sum -c` reads it
 *
 * One process, one thread, under the run folder's lock. After any failure the object is good for
 * gm_output_close only: a failed sync is never retried, and all that was committed stays as it is.
 * Messages name the file. */
#ifndef GM_RUN_OUTPUT_H
#define GM_RUN_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "out.h"
#include "run/journal.h"
#include "run/plan.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_output_mode { GM_OUTPUT_APPEND, GM_OUTPUT_SHARDS, GM_OUTPUT_FILES, GM_OUTPUT_SIZES };

/* One stream; its place in the table is its number in the output blocks. A row whose name is NULL
 * is a stream that this job does not have: a part for it is an error. */
struct gm_output_stream {
    const char *name; /* "records"; one path component */
    enum gm_output_mode mode;
    const char *extension; /* with its dot, "" for none; not used by FILES */
    uint64_t shard_bytes;  /* SHARDS: largest length, but for a part that is larger alone */
    const void *trailer;   /* SHARDS: written at the end of each shard, in shard_bytes' addition */
    size_t trailer_bytes;
    /* SHARDS with record sizes; zeros for others */
    uint32_t sizes;      /* their stream, 0: none. Each part is followed by one of it */
    uint32_t unit_bytes; /* one unit of a size */
    const struct gm_sidecar *sidecars; /* NULL: none */
    /* SHARDS with a head; zeros for others */
    uint32_t head_bytes;
    void (*head)(const void *opts, const struct gm_shard_facts *facts, uint8_t *head);
    const void *opts; /* the sink's, for its hooks */
};

/* The table that a plan stands for: items.jsonl, rejects.jsonl, gate.keys if a route has a gate,
 * and the sinks. Returns n_streams. The strings are static or the plan's. */
uint32_t gm_output_streams(const struct gm_plan *plan,
                           struct gm_output_stream streams[GM_MAX_STREAMS]);

/* Read when opened; the strings must live as long as the output. */
struct gm_output_config {
    int dir_fd;         /* the folder, not owned */
    const char *folder; /* its path, for messages */
    const struct gm_output_stream *streams;
    uint32_t n_streams; /* <= GM_MAX_STREAMS */
    uint8_t config_digest[GM_SHA256_BYTES];
    uint8_t input_digest[GM_SHA256_BYTES];
    uint32_t generation;
    enum gm_durability durability; /* NONE: no syncs; RECORD: each append commits */
    /* Of a stream of shards, what comes behind so many bytes is written past the system's cache, in
     * pieces of piece_bytes (direct.h); 0: never. */
    uint64_t cached_bytes;
    uint32_t piece_bytes;
};

struct gm_output_state {
    struct gm_order_key next; /* where to go on; zeros at the start */
    uint64_t n_in, n_written;
    uint64_t reasons[GM_REASON_SLOTS];
    uint64_t counters[GM_COUNTER_SLOTS]; /* of the sinks, in plan order */
    bool resumed;                        /* there was a journal */
    bool finished;                       /* nothing may be appended any more */
};

struct gm_output; /* opaque */

/* Starts or resumes. Resuming cuts files and journal to the last commit, removes later files, and
 * checks that the committed bytes of the unfinished files are still what they were. GM_CONFIG:
 * another configuration or input, or a new run over files that are there already. GM_INPUT: the
 * folder was damaged. */
enum gm_status gm_output_open(struct gm_output **output, const struct gm_output_config *config,
                              struct gm_err *err);
/* Without a commit; NULL allowed. Uncommitted bytes are cut off, so that every file that is left
 * can be read to its end. */
void gm_output_close(struct gm_output *output);

/* As of now, committed or not; lives as long as the output. */
const struct gm_output_state *gm_output_state(const struct gm_output *output);

/* The next append takes only a block that states this checksum. */
void gm_output_expect(struct gm_output *output, uint64_t checksum);
/* false: an append or a commit has failed half-way, the output cannot be used any more. An append
 * that fails and leaves it whole has refused its block and written nothing. */
bool gm_output_is_whole(const struct gm_output *output);
/* Checks the output block and appends its parts; next is the key behind it. GM_INTERNAL: the block
 * is malformed or names a file outside of its stream's folder: nothing was appended, its worker
 * must be taken for corrupt; the output can go on. Other failures are final. */
enum gm_status gm_output_append(struct gm_output *output, const uint8_t *block, size_t n_bytes,
                                const struct gm_order_key *next, struct gm_err *err);
/* Bytes appended since the last commit; commit at so many or after a second. With 16 MB the disk's
 * answer was waited for so often that two cores stood still a tenth of the time. */
uint64_t gm_output_uncommitted_bytes(const struct gm_output *output);
#define GM_OUTPUT_CACHED_BYTES (256u * 1024u * 1024u)
#define GM_OUTPUT_PIECE_BYTES  (2u * 1024u * 1024u)
#define GM_OUTPUT_GROUP_BYTES  (64u * 1024u * 1024u)
/* Makes all that was appended durable; nothing to do is fine. */
enum gm_status gm_output_commit(struct gm_output *output, struct gm_err *err);
/* Commits, writes the trailers, closes all files. Calling it on a finished one is fine. */
enum gm_status gm_output_finish(struct gm_output *output, struct gm_err *err);

/* The complete files, in a deterministic order (all of them after finish). */
const struct gm_frame_file *gm_output_files(const struct gm_output *output, size_t *n_files);
/* Appends the name of such a file, relative to the folder. */
void gm_output_file_name(const struct gm_output_stream *stream, const struct gm_frame_file *file,
                         struct gm_buf *name);
/* Committed files of a FILES stream. */
uint64_t gm_output_total_files(const struct gm_output *output, uint32_t stream);

#endif
