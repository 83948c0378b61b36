/* What a child may say and what becomes of it if it says something else. A worker that was taken
 * over must not harm the run: no message of it is an error, and no block gets lost or given twice
 * (fake_engine_close counts). */
#include "fake_engine.h"

#include "base/fs.h"
#include "block.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void turn(struct fake_engine *fake)
{
    assert_int_equal(fake_engine_turn(fake), GM_OK);
}

/* One text lease and one container lease are out. */
static void open_leased(struct fake_engine *fake, struct gm_desc *text, struct gm_desc *container)
{
    fake_engine_open(fake, 1, 1, 12);
    fake_engine_feed(fake, (struct fake_place){0, 0, MORE}, ROUTE_TEXT, 5);
    fake_engine_feed(fake, (struct fake_place){0, 1, LAST}, ROUTE_UNPACK, 1);
    turn(fake);
    assert_true(fake_hear(&fake->workers[0], text));
    assert_true(fake_hear(&fake->workers[1], container));
}

/* Also from a worker that is about to be killed for something that it said before. */
static void says(struct fake_engine *fake, uint32_t slot, struct gm_desc desc)
{
    fake->engine->slots[slot].broken = false;
    fake_say(&fake->workers[slot], &desc);
    turn(fake);
}

static void results_for_leases_of_others_are_not_taken(void **state)
{
    struct fake_engine fake;
    struct gm_desc text, container;
    (void)state;
    open_leased(&fake, &text, &container);
    text.kind = container.kind = GM_DESC_DONE;
    says(&fake, 0, container);
    says(&fake, 1, text);
    text.lease = 0;
    says(&fake, 0, text);
    text.lease = UINT64_MAX;
    says(&fake, 0, text);
    assert_int_equal(fake.engine->slots[0].n_leases, 1);
    assert_int_equal(fake.engine->slots[1].n_leases, 1);
    fake_engine_close(&fake);
}

static void a_result_outside_its_block_is_made_again(void **state)
{
    static const struct {
        uint32_t page, n_bytes;
    } rows[] = {{0, GM_BLOCK_BYTES + 1}, {1, 10}, {UINT32_MAX, 1}, {64, 100}, {0, UINT32_MAX}};
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        struct fake_engine fake;
        struct gm_desc text, container;
        open_leased(&fake, &text, &container);
        struct gm_desc done = text;
        done.kind = GM_DESC_DONE;
        done.out_page += rows[i].page;
        done.out_bytes = rows[i].n_bytes;
        says(&fake, 0, done);
        assert_true(fake.engine->slots[0].broken); /* gets no work any more */
        assert_false(fake_hear(&fake.workers[0], &done));
        assert_int_equal(fake.engine->ready[ROUTE_TEXT].n_units, 1);
        fake_engine_close(&fake);
    }
}

static void broken_keys_are_made_again(void **state)
{
    static const struct gm_stage dedup = {.gate_key = "key"};
    struct fake_engine fake;
    struct gm_desc text, container;
    (void)state;
    open_leased(&fake, &text, &container);
    fake.plan->routes[ROUTE_TEXT].gate_stage = 0;
    fake.plan->routes[ROUTE_TEXT].stages[0].stage = &dedup;
    memset(gm_pool_data(fake.engine->arenas[1], text.out_page), 0xff, 4096);
    text.kind = GM_DESC_DONE;
    text.out_bytes = 4096;
    says(&fake, 0, text);
    assert_true(fake.engine->slots[0].broken);
    assert_int_equal(fake.engine->ready[ROUTE_TEXT].n_units, 1);
    assert_false(gm_heap_peek(&fake.engine->ready[ROUTE_TEXT])->gated);
    fake_engine_close(&fake);
}

static void impossible_wishes_are_not_granted(void **state)
{
    struct fake_engine fake;
    struct gm_desc text, container, desc;
    (void)state;
    open_leased(&fake, &text, &container);
    const struct gm_desc wishes[] = {
        {.kind = GM_DESC_NEED, .lease = text.lease, .value = 0},
        {.kind = GM_DESC_NEED, .lease = text.lease, .value = (4u << 20) + 1},
        {.kind = GM_DESC_NEED, .lease = text.lease, .value = UINT32_MAX},
        {.kind = GM_DESC_NEED, .lease = container.lease, .value = 100},
        {.kind = GM_DESC_NEED, .lease = 0, .value = 100},
        {.kind = GM_DESC_NEED, .flags = GM_DESC_AHEAD, .lease = text.lease, .value = 100},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(wishes); i++)
        says(&fake, 0, wishes[i]);
    assert_false(fake_hear(&fake.workers[0], &desc));
    fake_engine_close(&fake);
}

