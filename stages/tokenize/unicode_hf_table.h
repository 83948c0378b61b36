/* The tables of unicode_hf_table.c, which gen_unicode_hf.py writes; see unicode_hf.h. */
#ifndef GM_TOKENIZE_UNICODE_HF_TABLE_H
#define GM_TOKENIZE_UNICODE_HF_TABLE_H

#include <stdint.h>

struct gm_hf_range {
    uint32_t first, last;
};
struct gm_hf_lower {
    uint32_t code_point;
    uint32_t lower[2]; /* the second one may be 0: none */
};

extern const struct gm_hf_range gm_hf_punctuation[], gm_hf_numeric[], gm_hf_other[],
    gm_hf_nonspacing[], gm_hf_combining[], gm_hf_no_script[];
extern const uint32_t gm_hf_n_punctuation, gm_hf_n_numeric, gm_hf_n_other, gm_hf_n_nonspacing,
    gm_hf_n_combining, gm_hf_n_no_script;
extern const struct gm_hf_lower gm_hf_lowercase[]; /* from U+0080 on */
extern const uint32_t gm_hf_n_lowercase;

/* Bits of code point c: gm_hf_normal_bits[gm_hf_normal_blocks[c >> 7] << 7 | (c & 127)]. */
extern const uint8_t gm_hf_normal_blocks[], gm_hf_normal_bits[];

#endif
