/* The AVX-512 tier (BW, VBMI, VBMI2): 64 bytes to bitmaps in one register.
 *
 * ASCII is one permutation of a 128-entry table. Other characters are gathered: the places of their
 * first bytes are compressed, 16 characters at a time become code points in 32-bit lanes, whose
 * class is looked up with one gather, and the classes are expanded to their places again. */
#include "tokenize/split_class.h"
#include "tokenize/split_loop.h"

#include <immintrin.h>

#define TARGET                                                                                     \
    __attribute__((                                                                                \
        target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,lzcnt,popcnt")))
#define TARGET_INLINE static inline TARGET __attribute__((always_inline))

static const uint8_t iota[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
static const uint8_t flags_of_class[16] = {GM_SPLIT_FLAGS};

/* Flags of the characters whose first bytes stand at the places (bytes of the window). What reaches
 * behind the window has some class. */
TARGET_INLINE __m128i classes_of(__m512i window, __m128i places)
{
    /* Four bytes of each character, the first one highest. */
    const __m512i first_of_lane =
        _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C));
    __m512i each = _mm512_shuffle_epi8(_mm512_cvtepu8_epi32(places), first_of_lane);
    each = _mm512_add_epi8(each, _mm512_set1_epi32(0x00010203));
    __m512i chars = _mm512_permutexvar_epi8(each, window);
    __mmask16 three = _mm512_cmpge_epu32_mask(chars, _mm512_set1_epi32((int)0xE0000000));
    __mmask16 four = _mm512_cmpge_epu32_mask(chars, _mm512_set1_epi32((int)0xF0000000));
    /* Their lower six bits in a row. */
    __m512i bits = _mm512_and_si512(chars, _mm512_set1_epi32(0x3F3F3F3F));
    bits = _mm512_maddubs_epi16(bits, _mm512_set1_epi32(0x40014001));
    bits = _mm512_madd_epi16(bits, _mm512_set1_epi32(0x10000001));
    __m512i shift = _mm512_set1_epi32(12), mask = _mm512_set1_epi32(0x7FF);
    shift = _mm512_mask_mov_epi32(shift, three, _mm512_set1_epi32(6));
    mask = _mm512_mask_mov_epi32(mask, three, _mm512_set1_epi32(0xFFFF));
    shift = _mm512_mask_mov_epi32(shift, four, _mm512_setzero_si512());
    mask = _mm512_mask_mov_epi32(mask, four, _mm512_set1_epi32(0x1FFFFF));
    __m512i code_points = _mm512_and_si512(_mm512_srlv_epi32(bits, shift), mask);

    __mmask16 flat = _mm512_cmplt_epu32_mask(code_points, _mm512_set1_epi32((int)GM_SPLIT_N_FLAT));
    __m512i words = _mm512_mask_i32gather_epi32(
        _mm512_setzero_si512(), flat, _mm512_srli_epi32(code_points, 3), gm_split_classes, 4);
    __m512i nibble = _mm512_slli_epi32(_mm512_and_si512(code_points, _mm512_set1_epi32(7)), 2);
    __m512i classes = _mm512_and_si512(_mm512_srlv_epi32(words, nibble), _mm512_set1_epi32(15));
    if (__builtin_expect(flat != 0xFFFF, 0)) {
        uint32_t all[16], found[16];
        _mm512_storeu_si512(all, code_points);
        _mm512_storeu_si512(found, classes);
        for (unsigned high = ~(unsigned)flat & 0xFFFF; high != 0; high &= high - 1)
            found[__builtin_ctz(high)] = gm_split_class_high(all[__builtin_ctz(high)]);
        classes = _mm512_loadu_si512(found);
    }
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)flags_of_class),
                            _mm512_cvtepi32_epi8(classes));
}

/* Puts the flags of characters behind ASCII at their first bytes. */
TARGET_INLINE __m512i flags_of_chars(__m512i window, __m512i flags, uint64_t firsts)
{
    __m512i places = _mm512_maskz_compress_epi8(firsts, _mm512_loadu_si512(iota));
    __m128i low = classes_of(window, _mm512_castsi512_si128(places)), high = _mm_setzero_si128();
    if (_mm_popcnt_u64(firsts) > 16)
        high = classes_of(window, _mm512_extracti32x4_epi32(places, 1));
    __m512i both = _mm512_castsi256_si512(_mm256_set_m128i(high, low));
    return _mm512_mask_expand_epi8(flags, firsts, both);
}

/* What every window is compared with: built before the loop and kept in registers, where the
 * compiler would build each anew in every round. */
struct constants {
    __m512i ascii[2]; /* flags */
    __m512i letters, mark, number, space, punct, cjk, upper, lower, caseless;
    __m512i line_feed, carriage_return, blank, apostrophe, slash;
};

/* Hides from the compiler what is in the register. */
TARGET_INLINE __m512i kept(__m512i value)
{
    __asm__("" : "+v"(value));
    return value;
}

TARGET_INLINE __m512i all(int byte)
{
    return kept(_mm512_set1_epi8((char)byte));
}

TARGET_INLINE struct constants make_constants(void)
{
    return (struct constants){
        .ascii = {kept(_mm512_loadu_si512(gm_split_ascii)),
                  kept(_mm512_loadu_si512(gm_split_ascii + 64))},
        .letters = all(GM_FLAG_LETTERS),
        .mark = all(GM_FLAG_MARK),
        .number = all(GM_FLAG_NUMBER),
        .space = all(GM_FLAG_SPACE),
        .punct = all(GM_FLAG_PUNCT),
        .cjk = all(GM_FLAG_CJK),
        .upper = all(GM_FLAG_UPPER),
        .lower = all(GM_FLAG_LOWER),
        .caseless = all(GM_FLAG_CASELESS),
        .line_feed = all('\n'),
        .carriage_return = all('\r'),
        .blank = all(' '),
        .apostrophe = all('\''),
        .slash = all('/'),
    };
}

