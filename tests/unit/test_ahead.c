/* Reading ahead of a walk: whatever the threads do, the walk is that of a plain recursion. Threads
 * that do not start, descriptors that are short and kinds that are not told with the names are made
 * by wrapping the calls (unit.mk). */
#include "fetch/ahead.h"

#include "base/fs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[32], root[64];

/* ---- the calls ---- */

static struct {
    unsigned threads_allowed;
    atomic_uint n_threads, n_joined, n_opened;
    bool kinds_untold, no_descriptors_for_threads, none_beside_threads;
    const char *unreadable; /* name of a folder */
} calls;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *data);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);
ssize_t __real_getdents64(int fd, void *buffer, size_t n_bytes);
ssize_t __wrap_getdents64(int fd, void *buffer, size_t n_bytes);
enum gm_status __real_gm_open_at(int dir_fd, const char *path, int flags, int *fd,
                                 struct gm_err *err);
enum gm_status __wrap_gm_open_at(int dir_fd, const char *path, int flags, int *fd,
                                 struct gm_err *err);

static unsigned count_open(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *data)
{
    if (calls.n_threads >= calls.threads_allowed)
        return EAGAIN;
    calls.n_threads++;
    return __real_pthread_create(thread, attr, start, data);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    calls.n_joined++;
    return __real_pthread_join(thread, result);
}

ssize_t __wrap_getdents64(int fd, void *buffer, size_t n_bytes)
{
    char link[64], path[512] = "";
    if (calls.unreadable) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, calls.unreadable)) {
            errno = EIO;
            return -1;
        }
    }
    ssize_t n = __real_getdents64(fd, buffer, n_bytes);
    for (ssize_t at = 0; calls.kinds_untold && at < n;) {
        struct dirent64 *found = (void *)((char *)buffer + at);
        found->d_type = DT_UNKNOWN;
        at += found->d_reclen;
    }
    return n;
}

enum gm_status __wrap_gm_open_at(int dir_fd, const char *path, int flags, int *fd,
                                 struct gm_err *err)
{
    bool is_walk = getpid() == gettid();
    calls.n_opened++;
    if ((calls.no_descriptors_for_threads && !is_walk) ||
        (calls.none_beside_threads && is_walk && calls.n_threads > calls.n_joined))
        return gm_err_sys(err, GM_IO, EMFILE, "none left");
    return __real_gm_open_at(dir_fd, path, flags, fd, err);
}

/* ---- trees ---- */

static uint64_t state_of_chance;

static unsigned chance(unsigned n)
{
    state_of_chance = state_of_chance * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state_of_chance >> 33) % n;
}

/* A name for one of a hundred files: to make thousands takes some file systems seconds. */
static void put_file(const char *folder, const char *name, unsigned n_bytes)
{
    char path[512], original[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(original, sizeof original, "%s/%u", place, n_bytes % 100);
    assert_int_equal(link(original, path), 0);
}

static int make_place(void **state)
{
    char path[64];
    (void)state;
    snprintf(place, sizeof place, "/tmp/test_ahead.XXXXXX");
    assert_non_null(mkdtemp(place));
    snprintf(root, sizeof root, "%s/tree", place);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%s/%u", place, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, (off_t)i), 0);
        close(fd);
    }
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    return gm_remove_tree(AT_FDCWD, place, NULL) == GM_OK ? 0 : -1;
}

