/* What a splitter emits, as the supervisor gets it: blocks in order, members numbered, nothing lost
 * or doubled whatever happens in between. The splitter here does what the container's first byte
 * says. */
#include "fake_lease.h"
#include "fake_splitter.h"

#include "base/fs.h"
#include "base/hash.h"
#include "block.h"
#include "run/worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- in the worker ---- */

enum { MAX_ROWS = 7000, MAX_BLOCKS = 64 };

struct emitted {
    struct fake_supervisor fake;
    struct gm_worker_setup setup;
    struct gm_splitter splitter;
    /* of the last lease */
    struct {
        uint64_t item, member, hash;
        size_t n_bytes;
        enum gm_media media;
        enum gm_reason reason;
        int route;
        char name[16], message[120];
    } rows[MAX_ROWS];
    uint32_t n_rows;
    uint64_t block_hash[MAX_BLOCKS]; /* by sub */
    uint32_t n_blocks, first_block;
    uint32_t needs[MAX_BLOCKS], n_needs;
    uint32_t n_ahead;  /* blocks that it asked for ahead of need, over all leases */
    bool denies_ahead; /* ... and does not get */
    struct gm_desc done;
    bool died;
};

static struct emitted *start(void)
{
    struct emitted *emitted = calloc(1, sizeof *emitted);
    assert_non_null(emitted);
    fake_supervisor_open(&emitted->fake, 4, 16u << 20);
    for (size_t i = 0; i < sizeof fake_giant; i++)
        fake_giant[i] = (uint8_t)('a' + i * i % 23);
    emitted->splitter = (struct gm_splitter){.name = "fake", .split = fake_split};
    emitted->fake.plan->splitter = &emitted->splitter;
    emitted->setup = (struct gm_worker_setup){.plan = emitted->fake.plan,
                                              .route = ROUTE_UNPACK,
                                              .link = &emitted->fake.link,
                                              .arenas = emitted->fake.arenas,
                                              .n_arenas = N_FAKE_ARENAS,
                                              .own_arena = ARENA_OWN};
    fake_supervisor_start(&emitted->fake, gm_worker_main, &emitted->setup, NULL, 0);
    return emitted;
}

static void copy_text(char *to, size_t to_bytes, struct gm_view view)
{
    snprintf(to, to_bytes, "%.*s", (int)view.n_bytes, view.data ? (const char *)view.data : "");
}

static void keep_block(struct emitted *emitted, const struct gm_desc *desc)
{
    struct gm_batch batch;
    uint32_t base;
    const uint8_t *data = gm_pool_data(emitted->fake.arenas[ARENA_OWN], desc->out_page);
    gm_batch_init(&batch);
    assert_true(
        gm_pool_holds(emitted->fake.arenas[ARENA_OWN], desc->out_page, desc->out_bytes, &base));
    assert_int_equal(gm_block_open(data, desc->out_bytes, &batch, NULL), GM_OK);
    assert_int_equal(desc->row_count, batch.n_rows);
    assert_int_equal(desc->sub, emitted->first_block + ++emitted->n_blocks);
    emitted->block_hash[desc->sub] = gm_xxh64(data, desc->out_bytes, desc->value);
    for (uint32_t row = 0; row < batch.n_rows; row++) {
        struct gm_view body = gm_batch_view(&batch, GM_IN_BODY, row);
        uint32_t i = emitted->n_rows++;
        emitted->rows[i].item = gm_batch_u64(&batch, GM_IN_ITEM, row);
        emitted->rows[i].member = gm_batch_is_null(&batch, GM_IN_MEMBER, row)
                                      ? UINT64_MAX
                                      : gm_batch_u64(&batch, GM_IN_MEMBER, row);
        emitted->rows[i].media = (enum gm_media)gm_batch_u64(&batch, GM_IN_MEDIA, row);
        emitted->rows[i].hash = gm_xxh64(body.data, body.n_bytes, 0);
        emitted->rows[i].n_bytes = body.n_bytes;
        emitted->rows[i].reason = batch.reasons[row];
        emitted->rows[i].route = (int)desc->value;
        copy_text(emitted->rows[i].name, sizeof emitted->rows[i].name,
                  gm_batch_view(&batch, GM_IN_NAME, row));
        copy_text(emitted->rows[i].message, sizeof emitted->rows[i].message, batch.messages[row]);
    }
    gm_batch_free(&batch);
    gm_pool_give(emitted->fake.arenas[ARENA_OWN], desc->out_page);
}

