/* What the Unicode Character Database says of a code point, in one lookup.
 *
 * gen_tables.py turns Debian's copy of the database (the version is GM_UNICODE_VERSION) into a
 * two-stage table: a code point's block (128 code points) selects one of the distinct blocks, its
 * offset the number of a record, and a record is one distinct combination of properties. Code
 * points that the database does not list have the defaults of UAX #44.
 *
 * Constant data; any process, any thread. */
#ifndef GM_TEXT_UNIPROP_H
#define GM_TEXT_UNIPROP_H

#include "text/unicode_names.h"
#include <stddef.h>
#include <stdint.h>

struct gm_uniprop {
    int32_t fold;       /* added to the code point folds its case (CaseFolding.txt, C + F) */
    uint8_t word;       /* enum gm_wb: Word_Break */
    uint8_t grapheme;   /* enum gm_gcb: Grapheme_Cluster_Break */
    uint8_t sentence;   /* enum gm_sb: Sentence_Break */
    uint8_t script;     /* Script, index into gm_script_names */
    uint8_t flags;      /* enum gm_uni_flags, below */
    uint8_t combining;  /* Canonical_Combining_Class */
    uint8_t quick;      /* bits 0-1 NFC_Quick_Check, bits 2-3 NFKC: 0 yes, 1 no, 2 maybe */
    uint8_t fold_multi; /* not 0: folds to the code points gm_uni_folds[fold_multi - 1] */
};

/* GM_UNI_LETTER       General_Category L*
 * GM_UNI_DIGIT        General_Category Nd
 * GM_UNI_SPACE        White_Space
 * GM_UNI_PUNCTUATION  General_Category P*
 * GM_UNI_WORD         Alphabetic or General_Category N*: what makes a segment a word
 * GM_UNI_PICTOGRAPH   Extended_Pictographic
 * GM_UNI_CONTROL      General_Category Cc */

extern const char *const gm_script_names[GM_SCRIPT_COUNT]; /* "Unknown", "Common", "Latin" ... */
extern const uint32_t gm_uni_folds[][3];                   /* ended by 0 if shorter */
/* Per byte of UTF-8, bit 0 for normalisation form C and bit 1 for KC: it is ASCII, a continuation
 * byte, or a first byte all of whose code points have quick check "yes" and combining class 0. */
extern const uint8_t gm_uni_steady_bytes[256];
extern const struct gm_uniprop gm_uni_records[];
extern const uint16_t gm_uni_blocks[];
extern const uint16_t gm_uni_index[];

/* code_point must be at most 0x10FFFF. */
static inline const struct gm_uniprop *gm_uniprop(uint32_t code_point)
{
    return &gm_uni_records[gm_uni_index[(uint32_t)gm_uni_blocks[code_point >> 7] << 7 |
                                        (code_point & 127)]];
}

/* Decodes the code point at text[*pos] and moves *pos behind it. The text must be valid UTF-8 and
 * *pos the start of a character. Here and not in base/utf8.h because the text stages' inner loops
 * need it inlined. */
static inline uint32_t gm_uni_next(const uint8_t *text, size_t *pos)
{
    const uint8_t *at = text + *pos;
    if (at[0] < 0x80) {
        *pos += 1;
        return at[0];
    }
    if (at[0] < 0xE0) {
        *pos += 2;
        return (uint32_t)(at[0] & 0x1F) << 6 | (at[1] & 0x3F);
    }
    if (at[0] < 0xF0) {
        *pos += 3;
        return (uint32_t)(at[0] & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    }
    *pos += 4;
    return (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 |
           (uint32_t)(at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}

#endif
