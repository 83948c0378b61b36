/* What is to be done, in input order: the queue, the walk over tasks, segments and units, resuming
 * in the middle, and that every block goes back. */
#include "fake_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static enum gm_status take(struct fake_engine *fake, struct fake_place place, int route)
{
    struct gm_desc desc = fake_segment(fake, place, route, 3);
    return gm_units_segment(fake->engine, &desc, -1, &fake->err);
}

static void taken(struct fake_engine *fake, uint64_t task, uint32_t segment, int last, int route)
{
    assert_int_equal(take(fake, (struct fake_place){task, segment, last}, route), GM_OK);
}

/* Is the unit at the cursor that one? */
static void next_is(struct fake_engine *fake, struct gm_cursor *at, uint64_t task, uint32_t segment,
                    uint32_t sub)
{
    struct gm_unit *unit = gm_units_at(fake->engine, at);
    assert_non_null(unit);
    assert_int_equal(unit->task, task);
    assert_int_equal(unit->segment, segment);
    assert_int_equal(unit->sub, sub);
    at->sub = sub + 1;
}

static void the_queue_gives_the_oldest_first(void **state)
{
    enum { N = 500 };
    static struct gm_unit units[N];
    struct gm_unit_heap heap = {0};
    uint32_t random = 7;
    (void)state;
    assert_null(gm_heap_pop(&heap));
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < N; i++) {
            random = random * 1664525u + 1013904223u;
            units[i].task = random >> 8 & 7;
            units[i].segment = random >> 12 & 7;
            units[i].sub = random >> 16 & 31;
            assert_int_equal(gm_heap_push(&heap, &units[i], NULL), GM_OK);
            if (random >> 30 == 0)
                assert_int_equal(gm_heap_push(&heap, gm_heap_pop(&heap), NULL), GM_OK);
        }
        const struct gm_unit *last = gm_heap_peek(&heap);
        for (uint32_t i = 0; i < N; i++) {
            const struct gm_unit *unit = gm_heap_pop(&heap);
            struct gm_cursor at = {last->task, last->segment, last->sub};
            assert_true(gm_cursor_compare(unit->task, unit->segment, unit->sub, &at) >= 0);
            last = unit;
        }
        assert_null(gm_heap_peek(&heap));
    }
    free(heap.units);
}

static void tasks_may_come_in_any_order_and_are_walked_in_theirs(void **state)
{
    struct fake_engine fake;
    struct gm_cursor at = {0};
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    taken(&fake, 1, 0, LAST, ROUTE_TEXT);
    assert_null(gm_units_at(fake.engine, &at));
    taken(&fake, 0, 0, MORE, ROUTE_TEXT);
    next_is(&fake, &at, 0, 0, 0);
    next_is(&fake, &at, 0, 0, 1);
    assert_null(gm_units_at(fake.engine, &at)); /* the rest of the task is not known */
    taken(&fake, 0, 1, LAST, FAKE_NO_ROUTE);
    next_is(&fake, &at, 0, 1, 0);
    next_is(&fake, &at, 1, 0, 0);
    next_is(&fake, &at, 1, 0, 1);
    assert_null(gm_units_at(fake.engine, &at));
    assert_int_equal(at.task, 2);
    assert_int_equal(fake.engine->ready[ROUTE_TEXT].n_units, 2);
    assert_int_equal(gm_heap_peek(&fake.engine->ready[ROUTE_TEXT])->task, 0);
    fake_engine_close(&fake);
}

/* Sends a block of a container as its worker would. */
static void emit(struct fake_engine *fake, struct gm_unit *container, uint32_t sub)
{
    struct gm_span span;
    assert_int_equal(
        gm_pool_take(fake->engine->arenas[2], GM_BLOCK_BYTES, GM_POOL_INPUT, &span, NULL), GM_OK);
    const struct gm_desc desc = {
        .value = ROUTE_TEXT, .sub = sub, .out_page = span.page, .out_bytes = 100};
    assert_int_equal(gm_units_emit(fake->engine, container, &desc, 2, &fake->err), GM_OK);
}

