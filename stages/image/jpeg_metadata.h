/* What a gray JPEG carries beside the picture. Color profiles are never carried over from color
 * pictures: they would be wrong for a gray file; nor are pointers into the old file (MPF). */
#ifndef GM_IMAGE_JPEG_METADATA_H
#define GM_IMAGE_JPEG_METADATA_H

#include "image/jpeg_frame.h"

enum gm_jpeg_metadata {
    GM_METADATA_ORIENTATION, /* what the picture would be shown wrongly without */
    GM_METADATA_KEEP,        /* EXIF, XMP, IPTC and comments as they are */
    GM_METADATA_STRIP        /* nothing */
};

/* EXIF orientation 1..8; 1 if there is none. */
unsigned gm_jpeg_orientation(const struct gm_jpeg_frame *frame);

/* The segments that a gray file begins with. Point into the source and into this struct. */
struct gm_jpeg_extras {
    uint8_t jfif[14];
    uint8_t exif[32];
    unsigned n_segments;
    struct gm_jpeg_segment segments[GM_JPEG_MAX_SEGMENTS + 2];
};

/* A JFIF segment with the source's pixel density, and the segments of the mode. */
void gm_jpeg_extras_choose(struct gm_jpeg_extras *extras, const struct gm_jpeg_frame *frame,
                           enum gm_jpeg_metadata mode);

/* The segments that a JPEG written anew should have; NULL: none beside the usual one. */
const struct gm_jpeg_extras *gm_jpeg_extras_of(struct gm_jpeg_extras *extras, const uint8_t *data,
                                               size_t n_bytes, enum gm_jpeg_metadata mode);

#endif
