/* A gray plane to another size by Lanczos, bit for bit as Pillow's resize(size, Image.LANCZOS):
 * weights in double, rounded to 22 fractional bits; rows first, then columns, and 8 bits in
 * between.
 *
 * Weights are kept from picture to picture, as many have the same size; they never change a result.
 * One object a process. */
#ifndef GM_IMAGE_RESAMPLE_H
#define GM_IMAGE_RESAMPLE_H

#include "image/encode.h"

struct gm_resampler;
struct gm_resampler *gm_resampler_new(void);            /* NULL: no memory */
void gm_resampler_free(struct gm_resampler *resampler); /* NULL allowed */

/* Writes width x height values to `to`, which must not overlap the source; both at least 1. The
 * same size is a copy. false: no memory; it takes width x from->height bytes and the weights. */
bool gm_resample(struct gm_resampler *resampler, const struct gm_gray *from, uint32_t width,
                 uint32_t height, uint8_t *to);
/* The same in plain C, for tests. */
bool gm_resample_plain(struct gm_resampler *resampler, const struct gm_gray *from, uint32_t width,
                       uint32_t height, uint8_t *to);

/* The largest size within a box that keeps the sides' ratio, no larger than the picture, in the
 * rounding of Pillow's thumbnail. */
void gm_resample_fit(uint32_t box_width, uint32_t box_height, uint32_t *width, uint32_t *height);

#endif