static void a_container_holds_the_walk_until_it_is_read_to_its_end(void **state)
{
    struct fake_engine fake;
    struct gm_cursor at = {0};
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    taken(&fake, 0, 0, MORE, ROUTE_UNPACK);
    taken(&fake, 0, 1, LAST, ROUTE_TEXT);
    struct gm_unit *container = gm_heap_pop(&fake.engine->ready[ROUTE_UNPACK]);
    assert_true(container->container);
    next_is(&fake, &at, 0, 0, 0);
    assert_null(gm_units_at(fake.engine, &at));
    emit(&fake, container, 1);
    emit(&fake, container, 2);
    next_is(&fake, &at, 0, 0, 1);
    next_is(&fake, &at, 0, 0, 2);
    assert_null(gm_units_at(fake.engine, &at));
    gm_units_container_done(fake.engine, container);
    next_is(&fake, &at, 0, 1, 0);
    fake_engine_close(&fake);
}

static void an_empty_container_is_stepped_over(void **state)
{
    struct fake_engine fake;
    struct gm_cursor at = {0};
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    taken(&fake, 0, 0, LAST, ROUTE_UNPACK);
    next_is(&fake, &at, 0, 0, 0);
    gm_units_container_done(fake.engine, gm_heap_pop(&fake.engine->ready[ROUTE_UNPACK]));
    assert_null(gm_units_at(fake.engine, &at));
    assert_int_equal(at.task, 1);
    fake_engine_close(&fake);
}

static void what_was_committed_before_is_not_done_again(void **state)
{
    struct fake_engine fake;
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    fake_engine_resume(&fake, 4, 2, 1); /* the lines of segment 2 are out, its content is not */
    taken(&fake, 4, 2, MORE, ROUTE_TEXT);
    assert_int_equal(fake.engine->n_units, 1);
    next_is(&fake, &fake.engine->sent, 4, 2, 1);
    taken(&fake, 4, 3, LAST, FAKE_NO_ROUTE);
    next_is(&fake, &fake.engine->sent, 4, 3, 0);
    fake_engine_close(&fake);
}

static void a_container_goes_on_behind_its_committed_blocks(void **state)
{
    struct fake_engine fake;
    (void)state;
    for (uint32_t sub = 0; sub < 5; sub++) {
        fake_engine_open(&fake, 1, 1, 8);
        fake_engine_resume(&fake, 4, 2, sub);
        taken(&fake, 4, 2, LAST, ROUTE_UNPACK);
        struct gm_unit *container = gm_heap_pop(&fake.engine->ready[ROUTE_UNPACK]);
        uint32_t n_before = sub > 1 ? sub - 1 : 0;
        assert_int_equal(container->n_emitted, n_before);
        if (sub == 0)
            next_is(&fake, &fake.engine->sent, 4, 2, 0);
        assert_null(gm_units_at(fake.engine, &fake.engine->sent));
        emit(&fake, container, n_before + 1);
        next_is(&fake, &fake.engine->sent, 4, 2, n_before + 1);
        gm_units_container_done(fake.engine, container);
        assert_null(gm_units_at(fake.engine, &fake.engine->sent));
        assert_int_equal(fake.engine->sent.task, 5);
        fake_engine_close(&fake);
    }
}

static void committing_gives_every_block_back(void **state)
{
    struct fake_engine fake;
    struct gm_engine *engine;
    struct gm_unit *unit;
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    engine = fake.engine;
    taken(&fake, 0, 0, MORE, ROUTE_TEXT);
    taken(&fake, 0, 1, MORE, FAKE_NO_ROUTE);
    taken(&fake, 0, 2, LAST, ROUTE_UNPACK);
    struct gm_unit *container = gm_heap_pop(&engine->ready[ROUTE_UNPACK]);
    emit(&fake, container, 1);
    gm_units_container_done(engine, container);
    assert_int_equal(gm_pool_in_use(engine->arenas[0]), 3);
    while ((unit = gm_units_at(engine, &engine->committed))) {
        engine->committed.sub = unit->sub + 1;
        gm_units_free(engine, unit);
    }
    assert_int_equal(engine->committed.task, 1);
    assert_int_equal(engine->n_units, 0);
    for (uint32_t i = 0; i < engine->n_arenas; i++)
        assert_int_equal(gm_pool_in_use(engine->arenas[i]), 0);
    /* The slot of the window is free for a task one window later. */
    taken(&fake, GM_TASK_WINDOW + 1, 0, LAST, FAKE_NO_ROUTE);
    fake_engine_close(&fake);
}

