/* Shape and order of the clocks; how fast they run is the kernel's business. */
#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

static void monotonic_time_never_goes_back(void **state)
{
    uint64_t last = gm_now_ns();
    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t now = gm_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void both_units_are_one_clock(void **state)
{
    (void)state;
    uint64_t before = gm_now_ns() / 1000000;
    uint64_t ms = gm_now_ms();
    uint64_t after = gm_now_ns() / 1000000;
    assert_true(before <= ms && ms <= after);
}

static void wall_time_is_utc_and_now(void **state)
{
    char text[21];
    struct tm utc = {0};
    (void)state;
    time_t before = time(NULL);
    assert_ptr_equal(gm_wall_time(text), text);
    time_t after = time(NULL);
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    assert_non_null(end);
    assert_int_equal(*end, '\0');
    time_t said = timegm(&utc);
    assert_true(said >= before && said <= after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(both_units_are_one_clock),
        cmocka_unit_test(wall_time_is_utc_and_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
