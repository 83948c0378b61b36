/* run.db: what the generations' lines say is found again by the next listing, whenever the database
 * was made. */
#include "run/index.h"

#include "base/fs.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_index.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    return gm_remove_tree(AT_FDCWD, folder, NULL) == GM_OK ? 0 : -1;
}

static void put(const char *name, const char *text)
{
    char path[160];
    int fd = -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(gm_open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, &fd, NULL), GM_OK);
    assert_int_equal(gm_write_full(fd, text, strlen(text), name, NULL), GM_OK);
    gm_close(&fd);
}

static void update(uint32_t generation)
{
    struct gm_err err = {0};
    assert_int_equal(gm_index_update(folder, generation, &err), GM_OK);
}

static void put_first_generation(void)
{
    put("items.jsonl",
        "{\"item\":0,\"source\":\"/f/a\",\"status\":\"ok\",\"code\":null,\"http\":0,\"bytes\":10,"
        "\"sha256\":\"" SHA_A "\",\"etag\":null,\"last_modified\":null,\"mtime_ns\":77,"
        "\"media\":\"text\",\"complete\":true}\n"
        "{\"item\":1,\"source\":\"http://x/\\u00e9\\n\",\"status\":\"ok\",\"http\":200,\"bytes\":5,"
        "\"sha256\":\"" SHA_B "\",\"etag\":\"\\\"e1\\\"\",\"last_modified\":\"Mon\","
        "\"mtime_ns\":0,\"media\":\"text\"}\n"
        "{\"item\":2,\"source\":\"/f/lost\",\"status\":\"failed\",\"code\":\"fetch.io\","
        "\"bytes\":3,\"mtime_ns\":8}\n"
        "not a line of ours\n"
        "{\"item\":3,\"source\":\"/f/rejected\",\"status\":\"rejected\","
        "\"code\":\"media.unsupported\",\"bytes\":4,\"mtime_ns\":9}\n");
    put("rejects.jsonl", "{\"id\":\"000000003\",\"source\":\"/f/rejected\",\"stage\":\"fetch\","
                         "\"reason\":\"media.unsupported\",\"message\":\"no\"}\n");
}

static void put_second_generation(const char *items, const char *removed)
{
    char path[160];
    snprintf(path, sizeof path, "%s/gen-00002", folder);
    assert_int_equal(gm_make_dirs(AT_FDCWD, path, NULL), GM_OK);
    put("gen-00002/items.jsonl", items);
    put("gen-00002/rejects.jsonl", "");
    put("gen-00002/removed.jsonl", removed);
}

static struct gm_index *open_index(void)
{
    struct gm_index *index = NULL;
    struct gm_err err = {0};
    assert_int_equal(gm_index_open(folder, &index, &err), GM_OK);
    return index;
}

static struct gm_previous look_up(struct gm_index *index, struct gm_item item)
{
    struct gm_previous previous = {0};
    assert_int_equal(gm_index_lookup(index, &item, &previous, NULL), GM_OK);
    return previous;
}

static struct gm_item file(const char *locator, uint64_t n_bytes, int64_t mtime_ns)
{
    return (struct gm_item){
        .kind = GM_ITEM_FILE, .locator = locator, .file_bytes = n_bytes, .file_mtime_ns = mtime_ns};
}

static struct gm_item url(const char *locator)
{
    return (struct gm_item){.kind = GM_ITEM_URL, .locator = locator};
}

static void a_file_of_the_same_size_and_time_is_unchanged(void **state)
{
    (void)state;
    put_first_generation();
    update(1);
    struct gm_index *index = open_index();
    assert_true(look_up(index, file("/f/a", 10, 77)).unchanged);
    assert_false(look_up(index, file("/f/a", 11, 77)).unchanged);
    assert_false(look_up(index, file("/f/a", 10, 78)).unchanged);
    assert_true(look_up(index, file("/f/a", 11, 77)).known);
    assert_true(look_up(index, file("/f/a", 11, 77)).has_sha256);
    assert_false(look_up(index, file("/f/b", 10, 77)).known);
    assert_true(look_up(index, file("/f/rejected", 4, 9)).unchanged); /* would be rejected again */
    struct gm_item bad = file("/f/a", 10, 77);
    bad.reason = GM_REASON_FETCH_LIST;
    assert_false(look_up(index, bad).unchanged);
    gm_index_close(index);
}

