/* The sandbox around real work: what a worker needs still works, limits are errors and not deaths,
 * and what was arranged before (the parent's death, the supervisor's look) survives it. Which acts
 * are forbidden is the matter of test_sandbox_acts.c. */
#include "sandboxed.h"

#include "base/fs.h"
#include "ipc/control.h"
#include "ipc/shm.h"
#include "ipc/wake.h"
#include <errno.h>
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
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define MB      (1024u * 1024u)
#define HANG_MS 20000 /* nothing here takes this long unless it hangs */

static struct sandboxed worker(bool (*act)(void *), void *context)
{
    return (struct sandboxed){
        .sandbox = {.profile = GM_SANDBOX_WORKER, .write_dir_fd = -1},
        .act = act,
        .context = context,
    };
}

static void kernel_is_probed_without_a_change(void **state)
{
    (void)state;
    int mode = prctl(PR_GET_SECCOMP); /* a container may have a filter of its own */
    assert_int_equal(gm_sandbox_probe(NULL), GM_OK);
    assert_int_equal(prctl(PR_GET_SECCOMP), mode);
}

static void state_tells_what_was_had(void **state)
{
    (void)state;
    assert_true(sandbox_state_here(GM_SANDBOX_ON) >= GM_SANDBOX_STATE_SECCOMP);
    assert_int_equal(sandbox_state_here(GM_SANDBOX_LOG), GM_SANDBOX_STATE_SECCOMP);
    assert_int_equal(sandbox_state_here(GM_SANDBOX_OFF), GM_SANDBOX_STATE_OFF);
}

/* ---- what a worker needs ---- */

struct tools {
    int control_fd, bell_fd, file_fd;
    struct gm_shm shm;
};

static bool uses_memory(struct tools *tools)
{
    char *memory = malloc(8 * MB); /* mmap */
    char *grown = memory ? realloc(memory, 24 * MB) : NULL;
    if (!grown)
        return false;
    memset(grown, 1, 24 * MB);
    bool shrunk = (memory = realloc(grown, MB)) && memory[MB - 1] == 1;
    free(memory);
    for (size_t n = 16; n < 64 * 1024; n += 1000) /* brk */
        free(malloc(n));
    tools->shm.data[0] = 7;
    return shrunk && gm_shm_make_readonly(&tools->shm, NULL) == GM_OK;
}

