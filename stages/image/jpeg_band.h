/* The walk over an AC scan of a progressive file. Such a scan is one component's and is copied as
 * it is; the walk proves that it is whole: every code is read, to the last block. Refinement scans
 * have a bit for each coefficient that is not zero so far, so each block remembers which those are:
 * 64 bits, in zigzag order. */
#ifndef GM_IMAGE_JPEG_BAND_H
#define GM_IMAGE_JPEG_BAND_H

#include "image/jpeg_bits.h"
#include "image/jpeg_huffman.h"

struct gm_jpeg_band {
    struct gm_jpeg_window *window;
    const uint8_t *next, *end; /* the data; next moves to the marker behind */
    struct gm_huffman *ac;     /* for the use as a band or a refinement */
    unsigned first, last;      /* coefficients, 1..63 */
    bool is_refinement;
    unsigned restart_interval; /* in blocks; 0: none */
    uint64_t *nonzero;         /* of n_blocks blocks */
    size_t n_blocks;
};

/* False: the data is not what it should be. */
bool gm_jpeg_band_walk(struct gm_jpeg_band *band);

#endif
