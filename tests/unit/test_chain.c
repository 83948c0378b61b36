/* A worker's lease over a block: rows through stages into a sink's bytes, what does not come out
 * into rejects, keys for the gate. The worker runs in its process; its stages do what a row's first
 * word says. */
#include "fake_lease.h"

#include "block.h"
#include "run/worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- in the worker ---- */

static bool says(const struct gm_batch *batch, uint32_t row, const char *word)
{
    struct gm_view body = gm_batch_view(batch, GM_IN_BODY, row);
    size_t n_bytes = strlen(word);
    return body.n_bytes >= n_bytes && memcmp(body.data, word, n_bytes) == 0;
}

/* First stage: makes the key, and trouble. */
static enum gm_status make_key(void *ctx, struct gm_batch *batch, uint32_t row, struct gm_err *err)
{
    const struct gm_bind *const *bind = ctx;
    struct gm_view body = gm_batch_view(batch, GM_IN_BODY, row);
    uint8_t key[16] = {0};
    if (says(batch, row, "crash"))
        abort();
    if (says(batch, row, "bug"))
        return gm_err_set(err, GM_INTERNAL, "a bug");
    if (says(batch, row, "memory"))
        return GM_NOMEM;
    if (says(batch, row, "empty"))
        gm_batch_reject(batch, row, GM_REASON_TEXT_EMPTY, "nothing in %s", "it");
    memcpy(key, body.data, body.n_bytes < 16 ? body.n_bytes : 16);
    gm_batch_set_copy(batch, (*bind)->out[0], row, key, sizeof key);
    return GM_OK;
}

/* Last stage, behind the gate. */
static enum gm_status judge(void *ctx, struct gm_batch *batch, uint32_t row, struct gm_err *err)
{
    (void)ctx;
    (void)err;
    if (says(batch, row, "late crash"))
        abort();
    if (says(batch, row, "late"))
        gm_batch_reject(batch, row, GM_REASON_TEXT_FIELD, "late");
    return GM_OK;
}

static enum gm_status keep_bind(void *ctx, const void *opts, const struct gm_prepared *prepared,
                                const struct gm_bind *bind, struct gm_err *err)
{
    (void)opts;
    (void)prepared;
    (void)err;
    memcpy(ctx, &bind, sizeof bind);
    return GM_OK;
}

/* Every row that stays as a line; "times N text" N times. */
static enum gm_status encode(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                             struct gm_err *err)
{
    struct gm_buf *lines = gm_out_scratch(out);
    (void)ctx;
    uint32_t n_records = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        struct gm_view body = gm_batch_view(batch, GM_IN_BODY, row);
        long n = says(batch, row, "times ") ? strtol((const char *)body.data + 6, NULL, 10) : 1;
        if (says(batch, row, "sink crash"))
            abort();
        for (; n > 0; n--) {
            gm_buf_append(lines, body.data, body.n_bytes);
            gm_buf_char(lines, '\n');
        }
        n_records++;
    }
    return gm_out_part(out, NULL, lines->data, lines->n_bytes, n_records, err);
}

static const struct gm_column_def key_columns[] = {
    {"key", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, NULL}, GM_COLUMN_END};
static const struct gm_column_def no_columns[] = {GM_COLUMN_END};
static const struct gm_stage stages[] = {
    {.name = "key",
     .family = "text",
     .in = no_columns,
     .out = key_columns,
     .ctx_bytes = sizeof(struct gm_bind *),
     .open = keep_bind,
     .process = make_key},
    {.name = "dedup",
     .family = "text",
     .in = no_columns,
     .out = no_columns,
     .gate_key = "key",
     .gate_reason = GM_REASON_TEXT_DUPLICATE},
    {.name = "judge", .family = "text", .in = no_columns, .out = no_columns, .process = judge},
};
static const struct gm_sink lines_sink = {.name = "lines", .family = "text", .encode = encode};

/* ---- in the supervisor ---- */

enum { SINK_STREAM = GM_STREAM_FIRST_SINK, MAX_ROWS = 16 };

struct bench {
    struct fake_supervisor fake;
    struct gm_worker_setup setup;
    int key_column;
    struct gm_desc done;
    bool died;
    uint64_t next_lease;
};

