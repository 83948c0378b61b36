/* The AVX2 tier: 64 bytes to bitmaps in two registers. ASCII classes come from two 16-entry tables,
 * of the upper and of the lower half of a byte; other characters one after the other. */
#include "tokenize/split_class.h"
#include "tokenize/split_loop.h"

#include <immintrin.h>
#include <string.h>

#define TARGET        __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define TARGET_INLINE static inline TARGET __attribute__((always_inline))

/* Groups of ASCII characters that a row (upper half of the byte) and columns (lower half) tell: a
 * byte is in a group if both tables have its bit. Rows from 8 up have none. */
enum group {
    UPPER_4 = 1,  /* 41-4F */
    UPPER_5 = 2,  /* 50-5A */
    LOWER_6 = 4,  /* 61-6F */
    LOWER_7 = 8,  /* 70-7A */
    NUMBER = 16,  /* 30-39 */
    CONTROL = 32, /* 09-0D: white space */
    BLANK = 64    /* 20 */
};
#define GROUPS_OF_ROW                                                                              \
    CONTROL, 0, BLANK, NUMBER, UPPER_4, UPPER_5, LOWER_6, LOWER_7, 0, 0, 0, 0, 0, 0, 0, 0
#define FIRST_HALF (UPPER_4 | LOWER_6) /* of the alphabet, from column 1 */
#define GROUPS_OF_COLUMN                                                                           \
    UPPER_5 | LOWER_7 | NUMBER | BLANK, 31, 31, 31, 31, 31, 31, 31, 31, 31 | CONTROL,              \
        FIRST_HALF | UPPER_5 | LOWER_7 | CONTROL, FIRST_HALF | CONTROL, FIRST_HALF | CONTROL,      \
        FIRST_HALF | CONTROL, FIRST_HALF, FIRST_HALF

struct pair {
    __m256i low, high;
};

TARGET_INLINE uint64_t bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

TARGET_INLINE uint64_t is(const struct pair *bytes, char byte)
{
    __m256i all = _mm256_set1_epi8(byte);
    return bits_of(_mm256_cmpeq_epi8(bytes->low, all), _mm256_cmpeq_epi8(bytes->high, all));
}

/* Bytes of any of the groups. */
TARGET_INLINE uint64_t in(const struct pair *groups, int wanted)
{
    __m256i all = _mm256_set1_epi8((char)wanted), none = _mm256_setzero_si256();
    return ~bits_of(_mm256_cmpeq_epi8(_mm256_and_si256(groups->low, all), none),
                    _mm256_cmpeq_epi8(_mm256_and_si256(groups->high, all), none));
}

TARGET_INLINE __m256i groups_of(__m256i bytes)
{
    const __m256i rows = _mm256_broadcastsi128_si256(_mm_setr_epi8(GROUPS_OF_ROW));
    const __m256i columns = _mm256_broadcastsi128_si256(_mm_setr_epi8(GROUPS_OF_COLUMN));
    const __m256i half = _mm256_set1_epi8(15);
    /* The shuffle gives 0 for bytes with the upper bit, which the second one may have, too. */
    return _mm256_and_si256(
        _mm256_shuffle_epi8(rows, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)),
        _mm256_shuffle_epi8(columns, bytes));
}

/* Characters behind ASCII. */
TARGET_INLINE void mark_chars(struct gm_marks *marks, const uint8_t *text, uint64_t firsts)
{
    uint64_t of_class[16];
    for (unsigned i = 0; i < 16; i += 4)
        _mm256_storeu_si256((__m256i *)(of_class + i), _mm256_setzero_si256());
    for (uint64_t each = firsts & marks->valid; each != 0; each &= each - 1) {
        unsigned at = gm_lowest(each);
        size_t length;
        unsigned class = gm_split_class_at(text, marks->n, at, &length);
        of_class[class] |= ((UINT64_C(1) << length) - 1) << at;
    }
    uint64_t cjk = of_class[GM_CLASS_CJK];
    uint64_t cjk_mark = of_class[GM_CLASS_CJK_MARK], cjk_punct = of_class[GM_CLASS_CJK_PUNCT];
    marks->upper |= of_class[GM_CLASS_UPPER];
    marks->lower |= of_class[GM_CLASS_LOWER];
    marks->caseless |= of_class[GM_CLASS_CASELESS] | cjk;
    marks->letters |=
        of_class[GM_CLASS_UPPER] | of_class[GM_CLASS_LOWER] | of_class[GM_CLASS_CASELESS] | cjk;
    marks->mark |= of_class[GM_CLASS_MARK] | cjk_mark;
    marks->number |= of_class[GM_CLASS_NUMBER];
    marks->space |= of_class[GM_CLASS_SPACE];
    marks->punct |= of_class[GM_CLASS_PUNCT] | cjk_punct;
    marks->cjk |= cjk | cjk_mark | cjk_punct | of_class[GM_CLASS_CJK_OTHER];
}