static void a_url_gets_its_validators_and_is_asked_for_again(void **state)
{
    uint8_t digest[GM_SHA256_BYTES];
    (void)state;
    put_first_generation();
    update(1);
    struct gm_index *index = open_index();
    struct gm_previous previous = look_up(index, url("http://x/\xc3\xa9\n"));
    memset(digest, 0xbb, sizeof digest);
    assert_true(previous.known);
    assert_false(previous.unchanged);
    assert_string_equal(previous.etag, "\"e1\"");
    assert_string_equal(previous.last_modified, "Mon");
    assert_memory_equal(previous.sha256, digest, sizeof digest);
    gm_index_close(index);
}

static void what_failed_is_tried_again(void **state)
{
    (void)state;
    put_first_generation();
    update(1);
    struct gm_index *index = open_index();
    assert_false(look_up(index, file("/f/lost", 3, 8)).known);
    gm_index_close(index);
}

static void the_last_generation_counts(void **state)
{
    (void)state;
    put_first_generation();
    put_second_generation("{\"item\":0,\"source\":\"/f/a\",\"status\":\"ok\",\"bytes\":20,"
                          "\"sha256\":\"" SHA_B "\",\"mtime_ns\":99}\n"
                          "{\"item\":1,\"source\":\"http://x/\\u00e9\\n\","
                          "\"status\":\"unchanged\",\"http\":304,\"bytes\":0,\"mtime_ns\":0}\n",
                          "{\"source\":\"/f/rejected\"}\n");
    update(2); /* both at once: the database was deleted, say */
    struct gm_index *index = open_index();
    assert_true(look_up(index, file("/f/a", 20, 99)).unchanged);
    assert_false(look_up(index, file("/f/a", 10, 77)).unchanged);
    struct gm_previous previous = look_up(index, url("http://x/\xc3\xa9\n"));
    assert_true(previous.known);
    assert_string_equal(previous.etag, "\"e1\"");                  /* a 304 need not repeat it */
    assert_false(look_up(index, file("/f/rejected", 4, 9)).known); /* removed, and back */
    gm_index_close(index);
}

static void an_answer_without_validators_forgets_the_old_ones(void **state)
{
    (void)state;
    put_first_generation();
    put_second_generation("{\"item\":1,\"source\":\"http://x/\\u00e9\\n\",\"status\":\"ok\","
                          "\"http\":200,\"bytes\":6,\"sha256\":\"" SHA_A "\",\"etag\":null,"
                          "\"last_modified\":null,\"mtime_ns\":0}\n",
                          "");
    update(2);
    struct gm_index *index = open_index();
    struct gm_previous previous = look_up(index, url("http://x/\xc3\xa9\n"));
    assert_int_equal(previous.sha256[0], 0xaa);
    assert_string_equal(previous.etag, ""); /* they were another body's */
    assert_string_equal(previous.last_modified, "");
    gm_index_close(index);
}

static int add_row(void *text, int n, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < n; i++)
        gm_buf_printf(text, "%s|", values[i] ? values[i] : "null");
    gm_buf_char(text, '\n');
    return 0;
}

/* Everything that the database says, as text. */
static void dump(struct gm_buf *text)
{
    static const char sql[] =
        "SELECT * FROM items ORDER BY locator; SELECT * FROM rejects ORDER BY "
        "generation, id; SELECT * FROM meta ORDER BY key";
    char path[100];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME, folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, add_row, text, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_true(text->n_bytes > 100);
}

static void rebuilding_gives_the_same_as_going_step_by_step(void **state)
{
    struct gm_buf stepwise = GM_BUF_INIT, rebuilt = GM_BUF_INIT;
    char path[100];
    (void)state;
    put_first_generation();
    update(1);
    update(1); /* again is nothing */
    put_second_generation("{\"item\":0,\"source\":\"/f/a\",\"status\":\"failed\",\"bytes\":0,"
                          "\"mtime_ns\":99}\n",
                          "{\"source\":\"/f/lost\"}\n");
    update(2);
    dump(&stepwise);
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME, folder);
    assert_int_equal(unlink(path), 0);
    update(2);
    dump(&rebuilt);
    assert_string_equal(gm_buf_cstr(&stepwise), gm_buf_cstr(&rebuilt));
    gm_buf_free(&stepwise);
    gm_buf_free(&rebuilt);
}

/* As gm_item_line writes them; the same in other orders, with spaces, escapes in the keys, other
 * keys in between; and what a torn or foreign line would add if it were taken for a whole one. */
