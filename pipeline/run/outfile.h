/* One growing output file, or a series of shards of which the last one grows: what an APPEND,
 * SHARDS or SIZES stream of output.h is on disk, and the list of a FILES stream. Private to
 * output.c.
 *
 * The committed length and its hash come from the journal; bytes behind it are cut off on opening.
 */
#ifndef GM_RUN_OUTFILE_H
#define GM_RUN_OUTFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "run/append.h"
#include "run/journal.h"
#include "run/output.h"

struct gm_outfile_state; /* running hashes */

struct gm_outfile {
    const struct gm_output_config *config; /* not owned */
    const struct gm_output_stream *def;
    uint32_t stream;
    int fd;                           /* of the growing file; -1: not created yet */
    struct gm_buf path;               /* of the growing file, with the folder, for messages */
    size_t name_at;                   /* where the name starts in path */
    struct gm_frame_stream now;       /* without hash; with what is not committed */
    struct gm_frame_stream committed; /* as the journal says */
    uint64_t appended_bytes;          /* since it was opened, over all shards */
    struct gm_append append;          /* how its bytes get there */
    uint32_t first_kept;              /* SIZES: shards from here on may have a file */
    bool dirty;                       /* bytes since the last sync */
    bool created;                     /* a file since the last sync of the folder */
    struct gm_outfile_state *state;
};

/* committed: all zeros for a new one. An APPEND file is created at once, a shard with its first
 * part. GM_INPUT: shorter than committed, or other bytes. */
enum gm_status gm_outfile_open(struct gm_outfile *file, const struct gm_output_config *config,
                               uint32_t stream, const struct gm_frame_stream *committed,
                               struct gm_err *err);
void gm_outfile_close(struct gm_outfile *file);
/* Cuts the files back to the last commit; failures are left to the next gm_outfile_open. */
void gm_outfile_rollback(struct gm_outfile *file);
/* GM_CONFIG if a file of this stream is there although the journal is new. */
enum gm_status gm_outfile_check_new(const struct gm_output_config *config, uint32_t stream,
                                    struct gm_err *err);

/* Whether a shard must be completed before a part of this length is appended. */
bool gm_outfile_is_full(const struct gm_outfile *file, size_t n_bytes);
/* One part. */
enum gm_status gm_outfile_append(struct gm_outfile *file, const void *data, size_t n_bytes,
                                 uint32_t n_records, struct gm_err *err);
/* Completes the growing file: trailer, head, sync unless the caller syncs the whole file system
 * before the commit. *complete describes it, for the journal, and *facts for its index files.
 * GM_END: there is none. The next part starts a new shard. */
enum gm_outfile_sync { GM_OUTFILE_SYNC, GM_OUTFILE_SYNC_LATER };
enum gm_status gm_outfile_complete(struct gm_outfile *file, enum gm_outfile_sync sync,
                                   struct gm_frame_file *complete, struct gm_shard_facts *facts,
                                   struct gm_err *err);
/* All bytes are in the file after it, synced or not. Part of the other two. */
enum gm_status gm_outfile_flush(struct gm_outfile *file, struct gm_err *err);
enum gm_status gm_outfile_sync(struct gm_outfile *file, struct gm_err *err);
/* now with its hash, for the next commit frame. */
struct gm_frame_stream gm_outfile_frame(const struct gm_outfile *file);
/* The frame has been committed; sizes of complete shards are removed. */
void gm_outfile_committed(struct gm_outfile *file);

#endif
