/* The walk over AC scans of a progressive file. Such a scan is one component's and is copied as it
 * is; the walk proves that it is whole: every code is read, to the last block. Refinement scans
 * have a bit for each coefficient that is not zero so far, so each block remembers which those are:
 * 64 bits, in zigzag order. */
#ifndef GM_IMAGE_JPEG_BAND_H
#define GM_IMAGE_JPEG_BAND_H

#include "image/jpeg_bits.h"
#include "image/jpeg_huffman.h"

struct gm_jpeg_band {
    struct gm_jpeg_window *window;
    const uint8_t *data, *end; /* the scan's data; the end of the file */
    const uint8_t *marker;     /* the one behind the data */
    struct gm_huffman *ac;     /* for the use as a band or a refinement */
    unsigned first, last;      /* coefficients, 1..63 */
    unsigned restart_interval; /* in blocks; 0: none */
};

/* Several scans of a component in the order of the file, all first ones or all refinements. */
struct gm_jpeg_bands {
    unsigned n; /* 1 or 2; two take little longer than the longer one */
    struct gm_jpeg_band bands[2];
    bool are_refinements;
    uint64_t *nonzero; /* of n_blocks blocks, and one more */
    size_t n_blocks;
};

/* False: the data is not what it should be. */
bool gm_jpeg_bands_walk(const struct gm_jpeg_bands *bands);
/* The same for any processor; for tests. */
bool gm_jpeg_bands_walk_plain(const struct gm_jpeg_bands *bands);

#endif