static bool uses_libc(void)
{
    char text[64];
    char random[16];
    time_t zero = 0;
    struct tm tm;
    struct timespec now;
    struct timespec moment = {0, 1000};
    if (snprintf(text, sizeof text, "%.17g %s", 0.1, strerror(EINVAL)) < 0)
        return false;
    if (!localtime_r(&zero, &tm) || mktime(&tm) != 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return false;
    return getrandom(random, sizeof random, 0) == sizeof random && nanosleep(&moment, NULL) == 0 &&
           sysconf(_SC_NPROCESSORS_ONLN) > 0 && isatty(STDIN_FILENO) == 0;
}

static bool uses_descriptors(struct tools *tools)
{
    static struct gm_control_message message;
    struct stat stat_of;
    char text[8] = "";
    if (fstat(tools->file_fd, &stat_of) != 0 || stat_of.st_size != 5 ||
        pread(tools->file_fd, text, 5, 0) != 5 || strcmp(text, "spool") != 0)
        return false;
    if (gm_control_send(tools->control_fd, GM_CONTROL_TEXT, 1, "hello", 5, -1, GM_CONTROL_WAIT,
                        NULL) != GM_OK ||
        gm_control_receive(tools->control_fd, &message, GM_CONTROL_WAIT, NULL) != GM_OK)
        return false;
    bool same = message.fd >= 0 && fstat(message.fd, &stat_of) == 0 && stat_of.st_size == 5;
    gm_close(&message.fd);
    gm_wake_ring(tools->bell_fd);
    return same && gm_wake_wait(tools->bell_fd, tools->control_fd, 1000, NULL);
}

static bool work(void *context)
{
    struct tools *tools = context;
    return uses_memory(tools) && uses_libc() && uses_descriptors(tools) &&
           printf("stdout works\n") > 0 && fflush(stdout) == 0;
}

static int open_spool_file(void)
{
    char path[] = "/tmp/gristmill-spool-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, "spool", 5), 5);
    return fd;
}

static void worker_can_do_its_work(void **state)
{
    (void)state;
    struct tools tools = {.shm = GM_SHM_INIT, .file_fd = open_spool_file()};
    int parent_fd;
    assert_int_equal(gm_control_pair(&parent_fd, &tools.control_fd, NULL), GM_OK);
    assert_int_equal(gm_wake_open(&tools.bell_fd, NULL), GM_OK);
    assert_int_equal(gm_shm_create("test", MB, MB, &tools.shm, NULL), GM_OK);
    assert_int_equal(
        gm_control_send(parent_fd, GM_CONTROL_FD, 1, NULL, 0, tools.file_fd, GM_CONTROL_WAIT, NULL),
        GM_OK);
    const int fds[] = {tools.control_fd, tools.bell_fd, tools.file_fd};
    struct sandboxed what = worker(work, &tools);
    what.keep_fds = fds;
    what.n_keep_fds = GM_ARRAY_LEN(fds);
    what.sandbox.memory_bytes = 64 * MB;
    what.sandbox.max_file_bytes = UINT64_MAX; /* standard output may be a file */
    assert_int_equal(run_sandboxed(&what, NULL), WORKS);
    assert_int_equal(tools.shm.data[0], 7);
    gm_shm_destroy(&tools.shm);
    gm_close(&parent_fd);
    gm_close(&tools.control_fd);
    gm_close(&tools.bell_fd);
    gm_close(&tools.file_fd);
}

static bool fail_assertion(void *context)
{
    (void)context;
    abort();
}

/* No sanitizer's report: this death is wanted. */
__attribute__((no_sanitize("undefined"))) static bool touch_nothing(void *context)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)context = 1;
    return true;
}

static void own_faults_keep_their_names(void **state)
{
    (void)state;
    struct gm_obituary obituary;
    struct sandboxed what = worker(fail_assertion, NULL);
    run_sandboxed(&what, &obituary);
    assert_int_equal(obituary.code, SIGABRT);
    what.act = touch_nothing;
    run_sandboxed(&what, &obituary);
    assert_int_equal(obituary.code, SIGSEGV);
}

/* ---- limits ---- */

static bool take_memory(void *context)
{
    size_t n_bytes = *(size_t *)context;
    char *memory = malloc(n_bytes);
    if (!memory)
        return false;
    for (size_t i = 0; i < n_bytes; i += 4096)
        memory[i] = 1;
    bool whole = memory[n_bytes / 4096 * 4096 - 4096] == 1;
    free(memory);
    return whole;
}

static void memory_limit_makes_malloc_fail(void **state)
{
    (void)state;
    struct gm_shm arena = GM_SHM_INIT;
    if (GM_SANITIZED)
        skip();
    /* What is mapped before, an arena say, does not count. */
    assert_int_equal(gm_shm_create("arena", 512 * MB, 0, &arena, NULL), GM_OK);
    size_t n_bytes = 48 * MB;
    struct sandboxed what = worker(take_memory, &n_bytes);
    what.sandbox.memory_bytes = 64 * MB;
    assert_int_equal(run_sandboxed(&what, NULL), WORKS);
    n_bytes = 80 * MB;
    assert_int_equal(run_sandboxed(&what, NULL), REFUSED);
    what.sandbox.mode = GM_SANDBOX_OFF; /* memory is no matter of trust */
    assert_int_equal(run_sandboxed(&what, NULL), REFUSED);
    what.sandbox.memory_bytes = 0;
    assert_int_equal(run_sandboxed(&what, NULL), WORKS);
    gm_shm_destroy(&arena);
}

/* As many bytes as fit; beyond the limit the error is an error, as SIGXFSZ is ignored. */
static bool overwrite_file(void *context)
{
    return pwrite(*(int *)context, "SPOOL", 5, 0) == 5 || errno != EFBIG;
}

static bool grow_file(void *context)
{
    return pwrite(*(int *)context, "more", 4, 5) == 4 || errno != EFBIG;
}

