/* What is done to gray planes: the vector forms against the plain ones, sizes, turning, sums. That
 * the plain forms are Pillow's and imagehash's is tested in tests/conformance/image. */
#include "image/picture.h"
#include "image/plane_stats.h"
#include "image/resample.h"
#include "image/reshape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* Exactly as large as the plane, so that a sanitizer sees a read past it. */
static uint8_t *random_plane(uint32_t width, uint32_t height, bool extremes)
{
    uint8_t *plane = malloc((size_t)width * height);
    assert_non_null(plane);
    for (size_t i = 0; i < (size_t)width * height; i++)
        plane[i] = (uint8_t)(extremes ? 255 * (next_random() & 1) : next_random());
    return plane;
}

static void vectors_resize_as_plain_loops(void **state)
{
    struct gm_resampler *resampler = gm_resampler_new();
    (void)state;
    assert_non_null(resampler);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t width = 1 + next_random() % 150, height = 1 + next_random() % 150;
        uint32_t to_width = i % 5 ? 1 + next_random() % 150 : width;
        uint32_t to_height = i % 7 ? 1 + next_random() % 150 : height;
        struct gm_gray from = {random_plane(width, height, i % 2), width, height};
        uint8_t *a = random_plane(to_width, to_height, false);
        uint8_t *b = random_plane(to_width, to_height, false);
        assert_true(gm_resample(resampler, &from, to_width, to_height, a));
        assert_true(gm_resample_plain(resampler, &from, to_width, to_height, b));
        assert_memory_equal(a, b, (size_t)to_width * to_height);
        free((void *)(uintptr_t)from.plane);
        free(a);
        free(b);
    }
    gm_resampler_free(resampler);
}

static void a_size_fits_its_box(void **state)
{
    static const uint32_t cases[][6] = {
        {100, 50, 50, 50, 50, 25},  {100, 50, 200, 200, 100, 50},  {1000, 1, 10, 10, 10, 1},
        {1, 1000, 10, 10, 1, 10},   {333, 251, 100, 100, 100, 75}, {3, 2, 2, 2, 2, 1},
        {65535, 1, 1, 65535, 1, 1}, {640, 480, 1000, 48, 64, 48},
    };
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        uint32_t width = cases[i][0], height = cases[i][1];
        gm_resample_fit(cases[i][2], cases[i][3], &width, &height);
        assert_int_equal(width, cases[i][4]);
        assert_int_equal(height, cases[i][5]);
    }
}

static void vectors_sum_as_plain_loops(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        uint32_t width = 1 + next_random() % (i % 50 ? 90 : 40000);
        uint32_t height = 1 + next_random() % (i % 50 ? 20 : 3);
        struct gm_gray gray = {random_plane(width, height, i % 2), width, height};
        struct gm_laplacian a, b;
        gm_plane_laplacian(&gray, &a);
        gm_plane_laplacian_plain(&gray, &b);
        assert_int_equal(a.sum, b.sum);
        assert_int_equal(a.squares, b.squares);
        free((void *)(uintptr_t)gray.plane);
    }
}

static void every_pixel_is_counted_once(void **state)
{
    uint64_t histogram[256], wanted[256] = {0};
    struct gm_gray gray = {random_plane(37, 41, false), 37, 41};
    (void)state;
    for (size_t i = 0; i < 37 * 41; i++)
        wanted[gray.plane[i]]++;
    gm_plane_histogram(&gray, histogram);
    assert_memory_equal(histogram, wanted, sizeof(wanted));
    free((void *)(uintptr_t)gray.plane);
}

/* Worst case of the sums: all corners differ by 255 from their neighbours. */
static void the_largest_laplacian_does_not_overflow(void **state)
{
    enum { WIDTH = 65535, HEIGHT = 3 };
    uint8_t *plane = malloc(WIDTH * HEIGHT);
    struct gm_laplacian laplacian;
    (void)state;
    assert_non_null(plane);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        plane[i] = (i / WIDTH + i % WIDTH) % 2 ? 255 : 0;
    gm_plane_laplacian(&(struct gm_gray){plane, WIDTH, HEIGHT}, &laplacian);
    assert_int_equal(laplacian.squares, (uint64_t)WIDTH * HEIGHT * 1020 * 1020);
    free(plane);
}

