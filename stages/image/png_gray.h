/* The rows of a PNG, as its filters leave them, to gray: all color types and depths. One struct per
 * picture. */
#ifndef GM_IMAGE_PNG_GRAY_H
#define GM_IMAGE_PNG_GRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GM_PNG_GRAY = 0,
    GM_PNG_RGB = 2,
    GM_PNG_PALETTE = 3,
    GM_PNG_GRAY_ALPHA = 4,
    GM_PNG_RGBA = 6
};

struct gm_png_gray {
    uint8_t color_type, bit_depth;
    uint8_t channels;
    uint8_t gray_of[256];   /* of samples below 8 bits, or of palette indices */
    unsigned n_indices;     /* palette entries; 256 for other types */
    unsigned largest_index; /* seen so far */
};

/* false: PNG has no such color type and depth. Palettes start empty. */
bool gm_png_gray_init(struct gm_png_gray *gray, unsigned color_type, unsigned bit_depth);
/* n <= 256 entries of red, green, blue. */
void gm_png_gray_palette(struct gm_png_gray *gray, const uint8_t *rgb, unsigned n);
/* Bytes of a row of n pixels. */
size_t gm_png_gray_row_bytes(const struct gm_png_gray *gray, size_t n);
/* Big-endian, packed samples of n pixels to n gray values. */
void gm_png_gray_row(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n);
/* Whether every index that was seen has a palette entry. */
bool gm_png_gray_indices_ok(const struct gm_png_gray *gray);

#endif
