/* Runs one act in a child inside the sandbox and tells what became of it. For tests of the sandbox:
 * every act must be harmless even if the sandbox were not there. */
#ifndef GM_TESTS_SANDBOXED_H
#define GM_TESTS_SANDBOXED_H

#include "ipc/child.h"
#include "ipc/sandbox.h"

enum outcome {
    WORKS,   /* act() returned true */
    REFUSED, /* act() returned false: an error, and the child lives */
    DIES,    /* killed by SIGSYS */
    ELSE     /* anything else; the obituary tells */
};

/* context goes to act(); descriptors on keep_fds stay open in the child, and so does
 * sandbox->write_dir_fd. */
struct sandboxed {
    struct gm_sandbox sandbox;
    bool (*act)(void *context);
    void *context;
    const int *keep_fds; /* at most 8 */
    unsigned n_keep_fds;
};

enum outcome run_sandboxed(const struct sandboxed *what, struct gm_obituary *obituary);
/* The same in two steps, for acts that do not end by themselves. */
struct gm_child start_sandboxed(struct sandboxed *what);
/* What the kernel has: OFF if entering fails. Needs a fork; WORKER. */
enum gm_sandbox_state sandbox_state_here(enum gm_sandbox_mode mode);

#endif