/* Names that sort on both sides of '/', hidden ones, and links, none of which leads out. */
static void put_entry(const char *folder, unsigned depth, unsigned i)
{
    static const char *const before[] = {"a", "b-", ".c", "d/", "x.", "a0", "\xff", "B"};
    static const char *const targets[] = {"nowhere", ".", "a1.txt", "/dev/null", "..", "../.."};
    char path[512], name[64];
    snprintf(name, sizeof name, "%s%u.txt", before[chance(8)], i);
    for (char *slash = strchr(name, '/'); slash; slash = NULL)
        *slash = '-';
    if (chance(12) > 0) {
        put_file(folder, name, chance(100));
        return;
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(symlink(targets[chance(4 + (depth < 2 ? depth : 2))], path), 0);
}

static void fill(const char *folder, unsigned depth)
{
    static const char *const names[] = {"%ca", "%c.txt", "%c-b", ".%c", "%c0"};
    unsigned n_files = chance(4) == 0 ? 200 + chance(300) : chance(40);
    unsigned n_folders = depth == 0 ? 20 : depth < 5 && chance(2) ? chance(4) : 0;
    char path[512], name[32];
    for (unsigned i = 0; i < n_files; i++)
        put_entry(folder, depth, i);
    for (unsigned i = 0; i < n_folders; i++) {
        snprintf(name, sizeof name, names[chance(5)], 'a' + i);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        assert_int_equal(mkdir(path, 0700), 0);
        fill(path, depth + 1);
    }
}

static void make_tree(uint64_t seed)
{
    state_of_chance = seed;
    assert_int_equal(mkdir(root, 0700), 0);
    fill(root, 0);
}

static void remove_tree(void)
{
    assert_int_equal(gm_remove_tree(AT_FDCWD, root, NULL), GM_OK);
}

/* ---- walks ---- */

struct seen {
    struct gm_buf lines;
    unsigned n, stop_at;
    enum gm_status stop;
};

static void see_line(struct gm_buf *lines, const char *path, int problem, const uint64_t what[2])
{
    if (problem)
        gm_buf_printf(lines, "%s problem %d\n", path, problem);
    else
        gm_buf_printf(lines, "%s %llu %llu\n", path, (unsigned long long)what[0],
                      (unsigned long long)what[1]);
}

static enum gm_status see(void *context, const struct gm_glob_entry *entry, struct gm_err *err)
{
    struct seen *seen = context;
    const uint64_t what[2] = {entry->n_bytes, (uint64_t)entry->mtime_ns};
    see_line(&seen->lines, entry->path, entry->problem, what);
    if (++seen->n == seen->stop_at)
        return seen->stop == GM_END ? GM_END : gm_err_set(err, seen->stop, "enough");
    return GM_OK;
}

static char *walk(const char *pattern, unsigned flags)
{
    char full[128];
    struct seen seen = {GM_BUF_INIT, 0, 0, GM_OK};
    unsigned n_open = count_open();
    calls.n_threads = calls.n_joined = calls.n_opened = 0;
    snprintf(full, sizeof full, "%s/%s", root, pattern);
    assert_int_equal(gm_glob_walk(full, flags, see, &seen, NULL), GM_OK);
    assert_int_equal(count_open(), n_open);
    assert_int_equal(calls.n_joined, calls.n_threads);
    gm_buf_char(&seen.lines, '\0');
    assert_false(seen.lines.failed);
    return (char *)seen.lines.data;
}

/* With and without threads, it is the same. */
static void expect_same(const char *pattern, unsigned flags)
{
    char *alone = walk(pattern, flags);
    assert_int_equal(calls.n_threads, 0);
    char *ahead = walk(pattern, flags | GM_GLOB_AHEAD);
    assert_string_equal(alone, ahead);
    free(alone);
    free(ahead);
}

struct found {
    char *path;
    char *line;
};

struct finds {
    struct found *all;
    size_t n;
};

static void find_all(const char *folder, struct finds *finds)
{
    DIR *dir = opendir(folder);
    struct dirent *each;
    struct stat info;
    char path[512];
    assert_non_null(dir);
    while ((each = readdir(dir))) {
        if (strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, each->d_name);
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            find_all(path, finds);
            continue;
        }
        int problem = stat(path, &info) == 0 ? 0 : errno;
        if (!problem && !S_ISREG(info.st_mode))
            continue;
        struct gm_buf line = GM_BUF_INIT;
        const uint64_t what[2] = {(uint64_t)info.st_size,
                                  (uint64_t)info.st_mtim.tv_sec * 1000000000 +
                                      (uint64_t)info.st_mtim.tv_nsec};
        see_line(&line, path, problem, what);
        gm_buf_char(&line, '\0');
        finds->all = reallocarray(finds->all, finds->n + 1, sizeof *finds->all);
        finds->all[finds->n++] = (struct found){strdup(path), (char *)line.data};
    }
    closedir(dir);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static void a_walk_is_a_sorted_recursion(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct finds finds = {0};
        make_tree(seed);
        find_all(root, &finds);
        qsort(finds.all, finds.n, sizeof *finds.all, by_path);
        char *ahead = walk("**", GM_GLOB_HIDDEN | GM_GLOB_AHEAD), *at = ahead;
        assert_true(calls.n_threads > 0 && calls.n_threads <= GM_AHEAD_THREADS);
        for (size_t i = 0; i < finds.n; i++) {
            size_t n_bytes = strlen(finds.all[i].line);
            if (strncmp(at, finds.all[i].line, n_bytes) != 0)
                fail_msg("seed %u: %.100s instead of %s", (unsigned)seed, at, finds.all[i].line);
            at += n_bytes;
            free(finds.all[i].path);
            free(finds.all[i].line);
        }
        assert_string_equal(at, "");
        free(finds.all);
        free(ahead);
        remove_tree();
    }
}

