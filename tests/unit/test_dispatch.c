/* Who gets which work, with what, and when nobody does. */
#include "fake_engine.h"

#include "block.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void feed_tasks(struct fake_engine *fake, uint32_t n, int route)
{
    for (uint64_t task = 0; task < n; task++)
        fake_engine_feed(fake, (struct fake_place){task, 0, LAST}, route, 5);
}

static void turn(struct fake_engine *fake)
{
    assert_int_equal(fake_engine_turn(fake), GM_OK);
}

static uint32_t n_leases(const struct fake_engine *fake, uint32_t slot)
{
    return fake->engine->slots[slot].n_leases;
}

static void a_lease_names_its_input_and_an_output_block(void **state)
{
    struct fake_engine fake;
    struct gm_desc lease;
    uint32_t base;
    (void)state;
    fake_engine_open(&fake, 1, 1, 6);
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[0], &lease));
    assert_int_equal(lease.kind, GM_DESC_LEASE);
    assert_int_equal(lease.flags, 0);
    assert_int_equal(lease.in_arena, GM_ARENA_FETCH);
    assert_true(gm_pool_holds(fake.engine->arenas[0], lease.in_page, lease.in_bytes, &base));
    assert_int_equal(lease.out_bytes, GM_BLOCK_BYTES);
    assert_true(gm_pool_holds(fake.engine->arenas[1], lease.out_page, lease.out_bytes, &base));
    assert_ptr_equal(gm_slot_unit(&fake.engine->slots[0], lease.lease),
                     fake.engine->slots[0].leases[0]);
    assert_null(gm_slot_unit(&fake.engine->slots[0], lease.lease + 1));
    assert_false(fake_hear(&fake.workers[1], &lease));
    fake_engine_close(&fake);
}

static void the_oldest_work_goes_first_and_to_the_idlest(void **state)
{
    struct fake_engine fake;
    struct gm_desc lease;
    (void)state;
    fake_engine_open(&fake, 2, 0, 8);
    for (uint64_t task = 3; task-- > 0;)
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    uint64_t tasks[2];
    for (uint32_t slot = 0; slot < 2; slot++) {
        assert_true(fake_hear(&fake.workers[slot], &lease));
        tasks[slot] = lease.task;
    }
    assert_int_equal(tasks[0] + tasks[1], 1); /* tasks 0 and 1, one each */
    fake_engine_close(&fake);
}

static void quick_workers_get_work_ahead_and_slow_ones_do_not(void **state)
{
    static const struct {
        double block_ns;
        uint32_t n;
    } rows[] = {{0, 2}, {1e9, 1}, {5e6, 1}, {3e6, 2}, {1e4, GM_MAX_LEASES}};
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        struct fake_engine fake;
        fake_engine_open(&fake, 1, 0, 8);
        fake.engine->slots[0].block_ns = rows[i].block_ns;
        feed_tasks(&fake, 7, ROUTE_TEXT);
        turn(&fake);
        assert_int_equal(n_leases(&fake, 0), rows[i].n);
        fake_engine_close(&fake);
    }
}

static void no_more_workers_are_busy_than_there_are_cpus(void **state)
{
    struct fake_engine fake;
    struct gm_desc lease, need;
    (void)state;
    fake_engine_open(&fake, 3, 2, 8);
    fake.plan->n_cpus = 2;
    feed_tasks(&fake, 3, ROUTE_UNPACK);
    turn(&fake);
    assert_int_equal(gm_busy_slots(fake.engine), 2);
    for (uint64_t task = 3; task < 8; task++)
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    assert_int_equal(gm_busy_slots(fake.engine), 2);
    for (uint32_t slot = 0; slot < 3; slot++)
        assert_int_equal(n_leases(&fake, slot), 0);
    /* One that waits for a block leaves its CPU to another. */
    fake.engine->arenas[4]->n_free = 0;
    assert_true(fake_hear(&fake.workers[3], &lease));
    need = (struct gm_desc){.kind = GM_DESC_NEED, .lease = lease.lease, .value = GM_BLOCK_BYTES};
    fake_say(&fake.workers[3], &need);
    turn(&fake);
    assert_true(fake.engine->slots[3].needs);
    assert_true(n_leases(&fake, 0) + n_leases(&fake, 1) + n_leases(&fake, 2) > 0);
    assert_int_equal(gm_busy_slots(fake.engine), 2);
    fake.engine->arenas[4]->n_free = 8;
    fake_engine_close(&fake);
}

/* Says that a lease needs more than its worker's share; or, after it has had it, that it is done.
 */
