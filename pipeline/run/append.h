/* How bytes that are appended get into a file: what is only a matter of cost, and no promise.
 *
 *   reserves  on ext4, a file that has grown gets its blocks RESERVE bytes ahead: found in one
 *             piece, they cost a quarter less of all that writing costs than one by one. They are
 *             given back when the file is complete or closed, or cut to its length when it is
 *             opened again.
 *   holds     up to a unit at the end waits for its other bytes, so that writes end at whole units:
 *             the cache then has large pieces. gm_append_flush writes it.
 *   starts    the disk is told to begin with each 8 MB, so that a sync has less to wait for.
 *   pieces    past the system's cache (direct.h).
 *
 * Private to outfile.c; one process. */
#ifndef GM_RUN_APPEND_H
#define GM_RUN_APPEND_H

#include "run/direct.h"

/* Set anew before each call, or once. */
struct gm_append_ways {
    bool reserves, holds, starts;
    uint32_t piece_bytes; /* > 0: directly, from now on */
};

struct gm_append {
    struct gm_append_ways ways;
    struct gm_direct direct;
    uint8_t *held; /* NULL: not yet */
    size_t n_held;
    uint64_t reserved; /* the file has blocks up to there; 0: none of ours */
    uint64_t started;  /* the disk knows of what is before */
    bool refused;      /* there are no blocks ahead */
};

/* Appends to a file of `size` bytes, of which the last may still be held. GM_IO. */
enum gm_status gm_append(struct gm_append *append, const struct gm_direct_file *file, uint64_t size,
                         struct gm_view data, struct gm_err *err);
/* All bytes are in the file after it. GM_IO. */
enum gm_status gm_append_flush(struct gm_append *append, const struct gm_direct_file *file,
                               struct gm_err *err);
/* Gives back the blocks behind the end of a file that is flushed. */
void gm_append_release(struct gm_append *append, int fd);
/* For another file, which has `size` bytes; of the last one nothing is held. */
void gm_append_restart(struct gm_append *append, uint64_t size);
/* What was not flushed is lost. All zeros are allowed. */
void gm_append_free(struct gm_append *append);

#endif
