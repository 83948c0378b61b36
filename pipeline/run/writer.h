/* The writer process: appends finished output blocks in the order in which the supervisor sends
 * them, commits in groups, keeps on disk what must wait, and completes the run. While
 * it lives, no other process writes to the output folder. Its file side is output.h. */
#ifndef GM_RUN_WRITER_H
#define GM_RUN_WRITER_H

#include "base/err.h"
#include "base/hash.h"
#include "run/link.h"
#include "run/output.h"
#include "run/plan.h"
#include "run/pool.h"
#include <stdint.h>

struct gm_writer_setup {
    const struct gm_plan *plan;
    struct gm_link *link;
    struct gm_pool **arenas;
    uint32_t n_arenas;
    struct gm_output_config output;
    int spill_fd;    /* unlinked file for results that wait */
    int snapshot_fd; /* list of items that is to be published first (list.h); -1: it is */
};

/* main of the writer process; context is a struct gm_writer_setup. */
int gm_writer_main(void *setup);

#endif
