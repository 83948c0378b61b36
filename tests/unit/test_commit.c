/* Finished work to the gate and to the writer: in input order whatever finished first, with the key
 * behind each block, and what waits goes to disk. */
#include "fake_engine.h"

#include "block.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void turn(struct fake_engine *fake)
{
    assert_int_equal(fake_engine_turn(fake), GM_OK);
}

/* Everything that the workers hold now is finished, the last leased first. */
static void finish_backwards(struct fake_engine *fake)
{
    struct gm_desc leases[FAKE_MAX_SLOTS * GM_MAX_LEASES];
    uint32_t slots[FAKE_MAX_SLOTS * GM_MAX_LEASES], n = 0;
    for (uint32_t slot = 0; slot < fake->engine->n_slots; slot++)
        while (fake_hear(&fake->workers[slot], &leases[n]))
            slots[n++] = slot;
    while (n-- > 0)
        fake_worker_done(fake, slots[n], &leases[n], NULL, 5);
    turn(fake);
}

static void blocks_are_written_in_order_whatever_finished_first(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc, last = {0};
    uint32_t n_written = 0;
    (void)state;
    fake_engine_open(&fake, 3, 0, 12);
    for (uint64_t task = 12; task-- > 0;) {
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, 5);
        if (task == 6)
            turn(&fake);
    }
    for (int round = 0; round < 12; round++) {
        turn(&fake);
        finish_backwards(&fake);
        while (fake_writer_write(&fake, &desc)) {
            struct gm_cursor at = {last.task, last.segment, last.sub};
            assert_true(gm_cursor_compare(desc.task, desc.segment, desc.sub, &at) > 0);
            last = desc;
            n_written++;
            turn(&fake);
        }
    }
    assert_int_equal(n_written, 24);
    assert_int_equal(fake.engine->committed.task, 12);
    assert_int_equal(fake.engine->n_units, 0);
    assert_int_equal(fake.engine->n_writing, 0);
    fake_engine_close(&fake);
}

static void key_is(struct fake_engine *fake, uint64_t task, uint32_t segment, uint32_t sub,
                   uint32_t row)
{
    struct gm_desc desc;
    assert_true(fake_writer_write(fake, &desc));
    assert_int_equal(desc.task, task);
    assert_int_equal(desc.segment, segment);
    assert_int_equal(desc.sub, sub);
    assert_int_equal(desc.row_first, row);
    turn(fake);
}

/* Each WRITE says where a run would go on that has this block and nothing behind it. */
static void every_block_carries_the_key_behind_it(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc, container;
    (void)state;
    fake_engine_open(&fake, 1, 1, 8);
    desc = fake_segment(&fake, (struct fake_place){0, 0, MORE}, ROUTE_TEXT, 5);
    desc.row_first = 0;
    fake_say(&fake.fetch, &desc);
    desc = fake_segment(&fake, (struct fake_place){0, 1, MORE}, ROUTE_UNPACK, 1);
    desc.row_first = 5;
    fake_say(&fake.fetch, &desc);
    desc = fake_segment(&fake, (struct fake_place){0, 2, LAST}, FAKE_NO_ROUTE, 2);
    desc.row_first = 6;
    fake_say(&fake.fetch, &desc);
    turn(&fake);
    assert_true(fake_hear(&fake.workers[1], &container));
    fake_worker_emit(&fake, 1, &container, 1, 4);
    finish_backwards(&fake);
    finish_backwards(&fake);
    key_is(&fake, 0, 0, 1, 0);
    key_is(&fake, 0, 1, 0, 5); /* the content was the last of its segment */
    key_is(&fake, 0, 1, 1, 5);
    key_is(&fake, 0, 1, 2, 5); /* the container may have more */
    fake_worker_emit(&fake, 1, &container, 2, 4);
    fake_worker_done(&fake, 1, &container, NULL, 0);
    turn(&fake);
    finish_backwards(&fake);
    key_is(&fake, 0, 2, 0, 6); /* now it is known that it has not */
    key_is(&fake, 1, 0, 0, 0);
    assert_int_equal(fake.engine->n_units, 0);
    fake_engine_close(&fake);
}

