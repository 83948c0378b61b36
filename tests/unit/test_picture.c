/* The image stages on bad files: cut off, flipped, lying about their size; and that one row leaves
 * nothing behind for the next. Good pictures are compared with Pillow in tests/conformance/image.
 */
#include "image_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <zlib.h>

#define SMALL "data/images/small/"

/* Sanitizers need address space of their own, so that no limit can be set. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER
#endif

static const char *const samples[] = {
    SMALL "rgb.jpg",     SMALL "gray.jpg",          SMALL "cmyk.jpg",      SMALL "progressive.jpg",
    SMALL "rgb.png",     SMALL "alpha.png",         SMALL "palette.png",   SMALL "bits.png",
    SMALL "palette.gif", SMALL "interlaced.gif",    SMALL "rgb.bmp",       SMALL "palette.bmp",
    SMALL "lossy.webp",  SMALL "lossless.webp",     SMALL "animated.webp", SMALL "rgb.ppm",
    SMALL "bits.pbm",    "data/images/spinner.gif", SMALL "rgb.tif",       SMALL "lzw.tif",
    SMALL "palette.tif", SMALL "fax.tif",           SMALL "jpeg.tif",      "data/images/chart.png",
    SMALL "rgb.tga",     SMALL "packed.tga",        SMALL "palette.tga",   SMALL "alpha.tga",
    SMALL "rgb.psd",     SMALL "packed.psd",        SMALL "cmyk.psd",      SMALL "palette.psd",
};

static enum gm_reason run(struct image_row *row, const uint8_t *data, size_t n_bytes)
{
    struct image_row_input input = {.data = data, .n_bytes = n_bytes, .member = UINT64_MAX};
    return image_row_run(row, &input);
}

/* Runs a copy that ends where its memory ends, so that a sanitizer sees a read past it. */
static enum gm_reason run_copy(struct image_row *row, const uint8_t *data, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, n_bytes);
    enum gm_reason reason = run(row, copy, n_bytes);
    free(copy);
    return reason;
}

static void a_file_cut_at_any_byte_is_never_accepted(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    for (size_t i = 0; i < GM_ARRAY_LEN(samples); i++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(samples[i], &n_bytes);
        assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
        for (size_t cut = 0; cut < n_bytes; cut++)
            if (run_copy(row, data, cut) == GM_REASON_NONE)
                fail_msg("%s cut to %zu of %zu bytes was accepted", samples[i], cut, n_bytes);
        free(data);
    }
    image_row_free(row);
}

static void a_cut_is_called_truncated(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    for (size_t i = 0; i < GM_ARRAY_LEN(samples); i++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(samples[i], &n_bytes);
        enum gm_reason reason = run_copy(row, data, n_bytes * 3 / 4);
        if (reason != GM_REASON_IMAGE_TRUNCATED)
            fail_msg("%s: %s", samples[i], image_row_message(row));
        assert_non_null(strstr(image_row_message(row), "ends"));
        free(data);
    }
    image_row_free(row);
}

/* A valid progressive file, but its last scan is gone. */
static void a_progressive_file_without_its_last_scan_is_truncated(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    size_t n_bytes;
    uint8_t *data = image_row_read(SMALL "progressive.jpg", &n_bytes);
    size_t at = n_bytes - 2;
    while (data[at] != 0xff || data[at + 1] != 0xda)
        at--;
    data[at + 1] = 0xd9;
    assert_int_equal(run(row, data, at + 2), GM_REASON_IMAGE_TRUNCATED);
    assert_non_null(strstr(image_row_message(row), "scans"));
    free(data);
    image_row_free(row);
}

static void the_truncated_sample_is_truncated(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    size_t n_bytes;
    uint8_t *data = image_row_read("data/images/truncated.jpg", &n_bytes);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_IMAGE_TRUNCATED);
    free(data);
    image_row_free(row);
}

static void bytes_behind_the_end_are_ignored(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    for (size_t i = 0; i < GM_ARRAY_LEN(samples); i++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(samples[i], &n_bytes);
        uint8_t *longer = calloc(1, n_bytes + 100);
        assert_non_null(longer);
        memcpy(longer, data, n_bytes);
        assert_int_equal(run(row, longer, n_bytes + 100), GM_REASON_NONE);
        free(longer);
        free(data);
    }
    image_row_free(row);
}

