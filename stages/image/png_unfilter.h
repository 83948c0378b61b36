/* Undoes PNG's row filters. Pure; any thread. */
#ifndef GM_IMAGE_PNG_UNFILTER_H
#define GM_IMAGE_PNG_UNFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes behind row and above that must be readable (their values do not matter). */
#define GM_PNG_UNFILTER_SLACK 16

/* row: n_bytes that become the pixels, in place. above: the row before, unfiltered; zeros for the
 * first. step: bytes of a whole pixel, at least 1. false: there is no such filter. */
bool gm_png_unfilter(unsigned filter, uint8_t *row, const uint8_t *above, size_t n_bytes,
                     size_t step);

#endif
