/* Backoff, Retry-After and the list of statuses. */
#include "fetch/retry.h"

#include "base/assert.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void passing_failures_are_retried_and_lasting_ones_not(void **state)
{
    (void)state;
    static const unsigned again[] = {408, 425, 429, 500, 502, 503, 504, 520, 524};
    static const unsigned never[] = {400, 401, 403, 404, 410, 416, 451, 501, 505, 300, 304, 0};
    for (size_t i = 0; i < GM_ARRAY_LEN(again); i++)
        assert_true(gm_retry_status(again[i]));
    for (size_t i = 0; i < GM_ARRAY_LEN(never); i++)
        assert_false(gm_retry_status(never[i]));
    assert_true(gm_retry_status_slow_down(429));
    assert_true(gm_retry_status_slow_down(503));
    assert_false(gm_retry_status_slow_down(500));
}

static void backoff_doubles_up_to_the_cap_and_spreads_evenly(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {100, 200, 400, 800, 1000, 1000, 1000};
    uint64_t random = 1;
    for (unsigned try = 1; try <= GM_ARRAY_LEN(bounds); try++) {
        uint64_t least = UINT64_MAX, most = 0, sum = 0;
        for (int i = 0; i < 4000; i++) {
            uint64_t wait = gm_retry_backoff_ms(100, 1000, try, gm_retry_random(&random));
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
            sum += wait;
        }
        uint64_t bound = bounds[try - 1];
        assert_in_range(most, bound * 9 / 10, bound);
        assert_in_range(least, 0, bound / 10);
        assert_in_range(sum / 4000, bound * 45 / 100, bound * 55 / 100);
    }
}

static void backoff_takes_extremes(void **state)
{
    (void)state;
    assert_int_equal(gm_retry_backoff_ms(0, 0, 5, 77), 0);
    assert_int_equal(gm_retry_backoff_ms(500, 100, 1, 101), 0);
    assert_in_range(gm_retry_backoff_ms(1, UINT64_MAX, 100, 12345), 0, UINT64_MAX);
    assert_in_range(gm_retry_backoff_ms(UINT64_MAX / 2, UINT64_MAX, 2, 9), 0, UINT64_MAX);
}

static void retry_after_takes_seconds_and_the_three_dates(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t wait_ms;
    } table[] = {
        {"0", 0},
        {"120", 120000},
        {"99999999999999", (uint64_t)UINT32_MAX * 1000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 37000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 37000},
        {"Sun Nov  6 08:49:37 1994", 37000},
        {"Sun, 06 Nov 1994 08:48:00 GMT", 0},
    };
    const int64_t now_s = 784111777 - 37; /* 1994-11-06 08:49:00 */
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++) {
        uint64_t wait_ms = 1;
        assert_true(gm_retry_after_ms(table[i].value, now_s, &wait_ms));
        assert_int_equal(wait_ms, table[i].wait_ms);
    }
}

static void retry_after_refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "-5", "1.5", "soon", "Sun, 06 Nov 1994", "12 s", "Sun, 06 Nov 1994 08:49:37 GMT!"};
    for (size_t i = 0; i < GM_ARRAY_LEN(bad); i++) {
        uint64_t wait_ms = 42;
        assert_false(gm_retry_after_ms(bad[i], 0, &wait_ms));
        assert_int_equal(wait_ms, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passing_failures_are_retried_and_lasting_ones_not),
        cmocka_unit_test(backoff_doubles_up_to_the_cap_and_spreads_evenly),
        cmocka_unit_test(backoff_takes_extremes),
        cmocka_unit_test(retry_after_takes_seconds_and_the_three_dates),
        cmocka_unit_test(retry_after_refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
