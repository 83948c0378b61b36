/* Decoding with libjpeg-turbo's own error handling, memory source and gray output. */
#include "jpeg_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <setjmp.h>

struct decoder {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    struct jpeg_reference *reference;
};

static void on_error(j_common_ptr cinfo)
{
    struct decoder *decoder = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    decoder->errors.format_message(cinfo, text);
    snprintf(decoder->reference->message, sizeof decoder->reference->message, "%.199s", text);
    longjmp(decoder->escape, 1);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void decode(struct decoder *decoder, uint64_t max_pixels)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    struct jpeg_reference *reference = decoder->reference;
    jpeg_read_header(cinfo, TRUE);
    reference->width = cinfo->image_width;
    reference->height = cinfo->image_height;
    reference->n_components = cinfo->num_components;
    if ((uint64_t)cinfo->image_width * cinfo->image_height > max_pixels)
        return;
    cinfo->out_color_space = JCS_GRAYSCALE;
    jpeg_start_decompress(cinfo);
    reference->plane = malloc((size_t)cinfo->output_width * cinfo->output_height);
    while (reference->plane && cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = reference->plane + (size_t)cinfo->output_width * cinfo->output_scanline;
        jpeg_read_scanlines(cinfo, &row, 1);
    }
    jpeg_finish_decompress(cinfo);
}

void jpeg_reference_decode(struct jpeg_reference *reference, const uint8_t *data, size_t n_bytes,
                           uint64_t max_pixels)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    memset(reference, 0, sizeof *reference);
    if (!decoder)
        return;
    decoder->reference = reference;
    decoder->cinfo.err = jpeg_std_error(&decoder->errors);
    decoder->cinfo.client_data = decoder;
    decoder->errors.error_exit = on_error;
    decoder->errors.output_message = on_output;
    if (setjmp(decoder->escape) == 0) {
        jpeg_create_decompress(&decoder->cinfo);
        decoder->cinfo.client_data = decoder;
        jpeg_mem_src(&decoder->cinfo, data, n_bytes);
        decode(decoder, max_pixels);
    } else {
        jpeg_reference_free(reference);
    }
    reference->n_warnings = decoder->errors.num_warnings;
    jpeg_destroy_decompress(&decoder->cinfo);
    free(decoder);
}

void jpeg_reference_free(struct jpeg_reference *reference)
{
    free(reference->plane);
    reference->plane = NULL;
}
