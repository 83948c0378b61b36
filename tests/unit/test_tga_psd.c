/* What TGA and PSD files are refused for, by name; that their samples are bounded by the picture's
 * limit; and PSD's sections. Good files are compared with Pillow in tests/conformance/image. */
#include "image/picture.h"
#include "image/psd_file.h"
#include "image_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL "data/images/small/"

/* A sample with some bytes changed, and what must come of it. */
struct change {
    const char *sample;
    size_t at;
    const char *bytes;
    size_t n_bytes;
    enum gm_reason reason;
    const char *words; /* in the message */
};

#define CHANGE(sample, at, bytes, reason, words)                                                   \
    {                                                                                              \
        SMALL sample, at, bytes, sizeof(bytes) - 1, GM_REASON_##reason, words                      \
    }

static const struct change tgas[] = {
    CHANGE("rgb.tga", 2, "\0", IMAGE_UNSUPPORTED, "image type 0"),
    CHANGE("rgb.tga", 2, "\x20", IMAGE_UNSUPPORTED, "image type 32"),
    CHANGE("rgb.tga", 16, "\x08", IMAGE_UNSUPPORTED, "pixel depth 8"),
    CHANGE("rgb.tga", 17, "\x40", IMAGE_UNSUPPORTED, "interleaving 1"),
    CHANGE("rgb.tga", 1, "\1", IMAGE_UNSUPPORTED, "a color map beside colors"),
    CHANGE("rgb.tga", 12, "\0\0", IMAGE_BROKEN, "0 x 16"),
    CHANGE("rgb.tga", 0, "\1", IMAGE_TRUNCATED, "ends before its last row"),
    CHANGE("palette.tga", 1, "\0", IMAGE_UNSUPPORTED, "without a color map"),
    CHANGE("palette.tga", 7, "\x08", IMAGE_UNSUPPORTED, "color map of bits: 8"),
    CHANGE("palette.tga", 16, "\x10", IMAGE_UNSUPPORTED, "pixel depth 16"),
    CHANGE("palette.tga", 3, "\1\0", IMAGE_BROKEN, "256 from 1 on"), /* 0 is no entry */
    CHANGE("palette.tga", 3, "\xff\xff", IMAGE_BROKEN, "256 from 65535 on"),
    CHANGE("palette.tga", 5, "\xff\xff", IMAGE_TRUNCATED, "before the pixels"),
    CHANGE("packed.tga", 2, "\x0b\0\0\0\0\0\0\0\0\0\x18\0\x10\0\1", IMAGE_UNSUPPORTED,
           "pixel depth 1"),
    CHANGE("packed.tga", 12, "\x01\0\x01", IMAGE_BROKEN, "of 1 pixels"), /* the packet has more */
    CHANGE("packed.tga", 14, "\x11", IMAGE_TRUNCATED, "before its last pixel"),
    CHANGE("alpha.tga", 14, "\x11", IMAGE_TRUNCATED, "before its last row"),
};

