/* Each row goes through all filters in one pass, 16 pixels a step, and their costs are summed on
 * the way. Trying all five is cheap next to compression, and a better row saves more there than the
 * trial costs.
 */
#include "image/png_filter.h"

#include "image/png_simd.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH, N_FILTERS };

struct candidates {
    uint8_t *rows[N_FILTERS];  /* of NONE: NULL, it is the row itself */
    uint64_t costs[N_FILTERS]; /* sum of the distances from 0 modulo 256 */
};

static void put(struct candidates *candidates, enum filter filter, size_t i, unsigned value)
{
    value &= 255;
    if (filter != FILTER_NONE)
        candidates->rows[filter][i] = (uint8_t)value;
    candidates->costs[filter] += value < 128 ? value : 256 - value;
}

static int paeth(int left, int up, int corner)
{
    int to_left = abs(up - corner), to_up = abs(left - corner);
    int to_corner = abs(left + up - 2 * corner);
    if (to_left <= to_up && to_left <= to_corner)
        return left;
    return to_up <= to_corner ? up : corner;
}

/* Pixels [first, end). */
static void filter_plain(struct candidates *candidates, const uint8_t *row, const uint8_t *above,
                         size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        int left = i ? row[i - 1] : 0, up = above[i], corner = i ? above[i - 1] : 0;
        put(candidates, FILTER_NONE, i, row[i]);
        put(candidates, FILTER_SUB, i, (unsigned)(row[i] - left));
        put(candidates, FILTER_UP, i, (unsigned)(row[i] - up));
        put(candidates, FILTER_AVERAGE, i, (unsigned)(row[i] - (left + up) / 2));
        put(candidates, FILTER_PAETH, i, (unsigned)(row[i] - paeth(left, up, corner)));
    }
}

static void start(struct candidates *candidates, uint8_t *scratch, size_t width)
{
    *candidates = (struct candidates){0};
    for (size_t f = FILTER_SUB; f < N_FILTERS; f++)
        candidates->rows[f] = scratch + (f - 1) * width;
}

static void finish(struct candidates *candidates, const uint8_t *row, size_t width, uint8_t *out)
{
    size_t best = FILTER_NONE;
    for (size_t f = FILTER_SUB; f < N_FILTERS; f++)
        if (candidates->costs[f] < candidates->costs[best])
            best = f;
    out[0] = (uint8_t)best;
    memcpy(out + 1, best == FILTER_NONE ? row : candidates->rows[best], width);
}

void gm_png_filter_plain(const uint8_t *row, const uint8_t *above, size_t width, uint8_t *scratch,
                         uint8_t *out)
{
    struct candidates candidates;
    start(&candidates, scratch, width);
    filter_plain(&candidates, row, above, 0, width);
    finish(&candidates, row, width, out);
}

#ifdef __SSE2__

static inline __m128i load16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* Adds the distances of 16 bytes from 0 to two 64-bit sums. */
static inline __m128i add_cost(__m128i sums, __m128i bytes)
{
    __m128i zero = _mm_setzero_si128();
    __m128i distances = _mm_min_epu8(bytes, _mm_sub_epi8(zero, bytes));
    return _mm_add_epi64(sums, _mm_sad_epu8(distances, zero));
}

/* What a step reads: 16 pixels and their three neighbours. */
struct neighbours {
    __m128i pixels, left, up, corner;
};

/* One step; to[f] is where filter f's result goes. */
static inline void filter_step(const struct neighbours *at, __m128i sums[N_FILTERS],
                               uint8_t *const to[N_FILTERS])
{
    __m128i guesses[N_FILTERS] = {_mm_setzero_si128(), at->left, at->up,
                                  gm_average16(at->left, at->up),
                                  gm_paeth16(at->left, at->up, at->corner)};
    sums[FILTER_NONE] = add_cost(sums[FILTER_NONE], at->pixels);
    for (size_t f = FILTER_SUB; f < N_FILTERS; f++) {
        __m128i rest = _mm_sub_epi8(at->pixels, guesses[f]);
        _mm_storeu_si128((__m128i *)to[f], rest);
        sums[f] = add_cost(sums[f], rest);
    }
}

/* The first n < 16 bytes, then zeros: they cost nothing. */
static inline __m128i load_part(const uint8_t *from, size_t n)
{
    uint8_t bytes[16] = {0};
    memcpy(bytes, from, n);
    return load16(bytes);
}

static void filter_rest(struct candidates *candidates, __m128i sums[N_FILTERS],
                        const uint8_t *const rows[2], const size_t range[2])
{
    uint8_t results[N_FILTERS][16];
    uint8_t *to[N_FILTERS] = {NULL, results[1], results[2], results[3], results[4]};
    size_t i = range[0], n = range[1] - i;
    struct neighbours at = {load_part(rows[0] + i, n), load_part(rows[0] + i - 1, n),
                            load_part(rows[1] + i, n), load_part(rows[1] + i - 1, n)};
    filter_step(&at, sums, to);
    for (size_t f = FILTER_SUB; f < N_FILTERS; f++)
        memcpy(candidates->rows[f] + i, results[f], n);
}

/* Pixels from 1 on. */
static void filter_sse2(struct candidates *candidates, const uint8_t *row, const uint8_t *above,
                        size_t width)
{
    __m128i sums[N_FILTERS];
    memset(sums, 0, sizeof(sums));
    size_t i = 1;
    for (; i + 16 <= width; i += 16) {
        struct neighbours at = {load16(row + i), load16(row + i - 1), load16(above + i),
                                load16(above + i - 1)};
        uint8_t *to[N_FILTERS] = {NULL, candidates->rows[1] + i, candidates->rows[2] + i,
                                  candidates->rows[3] + i, candidates->rows[4] + i};
        filter_step(&at, sums, to);
    }
    if (i < width)
        filter_rest(candidates, sums, (const uint8_t *const[2]){row, above}, (size_t[2]){i, width});
    for (size_t f = 0; f < N_FILTERS; f++) {
        uint64_t halves[2];
        _mm_storeu_si128((__m128i *)halves, sums[f]);
        candidates->costs[f] += halves[0] + halves[1];
    }
}

/* The outcome for a row like the one above: nothing is left of it, by the first filter that can do
 * that. */
static void repeat(const uint8_t *row, size_t width, uint8_t *out)
{
    bool is_black = row[0] == 0 && memcmp(row, row + 1, width - 1) == 0;
    out[0] = is_black ? FILTER_NONE : FILTER_UP;
    memset(out + 1, 0, width);
}

void gm_png_filter(const uint8_t *row, const uint8_t *above, size_t width, uint8_t *scratch,
                   uint8_t *out)
{
    struct candidates candidates;
    if (memcmp(row, above, width) == 0) {
        repeat(row, width, out);
        return;
    }
    start(&candidates, scratch, width);
    filter_plain(&candidates, row, above, 0, 1);
    filter_sse2(&candidates, row, above, width);
    finish(&candidates, row, width, out);
}

#else

void gm_png_filter(const uint8_t *row, const uint8_t *above, size_t width, uint8_t *scratch,
                   uint8_t *out)
{
    gm_png_filter_plain(row, above, width, scratch, out);
}

#endif
