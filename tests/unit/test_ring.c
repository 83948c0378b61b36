/* The ring: order, borders, what a corrupt peer costs, and both ends at full speed with real bells.
 * The two ends run as threads here, so that ThreadSanitizer sees both (`make tsan`). */
#include "ipc/ring.h"
#include "ipc/wake.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N_ITEMS      200000u
#define LOST_WAKE_MS 20000 /* nobody waits this long unless a bell was lost */

struct item {
    uint64_t number;
    uint64_t filler[7]; /* each word is derived from number: a torn slot is seen */
};
_Static_assert(sizeof(struct item) == GM_RING_SLOT_BYTES, "one item is one slot");

static struct item make_item(uint64_t number)
{
    struct item item = {.number = number};
    for (size_t i = 0; i < GM_ARRAY_LEN(item.filler); i++)
        item.filler[i] = number * (i + 3);
    return item;
}

static bool is_item(const struct item *item, uint64_t number)
{
    struct item expected = make_item(number);
    return memcmp(item, &expected, sizeof expected) == 0;
}

struct pair {
    struct gm_ring_shared shared;
    struct gm_ring producer, consumer;
};

static int make_pair(void **state)
{
    struct pair *pair = aligned_alloc(GM_RING_LINE_BYTES, sizeof *pair);
    assert_non_null(pair);
    memset(pair, 0xA5, sizeof *pair); /* reset must not count on zeroed memory */
    gm_ring_reset(&pair->shared);
    gm_ring_attach(&pair->producer, &pair->shared);
    gm_ring_attach(&pair->consumer, &pair->shared);
    *state = pair;
    return 0;
}

static int free_pair(void **state)
{
    free(*state);
    return 0;
}

static void push(struct pair *pair, uint64_t number)
{
    struct item item = make_item(number);
    assert_int_equal(gm_ring_push(&pair->producer, &item, NULL), GM_OK);
}

static void push_many(struct pair *pair, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        push(pair, i);
    assert_false(gm_ring_publish(&pair->producer));
}

static void pop_expecting(struct pair *pair, uint64_t number)
{
    struct item item;
    assert_int_equal(gm_ring_pop(&pair->consumer, &item, NULL), GM_OK);
    assert_true(is_item(&item, number));
}

static void items_are_invisible_until_published(void **state)
{
    struct pair *pair = *state;
    struct item item;
    push(pair, 1);
    push(pair, 2);
    assert_int_equal(gm_ring_pop(&pair->consumer, &item, NULL), GM_AGAIN);
    assert_false(gm_ring_publish(&pair->producer));
    pop_expecting(pair, 1);
    pop_expecting(pair, 2);
    assert_int_equal(gm_ring_pop(&pair->consumer, &item, NULL), GM_AGAIN);
}

static void full_ring_refuses_until_slots_are_released(void **state)
{
    struct pair *pair = *state;
    struct item item = make_item(0);
    assert_int_equal(gm_ring_free_slots(&pair->producer), GM_RING_SLOTS);
    push_many(pair, GM_RING_SLOTS);
    assert_int_equal(gm_ring_free_slots(&pair->producer), 0);
    assert_int_equal(gm_ring_push(&pair->producer, &item, NULL), GM_AGAIN);
    pop_expecting(pair, 0);
    assert_int_equal(gm_ring_push(&pair->producer, &item, NULL), GM_AGAIN);
    assert_int_equal(gm_ring_free_slots(&pair->producer), 0);
    gm_ring_release(&pair->consumer);
    assert_int_equal(gm_ring_free_slots(&pair->producer), 1);
    assert_int_equal(gm_ring_push(&pair->producer, &item, NULL), GM_OK);
    assert_int_equal(gm_ring_push(&pair->producer, &item, NULL), GM_AGAIN);
}

static void order_survives_many_wraps_in_odd_batches(void **state)
{
    struct pair *pair = *state;
    uint64_t pushed = 0;
    uint64_t popped = 0;
    for (unsigned batch = 1; pushed < 5000; batch = batch * 7 % 61) {
        for (unsigned i = 0; i < batch; i++)
            push(pair, pushed++);
        gm_ring_publish(&pair->producer);
        while (popped < pushed)
            pop_expecting(pair, popped++);
        gm_ring_release(&pair->consumer);
    }
}