static void a_slow_writer_is_not_flooded(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc;
    uint32_t n_waiting = 0;
    (void)state;
    fake_engine_open(&fake, 1, 0, 8);
    for (uint64_t task = 0; task < 60; task++) {
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, FAKE_NO_ROUTE, 5);
        turn(&fake);
    }
    assert_true(fake.engine->n_writing < GM_RING_SLOTS - 8); /* room for spills, too */
    uint32_t n_writing = fake.engine->n_writing;
    while (fake_hear(&fake.writer, &desc))
        n_waiting++;
    assert_int_equal(n_waiting, n_writing);
    fake_engine_close(&fake);
}

/* ---- the gate ---- */

static const struct gm_stage dedup = {
    .name = "dedup", .gate_key = "key", .gate_reason = GM_REASON_TEXT_DUPLICATE};

static void open_gated(struct fake_engine *fake)
{
    fake_engine_open(fake, 2, 0, 8);
    fake->plan->routes[ROUTE_TEXT].gate_stage = 0;
    fake->plan->routes[ROUTE_TEXT].n_stages = 1;
    fake->plan->routes[ROUTE_TEXT].stages[0].stage = &dedup;
    fake->engine->has_gate = true;
}

static void make_keys(uint8_t keys[5 * GM_GATE_KEY_BYTES], const uint64_t numbers[5])
{
    memset(keys, 0, 5 * GM_GATE_KEY_BYTES);
    for (int i = 0; i < 5; i++)
        memcpy(keys + (size_t)i * GM_GATE_KEY_BYTES, &numbers[i], sizeof numbers[i]);
}

static uint16_t reason_of(const struct fake_engine *fake, const struct gm_desc *lease, uint32_t row)
{
    struct gm_batch batch;
    gm_batch_init(&batch);
    const uint8_t *data = gm_pool_data(fake->engine->arenas[lease->in_arena], lease->in_page);
    assert_int_equal(gm_block_open(data, lease->in_bytes, &batch, NULL), GM_OK);
    uint16_t reason = batch.reasons[row];
    gm_batch_free(&batch);
    return reason;
}

static void hear_lease(struct fake_engine *fake, uint64_t task, unsigned flags,
                       struct gm_desc *lease, uint32_t *slot)
{
    for (*slot = 0; *slot < fake->engine->n_slots; ++*slot)
        if (fake_hear(&fake->workers[*slot], lease)) {
            assert_int_equal(lease->task, task);
            assert_int_equal(lease->flags, flags);
            return;
        }
    fail_msg("no lease of task %u", (unsigned)task);
}

static void of_equal_keys_the_first_stays_whoever_was_quicker(void **state)
{
    static const uint64_t numbers[2][5] = {{1, 2, 2, 0, 3}, {3, 4, 0, 0, 1}};
    static const bool dropped[2][5] = {{0, 0, 1, 0, 0}, {1, 0, 0, 0, 1}};
    struct fake_engine fake;
    struct gm_desc leases[2];
    uint32_t slots[2];
    uint8_t keys[5 * GM_GATE_KEY_BYTES];
    (void)state;
    open_gated(&fake);
    for (uint64_t task = 0; task < 2; task++) {
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, 5);
        turn(&fake);
        hear_lease(&fake, task, GM_DESC_HOP1, &leases[task], &slots[task]);
    }
    make_keys(keys, numbers[1]);
    fake_worker_done(&fake, slots[1], &leases[1], keys, 5);
    turn(&fake);
    assert_int_equal(fake.engine->gate.n_keys, 0); /* it has to wait for the first */
    assert_int_equal(fake.engine->slots[slots[1]].n_leases, 0);
    make_keys(keys, numbers[0]);
    fake_worker_done(&fake, slots[0], &leases[0], keys, 5);
    turn(&fake);
    assert_int_equal(fake.engine->gate.n_keys, 4);
    for (uint64_t n = 0; n < 2; n++) {
        struct gm_desc lease;
        uint32_t slot;
        for (slot = 0; !fake_hear(&fake.workers[slot], &lease); slot++)
            assert_true(slot < 2);
        assert_int_equal(lease.flags, GM_DESC_HOP2);
        for (uint32_t row = 0; row < 5; row++)
            assert_int_equal(reason_of(&fake, &lease, row),
                             dropped[lease.task][row] ? GM_REASON_TEXT_DUPLICATE : GM_REASON_NONE);
        fake_worker_done(&fake, slot, &lease, NULL, 5);
    }
    turn(&fake);
    while (fake_writer_write(&fake, &leases[0]))
        turn(&fake);
    assert_int_equal(fake.engine->committed.task, 2);
    fake_engine_close(&fake);
}

