/* Workers that die: who is blamed, what is lost, and that everything else comes out. The workers
 * are real processes; fetch and the writer are played. */
#include "fake_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define HANG_MS 20000

/* What workers and test tell each other. */
struct shared {
    atomic_uint n_started; /* rows "slow" that were begun */
    atomic_bool go_on;     /* they may be finished */
    atomic_uint n_crashes; /* of rows "twice" */
};
static struct shared *shared;

/* ---- in the workers ---- */

static enum gm_status process(void *ctx, struct gm_batch *batch, uint32_t row, struct gm_err *err)
{
    struct gm_view body = gm_batch_view(batch, GM_IN_BODY, row);
    (void)ctx;
    (void)err;
    if (memcmp(body.data, "crash", 5) == 0)
        abort();
    if (memcmp(body.data, "twice", 5) == 0 && atomic_fetch_add(&shared->n_crashes, 1) < 2)
        abort();
    if (memcmp(body.data, "hang", 4) == 0)
        for (;;)
            pause();
    if (memcmp(body.data, "slow", 4) == 0)
        for (atomic_fetch_add(&shared->n_started, 1); !atomic_load(&shared->go_on);)
            usleep(1000);
    return GM_OK;
}

static enum gm_status crash_in_open(void *ctx, const void *opts, const struct gm_prepared *prepared,
                                    const struct gm_bind *bind, struct gm_err *err)
{
    (void)ctx;
    (void)opts;
    (void)prepared;
    (void)bind;
    (void)err;
    abort();
}

static enum gm_status encode(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                             struct gm_err *err)
{
    (void)ctx;
    (void)out;
    (void)err;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        struct gm_view body = gm_batch_view(batch, GM_IN_BODY, row);
        if (batch->reasons[row] == GM_REASON_NONE && memcmp(body.data, "sink", 4) == 0)
            abort();
    }
    return GM_OK;
}

static enum gm_status split(void *ctx, const struct gm_container *container, struct gm_emit *emit,
                            struct gm_err *err)
{
    const struct gm_member member = {.media = GM_MEDIA_TEXT};
    enum gm_status status = GM_OK;
    (void)ctx;
    (void)container;
    for (unsigned i = 0; i < 3 && status == GM_OK; i++)
        status = gm_emit_record(emit, &member, "member", 6, err);
    if (status == GM_OK)
        abort();
    return status;
}

static const struct gm_stage stages[] = {
    {.name = "work", .process = process},
    {.name = "work", .process = process, .open = crash_in_open},
};
static const struct gm_sink sink = {.name = "sink", .encode = encode};
static const struct gm_splitter splitter = {.name = "split", .split = split};

/* ---- in the supervisor ---- */

struct outcome {
    uint32_t n_in, n_written;
    uint32_t reasons[GM_REASON_SLOTS];
    uint32_t n_quarantined, last_quarantined;
    enum gm_status status;
};

static void open_with_workers(struct fake_engine *fake, uint32_t n_text, uint32_t n_unpack,
                              const struct gm_stage *stage)
{
    memset(shared, 0, sizeof *shared);
    fake_engine_open(fake, n_text, n_unpack, 6);
    struct gm_plan *plan = fake->plan;
    plan->routes[ROUTE_TEXT].n_stages = 1;
    plan->routes[ROUTE_TEXT].stages[0].stage = stage;
    plan->routes[ROUTE_TEXT].n_sinks = 1;
    plan->n_sinks = 1;
    plan->sinks[0] = (struct gm_plan_sink){.sink = &sink, .stream = GM_STREAM_FIRST_SINK};
    plan->splitter = &splitter;
    for (uint32_t i = 0; i < fake->engine->n_slots; i++)
        assert_int_equal(gm_spawn_slot(fake->engine, &fake->engine->slots[i], &fake->err), GM_OK);
}

static void count_block(const struct fake_engine *fake, const struct gm_desc *desc,
                        struct outcome *outcome)
{
    struct gm_out_header header;
    const uint8_t *data = gm_pool_data(fake->engine->arenas[desc->in_arena], desc->in_page);
    assert_int_equal(gm_out_check(data, desc->in_bytes, &header, NULL), GM_OK);
    outcome->n_in += header.n_in;
    outcome->n_written += header.n_written;
    for (int i = 0; i < GM_REASON_SLOTS; i++)
        outcome->reasons[i] += header.reasons[i];
}

