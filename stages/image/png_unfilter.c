/* Up is free of dependencies and left to the compiler in blocks. The others depend on the pixel
 * before, so the pixel is the unit: 3 and 4 bytes (RGB and RGBA of 8 bits, most of what there is)
 * go through one vector register, other sizes byte by byte. */
#include "image/png_unfilter.h"

#include "image/png_simd.h"

#include <stdlib.h>
#include <string.h>

enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH };

#define BLOCK 32
#define FLAT  48 /* whole pixels of 3 and of 4 bytes */

static void undo_up(uint8_t *row, const uint8_t *above, size_t n_bytes)
{
    size_t i = 0;
    for (; i + BLOCK <= n_bytes; i += BLOCK) {
        uint8_t sum[BLOCK];
        for (size_t k = 0; k < BLOCK; k++)
            sum[k] = (uint8_t)(row[i + k] + above[i + k]);
        memcpy(row + i, sum, BLOCK);
    }
    for (; i < n_bytes; i++)
        row[i] = (uint8_t)(row[i] + above[i]);
}

static void undo_sub_bytes(uint8_t *row, size_t n_bytes, size_t step)
{
    for (size_t i = step; i < n_bytes; i++)
        row[i] = (uint8_t)(row[i] + row[i - step]);
}

static void undo_average_bytes(uint8_t *row, const uint8_t *above, size_t n_bytes, size_t step)
{
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned left = i < step ? 0 : row[i - step];
        row[i] = (uint8_t)(row[i] + (left + above[i]) / 2);
    }
}

static void undo_paeth_bytes(uint8_t *row, const uint8_t *above, size_t n_bytes, size_t step)
{
    size_t first = step < n_bytes ? step : n_bytes;
    undo_up(row, above, first);
    for (size_t i = first; i < n_bytes; i++) {
        int left = row[i - step], up = above[i], corner = above[i - step];
        int to_left = abs(up - corner), to_up = abs(left - corner);
        int to_corner = abs(left + up - 2 * corner);
        int guess = to_up <= to_corner ? up : corner;
        guess = to_left <= to_up && to_left <= to_corner ? left : guess;
        row[i] = (uint8_t)(row[i] + guess);
    }
}

#ifdef __SSE2__

/* One pixel in the low bytes; what is above it in the register does not matter. */
static inline __m128i load_pixel(const uint8_t *from)
{
    int32_t pixel;
    memcpy(&pixel, from, sizeof(pixel));
    return _mm_cvtsi32_si128(pixel);
}

static inline void store_pixel(uint8_t *to, __m128i pixel, size_t step)
{
    int32_t bytes = _mm_cvtsi128_si32(pixel);
    memcpy(to, &bytes, step);
}

static inline void undo_sub_pixels(uint8_t *row, size_t n_bytes, size_t step)
{
    __m128i left = _mm_setzero_si128();
    for (size_t i = 0; i < n_bytes; i += step) {
        left = _mm_add_epi8(load_pixel(row + i), left);
        store_pixel(row + i, left, step);
    }
}

static inline void undo_average_pixels(uint8_t *row, const uint8_t *above, size_t n_bytes,
                                       size_t step)
{
    __m128i left = _mm_setzero_si128();
    for (size_t i = 0; i < n_bytes; i += step) {
        left = _mm_add_epi8(load_pixel(row + i), gm_average16(left, load_pixel(above + i)));
        store_pixel(row + i, left, step);
    }
}

/* In words, the distances need no care for signs, and the way from one pixel to the next is eight
 * instructions long instead of twelve. */
__attribute__((target("sse4.1"))) static inline __m128i paeth_words(__m128i left, __m128i up,
                                                                    __m128i corner)
{
    __m128i to_left = _mm_sub_epi16(up, corner), to_up = _mm_sub_epi16(left, corner);
    __m128i to_corner = _mm_abs_epi16(_mm_add_epi16(to_left, to_up));
    to_left = _mm_abs_epi16(to_left);
    to_up = _mm_abs_epi16(to_up);
    __m128i least = _mm_min_epi16(to_corner, _mm_min_epi16(to_left, to_up));
    __m128i guess = _mm_blendv_epi8(corner, up, _mm_cmpeq_epi16(least, to_up));
    return _mm_blendv_epi8(guess, left, _mm_cmpeq_epi16(least, to_left));
}

static inline bool is_zero(const uint8_t *bytes)
{
    __m128i all = _mm_setzero_si128();
    for (size_t i = 0; i < FLAT; i += 16)
        all = _mm_or_si128(all, _mm_loadu_si128((const __m128i *)(bytes + i)));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_setzero_si128())) == 0xffff;
}