static void say_done(struct fake_engine *fake, uint32_t slot, const struct gm_desc *lease,
                     bool needs_more)
{
    struct gm_desc done = *lease;
    if (!needs_more) {
        fake_worker_done(fake, slot, lease, NULL, 5);
        return;
    }
    done.kind = GM_DESC_DONE;
    done.flags |= GM_DESC_HEAP;
    done.out_bytes = 0;
    fake_say(&fake->workers[slot], &done);
}

static void who_needs_more_than_its_share_has_it_alone(void **state)
{
    struct fake_engine fake;
    struct gm_desc first, second, lease;
    (void)state;
    fake_engine_open(&fake, 2, 0, 8);
    for (uint32_t slot = 0; slot < 2; slot++)
        fake.engine->slots[slot].block_ns = 1e9; /* one lease each */
    feed_tasks(&fake, 6, ROUTE_TEXT);
    turn(&fake);
    uint32_t one = 0;
    assert_true(fake_hear(&fake.workers[0], &first) && fake_hear(&fake.workers[1], &second));
    if (first.task != 0) {
        one = 1;
        lease = first;
        first = second;
        second = lease;
    }
    assert_int_equal(first.flags & GM_DESC_HEAP, 0);
    say_done(&fake, one, &first, true); /* the other still works: nobody gets anything */
    turn(&fake);
    assert_int_equal(n_leases(&fake, one), 0);
    assert_int_equal(n_leases(&fake, 1 - one), 1);
    say_done(&fake, 1 - one, &second, false);
    turn(&fake);
    assert_int_equal(n_leases(&fake, 0) + n_leases(&fake, 1), 1);
    uint32_t holder = n_leases(&fake, 1) == 1;
    assert_true(fake_hear(&fake.workers[holder], &lease));
    assert_int_equal(lease.task, 0);
    assert_int_not_equal(lease.flags & GM_DESC_HEAP, 0);
    say_done(&fake, holder, &lease, false);
    turn(&fake);
    assert_true(fake.engine->slots[holder].retiring); /* told to stop, and replaced when it has */
    assert_int_equal(n_leases(&fake, 0) + n_leases(&fake, 1), 0);
    assert_true(fake_hear(&fake.workers[holder], &lease));
    assert_int_equal(lease.kind, GM_DESC_STOP);
    fake.engine->slots[holder].retiring = false;
    turn(&fake);
    assert_int_equal(n_leases(&fake, 0), 1);
    assert_int_equal(n_leases(&fake, 1), 1);
    fake_engine_close(&fake);
}

static void what_is_unpacked_is_finished_before_more_is_unpacked(void **state)
{
    struct fake_engine fake;
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    fake.plan->n_cpus = 1;
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_UNPACK, 1);
    fake_engine_feed(&fake, (struct fake_place){1, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    assert_int_equal(n_leases(&fake, 0), 1);
    assert_int_equal(n_leases(&fake, 1), 0);
    fake_engine_close(&fake);
}

static void without_an_output_block_nobody_is_leased(void **state)
{
    struct fake_engine fake;
    struct gm_desc lease;
    (void)state;
    fake_engine_open(&fake, 1, 0, 2);
    feed_tasks(&fake, 2, ROUTE_TEXT);
    turn(&fake);
    /* Both results wait for a writer that does not take them; a third block has to wait. */
    while (fake_hear(&fake.workers[0], &lease))
        fake_worker_done(&fake, 0, &lease, NULL, 5);
    turn(&fake);
    assert_int_equal(fake.engine->arenas[1]->n_free, 0);
    fake_engine_feed(&fake, (struct fake_place){2, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    assert_int_equal(n_leases(&fake, 0), 0);
    while (fake_writer_write(&fake, &lease))
        turn(&fake);
    assert_int_equal(n_leases(&fake, 0), 1);
    fake_engine_close(&fake);
}

static void a_larger_output_block_replaces_the_small_one(void **state)
{
    struct fake_engine fake;
    struct gm_desc lease, desc;
    (void)state;
    fake_engine_open(&fake, 1, 0, 6);
    feed_tasks(&fake, 1, ROUTE_TEXT);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[0], &lease));
    desc = (struct gm_desc){.kind = GM_DESC_NEED, .lease = lease.lease, .value = 300000};
    fake_say(&fake.workers[0], &desc);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[0], &desc));
    assert_int_equal(desc.kind, GM_DESC_GRANT);
    assert_int_equal(desc.lease, lease.lease);
    assert_true(desc.out_bytes >= 300000);
    assert_int_equal(gm_pool_in_use(fake.engine->arenas[1]), 1);
    lease.out_page = desc.out_page;
    lease.out_bytes = desc.out_bytes;
    fake_worker_done(&fake, 0, &lease, NULL, 5);
    turn(&fake);
    assert_int_equal(n_leases(&fake, 0), 0);
    for (int i = 0; i < 2; i++)
        assert_true(fake_writer_write(&fake, &desc));
    assert_int_equal(desc.in_page, lease.out_page);
    turn(&fake);
    assert_int_equal(gm_pool_in_use(fake.engine->arenas[1]), 0);
    fake_engine_close(&fake);
}

