/* Children: what they inherit, how they die with their parent, and what their obituary says. */
#include "ipc/child.h"

#include "base/fs.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define HANG_MS 20000 /* nothing here takes this long unless it hangs */

static struct gm_child start(int (*main)(void *), void *context)
{
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "test.7", .main = main, .context = context};
    assert_int_equal(gm_child_start(&spec, &child, NULL), GM_OK);
    assert_true(child.pid > 0);
    return child;
}

static struct gm_obituary wait_for(struct gm_child *child)
{
    struct gm_obituary obituary = {0};
    struct pollfd polled = {.fd = child->pidfd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, HANG_MS), 1);
    assert_true(gm_child_reap(child, &obituary));
    assert_int_equal(child->pid, 0);
    assert_int_equal(child->pidfd, -1);
    return obituary;
}

static struct gm_obituary run(int (*main)(void *), void *context)
{
    struct gm_child child = start(main, context);
    return wait_for(&child);
}

/* ---- obituaries ---- */

static int exit_with(void *context)
{
    return *(int *)context;
}

static int die_by(void *context)
{
    int signal_number = *(int *)context;
    signal(signal_number, SIG_DFL); /* a sanitizer may have its own idea */
    raise(signal_number);
    return 0;
}

static int sleep_forever(void *context)
{
    (void)context;
    while (pause() == -1)
        ;
    return 0;
}

static void exit_code_is_told(void **state)
{
    (void)state;
    int code = 71;
    struct gm_obituary obituary = run(exit_with, &code);
    assert_int_equal(obituary.death, GM_DEATH_EXIT);
    assert_int_equal(obituary.code, 71);
    assert_string_equal(obituary.text, "exited with 71");
}

static void signals_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum gm_death death;
        const char *text;
    } cases[] = {
        {SIGSEGV, GM_DEATH_FAULT, "killed by signal 11 (Segmentation fault)"},
        {SIGBUS, GM_DEATH_FAULT, "killed by signal 7 (Bus error)"},
        {SIGABRT, GM_DEATH_FAULT, "killed by signal 6 (Aborted)"},
        {SIGFPE, GM_DEATH_FAULT, "killed by signal 8 (Floating point exception)"},
        {SIGILL, GM_DEATH_FAULT, "killed by signal 4 (Illegal instruction)"},
        {SIGSYS, GM_DEATH_FAULT, "killed by signal 31 (Bad system call)"},
        {SIGXCPU, GM_DEATH_FAULT, "killed by signal 24 (CPU time limit exceeded)"},
        {SIGTRAP, GM_DEATH_FAULT, "killed by signal 5 (Trace/breakpoint trap)"},
        {SIGKILL, GM_DEATH_EXTERNAL, "killed by signal 9 (Killed)"},
        {SIGTERM, GM_DEATH_EXTERNAL, "killed by signal 15 (Terminated)"},
        {SIGUSR1, GM_DEATH_EXTERNAL, "killed by signal 10 (User defined signal 1)"},
        {36, GM_DEATH_EXTERNAL, "killed by signal 36 (real-time signal)"},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        int number = cases[i].number;
        struct gm_obituary obituary = run(die_by, &number);
        assert_string_equal(obituary.text, cases[i].text);
        assert_int_equal(obituary.death, cases[i].death);
        assert_int_equal(obituary.code, number);
    }
}

static void the_living_are_not_reaped(void **state)
{
    (void)state;
    struct gm_obituary obituary;
    struct gm_child child = start(sleep_forever, NULL);
    assert_false(gm_child_reap(&child, &obituary));
    assert_true(child.pid > 0);
    gm_child_signal(&child, SIGTERM);
    obituary = wait_for(&child);
    assert_int_equal(obituary.code, SIGTERM);
    assert_false(gm_child_reap(&child, &obituary));
    gm_child_signal(&child, SIGTERM); /* nobody */
    gm_child_kill(&child, &obituary);
}

static void kill_reaps_the_living_and_the_dead(void **state)
{
    (void)state;
    struct gm_obituary obituary;
    struct gm_child child = start(sleep_forever, NULL);
    gm_child_kill(&child, &obituary);
    assert_int_equal(obituary.death, GM_DEATH_EXTERNAL);
    assert_int_equal(child.pid, 0);
    int code = 5;
    child = start(exit_with, &code);
    struct pollfd polled = {.fd = child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, HANG_MS), 1);
    gm_child_signal(&child, SIGTERM); /* dead and not reaped: no error */
    gm_child_kill(&child, &obituary);
    assert_string_equal(obituary.text, "exited with 5");
    child = start(exit_with, &code);
    gm_child_kill(&child, NULL);
}