static void publish_rings_a_sleeping_consumer_once(void **state)
{
    struct pair *pair = *state;
    assert_true(gm_ring_consumer_sleep(&pair->consumer));
    push(pair, 0);
    assert_true(gm_ring_publish(&pair->producer));
    push(pair, 1);
    assert_false(gm_ring_publish(&pair->producer)); /* one sleep, one bell */
    assert_false(gm_ring_publish(&pair->producer)); /* nothing to publish */
}

static void consumer_does_not_sleep_on_items(void **state)
{
    struct pair *pair = *state;
    push(pair, 0);
    gm_ring_publish(&pair->producer);
    assert_false(gm_ring_consumer_sleep(&pair->consumer));
    /* The announcement was withdrawn. */
    push(pair, 1);
    assert_false(gm_ring_publish(&pair->producer));
    pop_expecting(pair, 0);
    gm_ring_release(&pair->consumer);
    assert_false(gm_ring_consumer_sleep(&pair->consumer)); /* 1 is known and not popped yet */
}

static void withdrawn_sleep_needs_no_bell(void **state)
{
    struct pair *pair = *state;
    assert_true(gm_ring_consumer_sleep(&pair->consumer));
    gm_ring_awake(&pair->consumer);
    push(pair, 0);
    assert_false(gm_ring_publish(&pair->producer));
}

static void release_rings_a_sleeping_producer_at_half(void **state)
{
    struct pair *pair = *state;
    uint64_t popped = 0;
    push_many(pair, GM_RING_SLOTS);
    assert_true(gm_ring_producer_sleep(&pair->producer));
    for (; popped < GM_RING_SLOTS / 2 - 1; popped++) {
        pop_expecting(pair, popped);
        assert_false(gm_ring_release(&pair->consumer));
    }
    pop_expecting(pair, popped++);
    assert_true(gm_ring_release(&pair->consumer));
    pop_expecting(pair, popped++);
    assert_false(gm_ring_release(&pair->consumer));
}

static void producer_does_not_sleep_on_free_slots(void **state)
{
    struct pair *pair = *state;
    push_many(pair, GM_RING_SLOTS);
    pop_expecting(pair, 0);
    gm_ring_release(&pair->consumer);
    assert_false(gm_ring_producer_sleep(&pair->producer));
    for (uint64_t i = 1; i < GM_RING_SLOTS; i++)
        pop_expecting(pair, i);
    assert_false(gm_ring_release(&pair->consumer)); /* the announcement was withdrawn */
}

static void expect_corrupt_tail(struct pair *pair, uint64_t tail)
{
    struct gm_err err;
    struct item item;
    atomic_store(&pair->shared.tail, tail);
    assert_int_equal(gm_ring_pop(&pair->consumer, &item, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "tail"));
}

static void corrupt_tail_is_reported(void **state)
{
    struct pair *pair = *state;
    push_many(pair, 10);
    for (uint64_t i = 0; i < 10; i++)
        pop_expecting(pair, i);
    gm_ring_release(&pair->consumer);
    expect_corrupt_tail(pair, 9);                      /* backwards */
    expect_corrupt_tail(pair, 10 + GM_RING_SLOTS + 1); /* too far */
    expect_corrupt_tail(pair, UINT64_MAX);
    assert_false(gm_ring_consumer_sleep(&pair->consumer)); /* corrupt is not empty */
    struct item item;
    atomic_store(&pair->shared.tail, 10 + GM_RING_SLOTS);
    assert_int_equal(gm_ring_pop(&pair->consumer, &item, NULL), GM_OK); /* the border itself */
}

static void tail_beyond_unreleased_slots_is_reported(void **state)
{
    struct pair *pair = *state;
    push_many(pair, 10);
    for (uint64_t i = 0; i < 10; i++)
        pop_expecting(pair, i);
    /* Ten slots have been popped but not given back: a producer may not have used them. */
    expect_corrupt_tail(pair, 10 + GM_RING_SLOTS);
}

static void expect_corrupt_head(struct pair *pair, uint64_t head)
{
    struct gm_err err;
    struct item item = make_item(0);
    atomic_store(&pair->shared.head, head);
    assert_int_equal(gm_ring_push(&pair->producer, &item, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "head"));
}

static void corrupt_head_is_reported(void **state)
{
    struct pair *pair = *state;
    push_many(pair, GM_RING_SLOTS);
    pop_expecting(pair, 0);
    gm_ring_release(&pair->consumer);
    push(pair, GM_RING_SLOTS);
    gm_ring_publish(&pair->producer);
    expect_corrupt_head(pair, 0);                 /* backwards */
    expect_corrupt_head(pair, GM_RING_SLOTS + 2); /* ahead of tail */
    expect_corrupt_head(pair, UINT64_MAX);
}

