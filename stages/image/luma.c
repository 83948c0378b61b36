/* The conversion loops. RGB to gray is a third of the time of a small JPEG when written plainly,
 * so there are SSE2, SSSE3 and AVX2 forms, chosen by what the processor has: 16 or 32 pixels a
 * step. 38470 does not fit the signed 16-bit factors of the multiply-add instruction, so green is
 * multiplied by its half and doubled. */
#include "image/luma.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

void gm_luma_rgb_plain(const uint8_t *rgb, uint8_t *gray, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gray[i] = gm_luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

void gm_luma_rgbx_plain(const uint8_t *rgbx, uint8_t *gray, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gray[i] = gm_luma(rgbx[4 * i], rgbx[4 * i + 1], rgbx[4 * i + 2]);
}

void gm_luma_rgba_over(const uint8_t *rgba, uint8_t *gray, size_t n, unsigned background)
{
    for (size_t i = 0; i < n; i++) {
        unsigned alpha = rgba[4 * i + 3];
        gray[i] = gm_luma(gm_over(rgba[4 * i], alpha, background),
                          gm_over(rgba[4 * i + 1], alpha, background),
                          gm_over(rgba[4 * i + 2], alpha, background));
    }
}

/* a x b / 255, rounded the way Pillow's MULDIV255 does it. */
static unsigned muldiv255(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

void gm_luma_cmyk_inverted(const uint8_t *cmyk, uint8_t *gray, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned k = cmyk[4 * i + 3];
        unsigned r = k - muldiv255(255u - cmyk[4 * i], k);
        unsigned g = k - muldiv255(255u - cmyk[4 * i + 1], k);
        unsigned b = k - muldiv255(255u - cmyk[4 * i + 2], k);
        gray[i] = gm_luma(r, g, b);
    }
}

#ifdef __SSE2__

/* Four pixels, 4 bytes each, to four 32-bit gray values. */
static inline __m128i luma4(__m128i rgbx)
{
    const __m128i low_bytes = _mm_set1_epi32(0x00ff00ff);
    const __m128i red_blue = _mm_set1_epi32((7471 << 16) | 19595);
    const __m128i half_green = _mm_set1_epi32(19235);
    __m128i rb = _mm_madd_epi16(_mm_and_si128(rgbx, low_bytes), red_blue);
    __m128i g = _mm_madd_epi16(_mm_and_si128(_mm_srli_epi16(rgbx, 8), low_bytes), half_green);
    __m128i sum = _mm_add_epi32(rb, _mm_add_epi32(g, g));
    return _mm_srli_epi32(_mm_add_epi32(sum, _mm_set1_epi32(0x8000)), 16);
}

static inline void store16(uint8_t *gray, const __m128i rgbx[4])
{
    __m128i low = _mm_packs_epi32(luma4(rgbx[0]), luma4(rgbx[1]));
    __m128i high = _mm_packs_epi32(luma4(rgbx[2]), luma4(rgbx[3]));
    _mm_storeu_si128((__m128i *)gray, _mm_packus_epi16(low, high));
}

/* luma4 for eight pixels. */
__attribute__((target("avx2"))) static inline __m256i luma8(__m256i pixels)
{
    const __m256i low_bytes = _mm256_set1_epi32(0x00ff00ff);
    const __m256i red_blue = _mm256_set1_epi32((7471 << 16) | 19595);
    const __m256i half_green = _mm256_set1_epi32(19235);
    __m256i rb = _mm256_madd_epi16(_mm256_and_si256(pixels, low_bytes), red_blue);
    __m256i green = _mm256_and_si256(_mm256_srli_epi16(pixels, 8), low_bytes);
    __m256i g = _mm256_madd_epi16(green, half_green);
    __m256i sum = _mm256_add_epi32(rb, _mm256_add_epi32(g, g));
    return _mm256_srli_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(0x8000)), 16);
}

/* Gray of 32 pixels. Packing works within halves and leaves groups of four pixels in this order. */
__attribute__((target("avx2"))) static inline void store32(uint8_t *gray, const __m256i rgbx[4])
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i low = _mm256_packs_epi32(luma8(rgbx[0]), luma8(rgbx[1]));
    __m256i high = _mm256_packs_epi32(luma8(rgbx[2]), luma8(rgbx[3]));
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)gray, bytes);
}

__attribute__((target("avx2"))) static size_t luma_rgbx_avx2(const uint8_t *rgbx, uint8_t *gray,
                                                             size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i pixels[4];
        for (size_t k = 0; k < 4; k++)
            pixels[k] = _mm256_loadu_si256((const __m256i *)(rgbx + 4 * i + 32 * k));
        store32(gray + i, pixels);
    }
    return i;
}

void gm_luma_rgbx(const uint8_t *rgbx, uint8_t *gray, size_t n)
{
    size_t i = __builtin_cpu_supports("avx2") ? luma_rgbx_avx2(rgbx, gray, n) : 0;
    for (; i + 16 <= n; i += 16) {
        __m128i pixels[4];
        for (size_t k = 0; k < 4; k++)
            pixels[k] = _mm_loadu_si128((const __m128i *)(rgbx + 4 * i + 16 * k));
        store16(gray + i, pixels);
    }
    gm_luma_rgbx_plain(rgbx + 4 * i, gray + i, n - i);
}

__attribute__((target("ssse3"))) static size_t luma_rgb_ssse3(const uint8_t *rgb, uint8_t *gray,
                                                              size_t n)
{
    const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    size_t i = 0;
    /* The last load takes 16 bytes of which 12 are used, so it needs two pixels to spare. */
    for (; i + 18 <= n; i += 16) {
        __m128i pixels[4];
        for (size_t k = 0; k < 4; k++)
            pixels[k] =
                _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(rgb + 3 * i + 12 * k)), spread);
        store16(gray + i, pixels);
    }
    return i;
}

/* Four pixels from from on, and four from from + 12 on, with a byte of room each. */
__attribute__((target("avx2"))) static inline __m256i spread8(const uint8_t *from)
{
    const __m256i spread = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
    __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)from));
    __m128i high = _mm_loadu_si128((const __m128i *)(from + 12));
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(low, high, 1), spread);
}

__attribute__((target("avx2"))) static size_t luma_rgb_avx2(const uint8_t *rgb, uint8_t *gray,
                                                            size_t n)
{
    size_t i = 0;
    for (; i + 34 <= n; i += 32) {
        __m256i pixels[4];
        for (size_t k = 0; k < 4; k++)
            pixels[k] = spread8(rgb + 3 * i + 24 * k);
        store32(gray + i, pixels);
    }
    return i;
}

void gm_luma_rgb(const uint8_t *rgb, uint8_t *gray, size_t n)
{
    size_t i = __builtin_cpu_supports("avx2") ? luma_rgb_avx2(rgb, gray, n) : 0;
    if (__builtin_cpu_supports("ssse3"))
        i += luma_rgb_ssse3(rgb + 3 * i, gray + i, n - i);
    gm_luma_rgb_plain(rgb + 3 * i, gray + i, n - i);
}

#else

void gm_luma_rgbx(const uint8_t *rgbx, uint8_t *gray, size_t n)
{
    gm_luma_rgbx_plain(rgbx, gray, n);
}

void gm_luma_rgb(const uint8_t *rgb, uint8_t *gray, size_t n)
{
    gm_luma_rgb_plain(rgb, gray, n);
}

#endif
