/* A child process for one step of a run beside the engine: what stages load (prepare.h) and the
 * list of sources (list.h) before or while it starts, the index while it works and after it. The
 * supervisor waits for its end, and for signals. */
#ifndef GM_RUN_STEP_H
#define GM_RUN_STEP_H

#include "base/err.h"
#include "ipc/child.h"
#include <signal.h>

struct gm_step {
    const char *title;                                         /* "list", "index", "prepare" */
    const int *keep_fds;                                       /* stay open in the child */
    unsigned n_keep_fds;                                       /* at most 6 */
    enum gm_status (*main)(void *context, struct gm_err *err); /* in the child */
    void *context;
};

/* A step under way; opaque but for its size. */
struct gm_step_run {
    struct gm_child child;
    int control_fd;
};
#define GM_STEP_RUN_INIT                                                                           \
    {                                                                                              \
        GM_CHILD_INIT, -1                                                                          \
    }

/* Holds back the signals that end a run, so that none ends us between a start and its wait, which
 * answers them; they are given free again by setting *old_mask. */
void gm_step_hold_signals(sigset_t *old_mask);
/* Starts it. The child has its own copy of everything: *step may go. */
enum gm_status gm_step_start(const struct gm_step *step, struct gm_step_run *run,
                             struct gm_err *err);
/* Waits for its end. What main returns is returned here, with its message. A crash is GM_INTERNAL;
 * SIGTERM, SIGINT or SIGHUP end the child and give GM_STOPPED. */
enum gm_status gm_step_wait(struct gm_step_run *run, struct gm_err *err);
/* Kills it; no-op for one that was not started or is over. */
void gm_step_drop(struct gm_step_run *run);
/* Start and wait, with no moment between them in which a signal ends us and not the child. */
enum gm_status gm_step_run(const struct gm_step *step, struct gm_err *err);

#endif
