/* Listing all sources of a plan into a generation's snapshot: in order, compared with what is
 * known, whole or not at all. */
#include "run/list.h"

#include "base/fs.h"
#include "fake_supervisor.h"
#include "run/index.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct source {
    const char *prefix;
    uint32_t n_items;
    enum { ENDS, FAILS, CRASHES, READS_STDIN } then;
};

static enum gm_status list(const void *opts, int stdin_fd, struct gm_lister_sink *sink,
                           struct gm_err *err)
{
    const struct source *source = opts;
    enum gm_status status = GM_OK;
    char locator[64];
    for (uint32_t i = 0; i < source->n_items && status == GM_OK; i++) {
        snprintf(locator, sizeof locator, "%s%u", source->prefix, i);
        const struct gm_item item = {.kind = GM_ITEM_FILE,
                                     .locator = locator,
                                     .name = locator,
                                     .expected_bytes = UINT64_MAX,
                                     .file_bytes = i,
                                     .file_mtime_ns = 5};
        status = gm_lister_add(sink, &item, err);
    }
    if (status == GM_OK && source->then == FAILS)
        status = gm_err_set(err, GM_MISSING, "%s is not there", source->prefix);
    if (source->then == CRASHES)
        abort();
    if (status == GM_OK && source->then == READS_STDIN) {
        size_t n_read = 0;
        status = gm_read_full(stdin_fd, locator, sizeof locator - 1, &n_read, err);
        locator[n_read] = '\0';
        const struct gm_item item = {.kind = GM_ITEM_URL, .locator = locator};
        status = status == GM_OK ? gm_lister_add(sink, &item, err) : status;
    }
    return status;
}

static const struct gm_lister lister = {.name = "fake", .list = list};

struct bench {
    char path[64];
    struct gm_plan *plan;
    struct gm_plan_source sources[2];
    struct source what[2];
    struct gm_folder folder;
    struct gm_snapshot_info info;
    struct gm_err err;
};

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    snprintf(bench->path, sizeof bench->path, "/tmp/test_listing.XXXXXX");
    if (!mkdtemp(bench->path) || gm_folder_open(bench->path, &bench->folder, NULL) != GM_OK)
        return -1;
    bench->plan = fake_plan();
    bench->what[0] = (struct source){"a", 3, ENDS};
    bench->what[1] = (struct source){"b", 2, ENDS};
    for (int i = 0; i < 2; i++)
        bench->sources[i] = (struct gm_plan_source){&lister, &bench->what[i]};
    bench->plan->sources = bench->sources;
    bench->plan->n_sources = 2;
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    gm_folder_close(&bench->folder);
    gm_remove_tree(AT_FDCWD, bench->path, NULL);
    free(bench->plan);
    free(bench);
    return 0;
}

static enum gm_status run(struct bench *bench, bool compare)
{
    return gm_list_sources(bench->plan, &bench->folder, compare, &bench->info, &bench->err);
}

static bool has(const struct bench *bench, const char *name)
{
    return faccessat(bench->folder.generation_fd, name, F_OK, 0) == 0;
}

/* The locators of the snapshot, joined. */
static void listed_is(const struct bench *bench, const char *wanted)
{
    struct gm_buf text = GM_BUF_INIT;
    struct gm_snapshot snapshot;
    struct gm_item item;
    int fd = -1;
    assert_int_equal(gm_open_at(bench->folder.generation_fd, GM_SNAPSHOT_NAME, O_RDONLY, &fd, NULL),
                     GM_OK);
    assert_int_equal(gm_snapshot_open(&snapshot, fd, 0, NULL), GM_OK);
    while (gm_snapshot_next(&snapshot, &item, NULL, NULL) == GM_OK)
        gm_buf_printf(&text, "%s ", item.locator);
    assert_string_equal(gm_buf_cstr(&text), wanted);
    gm_snapshot_close(&snapshot);
    gm_buf_free(&text);
    gm_close(&fd);
}

static void sources_are_listed_in_their_order(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(run(bench, false), GM_OK);
    assert_int_equal(bench->info.n_items, 5);
    listed_is(bench, "a0 a1 a2 b0 b1 ");
    assert_false(has(bench, GM_REMOVED_NAME));
}