static void blocks_are_not_granted_without_end(void **state)
{
    struct fake_engine fake;
    struct gm_desc text, container, desc;
    uint32_t n_granted = 0;
    (void)state;
    open_leased(&fake, &text, &container);
    for (int i = 0; i < 12; i++)
        says(&fake, 1,
             (struct gm_desc){.kind = GM_DESC_NEED, .lease = container.lease, .value = 100});
    while (fake_hear(&fake.workers[1], &desc))
        n_granted++;
    for (int i = 0; i < 12; i++)
        says(&fake, 1,
             (struct gm_desc){.kind = GM_DESC_NEED,
                              .flags = GM_DESC_AHEAD,
                              .lease = container.lease,
                              .value = 100});
    while (fake_hear(&fake.workers[1], &desc))
        n_granted++;
    assert_in_range(n_granted, 2, GM_MAX_GRANTED);
    fake_engine_close(&fake);
}

static void done_while_waiting_for_a_block_leaves_nothing_behind(void **state)
{
    struct fake_engine fake;
    struct gm_desc text, container;
    (void)state;
    open_leased(&fake, &text, &container);
    const struct gm_desc need = {.kind = GM_DESC_NEED, .lease = text.lease, .value = 100};
    text.kind = GM_DESC_DONE;
    text.out_bytes = 0;
    fake_say(&fake.workers[0], &need);
    says(&fake, 0, text);
    fake_engine_close(&fake);
}

static void only_granted_blocks_can_be_emitted_and_each_once(void **state)
{
    struct fake_engine fake;
    struct gm_desc text, container, grant;
    (void)state;
    open_leased(&fake, &text, &container);
    says(&fake, 1, (struct gm_desc){.kind = GM_DESC_NEED, .lease = container.lease, .value = 100});
    assert_true(fake_hear(&fake.workers[1], &grant));
    struct gm_desc emit = {.kind = GM_DESC_EMIT,
                           .value = ROUTE_TEXT,
                           .lease = container.lease,
                           .sub = 1,
                           .out_page = grant.out_page + 1,
                           .out_bytes = 100};
    says(&fake, 1, emit);
    emit.out_page = UINT32_MAX;
    says(&fake, 1, emit);
    emit.out_page = grant.out_page;
    emit.lease = text.lease;
    says(&fake, 1, emit);
    says(&fake, 0, emit); /* a text worker has no container */
    assert_int_equal(fake.engine->slots[1].n_granted, 1);
    emit.lease = container.lease;
    emit.sub = 2; /* the first is missing */
    says(&fake, 1, emit);
    assert_int_equal(fake.engine->slots[1].n_granted, 0);
    emit.sub = 1;
    says(&fake, 1, emit); /* it has it no more */
    emit.value = GM_NO_LIMIT;
    says(&fake, 1, emit);
    assert_int_equal(fake.engine->slots[1].leases[0]->n_emitted, 0);
    fake_engine_close(&fake);
}

static void unknown_messages_and_broken_rings_are_survived(void **state)
{
    struct fake_engine fake;
    struct gm_desc text, container;
    (void)state;
    open_leased(&fake, &text, &container);
    for (uint16_t kind = 0; kind < 40; kind++)
        if (kind != GM_DESC_DONE && kind != GM_DESC_NEED && kind != GM_DESC_EMIT)
            says(&fake, kind % 2,
                 (struct gm_desc){.kind = kind, .lease = text.lease, .task = UINT64_MAX});
    atomic_store(&fake.workers[0].shared->up.tail, UINT64_MAX / 2);
    turn(&fake);
    assert_int_equal(fake.engine->slots[0].n_leases, 1); /* until its death is seen */
    fake_engine_close(&fake);
}