/* Every byte of a PNG is under a checksum or its signature. */
static void a_flipped_bit_in_a_png_is_never_accepted(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    size_t n_bytes;
    uint8_t *data = image_row_read(SMALL "palette.png", &n_bytes);
    for (size_t i = 0; i < n_bytes * 8; i++) {
        data[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (run(row, data, n_bytes) == GM_REASON_NONE)
            fail_msg("bit %zu of byte %zu does not count", i % 8, i / 8);
        data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    free(data);
    image_row_free(row);
}

/* Whatever is flipped in any format, the row is accepted or has a reason and a message. */
static void flipped_bits_give_a_reason_or_a_picture(void **state)
{
    (void)state;
    const char *const settings[] = {"max_memory=64MB", NULL};
    struct image_row *row = image_row_new(settings);
    for (size_t k = 0; k < GM_ARRAY_LEN(samples); k++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(samples[k], &n_bytes);
        for (size_t i = 0; i < n_bytes * 8; i += 3) {
            data[i / 8] ^= (uint8_t)(1u << (i % 8));
            if (run_copy(row, data, n_bytes) != GM_REASON_NONE)
                assert_true(image_row_message(row)[0] != '\0');
            data[i / 8] ^= (uint8_t)(1u << (i % 8));
        }
        free(data);
    }
    image_row_free(row);
}

/* ---- headers that lie ---- */

struct bomb {
    const char *sample;
    size_t at; /* where the dimensions stand */
    const char *bytes;
    size_t n_bytes;
};

static const struct bomb bombs[] = {
    {SMALL "rgb.bmp", 18, "\xff\xff\0\0\xff\xff\0\0", 8},
    {SMALL "rgb.bmp", 18, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8},
    {SMALL "rgb.bmp", 18, "\x01\0\0\0\0\0\0\x80", 8},
    {SMALL "palette.gif", 6, "\xff\xff\xff\xff", 4},
    {SMALL "rgb.ppm", 3, "99999 99999 9 ", 14},
    {SMALL "animated.webp", 24, "\xff\xff\xff\xff\xff\xff", 6},
    {SMALL "rgb.tif", 18, "\xff\xff\0\0\x01\x01\x04\0\x01\0\0\0\xff\xff\0\0", 16},
    {SMALL "rgb.tif", 18, "\xff\xff\xff\x7f", 4},     /* one side only */
    {SMALL "rgb.bmp", 18, "\0\0\x01\0\x01\0\0\0", 8}, /* 65,536 x 1 */
    {SMALL "rgb.tga", 12, "\xff\xff\xff\xff", 4},
    {SMALL "packed.tga", 12, "\xff\xff\xff\xff", 4},
    {SMALL "palette.tga", 12, "\0\x40\0\x40", 4}, /* 16,384 x 16,384 */
    {SMALL "rgb.psd", 14, "\0\0\xff\xff\0\0\xff\xff", 8},
    {SMALL "packed.psd", 14, "\0\0\x40\0\0\0\x40\0", 8},
    {SMALL "cmyk.psd", 14, "\xff\xff\xff\xff\xff\xff\xff\xff", 8},
};

static void check_bomb(struct image_row *row, uint8_t *data, size_t n_bytes, const char *what)
{
    enum gm_reason reason = run_copy(row, data, n_bytes);
    if (reason != GM_REASON_LIMIT_PIXELS && reason != GM_REASON_LIMIT_MEMORY)
        fail_msg("%s: %s: %s", what, gm_reason_code(reason), image_row_message(row));
    if (image_row_batch(row)->allocated_bytes > 4u << 20)
        fail_msg("%s: took %zu bytes", what, image_row_batch(row)->allocated_bytes);
    free(data);
}

static uint8_t *bomb_bytes(const struct bomb *bomb, size_t *n_bytes)
{
    uint8_t *data = image_row_read(bomb->sample, n_bytes);
    memcpy(data + bomb->at, bomb->bytes, bomb->n_bytes);
    return data;
}

/* The frame header of a JPEG says 65,500 x 65,500. */
static uint8_t *jpeg_bomb(const char *sample, size_t *n_bytes)
{
    uint8_t *data = image_row_read(sample, n_bytes);
    for (size_t i = 0; i + 9 < *n_bytes; i++)
        if (data[i] == 0xff && (data[i + 1] == 0xc0 || data[i + 1] == 0xc2)) {
            memcpy(data + i + 5, "\xff\xdc\xff\xdc", 4);
            return data;
        }
    fail_msg("%s has no frame header", sample);
    return NULL;
}

/* Returns the limit that was there. */
static rlim_t limit_address_space(rlim_t n_bytes)
{
    rlim_t before = RLIM_INFINITY;
#ifndef UNDER_SANITIZER
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = n_bytes;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
#else
    (void)n_bytes;
#endif
    return before;
}

/* In 64 MB of address space; also with no limits of the stage's own: then the process's must do. */
static void pixel_bombs_are_refused_and_cost_nothing(void **state)
{
    (void)state;
    const char *const open_limits[] = {"max_pixels=10000000000", "format=png", NULL};
    const char *const *const settings[] = {NULL, open_limits};
#ifdef UNDER_SANITIZER
    size_t n_settings = 1;
#else
    size_t n_settings = GM_ARRAY_LEN(settings);
#endif
    rlim_t before = limit_address_space((rlim_t)64 << 20);
    for (size_t k = 0; k < n_settings; k++) {
        struct image_row *row = image_row_new(settings[k]);
        size_t n_bytes;
        for (size_t i = 0; i < GM_ARRAY_LEN(bombs); i++) {
            uint8_t *data = bomb_bytes(&bombs[i], &n_bytes);
            check_bomb(row, data, n_bytes, bombs[i].sample);
        }
        uint8_t *data = jpeg_bomb(SMALL "rgb.jpg", &n_bytes);
        check_bomb(row, data, n_bytes, "baseline JPEG");
        data = jpeg_bomb(SMALL "progressive.jpg", &n_bytes);
        check_bomb(row, data, n_bytes, "progressive JPEG");
        data = image_row_read(SMALL "rgb.png", &n_bytes); /* a good picture still passes */
        assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
        free(data);
        image_row_free(row);
    }
    limit_address_space(before);
}

/* The offset of a chunk of a PNG. */
static size_t chunk_at(const uint8_t *data, size_t n_bytes, const char *tag)
{
    for (size_t at = 8; at + 12 <= n_bytes; at += 12 + ((size_t)data[at + 2] << 8 | data[at + 3]))
        if (memcmp(data + at + 4, tag, 4) == 0)
            return at;
    fail_msg("no %s chunk", tag);
    return 0;
}

static void fix_checksum(uint8_t *chunk)
{
    size_t data_bytes = (size_t)chunk[2] << 8 | chunk[3];
    uint32_t sum = (uint32_t)crc32(0, chunk + 4, (uInt)data_bytes + 4);
    for (size_t i = 0; i < 4; i++)
        chunk[8 + data_bytes + i] = (uint8_t)(sum >> (24 - 8 * i));
}

static enum gm_reason run_resized_png(struct image_row *row, uint16_t width, uint16_t height)
{
    size_t n_bytes;
    uint8_t *data = image_row_read(SMALL "rgb.png", &n_bytes);
    uint8_t *header = data + chunk_at(data, n_bytes, "IHDR");
    const uint8_t size[8] = {0, 0, (uint8_t)(width >> 8),  (uint8_t)width,
                             0, 0, (uint8_t)(height >> 8), (uint8_t)height};
    memcpy(header + 8, size, sizeof(size));
    fix_checksum(header);
    enum gm_reason reason = run(row, data, n_bytes);
    free(data);
    return reason;
}

static void a_png_that_lies_about_its_size_is_refused(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    assert_int_equal(run_resized_png(row, 24, 16), GM_REASON_NONE);
    assert_int_equal(run_resized_png(row, 65535, 65535), GM_REASON_LIMIT_PIXELS);
    assert_int_equal(run_resized_png(row, 24, 17), GM_REASON_IMAGE_BROKEN);
    assert_int_equal(run_resized_png(row, 25, 16), GM_REASON_IMAGE_BROKEN);
    assert_int_equal(run_resized_png(row, 0, 16), GM_REASON_IMAGE_BROKEN);
    image_row_free(row);
}

/* Half of the palette is taken away, with a right checksum. */
static void a_color_without_palette_entry_is_damage(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    size_t n_bytes;
    uint8_t *data = image_row_read(SMALL "palette.png", &n_bytes);
    size_t at = chunk_at(data, n_bytes, "PLTE");
    size_t old_bytes = data[at + 3], new_bytes = old_bytes / 6 * 3;
    size_t rest = at + 12 + old_bytes;
    memmove(data + at + 12 + new_bytes, data + rest, n_bytes - rest);
    data[at + 3] = (uint8_t)new_bytes;
    fix_checksum(data + at);
    assert_int_equal(run(row, data, n_bytes - (old_bytes - new_bytes)), GM_REASON_IMAGE_BROKEN);
    assert_non_null(strstr(image_row_message(row), "palette"));
    free(data);
    data = image_row_read(SMALL "palette.bmp", &n_bytes);
    memcpy(data + 46, (uint8_t[]){2, 0, 0, 0}, 4); /* colors */
    assert_int_equal(run(row, data, n_bytes), GM_REASON_IMAGE_BROKEN);
    assert_non_null(strstr(image_row_message(row), "palette"));
    free(data);
    data = image_row_read(SMALL "palette.gif", &n_bytes);
    memmove(data + 13 + 24, data + 13 + 48, n_bytes - 13 - 48); /* 8 of 16 colors */
    data[10] = (uint8_t)((data[10] & 0xf8) | 2);
    assert_int_equal(run(row, data, n_bytes - 24), GM_REASON_IMAGE_BROKEN);
    assert_non_null(strstr(image_row_message(row), "palette"));
    free(data);
    image_row_free(row);
}

static void limits_name_their_option(void **state)
{
    (void)state;
    const char *const pixels[] = {"max_pixels=383", NULL}, *const enough[] = {"max_pixels=384",
                                                                              NULL};
    const char *const memory[] = {"max_memory=1KB", NULL};
    size_t n_bytes;
    uint8_t *data = image_row_read(SMALL "rgb.bmp", &n_bytes); /* 24 x 16 = 384 */
    struct image_row *row = image_row_new(pixels);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_LIMIT_PIXELS);
    assert_non_null(strstr(image_row_message(row), "max_pixels"));
    image_row_free(row);
    row = image_row_new(enough);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
    image_row_free(row);
    row = image_row_new(memory);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_LIMIT_MEMORY);
    image_row_free(row);
    free(data);
}

