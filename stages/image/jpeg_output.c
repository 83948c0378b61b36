/* The destination manager behind jpeg_output.h. */
#include "image/jpeg_output.h"

/* The library's message codes. Its header is used as the table that it is, because its macros call
 * functions that this project bans. */
enum {
#define JERROR_H
#define JMESSAGE(code, string) code,
#include <jerror.h>
};

#define MIN_ROOM_BYTES 65536

/* Gives the library what is free at the end of the buffer. */
static void offer_room(j_compress_ptr cinfo)
{
    struct gm_jpeg_output *output = (struct gm_jpeg_output *)cinfo->dest;
    struct gm_buf *out = output->out;
    if (!gm_buf_reserve(out, MIN_ROOM_BYTES)) {
        cinfo->err->msg_code = JERR_OUT_OF_MEMORY;
        cinfo->err->error_exit((j_common_ptr)cinfo);
    }
    output->manager.next_output_byte = out->data + out->n_bytes;
    output->manager.free_in_buffer = out->capacity_bytes - out->n_bytes;
}

static boolean on_full(j_compress_ptr cinfo)
{
    struct gm_buf *out = ((struct gm_jpeg_output *)cinfo->dest)->out;
    out->n_bytes = out->capacity_bytes;
    offer_room(cinfo);
    return TRUE;
}

static void on_end(j_compress_ptr cinfo)
{
    struct gm_jpeg_output *output = (struct gm_jpeg_output *)cinfo->dest;
    output->out->n_bytes = output->out->capacity_bytes - output->manager.free_in_buffer;
}

void gm_jpeg_output_set(struct gm_jpeg_output *output, j_compress_ptr cinfo)
{
    output->manager.init_destination = offer_room;
    output->manager.empty_output_buffer = on_full;
    output->manager.term_destination = on_end;
    cinfo->dest = &output->manager;
}