static void blocks_of_a_container_become_work_for_others(void **state)
{
    struct fake_engine fake;
    struct gm_desc container, lease, desc;
    (void)state;
    fake_engine_open(&fake, 1, 1, 6);
    feed_tasks(&fake, 1, ROUTE_UNPACK);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[1], &container));
    assert_int_equal(container.row_count, GM_NO_LIMIT);
    assert_int_equal(container.out_bytes, 0);
    for (uint32_t sub = 1; sub <= 2; sub++)
        fake_worker_emit(&fake, 1, &container, sub, 4);
    desc = (struct gm_desc){.kind = GM_DESC_NEED, .lease = container.lease, .value = 100};
    fake_say(&fake.workers[1], &desc);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[1], &desc));
    desc = (struct gm_desc){.kind = GM_DESC_EMIT,
                            .value = GM_NO_LIMIT,
                            .lease = container.lease,
                            .out_page = desc.out_page};
    fake_say(&fake.workers[1], &desc); /* not needed after all */
    turn(&fake);
    assert_int_equal(gm_pool_in_use(fake.engine->arenas[2]), 2);
    fake_worker_done(&fake, 1, &container, NULL, 0);
    turn(&fake);
    for (uint32_t sub = 1; sub <= 2; sub++) {
        assert_true(fake_hear(&fake.workers[0], &lease));
        assert_int_equal(lease.sub, sub);
        assert_int_equal(lease.in_arena, 2);
        fake_worker_done(&fake, 0, &lease, NULL, 4);
    }
    turn(&fake);
    for (int i = 0; i < 3; i++)
        assert_true(fake_writer_write(&fake, &desc));
    turn(&fake);
    assert_int_equal(fake.engine->committed.task, 1);
    assert_int_equal(fake.engine->n_units, 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(gm_pool_in_use(fake.engine->arenas[i]), 0);
    fake_engine_close(&fake);
}

static void a_block_ahead_leaves_one_for_who_waits(void **state)
{
    struct fake_engine fake;
    struct gm_desc container, desc;
    (void)state;
    fake_engine_open(&fake, 1, 1, 3);
    feed_tasks(&fake, 1, ROUTE_UNPACK);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[1], &container));
    struct gm_pool *pool = fake.engine->arenas[fake.engine->slots[1].arena];
    const struct gm_desc ahead = {.kind = GM_DESC_NEED,
                                  .flags = GM_DESC_AHEAD,
                                  .lease = container.lease,
                                  .value = GM_BLOCK_BYTES};
    for (uint32_t n_free = pool->n_free; n_free >= 2; n_free--) {
        fake_say(&fake.workers[1], &ahead);
        turn(&fake);
        assert_true(fake_hear(&fake.workers[1], &desc));
        assert_int_equal(desc.kind, GM_DESC_GRANT);
        assert_true(desc.flags & GM_DESC_AHEAD);
        assert_int_equal(pool->n_free, n_free - 1);
    }
    fake_say(&fake.workers[1], &ahead);
    turn(&fake);
    assert_false(fake_hear(&fake.workers[1], &desc));
    desc = (struct gm_desc){.kind = GM_DESC_EMIT,
                            .value = GM_NO_LIMIT,
                            .lease = container.lease,
                            .out_page = desc.out_page};
    fake_say(&fake.workers[1], &desc); /* gives one back, and so gets what it wished for before */
    turn(&fake);
    assert_true(fake_hear(&fake.workers[1], &desc));
    assert_int_equal(desc.kind, GM_DESC_GRANT);
    assert_int_equal(pool->n_free, 1);
    fake_engine_close(&fake);
}

