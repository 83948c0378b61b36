/* The discrete cosine transform (type II, not normalised) of 32 values, with every rounding of
 * SciPy's: perceptual hashes compare coefficients that are equal but for their last bits, in flat,
 * striped and mirrored pictures. Pure functions. */
#ifndef GM_IMAGE_DCT32_H
#define GM_IMAGE_DCT32_H

#define GM_DCT_SIZE 32

struct gm_dct32 {
    double cosines[GM_DCT_SIZE / 2], sines[GM_DCT_SIZE / 2]; /* of 2 pi i / 32 */
    double last[GM_DCT_SIZE];                                /* cosines of pi i / 64 */
};

void gm_dct32_init(struct gm_dct32 *dct);

/* values[k] becomes 2 x the sum over n of values[n] x cos(pi k (2 n + 1) / 64). */
void gm_dct32(const struct gm_dct32 *dct, double values[GM_DCT_SIZE]);

#endif
