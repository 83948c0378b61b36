/* PNG's five row filters for 8-bit gray, all tried at once. Pure; any thread. */
#ifndef GM_IMAGE_PNG_FILTER_H
#define GM_IMAGE_PNG_FILTER_H

#include <stddef.h>
#include <stdint.h>

/* Writes the filter's number and the filtered row (width + 1 bytes) to out. The filter is the one
 * with the least sum of absolute differences, the first of equals. above: the row before, zeros for
 * the first; scratch: 4 x width bytes. The three must not overlap. width >= 1. */
void gm_png_filter(const uint8_t *row, const uint8_t *above, size_t width, uint8_t *scratch,
                   uint8_t *out);
/* The same in plain C, for tests and other processors. */
void gm_png_filter_plain(const uint8_t *row, const uint8_t *above, size_t width, uint8_t *scratch,
                         uint8_t *out);

#endif
