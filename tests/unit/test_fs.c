/* Files in a folder of their own; what fails must say which path and why, and leave no debris. */
#include "base/fs.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char path[64];
    int fd;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place)
        return -1;
    memcpy(place->path, "/tmp/gristmill-fs-XXXXXX", 25);
    if (!mkdtemp(place->path))
        return -1;
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = place;
    return place->fd < 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    enum gm_status status = gm_remove_tree(AT_FDCWD, place->path, NULL);
    close(place->fd);
    bool gone = access(place->path, F_OK) != 0;
    free(place);
    return status == GM_OK && gone ? 0 : -1;
}

static int dir_of(void **state)
{
    return ((struct place *)*state)->fd;
}

static bool exists(int dir, const char *path)
{
    struct stat info;
    return fstatat(dir, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static void put(int dir, const char *path, const char *text)
{
    struct gm_err err = {0};
    assert_int_equal(gm_write_file_durable(dir, path, text, strlen(text), &err), GM_OK);
}

static void assert_holds(int dir, const char *path, const char *text)
{
    struct gm_buf buf = GM_BUF_INIT;
    assert_int_equal(gm_read_file(dir, path, 1u << 20, &buf, NULL), GM_OK);
    assert_string_equal(gm_buf_cstr(&buf), text);
    gm_buf_free(&buf);
}

static void open_is_cloexec_and_names_the_path(void **state)
{
    struct gm_err err = {0};
    int fd = -1;
    int dir = dir_of(state);
    assert_int_equal(gm_open_at(dir, "missing", O_RDONLY, &fd, &err), GM_MISSING);
    assert_string_equal(err.text, "unable to open missing: No such file or directory");
    assert_int_equal(fd, -1);
    assert_int_equal(gm_open_at(dir, "new", O_RDWR | O_CREAT, &fd, &err), GM_OK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    errno = EDOM;
    gm_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, EDOM);
    gm_close(&fd);
    gm_close(NULL);
}

static void read_file_appends_and_keeps_its_limit(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    struct gm_err err = {0};
    int dir = dir_of(state);
    put(dir, "ten", "0123456789");
    gm_buf_text(&buf, "x");
    assert_int_equal(gm_read_file(dir, "ten", 10, &buf, &err), GM_OK);
    assert_string_equal(gm_buf_cstr(&buf), "x0123456789");
    assert_int_equal(gm_read_file(dir, "ten", 9, &buf, &err), GM_LIMIT);
    assert_memory_equal(err.text, "ten: ", 5);
    assert_string_equal(gm_buf_cstr(&buf), "x0123456789");
    assert_int_equal(gm_read_file(dir, ".", 9, &buf, &err), GM_IO);
    put(dir, "empty", "");
    assert_int_equal(gm_read_file(dir, "empty", 0, &buf, &err), GM_OK);
    assert_int_equal(buf.n_bytes, 11);
    /* A file of the kernel's own says that its size is 0. */
    gm_buf_clear(&buf);
    assert_int_equal(gm_read_file(AT_FDCWD, "/proc/self/status", 1u << 20, &buf, &err), GM_OK);
    assert_true(buf.n_bytes > 100);
    gm_buf_free(&buf);
}

/* A child writes more than the pipe holds while a timer interrupts the reader all the time; both
 * ends are non-blocking, so that neither can rely on the kernel to wait. */
static void on_alarm(int signal_number)
{
    (void)signal_number;
}

static void transfers_survive_signals_and_short_counts(void **state)
{
    enum { N_BYTES = 300000 };
    static uint8_t sent[N_BYTES], got[N_BYTES + 10];
    int ends[2];
    int status = 0;
    size_t n_read = 0;
    (void)state;
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    for (size_t i = 0; i < N_BYTES; i++)
        sent[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    if (pid == 0)
        _exit(gm_write_full(ends[1], sent, N_BYTES, "pipe", NULL) != GM_OK);
    close(ends[1]);
    assert_int_equal(gm_read_full(ends[0], got, sizeof got, &n_read, NULL), GM_OK);
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(n_read, N_BYTES);
    assert_memory_equal(got, sent, N_BYTES);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(ends[0]);
}

static void pread_stops_at_the_end(void **state)
{
    int fd = -1;
    char data[16];
    size_t n_read = 99;
    int dir = dir_of(state);
    put(dir, "ten", "0123456789");
    assert_int_equal(gm_open_at(dir, "ten", O_RDONLY, &fd, NULL), GM_OK);
    assert_int_equal(gm_pread_full(fd, data, 4, 3, &n_read, NULL), GM_OK);
    assert_int_equal(n_read, 4);
    assert_memory_equal(data, "3456", 4);
    assert_int_equal(gm_pread_full(fd, data, sizeof data, 8, &n_read, NULL), GM_OK);
    assert_int_equal(n_read, 2);
    assert_int_equal(gm_pread_full(fd, data, sizeof data, 50, &n_read, NULL), GM_OK);
    assert_int_equal(n_read, 0);
    gm_close(&fd);
    assert_int_equal(gm_pread_full(fd, data, 1, 0, &n_read, NULL), GM_IO);
}

static void failed_writes_name_the_file(void **state)
{
    struct gm_err err = {0};
    int fd = -1;
    (void)state;
    assert_int_equal(gm_open_at(AT_FDCWD, "/dev/full", O_WRONLY, &fd, &err), GM_OK);
    assert_int_equal(gm_write_full(fd, "x", 1, "shard-00001", &err), GM_NOSPC);
    assert_string_equal(err.text, "unable to write shard-00001: No space left on device "
                                  "(make room there)");
    assert_int_equal(gm_sync_data(-1, "shard-00001", &err), GM_IO);
    assert_non_null(strstr(err.text, "shard-00001"));
    gm_close(&fd);
}

static void durable_write_replaces_and_leaves_nothing(void **state)
{
    int dir = dir_of(state);
    put(dir, "f", "old");
    put(dir, "f.tmp", "left by a crash");
    put(dir, "f", "new");
    assert_holds(dir, "f", "new");
    assert_false(exists(dir, "f.tmp"));
    assert_int_equal(gm_make_dirs(dir, "a/b", NULL), GM_OK);
    put(dir, "a/b/f", "deep");
    assert_holds(dir, "a/b/f", "deep");
}

static void durable_write_does_not_follow_a_planted_link(void **state)
{
    int dir = dir_of(state);
    put(dir, "victim", "safe");
    assert_int_equal(symlinkat("victim", dir, "f.tmp"), 0);
    put(dir, "f", "new");
    assert_holds(dir, "victim", "safe");
    assert_holds(dir, "f", "new");
}

static void failed_durable_write_keeps_the_old_file(void **state)
{
    int dir = dir_of(state);
    int status = 0;
    char big[4096];
    memset(big, 'x', sizeof big);
    put(dir, "f", "old");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit small = {1000, 1000};
        struct gm_err err = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        enum gm_status failed = gm_write_file_durable(dir, "f", big, sizeof big, &err);
        _exit(failed == GM_IO && err.sys_errno == EFBIG && strstr(err.text, "f.tmp") ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_holds(dir, "f", "old");
    assert_false(exists(dir, "f.tmp"));
}

static void make_dirs_makes_what_is_missing(void **state)
{
    struct gm_err err = {0};
    int dir = dir_of(state);
    assert_int_equal(gm_make_dirs(dir, "", &err), GM_OK);
    assert_int_equal(gm_make_dirs(dir, ".", &err), GM_OK);
    assert_int_equal(gm_make_dirs(dir, "a//b/c/", &err), GM_OK);
    assert_int_equal(gm_make_dirs(dir, "a/b/c", &err), GM_OK);
    assert_true(exists(dir, "a/b/c"));
    put(dir, "file", "x");
    assert_int_equal(gm_make_dirs(dir, "file/below", &err), GM_IO);
    assert_string_equal(err.text, "unable to create folder file: Not a directory");
    assert_int_equal(symlinkat("a", dir, "link"), 0);
    assert_int_equal(gm_make_dirs(dir, "link/d", &err), GM_OK);
    assert_true(exists(dir, "a/d"));
}

static void remove_tree_stays_inside(void **state)
{
    int dir = dir_of(state);
    assert_int_equal(gm_remove_tree(dir, "missing", NULL), GM_OK);
    assert_int_equal(gm_make_dirs(dir, "outside", NULL), GM_OK);
    put(dir, "outside/kept", "x");
    assert_int_equal(gm_make_dirs(dir, "t/u/v", NULL), GM_OK);
    put(dir, "t/u/f", "x");
    assert_int_equal(symlinkat("../../outside", dir, "t/u/link"), 0);
    assert_int_equal(gm_remove_tree(dir, "t/", NULL), GM_OK);
    assert_false(exists(dir, "t"));
    assert_true(exists(dir, "outside/kept"));
    assert_int_equal(symlinkat("outside", dir, "link"), 0);
    assert_int_equal(gm_remove_tree(dir, "link/", NULL), GM_OK);
    assert_false(exists(dir, "link"));
    assert_true(exists(dir, "outside/kept"));
}

static void too_long_paths_are_refused(void **state)
{
    char path[5000];
    struct gm_err err = {0};
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(gm_make_dirs(dir_of(state), path, &err), GM_IO);
    assert_int_equal(err.sys_errno, ENAMETOOLONG);
    assert_int_equal(gm_remove_tree(dir_of(state), path, &err), GM_IO);
    assert_int_equal(gm_write_file_durable(dir_of(state), path, "", 0, &err), GM_IO);
}

static void a_lock_is_held_until_closed(void **state)
{
    struct gm_err err = {0};
    int first = -1, second = -1;
    int dir = dir_of(state);
    assert_int_equal(gm_lock_file(dir, "lock", &first, &err), GM_OK);
    assert_int_equal(gm_lock_file(dir, "lock", &second, &err), GM_BUSY);
    assert_int_equal(second, -1);
    assert_non_null(strstr(err.text, "lock"));
    gm_close(&first);
    assert_int_equal(gm_lock_file(dir, "lock", &second, &err), GM_OK);
    gm_close(&second);
}

static void a_lock_dies_with_its_process(void **state)
{
    int fd = -1, status = 0;
    int dir = dir_of(state);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (gm_lock_file(dir, "lock", &fd, NULL) == GM_OK)
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(gm_lock_file(dir, "lock", &fd, NULL), GM_OK);
    gm_close(&fd);
}

#define FS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FS_TEST(open_is_cloexec_and_names_the_path),
        FS_TEST(read_file_appends_and_keeps_its_limit),
        FS_TEST(transfers_survive_signals_and_short_counts),
        FS_TEST(pread_stops_at_the_end),
        FS_TEST(failed_writes_name_the_file),
        FS_TEST(durable_write_replaces_and_leaves_nothing),
        FS_TEST(durable_write_does_not_follow_a_planted_link),
        FS_TEST(failed_durable_write_keeps_the_old_file),
        FS_TEST(make_dirs_makes_what_is_missing),
        FS_TEST(remove_tree_stays_inside),
        FS_TEST(too_long_paths_are_refused),
        FS_TEST(a_lock_is_held_until_closed),
        FS_TEST(a_lock_dies_with_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