static void the_second_hop_after_a_death_does_not_ask_the_gate_again(void **state)
{
    static const uint64_t numbers[5] = {1, 2, 3, 4, 5};
    struct fake_engine fake;
    struct gm_desc lease;
    uint32_t slot;
    uint8_t keys[5 * GM_GATE_KEY_BYTES];
    (void)state;
    open_gated(&fake);
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    hear_lease(&fake, 0, GM_DESC_HOP1, &lease, &slot);
    make_keys(keys, numbers);
    fake_worker_done(&fake, slot, &lease, keys, 5);
    turn(&fake);
    hear_lease(&fake, 0, GM_DESC_HOP2, &lease, &slot);
    struct gm_unit *unit = gm_slot_unit(&fake.engine->slots[slot], lease.lease);
    gm_slot_forget(&fake.engine->slots[slot], unit);
    assert_int_equal(gm_requeue(fake.engine, unit, &fake.err), GM_OK);
    turn(&fake);
    hear_lease(&fake, 0, GM_DESC_HOP2, &lease, &slot);
    for (uint32_t row = 0; row < 5; row++)
        assert_int_equal(reason_of(&fake, &lease, row), GM_REASON_NONE);
    fake_engine_close(&fake);
}

/* ---- spilling ---- */

static void what_waits_in_a_tight_arena_goes_to_disk_and_comes_back(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc;
    (void)state;
    fake_engine_open(&fake, 1, 0, 3);
    for (uint64_t task = 1; task < 4; task++) /* the first task is slow */
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    finish_backwards(&fake);
    finish_backwards(&fake);
    assert_false(fake_hear(&fake.writer, &desc));
    assert_int_equal(fake.engine->arenas[1]->n_free, 0);
    assert_int_equal(gm_spill_waiting(fake.engine, &fake.err), GM_OK);
    gm_port_publish(&fake.engine->writer_link.parent);
    uint64_t offset = ((uint64_t)5 << 32) + 4096;
    uint32_t n_spilled = 0;
    while (fake_hear(&fake.writer, &desc)) {
        assert_int_equal(desc.kind, GM_DESC_SPILL);
        desc.kind = GM_DESC_SPILLED;
        desc.task = offset + n_spilled++;
        fake_say(&fake.writer, &desc);
    }
    assert_in_range(n_spilled, 1, 3);
    turn(&fake);
    assert_int_equal(fake.engine->arenas[1]->n_free, n_spilled);
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    finish_backwards(&fake);
    uint32_t n_back = 0, n_written = 0;
    while (fake_hear(&fake.writer, &desc)) {
        n_back += desc.kind == GM_DESC_WRITE_SPILLED;
        if (desc.kind == GM_DESC_WRITE_SPILLED) {
            assert_int_equal(desc.in_arena, 5);
            assert_in_range(desc.in_page, 4096, 4096 + n_spilled - 1);
        }
        n_written++;
        desc.kind = GM_DESC_WRITTEN;
        fake_say(&fake.writer, &desc);
        turn(&fake);
    }
    assert_int_equal(n_back, n_spilled);
    assert_int_equal(n_written, 8);
    assert_int_equal(fake.engine->committed.task, 4);
    fake_engine_close(&fake);
}