static void answer_ahead(struct emitted *emitted, const struct gm_desc *need)
{
    struct gm_span span;
    struct gm_desc desc = {.kind = GM_DESC_GRANT, .flags = GM_DESC_AHEAD};
    emitted->n_ahead++;
    if (emitted->denies_ahead)
        return;
    assert_int_equal(
        gm_pool_take(emitted->fake.arenas[ARENA_OWN], need->value, GM_POOL_INPUT, &span, NULL),
        GM_OK);
    desc.out_page = span.page;
    desc.out_bytes = span.n_bytes;
    fake_supervisor_say(&emitted->fake, &desc);
}

static void answer_need(struct emitted *emitted, const struct gm_desc *desc)
{
    if (desc->flags & GM_DESC_AHEAD) {
        answer_ahead(emitted, desc);
        return;
    }
    emitted->needs[emitted->n_needs++] = desc->value;
    assert_true(fake_supervisor_grant(&emitted->fake, ARENA_OWN, desc->value, desc->lease));
}

/* Leases a container that begins with these bytes, and hears its worker to the end. */
static void lease(struct emitted *emitted, const char *body, uint32_t skip, uint32_t stop_at)
{
    static uint64_t number;
    const struct fake_row row = {.item = 77,
                                 .member = UINT64_MAX,
                                 .media = GM_MEDIA_TAR,
                                 .body = body,
                                 .n_bytes = strlen(body)};
    struct gm_desc desc = fake_block(emitted->fake.arenas[ARENA_FETCH], &row, 1);
    uint32_t in_page = desc.in_page;
    desc.kind = GM_DESC_LEASE;
    desc.lease = ++number;
    desc.value = skip;
    desc.row_count = stop_at;
    emitted->n_rows = emitted->n_blocks = emitted->n_needs = 0;
    emitted->first_block = skip;
    fake_supervisor_say(&emitted->fake, &desc);
    for (;;) {
        emitted->died = !fake_supervisor_hear(&emitted->fake, &emitted->done);
        if (emitted->died || emitted->done.kind == GM_DESC_DONE)
            break;
        assert_int_equal(emitted->done.lease, number);
        if (emitted->done.kind == GM_DESC_NEED)
            answer_need(emitted, &emitted->done);
        else if (emitted->done.value == GM_NO_LIMIT)
            gm_pool_give(emitted->fake.arenas[ARENA_OWN], emitted->done.out_page);
        else
            keep_block(emitted, &emitted->done);
    }
    gm_pool_give(emitted->fake.arenas[ARENA_FETCH], in_page);
}

static void finish(struct emitted *emitted)
{
    const struct gm_desc stop = {.kind = GM_DESC_STOP};
    if (!emitted->died) {
        fake_supervisor_say(&emitted->fake, &stop);
        struct gm_obituary obituary = fake_supervisor_wait(&emitted->fake);
        assert_int_equal(obituary.death, GM_DEATH_EXIT);
        assert_int_equal(obituary.code, 0);
        /* Those that it keeps for the next container: one begun, one granted ahead. */
        assert_true(gm_pool_in_use(emitted->fake.arenas[ARENA_OWN]) <= 2);
    }
    fake_supervisor_close(&emitted->fake);
    free(emitted);
}

static void is_complete(const struct emitted *emitted)
{
    assert_false(emitted->died);
    assert_int_equal(emitted->done.flags, 0);
    assert_int_equal(emitted->done.sub, emitted->first_block + emitted->n_blocks);
}

static void members_are_numbered_and_packed_in_order(void **state)
{
    struct emitted *emitted = start();
    (void)state;
    lease(emitted, "s", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 6000);
    assert_in_range(emitted->n_blocks, 3, 8);
    for (uint32_t i = 0; i < 6000; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%u", i);
        assert_int_equal(emitted->rows[i].member, i);
        assert_int_equal(emitted->rows[i].item, 77);
        assert_int_equal(emitted->rows[i].n_bytes, 100 + i % 100);
        assert_string_equal(emitted->rows[i].name, name);
    }
    finish(emitted);
}