static void files_grow_up_to_the_limit(void **state)
{
    (void)state;
    int fd = open_spool_file();
    struct sandboxed what = worker(overwrite_file, &fd);
    what.keep_fds = &fd;
    what.n_keep_fds = 1;
    what.sandbox.max_file_bytes = 0;
    assert_int_equal(run_sandboxed(&what, NULL), REFUSED);
    what.sandbox.max_file_bytes = 5;
    assert_int_equal(run_sandboxed(&what, NULL), WORKS);
    what.act = grow_file;
    assert_int_equal(run_sandboxed(&what, NULL), REFUSED);
    assert_int_equal(lseek(fd, 0, SEEK_END), 5);
    what.sandbox.profile = GM_SANDBOX_WRITER;
    assert_int_equal(run_sandboxed(&what, NULL), REFUSED);
    what.sandbox.max_file_bytes = 0; /* no limit here */
    assert_int_equal(run_sandboxed(&what, NULL), WORKS);
    assert_int_equal(lseek(fd, 0, SEEK_END), 9);
    close(fd);
}

/* ---- root ---- */

static bool is_root(void *context)
{
    (void)context;
    return getuid() == 0 || geteuid() == 0 || getgid() == 0 || getegid() == 0;
}

static void worker_of_root_is_nobody(void **state)
{
    (void)state;
    struct sandboxed what = worker(is_root, NULL);
    if (getuid() != 0)
        skip();
    assert_int_equal(run_sandboxed(&what, NULL), REFUSED);
    what.sandbox.profile = GM_SANDBOX_WRITER; /* the output folder may be root's */
    assert_int_equal(run_sandboxed(&what, NULL), WORKS);
}

static bool tell_and_wait(void *context)
{
    int fd = *(int *)context; /* a pipe that is held open as long as this process lives */
    return write(fd, "x", 1) == 1 && poll(NULL, 0, -1) == 0;
}

static void supervisor_sees_memory_of_a_worker(void **state)
{
    (void)state;
    int pipe_fds[2];
    char byte;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct sandboxed what = worker(tell_and_wait, &pipe_fds[1]);
    what.keep_fds = &pipe_fds[1];
    what.n_keep_fds = 1;
    struct gm_child child = start_sandboxed(&what);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    assert_true(gm_process_private_bytes(child.pid) > 0);
    gm_child_kill(&child, NULL);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static int be_parent(void *context)
{
    struct sandboxed *what = context;
    struct gm_child child = start_sandboxed(what);
    close(what->keep_fds[0]);
    return child.pid > 0 ? poll(NULL, 0, -1) : 1;
}

static void worker_dies_with_its_parent(void **state)
{
    (void)state;
    int pipe_fds[2];
    char byte;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct sandboxed what = worker(tell_and_wait, &pipe_fds[1]);
    what.keep_fds = &pipe_fds[1];
    what.n_keep_fds = 1;
    struct gm_child parent = GM_CHILD_INIT;
    struct gm_child_spec spec = {.title = "parent",
                                 .keep_fds = what.keep_fds,
                                 .n_keep_fds = 1,
                                 .main = be_parent,
                                 .context = &what};
    assert_int_equal(gm_child_start(&spec, &parent, NULL), GM_OK);
    gm_close(&pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1); /* the worker is inside and lives */
    gm_child_kill(&parent, NULL);
    struct pollfd polled = {.fd = pipe_fds[0], .events = POLLIN};
    assert_int_equal(poll(&polled, 1, HANG_MS), 1);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0); /* nobody holds the other end */
    close(pipe_fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_is_probed_without_a_change),
        cmocka_unit_test(state_tells_what_was_had),
        cmocka_unit_test(worker_can_do_its_work),
        cmocka_unit_test(own_faults_keep_their_names),
        cmocka_unit_test(memory_limit_makes_malloc_fail),
        cmocka_unit_test(files_grow_up_to_the_limit),
        cmocka_unit_test(worker_of_root_is_nobody),
        cmocka_unit_test(supervisor_sees_memory_of_a_worker),
        cmocka_unit_test(worker_dies_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