static const struct change psds[] = {
    CHANGE("rgb.psd", 0, "x", IMAGE_BROKEN, "no PSD header"),
    CHANGE("rgb.psd", 4, "\0\2", IMAGE_UNSUPPORTED, "version 2"),
    CHANGE("rgb.psd", 12, "\0\2", IMAGE_BROKEN, "2 channels in the mode RGB"),
    CHANGE("rgb.psd", 12, "\0\x39", IMAGE_BROKEN, "57 channels"),
    CHANGE("rgb.psd", 12, "\0\4", IMAGE_TRUNCATED, "last channel"),
    CHANGE("rgb.psd", 22, "\0\x10", IMAGE_UNSUPPORTED, "bits per channel: 16"),
    CHANGE("rgb.psd", 22, "\0\x20", IMAGE_UNSUPPORTED, "bits per channel: 32"),
    CHANGE("rgb.psd", 22, "\0\1\0\0", IMAGE_UNSUPPORTED, "color mode 0"),
    CHANGE("rgb.psd", 24, "\0\7", IMAGE_UNSUPPORTED, "color mode 7"),
    CHANGE("rgb.psd", 24, "\0\x9", IMAGE_UNSUPPORTED, "color mode 9"),
    CHANGE("rgb.psd", 24, "\0\2", IMAGE_BROKEN, "a palette of 0 bytes"),
    CHANGE("rgb.psd", 24, "\0\4", IMAGE_BROKEN, "3 channels in the mode CMYK"),
    CHANGE("rgb.psd", 14, "\0\0\0\0", IMAGE_BROKEN, "24 x 0"),
    CHANGE("rgb.psd", 26, "\xff\xff\xff\xff", IMAGE_TRUNCATED, "in the sections"),
    CHANGE("rgb.psd", 34, "\xff\xff\xff\xff", IMAGE_TRUNCATED, "in the sections"),
    CHANGE("rgb.psd", 38, "\0\2", IMAGE_UNSUPPORTED, "compression 2"),
    CHANGE("rgb.psd", 38, "\0\3", IMAGE_UNSUPPORTED, "compression 3"),
    CHANGE("packed.psd", 40, "\xff\xff", IMAGE_TRUNCATED, "within a row"),
    CHANGE("packed.psd", 40, "\0\0", IMAGE_BROKEN, "row 0 of channel 0 is damaged"),
    CHANGE("packed.psd", 21, "\x19", IMAGE_BROKEN, "row 0 of channel 0 is damaged"),
    CHANGE("packed.psd", 21, "\x17", IMAGE_BROKEN, "row 0 of channel 0 is damaged"),
    CHANGE("packed.psd", 14, "\0\0\xff\xff", IMAGE_TRUNCATED, "in the table of its rows"),
};

static void decode_changed(const struct change *change, enum gm_media media)
{
    struct gm_picture picture;
    size_t n_bytes;
    uint8_t *data = image_row_read(change->sample, &n_bytes);
    memcpy(data + change->at, change->bytes, change->n_bytes);
    gm_picture_init(&picture);
    enum gm_reason reason = gm_picture_decode(&picture, media, data, n_bytes);
    if (reason != change->reason || !strstr(picture.message, change->words))
        fail_msg("%s at %zu: %s: %s, but not %s", change->sample, change->at,
                 gm_reason_code(reason), picture.message, change->words);
    gm_picture_fini(&picture);
    free(data);
}

static void variants_of_tga_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(tgas); i++)
        decode_changed(&tgas[i], GM_MEDIA_TGA);
}

static void variants_of_psd_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(psds); i++)
        decode_changed(&psds[i], GM_MEDIA_PSD);
}

/* 24 x 16: the plane and the samples fit, or the header is as far as it goes. */
static void samples_count_against_the_limit(void **state)
{
    static const struct {
        const char *path;
        enum gm_media media;
        uint64_t bytes_per_pixel;
    } cases[] = {
        {SMALL "rgb.tga", GM_MEDIA_TGA, 1 + 3},     {SMALL "packed.tga", GM_MEDIA_TGA, 1 + 3},
        {SMALL "palette.tga", GM_MEDIA_TGA, 1 + 1}, {SMALL "alpha.tga", GM_MEDIA_TGA, 1 + 2},
        {SMALL "rgb.psd", GM_MEDIA_PSD, 1 + 4},     {SMALL "cmyk.psd", GM_MEDIA_PSD, 1 + 4},
    };
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_picture picture;
        size_t n_bytes;
        uint8_t *data = image_row_read(cases[i].path, &n_bytes);
        uint64_t need = 24 * 16 * cases[i].bytes_per_pixel;
        gm_picture_init(&picture);
        picture.limits.max_bytes = need - 1;
        assert_int_equal(gm_picture_decode(&picture, cases[i].media, data, n_bytes),
                         GM_REASON_LIMIT_MEMORY);
        picture.limits.max_bytes = need;
        assert_int_equal(gm_picture_decode(&picture, cases[i].media, data, n_bytes),
                         GM_REASON_NONE);
        gm_picture_fini(&picture);
        free(data);
    }
}

/* ---- PSD's sections ---- */

