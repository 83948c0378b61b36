/* The split rules a character at a time: the definition that the vector tiers must agree with, the
 * tier of processors without them, and what they call for the rare piece that they do not decide.
 *
 * A piece depends on nothing before its start, so a rule is a function from the start of a piece to
 * its end. All are linear over a text. */
#ifndef GM_TOKENIZE_SPLIT_SCALAR_H
#define GM_TOKENIZE_SPLIT_SCALAR_H

#include "tokenize/split.h"

/* Where the piece that starts at text[start] ends; start < n_bytes. */
size_t gm_split_piece_end(enum gm_scheme scheme, const uint8_t *text, size_t n_bytes, size_t start);

/* Bytes of the contraction at text[at] ('s 't 're 've 'm 'll 'd; with fold in any case, and then
 * U+017F is an s); 0: none. */
enum gm_contraction_case { GM_CONTRACTION_EXACT, GM_CONTRACTION_FOLD };
size_t gm_split_contraction(const uint8_t *text, size_t n_bytes, size_t at,
                            enum gm_contraction_case fold);

#endif
