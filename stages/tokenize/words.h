/* The models that are not byte-pair encoding: WordPiece, WordLevel, Unigram. One object for the
 * three, with tables computed from the spec (a trie of the tokens).
 *
 * References: Hugging Face tokenizers 0.23.2 models/wordpiece, models/wordlevel, models/unigram. */
#ifndef GM_TOKENIZE_WORDS_H
#define GM_TOKENIZE_WORDS_H

#include "base/err.h"
#include "tokenize/spec.h"

struct gm_words;

/* spec->model is WORDPIECE, WORDLEVEL or UNIGRAM; spec need not outlive it. Read-only after that.
 * GM_INPUT: no unk token (the reference fails later, at the first text that needs it), a score that
 * is not a number, byte_fallback with a byte-level vocabulary. GM_NOMEM. */
enum gm_status gm_words_new(struct gm_words **words, const struct gm_spec *spec,
                            struct gm_err *err);
void gm_words_free(struct gm_words *words); /* NULL allowed */

/* Ids of one piece (valid UTF-8) into ids, which has room for n_bytes + 1. Returns how many;
 * SIZE_MAX: no memory. Time is linear in the piece, and in it times the longest token for UNIGRAM
 * and WORDPIECE. Consecutive unknowns of UNIGRAM are always one, as in the reference. */
struct gm_words_scratch; /* private to a thread; 16 bytes a byte of the longest piece */
struct gm_words_scratch *gm_words_scratch_new(void);          /* NULL: no memory */
void gm_words_scratch_free(struct gm_words_scratch *scratch); /* NULL allowed */
size_t gm_words_encode(const struct gm_words *words, struct gm_words_scratch *scratch,
                       const uint8_t *piece, size_t n_bytes, uint32_t *ids);

#endif