static int use_cpu(void *context)
{
    (void)context;
    struct timespec used;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec == 0 && used.tv_nsec < 30 * 1000 * 1000);
    return 0;
}

static void cpu_time_is_told(void **state)
{
    (void)state;
    assert_true(run(use_cpu, NULL).cpu_ns >= 29u * 1000 * 1000);
}

/* ---- what is inherited ---- */

struct keep {
    int fds[3];
    int closed_fd;
};

static int look_at_descriptors(void *context)
{
    struct keep *keep = context;
    char byte;
    for (size_t i = 0; i < GM_ARRAY_LEN(keep->fds); i++) {
        if (fcntl(keep->fds[i], F_GETFD) == -1)
            return 1;
    }
    if (fcntl(keep->closed_fd, F_GETFD) != -1)
        return 2;
    if (fcntl(1, F_GETFD) == -1 || fcntl(2, F_GETFD) == -1)
        return 3;
    if (read(0, &byte, 1) != 0)
        return 4; /* standard input is /dev/null */
    int n_open = 0;
    for (int fd = 0; fd < 2000; fd++)
        n_open += fcntl(fd, F_GETFD) != -1;
    return n_open == 3 + (int)GM_ARRAY_LEN(keep->fds) ? 0 : 5;
}

static void only_listed_descriptors_stay_open(void **state)
{
    (void)state;
    struct keep keep;
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* With gaps, one far away, and not sorted. */
    keep.fds[0] = fcntl(low, F_DUPFD_CLOEXEC, 900);
    keep.fds[1] = low;
    keep.fds[2] = fcntl(low, F_DUPFD_CLOEXEC, 40);
    keep.closed_fd = fcntl(low, F_DUPFD, 41);
    assert_true(keep.closed_fd > 0 && keep.fds[0] > 0);
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "test",
                                 .keep_fds = keep.fds,
                                 .n_keep_fds = GM_ARRAY_LEN(keep.fds),
                                 .main = look_at_descriptors,
                                 .context = &keep};
    assert_int_equal(gm_child_start(&spec, &child, NULL), GM_OK);
    assert_string_equal(wait_for(&child).text, "exited with 0");
    for (size_t i = 0; i < GM_ARRAY_LEN(keep.fds); i++)
        close(keep.fds[i]);
    close(keep.closed_fd);
}

static bool has_disposition(int signal_number, void (*handler)(int))
{
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == handler;
}

static int look_at_signals(void *context)
{
    (void)context;
    sigset_t mask;
    if (!has_disposition(SIGINT, SIG_IGN) || !has_disposition(SIGHUP, SIG_IGN) ||
        !has_disposition(SIGPIPE, SIG_IGN) || !has_disposition(SIGXFSZ, SIG_IGN))
        return 1;
    if (!has_disposition(SIGTERM, SIG_DFL) || !has_disposition(SIGUSR1, SIG_DFL))
        return 2;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < SIGRTMIN; number++) {
        if (sigismember(&mask, number))
            return 3;
    }
    return 0;
}

static void handle_nothing(int signal_number)
{
    (void)signal_number;
}

static void signals_are_fresh_in_the_child_and_kept_in_the_parent(void **state)
{
    (void)state;
    sigset_t mask;
    sigset_t before;
    sigset_t after;
    signal(SIGUSR1, handle_nothing);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, &before);
    assert_string_equal(run(look_at_signals, NULL).text, "exited with 0");
    sigprocmask(SIG_SETMASK, &before, &after);
    assert_true(sigismember(&after, SIGTERM));
    assert_false(sigismember(&after, SIGUSR2));
    assert_true(has_disposition(SIGUSR1, handle_nothing));
    signal(SIGUSR1, SIG_DFL);
}

