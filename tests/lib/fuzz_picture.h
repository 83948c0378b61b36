/* What the fuzz targets of the image formats share: one picture of one kind, decoded under 64 MB.
 * The first byte holds options, the rest is the file:
 *      1, 2  alpha mode      4  16-bit mode      8  luma mode      16  leave checksums as they are
 */
#ifndef GM_TESTS_FUZZ_PICTURE_H
#define GM_TESTS_FUZZ_PICTURE_H

#include "media.h"

/* For a fuzz target's LLVMFuzzerTestOneInput; returns 0. Aborts if a refusal has no message. */
int fuzz_picture(enum gm_media media, const uint8_t *data, size_t n_bytes);

#endif