static void the_same_sources_give_the_same_hash(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(run(bench, false), GM_OK);
    uint64_t hash = bench->info.hash;
    assert_int_equal(run(bench, false), GM_OK);
    assert_true(hash == bench->info.hash);
    bench->what[1].prefix = "c";
    assert_int_equal(run(bench, false), GM_OK);
    assert_true(hash != bench->info.hash);
}

static void a_listing_that_fails_leaves_no_snapshot(void **state)
{
    struct bench *bench = *state;
    bench->what[1].then = FAILS;
    assert_int_equal(run(bench, false), GM_MISSING);
    assert_non_null(strstr(bench->err.text, "source 2"));
    assert_non_null(strstr(bench->err.text, "b is not there"));
    assert_false(has(bench, GM_SNAPSHOT_NAME));
    bench->what[1].then = CRASHES;
    assert_int_equal(run(bench, false), GM_INTERNAL);
    assert_false(has(bench, GM_SNAPSHOT_NAME));
    bench->what[1].then = ENDS;
    assert_int_equal(run(bench, false), GM_OK);
    listed_is(bench, "a0 a1 a2 b0 b1 ");
}

static void standard_input_reaches_the_lister(void **state)
{
    struct bench *bench = *state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "http://from.stdin/", 18), 18);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    bench->what[1].then = READS_STDIN;
    assert_int_equal(run(bench, false), GM_OK);
    if (saved >= 0)
        dup2(saved, STDIN_FILENO);
    gm_close(&saved);
    listed_is(bench, "a0 a1 a2 b0 b1 http://from.stdin/ ");
}

static void put_items(struct bench *bench, const char *text)
{
    int fd = -1;
    assert_int_equal(
        gm_open_at(bench->folder.fd, "items.jsonl", O_WRONLY | O_CREAT | O_TRUNC, &fd, NULL),
        GM_OK);
    assert_int_equal(gm_write_full(fd, text, strlen(text), "items", NULL), GM_OK);
    gm_close(&fd);
    assert_int_equal(gm_index_update(bench->path, 1, &bench->err), GM_OK);
}

static void only_what_is_new_or_changed_is_listed_again(void **state)
{
    struct bench *bench = *state;
    put_items(bench, "{\"item\":0,\"source\":\"a0\",\"status\":\"ok\",\"bytes\":0,\"mtime_ns\":5}\n"
                     "{\"item\":1,\"source\":\"a1\",\"status\":\"ok\",\"bytes\":9,\"mtime_ns\":5}\n"
                     "{\"item\":2,\"source\":\"b1\",\"status\":\"ok\",\"bytes\":1,\"mtime_ns\":5}\n"
                     "{\"item\":3,\"source\":\"gone\",\"status\":\"ok\",\"bytes\":1}\n");
    assert_int_equal(run(bench, true), GM_OK);
    listed_is(bench, "a1 a2 b0 ");
    assert_int_equal(bench->info.n_items, 3);
    assert_int_equal(bench->info.n_unchanged, 2);
    assert_int_equal(bench->info.n_removed, 1);
    struct gm_buf removed = GM_BUF_INIT;
    assert_int_equal(
        gm_read_file(bench->folder.generation_fd, GM_REMOVED_NAME, 1000, &removed, NULL), GM_OK);
    assert_string_equal(gm_buf_cstr(&removed), "{\"source\":\"gone\"}\n");
    gm_buf_free(&removed);
}

static void without_an_index_there_is_nothing_to_compare_with(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(run(bench, true), GM_IO);
    assert_non_null(strstr(bench->err.text, "run.db"));
    assert_false(has(bench, GM_SNAPSHOT_NAME));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        TEST(sources_are_listed_in_their_order),
        TEST(the_same_sources_give_the_same_hash),
        TEST(a_listing_that_fails_leaves_no_snapshot),
        TEST(standard_input_reaches_the_lister),
        TEST(only_what_is_new_or_changed_is_listed_again),
        TEST(without_an_index_there_is_nothing_to_compare_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