static int look_at_process(void *context)
{
    (void)context;
    char name[16];
    struct rlimit core;
    int death_signal = 0;
    if (prctl(PR_GET_NAME, name) != 0 || strcmp(name, "test.7") != 0)
        return 1;
    if (prctl(PR_GET_PDEATHSIG, &death_signal) != 0 || death_signal != SIGKILL)
        return 2;
    if (prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        return 3;
    return 0;
}

static int look_at_oom_score(void *context)
{
    (void)context;
    char text[16] = "";
    size_t n_read;
    int fd;
    if (gm_open_at(AT_FDCWD, "/proc/self/oom_score_adj", O_RDONLY, &fd, NULL) != GM_OK ||
        gm_read_full(fd, text, sizeof text - 1, &n_read, NULL) != GM_OK)
        return 1;
    return strcmp(text, "500\n") == 0 ? 0 : 2;
}

static void name_death_signal_and_core_limit_are_set(void **state)
{
    (void)state;
    assert_string_equal(run(look_at_process, NULL).text, "exited with 0");
}

static void worker_is_the_first_victim_when_memory_runs_out(void **state)
{
    (void)state;
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {
        .title = "test", .oom_score_adj = 500, .main = look_at_oom_score, .context = NULL};
    assert_int_equal(gm_child_start(&spec, &child, NULL), GM_OK);
    assert_string_equal(wait_for(&child).text, "exited with 0");
}

/* ---- death of the parent ---- */

static int be_orphaned(void *context)
{
    int fd = *(int *)context; /* a pipe that is held open as long as this process lives */
    if (write(fd, "x", 1) != 1)
        return 1;
    return sleep_forever(NULL);
}

static int be_parent(void *context)
{
    int fd = *(int *)context;
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "grandchild",
                                 .keep_fds = &fd,
                                 .n_keep_fds = 1,
                                 .main = be_orphaned,
                                 .context = context};
    if (gm_child_start(&spec, &child, NULL) != GM_OK)
        return 1;
    gm_close(&fd);
    return sleep_forever(NULL);
}

static void children_die_with_their_parent(void **state)
{
    (void)state;
    int pipe_fds[2];
    char bytes[2];
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "parent",
                                 .keep_fds = &pipe_fds[1],
                                 .n_keep_fds = 1,
                                 .main = be_parent,
                                 .context = &pipe_fds[1]};
    assert_int_equal(gm_child_start(&spec, &child, NULL), GM_OK);
    gm_close(&pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], bytes, 1), 1); /* the grandchild lives */
    gm_child_kill(&child, NULL);
    struct pollfd polled = {.fd = pipe_fds[0], .events = POLLIN};
    assert_int_equal(poll(&polled, 1, HANG_MS), 1);
    assert_int_equal(read(pipe_fds[0], bytes, 1), 0); /* nobody holds the other end */
    close(pipe_fds[0]);
}

/* ---- the rest ---- */

static int hold_memory(void *context)
{
    int *pipes = context;
    size_t n_bytes = 32u << 20;
    char *memory = malloc(n_bytes);
    if (!memory)
        return 1;
    memset(memory, 1, n_bytes);
    if (write(pipes[1], "x", 1) != 1)
        return 2;
    int code = memory[n_bytes / 2] == 1 ? sleep_forever(NULL) : 3;
    free(memory);
    return code;
}

static void private_memory_is_seen_from_outside(void **state)
{
    (void)state;
    int pipe_fds[2];
    char byte;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "test",
                                 .keep_fds = pipe_fds,
                                 .n_keep_fds = 2,
                                 .main = hold_memory,
                                 .context = pipe_fds};
    assert_int_equal(gm_child_start(&spec, &child, NULL), GM_OK);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    pid_t pid = child.pid;
    assert_true(gm_process_private_bytes(pid) >= 32u << 20);
    gm_child_kill(&child, NULL);
    assert_int_equal(gm_process_private_bytes(pid), 0);
    assert_int_equal(gm_process_private_bytes(0), 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static int fail_to_fork(void *context)
{
    (void)context;
    const struct rlimit none = {0, 0};
    struct gm_child child = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "image.2", .main = sleep_forever};
    struct gm_err err;
    if (getuid() == 0 && setuid(65534) != 0)
        return 1; /* root may fork beyond the limit */
    if (setrlimit(RLIMIT_NPROC, &none) != 0)
        return 2;
    if (gm_child_start(&spec, &child, &err) != GM_SYSTEM || child.pid != 0 || child.pidfd != -1)
        return 3;
    return strstr(err.text, "unable to start image.2: ") ? 0 : 4;
}

static void failed_fork_is_an_error_that_names_the_child(void **state)
{
    (void)state;
    assert_string_equal(run(fail_to_fork, NULL).text, "exited with 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_code_is_told),
        cmocka_unit_test(signals_are_told_apart),
        cmocka_unit_test(the_living_are_not_reaped),
        cmocka_unit_test(kill_reaps_the_living_and_the_dead),
        cmocka_unit_test(cpu_time_is_told),
        cmocka_unit_test(only_listed_descriptors_stay_open),
        cmocka_unit_test(signals_are_fresh_in_the_child_and_kept_in_the_parent),
        cmocka_unit_test(name_death_signal_and_core_limit_are_set),
        cmocka_unit_test(worker_is_the_first_victim_when_memory_runs_out),
        cmocka_unit_test(children_die_with_their_parent),
        cmocka_unit_test(private_memory_is_seen_from_outside),
        cmocka_unit_test(failed_fork_is_an_error_that_names_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
