/* Where libjpeg's compressor writes: a gm_buf that grows. */
#ifndef GM_IMAGE_JPEG_OUTPUT_H
#define GM_IMAGE_JPEG_OUTPUT_H

#include "base/buf.h"
#include <stdio.h>

#include <jpeglib.h>

struct gm_jpeg_output {
    struct jpeg_destination_mgr manager; /* first: the library's pointer is ours */
    struct gm_buf *out;                  /* set before each file */
};

/* Makes cinfo write to output. No memory is JERR_OUT_OF_MEMORY to its error manager. */
void gm_jpeg_output_set(struct gm_jpeg_output *output, j_compress_ptr cinfo);

#endif