static void lines_say_the_same_however_they_are_written(void **state)
{
    static const char *const plain =
        "{\"item\":0,\"source\":\"http://x/a\",\"status\":\"ok\",\"code\":null,\"message\":null,"
        "\"http\":200,\"bytes\":10,\"wire_bytes\":20,\"tries\":1,\"seconds\":0.004,"
        "\"media\":\"text\",\"sha256\":\"" SHA_A "\",\"final_url\":null,\"etag\":\"e\","
        "\"last_modified\":\"Mon\",\"content_type\":\"text/plain\",\"mtime_ns\":0,"
        "\"complete\":true}\n"
        "{\"item\":1,\"source\":\"/f/\xef\xbf\xbd\",\"source_key\":\"#0123456789abcdef "
        "/f/\",\"status\":"
        "\"failed\",\"code\":\"fetch.io\",\"message\":\"no\",\"http\":0,\"bytes\":3,\"mtime_ns\":-"
        "8}\n";
    static const char *const otherwise =
        "{ \"bytes\":10,\"mtime_ns\" : 0,\"sourc\":[1,{\"source\":\"no\"}],\"\":0,"
        "\"\\u0073tatus\":\"ok\" , \"item\":0,\"http\":200, "
        "\"source\":\"http://x/\\u0061\",\"media\":"
        "\"text\",\"last_modified\":\"Mon\",\"etag\":\"e\",\"sha256\":\"" SHA_A
        "\",\"code\":null}\n"
        "{\"item\":2,\"source\":\"/f/torn\",\"status\":\"ok\",\n"
        "{\"item\":2,\"source\":\"/f/torn\",\"status\":\"ok\",}\n"
        "{\"item\":2,\"source\":\"/f/torn\",\"status\" \"ok\"}\n"
        "{\"item\":2,\"source\":\"/f/torn\",,\"status\":\"ok\"}\n"
        "{\"item\":2,\"source\":\"/f/torn\",\"status\":\"ok\"}}\n"
        "{\"item\":2,\"source\":\"/f/torn\"\n"
        "[\"item\":2,\"source\":\"/f/torn\"]\n"
        "{\"mtime_ns\":-8,\"source_key\":\"#0123456789abcdef /f/\",\"source\":\"/f/x\",\"item\":1,"
        "\"bytes\":3,\"http\":0,\"code\":\"fetch.io\",\"status\":\"failed\"}\n";
    struct gm_buf expected = GM_BUF_INIT, got = GM_BUF_INIT;
    char path[100];
    (void)state;
    put("items.jsonl", plain);
    update(1);
    dump(&expected);
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME, folder);
    assert_int_equal(unlink(path), 0);
    put("items.jsonl", otherwise);
    update(1);
    dump(&got);
    assert_string_equal(gm_buf_cstr(&expected), gm_buf_cstr(&got));
    assert_non_null(strstr(gm_buf_cstr(&got), "#0123456789abcdef /f/|1|1|failed|fetch.io|0|3|"));
    gm_buf_free(&expected);
    gm_buf_free(&got);
}

static void what_was_not_listed_is_told_as_removed(void **state)
{
    char text[500] = {0};
    uint64_t n_removed = 99;
    (void)state;
    put_first_generation();
    update(1);
    int fd = memfd_create("removed", MFD_CLOEXEC);
    struct gm_index *index = open_index();
    look_up(index, file("/f/a", 1, 1));
    look_up(index, file("/f/new", 1, 1));
    look_up(index, file("/f/rejected", 1, 1));
    assert_int_equal(gm_index_removed(index, fd, &n_removed, NULL), GM_OK);
    assert_int_equal(n_removed, 2);
    assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
    assert_non_null(strstr(text, "{\"source\":\"/f/lost\"}\n"));
    assert_non_null(strstr(text, "{\"source\":\"http://x/\xc3\xa9\\n\"}\n"));
    gm_index_close(index);
    put_second_generation("", text);
    update(2);
    index = open_index(); /* they are gone now, and are not told again */
    look_up(index, file("/f/a", 1, 1));
    look_up(index, file("/f/rejected", 1, 1));
    assert_int_equal(gm_index_removed(index, fd, &n_removed, NULL), GM_OK);
    assert_int_equal(n_removed, 0);
    gm_index_close(index);
    gm_close(&fd);
}

/* Runs gm_index_follow in a child; *done_fd is our end of its pipe. */
static pid_t start_following(uint32_t generation, int *done_fd)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        _exit(gm_index_follow(folder, generation, ends[0], NULL));
    }
    assert_true(pid > 0);
    close(ends[0]);
    *done_fd = ends[1];
    return pid;
}

static enum gm_status end_of(pid_t pid)
{
    int code;
    assert_int_equal(waitpid(pid, &code, 0), pid);
    assert_true(WIFEXITED(code));
    return (enum gm_status)WEXITSTATUS(code);
}

