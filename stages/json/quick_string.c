/* See quick_string.h.
 *
 * plain, AVX2: one mask of 64 bytes says where a quote, a backslash or a control character stands.
 * The bytes are stored before it is looked at, and again behind each escape.
 *
 * AVX-512: all escapes of 64 bytes at once, without a branch for each: which backslashes are
 * escaped themselves follows from the carry of an addition (Langdale and Lemire, "Parsing Gigabytes
 * of JSON per Second", 2019); the characters behind the others are translated by a table of 128,
 * and the backslashes are squeezed out. Only \u needs a look at it. */
#include "json/quick_string.h"

#include "base/utf8.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET_AVX2 __attribute__((target("avx2,bmi")))
#define TARGET_AVX512                                                                              \
    __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")))
#endif
#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { STEP = 64, AHEAD = 1024 };

/* What a character behind a backslash stands for; 0: \u, or nothing. */
#define ESCAPES                                                                                    \
    {                                                                                              \
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n',         \
        ['r'] = '\r', ['t'] = '\t'                                                                 \
    }
static const uint8_t escapes[256] = ESCAPES;

/* The text was written by another core a moment ago: what is fetched from its cache in time need
 * not be waited for. Beyond the end it does no harm; the next line is there, as a rule. */
static ALWAYS_INLINE void fetch_ahead(const uint8_t *at)
{
    __builtin_prefetch((const void *)((uintptr_t)at + AHEAD));
}

static int hex4(const uint8_t *digits)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = digits[i], letter = c | 32;
        int digit = -1;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (letter >= 'a' && letter <= 'f')
            digit = letter - 'a' + 10;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

size_t gm_quick_unicode(const uint8_t *at, const uint8_t *end, uint8_t **to)
{
    int c = end - at >= 6 && at[1] == 'u' ? hex4(at + 2) : -1;
    if (c < 0 || (c >= 0xdc00 && c < 0xe000))
        return 0;
    if (c < 0xd800 || c >= 0xe000) {
        *to += gm_utf8_encode((uint32_t)c, *to);
        return 6;
    }
    int low = end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8) : -1;
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    *to += gm_utf8_encode(0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00), *to);
    return 12;
}

/* ---- plain and AVX2 ---- */

/* Bit i: byte i is '"', '\\' or below 0x20. *high is set if a byte is not ASCII. */
typedef uint64_t mask_function(const uint8_t *bytes, bool *high);

static ALWAYS_INLINE uint64_t mask_plain(const uint8_t *bytes, bool *high)
{
    uint64_t mask = 0;
    uint8_t all = 0;
    for (int i = 0; i < STEP; i++) {
        mask |= (uint64_t)(bytes[i] == '"' || bytes[i] == '\\' || bytes[i] < 0x20) << i;
        all |= bytes[i];
    }
    *high |= all >= 0x80;
    return mask;
}

#if defined(__x86_64__)
TARGET_AVX2 static ALWAYS_INLINE uint32_t mask32(const uint8_t *bytes, uint32_t *high)
{
    __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i special = _mm256_or_si256(_mm256_cmpeq_epi8(c, _mm256_set1_epi8('"')),
                                      _mm256_cmpeq_epi8(c, _mm256_set1_epi8('\\')));
    special =
        _mm256_or_si256(special, _mm256_cmpeq_epi8(_mm256_min_epu8(c, _mm256_set1_epi8(0x1f)), c));
    *high |= (uint32_t)_mm256_movemask_epi8(c);
    return (uint32_t)_mm256_movemask_epi8(special);
}

TARGET_AVX2 static ALWAYS_INLINE uint64_t mask_avx2(const uint8_t *bytes, bool *high)
{
    uint32_t any = 0;
    uint64_t mask = mask32(bytes, &any) | (uint64_t)mask32(bytes + 32, &any) << 32;
    *high |= any != 0;
    return mask;
}
#endif

enum verdict { GO_ON, CLOSED, UNSURE };

/* 64 bytes of the string, the first `valid` of which are text; `bytes` is a copy of them. */
static ALWAYS_INLINE enum verdict step(struct gm_quick_string *string, mask_function *mask_of,
                                       const uint8_t *bytes, size_t valid)
{
    const uint8_t *text = string->at;
    uint8_t *to = string->to;
    bool high = false;
    uint64_t mask = mask_of(bytes, &high);
    size_t from = 0, n = 0; /* what is in front of `from` is done */
    string->is_ascii &= !high;
    memcpy(to, bytes, STEP);
    for (; mask; mask &= ~0ull << from) {
        size_t i = (size_t)__builtin_ctzll(mask);
        to += i - from;
        if (bytes[i] == '"') {
            string->at = text + i + 1;
            string->to = to;
            return CLOSED;
        }
        if (bytes[i] != '\\' || text + i + 1 >= string->end)
            return UNSURE;
        n = 2;
        if (escapes[text[i + 1]])
            *to++ = escapes[text[i + 1]];
        else if ((n = gm_quick_unicode(text + i, string->end, &to)) == 0)
            return UNSURE;
        from = i + n;
        string->has_escapes = true;
        if (from >= valid)
            break;
        memcpy(to, bytes + from, STEP - from);
    }
    string->at = text + (from > valid ? from : valid);
    string->to = to + (from > valid ? 0 : valid - from);
    return GO_ON;
}