static void threads_change_no_pattern(void **state)
{
    static const char *const patterns[] = {"", "*", "*/*", "**/*.txt", "**/a*/**/[bd]*", "?a/**"};
    (void)state;
    for (uint64_t seed = 10; seed <= 12; seed++) {
        make_tree(seed);
        for (size_t i = 0; i < GM_ARRAY_LEN(patterns); i++)
            for (unsigned flags = 0; flags <= (GM_GLOB_HIDDEN | GM_GLOB_FOLLOW); flags++)
                expect_same(patterns[i], flags);
        remove_tree();
    }
}

static void kinds_that_are_not_told_change_nothing(void **state)
{
    (void)state;
    make_tree(20);
    for (unsigned flags = 0; flags <= (GM_GLOB_HIDDEN | GM_GLOB_FOLLOW); flags++) {
        char *told = walk("**/*.txt", flags);
        calls.kinds_untold = true;
        expect_same("**/*.txt", flags);
        char *untold = walk("**/*.txt", flags | GM_GLOB_AHEAD);
        calls.kinds_untold = false;
        assert_string_equal(told, untold);
        free(told);
        free(untold);
    }
    remove_tree();
}

static void one_large_folder_is_looked_at_by_all(void **state)
{
    char name[32];
    (void)state;
    make_tree(30);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "large%u.txt", i * 7919 % 100000);
        put_file(root, name, i);
    }
    expect_same("*.txt", 0);
    assert_true(calls.n_threads > 1);
    expect_same("**", 0);
    remove_tree();
}

static void a_walk_goes_on_with_the_threads_that_start(void **state)
{
    (void)state;
    make_tree(40);
    for (unsigned n = 0; n <= 3; n++) {
        calls.threads_allowed = n;
        expect_same("**", GM_GLOB_FOLLOW);
        assert_int_equal(calls.n_threads, n);
    }
    calls.threads_allowed = GM_AHEAD_THREADS;
    remove_tree();
}

static void threads_take_no_descriptor_that_the_walk_needs(void **state)
{
    (void)state;
    make_tree(50);
    calls.no_descriptors_for_threads = true;
    expect_same("**", 0);
    calls.no_descriptors_for_threads = false;
    calls.none_beside_threads = true;
    for (unsigned i = 0; i < 20; i++) {
        calls.kinds_untold = i % 4 == 3;
        expect_same("**", i & GM_GLOB_FOLLOW);
    }
    calls.kinds_untold = false;
    assert_true(calls.n_threads > 0);
    calls.none_beside_threads = false;
    remove_tree();
}