/* Appends a file to the folder's file of that name, in pieces that cut lines. */
static void append_in_pieces(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    for (size_t at = 0, n; text[at]; at += n) {
        n = strnlen(text + at, 61);
        assert_int_equal(write(fd, text + at, n), (ssize_t)n);
        usleep(3000);
    }
    close(fd);
}

static char *read_text(const char *name)
{
    char path[160];
    struct gm_buf text = GM_BUF_INIT;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(gm_read_file(AT_FDCWD, path, 1 << 20, &text, NULL), GM_OK);
    char *copy = strdup(gm_buf_cstr(&text));
    gm_buf_free(&text);
    assert_non_null(copy);
    return copy;
}

static void a_generation_that_is_followed_is_the_same_as_one_that_was_there(void **state)
{
    struct gm_buf followed = GM_BUF_INIT, rebuilt = GM_BUF_INIT;
    char path[100], byte = 1;
    int done_fd;
    (void)state;
    put_first_generation();
    char *items = read_text("items.jsonl");
    snprintf(path, sizeof path, "%s/items.jsonl", folder);
    assert_int_equal(unlink(path), 0);
    put("items.jsonl", ""); /* by whoever looked first; the writer makes its own */
    pid_t pid = start_following(1, &done_fd);
    usleep(250000);
    assert_int_equal(unlink(path), 0);
    append_in_pieces("items.jsonl", items);
    assert_int_equal(write(done_fd, &byte, 1), 1);
    assert_int_equal(end_of(pid), GM_OK);
    close(done_fd);
    dump(&followed);
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME, folder);
    assert_int_equal(unlink(path), 0);
    update(1);
    dump(&rebuilt);
    assert_string_equal(gm_buf_cstr(&followed), gm_buf_cstr(&rebuilt));
    free(items);
    gm_buf_free(&followed);
    gm_buf_free(&rebuilt);
}

static void nothing_is_kept_of_a_generation_that_is_not_completed(void **state)
{
    char path[100];
    struct gm_buf before = GM_BUF_INIT, after = GM_BUF_INIT;
    int done_fd;
    (void)state;
    put_first_generation();
    pid_t pid = start_following(1, &done_fd);
    usleep(250000);
    close(done_fd);
    assert_int_equal(end_of(pid), GM_END);
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME, folder);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME ".tmp", folder);
    assert_int_equal(access(path, F_OK), -1);
    update(1);
    dump(&before);
    put_second_generation("{\"item\":0,\"source\":\"/f/z\",\"status\":\"ok\"}\n", "");
    pid = start_following(2, &done_fd);
    usleep(250000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(done_fd);
    /* The lister reads in a sandbox: there must be nothing that it would have to roll back. */
    snprintf(path, sizeof path, "%s/" GM_INDEX_NAME "-journal", folder);
    assert_int_equal(access(path, F_OK), -1);
    dump(&after);
    assert_string_equal(gm_buf_cstr(&before), gm_buf_cstr(&after));
    gm_buf_free(&before);
    gm_buf_free(&after);
}

static void an_empty_index_and_no_index_and_garbage(void **state)
{
    struct gm_index *index = NULL;
    struct gm_err err = {0};
    (void)state;
    assert_int_equal(gm_index_open(folder, &index, &err), GM_IO);
    assert_null(index);
    put("items.jsonl", "");
    update(1);
    index = open_index();
    assert_false(look_up(index, file("/f/a", 1, 1)).known);
    gm_index_close(index);
    gm_index_close(NULL);
    put(GM_INDEX_NAME, "this is no database, and longer than a header of one would have to be....."
                       "................................................................");
    assert_int_equal(gm_index_update(folder, 1, &err), GM_IO);
    assert_non_null(strstr(err.text, "can be deleted"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_the_same_size_and_time_is_unchanged),
        TEST(a_url_gets_its_validators_and_is_asked_for_again),
        TEST(what_failed_is_tried_again),
        TEST(the_last_generation_counts),
        TEST(an_answer_without_validators_forgets_the_old_ones),
        TEST(rebuilding_gives_the_same_as_going_step_by_step),
        TEST(lines_say_the_same_however_they_are_written),
        TEST(what_was_not_listed_is_told_as_removed),
        TEST(a_generation_that_is_followed_is_the_same_as_one_that_was_there),
        TEST(nothing_is_kept_of_a_generation_that_is_not_completed),
        TEST(an_empty_index_and_no_index_and_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