TARGET_INLINE uint64_t from(__m512i bytes, int lowest)
{
    return _mm512_cmpge_epu8_mask(bytes, _mm512_set1_epi8((char)lowest));
}

TARGET_INLINE void mark(struct gm_marks *marks, __m512i bytes, __m512i flags,
                        const struct constants *constants)
{
    marks->upper = _mm512_test_epi8_mask(flags, constants->upper);
    marks->lower = _mm512_test_epi8_mask(flags, constants->lower);
    marks->caseless = _mm512_test_epi8_mask(flags, constants->caseless);
    marks->letters = _mm512_test_epi8_mask(flags, constants->letters);
    marks->mark = _mm512_test_epi8_mask(flags, constants->mark);
    marks->number = _mm512_test_epi8_mask(flags, constants->number);
    marks->space = _mm512_test_epi8_mask(flags, constants->space);
    marks->punct = _mm512_test_epi8_mask(flags, constants->punct);
    marks->cjk = _mm512_test_epi8_mask(flags, constants->cjk);
    marks->newline = _mm512_cmpeq_epi8_mask(bytes, constants->line_feed) |
                     _mm512_cmpeq_epi8_mask(bytes, constants->carriage_return);
    marks->blank = _mm512_cmpeq_epi8_mask(bytes, constants->blank);
    marks->apostrophe = _mm512_cmpeq_epi8_mask(bytes, constants->apostrophe);
    marks->slash = _mm512_cmpeq_epi8_mask(bytes, constants->slash);
}

/* Gives the continuation bytes the marks of their characters, and cuts off what does not fit. */
TARGET_INLINE void fill(struct gm_marks *marks)
{
    uint64_t more = marks->continuation, valid = marks->valid;
    marks->upper = gm_fill_chars(more, marks->upper) & valid;
    marks->lower = gm_fill_chars(more, marks->lower) & valid;
    marks->caseless = gm_fill_chars(more, marks->caseless) & valid;
    marks->letters = gm_fill_chars(more, marks->letters) & valid;
    marks->mark = gm_fill_chars(more, marks->mark) & valid;
    marks->number = gm_fill_chars(more, marks->number) & valid;
    marks->space = gm_fill_chars(more, marks->space) & valid;
    marks->punct = gm_fill_chars(more, marks->punct) & valid;
    marks->cjk = gm_fill_chars(more, marks->cjk) & valid;
}

TARGET_INLINE void classify(struct gm_marks *marks, const uint8_t *text, size_t left,
                            const void *context)
{
    const struct constants *constants = context;
    marks->n = left > 64 ? 64 : (unsigned)left;
    marks->valid = _bzhi_u64(~UINT64_C(0), marks->n);
    marks->continuation = 0;
    __m512i bytes = __builtin_expect(left >= 64, 1) ? _mm512_loadu_si512(text)
                                                    : _mm512_maskz_loadu_epi8(marks->valid, text);
    /* The permutation looks at seven bits; what it gives to other bytes than ASCII goes below. */
    __m512i flags = _mm512_permutex2var_epi8(constants->ascii[0], bytes, constants->ascii[1]);
    uint64_t high = _mm512_movepi8_mask(bytes);
    marks->is_ascii = high == 0;
    if (marks->is_ascii) {
        mark(marks, bytes, flags, constants);
        return;
    }
    uint64_t firsts = from(bytes, 0xC0);
    marks->n = gm_whole_chars(left, firsts, from(bytes, 0xE0), from(bytes, 0xF0));
    marks->valid = _bzhi_u64(~UINT64_C(0), marks->n);
    marks->continuation = high & ~firsts & marks->valid;
    flags = _mm512_maskz_mov_epi8(~high, flags);
    mark(marks, bytes, flags_of_chars(bytes, flags, firsts), constants);
    fill(marks);
}

TARGET_INLINE void write_ends(uint32_t *ends, uint64_t starts, uint32_t base)
{
    __m512i places = _mm512_maskz_compress_epi8(starts, _mm512_loadu_si512(iota));
    __m512i bases = _mm512_set1_epi32((int)base);
    _mm512_storeu_si512(
        ends, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places))));
    _mm512_storeu_si512(
        ends + 16,
        _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 1))));
    /* More than 16 are common enough for a branch on them to be missed often. */
    if (__builtin_expect(_mm_popcnt_u64(starts) <= 32, 1))
        return;
    _mm512_storeu_si512(
        ends + 32,
        _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 2))));
    _mm512_storeu_si512(
        ends + 48,
        _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, 3))));
}

/* The loop once for each rule, so that nothing is asked inside; each in a function of its own for
 * the sake of registers. */
#define X(name)                                                                                    \
    TARGET __attribute__((noinline)) static size_t next_##name(struct gm_split *split,             \
                                                               uint32_t *ends, size_t capacity)    \
    {                                                                                              \
        const struct constants constants = make_constants();                                       \
        const struct gm_tier_work work = {classify, write_ends, &constants};                       \
        return gm_split_windows(split, ends, capacity, GM_SCHEME_##name, work);                    \
    }
GM_SPLIT_RULES(X)
#undef X

size_t gm_split_next_avx512(struct gm_split *split, uint32_t *ends, size_t capacity)
{
    switch (split->scheme) {
#define X(name)                                                                                    \
    case GM_SCHEME_##name:                                                                         \
        return next_##name(split, ends, capacity);
        GM_SPLIT_RULES(X)
#undef X
    default:
        return 0;
    }
}
