/* The rows of a PNG, as its filters leave them, to gray: all color types and depths. One struct per
 * picture. And where the pixels of interlaced rows belong. */
#ifndef GM_IMAGE_PNG_GRAY_H
#define GM_IMAGE_PNG_GRAY_H

#include "image/picture.h"
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
    uint8_t gray_of[256]; /* of samples up to 8 bits, or of palette indices */
    bool clip_sixteen;    /* gray of 16 bits: above 255 is white; else the high byte */
    bool is_over;         /* transparent pixels are laid on the background */
    uint8_t background;
    const uint8_t *palette; /* red, green, blue of each index */
    bool has_key;           /* tRNS of gray and RGB: this value is transparent */
    uint16_t key[3];
    unsigned n_indices;     /* palette entries; 256 for other types */
    unsigned largest_index; /* seen so far */
};

/* false: PNG has no such color type and depth. Palettes start empty. Ways with alpha and 16 bits
 * are taken from the picture. */
bool gm_png_gray_init(struct gm_png_gray *gray, const struct gm_picture *picture,
                      unsigned color_type, unsigned bit_depth);
/* What Pillow calls such pixels. */
const char *gm_png_gray_mode(const struct gm_png_gray *gray);
/* n <= 256 entries of red, green, blue, which must stay until the transparency is known. */
void gm_png_gray_palette(struct gm_png_gray *gray, const uint8_t *rgb, unsigned n);
/* The tRNS chunk, after the palette; does nothing unless is_over. */
void gm_png_gray_transparency(struct gm_png_gray *gray, const uint8_t *data, size_t n_bytes);
/* Bytes of a row of n pixels. */
size_t gm_png_gray_row_bytes(const struct gm_png_gray *gray, size_t n);
/* Big-endian, packed samples of n pixels to n gray values. */
void gm_png_gray_row(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n);
/* Whether every index that was seen has a palette entry. */
bool gm_png_gray_indices_ok(const struct gm_png_gray *gray);

/* A set of rows whose pixels are apart in the picture: the first column and row, and the steps from
 * one to the next. */
struct gm_png_pass {
    uint8_t x, y, dx, dy;
};
/* Adam7; one with dx 0 comes behind the seven. */
extern const struct gm_png_pass gm_png_passes[8];

/* How many of a side's pixels are in a pass: by x and dx of a width, by y and dy of a height. */
static inline size_t gm_png_n_in_pass(uint64_t side, unsigned first, unsigned step)
{
    return side > first ? (size_t)((side - first + step - 1) / step) : 0;
}

/* The n gray values of a row of the pass to their places in the picture's row out. */
void gm_png_pass_put(const struct gm_png_pass *pass, const uint8_t *gray, size_t n, uint8_t *out);

#endif