static ALWAYS_INLINE bool decode(struct gm_quick_string *string, mask_function *mask_of)
{
    uint8_t last[STEP];
    enum verdict verdict = GO_ON;
    while (verdict == GO_ON && string->at < string->end) {
        size_t left = (size_t)(string->end - string->at);
        fetch_ahead(string->at);
        if (left >= STEP) {
            verdict = step(string, mask_of, string->at, STEP);
        } else {
            memset(last, ' ', sizeof last);
            memcpy(last, string->at, left);
            verdict = step(string, mask_of, last, left);
        }
    }
    return verdict == CLOSED;
}

static bool decode_plain(struct gm_quick_string *string)
{
    return decode(string, mask_plain);
}

#if defined(__x86_64__)
TARGET_AVX2 static bool decode_avx2(struct gm_quick_string *string)
{
    return decode(string, mask_avx2);
}

/* ---- AVX-512 ---- */

/* Which characters are escaped by a backslash in front of them. *carry: whether the first one is,
 * then whether the next one will be. */
static ALWAYS_INLINE uint64_t find_escaped(uint64_t backslashes, uint64_t *carry)
{
    const uint64_t even = 0x5555555555555555u;
    backslashes &= ~*carry;
    uint64_t follows = backslashes << 1 | *carry;
    uint64_t odd_starts = backslashes & ~even & ~follows, even_runs;
    *carry = __builtin_add_overflow(odd_starts, backslashes, &even_runs);
    return (even ^ even_runs << 1) & follows;
}

TARGET_AVX512 static bool decode_avx512(struct gm_quick_string *string)
{
    static const uint8_t table[128] = ESCAPES;
    const __m512i low = _mm512_loadu_si512(table), high = _mm512_loadu_si512(table + 64);
    const uint8_t *at = string->at, *end = string->end;
    uint8_t *to = string->to;
    uint64_t carry = 0, any_start = 0, any_high = 0;
    while (at < end) {
        size_t left = (size_t)(end - at);
        uint64_t valid = left >= STEP ? ~0ull : _bzhi_u64(~0ull, (unsigned)left);
        __m512i c = _mm512_maskz_loadu_epi8(valid, at);
        fetch_ahead(at);
        uint64_t backslashes = _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('\\'));
        uint64_t quotes = _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('"'));
        uint64_t escaped = find_escaped(backslashes, &carry);
        quotes &= ~escaped;
        uint64_t within = valid & (quotes ? _blsmsk_u64(quotes) >> 1 : ~0ull);
        if (_mm512_mask_cmplt_epu8_mask(within, c, _mm512_set1_epi8(0x20)))
            return false;
        any_high |= (uint64_t)_mm512_movepi8_mask(c) & within;
        uint64_t starts = backslashes & ~escaped & within;
        any_start |= starts | (escaped & within);
        __m512i meant = _mm512_permutex2var_epi8(low, c, high);
        uint64_t others =
            escaped & within & (_mm512_testn_epi8_mask(meant, meant) | _mm512_movepi8_mask(c));
        uint64_t kept = within & ~starts;
        if (others) /* up to the first \u */
            kept &= _blsmsk_u64(others) >> 1;
        c = _mm512_mask_mov_epi8(c, escaped, meant);
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(kept, c));
        to += _mm_popcnt_u64(kept);
        if (others) {
            at = at + _tzcnt_u64(others) - 1; /* the backslash may be in the vector before */
            size_t n = gm_quick_unicode(at, end, &to);
            if (n == 0)
                return false;
            at += n;
            carry = 0;
        } else if (quotes) {
            *string = (struct gm_quick_string){at + _tzcnt_u64(quotes) + 1, end, to, any_start != 0,
                                               string->is_ascii && any_high == 0};
            return true;
        } else {
            at += STEP;
        }
    }
    return false;
}
#else
#define decode_avx2   decode_plain
#define decode_avx512 decode_plain
#endif

gm_quick_string_function *const gm_quick_string_of[GM_JSON_TIERS] = {
    [GM_JSON_PLAIN] = decode_plain, [GM_JSON_AVX2] = decode_avx2, [GM_JSON_AVX512] = decode_avx512};

enum gm_json_tier gm_json_best_tier(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512bw"))
        return GM_JSON_AVX512;
    if (__builtin_cpu_supports("avx2"))
        return GM_JSON_AVX2;
#endif
    return GM_JSON_PLAIN;
}
