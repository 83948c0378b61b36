/* PNG row filters, both ways: the vector loops agree with the definition, filtering can be undone,
 * and the cheapest filter is taken. */
#include "image/png_filter.h"
#include "image/png_unfilter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WIDTH 200

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static int guess(int filter, int left, int up, int corner)
{
    int p = left + up - corner;
    int a = abs(p - left), b = abs(p - up), c = abs(p - corner);
    int paeth = a <= b && a <= c ? left : b <= c ? up : corner;
    return (int[]){0, left, up, (left + up) / 2, paeth}[filter];
}

/* What a PNG reader does. */
static void unfilter(unsigned filter, uint8_t *row, const uint8_t *above, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++)
        row[i] = (uint8_t)(row[i] + guess((int)filter, i < step ? 0 : row[i - step], above[i],
                                          i < step ? 0 : above[i - step]));
}

static void make_rows(uint32_t *seed, unsigned noise, uint8_t *row, uint8_t *above)
{
    unsigned dx = next_random(seed) % 8, dy = next_random(seed) % 40;
    for (size_t i = 0; i < MAX_WIDTH; i++) {
        above[i] = (uint8_t)(i * dx + next_random(seed) % noise);
        row[i] = (uint8_t)(i * dx + dy + next_random(seed) % noise);
    }
}

static void vector_and_plain_agree_and_can_be_undone(void **state)
{
    (void)state;
    static const unsigned noises[] = {1, 3, 40, 256};
    uint8_t row[MAX_WIDTH], above[MAX_WIDTH], back[MAX_WIDTH], scratch[4 * MAX_WIDTH];
    uint8_t fast[MAX_WIDTH + 2], plain[MAX_WIDTH + 1];
    uint32_t seed = 7;
    unsigned used = 0;
    for (size_t n = 1; n <= MAX_WIDTH; n++)
        for (size_t k = 0; k < 4; k++) {
            make_rows(&seed, noises[k], row, above);
            fast[n + 1] = 99;
            gm_png_filter(row, above, n, scratch, fast);
            gm_png_filter_plain(row, above, n, scratch, plain);
            assert_memory_equal(fast, plain, n + 1);
            assert_int_equal(fast[n + 1], 99);
            memcpy(back, fast + 1, n);
            unfilter(fast[0], back, above, n, 1);
            assert_memory_equal(back, row, n);
            used |= 1u << fast[0];
        }
    assert_int_equal(used, 31); /* each filter was the best once */
}

static void vector_paeth_is_exact_for_all_neighbours(void **state)
{
    (void)state;
    enum { WIDTH = 33 };
    uint8_t row[WIDTH], above[WIDTH], scratch[4 * WIDTH], out[WIDTH + 1];
    for (int left = 0; left < 256; left += 5)
        for (int up = 0; up < 256; up += 3)
            for (int corner = 0; corner < 256; corner++) {
                if (left == up && up == corner) /* no filter is tried */
                    continue;
                for (size_t i = 0; i < WIDTH; i++) {
                    row[i] = (uint8_t)left;
                    above[i] = i % 2 ? (uint8_t)up : (uint8_t)corner;
                }
                gm_png_filter(row, above, WIDTH, scratch, out);
                int odd = guess(4, left, up, corner), even = guess(4, left, corner, up);
                assert_int_equal(scratch[3 * WIDTH + 1], (uint8_t)(left - odd));
                assert_int_equal(scratch[3 * WIDTH + 16], (uint8_t)(left - even));
            }
}

static void a_flat_row_needs_no_filter_and_a_ramp_does(void **state)
{
    (void)state;
    uint8_t row[64] = {0}, above[64] = {0}, scratch[4 * 64], out[65];
    gm_png_filter(row, above, 64, scratch, out);
    assert_int_equal(out[0], 0);
    for (size_t i = 0; i < 64; i++)
        row[i] = (uint8_t)(2 * i);
    gm_png_filter(row, above, 64, scratch, out);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[64], 2);
}

static void a_row_like_the_one_above_leaves_nothing(void **state)
{
    (void)state;
    uint8_t row[MAX_WIDTH], scratch[4 * MAX_WIDTH], fast[MAX_WIDTH + 1], plain[MAX_WIDTH + 1];
    for (size_t n = 1; n <= MAX_WIDTH; n++)
        for (int kind = 0; kind < 3; kind++) { /* black, white, a ramp */
            for (size_t i = 0; i < n; i++)
                row[i] = (uint8_t)(int[]){0, 255, (int)i}[kind];
            gm_png_filter(row, row, n, scratch, fast);
            gm_png_filter_plain(row, row, n, scratch, plain);
            assert_memory_equal(fast, plain, n + 1);
        }
}

static void unfilter_follows_the_definition_for_every_pixel_size(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 3, 4, 6, 8};
    uint8_t row[MAX_WIDTH + GM_PNG_UNFILTER_SLACK], above[MAX_WIDTH + GM_PNG_UNFILTER_SLACK];
    uint8_t want[MAX_WIDTH + GM_PNG_UNFILTER_SLACK];
    uint32_t seed = 9;
    for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
        for (unsigned filter = 0; filter <= 4; filter++)
            for (size_t n = steps[k]; n <= MAX_WIDTH; n += steps[k]) {
                size_t noisy = next_random(&seed) % (MAX_WIDTH + 1) * (next_random(&seed) % 3 > 0);
                for (size_t i = 0; i < sizeof(row); i++) {
                    want[i] = row[i] =
                        i < noisy || i > noisy + 120 ? (uint8_t)next_random(&seed) : 0;
                    above[i] = (uint8_t)next_random(&seed);
                }
                unfilter(filter, want, above, n, steps[k]);
                assert_true(gm_png_unfilter(filter, row, above, n, steps[k]));
                assert_memory_equal(row, want, sizeof(row)); /* nothing behind the row either */
            }
    assert_false(gm_png_unfilter(5, row, above, 8, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_and_plain_agree_and_can_be_undone),
        cmocka_unit_test(vector_paeth_is_exact_for_all_neighbours),
        cmocka_unit_test(unfilter_follows_the_definition_for_every_pixel_size),
        cmocka_unit_test(a_row_like_the_one_above_leaves_nothing),
        cmocka_unit_test(a_flat_row_needs_no_filter_and_a_ramp_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
