/* Where network threads get their jobs: shares of the connections, and threads that come later. One
 * thread plays all of them here. */
#include "fetch/exchange.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 40u

static struct gm_exchange *make(unsigned n_threads, unsigned max_threads, unsigned n_connections)
{
    const struct gm_schedule_limits limits = {
        .n_threads = n_threads, .per_host = MANY, .max_idle_hosts = 4};
    struct gm_exchange *exchange = NULL;
    struct gm_err err;
    assert_int_equal(gm_exchange_new(&limits, max_threads, n_connections, &exchange, &err), GM_OK);
    return exchange;
}

static void add(struct gm_exchange *exchange, unsigned n)
{
    struct gm_job_list jobs = {0};
    for (unsigned i = 0; i < n; i++) {
        struct gm_item item = {
            .locator = "http://example.com/", .number = i, .expected_bytes = UINT64_MAX};
        gm_job_list_push(&jobs, gm_job_new(&item));
    }
    gm_exchange_add(exchange, &jobs);
}

/* Gives n of *held back as finished and takes up to `wanted`; returns how many came. */
static unsigned turn(struct gm_exchange *exchange, unsigned thread, struct gm_job_list *held,
                     unsigned n_back, unsigned wanted, struct gm_turn *turn)
{
    *turn = (struct gm_turn){.wanted = wanted};
    for (; n_back > 0; n_back--) {
        struct gm_job *job = gm_job_list_pop(held);
        gm_job_fail(job, GM_REASON_FETCH_HTTP, "that was all");
        job->verdict = GM_JOB_FINISHED;
        gm_job_list_push(&turn->back, job);
    }
    assert_true(gm_exchange_turn(exchange, thread, 1000, turn));
    gm_job_list_join(held, &turn->jobs);
    return turn->n_jobs;
}

static bool is_told(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    bool told = poll(&polled, 1, 0) == 1;
    if (told)
        gm_exchange_drain_fd(fd);
    return told;
}

static void finish(struct gm_exchange *exchange, struct gm_job_list *held, unsigned n_lists)
{
    struct gm_turn last;
    for (unsigned t = 0; t < n_lists; t++) {
        unsigned n = 0;
        for (const struct gm_job *job = held[t].first; job; job = job->next)
            n++;
        turn(exchange, t, &held[t], n, 0, &last);
    }
    struct gm_job_list done = gm_exchange_collect(exchange, GM_WAKE_AT_ONCE);
    gm_job_list_free(&done);
    gm_exchange_free(exchange);
}

static void each_thread_has_its_share_of_the_connections(void **state)
{
    (void)state;
    struct gm_exchange *exchange = make(3, 3, 8);
    struct gm_job_list held[3] = {{0}};
    struct gm_turn result;
    static const unsigned want[] = {3, 3, 2};
    add(exchange, MANY);
    for (unsigned t = 0; t < 3; t++) {
        assert_int_equal(turn(exchange, t, &held[t], 0, 8, &result), want[t]);
        assert_int_equal(result.share, want[t]);
        assert_int_equal(result.next_ms, UINT64_MAX);
    }
    assert_int_equal(turn(exchange, 1, &held[1], 2, 8, &result), 2);
    finish(exchange, held, 3);
}

static void a_thread_that_is_added_gets_what_others_give_back(void **state)
{
    (void)state;
    struct gm_exchange *exchange = make(1, 2, 4);
    struct gm_job_list held[2] = {{0}};
    struct gm_turn result;
    add(exchange, MANY);
    assert_int_equal(turn(exchange, 0, &held[0], 0, 4, &result), 4);
    assert_int_equal(turn(exchange, 1, &held[1], 0, 2, &result), 0);
    assert_int_equal(result.share, 0); /* nobody knows it yet */
    gm_exchange_set_threads(exchange, 2);
    assert_true(is_told(gm_exchange_thread_fd(exchange, 0)));
    assert_true(is_told(gm_exchange_thread_fd(exchange, 1)));
    assert_int_equal(turn(exchange, 1, &held[1], 0, 2, &result), 0); /* all 4 are in use */
    assert_int_equal(result.share, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(is_told(gm_exchange_thread_fd(exchange, 1)));
        assert_int_equal(turn(exchange, 0, &held[0], 1, 4, &result), 0);
        assert_int_equal(result.share, 2);
        assert_true(is_told(gm_exchange_thread_fd(exchange, 1)));
        assert_int_equal(turn(exchange, 1, &held[1], 0, 2, &result), 1);
    }
    assert_int_equal(turn(exchange, 0, &held[0], 1, 4, &result), 1);
    finish(exchange, held, 2);
}

static void a_thread_is_asked_for_while_there_may_be_more(void **state)
{
    (void)state;
    struct gm_exchange *exchange = make(1, 2, 4);
    struct gm_job_list none[1] = {{0}};
    assert_false(gm_exchange_wants_thread(exchange));
    gm_exchange_ask_for_thread(exchange);
    assert_true(is_told(gm_exchange_fd(exchange)));
    assert_true(gm_exchange_wants_thread(exchange));
    assert_false(gm_exchange_wants_thread(exchange));
    gm_exchange_set_threads(exchange, 2);
    gm_exchange_ask_for_thread(exchange);
    assert_false(is_told(gm_exchange_fd(exchange)));
    assert_false(gm_exchange_wants_thread(exchange));
    finish(exchange, none, 1);
}

/* A timer that nobody with free connections waits for must not be come back to at once. */
static void only_who_can_take_more_comes_back_for_timers(void **state)
{
    (void)state;
    struct gm_exchange *exchange = make(2, 2, 2);
    struct gm_job_list held[2] = {{0}};
    struct gm_turn result = {.wanted = 2};
    add(exchange, 3);
    assert_int_equal(turn(exchange, 0, &held[0], 0, 2, &result), 1);
    struct gm_job *job = gm_job_list_pop(&held[0]);
    job->verdict = GM_JOB_RETRY;
    job->due_ms = 1500;
    result = (struct gm_turn){.wanted = 2};
    gm_job_list_push(&result.back, job);
    assert_true(gm_exchange_turn(exchange, 0, 1000, &result));
    assert_int_equal(result.n_jobs, 1);
    assert_int_equal(result.next_ms, UINT64_MAX); /* its share is in use */
    gm_job_list_join(&held[0], &result.jobs);
    assert_int_equal(turn(exchange, 1, &held[1], 0, 2, &result), 1);
    assert_int_equal(turn(exchange, 1, &held[1], 1, 2, &result), 0);
    assert_int_equal(result.next_ms, 1500);
    finish(exchange, held, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_has_its_share_of_the_connections),
        cmocka_unit_test(a_thread_that_is_added_gets_what_others_give_back),
        cmocka_unit_test(a_thread_is_asked_for_while_there_may_be_more),
        cmocka_unit_test(only_who_can_take_more_comes_back_for_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
