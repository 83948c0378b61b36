/* Loads what a stage needs from disk (stage.h: prepare). The files are hostile until proven
 * otherwise, so a child parses them that may open files for reading and can do nothing else; its
 * result comes back through shared memory, which the workers inherit. Planner only. */
#ifndef GM_RUN_PREPARE_H
#define GM_RUN_PREPARE_H

#include "ipc/sandbox.h"
#include "stage.h"

/* Fills *prepared; free it with gm_prepared_free, in error cases too. What the stage's hook returns
 * is returned, with its message. GM_INTERNAL: the child crashed. GM_STOPPED: SIGTERM, SIGINT or
 * SIGHUP ended it. GM_NOMEM, GM_SYSTEM: no child, no memory file, no sandbox. */
enum gm_status gm_prepare(const struct gm_stage *stage, const void *opts, enum gm_sandbox_mode mode,
                          struct gm_prepared *prepared, struct gm_err *err);
void gm_prepared_free(struct gm_prepared *prepared); /* zeroed: no-op */

#endif
