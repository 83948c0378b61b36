/* See plane_stats.h. The Laplacian is a third of what a plain loop takes in vectors of 16. */
#include "image/plane_stats.h"

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define TABLES 4

/* Several tables, because neighbours are often equal and one counter would wait for itself; emptied
 * before a counter of 32 bits could be full. */
void gm_plane_histogram(const struct gm_gray *gray, uint64_t histogram[256])
{
    uint32_t tables[TABLES][256];
    const uint8_t *p = gray->plane, *end = p + (size_t)gray->width * gray->height;
    memset(histogram, 0, 256 * sizeof(*histogram));
    while (p < end) {
        const uint8_t *stop = end - p > INT32_MAX ? p + INT32_MAX : end;
        memset(tables, 0, sizeof(tables));
        for (; stop - p >= 8; p += 8) {
            uint64_t pixels;
            memcpy(&pixels, p, sizeof(pixels));
            tables[0][pixels & 255]++;
            tables[1][pixels >> 8 & 255]++;
            tables[2][pixels >> 16 & 255]++;
            tables[3][pixels >> 24 & 255]++;
            tables[0][pixels >> 32 & 255]++;
            tables[1][pixels >> 40 & 255]++;
            tables[2][pixels >> 48 & 255]++;
            tables[3][pixels >> 56]++;
        }
        for (; p < stop; p++)
            tables[0][*p]++;
        for (size_t v = 0; v < 256; v++)
            histogram[v] += (uint64_t)tables[0][v] + tables[1][v] + tables[2][v] + tables[3][v];
    }
}

/* A row and its neighbours. */
struct rows {
    const uint8_t *above, *here, *below;
    size_t width;
};

static struct rows rows_at(const struct gm_gray *gray, size_t y)
{
    size_t width = gray->width, last = gray->height - 1;
    size_t above = y > 0 ? y - 1 : last > 0 ? 1 : 0;
    size_t below = y < last ? y + 1 : last > 0 ? last - 1 : 0;
    return (struct rows){gray->plane + above * width, gray->plane + y * width,
                         gray->plane + below * width, width};
}

/* Pixels [first, end) of a row. */
static void add_plain(const struct rows *rows, size_t first, size_t end,
                      struct gm_laplacian *laplacian)
{
    size_t last = rows->width - 1;
    for (size_t x = first; x < end; x++) {
        size_t left = x > 0 ? x - 1 : last > 0 ? 1 : 0;
        size_t right = x < last ? x + 1 : last > 0 ? last - 1 : 0;
        int value = rows->here[left] + rows->here[right] + rows->above[x] + rows->below[x] -
                    4 * rows->here[x];
        laplacian->sum += value;
        laplacian->squares += (uint64_t)(value * value);
    }
}

void gm_plane_laplacian_plain(const struct gm_gray *gray, struct gm_laplacian *laplacian)
{
    *laplacian = (struct gm_laplacian){0};
    for (size_t y = 0; y < gray->height; y++) {
        struct rows rows = rows_at(gray, y);
        add_plain(&rows, 0, gray->width, laplacian);
    }
}

#ifdef __SSE2__

/* Steps after which the 32-bit sums of squares are emptied: 1020 x 1020 x 2 each. */
#define STEPS 1024

__attribute__((target("avx2"))) static __m256i words_at(const uint8_t *from)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)from));
}

__attribute__((target("avx2"))) static void empty(__m256i sums, __m256i squares,
                                                  struct gm_laplacian *laplacian)
{
    int32_t sum_of[8];
    uint32_t squares_of[8];
    _mm256_storeu_si256((__m256i *)sum_of, sums);
    _mm256_storeu_si256((__m256i *)squares_of, squares);
    for (size_t i = 0; i < 8; i++) {
        laplacian->sum += sum_of[i];
        laplacian->squares += squares_of[i];
    }
}

/* Pixels from 1 on, as far as whole steps go; returns the first one left. */
__attribute__((target("avx2"))) static size_t add_avx2(const struct rows *rows,
                                                       struct gm_laplacian *laplacian)
{
    const __m256i ones = _mm256_set1_epi16(1);
    size_t x = 1;
    while (x + 17 <= rows->width) {
        __m256i sums = _mm256_setzero_si256(), squares = sums;
        for (size_t n = 0; n < STEPS && x + 17 <= rows->width; n++, x += 16) {
            __m256i sides =
                _mm256_add_epi16(words_at(rows->here + x - 1), words_at(rows->here + x + 1));
            __m256i ends = _mm256_add_epi16(words_at(rows->above + x), words_at(rows->below + x));
            __m256i center = _mm256_slli_epi16(words_at(rows->here + x), 2);
            __m256i value = _mm256_sub_epi16(_mm256_add_epi16(sides, ends), center);
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(value, ones));
            squares = _mm256_add_epi32(squares, _mm256_madd_epi16(value, value));
        }
        empty(sums, squares, laplacian);
    }
    return x;
}

void gm_plane_laplacian(const struct gm_gray *gray, struct gm_laplacian *laplacian)
{
    if (!__builtin_cpu_supports("avx2")) {
        gm_plane_laplacian_plain(gray, laplacian);
        return;
    }
    *laplacian = (struct gm_laplacian){0};
    for (size_t y = 0; y < gray->height; y++) {
        struct rows rows = rows_at(gray, y);
        add_plain(&rows, 0, 1, laplacian);
        add_plain(&rows, add_avx2(&rows, laplacian), gray->width, laplacian);
    }
}

#else

void gm_plane_laplacian(const struct gm_gray *gray, struct gm_laplacian *laplacian)
{
    gm_plane_laplacian_plain(gray, laplacian);
}

#endif

double gm_laplacian_variance(const struct gm_laplacian *laplacian, const struct gm_gray *gray)
{
    uint64_t n = (uint64_t)gray->width * gray->height;
    unsigned __int128 spread =
        (unsigned __int128)laplacian->squares * n -
        (unsigned __int128)((__int128)laplacian->sum * laplacian->sum); /* n^2 x variance */
    return (double)spread / ((double)n * (double)n);
}