/* ---- one row and the next ---- */

/* Removes the marker segments of one kind. */
static size_t strip_segments(uint8_t *data, size_t n_bytes, uint8_t marker)
{
    size_t at = 2;
    while (at + 4 < n_bytes && data[at] == 0xff && data[at + 1] != 0xda) {
        size_t length = 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
        if (data[at + 1] == marker) {
            memmove(data + at, data + at + length, n_bytes - at - length);
            n_bytes -= length;
        } else {
            at += length;
        }
    }
    return n_bytes;
}

static void tables_of_one_jpeg_never_serve_the_next(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    size_t n_bytes, n_stripped;
    uint8_t *whole = image_row_read(SMALL "rgb.jpg", &n_bytes);
    uint8_t *stripped = image_row_read(SMALL "rgb.jpg", &n_stripped);
    n_stripped = strip_segments(stripped, n_stripped, 0xdb);
    assert_true(n_stripped < n_bytes);
    assert_int_equal(run(row, whole, n_bytes), GM_REASON_NONE);
    assert_int_equal(run(row, stripped, n_stripped), GM_REASON_IMAGE_BROKEN);
    free(whole);
    free(stripped);
    image_row_free(row);
}

static void results_do_not_depend_on_earlier_rows(void **state)
{
    (void)state;
    struct image_row *used = image_row_new(NULL);
    for (size_t i = 0; i < GM_ARRAY_LEN(samples); i++) {
        size_t n_bytes;
        uint8_t *data = image_row_read(samples[i], &n_bytes);
        struct image_row *fresh = image_row_new(NULL);
        run_copy(used, data, n_bytes / 2);
        assert_int_equal(run(used, data, n_bytes), GM_REASON_NONE);
        assert_int_equal(run(fresh, data, n_bytes), GM_REASON_NONE);
        struct gm_view a = image_row_view(used, "gray_image"),
                       b = image_row_view(fresh, "gray_image");
        assert_int_equal(a.n_bytes, b.n_bytes);
        assert_memory_equal(a.data, b.data, a.n_bytes);
        assert_string_equal(image_row_view(used, "gray_sha256").data ? "set" : "null", "set");
        image_row_free(fresh);
        free(data);
    }
    image_row_free(used);
}

