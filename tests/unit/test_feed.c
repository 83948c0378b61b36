/* The fetch process's side: which segments the supervisor hears, and that they depend on the items
 * and nothing else. */
#include "fake_fetch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void number_only(uint64_t number, struct gm_item *item)
{
    static char text[64];
    snprintf(text, sizeof text, "http://example.org/%llu", (unsigned long long)number);
    item->locator = text;
}

static void small_text(uint64_t number, struct gm_fetched *fetched)
{
    fetched->n_bytes = 10 + number % 7;
}

/* Of everything something: sizes up to three megabytes, kinds, failures, long names. */
static void mixed_list(uint64_t number, struct gm_item *item)
{
    static char text[3000];
    int width = number % 11 == 0 ? 2500 : number % 5 == 0 ? 700 : 3;
    snprintf(text, sizeof text, "http://example.org/%0*llu", width, (unsigned long long)number);
    item->locator = text;
    item->name = number % 3 == 0 ? "dir/name.txt" : NULL;
    item->meta_json = number % 4 == 0 ? "{\"a\":1}" : NULL;
    if (number % 37 == 5) {
        item->reason = GM_REASON_FETCH_LIST;
        item->message = "the row has no URL";
    }
}

static void mixed_outcome(uint64_t number, struct gm_fetched *fetched)
{
    static const enum gm_media kinds[] = {GM_MEDIA_TEXT, GM_MEDIA_TEXT, GM_MEDIA_PNG,
                                          GM_MEDIA_TEXT, GM_MEDIA_TAR,  GM_MEDIA_PDF,
                                          GM_MEDIA_TEXT, GM_MEDIA_EMPTY};
    fetched->media = kinds[number * 5 % 8];
    fetched->n_bytes = number * 7919 % 50000;
    if (number % 53 == 0)
        fetched->n_bytes = 300000 + number;
    if (number % 170 == 7)
        fetched->n_bytes = 2900000;
    if (fetched->media == GM_MEDIA_EMPTY)
        fetched->n_bytes = 0;
    if (fetched->media == GM_MEDIA_TAR && number % 16 == 4) {
        fetched->fd = memfd_create("body", MFD_CLOEXEC);
        assert_int_equal(ftruncate(fetched->fd, (off_t)fetched->n_bytes), 0);
    }
    if (number % 29 == 3) {
        fetched->reason = GM_REASON_FETCH_TIMEOUT;
        snprintf(fetched->message, sizeof fetched->message, "not finished");
    }
    fetched->unchanged = number % 31 == 1 && fetched->fd < 0;
}

static void run_mixed(struct fake_fetch *fetch, uint64_t n_items, uint32_t seed)
{
    fake_fetch_open(fetch);
    fetch->n_items = n_items;
    fetch->seed = seed;
    fetch->describe = mixed_list;
    fetch->finish = mixed_outcome;
}

static void finished_well(const struct fake_fetch *fetch)
{
    assert_int_equal(fetch->obituary.death, GM_DEATH_EXIT);
    assert_int_equal(fetch->obituary.code, 0);
    assert_int_equal(gm_pool_in_use(&fetch->supervisor.pools[ARENA_FETCH]) <= 7, 1);
}

/* Segments follow each other without a gap and cover every item once. */
static void covers_all(const struct fake_fetch *fetch, struct gm_feed_start start)
{
    uint64_t task = start.task;
    uint32_t segment = start.segment, row = start.row, n_lines = 0;
    for (uint32_t i = 0; i < fetch->n_segments; i++) {
        const struct fake_segment *at = &fetch->segments[i];
        assert_int_equal(at->task, task);
        assert_int_equal(at->segment, segment);
        assert_int_equal(at->row_first, row);
        assert_true(at->row_count > 0);
        assert_int_equal(at->n_lines, at->row_count);
        assert_int_equal(at->n_in, at->n_rejects);
        segment++;
        row += at->row_count;
        n_lines += at->n_lines;
        uint64_t left = fetch->n_items - task * GM_TASK_ITEMS;
        assert_int_equal(at->last, row == (left < GM_TASK_ITEMS ? left : GM_TASK_ITEMS));
        if (at->last) {
            task++;
            segment = row = 0;
        }
    }
    assert_int_equal(task, (fetch->n_items + GM_TASK_ITEMS - 1) / GM_TASK_ITEMS);
    assert_int_equal(n_lines, fetch->n_items - start.task * GM_TASK_ITEMS - start.row);
    assert_int_equal(fetch->n_tasks, task);
}

