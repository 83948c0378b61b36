/* The error, message and source callbacks behind jpeg_reader.h. */
#include "image/jpeg_reader.h"

/* The library's message codes. Its header is used as the table that it is, because its macros call
 * functions that this project bans. */
enum {
#define JERROR_H
#define JMESSAGE(code, string) code,
#include <jerror.h>
};

static struct gm_jpeg_reader *reader_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

void gm_jpeg_reader_escape(struct gm_jpeg_reader *reader, enum gm_reason reason)
{
    reader->reason = reason;
    longjmp(reader->escape, 1);
}

__attribute__((noreturn)) static void escape_with_text(struct gm_jpeg_reader *reader,
                                                       enum gm_reason reason)
{
    char text[JMSG_LENGTH_MAX];
    reader->errors.format_message((j_common_ptr)&reader->cinfo, text);
    gm_picture_fail(reader->picture, reason, "%.160s", text);
    gm_jpeg_reader_escape(reader, reason);
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
    struct gm_jpeg_reader *reader = reader_of(cinfo);
    enum gm_reason reason = GM_REASON_IMAGE_BROKEN;
    for (size_t i = 0; i < GM_ARRAY_LEN(error_reasons); i++)
        if (error_reasons[i].code == reader->errors.msg_code)
            reason = error_reasons[i].reason;
    if (reader->is_cut && reason == GM_REASON_IMAGE_BROKEN) /* in the header of a later scan */
        reason = GM_REASON_IMAGE_TRUNCATED;
    escape_with_text(reader, reason);
}

static bool is_harmless(const struct gm_jpeg_reader *reader)
{
    switch (reader->errors.msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
        return true;
    case JWRN_EXTRANEOUS_DATA:
        return reader->errors.msg_parm.i[1] == JPEG_EOI || reader->cinfo.input_scan_number == 0;
    default:
        return false;
    }
}

static void on_message(j_common_ptr cinfo, int level)
{
    struct gm_jpeg_reader *reader = reader_of(cinfo);
    if (level < 0 && !reader->is_cut && !is_harmless(reader))
        escape_with_text(reader, reader->errors.msg_code == JWRN_JPEG_EOF
                                     ? GM_REASON_IMAGE_TRUNCATED
                                     : GM_REASON_IMAGE_BROKEN);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    struct gm_jpeg_reader *reader = reader_of(cinfo);
    if (reader->cinfo.input_scan_number <= GM_JPEG_READER_MAX_SCANS)
        return;
    gm_picture_fail(reader->picture, GM_REASON_IMAGE_UNSUPPORTED, "more than %d scans",
                    GM_JPEG_READER_MAX_SCANS);
    gm_jpeg_reader_escape(reader, GM_REASON_IMAGE_UNSUPPORTED);
}

static void source_init(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/* The whole file was given at once: wanting more means that it is cut off. An end marker makes the
 * library fill up the picture; Pillow gives it one, too. */
static boolean source_fill(j_decompress_ptr cinfo)
{
    static const JOCTET end[] = {0xff, JPEG_EOI};
    struct gm_jpeg_reader *reader = reader_of((j_common_ptr)cinfo);
    if (reader->takes_partial && !reader->is_cut && cinfo->input_scan_number > 0) {
        reader->is_cut = true;
        cinfo->src->next_input_byte = end;
        cinfo->src->bytes_in_buffer = sizeof end;
        return TRUE;
    }
    gm_picture_truncated(reader->picture,
                         cinfo->input_scan_number == 0 ? "in the header" : "in the image data");
    gm_jpeg_reader_escape(reader, GM_REASON_IMAGE_TRUNCATED);
}

static void source_skip(j_decompress_ptr cinfo, long n_bytes)
{
    if (n_bytes <= 0)
        return;
    while ((size_t)n_bytes > cinfo->src->bytes_in_buffer) {
        n_bytes -= (long)cinfo->src->bytes_in_buffer;
        source_fill(cinfo); /* once at most: then it escapes */
    }
    cinfo->src->next_input_byte += n_bytes;
    cinfo->src->bytes_in_buffer -= (size_t)n_bytes;
}

static void source_term(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

void gm_jpeg_reader_open(struct gm_jpeg_reader *reader, struct gm_picture *picture,
                         const uint8_t *data, size_t n_bytes)
{
    *reader = (struct gm_jpeg_reader){.picture = picture};
    reader->cinfo.client_data = reader;
    reader->cinfo.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = on_output;
    reader->source = (struct jpeg_source_mgr){
        .next_input_byte = data,
        .bytes_in_buffer = n_bytes,
        .init_source = source_init,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_term,
    };
    reader->progress.progress_monitor = on_progress;
}

void gm_jpeg_reader_start(struct gm_jpeg_reader *reader)
{
    jpeg_create_decompress(&reader->cinfo);
    reader->cinfo.client_data = reader;
    reader->cinfo.src = &reader->source;
    reader->cinfo.progress = &reader->progress;
    jpeg_read_header(&reader->cinfo, TRUE);
}

void gm_jpeg_reader_close(struct gm_jpeg_reader *reader)
{
    jpeg_destroy_decompress(&reader->cinfo);
}

/* A progressive file may end after any scan and still be valid; but then it is the first part of a
 * picture. Every coefficient must have come with all its bits. */
void gm_jpeg_reader_check_scans(struct gm_jpeg_reader *reader)
{
    j_decompress_ptr cinfo = &reader->cinfo;
    if (!cinfo->progressive_mode || !cinfo->coef_bits || reader->is_cut)
        return;
    for (int i = 0; i < cinfo->num_components; i++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (cinfo->coef_bits[i][k] != 0 && reader->takes_partial) {
                reader->is_cut = true;
                return;
            } else if (cinfo->coef_bits[i][k] != 0) {
                gm_picture_fail(reader->picture, GM_REASON_IMAGE_TRUNCATED,
                                "the last scans of a progressive file are missing");
                gm_jpeg_reader_escape(reader, GM_REASON_IMAGE_TRUNCATED);
            }
}

uint64_t gm_jpeg_reader_coefficient_bytes(const struct gm_jpeg_reader *reader)
{
    const struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    uint64_t bytes = 0;
    for (int i = 0; i < cinfo->num_components; i++) {
        const jpeg_component_info *component = &cinfo->comp_info[i];
        uint64_t columns =
            (uint64_t)component->width_in_blocks + (uint64_t)cinfo->max_h_samp_factor;
        uint64_t rows = (uint64_t)component->height_in_blocks + (uint64_t)cinfo->max_v_samp_factor;
        bytes += columns * rows * sizeof(JBLOCK);
    }
    return bytes;
}