static void without_blocks_ahead_it_asks_for_each(void **state)
{
    struct emitted *emitted = start();
    uint64_t first[MAX_BLOCKS];
    (void)state;
    lease(emitted, "s", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_in_range(emitted->n_needs, 1, emitted->n_blocks);
    uint32_t n_blocks = emitted->n_blocks;
    memcpy(first, emitted->block_hash, sizeof first);
    finish(emitted);

    emitted = start();
    emitted->denies_ahead = true;
    lease(emitted, "s", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_needs, n_blocks);
    assert_int_equal(emitted->n_ahead, 1); /* not answered, not repeated */
    assert_memory_equal(emitted->block_hash, first, sizeof first);
    finish(emitted);
}

static void a_second_attempt_skips_what_was_delivered(void **state)
{
    struct emitted *emitted = start();
    uint64_t first[MAX_BLOCKS];
    (void)state;
    lease(emitted, "s", 0, GM_NO_LIMIT);
    uint32_t n_blocks = emitted->n_blocks;
    memcpy(first, emitted->block_hash, sizeof first);
    for (uint32_t skip = 1; skip <= n_blocks; skip++) {
        memset(emitted->block_hash, 0, sizeof emitted->block_hash);
        lease(emitted, "s", skip, GM_NO_LIMIT);
        is_complete(emitted);
        assert_int_equal(emitted->n_blocks, n_blocks - skip);
        for (uint32_t sub = skip + 1; sub <= n_blocks; sub++)
            assert_true(emitted->block_hash[sub] == first[sub]);
    }
    finish(emitted);
}

static void a_record_of_unknown_size_moves_to_ever_larger_blocks(void **state)
{
    struct emitted *emitted = start();
    (void)state;
    lease(emitted, "g", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 3);
    assert_int_equal(emitted->rows[1].n_bytes, FAKE_GIANT_BYTES);
    assert_true(emitted->rows[1].hash == gm_xxh64(fake_giant, FAKE_GIANT_BYTES, 0));
    assert_int_equal(emitted->rows[0].n_bytes, 100);
    assert_int_equal(emitted->rows[2].n_bytes, 102);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(emitted->rows[i].member, i);
    assert_in_range(emitted->n_needs, 3, 6); /* by factors, not by steps */
    lease(emitted, "g", 1, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->rows[0].n_bytes, FAKE_GIANT_BYTES);
    finish(emitted);
}

static void a_record_over_the_limit_becomes_a_reject(void **state)
{
    struct emitted *emitted = start();
    (void)state;
    lease(emitted, "l", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 3);
    assert_int_equal(emitted->rows[1].reason, GM_REASON_LIMIT_RECORD_BYTES);
    assert_int_equal(emitted->rows[1].member, 1);
    assert_string_equal(emitted->rows[1].name, "giant");
    assert_non_null(strstr(emitted->rows[1].message, "3145728"));
    assert_int_equal(emitted->rows[2].reason, GM_REASON_NONE);
    assert_int_equal(emitted->rows[2].member, 2);
    finish(emitted);
}

static void kinds_go_to_their_routes(void **state)
{
    static const int routes[] = {ROUTE_TEXT, ROUTE_IMAGE, ROUTE_IMAGE, ROUTE_TEXT};
    struct emitted *emitted = start();
    (void)state;
    lease(emitted, "k", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(emitted->rows[i].member, i);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(emitted->rows[i].route, routes[i]);
    assert_int_equal(emitted->rows[4].reason, GM_REASON_MEDIA_UNSUPPORTED);
    assert_string_equal(emitted->rows[4].message, "it is pdf, and no stage of this job takes that");
    assert_int_equal(emitted->rows[5].reason, GM_REASON_MEDIA_EMPTY);
    assert_int_equal(emitted->rows[6].reason, GM_REASON_NONE);
    assert_int_equal(emitted->rows[7].reason, GM_REASON_MEDIA_UNSUPPORTED); /* not opened again */
    for (uint32_t i = 4; i < 8; i++)
        assert_int_equal(emitted->rows[i].route, ROUTE_TEXT);
    finish(emitted);
}

static void losses_stand_in_their_place(void **state)
{
    struct emitted *emitted = start();
    (void)state;
    lease(emitted, "r", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 5);
    assert_int_equal(emitted->rows[1].reason, GM_REASON_UNPACK_BROKEN);
    assert_int_equal(emitted->rows[1].member, 1);
    assert_int_equal(emitted->rows[1].n_bytes, 0);
    assert_string_equal(emitted->rows[1].message, "checksum");
    assert_int_equal(emitted->rows[2].reason, GM_REASON_UNPACK_ENCRYPTED);
    assert_int_equal(emitted->rows[2].member, 2);
    assert_true(emitted->rows[3].member == UINT64_MAX); /* the container as such */
    assert_string_equal(emitted->rows[3].message, "from byte 8192");
    assert_int_equal(emitted->rows[4].member, 3);
    assert_int_equal(emitted->rows[4].reason, GM_REASON_NONE);
    finish(emitted);
}

static void reading_stops_in_front_of_a_poison_member(void **state)
{
    struct emitted *emitted = start();
    (void)state;
    for (uint32_t stop_at = 0; stop_at <= 4; stop_at += 2) {
        lease(emitted, "c4", 0, stop_at); /* would crash behind its fourth member */
        is_complete(emitted);
        assert_int_equal(emitted->n_rows, stop_at + 1);
        assert_int_equal(emitted->rows[stop_at].member, stop_at);
        assert_int_equal(emitted->rows[stop_at].reason, GM_REASON_WORKER_CRASHED);
        for (uint32_t i = 0; i < stop_at; i++)
            assert_int_equal(emitted->rows[i].reason, GM_REASON_NONE);
    }
    lease(emitted, "x", 0, 1);
    is_complete(emitted);
    assert_int_equal(emitted->rows[0].reason, GM_REASON_LIMIT_RECORD_BYTES);
    assert_int_equal(emitted->rows[1].reason, GM_REASON_WORKER_CRASHED);
    finish(emitted);
}

static void a_crash_between_members_is_the_next_ones(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint64_t next;
    } rows[] = {{"c0", 0}, {"c3", 3}, {"x", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct emitted *emitted = start();
        lease(emitted, rows[i].body, 0, GM_NO_LIMIT);
        assert_true(emitted->died);
        assert_int_equal(atomic_load(&emitted->fake.link.parent.shared->cur_row), rows[i].next + 1);
        assert_int_equal(fake_supervisor_wait(&emitted->fake).death, GM_DEATH_FAULT);
        finish(emitted);
    }
}

static void no_memory_loses_the_rest_of_the_container(void **state)
{
    struct emitted *emitted = start();
    (void)state;
    lease(emitted, "n", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 2);
    assert_int_equal(emitted->rows[1].reason, GM_REASON_LIMIT_MEMORY);
    assert_true(emitted->rows[1].member == UINT64_MAX);
    lease(emitted, "e", 0, GM_NO_LIMIT);
    is_complete(emitted);
    assert_int_equal(emitted->n_rows, 0);
    finish(emitted);
}

static void a_file_comes_through_the_control_channel(void **state)
{
    struct emitted *emitted = start();
    const struct fake_row row = {.item = 5, .member = UINT64_MAX, .media = GM_MEDIA_TAR};
    (void)state;
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = memfd_create("container", MFD_CLOEXEC);
        assert_int_equal(write(fds[i], i ? "wanted" : "other", i ? 6 : 5), i ? 6 : 5);
    }
    struct gm_desc desc = fake_block(emitted->fake.arenas[ARENA_FETCH], &row, 1);
    desc.kind = GM_DESC_LEASE;
    desc.flags = GM_DESC_FD;
    desc.lease = 900;
    desc.row_count = GM_NO_LIMIT;
    for (int i = 0; i < 2; i++) /* one for a lease that never was */
        assert_int_equal(gm_control_send(emitted->fake.link.parent.control_fd, GM_CONTROL_FD,
                                         899 + (uint64_t)i, NULL, 0, fds[i], GM_CONTROL_WAIT, NULL),
                         GM_OK);
    fake_supervisor_say(&emitted->fake, &desc);
    while (fake_supervisor_hear(&emitted->fake, &desc) && desc.kind != GM_DESC_DONE)
        if (desc.kind == GM_DESC_NEED)
            answer_need(emitted, &desc);
        else
            keep_block(emitted, &desc);
    assert_int_equal(emitted->n_rows, 1);
    assert_true(emitted->rows[0].hash == gm_xxh64("wanted", 6, 0));
    finish(emitted);
    gm_close(&fds[0]);
    gm_close(&fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_numbered_and_packed_in_order),
        cmocka_unit_test(without_blocks_ahead_it_asks_for_each),
        cmocka_unit_test(a_second_attempt_skips_what_was_delivered),
        cmocka_unit_test(a_record_of_unknown_size_moves_to_ever_larger_blocks),
        cmocka_unit_test(a_record_over_the_limit_becomes_a_reject),
        cmocka_unit_test(kinds_go_to_their_routes),
        cmocka_unit_test(losses_stand_in_their_place),
        cmocka_unit_test(reading_stops_in_front_of_a_poison_member),
        cmocka_unit_test(a_crash_between_members_is_the_next_ones),
        cmocka_unit_test(no_memory_loses_the_rest_of_the_container),
        cmocka_unit_test(a_file_comes_through_the_control_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