static void a_walk_ends_at_any_moment(void **state)
{
    static const enum gm_status ends[] = {GM_END, GM_IO};
    char *all;
    (void)state;
    make_tree(60);
    all = walk("**", GM_GLOB_AHEAD);
    for (unsigned i = 0; i < 60; i++) {
        struct seen seen = {GM_BUF_INIT, 0, 1 + i * i, ends[i % 2]};
        unsigned n_open = count_open();
        calls.n_threads = calls.n_joined = 0;
        enum gm_status status = gm_glob_walk(root, GM_GLOB_AHEAD, see, &seen, NULL);
        bool is_stopped = seen.n == seen.stop_at;
        assert_int_equal(status, is_stopped && seen.stop == GM_IO ? GM_IO : GM_OK);
        assert_true(seen.n <= seen.stop_at);
        assert_int_equal(strncmp(all, gm_buf_cstr(&seen.lines), seen.lines.n_bytes), 0);
        assert_int_equal(count_open(), n_open);
        assert_int_equal(calls.n_joined, calls.n_threads);
        gm_buf_free(&seen.lines);
    }
    free(all);
    remove_tree();
}

static void a_folder_that_cannot_be_read_to_its_end_is_told(void **state)
{
    char path[128];
    (void)state;
    make_tree(70);
    snprintf(path, sizeof path, "%s/mm/broken", root);
    assert_int_equal(gm_make_dirs(AT_FDCWD, path, NULL), GM_OK);
    put_file(path, "1.txt", 1);
    calls.unreadable = "/mm/broken";
    expect_same("**", 0);
    char *ahead = walk("mm/**", GM_GLOB_AHEAD);
    calls.unreadable = NULL;
    snprintf(path, sizeof path, "%s/mm/broken/ problem %d\n", root, EIO);
    assert_string_equal(ahead, path);
    free(ahead);
    remove_tree();
}

static void little_work_starts_no_thread(void **state)
{
    char path[128], *lines;
    (void)state;
    assert_int_equal(mkdir(root, 0700), 0);
    for (unsigned i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "%s/%u", root, i);
        assert_int_equal(mkdir(path, 0700), 0);
        put_file(path, "1.txt", 1);
    }
    lines = walk("**", GM_GLOB_AHEAD);
    assert_int_equal(calls.n_threads, 0);
    assert_int_equal(calls.n_opened, 8);
    free(lines);
    remove_tree();
}

struct pace {
    unsigned n_folders;
    unsigned most_ahead;
};

static enum gm_status keep_pace(void *context, const struct gm_glob_entry *entry,
                                struct gm_err *err)
{
    struct pace *pace = context;
    (void)entry;
    (void)err;
    sched_yield();
    unsigned n_ahead = calls.n_opened - ++pace->n_folders;
    pace->most_ahead = n_ahead > pace->most_ahead ? n_ahead : pace->most_ahead;
    return GM_OK;
}

static void threads_run_only_so_far_ahead(void **state)
{
    const unsigned n_folders = 2 * GM_AHEAD_FOLDERS;
    struct pace pace = {0};
    char path[128];
    (void)state;
    assert_int_equal(mkdir(root, 0700), 0);
    for (unsigned i = 0; i < n_folders; i++) {
        snprintf(path, sizeof path, "%s/%u", root, i);
        assert_int_equal(mkdir(path, 0700), 0);
        put_file(path, "1.txt", 1);
    }
    calls.n_threads = calls.n_joined = calls.n_opened = 0;
    assert_int_equal(gm_glob_walk(root, GM_GLOB_AHEAD, keep_pace, &pace, NULL), GM_OK);
    assert_int_equal(pace.n_folders, n_folders);
    assert_true(calls.n_threads > 0);
    assert_in_range(pace.most_ahead, 1, GM_AHEAD_FOLDERS + 1); /* and the root */
    remove_tree();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_is_a_sorted_recursion),
        cmocka_unit_test(threads_change_no_pattern),
        cmocka_unit_test(kinds_that_are_not_told_change_nothing),
        cmocka_unit_test(one_large_folder_is_looked_at_by_all),
        cmocka_unit_test(a_walk_goes_on_with_the_threads_that_start),
        cmocka_unit_test(threads_take_no_descriptor_that_the_walk_needs),
        cmocka_unit_test(a_walk_ends_at_any_moment),
        cmocka_unit_test(a_folder_that_cannot_be_read_to_its_end_is_told),
        cmocka_unit_test(little_work_starts_no_thread),
        cmocka_unit_test(threads_run_only_so_far_ahead),
    };
    calls.threads_allowed = GM_AHEAD_THREADS;
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