static void same_segments(const struct fake_segment *a, const struct fake_segment *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        assert_memory_equal(&a[i], &b[i], sizeof *a);
}

static void every_item_is_in_one_segment(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    run_mixed(&fetch, 500, 0);
    fake_fetch_run(&fetch);
    finished_well(&fetch);
    fake_fetch_sort(&fetch);
    covers_all(&fetch, (struct gm_feed_start){0});
    assert_int_equal(fetch.n_items_finished, 500);
    bool seen[N_FAKE_ROUTES + 1] = {false}, fd = false;
    for (uint32_t i = 0; i < fetch.n_segments; i++) {
        seen[fetch.segments[i].route + 1] = true;
        fd |= fetch.segments[i].fd_bytes != UINT64_MAX;
        if (fetch.segments[i].route == ROUTE_UNPACK)
            assert_int_equal(fetch.segments[i].n_rows, 1); /* a container stands alone */
    }
    assert_true(seen[1] && seen[2] && seen[3]);
    assert_true(fd);
    fake_fetch_close(&fetch);
}

static void segments_do_not_depend_on_timing(void **state)
{
    struct fake_fetch plain;
    (void)state;
    run_mixed(&plain, 500, 0);
    fake_fetch_run(&plain);
    finished_well(&plain);
    fake_fetch_sort(&plain);
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct fake_fetch fetch;
        run_mixed(&fetch, 500, seed);
        fetch.n_open = seed % 3 == 0 ? 5 * seed : 0;
        fetch.setup.in_order = seed % 4 == 1;
        fake_fetch_run(&fetch);
        finished_well(&fetch);
        for (uint32_t i = 1; i < fetch.n_segments && fetch.setup.in_order; i++)
            assert_true(fetch.segments[i - 1].task <= fetch.segments[i].task);
        fake_fetch_sort(&fetch);
        assert_int_equal(fetch.n_segments, plain.n_segments);
        same_segments(fetch.segments, plain.segments, plain.n_segments);
        fake_fetch_close(&fetch);
    }
    fake_fetch_close(&plain);
}

static void middling_name(uint64_t number, struct gm_item *item)
{
    static char text[600];
    snprintf(text, sizeof text, "http://example.org/%0400llu", (unsigned long long)number);
    item->locator = text;
}

/* Here the lines of items.jsonl fill the segment; how long a download took stands in them. */
static void times_in_the_lines_do_not_move_the_cuts(void **state)
{
    struct fake_fetch fetches[3];
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        fake_fetch_open(&fetches[i]);
        fetches[i].n_items = 320;
        fetches[i].seed = i;
        fetches[i].describe = middling_name;
        fetches[i].finish = small_text;
        fake_fetch_run(&fetches[i]);
        finished_well(&fetches[i]);
        fake_fetch_sort(&fetches[i]);
        assert_true(fetches[i].n_segments > 5);
        assert_int_equal(fetches[i].n_segments, fetches[0].n_segments);
        same_segments(fetches[i].segments, fetches[0].segments, fetches[0].n_segments);
    }
    for (uint32_t i = 0; i < 3; i++)
        fake_fetch_close(&fetches[i]);
}

static char *quotes(size_t n_bytes)
{
    char *text = malloc(n_bytes + 1);
    memset(text, '"', n_bytes);
    text[n_bytes] = '\0';
    return text;
}

static void longest_name(uint64_t number, struct gm_item *item)
{
    static char text[GM_SNAPSHOT_TEXT_BYTES + 1];
    memset(text, (int)number % 31 + 1, GM_SNAPSHOT_TEXT_BYTES); /* the longest to escape */
    memcpy(text, number % 2 ? "a" : "\xf0\x9f\x92\xa9", number % 2 ? 1 : 4);
    item->locator = item->name = text;
    item->meta_json = text;
}

