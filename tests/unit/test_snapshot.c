/* The list of items: everything that was put in comes out, and no torn or damaged file passes for
 * a whole one. */
#include "run/snapshot.h"

#include "base/fs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int scratch(void)
{
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void same_item(const struct gm_item *a, const struct gm_item *b)
{
    assert_int_equal(a->kind, b->kind);
    same_text(a->locator, b->locator);
    same_text(a->name, b->name);
    same_text(a->meta_json, b->meta_json);
    assert_true(a->expected_bytes == b->expected_bytes);
    assert_int_equal(a->has_sha256, b->has_sha256);
    if (a->has_sha256)
        assert_memory_equal(a->expected_sha256, b->expected_sha256, GM_SHA256_BYTES);
    assert_true(a->file_bytes == b->file_bytes);
    assert_true(a->file_mtime_ns == b->file_mtime_ns);
    assert_int_equal(a->reason, b->reason);
    same_text(a->message, b->message);
}

static const struct gm_item samples[] = {
    {.kind = GM_ITEM_URL, .locator = "http://example.org/", .expected_bytes = UINT64_MAX},
    {.kind = GM_ITEM_FILE,
     .locator = "/a/b\xff.txt",
     .name = "b.txt",
     .meta_json = "{\"lang\":\"de\"}",
     .expected_bytes = 12,
     .has_sha256 = true,
     .expected_sha256 = {1, 2, 3, [31] = 255},
     .file_bytes = UINT64_MAX - 1,
     .file_mtime_ns = INT64_MIN},
    {.kind = GM_ITEM_URL,
     .locator = "",
     .reason = GM_REASON_FETCH_LIST,
     .message = "line 3: no URL"},
    {.kind = GM_ITEM_URL, .locator = "x", .name = "", .meta_json = "", .message = ""},
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

static void write_samples(int fd, gm_previous_lookup *lookup)
{
    struct gm_lister_sink sink;
    struct gm_err err;
    assert_int_equal(gm_snapshot_begin(&sink, fd, lookup, NULL, &err), GM_OK);
    for (int i = 0; i < N_SAMPLES; i++)
        assert_int_equal(gm_lister_add(&sink, &samples[i], &err), GM_OK);
    sink.n_removed = 7;
    assert_int_equal(gm_snapshot_end(&sink, &err), GM_OK);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    int fd = scratch();
    write_samples(fd, NULL);
    struct gm_snapshot snapshot;
    struct gm_snapshot_info info;
    struct gm_item item;
    struct gm_snapshot_previous previous;
    assert_int_equal(gm_snapshot_info(fd, &info, NULL), GM_OK);
    assert_int_equal(info.n_items, N_SAMPLES);
    assert_int_equal(info.n_removed, 7);
    assert_int_equal(gm_snapshot_open(&snapshot, fd, 0, NULL), GM_OK);
    for (uint64_t i = 0; i < N_SAMPLES; i++) {
        assert_int_equal(gm_snapshot_next(&snapshot, &item, &previous, NULL), GM_OK);
        assert_int_equal(item.number, i);
        same_item(&item, &samples[i]);
        assert_null(previous.sha256);
        assert_int_equal(previous.reason, GM_REASON_NONE);
        assert_null(item.etag);
        assert_null(item.last_modified);
    }
    assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_END);
    assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_END);
    gm_snapshot_close(&snapshot);
    gm_close(&fd);
}

static enum gm_status know_some(void *context, const struct gm_item *item,
                                struct gm_previous *previous, struct gm_err *err)
{
    (void)context;
    (void)err;
    previous->known = item->kind == GM_ITEM_FILE || item->locator[0] == 'x';
    previous->unchanged = item->locator[0] == 'x';
    if (item->kind == GM_ITEM_FILE) {
        previous->has_sha256 = true;
        memset(previous->sha256, 0xab, sizeof previous->sha256);
        memcpy(previous->etag, "\"e\"", 4);
        memcpy(previous->last_modified, "Mon", 4);
    } else {
        previous->reason = GM_REASON_FETCH_HTTP;
        previous->http_status = 404;
    }
    return GM_OK;
}

