/* Gray as Pillow's convert("L"): alpha dropped, palette expanded, the high byte of 16-bit samples
 * (for 16-bit gray Pillow clips instead). A palette index without an entry is only noted, so that
 * the loops stay free of branches. */
#include "image/png_gray.h"

#include "base/assert.h"
#include "image/luma.h"

#include <string.h>

typedef void row_gray(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n);

static void row_packed(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    unsigned depth = gray->bit_depth;
    unsigned mask = (1u << depth) - 1, largest = gray->largest_index;
    for (size_t i = 0; i < n; i++) {
        size_t bit = i * depth;
        unsigned index = (row[bit >> 3] >> (8 - depth - (bit & 7))) & mask;
        largest = index > largest ? index : largest;
        out[i] = gray->gray_of[index];
    }
    gray->largest_index = largest;
}

static void row_index8(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    uint8_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = row[i] > largest ? row[i] : largest;
        out[i] = gray->gray_of[row[i]];
    }
    gray->largest_index = largest > gray->largest_index ? largest : gray->largest_index;
}

static void row_gray8(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    (void)gray;
    memcpy(out, row, n);
}

/* The first byte of each pixel: gray of 16 bits, gray and alpha. */
static void row_first_byte(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    size_t step = (size_t)gray->bit_depth / 8 * gray->channels;
    for (size_t i = 0; i < n; i++)
        out[i] = row[i * step];
}

static void row_rgb8(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    (void)gray;
    gm_luma_rgb(row, out, n);
}

static void row_rgba8(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    (void)gray;
    gm_luma_rgbx(row, out, n);
}

/* The high bytes of 16-bit red, green and blue. */
static void row_rgb16(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    size_t step = (size_t)gray->channels * 2;
    for (size_t i = 0; i < n; i++)
        out[i] = gm_luma(row[i * step], row[i * step + 2], row[i * step + 4]);
}

/* By color type and whether the depth is below, at or above 8 bits. */
static const struct {
    uint8_t channels;
    row_gray *rows[3];
} color_types[] = {
    [GM_PNG_GRAY] = {1, {row_packed, row_gray8, row_first_byte}},
    [GM_PNG_RGB] = {3, {NULL, row_rgb8, row_rgb16}},
    [GM_PNG_PALETTE] = {1, {row_packed, row_index8, NULL}},
    [GM_PNG_GRAY_ALPHA] = {2, {NULL, row_first_byte, row_first_byte}},
    [GM_PNG_RGBA] = {4, {NULL, row_rgba8, row_rgb16}},
};

static row_gray *row_function(unsigned color_type, unsigned bit_depth)
{
    bool is_depth =
        bit_depth == 1 || bit_depth == 2 || bit_depth == 4 || bit_depth == 8 || bit_depth == 16;
    if (color_type >= GM_ARRAY_LEN(color_types) || !is_depth)
        return NULL;
    return color_types[color_type].rows[bit_depth < 8 ? 0 : bit_depth / 8];
}

bool gm_png_gray_init(struct gm_png_gray *gray, unsigned color_type, unsigned bit_depth)
{
    if (!row_function(color_type, bit_depth))
        return false;
    *gray = (struct gm_png_gray){.color_type = (uint8_t)color_type,
                                 .bit_depth = (uint8_t)bit_depth,
                                 .channels = color_types[color_type].channels,
                                 .n_indices = color_type == GM_PNG_PALETTE ? 0 : 256};
    unsigned top = (1u << (bit_depth & 7)) - 1;
    for (unsigned i = 0; i <= top && bit_depth < 8; i++)
        gray->gray_of[i] = (uint8_t)(i * (255 / top));
    return true;
}

void gm_png_gray_palette(struct gm_png_gray *gray, const uint8_t *rgb, unsigned n)
{
    GM_ASSERT(n <= 256);
    if (gray->color_type != GM_PNG_PALETTE)
        return;
    gray->n_indices = n;
    gm_luma_rgb(rgb, gray->gray_of, n);
}

size_t gm_png_gray_row_bytes(const struct gm_png_gray *gray, size_t n)
{
    return (n * gray->channels * gray->bit_depth + 7) / 8;
}

void gm_png_gray_row(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    row_function(gray->color_type, gray->bit_depth)(gray, row, out, n);
}

bool gm_png_gray_indices_ok(const struct gm_png_gray *gray)
{
    return gray->largest_index < gray->n_indices || gray->color_type != GM_PNG_PALETTE;
}