/* The header of rgb.psd with these resources, then its picture. */
static uint8_t *with_resources(const uint8_t *resources, size_t resource_bytes, size_t *n_bytes)
{
    size_t sample_bytes;
    uint8_t *sample = image_row_read(SMALL "rgb.psd", &sample_bytes);
    uint8_t *data = malloc(sample_bytes + resource_bytes);
    assert_non_null(data);
    memcpy(data, sample, 34);
    data[33] = (uint8_t)resource_bytes;
    memcpy(data + 34, resources, resource_bytes);
    memcpy(data + 34 + resource_bytes, sample + 34, sample_bytes - 34);
    free(sample);
    *n_bytes = sample_bytes + resource_bytes;
    return data;
}

static const uint8_t resources[] = "8BIM\x03\xed\3abc\0\0\0\3xyz\0"       /* 1005, padded */
                                   "8BIM\x04\x21\0\0\0\0\0\6\0\0\0\1\1\0" /* 1057 */
                                   "8BIM\x04\x0f\2ab\0\0\0\0\7profile";   /* 1039, cut pad */

static void resources_must_fit_and_tell_of_a_merged_picture(void **state)
{
    struct gm_picture picture;
    size_t n_bytes;
    (void)state;
    uint8_t *data = with_resources(resources, sizeof(resources) - 1, &n_bytes);
    gm_picture_init(&picture);
    assert_int_equal(gm_picture_decode(&picture, GM_MEDIA_PSD, data, n_bytes), GM_REASON_NONE);
    data[34 + 18 + 11] = 40; /* the size of the second, beyond the third */
    assert_int_equal(gm_picture_decode(&picture, GM_MEDIA_PSD, data, n_bytes),
                     GM_REASON_IMAGE_BROKEN);
    data[34 + 18 + 11] = 6;
    data[34 + 18 + 12 + 4] = 0; /* has real merged data */
    assert_int_equal(gm_picture_decode(&picture, GM_MEDIA_PSD, data, n_bytes),
                     GM_REASON_IMAGE_UNSUPPORTED);
    assert_non_null(strstr(picture.message, "without a merged picture"));
    gm_picture_fini(&picture);
    free(data);
}

static void resources_are_found_by_their_number(void **state)
{
    struct gm_psd_file psd;
    size_t n_bytes;
    (void)state;
    uint8_t *data = with_resources(resources, sizeof(resources) - 1, &n_bytes);
    assert_true(gm_psd_read_header(&psd, data, n_bytes));
    assert_true(gm_psd_read_sections(&psd, data, n_bytes));
    struct gm_view icc = gm_psd_resource(&psd, GM_PSD_ICC_PROFILE);
    assert_int_equal(icc.n_bytes, 7);
    assert_memory_equal(icc.data, "profile", 7);
    for (size_t cut = 0; cut < sizeof(resources) - 1; cut++) { /* none is read past the end */
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy + 1, resources, cut);
        psd.resources = (struct gm_view){copy + 1, cut};
        assert_int_equal(gm_psd_resource(&psd, GM_PSD_ICC_PROFILE).n_bytes, 0);
        free(copy);
    }
    free(data);
}

static void layers_are_counted(void **state)
{
    struct gm_psd_file psd = {0};
    (void)state;
    assert_int_equal(gm_psd_count_layers(&psd), 0);
    psd.layers = (struct gm_view){(const uint8_t *)"\0\0\0\2\0\3", 6};
    assert_int_equal(gm_psd_count_layers(&psd), 3);
    psd.layers.data = (const uint8_t *)"\0\0\0\2\xff\xfe";
    assert_int_equal(gm_psd_count_layers(&psd), 2);
    psd.layers.data = (const uint8_t *)"\0\0\0\0\0\3"; /* an empty list */
    assert_int_equal(gm_psd_count_layers(&psd), 0);
    psd.layers.n_bytes = 5;
    assert_int_equal(gm_psd_count_layers(&psd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_of_tga_are_refused_by_name),
        cmocka_unit_test(variants_of_psd_are_refused_by_name),
        cmocka_unit_test(samples_count_against_the_limit),
        cmocka_unit_test(resources_must_fit_and_tell_of_a_merged_picture),
        cmocka_unit_test(resources_are_found_by_their_number),
        cmocka_unit_test(layers_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
