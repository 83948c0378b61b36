/* From color to gray: ITU-R BT.601 luma in the fixed-point form that Pillow's convert("L") uses,
 * so that results agree bit for bit. Pure functions; any thread. src and gray must not overlap. */
#ifndef GM_IMAGE_LUMA_H
#define GM_IMAGE_LUMA_H

#include <stddef.h>
#include <stdint.h>

static inline uint8_t gm_luma(unsigned r, unsigned g, unsigned b)
{
    return (uint8_t)((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
}

/* A value laid on a background by its alpha, rounded as Pillow's paste with a mask. */
static inline unsigned gm_over(unsigned value, unsigned alpha, unsigned background)
{
    unsigned t = value * alpha + background * (255 - alpha) + 128;
    return ((t >> 8) + t) >> 8;
}

/* Rows of n pixels: 3 bytes a pixel; 4 bytes a pixel with the last one ignored. */
void gm_luma_rgb(const uint8_t *rgb, uint8_t *gray, size_t n);
void gm_luma_rgbx(const uint8_t *rgbx, uint8_t *gray, size_t n);
/* Red, green, blue and alpha, laid on gray of that value. */
void gm_luma_rgba_over(const uint8_t *rgba, uint8_t *gray, size_t n, unsigned background);
/* The first two in plain C, for tests and other processors. */
void gm_luma_rgb_plain(const uint8_t *rgb, uint8_t *gray, size_t n);
void gm_luma_rgbx_plain(const uint8_t *rgbx, uint8_t *gray, size_t n);
/* 4 bytes a pixel as Adobe writes CMYK into JPEG (inverted: 255 = no ink). The way to RGB is
 * Pillow's, with its rounding. */
void gm_luma_cmyk_inverted(const uint8_t *cmyk, uint8_t *gray, size_t n);

#endif