static void the_last_generation_travels_with_the_item(void **state)
{
    (void)state;
    int fd = scratch();
    uint8_t digest[GM_SHA256_BYTES];
    write_samples(fd, know_some);
    struct gm_snapshot snapshot;
    struct gm_snapshot_info info;
    struct gm_item item;
    struct gm_snapshot_previous previous;
    assert_int_equal(gm_snapshot_info(fd, &info, NULL), GM_OK);
    assert_int_equal(info.n_items, N_SAMPLES - 1);
    assert_int_equal(info.n_unchanged, 1);
    assert_int_equal(gm_snapshot_open(&snapshot, fd, 1, NULL), GM_OK);
    assert_int_equal(gm_snapshot_next(&snapshot, &item, &previous, NULL), GM_OK);
    memset(digest, 0xab, sizeof digest);
    assert_non_null(previous.sha256);
    assert_memory_equal(previous.sha256, digest, sizeof digest);
    assert_string_equal(item.etag, "\"e\"");
    assert_string_equal(item.last_modified, "Mon");
    assert_int_equal(gm_snapshot_next(&snapshot, &item, &previous, NULL), GM_OK);
    assert_null(previous.sha256);
    assert_int_equal(previous.reason, GM_REASON_FETCH_HTTP);
    assert_int_equal(previous.http_status, 404);
    assert_int_equal(gm_snapshot_next(&snapshot, &item, &previous, NULL), GM_END);
    gm_snapshot_close(&snapshot);
    gm_close(&fd);
}

static char *long_text(size_t n_bytes)
{
    char *text = malloc(n_bytes + 1);
    assert_non_null(text);
    memset(text, 'l', n_bytes);
    text[n_bytes] = '\0';
    return text;
}

static void huge_strings_are_kept_up_to_the_bound_and_listed_as_lost_above(void **state)
{
    (void)state;
    int fd = scratch();
    char *most = long_text(GM_SNAPSHOT_TEXT_BYTES), *more = long_text(GM_SNAPSHOT_TEXT_BYTES + 1);
    const struct gm_item items[] = {
        {.locator = most, .name = most, .meta_json = most},
        {.locator = more, .name = "n", .meta_json = "{}"},
        {.locator = "short", .name = more},
        {.locator = "short", .meta_json = more},
    };
    struct gm_lister_sink sink;
    struct gm_snapshot snapshot;
    struct gm_item item;
    assert_int_equal(gm_snapshot_begin(&sink, fd, NULL, NULL, NULL), GM_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(gm_lister_add(&sink, &items[i], NULL), GM_OK);
    assert_int_equal(gm_snapshot_end(&sink, NULL), GM_OK);
    assert_int_equal(gm_snapshot_open(&snapshot, fd, 0, NULL), GM_OK);
    assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_OK);
    same_item(&item, &items[0]);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_OK);
        assert_int_equal(item.reason, GM_REASON_FETCH_LIST);
        assert_non_null(item.message);
        assert_string_equal(item.locator, i == 1 ? "(too long)" : "short");
    }
    assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_END);
    gm_snapshot_close(&snapshot);
    gm_close(&fd);
    free(most);
    free(more);
}

