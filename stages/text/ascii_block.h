/* 64 bytes of ASCII turned into one bit per byte and property: bit i belongs to byte i. With SSE2,
 * which every x86-64 has, with tables in registers where there is AVX2 or AVX-512, or by table. */
#ifndef GM_TEXT_ASCII_BLOCK_H
#define GM_TEXT_ASCII_BLOCK_H

#include "text/uniprop.h"
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#ifdef __x86_64__
#include <immintrin.h>
#define GM_ASCII_TARGET_256 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define GM_ASCII_TARGET_512                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,popcnt")))
#endif

#define GM_ASCII_BLOCK_BYTES 64

struct gm_ascii_block {
    uint64_t letter, digit, space, punctuation; /* as in uniprop.h */
    uint64_t underscore;
    uint64_t mid_letter; /* joins letters (WB6): : . ' */
    uint64_t mid_number; /* joins digits (WB12): , . ; ' */
    uint64_t lf, cr;
    uint64_t terminator; /* ends a sentence: . ? ! */
};

/* Fills block, and lower with the bytes in lower case; 64 bytes each. A zero byte has none of the
 * properties; neither has a byte above 127. The definition, and slow: */
static inline void gm_ascii_classify_by_table(const uint8_t *text, struct gm_ascii_block *block,
                                              uint8_t *lower)
{
    *block = (struct gm_ascii_block){0};
    for (unsigned i = 0; i < GM_ASCII_BLOCK_BYTES; i++) {
        const uint8_t byte = text[i];
        if (byte > 127) {
            lower[i] = byte;
            continue;
        }
        const struct gm_uniprop *prop = gm_uniprop(byte);
        const unsigned word = prop->word;
        const unsigned sentence = prop->sentence;
        const unsigned mid_both = word == GM_WB_MIDNUMLET || word == GM_WB_SINGLE_QUOTE;
        lower[i] = (uint8_t)(byte + prop->fold);
        block->letter |= (uint64_t) !!(prop->flags & GM_UNI_LETTER) << i;
        block->digit |= (uint64_t) !!(prop->flags & GM_UNI_DIGIT) << i;
        block->space |= (uint64_t) !!(prop->flags & GM_UNI_SPACE) << i;
        block->punctuation |= (uint64_t) !!(prop->flags & GM_UNI_PUNCTUATION) << i;
        block->underscore |= (uint64_t)(word == GM_WB_EXTENDNUMLET) << i;
        block->mid_letter |= (uint64_t)(word == GM_WB_MIDLETTER || mid_both) << i;
        block->mid_number |= (uint64_t)(word == GM_WB_MIDNUM || mid_both) << i;
        block->lf |= (uint64_t)(byte == '\n') << i;
        block->cr |= (uint64_t)(byte == '\r') << i;
        block->terminator |= (uint64_t)(sentence == GM_SB_ATERM || sentence == GM_SB_STERM) << i;
    }
}

/* The same. */
static inline __attribute__((always_inline)) void
gm_ascii_classify(const uint8_t *text, struct gm_ascii_block *block, uint8_t *lower);

#ifdef __SSE2__

/* 0xFF where first <= byte <= last; both below 0x7F. */
static inline __attribute__((always_inline)) __m128i gm_ascii_in(__m128i bytes, char first,
                                                                 char last)
{
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8((char)(first - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8((char)(last + 1))));
}

static inline __attribute__((always_inline)) __m128i gm_ascii_is(__m128i bytes, char wanted)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted));
}

static inline __attribute__((always_inline)) uint64_t gm_ascii_bits(__m128i found, unsigned part)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(found) << (16 * part);
}

