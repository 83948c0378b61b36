/* Blocks that the worker of a container hands over malformed. The engine starts over for each; the
 * run remembers them over that, and after the third time the container is read no further than to
 * that block, which is told as lost. Supervisor. */
#ifndef GM_RUN_SPOILED_H
#define GM_RUN_SPOILED_H

#include "run/engine.h"

#define GM_MAX_LOST 32 /* more in one run are not given up: the run ends with an error then */

struct gm_spoiled {
    struct gm_cursor last;
    uint32_t n_times; /* in a row */
    struct gm_cursor lost[GM_MAX_LOST];
    uint32_t n_lost;
};

/* After an engine: what it has started over for; sub 0: nothing of the kind. */
void gm_spoiled_note(struct gm_spoiled *spoiled, const struct gm_cursor *bad);

#endif
