/* What may happen to a gray plane between decoding and encoding: turning by its EXIF orientation
 * and another size. */
#ifndef GM_IMAGE_RESHAPE_H
#define GM_IMAGE_RESHAPE_H

#include "image/picture.h"
#include "image/resample.h"

enum gm_resize { GM_RESIZE_NONE, GM_RESIZE_LONG_SIDE, GM_RESIZE_FIT, GM_RESIZE_EXACT };

struct gm_reshape {
    enum gm_resize resize;
    uint32_t long_side;     /* LONG_SIDE: never enlarges */
    uint32_t width, height; /* FIT: never enlarges; EXACT */
    unsigned orientation;   /* EXIF, to apply; 0: none */
};

/* The size that a picture of width x height gets: before turning in, after it out. */
void gm_reshape_size(const struct gm_reshape *reshape, uint32_t *width, uint32_t *height);
/* Turns, then resizes the picture's plane. LIMIT_PIXELS, LIMIT_MEMORY with a message. */
enum gm_reason gm_reshape(const struct gm_reshape *reshape, struct gm_resampler *resampler,
                          struct gm_picture *picture);

#endif
