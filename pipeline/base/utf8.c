/* UTF-8, narrow and wide.
 *
 * Narrow, by table: the first byte of a sequence says how long it is and which second bytes are
 * allowed (table 3-7 of the Unicode Standard puts every special case into the second byte). ASCII
 * runs are skipped 32 bytes at a time. It alone says where an error is.
 *
 * Wide, for CPUs with AVX2: 64 bytes at a time, no branch per character. The idea is that of Keiser
 * and Lemire, "Validating UTF-8 in less than one instruction per byte" (2021): every error but a
 * missing third or fourth byte shows in two neighbouring bytes, and three lookups by half byte, and
 * together, leave a bit for each kind of error. Which one it was does not matter here: the narrow
 * code is then run over the block. */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define HIGH_BITS      0x8080808080808080u
#define WIDE_BYTES     64
#define WIDE_BYTES_MIN 32 /* below, the narrow code is as fast */

/* What may follow a first byte of 0xC0..0xFF; n_bytes 0: it may not stand there. */
struct lead {
    uint8_t n_bytes;
    uint8_t second_min, second_max;
};

static const struct lead lead_table[64] = {
    [0x02 ... 0x1F] = {2, 0x80, 0xBF}, /* C2..DF */
    [0x20] = {3, 0xA0, 0xBF},          /* E0: no overlong forms */
    [0x21 ... 0x2C] = {3, 0x80, 0xBF}, /* E1..EC */
    [0x2D] = {3, 0x80, 0x9F},          /* ED: no surrogates */
    [0x2E ... 0x2F] = {3, 0x80, 0xBF}, /* EE..EF */
    [0x30] = {4, 0x90, 0xBF},          /* F0: no overlong forms */
    [0x31 ... 0x33] = {4, 0x80, 0xBF}, /* F1..F3 */
    [0x34] = {4, 0x80, 0x8F},          /* F4: nothing above U+10FFFF */
};

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

static uint64_t load_word(const uint8_t *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

static size_t narrow_ascii_prefix(const uint8_t *text, size_t n_bytes)
{
    size_t i = 0;
    while (n_bytes - i >= 32) {
        uint64_t any = load_word(text + i) | load_word(text + i + 8) | load_word(text + i + 16) |
                       load_word(text + i + 24);
        if (any & HIGH_BITS)
            break;
        i += 32;
    }
    while (i < n_bytes && text[i] < 0x80)
        i++;
    return i;
}

/* Length of the sequence of two or more bytes at text, or 0 if it is not well-formed. */
static size_t sequence_length(const uint8_t *text, size_t n_bytes)
{
    if (text[0] < 0xC0)
        return 0;
    const struct lead *lead = &lead_table[text[0] - 0xC0];
    if (lead->n_bytes == 0 || lead->n_bytes > n_bytes)
        return 0;
    if (text[1] < lead->second_min || text[1] > lead->second_max)
        return 0;
    if (lead->n_bytes >= 3 && !is_continuation(text[2]))
        return 0;
    if (lead->n_bytes == 4 && !is_continuation(text[3]))
        return 0;
    return lead->n_bytes;
}

static size_t narrow_prefix(const uint8_t *text, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes) {
        if (text[i] < 0x80) {
            i += narrow_ascii_prefix(text + i, n_bytes - i);
            continue;
        }
        size_t length = sequence_length(text + i, n_bytes - i);
        if (length == 0)
            break;
        i += length;
    }
    return i;
}

#ifdef __x86_64__

/* What can be wrong with a byte, given the byte before it. */
enum {
    TOO_SHORT = 1 << 0,     /* first byte of a sequence, then no continuation */
    TOO_LONG = 1 << 1,      /* ASCII, then a continuation */
    OVERLONG_3 = 1 << 2,    /* E0 80..9F */
    TOO_LARGE = 1 << 3,     /* F4 90.. and F5.. 90.. */
    SURROGATE = 1 << 4,     /* ED A0..BF */
    OVERLONG_2 = 1 << 5,    /* C0..C1 */
    TOO_LARGE_80 = 1 << 6,  /* F5.. 80..8F */
    OVERLONG_4 = 1 << 6,    /* F0 80..8F */
    TWO_CONTINUED = 1 << 7, /* right only as the third or fourth byte of a sequence */
    ANY_LOW_HALF = TOO_SHORT | TOO_LONG | TWO_CONTINUED,
};