/* Where left is as the corner and nothing is added, the guess is the pixel above, again and again:
 * most of a drawing or a screenshot. */
__attribute__((target("sse4.1"))) static inline void
undo_paeth_words(uint8_t *row, const uint8_t *above, size_t n_bytes, size_t step)
{
    const __m128i low_bytes = _mm_set1_epi16(0xff);
    const int pixel_words = (1 << 2 * step) - 1;
    __m128i left = _mm_setzero_si128(), corner = left, next = _mm_cvtepu8_epi16(load_pixel(row));
    for (size_t i = 0; i < n_bytes;) {
        size_t end = n_bytes - i < FLAT ? n_bytes : i + FLAT;
        bool is_same = !(~_mm_movemask_epi8(_mm_cmpeq_epi16(left, corner)) & pixel_words);
        if (end == i + FLAT && is_same && is_zero(row + i)) {
            memcpy(row + i, above + i, FLAT);
            left = corner = _mm_cvtepu8_epi16(load_pixel(above + end - step));
            next = _mm_cvtepu8_epi16(load_pixel(row + end));
            i = end;
        }
        for (; i < end; i += step) {
            __m128i up = _mm_cvtepu8_epi16(load_pixel(above + i)), pixel = next;
            next = _mm_cvtepu8_epi16(load_pixel(row + i + step));
            left = _mm_and_si128(_mm_add_epi16(pixel, paeth_words(left, up, corner)), low_bytes);
            corner = up;
            store_pixel(row + i, _mm_packus_epi16(left, left), step);
        }
    }
}

__attribute__((target("sse4.1"))) static void undo_paeth_words3(uint8_t *row, const uint8_t *above,
                                                                size_t n_bytes)
{
    undo_paeth_words(row, above, n_bytes, 3);
}

__attribute__((target("sse4.1"))) static void undo_paeth_words4(uint8_t *row, const uint8_t *above,
                                                                size_t n_bytes)
{
    undo_paeth_words(row, above, n_bytes, 4);
}

static inline void undo_paeth_pixels(uint8_t *row, const uint8_t *above, size_t n_bytes,
                                     size_t step)
{
    if (__builtin_cpu_supports("sse4.1")) {
        (step == 3 ? undo_paeth_words3 : undo_paeth_words4)(row, above, n_bytes);
        return;
    }
    __m128i left = _mm_setzero_si128(), corner = left;
    for (size_t i = 0; i < n_bytes; i += step) {
        __m128i up = load_pixel(above + i);
        left = _mm_add_epi8(load_pixel(row + i), gm_paeth16(left, up, corner));
        corner = up;
        store_pixel(row + i, left, step);
    }
}

/* Written out for both sizes, so that each loop is compiled with its own constant. false: another
 * size. */
static bool undo_pixels(unsigned filter, uint8_t *row, const uint8_t *above, size_t n_bytes,
                        size_t step)
{
    if (step == 3 && filter == FILTER_SUB)
        undo_sub_pixels(row, n_bytes, 3);
    else if (step == 3 && filter == FILTER_AVERAGE)
        undo_average_pixels(row, above, n_bytes, 3);
    else if (step == 3)
        undo_paeth_pixels(row, above, n_bytes, 3);
    else if (step == 4 && filter == FILTER_SUB)
        undo_sub_pixels(row, n_bytes, 4);
    else if (step == 4 && filter == FILTER_AVERAGE)
        undo_average_pixels(row, above, n_bytes, 4);
    else if (step == 4)
        undo_paeth_pixels(row, above, n_bytes, 4);
    else
        return false;
    return true;
}

#else

static bool undo_pixels(unsigned filter, uint8_t *row, const uint8_t *above, size_t n_bytes,
                        size_t step)
{
    (void)filter, (void)row, (void)above, (void)n_bytes, (void)step;
    return false;
}

#endif

bool gm_png_unfilter(unsigned filter, uint8_t *row, const uint8_t *above, size_t n_bytes,
                     size_t step)
{
    if (filter == FILTER_NONE)
        return true;
    if (filter > FILTER_PAETH)
        return false;
    if (filter == FILTER_UP)
        undo_up(row, above, n_bytes);
    else if (undo_pixels(filter, row, above, n_bytes, step))
        return true;
    else if (filter == FILTER_SUB)
        undo_sub_bytes(row, n_bytes, step);
    else if (filter == FILTER_AVERAGE)
        undo_average_bytes(row, above, n_bytes, step);
    else
        undo_paeth_bytes(row, above, n_bytes, step);
    return true;
}
