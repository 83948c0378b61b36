/* Rows of TIFF samples, as libtiff hands them out (native byte order, first bit first), to gray.
 * One struct per picture. */
#ifndef GM_IMAGE_TIFF_GRAY_H
#define GM_IMAGE_TIFF_GRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_tiff_photometric {
    GM_TIFF_WHITE_IS_ZERO = 0,
    GM_TIFF_BLACK_IS_ZERO = 1,
    GM_TIFF_RGB = 2,
    GM_TIFF_PALETTE = 3,
    GM_TIFF_CMYK = 5
};

enum gm_tiff_alpha { GM_TIFF_ALPHA_NONE, GM_TIFF_ALPHA_PLAIN, GM_TIFF_ALPHA_PREMULTIPLIED };

struct gm_tiff_gray {
    unsigned photometric; /* enum gm_tiff_photometric */
    unsigned bits;        /* of each sample: 1, 2, 4, 8, 16 */
    unsigned samples;     /* of each pixel, alpha and others included */
    enum gm_tiff_alpha alpha;
    bool is_over; /* transparent pixels are laid on the background */
    uint8_t background;
    bool clip_sixteen;    /* 16-bit gray: v > 255 is white, as Pillow; else the high byte */
    uint8_t gray_of[256]; /* of samples up to 8 bits of gray and palette pictures */
};

/* Whether rows of this kind are known; fills gray_of, for palettes from colors: 3 runs of
 * 2^bits values of 16 bits, red, green, blue. */
bool gm_tiff_gray_init(struct gm_tiff_gray *gray, const uint16_t *const colors[3]);
/* n pixels. row: samples of a pixel next to each other. */
void gm_tiff_gray_row(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n);

#endif
