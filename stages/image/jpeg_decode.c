/* JPEG to gray through libjpeg-turbo: baseline, extended and progressive Huffman, arithmetic, one,
 * three or four components of 8 bits.
 *
 * Colors are Pillow's: gray as stored; YCbCr and RGB through RGB; CMYK and YCCK taken as Adobe's
 * inverted ink, as Pillow does. 12-bit, lossless and hierarchical files are unsupported by the
 * library. What counts as damage: jpeg_reader.h. */
#include "image/jpeg_reader.h"
#include "image/luma.h"

#define STRIP_ROWS 16
/* The library writes rows that begin at a multiple of its vectors past the caches, straight into
 * memory, from where it would take long to get them back for the conversion to gray. So they
 * begin elsewhere. */
#define VECTOR_BYTES 32

/* Coefficients of the whole picture (files of several scans), and the rows in work. */
static uint64_t working_bytes(const struct gm_jpeg_reader *reader)
{
    uint64_t bytes = (uint64_t)reader->cinfo.image_width * STRIP_ROWS * 16 + ((uint64_t)1 << 20);
    if (jpeg_has_multiple_scans((j_decompress_ptr)&reader->cinfo))
        bytes += gm_jpeg_reader_coefficient_bytes(reader);
    return bytes;
}

typedef void row_luma(const uint8_t *row, uint8_t *gray, size_t n);

/* Chooses the output color space; NULL: rows come out gray. */
static row_luma *choose_output(struct gm_jpeg_reader *reader)
{
    j_decompress_ptr cinfo = &reader->cinfo;
    switch (cinfo->num_components) {
    case 1:
        cinfo->out_color_space = JCS_GRAYSCALE;
        return NULL;
    case 3:
        if (reader->picture->luma_mode == GM_LUMA_FAST && cinfo->jpeg_color_space == JCS_YCbCr) {
            cinfo->out_color_space = JCS_GRAYSCALE;
            return NULL;
        }
        cinfo->out_color_space = JCS_EXT_RGBX;
        return gm_luma_rgbx;
    case 4:
        cinfo->out_color_space = JCS_CMYK;
        return gm_luma_cmyk_inverted;
    default:
        gm_picture_fail(reader->picture, GM_REASON_IMAGE_UNSUPPORTED, "%d components",
                        cinfo->num_components);
        gm_jpeg_reader_escape(reader, GM_REASON_IMAGE_UNSUPPORTED);
    }
}

static void read_rows(struct gm_jpeg_reader *reader, row_luma *luma)
{
    j_decompress_ptr cinfo = &reader->cinfo;
    struct gm_picture *picture = reader->picture;
    size_t width = cinfo->output_width;
    size_t stride =
        (width * (size_t)cinfo->output_components + VECTOR_BYTES - 1) & ~(size_t)(VECTOR_BYTES - 1);
    uint8_t *strip =
        luma ? gm_picture_scratch(picture, stride * STRIP_ROWS + 2 * VECTOR_BYTES) : NULL;
    if (strip)
        strip += VECTOR_BYTES + VECTOR_BYTES / 4 - (uintptr_t)strip % VECTOR_BYTES;
    if (luma && !strip)
        gm_jpeg_reader_escape(
            reader, gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory for rows"));
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *gray = picture->plane + width * cinfo->output_scanline;
        uint32_t left = cinfo->output_height - cinfo->output_scanline;
        uint32_t n_rows = left < STRIP_ROWS ? left : STRIP_ROWS;
        JSAMPROW rows[STRIP_ROWS];
        for (uint32_t i = 0; i < n_rows; i++)
            rows[i] = luma ? strip + stride * i : gray + width * i;
        n_rows = jpeg_read_scanlines(cinfo, rows, n_rows);
        for (uint32_t i = 0; luma && i < n_rows; i++)
            luma(strip + stride * i, gray + width * i, width);
    }
}

/* Everything that may escape. */
static void decode(struct gm_jpeg_reader *reader)
{
    j_decompress_ptr cinfo = &reader->cinfo;
    gm_jpeg_reader_start(reader);
    row_luma *luma = choose_output(reader);
    struct gm_picture_shape shape = {cinfo->image_width, cinfo->image_height,
                                     (uint8_t)cinfo->num_components,
                                     (uint8_t)cinfo->data_precision};
    enum gm_reason reason = gm_picture_begin(reader->picture, &shape, working_bytes(reader));
    if (reason)
        gm_jpeg_reader_escape(reader, reason);
    if (cinfo->num_components == 4)
        reader->picture->mode = "CMYK";
    jpeg_start_decompress(cinfo);
    read_rows(reader, luma);
    gm_jpeg_reader_check_scans(reader);
    jpeg_finish_decompress(cinfo); /* reads on to the end marker */
}

enum gm_reason gm_jpeg_decode(struct gm_picture *picture)
{
    struct gm_jpeg_reader reader;
    gm_jpeg_reader_open(&reader, picture, picture->data, picture->n_bytes);
    reader.takes_partial = picture->takes_partial;
    if (setjmp(reader.escape) == 0)
        decode(&reader);
    picture->is_partial = reader.is_cut;
    gm_jpeg_reader_close(&reader);
    return reader.reason;
}