static void play_writer(struct fake_engine *fake, struct outcome *outcome)
{
    struct gm_desc desc;
    while (fake_hear(&fake->writer, &desc)) {
        if (desc.kind == GM_DESC_QUARANTINE) {
            outcome->n_quarantined++;
            outcome->last_quarantined = desc.row_first;
            continue;
        }
        assert_int_equal(desc.kind, GM_DESC_WRITE);
        count_block(fake, &desc, outcome);
        desc.kind = GM_DESC_WRITTEN;
        fake_say(&fake->writer, &desc);
    }
}

/* As the supervisor's loop does it. */
static enum gm_status look_after(struct fake_engine *fake, struct gm_slot *slot)
{
    bool any;
    struct pollfd polled = {.fd = slot->child.pidfd, .events = POLLIN};
    if (slot->state != GM_SLOT_UP || poll(&polled, 1, 0) != 1)
        return GM_OK;
    gm_take_control(fake->engine, &slot->link.parent, slot->title);
    enum gm_status status = gm_take_messages(fake->engine, &any, &fake->err);
    return status == GM_OK ? gm_slot_died(fake->engine, slot, &fake->err) : status;
}

/* One look at everything. */
static enum gm_status step(struct fake_engine *fake, struct outcome *outcome)
{
    enum gm_status status = fake_engine_turn(fake);
    for (uint32_t i = 0; i < fake->engine->n_slots && status == GM_OK; i++)
        status = look_after(fake, &fake->engine->slots[i]);
    if (status == GM_OK)
        status = gm_check_deadlines(fake->engine, gm_now_ms(), &fake->err);
    play_writer(fake, outcome);
    usleep(500);
    return status;
}

/* Until n_tasks are written, or an error. */
static struct outcome run(struct fake_engine *fake, uint64_t n_tasks)
{
    struct outcome outcome = {0};
    uint64_t deadline_ms = gm_now_ms() + HANG_MS;
    while (outcome.status == GM_OK && fake->engine->committed.task < n_tasks) {
        outcome.status = step(fake, &outcome);
        assert_true(gm_now_ms() < deadline_ms);
    }
    return outcome;
}

static void a_row_that_crashes_its_worker_is_lost_alone(void **state)
{
    static const char *const bodies[] = {"a   ", "b   ", "crash", "c   ", "crash", "d   "};
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 2, 0, &stages[0]);
    fake.bodies = bodies;
    for (uint64_t task = 0; task < 3; task++)
        fake_engine_feed(&fake, (struct fake_place){task, 0, LAST}, ROUTE_TEXT, task == 1 ? 6 : 2);
    struct outcome outcome = run(&fake, 3);
    assert_int_equal(outcome.status, GM_OK);
    assert_int_equal(outcome.n_in, 10);
    assert_int_equal(outcome.n_written, 8);
    assert_int_equal(outcome.reasons[GM_REASON_WORKER_CRASHED], 2);
    assert_int_equal(outcome.n_quarantined, 2);
    assert_int_equal(outcome.last_quarantined, 4);
    assert_int_equal(fake.engine->n_deaths, 2 * (1 + GM_SOLO_DEATHS));
    fake_engine_close(&fake);
}

static void a_row_that_crashes_now_and_then_comes_out(void **state)
{
    static const char *const bodies[] = {"a   ", "twice", "b   "};
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[0]);
    fake.bodies = bodies;
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 3);
    struct outcome outcome = run(&fake, 1);
    assert_int_equal(outcome.n_written, 3);
    assert_int_equal(outcome.n_quarantined, 0);
    assert_int_equal(fake.engine->n_deaths, 2);
    fake_engine_close(&fake);
}

static void kills_from_outside_blame_nobody(void **state)
{
    static const char *const bodies[] = {"a   ", "slow", "b   "};
    struct fake_engine fake;
    struct outcome outcome = {0};
    uint64_t deadline_ms = gm_now_ms() + HANG_MS;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[0]);
    fake.bodies = bodies;
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 3);
    for (unsigned n_kills = 0; n_kills < 8;) {
        assert_int_equal(step(&fake, &outcome), GM_OK);
        assert_true(gm_now_ms() < deadline_ms);
        if (atomic_load(&shared->n_started) > n_kills) {
            gm_child_signal(&fake.engine->slots[0].child, SIGKILL);
            n_kills++;
        }
    }
    atomic_store(&shared->go_on, true);
    outcome = run(&fake, 1);
    assert_int_equal(outcome.n_written, 3);
    assert_int_equal(fake.engine->n_deaths, 8);
    fake_engine_close(&fake);
}