static inline __attribute__((always_inline)) void
gm_ascii_classify(const uint8_t *text, struct gm_ascii_block *block, uint8_t *lower)
{
    *block = (struct gm_ascii_block){0};
#pragma GCC unroll 4
    for (unsigned part = 0; part < 4; part++) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(text + 16 * part));
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        const __m128i letter = gm_ascii_in(folded, 'a', 'z');
        const __m128i digit = gm_ascii_in(bytes, '0', '9');
        const __m128i either = _mm_or_si128(gm_ascii_is(bytes, '.'), gm_ascii_is(bytes, '\''));
        const __m128i control = gm_ascii_in(bytes, '\t', '\r');
        /* Symbols, the graphic characters that are not punctuation: $ + < = > ^ ~ ` | */
        __m128i symbol = _mm_or_si128(gm_ascii_is(bytes, '$'), gm_ascii_is(bytes, '+'));
        symbol = _mm_or_si128(symbol, gm_ascii_in(bytes, '<', '>'));
        symbol = _mm_or_si128(symbol, gm_ascii_is(folded, '~'));
        symbol = _mm_or_si128(symbol, gm_ascii_is(bytes, '`'));
        symbol = _mm_or_si128(symbol, gm_ascii_is(bytes, '|'));
        symbol = _mm_or_si128(symbol, _mm_or_si128(letter, digit));
        const __m128i terminator =
            _mm_or_si128(gm_ascii_is(bytes, '.'),
                         _mm_or_si128(gm_ascii_is(bytes, '?'), gm_ascii_is(bytes, '!')));

        const __m128i case_bit = _mm_and_si128(letter, _mm_set1_epi8(0x20));
        _mm_storeu_si128((__m128i *)(lower + 16 * part), _mm_or_si128(bytes, case_bit));
        block->letter |= gm_ascii_bits(letter, part);
        block->digit |= gm_ascii_bits(digit, part);
        block->space |= gm_ascii_bits(_mm_or_si128(control, gm_ascii_is(bytes, ' ')), part);
        block->punctuation |=
            gm_ascii_bits(_mm_andnot_si128(symbol, gm_ascii_in(bytes, '!', '}')), part);
        block->underscore |= gm_ascii_bits(gm_ascii_is(bytes, '_'), part);
        block->mid_letter |= gm_ascii_bits(_mm_or_si128(either, gm_ascii_is(bytes, ':')), part);
        block->mid_number |= gm_ascii_bits(
            _mm_or_si128(either, _mm_or_si128(gm_ascii_is(bytes, ','), gm_ascii_is(bytes, ';'))),
            part);
        block->lf |= gm_ascii_bits(gm_ascii_is(bytes, '\n'), part);
        block->cr |= gm_ascii_bits(gm_ascii_is(bytes, '\r'), part);
        block->terminator |= gm_ascii_bits(terminator, part);
    }
}

#else

static inline __attribute__((always_inline)) void
gm_ascii_classify(const uint8_t *text, struct gm_ascii_block *block, uint8_t *lower)
{
    gm_ascii_classify_by_table(text, block, lower);
}

#endif

/* Line feed and carriage return need no bit. */
enum gm_ascii_class {
    GM_ASCII_LETTER = 1,
    GM_ASCII_DIGIT = 2,
    GM_ASCII_SPACE = 4,
    GM_ASCII_PUNCTUATION = 8,
    GM_ASCII_UNDERSCORE = 16,
    GM_ASCII_MID_LETTER = 32,
    GM_ASCII_MID_NUMBER = 64,
    GM_ASCII_TERMINATOR = 128
};

/* Fills classes: of each ASCII character the sum of its enum gm_ascii_class. */
static inline void gm_ascii_classes(uint8_t classes[128])
{
    for (unsigned half = 0; half < 128; half += GM_ASCII_BLOCK_BYTES) {
        uint8_t text[GM_ASCII_BLOCK_BYTES], lower[GM_ASCII_BLOCK_BYTES];
        struct gm_ascii_block block;
        for (unsigned i = 0; i < GM_ASCII_BLOCK_BYTES; i++)
            text[i] = (uint8_t)(half + i);
        gm_ascii_classify_by_table(text, &block, lower);
        const uint64_t bits[] = {block.letter,      block.digit,      block.space,
                                 block.punctuation, block.underscore, block.mid_letter,
                                 block.mid_number,  block.terminator};
        for (unsigned i = 0; i < GM_ASCII_BLOCK_BYTES; i++) {
            classes[half + i] = 0;
            for (unsigned k = 0; k < 8; k++)
                classes[half + i] |= (uint8_t)((bits[k] >> i & 1) << k);
        }
    }
}

