/* The second lossless route: libjpeg decodes the codes into coefficients, luma's are encoded again
 * with tables made for them. It takes what the copying route leaves: arithmetic coding, bytes that
 * do not belong, scans in unusual orders; and costs several times as much. A progressive file
 * becomes a sequential one of the same pixels. */
#include "image/jpeg_copy.h"
#include "image/jpeg_output.h"
#include "image/jpeg_reader.h"

struct transcoder {
    struct gm_jpeg_reader reader;
    struct jpeg_compress_struct writer;
    struct gm_jpeg_output output;
    const struct gm_jpeg_file *file;
    bool is_writing;
};

/* Component 0 must be the gray picture at full size. */
static bool has_luma(const struct jpeg_decompress_struct *cinfo)
{
    const jpeg_component_info *luma = &cinfo->comp_info[0];
    if (luma->h_samp_factor != cinfo->max_h_samp_factor ||
        luma->v_samp_factor != cinfo->max_v_samp_factor)
        return false;
    return cinfo->num_components == 1 ||
           (cinfo->num_components == 3 && cinfo->jpeg_color_space == JCS_YCbCr);
}

static void write_extras(struct transcoder *coder)
{
    struct gm_jpeg_frame frame;
    struct gm_jpeg_extras extras;
    gm_jpeg_frame_read_segments(&frame, coder->file->data, coder->file->n_bytes);
    gm_jpeg_extras_choose(&extras, &frame, coder->file->metadata);
    for (unsigned i = 0; i < extras.n_segments; i++)
        jpeg_write_marker(&coder->writer, extras.segments[i].marker, extras.segments[i].data,
                          extras.segments[i].n_bytes);
}

/* Everything that may escape. */
static void transcode(struct transcoder *coder)
{
    j_decompress_ptr reader = &coder->reader.cinfo;
    j_compress_ptr writer = &coder->writer;
    gm_jpeg_reader_start(&coder->reader);
    if (!has_luma(reader))
        gm_jpeg_reader_escape(&coder->reader, GM_PICTURE_PASS);
    struct gm_picture_shape shape = {reader->image_width, reader->image_height,
                                     (uint8_t)reader->num_components,
                                     (uint8_t)reader->data_precision};
    enum gm_reason reason = gm_picture_check(coder->reader.picture, &shape,
                                             gm_jpeg_reader_coefficient_bytes(&coder->reader) +
                                                 2 * coder->file->n_bytes);
    if (reason)
        gm_jpeg_reader_escape(&coder->reader, reason);
    jvirt_barray_ptr *coefficients = jpeg_read_coefficients(reader);
    gm_jpeg_reader_check_scans(&coder->reader);
    coder->is_writing = true;
    jpeg_create_compress(writer);
    gm_jpeg_output_set(&coder->output, writer);
    jpeg_copy_critical_parameters(reader, writer);
    int quant = writer->comp_info[0].quant_tbl_no;
    jpeg_set_colorspace(writer, JCS_GRAYSCALE);
    writer->comp_info[0].quant_tbl_no = quant;
    writer->write_JFIF_header = FALSE;
    writer->optimize_coding = TRUE;
    jpeg_write_coefficients(writer, coefficients);
    write_extras(coder);
    jpeg_finish_compress(writer);
    coder->is_writing = false;
    jpeg_finish_decompress(reader);
}

enum gm_reason gm_jpeg_coefficients(const struct gm_jpeg_file *file, struct gm_picture *picture,
                                    struct gm_buf *out)
{
    struct transcoder coder = {.file = file, .output = {.out = out}};
    picture->data = file->data;
    picture->n_bytes = file->n_bytes;
    gm_jpeg_reader_open(&coder.reader, picture, file->data, file->n_bytes);
    coder.writer.err = &coder.reader.errors;
    coder.writer.client_data = &coder.reader;
    if (setjmp(coder.reader.escape) == 0)
        transcode(&coder);
    jpeg_destroy_compress(&coder.writer);
    gm_jpeg_reader_close(&coder.reader);
    picture->data = NULL;
    picture->n_bytes = 0;
    if (coder.is_writing || coder.reader.reason == GM_REASON_LIMIT_MEMORY)
        return GM_PICTURE_PASS;
    return coder.reader.reason;
}
