/* Children. fork(2) and not posix_spawn, because a child is the same program with other memory: it
 * inherits the plan and the arenas. The caller has no threads, so the child may do anything.
 *
 * Signals are blocked around the fork, so that a handler of the parent (there is none, but a test
 * may have one) cannot run in the child before its dispositions are its own. SIGXFSZ is ignored in
 * a child: a file that may not grow is then an error that can be told and not a death. */
#include "ipc/child.h"

#include "base/fs.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_BEFORE_MAIN 71 /* EX_OSERR: the child could not be set up */

static const int ignored_signals[] = {SIGINT, SIGHUP, SIGPIPE, SIGXFSZ};
static const int own_doing[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS, SIGXCPU, SIGTRAP};

static bool is_in(int number, const int *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == number)
            return true;
    }
    return false;
}

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        bool ignore = is_in(number, ignored_signals, GM_ARRAY_LEN(ignored_signals));
        struct sigaction action = {.sa_handler = ignore ? SIG_IGN : SIG_DFL};
        /* Fails for SIGKILL, SIGSTOP and the two that libc keeps: as they are is right. */
        (void)sigaction(number, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_between(unsigned first, unsigned last)
{
    if (first > last || close_range(first, last, 0) == 0)
        return;
    /* A kernel before 5.9. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
        limit.rlim_cur = INT_MAX;
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
        close((int)fd);
}

static void close_all_but(const int *keep_fds, unsigned n_keep_fds)
{
    unsigned first = STDERR_FILENO + 1;
    for (;;) {
        unsigned next = UINT_MAX; /* the lowest kept descriptor from first on */
        for (unsigned i = 0; i < n_keep_fds; i++) {
            if (keep_fds[i] >= (int)first && (unsigned)keep_fds[i] < next)
                next = (unsigned)keep_fds[i];
        }
        if (next == UINT_MAX)
            break;
        close_between(first, next - 1);
        first = next + 1;
    }
    close_between(first, UINT_MAX);
}

static void set_oom_score(int adjustment)
{
    int fd;
    char text[16];
    int n = snprintf(text, sizeof text, "%d", adjustment);
    if (adjustment == 0 || gm_open_at(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, &fd, NULL))
        return;
    /* A hint only: where the kernel refuses, the child is a victim like any other. */
    (void)gm_write_full(fd, text, (size_t)n, "oom_score_adj", NULL);
    gm_close(&fd);
}

static void read_from_null(void)
{
    int fd;
    if (gm_open_at(AT_FDCWD, "/dev/null", O_RDONLY, &fd, NULL) != GM_OK) {
        close(STDIN_FILENO);
        return;
    }
    if (fd != STDIN_FILENO) {
        dup2(fd, STDIN_FILENO);
        gm_close(&fd);
    }
}

__attribute__((noreturn)) static void run_child(const struct gm_child_spec *spec, pid_t parent)
{
    const struct rlimit no_core = {0, 0};
    /* In this order: a parent that died before the first line is seen by the second. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(EXIT_BEFORE_MAIN);
    reset_signals();
    prctl(PR_SET_NAME, spec->title);
    read_from_null();
    close_all_but(spec->keep_fds, spec->n_keep_fds);
    set_oom_score(spec->oom_score_adj); /* before the next lines: they take /proc/self away */
    /* The limit alone does not stop a core_pattern that is a pipe. */
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0);
    _exit(spec->main(spec->context));
}

enum gm_status gm_child_start(const struct gm_child_spec *spec, struct gm_child *child,
                              struct gm_err *err)
{
    sigset_t all;
    sigset_t before;
    pid_t parent = getpid();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run_child(spec, parent);
    int fork_errno = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return gm_err_sys(err, GM_SYSTEM, fork_errno, "unable to start %s", spec->title);
    struct gm_child started = {pid, pidfd_open(pid, 0)};
    if (started.pidfd < 0) {
        enum gm_status status =
            gm_err_sys(err, GM_SYSTEM, errno, "unable to watch %s", spec->title);
        kill(pid, SIGKILL); /* not reaped yet, so the number is still its own */
        gm_child_kill(&started, NULL);
        return status;
    }
    *child = started;
    return GM_OK;
}

static uint64_t time_ns(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

static void write_obituary(int wait_status, const struct rusage *usage,
                           struct gm_obituary *obituary)
{
    *obituary = (struct gm_obituary){
        .cpu_ns = time_ns(&usage->ru_utime) + time_ns(&usage->ru_stime),
    };
    if (WIFEXITED(wait_status)) {
        obituary->death = GM_DEATH_EXIT;
        obituary->code = WEXITSTATUS(wait_status);
        snprintf(obituary->text, sizeof obituary->text, "exited with %d", obituary->code);
        return;
    }
    obituary->code = WTERMSIG(wait_status);
    obituary->death = is_in(obituary->code, own_doing, GM_ARRAY_LEN(own_doing)) ? GM_DEATH_FAULT
                                                                                : GM_DEATH_EXTERNAL;
    const char *name = sigdescr_np(obituary->code);
    snprintf(obituary->text, sizeof obituary->text, "killed by signal %d (%s)", obituary->code,
             name ? name : "real-time signal");
}

static bool reap(struct gm_child *child, int wait_flags, struct gm_obituary *obituary)
{
    struct gm_obituary unread;
    struct rusage usage = {0};
    int wait_status = 0;
    pid_t pid;
    if (!obituary)
        obituary = &unread;
    if (child->pid == 0)
        return false;
    do
        pid = wait4(child->pid, &wait_status, wait_flags, &usage);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    GM_ASSERT(pid == child->pid); /* ECHILD: somebody else reaped our child */
    write_obituary(wait_status, &usage, obituary);
    gm_close(&child->pidfd);
    *child = (struct gm_child)GM_CHILD_INIT;
    return true;
}

bool gm_child_reap(struct gm_child *child, struct gm_obituary *obituary)
{
    return reap(child, WNOHANG, obituary);
}

void gm_child_signal(const struct gm_child *child, int signal_number)
{
    if (child->pidfd >= 0)
        /* ESRCH: dead and not reaped yet. */
        (void)pidfd_send_signal(child->pidfd, signal_number, NULL, 0);
}

void gm_child_kill(struct gm_child *child, struct gm_obituary *obituary)
{
    gm_child_signal(child, SIGKILL);
    reap(child, 0, obituary);
}

uint64_t gm_process_private_bytes(pid_t pid)
{
    static const char key[] = "\nRssAnon:";
    char path[32];
    char text[4096];
    size_t n_read = 0;
    uint64_t kilobytes = 0;
    int fd;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (gm_open_at(AT_FDCWD, path, O_RDONLY, &fd, NULL) != GM_OK)
        return 0;
    enum gm_status status = gm_read_full(fd, text, sizeof text - 1, &n_read, NULL);
    gm_close(&fd);
    if (status != GM_OK)
        return 0;
    text[n_read] = '\0';
    const char *at = strstr(text, key);
    if (!at)
        return 0;
    at += strlen(key);
    at += strspn(at, " \t");
    if (gm_parse_u64(at, strspn(at, "0123456789"), &kilobytes, NULL) != GM_OK)
        return 0;
    return kilobytes * 1024u;
}