enum gate { NO_GATE, WITH_GATE };

static void plan_route(struct bench *bench, enum gate gate)
{
    struct gm_plan *plan = bench->fake.plan;
    struct gm_plan_route *route = &plan->routes[ROUTE_TEXT];
    bench->key_column = (int)route->n_columns;
    route->columns[route->n_columns++] = &key_columns[0];
    route->n_stages = 0;
    for (size_t i = 0; i < 3; i++)
        if (i != 1 || gate == WITH_GATE)
            route->stages[route->n_stages++] =
                (struct gm_plan_stage){.stage = &stages[i], .out = &bench->key_column};
    route->gate_stage = gate == WITH_GATE ? 1 : -1;
    route->gate_key_column = bench->key_column;
    route->n_sinks = 1;
    plan->n_sinks = 1;
    plan->sinks[0] = (struct gm_plan_sink){.sink = &lines_sink, .stream = SINK_STREAM};
}

static void start(struct bench *bench, enum gate gate)
{
    memset(bench, 0, sizeof *bench);
    fake_supervisor_open(&bench->fake, 6, 16u << 20);
    plan_route(bench, gate);
    bench->setup = (struct gm_worker_setup){.plan = bench->fake.plan,
                                            .route = ROUTE_TEXT,
                                            .link = &bench->fake.link,
                                            .arenas = bench->fake.arenas,
                                            .n_arenas = N_FAKE_ARENAS,
                                            .own_arena = ARENA_OWN};
    fake_supervisor_start(&bench->fake, gm_worker_main, &bench->setup, NULL, 0);
}

static void finish(struct bench *bench)
{
    const struct gm_desc stop = {.kind = GM_DESC_STOP};
    if (!bench->died) {
        fake_supervisor_say(&bench->fake, &stop);
        struct gm_obituary obituary = fake_supervisor_wait(&bench->fake);
        assert_int_equal(obituary.death, GM_DEATH_EXIT);
        assert_int_equal(obituary.code, 0);
    }
    fake_supervisor_close(&bench->fake);
}

/* A block with these bodies, one row each; a body that begins with '!' is a row that was dropped
 * before. Members but for "item" bodies. */
static struct gm_desc block(struct bench *bench, const char *const *bodies, uint32_t n)
{
    struct fake_row rows[MAX_ROWS];
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct fake_row){.item = 40 + i,
                                    .member = strstr(bodies[i], "item") ? UINT64_MAX : i,
                                    .media = GM_MEDIA_TEXT,
                                    .body = bodies[i],
                                    .n_bytes = strlen(bodies[i]),
                                    .reason = bodies[i][0] == '!' ? GM_REASON_UNPACK_BROKEN
                                                                  : GM_REASON_NONE};
    return fake_block(bench->fake.arenas[ARENA_FETCH], rows, n);
}

/* Leases the block with flags and hears DONE, granting what is asked for. */
static void run(struct bench *bench, struct gm_desc lease, unsigned flags, uint32_t row_first)
{
    lease = fake_lease(&bench->fake, ++bench->next_lease, lease);
    lease.flags = (uint16_t)flags;
    lease.row_first = row_first;
    fake_supervisor_say(&bench->fake, &lease);
    for (;;) {
        bench->died = !fake_supervisor_hear(&bench->fake, &bench->done);
        if (bench->died || bench->done.kind == GM_DESC_DONE)
            return;
        assert_int_equal(bench->done.kind, GM_DESC_NEED);
        assert_int_equal(bench->done.lease, lease.lease);
        assert_true(bench->done.value > GM_BLOCK_BYTES);
        assert_true(
            fake_supervisor_grant(&bench->fake, ARENA_OWN, bench->done.value, bench->done.lease));
    }
}

static void run_bodies(struct bench *bench, const char *const *bodies, uint32_t n, unsigned flags)
{
    run(bench, block(bench, bodies, n), flags, 0);
    assert_false(bench->died);
}
#define RUN(bench, bodies, flags) run_bodies(bench, bodies, GM_ARRAY_LEN(bodies), flags)

