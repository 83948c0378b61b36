/* The process that writes run.db beside the engine: it takes in what the writer appends, at a
 * lower priority, so that a run has next to nothing left to index at its end.
 *
 *      supervisor ---- byte: nothing more comes --------> indexer: the rest, commit, rename
 *                 ---- closed without one -------------> indexer: nothing is kept
 */
#ifndef GM_RUN_INDEXER_H
#define GM_RUN_INDEXER_H

#include "base/err.h"
#include "run/step.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_indexer {
    struct gm_step_run step;
    int done_fd; /* our end of its pipe; -1: not started */
    bool told;
    const char *folder;
    uint32_t generation;
};
#define GM_INDEXER_INIT                                                                            \
    {                                                                                              \
        GM_STEP_RUN_INIT, -1, false, NULL, 0                                                       \
    }

/* For a generation of the run folder (its path must stay) that is about to be written. One that
 * cannot be started is made up for by gm_indexer_finish. */
void gm_indexer_start(struct gm_indexer *indexer, const char *folder, uint32_t generation);
/* The generation's files are final and durable: the index can be complete, too. gm_indexer_finish
 * says so if nobody has. */
void gm_indexer_complete(struct gm_indexer *indexer);
/* Waits until it is. One that has died, or was never started (then folder and generation
 * are set by the caller), costs time only: the index is made from its last generation on.
 * GM_STOPPED after a signal. */
enum gm_status gm_indexer_finish(struct gm_indexer *indexer, struct gm_err *err);
/* The generation starts over, or is not completed now. */
void gm_indexer_drop(struct gm_indexer *indexer);

#endif