static void a_roomy_arena_is_left_alone(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc;
    (void)state;
    fake_engine_open(&fake, 1, 0, 8);
    fake_engine_feed(&fake, (struct fake_place){1, 0, LAST}, ROUTE_TEXT, 5);
    turn(&fake);
    finish_backwards(&fake);
    assert_int_equal(gm_spill_waiting(fake.engine, &fake.err), GM_OK);
    gm_port_publish(&fake.engine->writer_link.parent);
    assert_false(fake_hear(&fake.writer, &desc));
    fake_engine_close(&fake);
}

/* ---- what the writer says ---- */

static void open_with_three_writes(struct fake_engine *fake, struct gm_desc writes[3])
{
    fake_engine_open(fake, 1, 0, 8);
    for (uint64_t task = 0; task < 3; task++)
        fake_engine_feed(fake, (struct fake_place){task, 0, LAST}, FAKE_NO_ROUTE, 5);
    turn(fake);
    for (int i = 0; i < 3; i++) {
        assert_true(fake_hear(&fake->writer, &writes[i]));
        writes[i].kind = GM_DESC_WRITTEN;
    }
}

static void impossible_answers_of_the_writer_end_the_run(void **state)
{
    struct fake_engine fake;
    struct gm_desc writes[3];
    (void)state;
    for (int i = 0; i < 5; i++) {
        open_with_three_writes(&fake, writes);
        struct gm_desc bad = writes[i == 0 ? 1 : 0]; /* the second before the first */
        if (i == 1) {
            fake_say(&fake.writer, &bad); /* twice */
            turn(&fake);
        }
        if (i == 2)
            bad.lease += 1000;
        if (i == 3)
            bad.kind = GM_DESC_SPILLED;
        if (i == 4)
            bad.kind = GM_DESC_NEED;
        fake_say(&fake.writer, &bad);
        assert_int_equal(fake_engine_turn(&fake), GM_INTERNAL);
        assert_non_null(strstr(fake.err.text, "writer"));
        fake_engine_close(&fake);
    }
}

static void finishing_says_whether_the_run_is_complete(void **state)
{
    struct fake_engine fake;
    struct gm_desc desc;
    (void)state;
    for (unsigned flags = 0; flags <= GM_DESC_DRAIN; flags += GM_DESC_DRAIN) {
        fake_engine_open(&fake, 1, 0, 8);
        assert_int_equal(gm_finish_writer(fake.engine, flags, &fake.err), GM_OK);
        gm_port_publish(&fake.engine->writer_link.parent);
        assert_true(fake_hear(&fake.writer, &desc));
        assert_int_equal(desc.kind, GM_DESC_FINISH);
        assert_int_equal(desc.flags, flags);
        assert_int_equal(fake.engine->phase, GM_ENGINE_FINISHING);
        desc.kind = GM_DESC_FINISHED;
        fake_say(&fake.writer, &desc);
        bool any;
        assert_int_equal(gm_take_messages(fake.engine, &any, &fake.err), GM_OK);
        assert_int_equal(fake.engine->phase, GM_ENGINE_OVER);
        fake_engine_close(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_written_in_order_whatever_finished_first),
        cmocka_unit_test(every_block_carries_the_key_behind_it),
        cmocka_unit_test(a_slow_writer_is_not_flooded),
        cmocka_unit_test(of_equal_keys_the_first_stays_whoever_was_quicker),
        cmocka_unit_test(the_second_hop_after_a_death_does_not_ask_the_gate_again),
        cmocka_unit_test(what_waits_in_a_tight_arena_goes_to_disk_and_comes_back),
        cmocka_unit_test(a_roomy_arena_is_left_alone),
        cmocka_unit_test(impossible_answers_of_the_writer_end_the_run),
        cmocka_unit_test(finishing_says_whether_the_run_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
