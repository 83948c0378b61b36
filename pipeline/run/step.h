/* A child process for one step of a run that is over before or begins after the engine: listing
 * the sources, writing the index. The supervisor waits for it, and for signals. */
#ifndef GM_RUN_STEP_H
#define GM_RUN_STEP_H

#include "base/err.h"
#include "ipc/child.h"

struct gm_step {
    const char *title;                                         /* "list", "index" */
    const int *keep_fds;                                       /* stay open in the child */
    unsigned n_keep_fds;                                       /* at most 6 */
    enum gm_status (*main)(void *context, struct gm_err *err); /* in the child */
    void *context;
};

/* Runs it to its end. What main returns is returned here, with its message. A crash is
 * GM_INTERNAL; SIGTERM, SIGINT or SIGHUP end the child and give GM_STOPPED. */
enum gm_status gm_step_run(const struct gm_step *step, struct gm_err *err);

#endif