/* Every header as long as a server may make it, and full of what has to be escaped. */
static void longest_headers(uint64_t number, struct gm_fetched *fetched)
{
    char **const headers[] = {&fetched->final_url, &fetched->etag, &fetched->last_modified,
                              &fetched->content_type};
    for (size_t i = 0; i < 4; i++)
        *headers[i] = quotes(60000);
    memset(fetched->message, 1, sizeof fetched->message - 1);
    fetched->n_bytes = 60000 + 7000 * (number % 20); /* some fill a block to its end */
    fetched->reason = number % 3 ? GM_REASON_NONE : GM_REASON_FETCH_HTTP;
}

static void largest_record(uint64_t number, struct gm_fetched *fetched)
{
    fetched->n_bytes = (4u << 20) / 16 * 15 - number % 2; /* as the planner clips max_record */
}

static void a_record_that_fits_no_block_with_its_names_is_rejected(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    for (int long_names = 0; long_names < 2; long_names++) {
        fake_fetch_open(&fetch);
        fetch.supervisor.plan->job.max_record_bytes = (4u << 20) / 16 * 15;
        fetch.n_items = 4;
        fetch.describe = long_names ? longest_name : number_only;
        fetch.finish = largest_record;
        fake_fetch_run(&fetch);
        finished_well(&fetch);
        covers_all(&fetch, (struct gm_feed_start){0});
        for (uint32_t i = 0; i < fetch.n_segments; i++)
            assert_int_equal(fetch.segments[i].n_rejects,
                             long_names ? fetch.segments[i].row_count : 0);
        fake_fetch_close(&fetch);
    }
}

static void long_name_of_quotes(uint64_t number, struct gm_item *item)
{
    static char text[20001];
    number_only(number, item);
    memset(text, number % 2 ? '"' : 'n', sizeof text - 1);
    item->name = text;
}

static void the_longest_strings_fit_a_segment(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    fake_fetch_open(&fetch);
    fetch.n_items = 40;
    fetch.describe = longest_name;
    fetch.finish = longest_headers;
    fake_fetch_run(&fetch);
    finished_well(&fetch);
    covers_all(&fetch, (struct gm_feed_start){0});
    fake_fetch_close(&fetch);
    fake_fetch_open(&fetch);
    fetch.n_items = 40;
    fetch.describe = long_name_of_quotes;
    fetch.finish = longest_headers;
    fake_fetch_run(&fetch);
    finished_well(&fetch);
    covers_all(&fetch, (struct gm_feed_start){0});
    fake_fetch_close(&fetch);
}

static void a_resumed_run_cuts_at_the_same_places(void **state)
{
    struct fake_fetch plain;
    (void)state;
    run_mixed(&plain, 200, 3);
    fake_fetch_run(&plain);
    fake_fetch_sort(&plain);
    for (uint32_t from = 1; from < plain.n_segments; from += 5) {
        const struct fake_segment *at = &plain.segments[from];
        struct fake_fetch fetch;
        run_mixed(&fetch, 200, 100 + from);
        fetch.setup.start = (struct gm_feed_start){at->task, at->segment, at->row_first};
        fake_fetch_run(&fetch);
        finished_well(&fetch);
        fake_fetch_sort(&fetch);
        covers_all(&fetch, fetch.setup.start);
        assert_int_equal(fetch.n_segments, plain.n_segments - from);
        same_segments(fetch.segments, at, fetch.n_segments);
        fake_fetch_close(&fetch);
    }
    fake_fetch_close(&plain);
}

static void nothing_left_is_an_end_at_once(void **state)
{
    (void)state;
    for (uint64_t n_items = 0; n_items <= 64; n_items += 64) {
        struct fake_fetch fetch;
        run_mixed(&fetch, n_items, 0);
        fetch.setup.start.task = n_items / 64;
        fake_fetch_run(&fetch);
        finished_well(&fetch);
        assert_int_equal(fetch.n_segments, 0);
        assert_int_equal(fetch.n_tasks, n_items / 64);
        fake_fetch_close(&fetch);
    }
}