static void fetch_gets_what_it_asks_for_while_there_is_some(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc = {.kind = GM_DESC_NEED, .value = GM_BLOCK_BYTES};
    (void)state;
    fake_engine_open(&fake, 1, 0, 4);
    for (int i = 0; i < 5; i++)
        fake_say(&fake.fetch, &desc);
    fake.engine->arenas[0]->n_free -= 60;
    desc.value = 1000000;
    fake_say(&fake.fetch, &desc);
    turn(&fake);
    uint32_t n_small = 0, n_large = 0;
    while (fake_hear(&fake.fetch, &desc)) {
        assert_int_equal(desc.kind, GM_DESC_GRANT);
        n_small += desc.out_bytes == GM_BLOCK_BYTES;
        n_large += desc.out_bytes >= 1000000;
    }
    assert_int_equal(n_small, 4);
    assert_int_equal(n_large, 1); /* a small one that is missing does not hold it up */
    assert_int_equal(fake.engine->fetch_needs_small, 1);
    fake.engine->arenas[0]->n_free += 60;
    fake_engine_close(&fake);
}

static bool hears_large_grant(struct fake_engine *fake)
{
    struct gm_desc desc;
    bool any = false;
    while (fake_hear(&fake->fetch, &desc))
        any |= desc.kind == GM_DESC_GRANT && desc.out_bytes >= 1000000;
    return any;
}

static void no_large_block_is_filled_ahead_of_plenty_of_work(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc = {.kind = GM_DESC_NEED, .value = 1000000}, lease;
    uint32_t n_done = 0;
    (void)state;
    enum { N_TASKS = 40 };
    fake_engine_open(&fake, 1, 0, N_TASKS + 4);
    for (uint64_t task = 0; task < N_TASKS; task++) {
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, 5);
        turn(&fake);
    }
    fake_say(&fake.fetch, &desc);
    turn(&fake);
    assert_false(hears_large_grant(&fake));
    for (; n_done < N_TASKS && fake.engine->fetch_needs_large > 0; n_done++) {
        assert_true(fake_hear(&fake.workers[0], &lease));
        fake_worker_done(&fake, 0, &lease, NULL, 5);
        turn(&fake);
    }
    assert_true(n_done > 0 && n_done < N_TASKS); /* before the work is done */
    assert_true(hears_large_grant(&fake));
    fake_engine_close(&fake);
}

static void fetch_is_told_how_far_all_is_written(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc;
    (void)state;
    fake_engine_open(&fake, 1, 0, 4);
    feed_tasks(&fake, 2, FAKE_NO_ROUTE);
    turn(&fake);
    while (fake_writer_write(&fake, &desc))
        turn(&fake);
    desc = (struct gm_desc){.kind = GM_DESC_COMMITTED, .task = 1};
    fake_say(&fake.writer, &desc);
    turn(&fake);
    uint64_t head = 0, durable = 0;
    while (fake_hear(&fake.fetch, &desc)) {
        assert_int_equal(desc.kind, GM_DESC_HEAD);
        head = desc.task;
        durable = desc.lease;
    }
    assert_int_equal(head, 2);
    assert_int_equal(durable, 1);
    fake_engine_close(&fake);
}

static void nothing_new_is_leased_while_draining(void **state)
{
    struct fake_engine fake;
    struct gm_desc lease;
    (void)state;
    fake_engine_open(&fake, 1, 0, 8);
    fake.engine->slots[0].block_ns = 1e9;
    feed_tasks(&fake, 3, ROUTE_TEXT);
    turn(&fake);
    fake.engine->phase = GM_ENGINE_DRAINING;
    assert_true(fake_hear(&fake.workers[0], &lease));
    fake_worker_done(&fake, 0, &lease, NULL, 5);
    turn(&fake);
    assert_int_equal(n_leases(&fake, 0), 0);
    assert_true(fake_writer_write(&fake, &lease)); /* what is finished is still written */
    fake_engine_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_names_its_input_and_an_output_block),
        cmocka_unit_test(the_oldest_work_goes_first_and_to_the_idlest),
        cmocka_unit_test(quick_workers_get_work_ahead_and_slow_ones_do_not),
        cmocka_unit_test(no_more_workers_are_busy_than_there_are_cpus),
        cmocka_unit_test(who_needs_more_than_its_share_has_it_alone),
        cmocka_unit_test(what_is_unpacked_is_finished_before_more_is_unpacked),
        cmocka_unit_test(without_an_output_block_nobody_is_leased),
        cmocka_unit_test(a_larger_output_block_replaces_the_small_one),
        cmocka_unit_test(blocks_of_a_container_become_work_for_others),
        cmocka_unit_test(a_block_ahead_leaves_one_for_who_waits),
        cmocka_unit_test(fetch_gets_what_it_asks_for_while_there_is_some),
        cmocka_unit_test(no_large_block_is_filled_ahead_of_plenty_of_work),
        cmocka_unit_test(fetch_is_told_how_far_all_is_written),
        cmocka_unit_test(nothing_new_is_leased_while_draining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