#ifdef __x86_64__

/* Digits, white space and punctuation as rectangles: sets of upper and of lower halves of a byte.
 * A byte is in those whose bits are left of what the two tables say of its halves. */
enum gm_ascii_rectangle {
    GM_ASCII_DIGITS = 1,
    GM_ASCII_CONTROLS = 2, /* tab to carriage return */
    GM_ASCII_BLANK = 4,
    GM_ASCII_SIGNS_2 = 8, /* punctuation by upper half */
    GM_ASCII_SIGNS_3 = 16,
    GM_ASCII_SIGNS_4 = 32,
    GM_ASCII_SIGNS_5 = 64,
    GM_ASCII_SIGNS_7 = 128
};

static const uint8_t gm_ascii_upper[16] = {
    [0] = GM_ASCII_CONTROLS,
    [2] = GM_ASCII_BLANK | GM_ASCII_SIGNS_2,
    [3] = GM_ASCII_DIGITS | GM_ASCII_SIGNS_3,
    [4] = GM_ASCII_SIGNS_4,
    [5] = GM_ASCII_SIGNS_5,
    [7] = GM_ASCII_SIGNS_7,
};

static const uint8_t gm_ascii_lower[16] = {
    [0x0] = GM_ASCII_DIGITS | GM_ASCII_BLANK | GM_ASCII_SIGNS_4,
    [0x1 ... 0x3] = GM_ASCII_DIGITS | GM_ASCII_SIGNS_2,
    [0x4] = GM_ASCII_DIGITS,
    [0x5 ... 0x8] = GM_ASCII_DIGITS | GM_ASCII_SIGNS_2,
    [0x9] = GM_ASCII_DIGITS | GM_ASCII_CONTROLS | GM_ASCII_SIGNS_2,
    [0xA] = GM_ASCII_CONTROLS | GM_ASCII_SIGNS_2 | GM_ASCII_SIGNS_3,
    [0xB] = GM_ASCII_CONTROLS | GM_ASCII_SIGNS_3 | GM_ASCII_SIGNS_5 | GM_ASCII_SIGNS_7,
    [0xC] = GM_ASCII_CONTROLS | GM_ASCII_SIGNS_2 | GM_ASCII_SIGNS_5,
    [0xD] = GM_ASCII_CONTROLS | GM_ASCII_SIGNS_2 | GM_ASCII_SIGNS_5 | GM_ASCII_SIGNS_7,
    [0xE] = GM_ASCII_SIGNS_2,
    [0xF] = GM_ASCII_SIGNS_2 | GM_ASCII_SIGNS_3 | GM_ASCII_SIGNS_5,
};

GM_ASCII_TARGET_256 static inline __attribute__((always_inline)) __m256i
gm_ascii_is_256(__m256i bytes, char wanted)
{
    return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(wanted));
}

GM_ASCII_TARGET_256 static inline __attribute__((always_inline)) uint64_t
gm_ascii_bits_256(__m256i found, unsigned part)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(found) << (32 * part);
}

/* Bits of the bytes that have none of the rectangles, in the part's place. */
GM_ASCII_TARGET_256 static inline __attribute__((always_inline)) uint64_t
gm_ascii_none_256(__m256i found, unsigned rectangles, unsigned part)
{
    const __m256i some = _mm256_and_si256(found, _mm256_set1_epi8((char)rectangles));
    return gm_ascii_bits_256(_mm256_cmpeq_epi8(some, _mm256_setzero_si256()), part);
}

/* The same as gm_ascii_classify. */
GM_ASCII_TARGET_256 static inline __attribute__((always_inline)) void
gm_ascii_classify_256(const uint8_t *text, struct gm_ascii_block *block, uint8_t *lower)
{
    const __m256i uppers =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)gm_ascii_upper));
    const __m256i lowers =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)gm_ascii_lower));
    const __m256i half = _mm256_set1_epi8(0x0F);
    uint64_t no_digit = 0, no_space = 0, no_sign = 0;
    *block = (struct gm_ascii_block){0};