/* More tasks than the window has, the first item coming last: the rest waits and nothing hangs. */
static void a_slow_first_item_stops_nothing_but_the_window(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    fake_fetch_open(&fetch);
    fetch.n_items = 70 * GM_TASK_ITEMS;
    fetch.seed = 5;
    fetch.hold_back = 3;
    fetch.describe = number_only;
    fetch.finish = small_text;
    fake_fetch_run(&fetch);
    finished_well(&fetch);
    assert_int_equal(fetch.segments[GM_TASK_WINDOW - 1].task, 0);
    fake_fetch_sort(&fetch);
    covers_all(&fetch, (struct gm_feed_start){0});
    fake_fetch_close(&fetch);
}

static void in_order_means_that_all_wait_for_the_first(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    fake_fetch_open(&fetch);
    fetch.n_items = 20 * GM_TASK_ITEMS;
    fetch.seed = 7;
    fetch.hold_back = 3;
    fetch.setup.in_order = true;
    fetch.describe = number_only;
    fetch.finish = small_text;
    fake_fetch_run(&fetch);
    finished_well(&fetch);
    covers_all(&fetch, (struct gm_feed_start){0}); /* without sorting */
    fake_fetch_close(&fetch);
}

static void half_a_megabyte(uint64_t number, struct gm_fetched *fetched)
{
    (void)number;
    fetched->n_bytes = 500000;
}

/* Each takes a large block of its own, so that the small ones that were asked for stay untouched
 * and nothing but segments fills the ring. */
static void a_long_row_of_large_bodies_comes_through(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    fake_fetch_open(&fetch);
    fetch.n_items = 150;
    fetch.describe = number_only;
    fetch.finish = half_a_megabyte;
    fake_fetch_run(&fetch);
    finished_well(&fetch);
    assert_int_equal(fetch.n_segments, 150);
    covers_all(&fetch, (struct gm_feed_start){0});
    fake_fetch_close(&fetch);
}

/* Bodies beyond the process's share of memory wait in the hold file; they come back whole. */
static void bodies_that_wait_on_disk_come_back_whole(void **state)
{
    struct fake_fetch plain, held;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fake_fetch *fetch = i ? &held : &plain;
        run_mixed(fetch, 256, 11);
        fetch->hold_back = 2;
        fetch->supervisor.plan->memory.fetch_heap = i ? 20000 : (uint64_t)1 << 40;
        fake_fetch_run(fetch);
        finished_well(fetch);
        fake_fetch_sort(fetch);
    }
    assert_int_equal(lseek(plain.setup.hold_fd, 0, SEEK_END), 0);
    assert_true(lseek(held.setup.hold_fd, 0, SEEK_END) > 1000000);
    assert_int_equal(plain.n_segments, held.n_segments);
    same_segments(plain.segments, held.segments, plain.n_segments);
    fake_fetch_close(&plain);
    fake_fetch_close(&held);
}

static void stop_ends_it_in_the_middle(void **state)
{
    struct fake_fetch fetch;
    (void)state;
    run_mixed(&fetch, 2000, 0);
    fetch.stop_after = 3;
    fake_fetch_run(&fetch);
    assert_int_equal(fetch.obituary.code, 0);
    assert_true(fetch.n_tasks == UINT64_MAX);
    assert_true(fetch.n_segments < 60);
    fake_fetch_close(&fetch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_in_one_segment),
        cmocka_unit_test(segments_do_not_depend_on_timing),
        cmocka_unit_test(times_in_the_lines_do_not_move_the_cuts),
        cmocka_unit_test(the_longest_strings_fit_a_segment),
        cmocka_unit_test(a_record_that_fits_no_block_with_its_names_is_rejected),
        cmocka_unit_test(a_resumed_run_cuts_at_the_same_places),
        cmocka_unit_test(nothing_left_is_an_end_at_once),
        cmocka_unit_test(a_slow_first_item_stops_nothing_but_the_window),
        cmocka_unit_test(in_order_means_that_all_wait_for_the_first),
        cmocka_unit_test(a_long_row_of_large_bodies_comes_through),
        cmocka_unit_test(bodies_that_wait_on_disk_come_back_whole),
        cmocka_unit_test(stop_ends_it_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