/* Many items, so that the reader's window moves and records lie across its edges. */
static void skipping_to_an_item_gives_the_same_as_reading_up_to_it(void **state)
{
    enum { N = 20000 };
    (void)state;
    int fd = scratch();
    struct gm_lister_sink sink;
    struct gm_snapshot snapshot;
    struct gm_item item;
    char text[600], *tail = long_text(500);
    assert_int_equal(gm_snapshot_begin(&sink, fd, NULL, NULL, NULL), GM_OK);
    for (unsigned i = 0; i < N; i++) {
        snprintf(text, sizeof text, "item %u %.*s", i, (int)(i * 7 % 500), tail);
        assert_int_equal(gm_lister_add(&sink, &(struct gm_item){.locator = text}, NULL), GM_OK);
    }
    assert_int_equal(gm_snapshot_end(&sink, NULL), GM_OK);
    static const unsigned firsts[] = {0, 1, 63, 64, 9999, N - 1, N, N + 5};
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
        assert_int_equal(gm_snapshot_open(&snapshot, fd, firsts[f], NULL), GM_OK);
        for (unsigned i = firsts[f]; i < N && i < firsts[f] + 3; i++) {
            snprintf(text, sizeof text, "item %u %.*s", i, (int)(i * 7 % 500), tail);
            assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_OK);
            assert_string_equal(item.locator, text);
            assert_int_equal(item.number, i);
        }
        if (firsts[f] >= N - 1)
            assert_int_equal(gm_snapshot_next(&snapshot, &item, NULL, NULL), GM_END);
        gm_snapshot_close(&snapshot);
    }
    free(tail);
    gm_close(&fd);
}

/* How many items the file gives before it ends (GM_END) or is refused. */
static enum gm_status read_all(int fd, uint64_t *n_items)
{
    struct gm_snapshot snapshot;
    struct gm_item item;
    enum gm_status status = gm_snapshot_open(&snapshot, fd, 0, NULL);
    for (*n_items = 0; status == GM_OK; ++*n_items) {
        status = gm_snapshot_next(&snapshot, &item, NULL, NULL);
        assert_true(status != GM_OK ||
                    (item.reason < GM_REASON_COUNT && item.kind <= GM_ITEM_FILE));
    }
    --*n_items;
    gm_snapshot_close(&snapshot);
    return status;
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    int fd = scratch();
    write_samples(fd, know_some);
    off_t size = lseek(fd, 0, SEEK_END);
    uint64_t n_items;
    assert_int_equal(read_all(fd, &n_items), GM_END);
    for (off_t cut = size - 1; cut >= 0; cut--) {
        struct gm_snapshot_info info;
        struct gm_err err = {0};
        assert_int_equal(ftruncate(fd, cut), 0);
        assert_int_equal(gm_snapshot_info(fd, &info, &err), GM_INPUT);
        assert_true(err.text[0] != '\0');
        enum gm_status status = read_all(fd, &n_items);
        assert_true(status == GM_INPUT || (status == GM_END && cut > size - 40));
    }
    gm_close(&fd);
}

static void a_file_of_another_kind_is_refused(void **state)
{
    (void)state;
    int fd = scratch();
    struct gm_snapshot_info info;
    write_samples(fd, NULL);
    assert_int_equal(pwrite(fd, "X", 1, 6), 1);
    assert_int_equal(gm_snapshot_info(fd, &info, NULL), GM_INPUT);
    gm_close(&fd);
}

/* Any single byte may be wrong: the reader answers, and stays inside the file. */
static void damage_never_crashes_the_reader(void **state)
{
    (void)state;
    int fd = scratch();
    write_samples(fd, NULL);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 8; at < size; at++) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        for (size_t f = 0; f < sizeof flips; f++) {
            uint8_t byte, wrong;
            uint64_t n_items;
            assert_int_equal(pread(fd, &byte, 1, at), 1);
            wrong = byte ^ flips[f];
            assert_int_equal(pwrite(fd, &wrong, 1, at), 1);
            enum gm_status status = read_all(fd, &n_items);
            assert_true(status == GM_END || status == GM_INPUT);
            assert_true(n_items <= N_SAMPLES);
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
    }
    gm_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(the_last_generation_travels_with_the_item),
        cmocka_unit_test(huge_strings_are_kept_up_to_the_bound_and_listed_as_lost_above),
        cmocka_unit_test(skipping_to_an_item_gives_the_same_as_reading_up_to_it),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_file_of_another_kind_is_refused),
        cmocka_unit_test(damage_never_crashes_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
