/* The folders of a walk, read ahead of it by a few threads. The walk asks for one folder after the
 * other in its order and gets each as if it had just read it; meanwhile threads open, read and sort
 * the folders that it will reach next, and look at the files in them, which on a network file
 * system takes up to a millisecond a file.
 *
 *      walk     enter(a)  look, look ...  enter(a/b)  look ...   leave(a/b)  look ...  leave(a)
 *      threads  files of a, in parts of 32 | a/b | files of a/b | a/c | a/d | ...
 *
 * What nobody has begun when the walk needs it, it does itself: it waits only for what somebody is
 * busy with. So the walk is the same with any number of threads and with none.
 *
 * Bounds, whatever the size of the tree: no further folder is begun while 256 folders or 65,536
 * names are read and not yet reached. Beyond that there are, as for a walk without threads, the
 * names of the folders that the walk is in, and of one folder a thread; each name has size, time
 * and errno with it (32 bytes). Files that wait for a look come before the next folder, so at most
 * one folder a thread is open, and those that the walk is in; if the walk still finds no
 * descriptor free, it goes on without threads.
 *
 * Threads begin once there are 256 files or 8 folders at hand, or the walk has seen as many as pay
 * for them. Not for a process that forks later. */
#ifndef GM_FETCH_AHEAD_H
#define GM_FETCH_AHEAD_H

#include "fetch/level.h"

/* Threads wait for the disk or the network nearly all the time, so their number has nothing to do
 * with the processors: 8 looks at once hide most of a millisecond, and no server minds. */
#define GM_AHEAD_THREADS 8
#define GM_AHEAD_FOLDERS 256
#define GM_AHEAD_NAMES   65536

struct gm_ahead;

/* The pattern is whole, and outlives it. n_threads: at most; 0: nothing is done before the walk
 * needs it, which may end at the first file. NULL: no memory. */
struct gm_ahead *gm_ahead_new(const struct gm_pattern *pattern, unsigned n_threads);
/* Ends the threads and frees all levels, in the middle of a walk too. NULL allowed. */
void gm_ahead_free(struct gm_ahead *ahead);

/* The rest: from the walking thread only.
 *
 * The level of the folder in entry `place` of above, whose entries are in order; above NULL: the
 * root, at path. Folders are entered in the order of their entries, each once. It lives until it
 * is left. GM_NOMEM. */
enum gm_status gm_ahead_enter(struct gm_ahead *ahead, struct gm_level *above, size_t place,
                              const char *path, struct gm_level **level, struct gm_err *err);
/* Has entry `place`, which is no folder, been looked at: kind, problem, n_bytes, mtime_ns. Entries
 * are asked for in their order. */
void gm_ahead_look(struct gm_ahead *ahead, struct gm_level *level, size_t place);
/* All its folders have been left. */
void gm_ahead_leave(struct gm_ahead *ahead, struct gm_level *level);

#endif
