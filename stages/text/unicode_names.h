/* Generated from the Unicode Character Database 15.0.0 by gen_tables.py: do not edit.
 * The property values that uniprop.h speaks of. */
#ifndef GM_TEXT_UNICODE_NAMES_H
#define GM_TEXT_UNICODE_NAMES_H

/* clang-format off */
#define GM_UNICODE_VERSION "15.0.0"

enum gm_wb {
    GM_WB_OTHER,
    GM_WB_CR,
    GM_WB_LF,
    GM_WB_NEWLINE,
    GM_WB_EXTEND,
    GM_WB_ZWJ,
    GM_WB_FORMAT,
    GM_WB_REGIONAL_INDICATOR,
    GM_WB_KATAKANA,
    GM_WB_HEBREW_LETTER,
    GM_WB_ALETTER,
    GM_WB_SINGLE_QUOTE,
    GM_WB_DOUBLE_QUOTE,
    GM_WB_MIDNUMLET,
    GM_WB_MIDLETTER,
    GM_WB_MIDNUM,
    GM_WB_NUMERIC,
    GM_WB_EXTENDNUMLET,
    GM_WB_WSEGSPACE,
    GM_WB_COUNT
};

enum gm_gcb {
    GM_GCB_OTHER,
    GM_GCB_CR,
    GM_GCB_LF,
    GM_GCB_CONTROL,
    GM_GCB_EXTEND,
    GM_GCB_ZWJ,
    GM_GCB_REGIONAL_INDICATOR,
    GM_GCB_PREPEND,
    GM_GCB_SPACINGMARK,
    GM_GCB_L,
    GM_GCB_V,
    GM_GCB_T,
    GM_GCB_LV,
    GM_GCB_LVT,
    GM_GCB_COUNT
};

enum gm_sb {
    GM_SB_OTHER,
    GM_SB_CR,
    GM_SB_LF,
    GM_SB_EXTEND,
    GM_SB_SEP,
    GM_SB_FORMAT,
    GM_SB_SP,
    GM_SB_LOWER,
    GM_SB_UPPER,
    GM_SB_OLETTER,
    GM_SB_NUMERIC,
    GM_SB_ATERM,
    GM_SB_SCONTINUE,
    GM_SB_STERM,
    GM_SB_CLOSE,
    GM_SB_COUNT
};

enum gm_uni_flags {
    GM_UNI_LETTER = 1,
    GM_UNI_DIGIT = 2,
    GM_UNI_SPACE = 4,
    GM_UNI_PUNCTUATION = 8,
    GM_UNI_WORD = 16,
    GM_UNI_PICTOGRAPH = 32,
    GM_UNI_CONTROL = 64,
};

enum { GM_SCRIPT_COUNT = 164 };
/* clang-format on */
#endif