#pragma GCC unroll 2
    for (unsigned part = 0; part < 2; part++) {
        const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(text + 32 * part));
        const __m256i found = _mm256_and_si256(
            _mm256_shuffle_epi8(lowers, _mm256_and_si256(bytes, half)),
            _mm256_shuffle_epi8(uppers, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)));
        const __m256i folded = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        const __m256i letter =
            _mm256_and_si256(_mm256_cmpgt_epi8(folded, _mm256_set1_epi8('a' - 1)),
                             _mm256_cmpgt_epi8(_mm256_set1_epi8('z' + 1), folded));
        const __m256i dot = gm_ascii_is_256(bytes, '.');
        const __m256i either = _mm256_or_si256(dot, gm_ascii_is_256(bytes, '\''));
        const __m256i terminator = _mm256_or_si256(
            dot, _mm256_or_si256(gm_ascii_is_256(bytes, '?'), gm_ascii_is_256(bytes, '!')));
        const __m256i case_bit = _mm256_and_si256(letter, _mm256_set1_epi8(0x20));
        _mm256_storeu_si256((__m256i *)(void *)(lower + 32 * part),
                            _mm256_or_si256(bytes, case_bit));
        no_digit |= gm_ascii_none_256(found, GM_ASCII_DIGITS, part);
        no_space |= gm_ascii_none_256(found, GM_ASCII_CONTROLS | GM_ASCII_BLANK, part);
        no_sign |= gm_ascii_none_256(found,
                                     GM_ASCII_SIGNS_2 | GM_ASCII_SIGNS_3 | GM_ASCII_SIGNS_4 |
                                         GM_ASCII_SIGNS_5 | GM_ASCII_SIGNS_7,
                                     part);
        block->letter |= gm_ascii_bits_256(letter, part);
        block->underscore |= gm_ascii_bits_256(gm_ascii_is_256(bytes, '_'), part);
        block->mid_letter |=
            gm_ascii_bits_256(_mm256_or_si256(either, gm_ascii_is_256(bytes, ':')), part);
        block->mid_number |=
            gm_ascii_bits_256(_mm256_or_si256(either, _mm256_or_si256(gm_ascii_is_256(bytes, ','),
                                                                      gm_ascii_is_256(bytes, ';'))),
                              part);
        block->lf |= gm_ascii_bits_256(gm_ascii_is_256(bytes, '\n'), part);
        block->cr |= gm_ascii_bits_256(gm_ascii_is_256(bytes, '\r'), part);
        block->terminator |= gm_ascii_bits_256(terminator, part);
    }
    block->digit = ~no_digit;
    block->space = ~no_space;
    block->punctuation = ~no_sign;
}

/* The same as gm_ascii_classify, with classes from gm_ascii_classes. */
GM_ASCII_TARGET_512 static inline __attribute__((always_inline)) void
gm_ascii_classify_512(const uint8_t *text, const uint8_t *classes, struct gm_ascii_block *block,
                      uint8_t *lower)
{
    const __m512i bytes = _mm512_loadu_si512(text);
    const __m512i found =
        _mm512_maskz_permutex2var_epi8(~_mm512_movepi8_mask(bytes), _mm512_loadu_si512(classes),
                                       bytes, _mm512_loadu_si512(classes + GM_ASCII_BLOCK_BYTES));
    block->letter = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_LETTER));
    block->digit = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_DIGIT));
    block->space = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_SPACE));
    block->punctuation = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_PUNCTUATION));
    block->underscore = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_UNDERSCORE));
    block->mid_letter = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_MID_LETTER));
    block->mid_number = _mm512_test_epi8_mask(found, _mm512_set1_epi8(GM_ASCII_MID_NUMBER));
    block->terminator = _mm512_movepi8_mask(found);
    block->lf = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
    block->cr = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r'));
    const __m512i case_bit =
        _mm512_and_si512(_mm512_movm_epi8(block->letter), _mm512_set1_epi8(0x20));
    _mm512_storeu_si512(lower, _mm512_or_si512(bytes, case_bit));
}

#endif
#endif