static void the_plane_is_gone_when_the_block_ends(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    size_t n_bytes;
    uint8_t *data = image_row_read(SMALL "rgb.bmp", &n_bytes);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
    assert_int_equal(image_row_view(row, "gray_plane").n_bytes, 24 * 16);
    image_row_end_block(row);
    assert_null(image_row_view(row, "gray_plane").data);
    assert_non_null(image_row_view(row, "gray_image").data);
    free(data);
    image_row_free(row);
}

static void other_media_are_refused_by_name(void **state)
{
    (void)state;
    struct image_row *row = image_row_new(NULL);
    assert_int_equal(run(row, (const uint8_t *)"", 0), GM_REASON_MEDIA_EMPTY);
    assert_int_equal(run(row, (const uint8_t *)"plain words\n", 12), GM_REASON_MEDIA_UNSUPPORTED);
    image_row_free(row);
}

static void format_and_quality_are_obeyed(void **state)
{
    (void)state;
    const char *const as_png[] = {"format=png", NULL};
    const char *const as_jpeg[] = {"format=jpeg", "quality=10", NULL};
    size_t n_bytes;
    uint8_t *data = image_row_read("data/images/hills.jpg", &n_bytes);
    struct image_row *row = image_row_new(as_png);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
    assert_memory_equal(image_row_view(row, "gray_image").data, "\x89PNG", 4);
    assert_memory_equal(image_row_view(row, "file").data, "item-000000000.png", 18);
    image_row_free(row);
    row = image_row_new(NULL);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
    uint64_t usual_bytes = image_row_u64(row, "gray_bytes");
    image_row_free(row);
    row = image_row_new(as_jpeg);
    assert_int_equal(run(row, data, n_bytes), GM_REASON_NONE);
    assert_memory_equal(image_row_view(row, "gray_image").data, "\xff\xd8", 2);
    assert_true(image_row_u64(row, "gray_bytes") < usual_bytes / 2);
    image_row_free(row);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_cut_at_any_byte_is_never_accepted),
        cmocka_unit_test(a_cut_is_called_truncated),
        cmocka_unit_test(a_progressive_file_without_its_last_scan_is_truncated),
        cmocka_unit_test(the_truncated_sample_is_truncated),
        cmocka_unit_test(bytes_behind_the_end_are_ignored),
        cmocka_unit_test(a_flipped_bit_in_a_png_is_never_accepted),
        cmocka_unit_test(flipped_bits_give_a_reason_or_a_picture),
        cmocka_unit_test(pixel_bombs_are_refused_and_cost_nothing),
        cmocka_unit_test(a_png_that_lies_about_its_size_is_refused),
        cmocka_unit_test(a_color_without_palette_entry_is_damage),
        cmocka_unit_test(limits_name_their_option),
        cmocka_unit_test(tables_of_one_jpeg_never_serve_the_next),
        cmocka_unit_test(results_do_not_depend_on_earlier_rows),
        cmocka_unit_test(the_plane_is_gone_when_the_block_ends),
        cmocka_unit_test(other_media_are_refused_by_name),
        cmocka_unit_test(format_and_quality_are_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
