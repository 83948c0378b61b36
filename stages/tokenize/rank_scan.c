#include "tokenize/rank_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static uint32_t least_avx2(const uint32_t *ranks, size_t n)
{
    __m256i least = _mm256_set1_epi32(-1);
    uint32_t lanes[8], result = UINT32_MAX;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        least = _mm256_min_epu32(least, _mm256_loadu_si256((const __m256i *)(ranks + i)));
    _mm256_storeu_si256((__m256i *)lanes, least);
    for (size_t lane = 0; lane < 8; lane++)
        result = lanes[lane] < result ? lanes[lane] : result;
    for (; i < n; i++)
        result = ranks[i] < result ? ranks[i] : result;
    return result;
}

__attribute__((target("avx2"))) static size_t find_avx2(const uint32_t *ranks, size_t n,
                                                        uint32_t rank)
{
    __m256i wanted = _mm256_set1_epi32((int)rank);
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256i found =
            _mm256_cmpeq_epi32(wanted, _mm256_loadu_si256((const __m256i *)(ranks + i)));
        unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(found));
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
    while (i < n && ranks[i] != rank)
        i++;
    return i;
}
#endif

uint32_t gm_rank_least(const uint32_t *ranks, size_t n)
{
    uint32_t least = UINT32_MAX;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return least_avx2(ranks, n);
#endif
    for (size_t i = 0; i < n; i++)
        least = ranks[i] < least ? ranks[i] : least;
    return least;
}

size_t gm_rank_find(const uint32_t *ranks, size_t n, uint32_t rank)
{
    size_t i = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return find_avx2(ranks, n, rank);
#endif
    while (i < n && ranks[i] != rank)
        i++;
    return i;
}
