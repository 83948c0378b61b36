/* The scan for pairs. The vector code looks up the four half bytes of every pair in tables of
 * sixteen (one instruction each), ands what it finds, and a byte that stays non-zero is a place to
 * look at with the exact set. */
#include "tokenize/pairs.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define N_GROUPS 8

void gm_pairs_init(struct gm_pairs *pairs)
{
    memset(pairs, 0, sizeof *pairs);
}

static void add_pair(struct gm_pairs *pairs, uint8_t first, uint8_t second)
{
    unsigned pair = (unsigned)first << 8 | second;
    pairs->exact[pair / 64] |= (uint64_t)1 << pair % 64;
}

/* First bytes share a group only when there are more of them than groups. */
static uint8_t group_of(struct gm_pairs *pairs, uint8_t first)
{
    if (pairs->groups[first] == 0)
        pairs->groups[first] = (uint8_t)(pairs->n_groups++ % N_GROUPS + 1);
    return (uint8_t)(1u << (pairs->groups[first] - 1));
}

void gm_pairs_add(struct gm_pairs *pairs, uint8_t first, int second)
{
    uint8_t group = group_of(pairs, first);
    pairs->low0[first & 15] |= group;
    pairs->high0[first >> 4] |= group;
    if (second >= 0) {
        pairs->low1[second & 15] |= group;
        pairs->high1[second >> 4] |= group;
        add_pair(pairs, first, (uint8_t)second);
        return;
    }
    pairs->last[first] = true;
    for (unsigned i = 0; i < 16; i++) {
        pairs->low1[i] |= group;
        pairs->high1[i] |= group;
    }
    for (unsigned i = 0; i < 256; i++)
        add_pair(pairs, first, (uint8_t)i);
}

static bool is_pair(const struct gm_pairs *pairs, const uint8_t *text)
{
    unsigned pair = (unsigned)text[0] << 8 | text[1];
    return pairs->exact[pair / 64] >> pair % 64 & 1;
}

static size_t find_narrow(const struct gm_pairs *pairs, const uint8_t *text, size_t from,
                          size_t n_bytes)
{
    size_t i = from;
    for (; i + 1 < n_bytes; i++) {
        if (pairs->groups[text[i]] && is_pair(pairs, text + i))
            return i;
    }
    return i < n_bytes && pairs->last[text[i]] ? i : n_bytes;
}

#ifdef __x86_64__

__attribute__((target("avx2"))) static __m256i table_256(const uint8_t table[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

__attribute__((target("avx2"))) static size_t
find_avx2(const struct gm_pairs *pairs, const uint8_t *text, size_t from, size_t n_bytes)
{
    const __m256i half = _mm256_set1_epi8(0x0F), zero = _mm256_setzero_si256();
    const __m256i low0 = table_256(pairs->low0), high0 = table_256(pairs->high0);
    const __m256i low1 = table_256(pairs->low1), high1 = table_256(pairs->high1);
    size_t i = from;
    for (; n_bytes - i > 32; i += 32) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(text + i));
        __m256i second = _mm256_loadu_si256((const __m256i *)(text + i + 1));
        __m256i groups = _mm256_and_si256(
            _mm256_shuffle_epi8(low0, _mm256_and_si256(first, half)),
            _mm256_shuffle_epi8(high0, _mm256_and_si256(_mm256_srli_epi16(first, 4), half)));
        groups =
            _mm256_and_si256(groups, _mm256_shuffle_epi8(low1, _mm256_and_si256(second, half)));
        groups = _mm256_and_si256(
            groups,
            _mm256_shuffle_epi8(high1, _mm256_and_si256(_mm256_srli_epi16(second, 4), half)));
        uint32_t places = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(groups, zero));
        for (; places != 0; places &= places - 1) {
            size_t at = i + (size_t)__builtin_ctz(places);
            if (is_pair(pairs, text + at))
                return at;
        }
    }
    return find_narrow(pairs, text, i, n_bytes);
}

__attribute__((target("avx512f,avx512bw"))) static __m512i table_512(const uint8_t table[16])
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

__attribute__((target("avx512f,avx512bw"))) static size_t
find_avx512(const struct gm_pairs *pairs, const uint8_t *text, size_t from, size_t n_bytes)
{
    const __m512i half = _mm512_set1_epi8(0x0F);
    const __m512i low0 = table_512(pairs->low0), high0 = table_512(pairs->high0);
    const __m512i low1 = table_512(pairs->low1), high1 = table_512(pairs->high1);
    size_t i = from;
    for (; n_bytes - i > 64; i += 64) {
        __m512i first = _mm512_loadu_si512(text + i);
        __m512i second = _mm512_loadu_si512(text + i + 1);
        __m512i groups = _mm512_and_si512(
            _mm512_shuffle_epi8(low0, _mm512_and_si512(first, half)),
            _mm512_shuffle_epi8(high0, _mm512_and_si512(_mm512_srli_epi16(first, 4), half)));
        __m512i more = _mm512_and_si512(
            _mm512_shuffle_epi8(low1, _mm512_and_si512(second, half)),
            _mm512_shuffle_epi8(high1, _mm512_and_si512(_mm512_srli_epi16(second, 4), half)));
        uint64_t places = _mm512_test_epi8_mask(groups, more);
        for (; places != 0; places &= places - 1) {
            size_t at = i + (size_t)__builtin_ctzll(places);
            if (is_pair(pairs, text + at))
                return at;
        }
    }
    return find_narrow(pairs, text, i, n_bytes);
}

size_t gm_pairs_find(const struct gm_pairs *pairs, const uint8_t *text, size_t from, size_t n_bytes)
{
    if (from >= n_bytes)
        return n_bytes;
    if (n_bytes - from > 64 && __builtin_cpu_supports("avx512bw"))
        return find_avx512(pairs, text, from, n_bytes);
    if (n_bytes - from > 32 && __builtin_cpu_supports("avx2"))
        return find_avx2(pairs, text, from, n_bytes);
    return find_narrow(pairs, text, from, n_bytes);
}

#else

size_t gm_pairs_find(const struct gm_pairs *pairs, const uint8_t *text, size_t from, size_t n_bytes)
{
    return from < n_bytes ? find_narrow(pairs, text, from, n_bytes) : n_bytes;
}

#endif