static void stream_is(const struct bench *bench, uint32_t stream, const char *wanted)
{
    struct gm_buf text = fake_stream(&bench->fake, &bench->done, stream);
    assert_string_equal(gm_buf_cstr(&text), wanted);
    gm_buf_free(&text);
}

/* The keys of the finished block, 16 bytes each, as NUL-terminated words behind each other. */
static void keys_are(const struct bench *bench, const char *const *words, uint32_t n)
{
    struct gm_buf keys = fake_stream(&bench->fake, &bench->done, GM_STREAM_KEYS);
    assert_int_equal(keys.n_bytes, 16 * n);
    for (uint32_t i = 0; i < n; i++) {
        char key[16] = {0};
        memcpy(key, words[i], strlen(words[i]));
        assert_memory_equal(keys.data + (size_t)16 * i, key, 16);
    }
    gm_buf_free(&keys);
}

static void rows_come_out_or_are_told_why_not(void **state)
{
    static const char *const bodies[] = {"a", "empty", "b", "!gone item", "memory", "late", "!m"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    RUN(&bench, bodies, 0);
    stream_is(&bench, SINK_STREAM, "a\nb\n");
    struct gm_out_header header = fake_header(&bench.fake, &bench.done);
    assert_int_equal(header.n_in, 7);
    assert_int_equal(header.n_written, 2);
    assert_int_equal(header.reasons[GM_REASON_TEXT_EMPTY], 1);
    assert_int_equal(header.reasons[GM_REASON_LIMIT_MEMORY], 1);
    assert_int_equal(header.reasons[GM_REASON_TEXT_FIELD], 1);
    assert_int_equal(header.reasons[GM_REASON_UNPACK_BROKEN], 2);
    struct gm_buf rejects = fake_stream(&bench.fake, &bench.done, GM_STREAM_REJECTS);
    const char *text = gm_buf_cstr(&rejects);
    static const char *const parts[] = {"\"id\":\"000000041.000001\"",
                                        "\"stage\":\"text.key\",\"reason\":\"text.empty\"",
                                        "nothing in it",
                                        "\"stage\":\"text.judge\"",
                                        "\"id\":\"000000043\"",
                                        "\"stage\":\"unpack\",\"reason\":\"unpack.broken\"",
                                        "\"id\":\"000000044.000004\"",
                                        "\"reason\":\"limit.memory\""};
    for (size_t i = 0; i < GM_ARRAY_LEN(parts); i++)
        assert_non_null(strstr(text, parts[i]));
    assert_null(strstr(text, "000000040"));
    gm_buf_free(&rejects);
    finish(&bench);
}

static void blocks_behind_each_other_do_not_mix(void **state)
{
    static const char *const first[] = {"a", "empty", "late", "b"}, *const second[] = {"c"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    RUN(&bench, first, 0);
    RUN(&bench, second, 0);
    stream_is(&bench, SINK_STREAM, "c\n");
    stream_is(&bench, GM_STREAM_REJECTS, "");
    assert_int_equal(fake_header(&bench.fake, &bench.done).n_in, 1);
    assert_int_equal(atomic_load(&bench.fake.link.parent.shared->cur_row), 0);
    finish(&bench);
}

static void output_over_its_block_goes_to_a_larger_one(void **state)
{
    static const char *const bodies[] = {"times 30000 0123456789", "b"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    RUN(&bench, bodies, 0);
    struct gm_buf text = fake_stream(&bench.fake, &bench.done, SINK_STREAM);
    assert_int_equal(text.n_bytes, 30000 * 23 + 2);
    assert_memory_equal(text.data + text.n_bytes - 4, "9\nb\n", 4);
    gm_buf_free(&text);
    finish(&bench);
}

static void output_over_every_block_rejects_its_rows(void **state)
{
    static const char *const bodies[] = {"a", "times 300000 0123456789", "empty"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    RUN(&bench, bodies, 0);
    struct gm_out_header header = fake_header(&bench.fake, &bench.done);
    assert_int_equal(header.n_written, 0);
    assert_int_equal(header.reasons[GM_REASON_LIMIT_RECORD_BYTES], 2);
    assert_int_equal(header.reasons[GM_REASON_TEXT_EMPTY], 1);
    struct gm_buf lines = fake_stream(&bench.fake, &bench.done, GM_STREAM_REJECTS);
    assert_non_null(strstr(gm_buf_cstr(&lines), "raise max_record"));
    gm_buf_free(&lines);
    finish(&bench);
}

static void a_probe_runs_its_row_only(void **state)
{
    static const char *const bodies[] = {"crash", "a", "sink crash"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    run(&bench, block(&bench, bodies, 3), GM_DESC_PROBE, 1);
    assert_false(bench.died);
    assert_int_equal(bench.done.out_bytes, 0);
    run(&bench, block(&bench, bodies, 3), GM_DESC_PROBE, 7); /* there is no such row */
    assert_false(bench.died);
    run(&bench, block(&bench, bodies, 3), GM_DESC_PROBE, UINT32_MAX);
    assert_false(bench.died);
    run(&bench, block(&bench, bodies, 3), GM_DESC_PROBE, 0);
    assert_true(bench.died);
    finish(&bench);
}

static void a_crash_leaves_its_lease_and_row(void **state)
{
    static const char *const bodies[] = {"a", "b", "crash", "c"}, *const sinks[] = {"sink crash"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    run(&bench, block(&bench, bodies, 4), 0, 0);
    assert_true(bench.died);
    assert_int_equal(atomic_load(&bench.fake.link.parent.shared->cur_lease), 1);
    assert_int_equal(atomic_load(&bench.fake.link.parent.shared->cur_row), 3);
    finish(&bench);
    start(&bench, NO_GATE);
    run(&bench, block(&bench, sinks, 1), 0, 0);
    assert_true(bench.died);
    assert_int_equal(atomic_load(&bench.fake.link.parent.shared->cur_row), 0); /* of nobody */
    finish(&bench);
}

static void hop_one_hands_out_a_key_for_every_row(void **state)
{
    static const char *const bodies[] = {"a", "empty", "late crash", "!gone", "b"};
    static const char *const keys[] = {"a", "", "late crash", "", "b"};
    struct bench bench;
    (void)state;
    start(&bench, WITH_GATE);
    RUN(&bench, bodies, GM_DESC_HOP1);
    keys_are(&bench, keys, 5);
    stream_is(&bench, SINK_STREAM, "");
    stream_is(&bench, GM_STREAM_REJECTS, "");
    assert_int_equal(fake_header(&bench.fake, &bench.done).n_in, 0); /* they count in hop 2 */
    finish(&bench);
}

/* The gate remembers every key that passed it, whatever came of the record behind it; a resumed
 * run has to know the same. */
static void hop_two_keeps_the_keys_of_all_that_passed_the_gate(void **state)
{
    static const char *const bodies[] = {"a", "b", "empty", "late", "!gone", "c"};
    static const char *const keys[] = {"a", "late", "c"};
    struct bench bench;
    (void)state;
    start(&bench, WITH_GATE);
    struct gm_desc input = block(&bench, bodies, 6);
    gm_block_mark(gm_pool_data(bench.fake.arenas[ARENA_FETCH], input.in_page), input.in_bytes, 1,
                  GM_REASON_TEXT_DUPLICATE);
    run(&bench, input, GM_DESC_HOP2, 0);
    assert_false(bench.died);
    stream_is(&bench, SINK_STREAM, "a\nc\n");
    keys_are(&bench, keys, 3);
    struct gm_buf rejects = fake_stream(&bench.fake, &bench.done, GM_STREAM_REJECTS);
    assert_non_null(
        strstr(gm_buf_cstr(&rejects), "\"stage\":\"text\",\"reason\":\"text.duplicate\""));
    gm_buf_free(&rejects);
    finish(&bench);
}

static void keys_outlive_an_output_that_does_not_fit(void **state)
{
    static const char *const bodies[] = {"a", "times 300000 0123456789", "empty"};
    static const char *const keys[] = {"a", "times 300000 012"};
    struct bench bench;
    (void)state;
    start(&bench, WITH_GATE);
    RUN(&bench, bodies, GM_DESC_HOP2);
    stream_is(&bench, SINK_STREAM, "");
    keys_are(&bench, keys, 2);
    finish(&bench);
}

static void leases_that_come_during_a_wait_are_served_in_order(void **state)
{
    static const char *const large[] = {"times 30000 0123456789"}, *const small[] = {"x"};
    struct bench bench;
    struct gm_desc desc;
    (void)state;
    start(&bench, NO_GATE);
    for (uint64_t lease = 1; lease <= 4; lease++) {
        desc = fake_lease(&bench.fake, lease, block(&bench, lease == 1 ? large : small, 1));
        fake_supervisor_say(&bench.fake, &desc);
    }
    assert_true(fake_supervisor_hear(&bench.fake, &desc));
    assert_int_equal(desc.kind, GM_DESC_NEED);
    assert_true(fake_supervisor_grant(&bench.fake, ARENA_OWN, desc.value, 1));
    for (uint64_t lease = 1; lease <= 4; lease++) {
        assert_true(fake_supervisor_hear(&bench.fake, &desc));
        assert_int_equal(desc.kind, GM_DESC_DONE);
        assert_int_equal(desc.lease, lease);
    }
    finish(&bench);
}

static void stop_is_heard_while_waiting_for_a_block(void **state)
{
    static const char *const large[] = {"times 30000 0123456789"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    struct gm_desc desc = fake_lease(&bench.fake, 1, block(&bench, large, 1));
    fake_supervisor_say(&bench.fake, &desc);
    assert_true(fake_supervisor_hear(&bench.fake, &desc));
    assert_int_equal(desc.kind, GM_DESC_NEED);
    finish(&bench);
}

/* The supervisor finds out whose fault it is; the worker goes on. */
static void a_malformed_block_is_told(void **state)
{
    static const char *const good[] = {"a"};
    struct bench bench;
    (void)state;
    start(&bench, NO_GATE);
    struct gm_desc input = block(&bench, good, 1);
    memset(gm_pool_data(bench.fake.arenas[ARENA_FETCH], input.in_page), 0xff, 64);
    run(&bench, input, 0, 0);
    assert_false(bench.died);
    assert_true(bench.done.flags & GM_DESC_BAD);
    RUN(&bench, good, 0);
    assert_false(bench.done.flags & GM_DESC_BAD);
    assert_int_equal(fake_header(&bench.fake, &bench.done).n_written, 1);
    finish(&bench);
}

/* What can only be a bug ends the worker with last words. */
static void bugs_end_the_worker(void **state)
{
    static const char *const bug[] = {"bug"}, *const good[] = {"a"};
    struct bench bench;
    (void)state;
    for (int i = 0; i < 2; i++) {
        start(&bench, NO_GATE);
        struct gm_desc input = block(&bench, i == 0 ? bug : good, 1);
        if (i == 1)
            input.in_page = 1u << 30;
        run(&bench, input, 0, 0);
        assert_true(bench.died);
        struct gm_obituary obituary = fake_supervisor_wait(&bench.fake);
        assert_int_equal(obituary.death, GM_DEATH_EXIT);
        assert_int_equal(obituary.code, gm_status_exit_code(GM_INTERNAL));
        finish(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_or_are_told_why_not),
        cmocka_unit_test(blocks_behind_each_other_do_not_mix),
        cmocka_unit_test(output_over_its_block_goes_to_a_larger_one),
        cmocka_unit_test(output_over_every_block_rejects_its_rows),
        cmocka_unit_test(a_probe_runs_its_row_only),
        cmocka_unit_test(a_crash_leaves_its_lease_and_row),
        cmocka_unit_test(hop_one_hands_out_a_key_for_every_row),
        cmocka_unit_test(hop_two_keeps_the_keys_of_all_that_passed_the_gate),
        cmocka_unit_test(keys_outlive_an_output_that_does_not_fit),
        cmocka_unit_test(leases_that_come_during_a_wait_are_served_in_order),
        cmocka_unit_test(stop_is_heard_while_waiting_for_a_block),
        cmocka_unit_test(a_malformed_block_is_told),
        cmocka_unit_test(bugs_end_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