#define TIMES_4(x) (x), (x), (x), (x)

/* By the upper half of the first byte. */
static const uint8_t first_high[16] = {
    TIMES_4(TOO_LONG),
    TIMES_4(TOO_LONG),
    TIMES_4(TWO_CONTINUED),
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | TOO_LARGE_80 | OVERLONG_4,
};

/* By the lower half of the first byte. */
static const uint8_t first_low[16] = {
    ANY_LOW_HALF | OVERLONG_2 | OVERLONG_3 | OVERLONG_4,
    ANY_LOW_HALF | OVERLONG_2,
    ANY_LOW_HALF,
    ANY_LOW_HALF,
    ANY_LOW_HALF | TOO_LARGE,
    TIMES_4(ANY_LOW_HALF | TOO_LARGE | TOO_LARGE_80),
    TIMES_4(ANY_LOW_HALF | TOO_LARGE | TOO_LARGE_80),
    ANY_LOW_HALF | TOO_LARGE | TOO_LARGE_80 | SURROGATE,
    ANY_LOW_HALF | TOO_LARGE | TOO_LARGE_80,
    ANY_LOW_HALF | TOO_LARGE | TOO_LARGE_80,
};

/* By the upper half of the second byte. */
static const uint8_t second_high[16] = {
    TIMES_4(TOO_SHORT),
    TIMES_4(TOO_SHORT),
    TOO_LONG | TWO_CONTINUED | OVERLONG_2 | OVERLONG_3 | OVERLONG_4 | TOO_LARGE_80,
    TOO_LONG | TWO_CONTINUED | OVERLONG_2 | OVERLONG_3 | TOO_LARGE,
    TOO_LONG | TWO_CONTINUED | OVERLONG_2 | SURROGATE | TOO_LARGE,
    TOO_LONG | TWO_CONTINUED | OVERLONG_2 | SURROGATE | TOO_LARGE,
    TIMES_4(TOO_SHORT),
};

#define WIDE static inline __attribute__((target("avx2"), always_inline))