static void refused(struct fake_engine *fake, struct gm_desc desc)
{
    assert_int_equal(gm_units_segment(fake->engine, &desc, -1, &fake->err), GM_INTERNAL);
    assert_true(strstr(fake->err.text, "fetch") || strstr(fake->err.text, "out of place"));
}

static void impossible_segments_are_refused(void **state)
{
    struct fake_engine fake;
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    fake_engine_resume(&fake, 3, 1, 0);
    struct gm_desc good = fake_segment(&fake, (struct fake_place){3, 1, MORE}, ROUTE_TEXT, 3);
    struct gm_desc bad = good;
    bad.task = 2;
    refused(&fake, bad);
    bad.task = 3 + GM_TASK_WINDOW + 1;
    refused(&fake, bad);
    bad.task = UINT64_MAX;
    refused(&fake, bad);
    bad = good;
    bad.segment = 0; /* was committed */
    refused(&fake, bad);
    bad.segment = 2; /* one is left out */
    refused(&fake, bad);
    bad = good;
    bad.value = N_FAKE_ROUTES;
    refused(&fake, bad);
    bad = good;
    bad.in_bytes = GM_BLOCK_BYTES + 1;
    refused(&fake, bad);
    bad = good;
    bad.in_page++; /* not where the block begins */
    refused(&fake, bad);
    bad = good;
    bad.out_page = UINT32_MAX;
    refused(&fake, bad);
    bad = good;
    bad.out_bytes = UINT32_MAX;
    refused(&fake, bad);
    struct gm_desc other = fake_segment(&fake, (struct fake_place){3, 2, LAST}, ROUTE_TEXT, 3);
    bad = good;
    bad.out_page = other.out_page; /* lines in another block */
    refused(&fake, bad);
    assert_int_equal(gm_units_segment(fake.engine, &good, -1, &fake.err), GM_OK);
    refused(&fake, good); /* again */
    good.segment = 2;
    refused(&fake, good); /* a block that it has given away */
    assert_int_equal(gm_units_segment(fake.engine, &other, -1, &fake.err), GM_OK);
    refused(&fake, fake_segment(&fake, (struct fake_place){3, 3, LAST}, ROUTE_TEXT, 3));
    fake_engine_close(&fake);
}

static void a_file_belongs_to_a_container_only(void **state)
{
    struct fake_engine fake;
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    struct gm_desc desc = fake_segment(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 1);
    desc.flags |= GM_DESC_FD;
    int fd = memfd_create("container", MFD_CLOEXEC);
    assert_int_equal(gm_units_segment(fake.engine, &desc, fd, &fake.err), GM_INTERNAL);
    assert_int_equal(fake.engine->n_files, 0);
    fake_engine_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_gives_the_oldest_first),
        cmocka_unit_test(tasks_may_come_in_any_order_and_are_walked_in_theirs),
        cmocka_unit_test(a_container_holds_the_walk_until_it_is_read_to_its_end),
        cmocka_unit_test(an_empty_container_is_stepped_over),
        cmocka_unit_test(what_was_committed_before_is_not_done_again),
        cmocka_unit_test(a_container_goes_on_behind_its_committed_blocks),
        cmocka_unit_test(committing_gives_every_block_back),
        cmocka_unit_test(impossible_segments_are_refused),
        cmocka_unit_test(a_file_belongs_to_a_container_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
