/* Properties of code points as the libraries below Hugging Face tokenizers 0.23.2 know them, where
 * that is not Unicode 16.0 (unicode16.h): some were written for Unicode 8 or 9 and some come with a
 * Rust that has 17. The tables are the reference's own answers (gen_unicode_hf.py).
 *
 * Pure functions, any process. code_point: 0 .. 0x10FFFF. */
#ifndef GM_TOKENIZE_UNICODE_HF_H
#define GM_TOKENIZE_UNICODE_HF_H

#include <stdbool.h>
#include <stdint.h>

bool gm_hf_is_punctuation(uint32_t code_point); /* Punctuation, Bert: ASCII symbols, too */
bool gm_hf_is_numeric(uint32_t code_point);     /* Digits: Nd, Nl, No */
bool gm_hf_is_other(uint32_t code_point);       /* what Bert's clean_text removes, with U+0000
                                                   and U+FFFD */
bool gm_hf_is_nonspacing(uint32_t code_point);  /* Bert's accents, in decomposed text */
bool gm_hf_is_combining(uint32_t code_point);   /* StripAccents */

/* Rust's to_lowercase: 1 or 2 code points into lower; returns how many. */
unsigned gm_hf_lowercase_of(uint32_t code_point, uint32_t lower[2]);

/* The script as UnicodeScripts sees it: a number of unicode16.h, kana are Han; GM_HF_SCRIPT_ANY:
 * none, the character goes with any. */
#define GM_HF_SCRIPT_ANY 255u
unsigned gm_hf_script(uint32_t code_point);

/* Bits of gm_hf_normal: the character is changed by the form, or may change with its neighbours.
 * Without the bit it is never touched, and what is left and right of it are normalised apart. */
enum gm_hf_normal_bits {
    GM_HF_NFC = 1,
    GM_HF_NFD = 2,
    GM_HF_NFKC = 4,
    GM_HF_NFKD = 8,
    GM_HF_NEW = 16,  /* not in Unicode 9.0, the version of the normal forms */
    GM_HF_ORDER = 32 /* a mark that never changes: the forms only put it in order */
};
unsigned gm_hf_normal(uint32_t code_point);

#endif
