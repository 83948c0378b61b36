/* See verbatim.h. Bytes are stored before it is known whether they are plain: there is room. */
#include "base/verbatim.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

static bool is_plain(uint8_t byte, bool with_high)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F &&
           (byte < 0x80 || with_high);
}

/* A vector of the compiler's: it becomes SSE2 on x86-64 and NEON on ARM. */
typedef uint8_t lanes __attribute__((vector_size(16)));

/* Index of the first byte that is not 0 in 16 bytes that are all 0x00 or 0xFF, not all 0. */
static size_t first_set_byte(const uint64_t halves[2])
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");
    return halves[0] ? (size_t)__builtin_ctzll(halves[0]) / 8
                     : 8 + (size_t)__builtin_ctzll(halves[1]) / 8;
}

static size_t copy_lanes(uint8_t *to, const uint8_t *text, size_t n_bytes, bool with_high)
{
    const uint8_t high = with_high ? 0xFF : 0x7F; /* what is above is stopped at */
    size_t i = 0;
    for (; n_bytes - i >= sizeof(lanes); i += sizeof(lanes)) {
        lanes bytes;
        uint64_t halves[2];
        memcpy(&bytes, text + i, sizeof bytes);
        memcpy(to + i, &bytes, sizeof bytes);
        lanes special = (lanes)((bytes < 0x20) | (bytes == '"') | (bytes == '\\') |
                                (bytes == 0x7F) | (bytes > high));
        memcpy(halves, &special, sizeof halves);
        if (halves[0] | halves[1])
            return i + first_set_byte(halves);
    }
    for (; i < n_bytes && is_plain(text[i], with_high); i++)
        to[i] = text[i];
    return i;
}

#ifdef __x86_64__

#define TARGET_AVX2   __attribute__((target("avx2,bmi")))
#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,bmi,bmi2")))
#define INLINE        static inline __attribute__((always_inline))

enum { NARROW = 32, WIDE = 64 };

/* 32 bytes; bit i of the result: byte i is not plain. high: 0x80 where it counts, else 0. */
TARGET_AVX2 INLINE uint32_t copy_32(uint8_t *to, const uint8_t *text, __m256i high)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)text);
    _mm256_storeu_si256((__m256i *)(void *)to, bytes);
    __m256i special = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)), bytes);
    special = _mm256_or_si256(special, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')));
    special = _mm256_or_si256(special, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
    special = _mm256_or_si256(special, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7F)));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(special, _mm256_and_si256(bytes, high)));
}

TARGET_AVX2 static size_t copy_avx2(uint8_t *to, const uint8_t *text, size_t n_bytes,
                                    bool with_high)
{
    const __m256i high = _mm256_set1_epi8(with_high ? 0 : (char)0x80);
    if (n_bytes < NARROW)
        return copy_lanes(to, text, n_bytes, with_high);
    for (size_t i = 0; i < n_bytes; i += NARROW) {
        /* The last step overlaps the one before, where all was plain. */
        const size_t at = n_bytes - i < NARROW ? n_bytes - NARROW : i;
        const uint32_t special = copy_32(to + at, text + at, high);
        if (special)
            return at + (size_t)__builtin_ctz(special);
    }
    return n_bytes;
}

TARGET_AVX512 static size_t copy_avx512(uint8_t *to, const uint8_t *text, size_t n_bytes,
                                        bool with_high)
{
    const uint64_t high = with_high ? 0 : ~(uint64_t)0;
    for (size_t i = 0; i < n_bytes; i += WIDE) {
        const uint64_t valid =
            n_bytes - i < WIDE ? _bzhi_u64(~(uint64_t)0, (unsigned)(n_bytes - i)) : ~(uint64_t)0;
        const __m512i bytes = _mm512_maskz_loadu_epi8(valid, text + i);
        _mm512_mask_storeu_epi8(to + i, valid, bytes);
        const uint64_t special = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)) |
                                 _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"')) |
                                 _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\')) |
                                 _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(0x7F)) |
                                 (_mm512_movepi8_mask(bytes) & high);
        if (special & valid)
            return i + (size_t)__builtin_ctzll(special & valid);
    }
    return n_bytes;
}

size_t gm_verbatim_copy(enum gm_verbatim_tier tier, uint8_t *to, const uint8_t *text,
                        size_t n_bytes, bool with_high)
{
    if (tier == GM_VERBATIM_AVX512)
        return copy_avx512(to, text, n_bytes, with_high);
    if (tier == GM_VERBATIM_AVX2)
        return copy_avx2(to, text, n_bytes, with_high);
    return copy_lanes(to, text, n_bytes, with_high);
}

enum gm_verbatim_tier gm_verbatim_best_tier(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi"))
        return GM_VERBATIM_LANES;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2") ? GM_VERBATIM_AVX512
                                                                                : GM_VERBATIM_AVX2;
}

#else

size_t gm_verbatim_copy(enum gm_verbatim_tier tier, uint8_t *to, const uint8_t *text,
                        size_t n_bytes, bool with_high)
{
    (void)tier;
    return copy_lanes(to, text, n_bytes, with_high);
}

enum gm_verbatim_tier gm_verbatim_best_tier(void)
{
    return GM_VERBATIM_LANES;
}

#endif
