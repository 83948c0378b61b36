/* The encoder of gray JPEGs against libjpeg's plain way from rows to a file: the same bytes. */
#include "image/encode.h"

#include <stdarg.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static void on_error(j_common_ptr cinfo)
{
    fail_msg("libjpeg: error %d", cinfo->err->msg_code);
}

static void plain_encode(const struct gm_gray *gray, int quality, struct gm_buf *out)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *memory = NULL;
    unsigned long n_bytes = 0;
    cinfo.err = jpeg_std_error(&errors);
    errors.error_exit = on_error;
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &memory, &n_bytes);
    cinfo.image_width = gray->width;
    cinfo.image_height = gray->height;
    cinfo.input_components = 1;
    cinfo.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, quality, TRUE);
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < gray->height) {
        JSAMPROW row = (JSAMPROW)gray->plane + (size_t)gray->width * cinfo.next_scanline;
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    gm_buf_append(out, memory, n_bytes);
    free(memory);
}

/* A plane of its own size, so that a sanitizer sees a read beyond it. */
static uint8_t *noisy_plane(uint32_t width, uint32_t height)
{
    uint8_t *plane = malloc((size_t)width * height);
    uint32_t random = width * 977 + height;
    assert_non_null(plane);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        random = random * 1664525 + 1013904223;
        plane[i] = (uint8_t)(i * 3 + (random >> 26));
    }
    return plane;
}

static void expect_same(struct gm_jpeg_encoder *encoder, uint32_t width, uint32_t height)
{
    struct gm_buf expected = GM_BUF_INIT, got = GM_BUF_INIT;
    struct gm_err err = {0};
    uint8_t *plane = noisy_plane(width, height);
    struct gm_gray gray = {plane, width, height};
    plain_encode(&gray, 75, &expected);
    assert_int_equal(gm_jpeg_encode(encoder, &gray, NULL, &got, &err), GM_OK);
    if (got.n_bytes != expected.n_bytes || memcmp(got.data, expected.data, got.n_bytes) != 0)
        fail_msg("%u x %u differs", width, height);
    gm_buf_free(&expected);
    gm_buf_free(&got);
    free(plane);
}

static void files_are_those_of_the_library(void **state)
{
    struct gm_jpeg_encoder *encoder = gm_jpeg_encoder_new(75);
    (void)state;
    assert_non_null(encoder);
    for (uint32_t height = 1; height <= 18; height++)
        for (uint32_t width = 1; width <= 18; width++)
            expect_same(encoder, width, height);
    expect_same(encoder, GM_JPEG_MAX_SIDE, 1);
    expect_same(encoder, 1, GM_JPEG_MAX_SIDE);
    expect_same(encoder, 803, 601);
    expect_same(encoder, 800, 600);
    gm_jpeg_encoder_free(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_those_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
