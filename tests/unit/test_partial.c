/* What there is of JPEGs and PNGs that are cut off. Their pixels are compared with Pillow's in
 * tests/conformance/image/partial.sh. */
#include "image/picture.h"
#include "image_row.h"
#include "jpeg_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL "data/images/small/"

/* Decodes a cut copy as a caller does who takes what there is. */
static enum gm_reason decode_part(struct gm_picture *picture, const uint8_t *data, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, n_bytes);
    enum gm_media media = gm_media_sniff(copy, n_bytes, "", 0);
    enum gm_reason reason = gm_picture_decode(picture, media, copy, n_bytes);
    free(copy);
    return reason;
}

/* Rows from the top that are as in the whole picture. */
static size_t n_same_rows(const struct gm_picture *part, const struct gm_picture *whole)
{
    size_t y = 0, width = whole->width;
    assert_int_equal(part->width, whole->width);
    assert_int_equal(part->height, whole->height);
    while (y < whole->height &&
           memcmp(part->plane + y * width, whole->plane + y * width, width) == 0)
        y++;
    return y;
}

static bool is_flat(const struct gm_picture *picture, size_t from_row)
{
    const uint8_t *rest = picture->plane + from_row * picture->width;
    size_t n = (picture->height - from_row) * picture->width;
    return n == 0 || memcmp(rest, rest + 1, n - 1) == 0;
}

/* Cuts from the shortest on; returns the rows that the best shows. ends_flat: what is missing has
 * one color (a JPEG's last blocks are spoilt, and their neighbours by the smoothing of color). */
static size_t check_parts(const char *name, const uint8_t *data, size_t n_bytes, bool ends_flat)
{
    struct gm_picture whole, part;
    size_t n_rows = 0;
    gm_picture_init(&whole);
    gm_picture_init(&part);
    whole.takes_partial = part.takes_partial = true;
    assert_int_equal(decode_part(&whole, data, n_bytes), GM_REASON_NONE);
    assert_false(whole.is_partial);
    for (size_t cut = 0; cut < n_bytes; cut++) {
        enum gm_reason reason = decode_part(&part, data, cut);
        if (reason == GM_REASON_NONE) {
            assert_true(part.is_partial);
            size_t n = n_same_rows(&part, &whole);
            if (ends_flat && (n < n_rows || !is_flat(&part, n)))
                fail_msg("%s cut to %zu bytes: %zu rows, before %zu", name, cut, n, n_rows);
            n_rows = n > n_rows ? n : n_rows;
        } else if (n_rows > 0) {
            fail_msg("%s cut to %zu bytes: %s", name, cut, part.message);
        }
    }
    gm_picture_fini(&whole);
    gm_picture_fini(&part);
    return n_rows;
}

static void what_there_is_of_a_cut_file_is_shown_if_wanted(void **state)
{
    static const struct {
        const char *name;
        bool ends_flat;
    } files[] = {{SMALL "rgb.jpg", false},    {SMALL "gray.jpg", false},
                 {SMALL "cmyk.jpg", false},   {SMALL "rgb.png", true},
                 {SMALL "alpha.png", true},   {SMALL "bits.png", true},
                 {SMALL "palette.png", true}, {"data/images/chart.png", true}};
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(files); i++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(files[i].name, &n_bytes);
        if (check_parts(files[i].name, data, n_bytes, files[i].ends_flat) == 0)
            fail_msg("%s: no part was shown", files[i].name);
        free(data);
    }
}

static void other_formats_have_no_parts(void **state)
{
    static const char *const samples[] = {
        SMALL "palette.gif", SMALL "rgb.bmp", SMALL "lossy.webp", SMALL "lossless.webp",
        SMALL "rgb.ppm",     SMALL "rgb.tif", SMALL "bits.pbm",   SMALL "jpeg.tif",
    };
    struct gm_picture picture;
    (void)state;
    gm_picture_init(&picture);
    picture.takes_partial = true;
    for (size_t i = 0; i < GM_ARRAY_LEN(samples); i++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(samples[i], &n_bytes);
        for (size_t cut = 0; cut < n_bytes; cut += 7)
            if (decode_part(&picture, data, cut) == GM_REASON_NONE)
                fail_msg("%s cut to %zu bytes was accepted", samples[i], cut);
        free(data);
    }
    gm_picture_fini(&picture);
}

/* Scans that never came make no difference in kind: the picture is coarse. */
static void a_progressive_file_without_its_last_scans_is_a_part(void **state)
{
    struct jpeg_recipe recipe = {
        .width = 90, .height = 70, .n_components = 3, .progressive = true, .noise = 30};
    struct gm_buf file = GM_BUF_INIT;
    struct gm_picture picture;
    unsigned n_shown = 0;
    (void)state;
    gm_picture_init(&picture);
    jpeg_make(&recipe, &file);
    for (int takes = 0; takes < 2; takes++)
        for (size_t at = 2; at + 2 < file.n_bytes; at++) {
            if (file.data[at] != 0xff || file.data[at + 1] != 0xda)
                continue;
            file.data[at + 1] = 0xd9;
            picture.takes_partial = takes;
            enum gm_reason reason = decode_part(&picture, file.data, at + 2);
            file.data[at + 1] = 0xda;
            assert_true(reason != GM_REASON_NONE || picture.is_partial);
            assert_true(takes || reason != GM_REASON_NONE);
            n_shown += reason == GM_REASON_NONE;
        }
    assert_true(n_shown >= 5);
    gm_picture_fini(&picture);
    gm_buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is_of_a_cut_file_is_shown_if_wanted),
        cmocka_unit_test(other_formats_have_no_parts),
        cmocka_unit_test(a_progressive_file_without_its_last_scans_is_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
