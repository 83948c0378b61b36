/* run.db: a SQLite database with every source item and every reject of all generations, for
 * `status`, for people with SQL, and for the next generation to know what has not changed. It is
 * derived from items.jsonl and rejects.jsonl of the generations and can be rebuilt at any time.
 *
 *   items(locator PRIMARY KEY, generation, item, status, code, http, bytes, sha256, etag,
 *         last_modified, mtime_ns, media)    the last that is known of each; status "removed" too
 *
 *   rejects(generation, id, source, name, stage, reason, outcome, message)
 *
 *   meta(key PRIMARY KEY, value)             "generation": the last one that is in
 *
 * Never on the hot path: written by a process of its own beside a run, read in the lister. */
#ifndef GM_RUN_INDEX_H
#define GM_RUN_INDEX_H

#include "base/err.h"
#include "run/snapshot.h"
#include <stdint.h>

#define GM_INDEX_NAME "run.db"

/* Adds all generations up to `generation` that are not in yet; folder is the run folder's path.
 * Long: call it in a child process. */
enum gm_status gm_index_update(const char *folder, uint32_t generation, struct gm_err *err);
/* The same for a last generation that is still being written: its items are taken in as they are
 * appended; a byte through done_fd says that they are all there, and the other files too. GM_END:
 * the other end of done_fd was closed without one, and nothing of that generation is in. */
enum gm_status gm_index_follow(const char *folder, uint32_t generation, int done_fd,
                               struct gm_err *err);
/* Removes what one that was killed has left. */
void gm_index_sweep(const char *folder);

struct gm_index; /* opaque: open for reading, remembers what was asked for */

enum gm_status gm_index_open(const char *folder, struct gm_index **index, struct gm_err *err);
void gm_index_close(struct gm_index *index); /* NULL allowed */
/* A gm_previous_lookup with context = struct gm_index. A file with the same size and time is
 * unchanged; for a URL it gives the validators. What failed last time is never unchanged, but
 * it is told how. */
enum gm_status gm_index_lookup(void *index, const struct gm_item *item,
                               struct gm_previous *previous, struct gm_err *err);
/* After the listing: every item of the index that was not asked for, as a line {"source": ...} in
 * fd. *n_removed counts them. */
enum gm_status gm_index_removed(struct gm_index *index, int fd, uint64_t *n_removed,
                                struct gm_err *err);

#endif
