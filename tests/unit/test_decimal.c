/* Both ways to a shortest decimal against the straightforward search with printf and strtod, on
 * random doubles and on those where rounding is asymmetric or a tie. */
#include "base/decimal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(double value, char digits[40], int *point)
{
    char text[40];
    for (int n_digits = 1; n_digits <= 17; n_digits++) {
        snprintf(text, sizeof text, "%.*e", n_digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t n = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at != '.')
            digits[n++] = *at;
    }
    digits[n] = '\0';
    *point = (int)strtol(at + 1, NULL, 10) + 1;
}

static void check(double value)
{
    struct gm_decimal decimal;
    char expected[40], found[40];
    int point = 0;
    expect(value, expected, &point);
    gm_decimal_shortest(value, &decimal);
    memcpy(found, decimal.digits, (size_t)decimal.n_digits);
    found[decimal.n_digits] = '\0';
    if (strcmp(found, expected) != 0 || decimal.point != point)
        print_error("%.17g\n", value);
    assert_string_equal(found, expected);
    assert_int_equal(decimal.point, point);
}

static void check_with_neighbours(double value)
{
    check(value);
    check(nextafter(value, 0));
    check(nextafter(value, INFINITY));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed ^ *seed >> 29;
}

static void powers_of_two_and_ten_and_their_neighbours(void **state)
{
    (void)state;
    for (int exponent = -1060; exponent < 1023; exponent++)
        check_with_neighbours(ldexp(1, exponent));
    for (int exponent = -300; exponent < 300; exponent++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", exponent);
        check_with_neighbours(strtod(text, NULL));
        snprintf(text, sizeof text, "5e%d", exponent);
        check_with_neighbours(strtod(text, NULL));
    }
}

static void the_edges_of_the_fast_range(void **state)
{
    (void)state;
    check_with_neighbours(1e-5);
    check_with_neighbours(1e15);
    check_with_neighbours(5e-324 * 2);
    check_with_neighbours(2.2250738585072014e-308);
}

static void short_decimals(void **state)
{
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < 40000; round++) {
        uint64_t number = next_random(&seed) % 1000000000 + 1;
        check((double)number / 1000);
        check((double)number / 1e9);
        check((double)number);
        check((double)(number % 1000 + 1) / (double)(number / 1000 + 1));
    }
}

static void random_doubles(void **state)
{
    uint64_t seed = 9;
    (void)state;
    for (int round = 0; round < 60000; round++) {
        uint64_t bits = next_random(&seed) & 0x7FFFFFFFFFFFFFFFu;
        /* Two in three lie within the fast range. */
        if (round % 3)
            bits = (bits & 0xFFFFFFFFFFFFFu) | (uint64_t)(1023 - 16 + round % 65) << 52;
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value) && value > 0)
            check(value);
    }
}

static void halves_that_tie(void **state)
{
    (void)state;
    /* Whole numbers and a half near 2^52 have 16 or 17 digits and end exactly in 5. */
    for (uint64_t i = 0; i < 20000; i++) {
        check((double)(999999999990000u + i) - 0.5);
        check((double)(562949953421312u + i) + 0.25);
        check((double)(70368744177664u + i) + 0.0625);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_two_and_ten_and_their_neighbours),
        cmocka_unit_test(the_edges_of_the_fast_range),
        cmocka_unit_test(short_decimals),
        cmocka_unit_test(random_doubles),
        cmocka_unit_test(halves_that_tie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
