/* The smoothed rate, with invented times. */
#include "run/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void feed(struct gm_rate *rate, uint64_t from_ms, uint64_t to_ms, uint64_t per_s)
{
    uint64_t value = rate->last_value;
    for (uint64_t t = from_ms; t < to_ms; t += 1000)
        gm_rate_add(rate, t + 1000, value += per_s);
}

static void nothing_is_known_before_two_values(void **state)
{
    (void)state;
    struct gm_rate rate = {0};
    assert_true(gm_rate_per_second(&rate) == 0);
    gm_rate_add(&rate, 5000, 700);
    assert_true(gm_rate_per_second(&rate) == 0);
    assert_true(gm_rate_eta_ms(&rate, 10) == UINT64_MAX);
    assert_true(gm_rate_eta_ms(&rate, 0) == 0);
}

static void a_steady_rate_is_right_from_the_first_second(void **state)
{
    (void)state;
    struct gm_rate rate = {0};
    gm_rate_add(&rate, 0, 0);
    gm_rate_add(&rate, 1000, 50);
    assert_float_equal(gm_rate_per_second(&rate), 50, 0.001);
    feed(&rate, 1000, 60000, 50);
    assert_float_equal(gm_rate_per_second(&rate), 50, 0.001);
    assert_int_equal(gm_rate_eta_ms(&rate, 500), 10000);
}

static void it_follows_a_change_within_half_a_minute(void **state)
{
    (void)state;
    struct gm_rate rate = {0};
    gm_rate_add(&rate, 0, 0);
    feed(&rate, 0, 60000, 100);
    feed(&rate, 60000, 61000, 10);
    assert_true(gm_rate_per_second(&rate) > 80); /* one slow second is no slump */
    feed(&rate, 61000, 100000, 10);
    assert_true(gm_rate_per_second(&rate) < 13);
}

static void a_stalled_run_has_no_eta_of_weeks(void **state)
{
    (void)state;
    struct gm_rate rate = {0};
    gm_rate_add(&rate, 0, 0);
    feed(&rate, 0, 3000, 1);
    feed(&rate, 3000, 400000, 0);
    assert_true(gm_rate_eta_ms(&rate, 1000000) == UINT64_MAX);
}

static void samples_close_together_and_counters_that_fall_do_no_harm(void **state)
{
    (void)state;
    struct gm_rate rate = {0};
    gm_rate_add(&rate, 0, 0);
    gm_rate_add(&rate, 1, 1000); /* would be a million a second */
    assert_true(gm_rate_per_second(&rate) == 0);
    gm_rate_add(&rate, 1000, 1000);
    assert_float_equal(gm_rate_per_second(&rate), 1000, 0.001);
    gm_rate_add(&rate, 2000, 5);
    assert_true(gm_rate_per_second(&rate) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_two_values),
        cmocka_unit_test(a_steady_rate_is_right_from_the_first_second),
        cmocka_unit_test(it_follows_a_change_within_half_a_minute),
        cmocka_unit_test(a_stalled_run_has_no_eta_of_weeks),
        cmocka_unit_test(samples_close_together_and_counters_that_fall_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