WIDE __m256i load_table(const uint8_t table[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

WIDE __m256i look_up(const uint8_t table[16], __m256i halves)
{
    return _mm256_shuffle_epi8(load_table(table), halves);
}

WIDE __m256i upper_halves(__m256i bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

/* Non-zero bytes where bytes, preceded by before, are ill-formed. */
WIDE __m256i wide_errors(__m256i bytes, __m256i before)
{
    /* alignr works on halves of 16 bytes, so the half in front of each is needed. */
    __m256i ahead = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i back_1 = _mm256_alignr_epi8(bytes, ahead, 15);
    __m256i back_2 = _mm256_alignr_epi8(bytes, ahead, 14);
    __m256i back_3 = _mm256_alignr_epi8(bytes, ahead, 13);
    __m256i low_half = _mm256_and_si256(back_1, _mm256_set1_epi8(0x0F));
    __m256i pair = _mm256_and_si256(
        _mm256_and_si256(look_up(first_high, upper_halves(back_1)), look_up(first_low, low_half)),
        look_up(second_high, upper_halves(bytes)));
    /* The top bit is set behind E0..FF two bytes before or F0..FF three bytes before: there, and
     * only there, two continuations in a row are right. */
    __m256i third = _mm256_subs_epu8(back_2, _mm256_set1_epi8(0xE0 - 0x80));
    __m256i fourth = _mm256_subs_epu8(back_3, _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i expected =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(pair, expected);
}

/* Whether the block is well-formed behind *before, which becomes its last half. A sequence that
 * the block leaves open is judged with the next one. */
WIDE bool wide_block(const uint8_t *text, __m256i *before)
{
    __m256i first = _mm256_loadu_si256((const __m256i *)text);
    __m256i second = _mm256_loadu_si256((const __m256i *)(text + 32));
    __m256i errors = _mm256_or_si256(wide_errors(first, *before), wide_errors(second, first));
    *before = second;
    return _mm256_testz_si256(errors, errors);
}

WIDE bool wide_ascii(const uint8_t *text)
{
    __m256i first = _mm256_loadu_si256((const __m256i *)text);
    __m256i second = _mm256_loadu_si256((const __m256i *)(text + 32));
    return _mm256_movemask_epi8(_mm256_or_si256(first, second)) == 0;
}

__attribute__((target("avx2"))) static size_t wide_ascii_prefix(const uint8_t *text, size_t n_bytes)
{
    size_t i = 0;
    while (n_bytes - i >= WIDE_BYTES && wide_ascii(text + i))
        i += WIDE_BYTES;
    return i + narrow_ascii_prefix(text + i, n_bytes - i);
}

/* A place up to three bytes in front of at where a sequence starts: if one goes on at text + at, it
 * starts there. What is in front of it is well-formed. */
static size_t sequence_start(const uint8_t *text, size_t at)
{
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        if (text[at - back] >= 0xC0)
            return at - back;
    }
    return at;
}

__attribute__((target("avx2"))) static size_t wide_prefix(const uint8_t *text, size_t n_bytes)
{
    __m256i before = _mm256_setzero_si256();
    uint8_t last[WIDE_BYTES] = {0};
    bool open = false; /* the block before was not ASCII, and may have left a sequence open */
    size_t i = 0;
    for (; n_bytes - i >= WIDE_BYTES; i += WIDE_BYTES) {
        bool ascii = wide_ascii(text + i);
        if (ascii && !open)
            continue;
        if (!wide_block(text + i, &before))
            break;
        open = !ascii;
    }
    size_t n_left = n_bytes - i;
    if (n_left < WIDE_BYTES) {
        /* The zeros behind the text close it: a sequence that is cut off is seen as too short. */
        memcpy(last, text + i, n_left);
        if (wide_block(last, &before))
            return n_bytes;
    }
    size_t start = sequence_start(text, i);
    return start + narrow_prefix(text + start, n_bytes - start);
}

size_t gm_utf8_valid_prefix(const uint8_t *text, size_t n_bytes)
{
    if (n_bytes >= WIDE_BYTES_MIN && __builtin_cpu_supports("avx2"))
        return wide_prefix(text, n_bytes);
    return narrow_prefix(text, n_bytes);
}

size_t gm_ascii_prefix(const uint8_t *text, size_t n_bytes)
{
    if (n_bytes >= WIDE_BYTES && __builtin_cpu_supports("avx2"))
        return wide_ascii_prefix(text, n_bytes);
    return narrow_ascii_prefix(text, n_bytes);
}

#else

size_t gm_utf8_valid_prefix(const uint8_t *text, size_t n_bytes)
{
    return narrow_prefix(text, n_bytes);
}

size_t gm_ascii_prefix(const uint8_t *text, size_t n_bytes)
{
    return narrow_ascii_prefix(text, n_bytes);
}

#endif

size_t gm_utf8_bad_length(const uint8_t *text, size_t n_bytes)
{
    if (n_bytes < 2 || text[0] < 0xC0)
        return 1;
    const struct lead *lead = &lead_table[text[0] - 0xC0];
    if (lead->n_bytes == 0 || text[1] < lead->second_min || text[1] > lead->second_max)
        return 1;
    size_t length = 2;
    while (length < lead->n_bytes - 1u && length < n_bytes && is_continuation(text[length]))
        length++;
    return length;
}

uint32_t gm_utf8_decode(const uint8_t *text, size_t *length)
{
    uint32_t first = text[0];
    if (first < 0x80) {
        *length = 1;
        return first;
    }
    if (first < 0xE0) {
        *length = 2;
        return (first & 0x1F) << 6 | (text[1] & 0x3Fu);
    }
    if (first < 0xF0) {
        *length = 3;
        return (first & 0x0F) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
    }
    *length = 4;
    return (first & 0x07) << 18 | (text[1] & 0x3Fu) << 12 | (text[2] & 0x3Fu) << 6 |
           (text[3] & 0x3Fu);
}

size_t gm_utf8_encode(uint32_t code_point, uint8_t out[4])
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xC0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code_point >> 12);
        out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code_point >> 18);
    out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 4;
}
