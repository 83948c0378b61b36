/* JPEG to gray through libjpeg-turbo: baseline, extended and progressive Huffman, arithmetic, one,
 * three or four components of 8 bits.
 *
 * Strict where libjpeg is lenient: it invents pixels for damaged data and only warns. Here the
 * warnings that mean lost data end the decode, the end-of-image marker must be there, and a
 * progressive file must have all its scans. Bytes
 * between markers are tolerated before the first scan and before the end marker, where cameras and
 * editors leave padding; bytes behind the end marker are ignored.
 *
 * Colors are Pillow's: gray as stored; YCbCr and RGB through RGB; CMYK and YCCK taken as Adobe's
 * inverted ink, as Pillow does. 12-bit, lossless and hierarchical files are unsupported by the
 * library. A decoder object is made anew for each file: tables of one file must never serve the
 * next, and making it costs 2 us. */
#include "image/luma.h"
#include "image/picture.h"

#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>

/* The library's message codes. Its header is used as the table that it is, because its macros call
 * functions that this project bans. */
enum {
#define JERROR_H
#define JMESSAGE(code, string) code,
#include <jerror.h>
};

/* Each scan of a progressive file goes over the whole coefficient array, so that a small file
 * could ask for hours of work. Encoders in use write about ten. */
#define MAX_SCANS  100
#define STRIP_ROWS 16

struct jpeg {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    struct gm_picture *picture;
    enum gm_reason reason;
};

static struct jpeg *jpeg_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

__attribute__((noreturn)) static void escape(struct jpeg *jpeg, enum gm_reason reason)
{
    jpeg->reason = reason;
    longjmp(jpeg->escape, 1);
}

__attribute__((noreturn)) static void escape_with_text(struct jpeg *jpeg, enum gm_reason reason)
{
    char text[JMSG_LENGTH_MAX];
    jpeg->errors.format_message((j_common_ptr)&jpeg->cinfo, text);
    gm_picture_fail(jpeg->picture, reason, "%.160s", text);
    escape(jpeg, reason);
}

static const struct {
    int code;
    enum gm_reason reason;
} error_reasons[] = {
    {JERR_OUT_OF_MEMORY, GM_REASON_LIMIT_MEMORY},
    {JERR_IMAGE_TOO_BIG, GM_REASON_LIMIT_PIXELS},
    {JERR_INPUT_EMPTY, GM_REASON_IMAGE_TRUNCATED},
    {JERR_INPUT_EOF, GM_REASON_IMAGE_TRUNCATED},
    {JERR_SOF_UNSUPPORTED, GM_REASON_IMAGE_UNSUPPORTED},
    {JERR_BAD_PRECISION, GM_REASON_IMAGE_UNSUPPORTED},
    {JERR_CONVERSION_NOTIMPL, GM_REASON_IMAGE_UNSUPPORTED},
    {JERR_CCIR601_NOTIMPL, GM_REASON_IMAGE_UNSUPPORTED},
    {JERR_FRACT_SAMPLE_NOTIMPL, GM_REASON_IMAGE_UNSUPPORTED},
    {JERR_ARITH_NOTIMPL, GM_REASON_IMAGE_UNSUPPORTED},
};

static void on_error(j_common_ptr cinfo)
{
    struct jpeg *jpeg = jpeg_of(cinfo);
    enum gm_reason reason = GM_REASON_IMAGE_BROKEN;
    for (size_t i = 0; i < GM_ARRAY_LEN(error_reasons); i++)
        if (error_reasons[i].code == jpeg->errors.msg_code)
            reason = error_reasons[i].reason;
    escape_with_text(jpeg, reason);
}

static bool is_harmless(const struct jpeg *jpeg)
{
    switch (jpeg->errors.msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
        return true;
    case JWRN_EXTRANEOUS_DATA:
        return jpeg->errors.msg_parm.i[1] == JPEG_EOI || jpeg->cinfo.input_scan_number == 0;
    default:
        return false;
    }
}

static void on_message(j_common_ptr cinfo, int level)
{
    struct jpeg *jpeg = jpeg_of(cinfo);
    if (level < 0 && !is_harmless(jpeg))
        escape_with_text(jpeg, jpeg->errors.msg_code == JWRN_JPEG_EOF ? GM_REASON_IMAGE_TRUNCATED
                                                                      : GM_REASON_IMAGE_BROKEN);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    struct jpeg *jpeg = jpeg_of(cinfo);
    if (jpeg->cinfo.input_scan_number <= MAX_SCANS)
        return;
    gm_picture_fail(jpeg->picture, GM_REASON_IMAGE_UNSUPPORTED, "more than %d scans", MAX_SCANS);
    escape(jpeg, GM_REASON_IMAGE_UNSUPPORTED);
}