TARGET_INLINE void mark_ascii(struct gm_marks *marks, const struct pair *bytes)
{
    const struct pair groups = {groups_of(bytes->low), groups_of(bytes->high)};
    marks->upper = in(&groups, UPPER_4 | UPPER_5);
    marks->lower = in(&groups, LOWER_6 | LOWER_7);
    marks->caseless = 0;
    marks->letters = in(&groups, UPPER_4 | UPPER_5 | LOWER_6 | LOWER_7);
    marks->mark = 0;
    marks->number = in(&groups, NUMBER);
    marks->space = in(&groups, CONTROL | BLANK);
    /* Graphic ASCII without letters and numbers. */
    __m256i above = _mm256_set1_epi8(' '), delete = _mm256_set1_epi8(0x7F);
    uint64_t graphic = bits_of(_mm256_andnot_si256(_mm256_cmpeq_epi8(bytes->low, delete),
                                                   _mm256_cmpgt_epi8(bytes->low, above)),
                               _mm256_andnot_si256(_mm256_cmpeq_epi8(bytes->high, delete),
                                                   _mm256_cmpgt_epi8(bytes->high, above)));
    marks->punct = graphic & ~(marks->letters | marks->number);
    marks->cjk = 0;
    marks->newline = is(bytes, '\n') | is(bytes, '\r');
    marks->blank = is(bytes, ' ');
    marks->apostrophe = is(bytes, '\'');
    marks->slash = is(bytes, '/');
}

/* First bytes of characters of at least two, three, four bytes begin with so many ones. */
TARGET_INLINE uint64_t from(const struct pair *bytes, uint8_t lowest)
{
    __m256i all = _mm256_set1_epi8((char)lowest);
    return bits_of(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes->low, all), bytes->low),
                   _mm256_cmpeq_epi8(_mm256_max_epu8(bytes->high, all), bytes->high));
}

TARGET_INLINE void classify(struct gm_marks *marks, const uint8_t *text, size_t left,
                            const void *context)
{
    (void)context;
    uint8_t copy[64];
    marks->n = left > 64 ? 64 : (unsigned)left;
    if (__builtin_expect(left < 64, 0)) {
        memset(copy, 0, sizeof(copy));
        memcpy(copy, text, left);
        text = copy;
    }
    const struct pair bytes = {_mm256_loadu_si256((const __m256i *)text),
                               _mm256_loadu_si256((const __m256i *)(text + 32))};
    uint64_t high = bits_of(bytes.low, bytes.high);
    mark_ascii(marks, &bytes);
    marks->valid = _bzhi_u64(~UINT64_C(0), marks->n);
    marks->continuation = 0;
    marks->is_ascii = high == 0;
    if (marks->is_ascii)
        return;
    uint64_t firsts = from(&bytes, 0xC0);
    marks->n = gm_whole_chars(left, firsts, from(&bytes, 0xE0), from(&bytes, 0xF0));
    marks->valid = _bzhi_u64(~UINT64_C(0), marks->n);
    marks->continuation = high & ~firsts & marks->valid;
    mark_chars(marks, text, firsts);
}

TARGET_INLINE void write_ends(uint32_t *ends, uint64_t starts, uint32_t base)
{
    /* Eight at a time: the number of rounds is told better than that of starts. What is written too
     * much is written over or not counted. */
    for (; starts != 0; ends += 8)
        for (unsigned i = 0; i < 8; i++) {
            ends[i] = base + (uint32_t)_tzcnt_u64(starts);
            starts = _blsr_u64(starts);
        }
}

/* The loop once for each rule, so that nothing is asked inside; each in a function of its own for
 * the sake of registers. */
#define X(name)                                                                                    \
    TARGET __attribute__((noinline)) static size_t next_##name(struct gm_split *split,             \
                                                               uint32_t *ends, size_t capacity)    \
    {                                                                                              \
        const struct gm_tier_work work = {classify, write_ends, NULL};                             \
        return gm_split_windows(split, ends, capacity, GM_SCHEME_##name, work);                    \
    }
GM_SPLIT_RULES(X)
#undef X

size_t gm_split_next_avx2(struct gm_split *split, uint32_t *ends, size_t capacity)
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
