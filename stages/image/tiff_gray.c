/* What Pillow 9.4 makes of each kind of pixel: palette entries lose their low byte, samples of 16
 * bits too, color that was multiplied with its alpha is divided by it again (and clipped). */
#include "image/tiff_gray.h"

#include "image/luma.h"

#include <string.h>

typedef void row_gray(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n);

static unsigned sample16(const uint8_t *row, size_t i)
{
    uint16_t value;
    memcpy(&value, row + 2 * i, sizeof(value));
    return value;
}

/* Samples of less than 8 bits. */
static void row_packed(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    unsigned bits = gray->bits, mask = (1u << bits) - 1;
    for (size_t i = 0; i < n; i++) {
        size_t bit = i * bits;
        out[i] = gray->gray_of[row[bit >> 3] >> (8 - bits - (bit & 7)) & mask];
    }
}

static bool is_over(const struct gm_tiff_gray *gray)
{
    return gray->is_over && gray->alpha != GM_TIFF_ALPHA_NONE;
}

/* The first of the samples decides: gray or an index, whatever follows. */
static void row_first8(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gray->gray_of[row[i * gray->samples]];
    for (size_t i = 0; i < n && is_over(gray) && gray->samples > 1; i++)
        out[i] = (uint8_t)gm_over(out[i], row[i * gray->samples + 1], gray->background);
}

static void row_first16(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    bool white_is_zero = gray->photometric == GM_TIFF_WHITE_IS_ZERO;
    for (size_t i = 0; i < n; i++) {
        unsigned value = sample16(row, i * gray->samples);
        if (gray->clip_sixteen)
            out[i] = (uint8_t)(value < 255 ? value : 255);
        else
            out[i] = (uint8_t)((white_is_zero ? 65535 - value : value) >> 8);
    }
}

static unsigned divided(unsigned value, unsigned alpha)
{
    if (alpha == 255)
        return value;
    unsigned plain = alpha ? value * 255 / alpha : 0;
    return plain < 255 ? plain : 255;
}

/* The high byte of sample k of a pixel. */
static unsigned sample(const struct gm_tiff_gray *gray, const uint8_t *row, size_t pixel, size_t k)
{
    size_t i = pixel * gray->samples + k;
    return gray->bits == 8 ? row[i] : sample16(row, i) >> 8;
}

static void row_rgb(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    if (gray->bits == 8 && gray->samples == 3) {
        gm_luma_rgb(row, out, n);
        return;
    }
    bool is_premultiplied = gray->alpha == GM_TIFF_ALPHA_PREMULTIPLIED;
    if (gray->bits == 8 && gray->samples == 4 && !is_premultiplied && !is_over(gray)) {
        gm_luma_rgbx(row, out, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned rgb[3], alpha = gray->samples > 3 ? sample(gray, row, i, 3) : 255;
        for (size_t k = 0; k < 3; k++) {
            rgb[k] = divided(sample(gray, row, i, k), is_premultiplied ? alpha : 255);
            if (is_over(gray))
                rgb[k] = gm_over(rgb[k], alpha, gray->background);
        }
        out[i] = gm_luma(rgb[0], rgb[1], rgb[2]);
    }
}

static void row_cmyk(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t inverted[4]; /* as JPEG stores them */
        for (size_t k = 0; k < 4; k++)
            inverted[k] = (uint8_t)(255 - sample(gray, row, i, k));
        gm_luma_cmyk_inverted(inverted, out + i, 1);
    }
}

/* Gray and palette pictures. */
static row_gray *row_of_one(const struct gm_tiff_gray *gray)
{
    if (gray->bits == 1 || gray->bits == 2 || gray->bits == 4)
        return gray->samples == 1 ? row_packed : NULL;
    if (gray->bits == 16 && gray->photometric != GM_TIFF_PALETTE)
        return row_first16;
    return gray->bits == 8 ? row_first8 : NULL;
}

static row_gray *row_function(const struct gm_tiff_gray *gray)
{
    bool is_whole = gray->bits == 8 || gray->bits == 16;
    switch (gray->photometric) {
    case GM_TIFF_WHITE_IS_ZERO:
    case GM_TIFF_BLACK_IS_ZERO:
    case GM_TIFF_PALETTE:
        return row_of_one(gray);
    case GM_TIFF_RGB:
        return is_whole && gray->samples >= 3 ? row_rgb : NULL;
    case GM_TIFF_CMYK:
        return is_whole && gray->samples >= 4 ? row_cmyk : NULL;
    default:
        return NULL;
    }
}

bool gm_tiff_gray_init(struct gm_tiff_gray *gray, const uint16_t *const colors[3])
{
    if (!row_function(gray))
        return false;
    unsigned top = (1u << (gray->bits & 15)) - 1;
    for (unsigned i = 0; i <= top && gray->bits <= 8; i++) {
        if (gray->photometric == GM_TIFF_PALETTE)
            gray->gray_of[i] = gm_luma(colors[0][i] >> 8, colors[1][i] >> 8, colors[2][i] >> 8);
        else
            gray->gray_of[i] =
                (uint8_t)((gray->photometric == GM_TIFF_WHITE_IS_ZERO ? top - i : i) * (255 / top));
    }
    return true;
}

void gm_tiff_gray_row(const struct gm_tiff_gray *gray, const uint8_t *row, uint8_t *out, size_t n)
{
    row_function(gray)(gray, row, out, n);
}
