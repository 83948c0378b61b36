/* PNG's two predictors on 16 bytes at once, for processors with SSE2; empty elsewhere.
 *
 * Paeth works on bytes: of the three distances, the one to the corner is the sum of the other two
 * when left and up lie on the same side of the corner, else their difference; a sum that saturates
 * is still not the least. */
#ifndef GM_IMAGE_PNG_SIMD_H
#define GM_IMAGE_PNG_SIMD_H

#ifdef __SSE2__
#include <immintrin.h>

static inline __m128i gm_not_above(__m128i a, __m128i b)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(a, b), a);
}

static inline __m128i gm_choose(__m128i mask, __m128i yes, __m128i no)
{
    return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

static inline __m128i gm_distance(__m128i a, __m128i b)
{
    return _mm_sub_epi8(_mm_max_epu8(a, b), _mm_min_epu8(a, b));
}

static inline __m128i gm_paeth16(__m128i left, __m128i up, __m128i corner)
{
    __m128i to_left = gm_distance(up, corner), to_up = gm_distance(left, corner);
    __m128i same_side = _mm_cmpeq_epi8(gm_not_above(corner, left), gm_not_above(corner, up));
    __m128i to_corner =
        gm_choose(same_side, _mm_adds_epu8(to_left, to_up), gm_distance(to_left, to_up));
    __m128i is_left = _mm_and_si128(gm_not_above(to_left, to_up), gm_not_above(to_left, to_corner));
    return gm_choose(is_left, left, gm_choose(gm_not_above(to_up, to_corner), up, corner));
}

static inline __m128i gm_average16(__m128i left, __m128i up)
{
    __m128i odd = _mm_and_si128(_mm_xor_si128(left, up), _mm_set1_epi8(1));
    return _mm_sub_epi8(_mm_avg_epu8(left, up), odd); /* the instruction rounds up */
}

#endif

#endif