static void flat_pictures_have_no_variance(void **state)
{
    static const uint8_t plane[12] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    static const uint32_t sizes[][2] = {{12, 1}, {1, 12}, {3, 4}, {1, 1}};
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(sizes); i++) {
        struct gm_gray gray = {plane, sizes[i][0], sizes[i][1]};
        struct gm_laplacian laplacian;
        gm_plane_laplacian(&gray, &laplacian);
        assert_true(gm_laplacian_variance(&laplacian, &gray) == 0);
    }
}

/* A picture is decoded, turned by each orientation, and back by its inverse. */
static void turning_there_and_back_changes_nothing(void **state)
{
    static const unsigned inverse[9] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    static const char file[] = "P5\n70 130\n255\n";
    size_t n_bytes = sizeof(file) - 1 + 70 * 130;
    uint8_t *data = malloc(n_bytes);
    (void)state;
    assert_non_null(data);
    memcpy(data, file, sizeof(file) - 1);
    for (size_t i = sizeof(file) - 1; i < n_bytes; i++)
        data[i] = (uint8_t)next_random();
    for (unsigned orientation = 0; orientation <= 9; orientation++) {
        struct gm_picture picture;
        gm_picture_init(&picture);
        assert_int_equal(gm_picture_decode(&picture, GM_MEDIA_PNM, data, n_bytes), 0);
        assert_int_equal(gm_picture_orient(&picture, orientation), 0);
        bool is_turned = orientation >= 5 && orientation <= 8;
        assert_int_equal(picture.width, is_turned ? 130 : 70);
        assert_int_equal(picture.height, is_turned ? 70 : 130);
        bool is_same = memcmp(picture.plane, data + sizeof(file) - 1, 70 * 130) == 0;
        assert_int_equal(is_same, orientation < 2 || orientation == 9);
        assert_int_equal(gm_picture_orient(&picture, orientation < 9 ? inverse[orientation] : 0),
                         0);
        assert_memory_equal(picture.plane, data + sizeof(file) - 1, 70 * 130);
        gm_picture_fini(&picture);
    }
    free(data);
}

/* Enlarging is held to the same limits as decoding. */
static void enlarging_respects_the_limits(void **state)
{
    static const uint8_t file[] = "P5\n2 1\n255\nab";
    struct gm_resampler *resampler = gm_resampler_new();
    struct gm_reshape reshape = {.resize = GM_RESIZE_EXACT, .width = 60000, .height = 60000};
    struct gm_picture picture;
    (void)state;
    assert_non_null(resampler);
    gm_picture_init(&picture);
    picture.limits.max_pixels = 1000000;
    picture.limits.max_bytes = 1 << 20;
    assert_int_equal(gm_picture_decode(&picture, GM_MEDIA_PNM, file, sizeof(file) - 1), 0);
    assert_int_equal(gm_reshape(&reshape, resampler, &picture), GM_REASON_LIMIT_PIXELS);
    reshape.width = reshape.height = 1000;
    picture.limits.max_bytes = 1 << 10;
    assert_int_equal(gm_reshape(&reshape, resampler, &picture), GM_REASON_LIMIT_MEMORY);
    assert_true(picture.message[0] != '\0');
    gm_picture_fini(&picture);
    gm_resampler_free(resampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_resize_as_plain_loops),
        cmocka_unit_test(a_size_fits_its_box),
        cmocka_unit_test(vectors_sum_as_plain_loops),
        cmocka_unit_test(every_pixel_is_counted_once),
        cmocka_unit_test(the_largest_laplacian_does_not_overflow),
        cmocka_unit_test(flat_pictures_have_no_variance),
        cmocka_unit_test(turning_there_and_back_changes_nothing),
        cmocka_unit_test(enlarging_respects_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
