/* What the splitters ask of a character: one of twelve classes, from which every rule's sets
 * (\p{L},
 * [\p{Lu}\p{Lt}], \p{N} ...) are unions. gen_unicode16.py writes the table for planes 0 and 1, half
 * a byte per code point; the planes behind them, where little lies, are asked of unicode16.h.
 *
 * Constant data; any process. */
#ifndef GM_TOKENIZE_SPLIT_CLASS_H
#define GM_TOKENIZE_SPLIT_CLASS_H

#include <stddef.h>
#include <stdint.h>

/* The order is that of the table. The CJK classes are DeepSeek's set [U+4E00..U+9FA5
 * U+3040..U+30FF], taken out of their class. */
enum gm_split_class {
    GM_CLASS_OTHER,     /* Cc, Cf, Cn, Co, but for white space */
    GM_CLASS_PUNCT,     /* P, S */
    GM_CLASS_UPPER,     /* Lu, Lt */
    GM_CLASS_LOWER,     /* Ll */
    GM_CLASS_CASELESS,  /* Lm, Lo */
    GM_CLASS_MARK,      /* M */
    GM_CLASS_NUMBER,    /* N */
    GM_CLASS_SPACE,     /* White_Space */
    GM_CLASS_CJK,       /* as CASELESS */
    GM_CLASS_CJK_PUNCT, /* as PUNCT */
    GM_CLASS_CJK_MARK,  /* as MARK */
    GM_CLASS_CJK_OTHER, /* as OTHER */
    GM_CLASS_COUNT
};

/* The same as a set of bits, for vectors of bytes: no bit is OTHER. */
enum gm_split_flags {
    GM_FLAG_UPPER = 1,
    GM_FLAG_LOWER = 2,
    GM_FLAG_CASELESS = 4,
    GM_FLAG_LETTERS = 7,
    GM_FLAG_MARK = 8,
    GM_FLAG_NUMBER = 16,
    GM_FLAG_SPACE = 32,
    GM_FLAG_PUNCT = 64,
    GM_FLAG_CJK = 128 /* beside the class */
};
/* Of each class, in its order. */
#define GM_SPLIT_FLAGS                                                                             \
    0, GM_FLAG_PUNCT, GM_FLAG_UPPER, GM_FLAG_LOWER, GM_FLAG_CASELESS, GM_FLAG_MARK,                \
        GM_FLAG_NUMBER, GM_FLAG_SPACE, GM_FLAG_CASELESS | GM_FLAG_CJK,                             \
        GM_FLAG_PUNCT | GM_FLAG_CJK, GM_FLAG_MARK | GM_FLAG_CJK, GM_FLAG_CJK
/* Of the ASCII characters. */
extern const uint8_t gm_split_ascii[128];

#define GM_SPLIT_N_FLAT 0x20000u
/* Code point c: bits 4 * (c % 8) and up of word c / 8. */
extern const uint32_t gm_split_classes[GM_SPLIT_N_FLAT / 8];

/* The class of a code point of planes 2 to 16. */
enum gm_split_class gm_split_class_high(uint32_t code_point);

static inline enum gm_split_class gm_split_class(uint32_t code_point)
{
    if (code_point >= GM_SPLIT_N_FLAT)
        return gm_split_class_high(code_point);
    return (enum gm_split_class)(gm_split_classes[code_point >> 3] >> 4 * (code_point & 7) & 15);
}

/* The class of the character at text[at] and its length. What would reach behind the text or is no
 * UTF-8 gives some class and a length that stays inside. */
static inline enum gm_split_class gm_split_class_at(const uint8_t *text, size_t n_bytes, size_t at,
                                                    size_t *length)
{
    uint32_t first = text[at];
    if (first < 0x80) {
        *length = 1;
        return gm_split_class(first);
    }
    *length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (*length > n_bytes - at) {
        *length = n_bytes - at;
        return GM_CLASS_OTHER;
    }
    uint32_t code_point = first & (0x7Fu >> *length);
    for (size_t i = 1; i < *length; i++)
        code_point = code_point << 6 | (text[at + i] & 0x3F);
    return gm_split_class(code_point);
}

#endif
