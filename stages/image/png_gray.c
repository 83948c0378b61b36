/* Gray as Pillow's convert("L"): alpha dropped, palette expanded, the high byte of 16-bit samples
 * (for 16-bit gray Pillow clips instead, which is an option). Transparency, if it is wanted, goes
 * into the table of gray values where there is one, else through one loop for all kinds. A palette
 * index without an entry is only noted, so that the loops stay free of branches. */
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

static void row_clipped16(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    (void)gray;
    for (size_t i = 0; i < n; i++)
        out[i] = row[2 * i] ? 255 : row[2 * i + 1];
}

/* Pixels with alpha or a transparent color, laid on the background. */
static void row_over(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    size_t channels = gray->channels, size = gray->bit_depth / 8;
    size_t n_colors = channels < 3 ? 1 : 3;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pixel = row + i * channels * size;
        unsigned alpha = channels == n_colors ? 255 : pixel[n_colors * size];
        unsigned color[3];
        bool is_key = gray->has_key;
        for (size_t k = 0; k < n_colors; k++) {
            unsigned whole = size == 2 ? (unsigned)pixel[2 * k] << 8 | pixel[2 * k + 1] : pixel[k];
            is_key = is_key && whole == gray->key[k];
            color[k] = pixel[k * size];
            if (size == 2 && channels == 1 && gray->clip_sixteen)
                color[k] = whole < 255 ? whole : 255;
        }
        for (size_t k = 0; k < n_colors; k++)
            color[k] = gm_over(color[k], is_key ? 0 : alpha, gray->background);
        out[i] = (uint8_t)(n_colors == 1 ? color[0] : gm_luma(color[0], color[1], color[2]));
    }
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

const char *gm_png_gray_mode(const struct gm_png_gray *gray)
{
    static const char *const modes[] = {[GM_PNG_GRAY] = "L",
                                        [GM_PNG_RGB] = "RGB",
                                        [GM_PNG_PALETTE] = "P",
                                        [GM_PNG_GRAY_ALPHA] = "LA",
                                        [GM_PNG_RGBA] = "RGBA"};
    if (gray->color_type == GM_PNG_GRAY && (gray->bit_depth == 1 || gray->bit_depth == 16))
        return gray->bit_depth == 1 ? "1" : "I;16";
    return modes[gray->color_type];
}

bool gm_png_gray_init(struct gm_png_gray *gray, const struct gm_picture *picture,
                      unsigned color_type, unsigned bit_depth)
{
    if (!row_function(color_type, bit_depth))
        return false;
    *gray = (struct gm_png_gray){.color_type = (uint8_t)color_type,
                                 .bit_depth = (uint8_t)bit_depth,
                                 .channels = color_types[color_type].channels,
                                 .n_indices = color_type == GM_PNG_PALETTE ? 0 : 256,
                                 .clip_sixteen = picture->sixteen_bit == GM_SIXTEEN_CLIP,
                                 .is_over = gm_picture_is_over(picture),
                                 .background = gm_picture_background(picture)};
    unsigned top = (1u << (bit_depth & 15)) - 1;
    for (unsigned i = 0; i <= top && bit_depth <= 8; i++)
        gray->gray_of[i] = (uint8_t)(i * (255 / top));
    return true;
}

void gm_png_gray_palette(struct gm_png_gray *gray, const uint8_t *rgb, unsigned n)
{
    GM_ASSERT(n <= 256);
    if (gray->color_type != GM_PNG_PALETTE)
        return;
    gray->n_indices = n;
    gray->palette = rgb;
    gm_luma_rgb(rgb, gray->gray_of, n);
}

static void set_over(struct gm_png_gray *gray, size_t index, unsigned alpha)
{
    uint8_t rgba[4] = {0, 0, 0, (uint8_t)alpha};
    memcpy(rgba, gray->palette + 3 * index, 3);
    gm_luma_rgba_over(rgba, &gray->gray_of[index], 1, gray->background);
}

void gm_png_gray_transparency(struct gm_png_gray *gray, const uint8_t *data, size_t n_bytes)
{
    size_t n_keys = gray->color_type == GM_PNG_RGB ? 3 : 1;
    if (!gray->is_over)
        return;
    if (gray->color_type == GM_PNG_PALETTE) {
        for (size_t i = 0; i < n_bytes && i < gray->n_indices; i++)
            set_over(gray, i, data[i]);
        return;
    }
    if ((gray->color_type != GM_PNG_GRAY && gray->color_type != GM_PNG_RGB) || n_bytes < 2 * n_keys)
        return;
    gray->has_key = true;
    for (size_t k = 0; k < n_keys; k++)
        gray->key[k] = (uint16_t)(data[2 * k] << 8 | data[2 * k + 1]);
    if (gray->color_type == GM_PNG_GRAY && gray->bit_depth < 8)
        gray->gray_of[gray->key[0] & ((1u << gray->bit_depth) - 1)] = gray->background;
}

size_t gm_png_gray_row_bytes(const struct gm_png_gray *gray, size_t n)
{
    return (n * gray->channels * gray->bit_depth + 7) / 8;
}

void gm_png_gray_row(struct gm_png_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    bool has_alpha = gray->color_type == GM_PNG_GRAY_ALPHA || gray->color_type == GM_PNG_RGBA;
    row_gray *convert = row_function(gray->color_type, gray->bit_depth);
    if (gray->color_type == GM_PNG_GRAY && gray->bit_depth == 16 && gray->clip_sixteen)
        convert = row_clipped16;
    if (gray->is_over && gray->bit_depth >= 8 && (has_alpha || gray->has_key))
        convert = row_over;
    convert(gray, row, out, n);
}

bool gm_png_gray_indices_ok(const struct gm_png_gray *gray)
{
    return gray->largest_index < gray->n_indices || gray->color_type != GM_PNG_PALETTE;
}

const struct gm_png_pass gm_png_passes[8] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                             {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}, {0}};

void gm_png_pass_put(const struct gm_png_pass *pass, const uint8_t *gray, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[pass->x + i * pass->dx] = gray[i];
}
