/* The options of the gray stage. */
#ifndef GM_IMAGE_GRAY_OPTS_H
#define GM_IMAGE_GRAY_OPTS_H

#include "image/jpeg_metadata.h"
#include "image/picture.h"
#include "image/reshape.h"
#include "stage.h"

enum gm_gray_format {
    GM_GRAY_KEEP, /* JPEG for JPEG, PNG for all else */
    GM_GRAY_JPEG,
    GM_GRAY_PNG,
    GM_GRAY_PGM
};
enum gm_gray_mode { GM_GRAY_LOSSLESS, GM_GRAY_EXACT, GM_GRAY_LUMA };
enum gm_gray_orientation { GM_GRAY_RECORD, GM_GRAY_APPLY };
enum gm_gray_truncated { GM_GRAY_REJECT, GM_GRAY_PARTIAL };

struct gm_gray_opts {
    int mode;        /* enum gm_gray_mode */
    int format;      /* enum gm_gray_format */
    int metadata;    /* enum gm_jpeg_metadata */
    int alpha;       /* enum gm_alpha_mode */
    int sixteen_bit; /* enum gm_sixteen_mode */
    int orientation; /* enum gm_gray_orientation */
    int truncated;   /* enum gm_gray_truncated */
    int resize;      /* enum gm_resize */
    uint64_t long_side, width, height;
    uint64_t quality;
    uint64_t compression;
    uint64_t max_pixels;
    uint64_t max_memory;
};

extern const struct gm_opt gm_gray_opt_table[];
/* struct gm_stage.check */
enum gm_status gm_gray_check(const void *opts, struct gm_err *err);
/* What is to be done with a picture of this EXIF orientation; orientation 0: none, or it has been
 * applied by the decoder. */
struct gm_reshape gm_gray_reshape(const struct gm_gray_opts *opts, unsigned orientation);

#endif