static void reset_makes_a_used_ring_new(void **state)
{
    struct pair *pair = *state;
    push_many(pair, 5);
    assert_false(gm_ring_consumer_sleep(&pair->consumer));
    gm_ring_reset(&pair->shared);
    gm_ring_attach(&pair->producer, &pair->shared);
    gm_ring_attach(&pair->consumer, &pair->shared);
    struct item item;
    assert_int_equal(gm_ring_pop(&pair->consumer, &item, NULL), GM_AGAIN);
    push(pair, 77);
    assert_false(gm_ring_publish(&pair->producer));
    pop_expecting(pair, 77);
}

/* ---- both ends at once ---- */

struct race {
    struct pair *pair;
    int items_bell, room_bell;
    uint64_t n_popped;
    uint64_t n_sleeps;
    bool failed; /* cmocka may not be called from a second thread */
};

static void *consume(void *argument)
{
    struct race *race = argument;
    struct gm_ring *ring = &race->pair->consumer;
    struct item item;
    while (race->n_popped < N_ITEMS) {
        enum gm_status status = gm_ring_pop(ring, &item, NULL);
        if (status == GM_OK) {
            race->failed |= !is_item(&item, race->n_popped++);
            if (race->n_popped % 3 && race->n_popped < N_ITEMS)
                continue; /* batches of three, and what is left before sleeping */
        } else if (status != GM_AGAIN) {
            race->failed = true;
            return NULL;
        }
        if (gm_ring_release(ring))
            gm_wake_ring(race->room_bell);
        if (status == GM_AGAIN && gm_ring_consumer_sleep(ring)) {
            race->n_sleeps++;
            race->failed |= !gm_wake_wait(race->items_bell, -1, LOST_WAKE_MS, NULL);
            gm_ring_awake(ring);
        }
    }
    return NULL;
}

static bool produce_one(struct race *race, uint64_t number)
{
    struct gm_ring *ring = &race->pair->producer;
    struct item item = make_item(number);
    enum gm_status status;
    while ((status = gm_ring_push(ring, &item, NULL)) == GM_AGAIN) {
        if (gm_ring_publish(ring))
            gm_wake_ring(race->items_bell);
        if (gm_ring_producer_sleep(ring) && !gm_wake_wait(race->room_bell, -1, LOST_WAKE_MS, NULL))
            return false;
    }
    return status == GM_OK;
}

static void no_item_and_no_bell_is_lost_between_two_threads(void **state)
{
    struct race race = {.pair = *state};
    pthread_t consumer;
    assert_int_equal(gm_wake_open(&race.items_bell, NULL), GM_OK);
    assert_int_equal(gm_wake_open(&race.room_bell, NULL), GM_OK);
    assert_int_equal(pthread_create(&consumer, NULL, consume, &race), 0);
    bool sent = true;
    unsigned batch = 1; /* 1 .. 100: also batches that do not fit the ring */
    for (uint64_t i = 0; i < N_ITEMS && sent; i++) {
        sent = produce_one(&race, i);
        if (--batch == 0 || i == N_ITEMS - 1) {
            batch = 1 + (unsigned)(i * 2654435761u % 100);
            if (gm_ring_publish(&race.pair->producer))
                gm_wake_ring(race.items_bell);
        }
    }
    assert_true(sent);
    pthread_join(consumer, NULL);
    assert_false(race.failed);
    assert_int_equal(race.n_popped, N_ITEMS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pair, free_pair)
    const struct CMUnitTest tests[] = {
        TEST(items_are_invisible_until_published),
        TEST(full_ring_refuses_until_slots_are_released),
        TEST(order_survives_many_wraps_in_odd_batches),
        TEST(publish_rings_a_sleeping_consumer_once),
        TEST(consumer_does_not_sleep_on_items),
        TEST(withdrawn_sleep_needs_no_bell),
        TEST(release_rings_a_sleeping_producer_at_half),
        TEST(producer_does_not_sleep_on_free_slots),
        TEST(corrupt_tail_is_reported),
        TEST(tail_beyond_unreleased_slots_is_reported),
        TEST(corrupt_head_is_reported),
        TEST(reset_makes_a_used_ring_new),
        TEST(no_item_and_no_bell_is_lost_between_two_threads),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