static void source_init(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/* The whole file was given at once: wanting more means that it is cut off. */
static boolean source_fill(j_decompress_ptr cinfo)
{
    struct jpeg *jpeg = jpeg_of((j_common_ptr)cinfo);
    gm_picture_truncated(jpeg->picture,
                         cinfo->input_scan_number == 0 ? "in the header" : "in the image data");
    escape(jpeg, GM_REASON_IMAGE_TRUNCATED);
}

static void source_skip(j_decompress_ptr cinfo, long n_bytes)
{
    if (n_bytes <= 0)
        return;
    if ((size_t)n_bytes > cinfo->src->bytes_in_buffer)
        source_fill(cinfo);
    cinfo->src->next_input_byte += n_bytes;
    cinfo->src->bytes_in_buffer -= (size_t)n_bytes;
}

static void source_term(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static void setup(struct jpeg *jpeg)
{
    jpeg->cinfo.err = jpeg_std_error(&jpeg->errors);
    jpeg->errors.error_exit = on_error;
    jpeg->errors.emit_message = on_message;
    jpeg->errors.output_message = on_output;
    jpeg->source = (struct jpeg_source_mgr){
        .next_input_byte = jpeg->picture->data,
        .bytes_in_buffer = jpeg->picture->n_bytes,
        .init_source = source_init,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_term,
    };
    jpeg->progress.progress_monitor = on_progress;
}

/* Coefficients of the whole picture (files of several scans), and the rows in work. */
static uint64_t working_bytes(j_decompress_ptr cinfo)
{
    uint64_t bytes = (uint64_t)cinfo->image_width * STRIP_ROWS * 16 + ((uint64_t)1 << 20);
    if (!jpeg_has_multiple_scans(cinfo))
        return bytes;
    for (int i = 0; i < cinfo->num_components; i++) {
        const jpeg_component_info *component = &cinfo->comp_info[i];
        uint64_t columns =
            (uint64_t)component->width_in_blocks + (uint64_t)cinfo->max_h_samp_factor;
        uint64_t rows = (uint64_t)component->height_in_blocks + (uint64_t)cinfo->max_v_samp_factor;
        bytes += columns * rows * sizeof(JBLOCK);
    }
    return bytes;
}

typedef void row_luma(const uint8_t *row, uint8_t *gray, size_t n);

/* Chooses the output color space; NULL: rows come out gray. */
static row_luma *choose_output(struct jpeg *jpeg)
{
    j_decompress_ptr cinfo = &jpeg->cinfo;
    switch (cinfo->num_components) {
    case 1:
        cinfo->out_color_space = JCS_GRAYSCALE;
        return NULL;
    case 3:
        if (jpeg->picture->luma_mode == GM_LUMA_FAST && cinfo->jpeg_color_space == JCS_YCbCr) {
            cinfo->out_color_space = JCS_GRAYSCALE;
            return NULL;
        }
        cinfo->out_color_space = JCS_EXT_RGBX;
        return gm_luma_rgbx;
    case 4:
        cinfo->out_color_space = JCS_CMYK;
        return gm_luma_cmyk_inverted;
    default:
        gm_picture_fail(jpeg->picture, GM_REASON_IMAGE_UNSUPPORTED, "%d components",
                        cinfo->num_components);
        escape(jpeg, GM_REASON_IMAGE_UNSUPPORTED);
    }
}

static void read_rows(struct jpeg *jpeg, row_luma *luma)
{
    j_decompress_ptr cinfo = &jpeg->cinfo;
    struct gm_picture *picture = jpeg->picture;
    size_t width = cinfo->output_width;
    size_t stride = width * (size_t)cinfo->output_components;
    uint8_t *strip = luma ? gm_picture_scratch(picture, stride * STRIP_ROWS) : NULL;
    if (luma && !strip)
        escape(jpeg, gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory for rows"));
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *gray = picture->plane + width * cinfo->output_scanline;
        uint32_t left = cinfo->output_height - cinfo->output_scanline;
        uint32_t n_rows = left < STRIP_ROWS ? left : STRIP_ROWS;
        JSAMPROW rows[STRIP_ROWS];
        for (uint32_t i = 0; i < n_rows; i++)
            rows[i] = luma ? strip + stride * i : gray + width * i;
        n_rows = jpeg_read_scanlines(cinfo, rows, n_rows);
        if (luma)
            luma(strip, gray, width * n_rows);
    }
}

/* A progressive file may end after any scan and still be valid; but then it is the first part of a
 * picture. Every coefficient must have come with all its bits. */
static void check_scans(struct jpeg *jpeg)
{
    j_decompress_ptr cinfo = &jpeg->cinfo;
    if (!cinfo->progressive_mode || !cinfo->coef_bits)
        return;
    for (int i = 0; i < cinfo->num_components; i++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (cinfo->coef_bits[i][k] != 0) {
                gm_picture_fail(jpeg->picture, GM_REASON_IMAGE_TRUNCATED,
                                "the last scans of a progressive file are missing");
                escape(jpeg, GM_REASON_IMAGE_TRUNCATED);
            }
}

/* Everything that may escape. */
static void decode(struct jpeg *jpeg)
{
    j_decompress_ptr cinfo = &jpeg->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->client_data = jpeg;
    cinfo->src = &jpeg->source;
    cinfo->progress = &jpeg->progress;
    jpeg_read_header(cinfo, TRUE);
    row_luma *luma = choose_output(jpeg);
    struct gm_picture_shape shape = {cinfo->image_width, cinfo->image_height,
                                     (uint8_t)cinfo->num_components,
                                     (uint8_t)cinfo->data_precision};
    enum gm_reason reason = gm_picture_begin(jpeg->picture, &shape, working_bytes(cinfo));
    if (reason)
        escape(jpeg, reason);
    jpeg_start_decompress(cinfo);
    read_rows(jpeg, luma);
    check_scans(jpeg);
    jpeg_finish_decompress(cinfo); /* reads on to the end marker */
}

enum gm_reason gm_jpeg_decode(struct gm_picture *picture)
{
    struct jpeg jpeg = {.picture = picture};
    setup(&jpeg);
    jpeg.cinfo.client_data = &jpeg;
    if (setjmp(jpeg.escape) == 0)
        decode(&jpeg);
    jpeg_destroy_decompress(&jpeg.cinfo);
    return jpeg.reason;
}
