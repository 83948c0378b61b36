/* Gray JPEG through libjpeg-turbo with its default tables, as Pillow's save() writes it. The
 * compressor is set up once and used for every picture; each file carries its own tables.
 *
 * Rows go to the library's DCT as they are. Its own way from a picture to there (color conversion,
 * downsampling) copies gray byte by byte, which took 8 % of a picture's time from JPEG to JPEG;
 * what is left to do here is to repeat the last column and row up to whole blocks. */
#include "image/encode.h"
#include "image/jpeg_output.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <setjmp.h>

#define BLOCK 8

struct gm_jpeg_encoder {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct gm_jpeg_output output;
    jmp_buf escape;
};

static struct gm_jpeg_encoder *encoder_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static void on_error(j_common_ptr cinfo)
{
    longjmp(encoder_of(cinfo)->escape, 1);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static bool set_up(struct gm_jpeg_encoder *encoder, int quality)
{
    j_compress_ptr cinfo = &encoder->cinfo;
    if (setjmp(encoder->escape))
        return false;
    jpeg_create_compress(cinfo);
    gm_jpeg_output_set(&encoder->output, cinfo);
    cinfo->input_components = 1;
    cinfo->in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(cinfo);
    cinfo->raw_data_in = TRUE;
    jpeg_set_quality(cinfo, quality, TRUE);
    return true;
}

struct gm_jpeg_encoder *gm_jpeg_encoder_new(int quality)
{
    struct gm_jpeg_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return NULL;
    encoder->cinfo.err = jpeg_std_error(&encoder->errors);
    encoder->cinfo.client_data = encoder;
    encoder->errors.error_exit = on_error;
    encoder->errors.output_message = on_output;
    if (!set_up(encoder, quality)) {
        gm_jpeg_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

void gm_jpeg_encoder_free(struct gm_jpeg_encoder *encoder)
{
    if (!encoder)
        return;
    jpeg_destroy_compress(&encoder->cinfo);
    free(encoder);
}

static void pad_row(uint8_t *to, const uint8_t *row, size_t width, size_t padded_width)
{
    memcpy(to, row, width);
    memset(to + width, row[width - 1], padded_width - width);
}

static void write_rows(j_compress_ptr cinfo, const struct gm_gray *gray)
{
    size_t width = gray->width, padded_width = (width + BLOCK - 1) / BLOCK * BLOCK;
    JSAMPARRAY padded = NULL;
    if (padded_width != width)
        padded = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE,
                                          (JDIMENSION)padded_width, BLOCK);
    while (cinfo->next_scanline < gray->height) {
        JSAMPROW rows[BLOCK];
        JSAMPARRAY components[] = {rows};
        for (uint32_t i = 0; i < BLOCK; i++) {
            uint32_t y = cinfo->next_scanline + i;
            rows[i] = (JSAMPROW)gray->plane + width * (y < gray->height ? y : gray->height - 1);
            if (padded) {
                pad_row(padded[i], rows[i], width, padded_width);
                rows[i] = padded[i];
            }
        }
        jpeg_write_raw_data(cinfo, components, BLOCK);
    }
}

static void encode(struct gm_jpeg_encoder *encoder, const struct gm_gray *gray,
                   const struct gm_jpeg_extras *extras)
{
    j_compress_ptr cinfo = &encoder->cinfo;
    cinfo->image_width = gray->width;
    cinfo->image_height = gray->height;
    cinfo->write_JFIF_header = extras == NULL;
    jpeg_start_compress(cinfo, TRUE);
    for (unsigned i = 0; extras && i < extras->n_segments; i++)
        jpeg_write_marker(cinfo, extras->segments[i].marker, extras->segments[i].data,
                          extras->segments[i].n_bytes);
    write_rows(cinfo, gray);
    jpeg_finish_compress(cinfo);
}

enum gm_status gm_jpeg_encode(struct gm_jpeg_encoder *encoder, const struct gm_gray *gray,
                              const struct gm_jpeg_extras *extras, struct gm_buf *out,
                              struct gm_err *err)
{
    GM_ASSERT(gray->width <= GM_JPEG_MAX_SIDE && gray->height <= GM_JPEG_MAX_SIDE);
    encoder->output.out = out;
    if (setjmp(encoder->escape)) {
        jpeg_abort_compress(&encoder->cinfo);
        return gm_err_set(err, GM_NOMEM, "no memory to write the JPEG");
    }
    encode(encoder, gray, extras);
    return GM_OK;
}