static void fetch_has_to_tell_the_truth(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fake_engine fake;
        fake_engine_open(&fake, 1, 1, 8);
        struct gm_desc desc = fake_segment(&fake, (struct fake_place){0, 0, LAST}, ROUTE_UNPACK, 1);
        if (i == 0)
            desc.flags |= GM_DESC_FD; /* which never came */
        if (i == 1)
            desc.kind = GM_DESC_DONE;
        if (i == 2)
            desc.in_bytes = UINT32_MAX;
        if (i == 3)
            desc = (struct gm_desc){.kind = GM_DESC_NEED, .value = UINT32_MAX};
        fake_say(&fake.fetch, &desc);
        enum gm_status status = fake_engine_turn(&fake);
        assert_true(status == GM_INTERNAL || (i == 3 && status == GM_LIMIT));
        assert_true(fake.err.text[0] != '\0');
        fake_engine_close(&fake);
    }
}

/* ---- the control channel ---- */

static void tells(struct gm_link *link, enum gm_control_kind kind, const void *data, size_t n_bytes)
{
    assert_int_equal(gm_control_send(link->child_control_fd, kind, 1, data, n_bytes, -1,
                                     GM_CONTROL_NOWAIT, NULL),
                     GM_OK);
}

static void last_words_are_a_failure_whatever_status_they_name(void **state)
{
    static const int statuses[] = {GM_OK, GM_END, GM_AGAIN, GM_STATUS_COUNT, -1, 1 << 30, GM_INPUT};
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(statuses); i++) {
        struct fake_engine fake;
        struct gm_err words = {.status = (enum gm_status)statuses[i]};
        fake_engine_open(&fake, 1, 0, 4);
        memset(words.text, 'x', sizeof words.text); /* no end */
        tells(&fake.engine->slots[0].link, GM_CONTROL_FATAL, &words, sizeof words);
        gm_take_control(fake.engine, &fake.engine->slots[0].link.parent, "fake.0");
        assert_true(fake.engine->failed);
        assert_int_equal(fake.engine->fatal.status,
                         statuses[i] == GM_INPUT ? GM_INPUT : GM_INTERNAL);
        assert_ptr_equal(strstr(fake.engine->fatal.text, "fake.0"), fake.engine->fatal.text);
        fake_engine_close(&fake);
    }
}

static void malformed_control_messages_change_nothing(void **state)
{
    struct fake_engine fake;
    struct gm_err words = {.status = GM_IO};
    (void)state;
    fake_engine_open(&fake, 1, 0, 4);
    struct gm_link *link = &fake.engine->slots[0].link;
    assert_int_equal(gm_control_send(link->child_control_fd, GM_CONTROL_HELLO, 77, NULL, 0, -1,
                                     GM_CONTROL_NOWAIT, NULL),
                     GM_OK);
    tells(link, GM_CONTROL_FATAL, &words, 10);
    tells(link, GM_CONTROL_LOG, "\xffnonsense", 9);
    tells(link, (enum gm_control_kind)99, "x", 1);
    gm_take_control(fake.engine, &link->parent, "fake.0");
    assert_false(fake.engine->failed);
    assert_true(fake.engine->sandbox <= GM_SANDBOX_STATE_FULL);
    fake_engine_close(&fake);
}

static void descriptors_are_taken_from_fetch_only(void **state)
{
    struct fake_engine fake;
    (void)state;
    fake_engine_open(&fake, 1, 0, 4);
    struct gm_link *links[] = {&fake.engine->slots[0].link, &fake.engine->fetch_link};
    int fd = memfd_create("fd", MFD_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gm_control_send(links[i]->child_control_fd, GM_CONTROL_FD, 5, NULL, 0, fd,
                                         GM_CONTROL_NOWAIT, NULL),
                         GM_OK);
        gm_take_control(fake.engine, &links[i]->parent, "fake");
        assert_int_equal(fake.engine->n_received, i);
    }
    gm_close(&fd);
    fake_engine_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_for_leases_of_others_are_not_taken),
        cmocka_unit_test(a_result_outside_its_block_is_made_again),
        cmocka_unit_test(broken_keys_are_made_again),
        cmocka_unit_test(impossible_wishes_are_not_granted),
        cmocka_unit_test(blocks_are_not_granted_without_end),
        cmocka_unit_test(done_while_waiting_for_a_block_leaves_nothing_behind),
        cmocka_unit_test(only_granted_blocks_can_be_emitted_and_each_once),
        cmocka_unit_test(unknown_messages_and_broken_rings_are_survived),
        cmocka_unit_test(fetch_has_to_tell_the_truth),
        cmocka_unit_test(last_words_are_a_failure_whatever_status_they_name),
        cmocka_unit_test(malformed_control_messages_change_nothing),
        cmocka_unit_test(descriptors_are_taken_from_fetch_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
