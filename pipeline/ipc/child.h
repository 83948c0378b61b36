/* Child processes: fork, what a child inherits, how its death is told.
 *
 * Only the supervisor forks, and it has no threads. A child closes every descriptor that is not
 * on its list, dies with its parent (PR_SET_PDEATHSIG plus a check for the parent that died in
 * between), ignores SIGINT and SIGHUP (the terminal sends them to the whole group; the supervisor
 * decides), has SIGPIPE ignored, no core dumps, and a fresh signal mask. */
#ifndef GM_IPC_CHILD_H
#define GM_IPC_CHILD_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gm_child {
    pid_t pid; /* 0: none */
    int pidfd; /* readable when the child has died; -1: none */
};
#define GM_CHILD_INIT                                                                              \
    {                                                                                              \
        0, -1                                                                                      \
    }

struct gm_child_spec {
    const char *title;   /* "text.3": for prctl(PR_SET_NAME) and messages */
    const int *keep_fds; /* stay open besides 0, 1 and 2; standard input becomes /dev/null */
    unsigned n_keep_fds;
    int oom_score_adj; /* 0: leave; workers get +500 */
    /* Runs in the child; the return value is its exit code (_exit, no atexit handlers). */
    int (*main)(void *context);
    void *context;
};

enum gm_status gm_child_start(const struct gm_child_spec *spec, struct gm_child *child,
                              struct gm_err *err);

enum gm_death {
    GM_DEATH_EXIT,  /* exit code in `code` */
    GM_DEATH_FAULT, /* SIGSEGV SIGBUS SIGABRT SIGFPE SIGILL SIGSYS SIGXCPU SIGTRAP: its own doing */
    GM_DEATH_EXTERNAL /* SIGKILL, SIGTERM and all others: somebody else's doing (operator, OOM) */
};
struct gm_obituary {
    enum gm_death death;
    int code;        /* exit code or signal number */
    char text[96];   /* "exited with 3", "killed by signal 11 (Segmentation fault)" */
    uint64_t cpu_ns; /* user + system */
};

/* Reaps without blocking: true if it was dead; then pid is 0, pidfd closed, *obituary filled.
 * obituary may be NULL here and below. */
bool gm_child_reap(struct gm_child *child, struct gm_obituary *obituary);
/* Sends a signal through the pidfd; no-op for none or dead. */
void gm_child_signal(const struct gm_child *child, int signal_number);
/* SIGKILL, then reaps, blocking; no-op for none. */
void gm_child_kill(struct gm_child *child, struct gm_obituary *obituary);
/* Private memory (RssAnon) of a process now, from /proc; 0 if it is gone. */
uint64_t gm_process_private_bytes(pid_t pid);

#endif
