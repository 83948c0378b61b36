/* Perceptual hashes of a gray plane, bit for bit as imagehash 4.3.2 computes them from Pillow's L:
 * 64 bits each, the first pixel's bit highest, so that %016x prints what str(hash) does there.
 *
 * The plane is resized at full size by Lanczos, which is where nearly all of the time goes. One
 * object a process. */
#ifndef GM_IMAGE_HASH_H
#define GM_IMAGE_HASH_H

#include "image/dct32.h"
#include "image/resample.h"

struct gm_image_hashes {
    uint64_t average;    /* 8 x 8: brighter than the mean */
    uint64_t difference; /* 9 x 8: brighter than the pixel to the left */
    uint64_t perceptual; /* 32 x 32: low frequencies above their median */
};

struct gm_hasher {
    struct gm_dct32 dct;
    struct gm_resampler *resampler;
};

bool gm_hasher_init(struct gm_hasher *hasher); /* false: no memory */
void gm_hasher_fini(struct gm_hasher *hasher);
/* false: no memory. */
bool gm_hash_plane(struct gm_hasher *hasher, const struct gm_gray *gray,
                   struct gm_image_hashes *hashes);

#endif
