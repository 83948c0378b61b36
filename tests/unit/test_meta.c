/* Metadata of hostile files: loops, offsets past the end, cuts at every byte, segments out of
 * order. Good ones are compared with Pillow in tests/conformance/image/options.py. */
#include "image/meta.h"

#include "image/ifd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Orientation 6, and an EXIF directory with the date at the end of the block. */
static const uint8_t exif[] = {
    'I',  'I',  42,  0,   8,   0,   0,   0,                     /* header */
    2,    0,                                                    /* two entries */
    0x12, 0x01, 3,   0,   1,   0,   0,   0,   6,   0,   0,   0, /* orientation */
    0x69, 0x87, 4,   0,   1,   0,   0,   0,   38,  0,   0,   0, /* EXIF directory at 38 */
    0,    0,    0,   0,                                         /* no next directory */
    1,    0,                                                    /* one entry */
    0x03, 0x90, 2,   0,   20,  0,   0,   0,   56,  0,   0,   0, /* date at 56 */
    0,    0,    0,   0,                                         /* no next directory */
    '2',  '0',  '2', '1', ':', '0', '3', ':', '0', '4', ' ', '0',
    '5',  ':',  '0', '6', ':', '0', '7', 0};

static void read_copy(struct gm_meta *meta, const uint8_t *data, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, n_bytes);
    *meta = (struct gm_meta){0};
    gm_meta_exif(meta, copy, n_bytes);
    free(copy);
}

static void orientation_and_date_are_found(void **state)
{
    struct gm_meta meta;
    (void)state;
    read_copy(&meta, exif, sizeof(exif));
    assert_int_equal(meta.orientation, 6);
    assert_string_equal(meta.date, "2021-03-04T05:06:07");
}

static void a_cut_block_gives_what_is_whole(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(exif); n++) {
        struct gm_meta meta;
        read_copy(&meta, exif, n);
        assert_int_equal(meta.orientation, n >= 38 ? 6 : 0);
        assert_string_equal(meta.date, "");
    }
}

/* Every byte in turn is set to values that make offsets and counts huge. */
static void spoilt_bytes_are_survived(void **state)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    uint8_t data[sizeof(exif)];
    (void)state;
    for (size_t i = 0; i < sizeof(exif); i++)
        for (size_t k = 0; k < sizeof(values); k++) {
            struct gm_meta meta;
            memcpy(data, exif, sizeof(exif));
            data[i] = values[k];
            read_copy(&meta, data, sizeof(data));
            assert_in_range(meta.orientation, 0, 8);
        }
}

static void offsets_of_64_bits_do_not_wrap(void **state)
{
    uint8_t data[64] = {'M', 'M', 0, 43, 0, 8, 0, 0};
    struct gm_ifd_block block;
    struct gm_ifd ifd;
    uint64_t at;
    (void)state;
    memset(data + 8, 0xff, 8); /* first directory */
    assert_true(gm_ifd_open(&block, data, sizeof(data), &at));
    assert_true(at == UINT64_MAX);
    assert_false(gm_ifd_read(&block, at, &ifd));
    assert_false(gm_ifd_read(&block, UINT64_MAX - 7, &ifd));
    memset(data + 16, 0xff, 8); /* number of entries */
    assert_false(gm_ifd_read(&block, 16, &ifd));
}

static void a_loop_of_pages_ends(void **state)
{
    static const uint8_t tiff[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 0};
    struct gm_meta meta;
    (void)state;
    gm_meta_read(&meta, GM_MEDIA_TIFF, tiff, sizeof(tiff));
    assert_int_equal(meta.n_frames, 4096);
}

#define SEGMENT(number, count, letter)                                                             \
    0xff, 0xe2, 0, 17, 'I', 'C', 'C', '_', 'P', 'R', 'O', 'F', 'I', 'L', 'E', 0, number, count,    \
        letter

static void profile_segments_are_put_in_order(void **state)
{
    static const uint8_t jpeg[] = {
        0xff, 0xd8, SEGMENT(2, 3, 'b'), SEGMENT(3, 3, 'c'), SEGMENT(1, 3, 'a'), 0xff, 0xd9};
    static const uint8_t lacking[] = {0xff, 0xd8, SEGMENT(1, 3, 'a'), SEGMENT(3, 3, 'c'),
                                      0xff, 0xd9};
    uint8_t digest[GM_SHA256_BYTES], wanted[GM_SHA256_BYTES];
    struct gm_meta meta;
    (void)state;
    gm_sha256("abc", 3, wanted);
    gm_meta_read(&meta, GM_MEDIA_JPEG, jpeg, sizeof(jpeg));
    assert_true(gm_meta_icc_sha256(&meta, jpeg, sizeof(jpeg), digest));
    assert_memory_equal(digest, wanted, sizeof(wanted));
    gm_meta_read(&meta, GM_MEDIA_JPEG, lacking, sizeof(lacking));
    assert_false(gm_meta_icc_sha256(&meta, lacking, sizeof(lacking), digest));
}

/* Every kind of file, any bytes behind its magic. */
static void rubbish_is_survived(void **state)
{
    static const enum gm_media kinds[] = {GM_MEDIA_JPEG, GM_MEDIA_PNG,  GM_MEDIA_WEBP,
                                          GM_MEDIA_GIF,  GM_MEDIA_TIFF, GM_MEDIA_PSD};
    uint32_t random = 1;
    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        size_t n_bytes = i % 90;
        uint8_t *data = malloc(n_bytes ? n_bytes : 1);
        struct gm_meta meta;
        uint8_t digest[GM_SHA256_BYTES];
        assert_non_null(data);
        for (size_t k = 0; k < n_bytes; k++) {
            random = random * 1664525u + 1013904223u;
            data[k] = (uint8_t)(random >> 24 & (random & 1024 ? 0xff : 0x03));
        }
        if (n_bytes >= 8 && kinds[i % 6] == GM_MEDIA_TIFF)
            memcpy(data, "II*\0\x08\0\0\0", 8);
        if (n_bytes >= 4 && kinds[i % 6] == GM_MEDIA_PSD)
            memcpy(data, "8BPS", 4);
        gm_meta_read(&meta, kinds[i % 6], data, n_bytes);
        assert_true(meta.n_frames >= 1);
        gm_meta_icc_sha256(&meta, data, n_bytes, digest);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientation_and_date_are_found),
        cmocka_unit_test(a_cut_block_gives_what_is_whole),
        cmocka_unit_test(spoilt_bytes_are_survived),
        cmocka_unit_test(offsets_of_64_bits_do_not_wrap),
        cmocka_unit_test(a_loop_of_pages_ends),
        cmocka_unit_test(profile_segments_are_put_in_order),
        cmocka_unit_test(rubbish_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
