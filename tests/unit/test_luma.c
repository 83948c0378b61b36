/* Gray from color: the vector loops agree with the plain ones, and the plain ones with the formula
 * in real arithmetic. */
#include "image/luma.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MAX_PIXELS 300

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void vector_and_plain_agree_at_every_length(void **state)
{
    (void)state;
    uint8_t pixels[4 * MAX_PIXELS], got[MAX_PIXELS + 1], want[MAX_PIXELS];
    uint32_t seed = 1;
    for (size_t n = 0; n <= MAX_PIXELS; n++) {
        for (size_t i = 0; i < sizeof(pixels); i++)
            pixels[i] = (uint8_t)next_random(&seed);
        got[n] = 77;
        gm_luma_rgb(pixels, got, n);
        gm_luma_rgb_plain(pixels, want, n);
        assert_memory_equal(got, want, n);
        gm_luma_rgbx(pixels, got, n);
        gm_luma_rgbx_plain(pixels, want, n);
        assert_memory_equal(got, want, n);
        assert_int_equal(got[n], 77);
    }
}

static void vector_loop_is_exact_for_every_green_and_its_corners(void **state)
{
    (void)state;
    static const uint8_t corners[] = {0, 1, 2, 127, 128, 129, 253, 254, 255};
    uint8_t rgbx[4 * 16], got[16];
    for (unsigned g = 0; g < 256; g++)
        for (size_t r = 0; r < sizeof(corners); r++)
            for (size_t b = 0; b < sizeof(corners); b++) {
                for (size_t i = 0; i < 16; i++)
                    memcpy(rgbx + 4 * i, (uint8_t[]){corners[r], (uint8_t)g, corners[b], 255}, 4);
                gm_luma_rgbx(rgbx, got, 16);
                assert_int_equal(got[0], gm_luma(corners[r], g, corners[b]));
                assert_int_equal(got[15], got[0]);
            }
}

static void gray_stays_gray_and_weights_are_bt601(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++)
        assert_int_equal(gm_luma(v, v, v), v);
    assert_int_equal(gm_luma(255, 0, 0), 76);
    assert_int_equal(gm_luma(0, 255, 0), 150);
    assert_int_equal(gm_luma(0, 0, 255), 29);
}

static void inverted_cmyk_of_no_ink_is_white(void **state)
{
    (void)state;
    const uint8_t cmyk[4 * 4] = {255, 255, 255, 255, 255, 255, 255, 0,
                                 0,   0,   0,   255, 0,   255, 255, 255};
    uint8_t gray[4];
    gm_luma_cmyk_inverted(cmyk, gray, 4);
    assert_int_equal(gray[0], 255);
    assert_int_equal(gray[1], 0);
    assert_int_equal(gray[2], 0);
    assert_int_equal(gray[3], gm_luma(0, 255, 255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_and_plain_agree_at_every_length),
        cmocka_unit_test(vector_loop_is_exact_for_every_green_and_its_corners),
        cmocka_unit_test(gray_stays_gray_and_weights_are_bt601),
        cmocka_unit_test(inverted_cmyk_of_no_ink_is_white),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