static void a_row_past_its_deadline_is_lost_alone(void **state)
{
    static const char *const bodies[] = {"a   ", "hang", "b   "};
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[0]);
    fake.plan->job.record_deadline_ms = 40;
    fake.bodies = bodies;
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 3);
    struct outcome outcome = run(&fake, 1);
    assert_int_equal(outcome.n_written, 2);
    assert_int_equal(outcome.reasons[GM_REASON_WORKER_DEADLINE], 1);
    assert_int_equal(outcome.reasons[GM_REASON_WORKER_CRASHED], 0);
    fake_engine_close(&fake);
}

static void an_idle_worker_has_no_deadline(void **state)
{
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[0]);
    struct gm_slot *slot = &fake.engine->slots[0];
    slot->seen_ms = 1;
    assert_int_equal(gm_check_deadlines(fake.engine, UINT64_MAX / 2, &fake.err), GM_OK);
    assert_false(slot->deadline_kill);
    fake_engine_close(&fake);
}

/* While the output is encoded no record is in work: the block is given up as a whole. */
static void a_block_that_crashes_without_a_record_is_given_up(void **state)
{
    static const char *const bodies[] = {"a   ", "sink", "b   "};
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[0]);
    fake.bodies = bodies;
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 3);
    fake_engine_feed(&fake, (struct fake_place){1, 0, LAST}, ROUTE_TEXT, 1);
    struct outcome outcome = run(&fake, 2);
    assert_int_equal(outcome.status, GM_OK);
    assert_int_equal(outcome.n_in, 4);
    assert_int_equal(outcome.n_written, 1);
    assert_int_equal(outcome.reasons[GM_REASON_WORKER_CRASHED], 3);
    fake_engine_close(&fake);
}

/* It has leases by then, but nothing of them was begun. */
static void workers_that_die_at_their_start_end_the_run(void **state)
{
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[1]);
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 3);
    struct outcome outcome = run(&fake, 1);
    assert_int_equal(outcome.status, GM_INTERNAL);
    assert_non_null(strstr(fake.err.text, "before any work"));
    fake_engine_close(&fake);
}

static void a_container_is_read_up_to_the_member_that_crashes(void **state)
{
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 1, &stages[0]);
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_UNPACK, 1);
    struct outcome outcome = run(&fake, 1);
    assert_int_equal(outcome.status, GM_OK);
    assert_int_equal(outcome.n_written, 3);
    assert_int_equal(outcome.reasons[GM_REASON_WORKER_CRASHED], 1);
    assert_int_equal(fake.engine->n_deaths, GM_SOLO_DEATHS);
    fake_engine_close(&fake);
}

static void a_worker_that_spoils_its_word_is_replaced(void **state)
{
    struct fake_engine fake;
    (void)state;
    open_with_workers(&fake, 1, 0, &stages[0]);
    struct outcome outcome = {0};
    assert_int_equal(gm_slot_corrupt(&fake.engine->slots[0], "nonsense"), GM_OK);
    fake_engine_feed(&fake, (struct fake_place){0, 0, LAST}, ROUTE_TEXT, 3);
    outcome = run(&fake, 1);
    assert_int_equal(outcome.n_written, 3);
    assert_int_equal(fake.engine->n_deaths, 1);
    fake_engine_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_crashes_its_worker_is_lost_alone),
        cmocka_unit_test(a_row_that_crashes_now_and_then_comes_out),
        cmocka_unit_test(kills_from_outside_blame_nobody),
        cmocka_unit_test(a_row_past_its_deadline_is_lost_alone),
        cmocka_unit_test(an_idle_worker_has_no_deadline),
        cmocka_unit_test(a_block_that_crashes_without_a_record_is_given_up),
        cmocka_unit_test(workers_that_die_at_their_start_end_the_run),
        cmocka_unit_test(a_container_is_read_up_to_the_member_that_crashes),
        cmocka_unit_test(a_worker_that_spoils_its_word_is_replaced),
    };
    gm_log_setup(STDERR_FILENO, GM_LOG_ERROR, GM_LOG_TEXT, "test"); /* deaths are expected here */
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
