/* What of the sources is the run's own: a run folder that lies below a folder it reads. Its files
 * are no input, or each run would find the last one's output to be new. In the lister process. */
#ifndef GM_RUN_OWN_H
#define GM_RUN_OWN_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_OWN_MAX_DEPTH 64

/* The run folder, and the folders that it lies in up to the root of the file system. */
struct gm_own {
    unsigned n_folders;
    struct {
        uint64_t device, inode;
        uint32_t below; /* where the rest of the path to the run folder begins in `path` */
    } folders[GM_OWN_MAX_DEPTH];
    char path[4096]; /* resolved, with a '/' at its end */
    /* The last root that was asked for. */
    bool is_asked;
    char root[4096];
    const char *rest; /* path from it to the run folder, with a '/'; NULL: it is not above it */
};

/* A folder that lies deeper than GM_OWN_MAX_DEPTH, or cannot be resolved, owns nothing. */
void gm_own_init(struct gm_own *own, const char *run_folder);
/* Whether the file is in the run folder, where path is a root with name behind it. A root that is
 * the run folder or lies within has been named on purpose: its files are input. */
bool gm_own_holds(struct gm_own *own, const char *path, const char *name);

#endif
