/* See sandboxed.h. The outcome travels as the exit code. */
#include "sandboxed.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define HANG_MS   20000 /* nothing here takes this long unless it hangs */
#define MAX_FDS   8
#define EXIT_ELSE 100 /* could not enter the sandbox */

static int act_inside(void *context)
{
    const struct sandboxed *what = context;
    enum gm_sandbox_state state;
    struct gm_err err;
    if (gm_sandbox_enter(&what->sandbox, &state, &err) != GM_OK) {
        fprintf(stderr, "%s\n", err.text);
        return EXIT_ELSE;
    }
    return what->act(what->context) ? WORKS : REFUSED;
}

static int tell_state(void *context)
{
    const struct sandboxed *what = context;
    enum gm_sandbox_state state;
    return gm_sandbox_enter(&what->sandbox, &state, NULL) == GM_OK ? (int)state : EXIT_ELSE;
}

static struct gm_child start(struct sandboxed *what, int (*main)(void *))
{
    int fds[MAX_FDS + 1];
    GM_ASSERT(what->n_keep_fds <= MAX_FDS);
    if (what->n_keep_fds > 0)
        memcpy(fds, what->keep_fds, what->n_keep_fds * sizeof *fds);
    fds[what->n_keep_fds] = what->sandbox.write_dir_fd;
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {
        .title = "sandboxed",
        .keep_fds = fds,
        .n_keep_fds = what->n_keep_fds + (what->sandbox.write_dir_fd >= 0),
        .main = main,
        .context = what,
    };
    struct gm_err err;
    if (gm_child_start(&spec, &child, &err) != GM_OK)
        fprintf(stderr, "%s\n", err.text);
    return child;
}

struct gm_child start_sandboxed(struct sandboxed *what)
{
    return start(what, act_inside);
}

static void await(struct gm_child *child, struct gm_obituary *obituary)
{
    struct pollfd polled = {.fd = child->pidfd, .events = POLLIN};
    if (poll(&polled, 1, HANG_MS) != 1)
        fprintf(stderr, "the child hangs\n");
    gm_child_kill(child, obituary);
}

enum outcome run_sandboxed(const struct sandboxed *what, struct gm_obituary *obituary)
{
    struct sandboxed copy = *what;
    struct gm_obituary told = {.death = GM_DEATH_EXIT, .code = EXIT_ELSE};
    struct gm_child child = start(&copy, act_inside);
    await(&child, &told);
    if (obituary)
        *obituary = told;
    if (told.death == GM_DEATH_EXIT && (told.code == WORKS || told.code == REFUSED))
        return (enum outcome)told.code;
    return told.death == GM_DEATH_FAULT && told.code == SIGSYS ? DIES : ELSE;
}

enum gm_sandbox_state sandbox_state_here(enum gm_sandbox_mode mode)
{
    struct sandboxed what = {
        .sandbox = {.profile = GM_SANDBOX_WORKER, .mode = mode, .write_dir_fd = -1},
    };
    struct gm_obituary told = {.code = GM_SANDBOX_STATE_OFF};
    struct gm_child child = start(&what, tell_state);
    await(&child, &told);
    return told.code == EXIT_ELSE ? GM_SANDBOX_STATE_OFF : (enum gm_sandbox_state)told.code;
}
