/* Where a long piece may be cut without changing its ids: between two characters that no merge can
 * bring together. The parts ("units") go through the word cache, so that text without spaces (CJK)
 * and whole documents (Gemma, Llama-2) cost as little as words do. Private to bpe*.c.
 *
 * A merge across a boundary makes a token that holds, side by side, the last character in front of
 * the boundary and the first one behind it, or parts of them. Two sets are computed from all tokens
 * that merges make:
 *
 *      joined   65,536 bits by (byte in front, byte behind): the token has only a part of one of
 *               the two characters, or both are ASCII
 *      pairs    2^n bits by a hash of both characters, for the rest; a collision only loses a cut
 *
 * A boundary stands in front of each byte that is not a continuation byte, in tokens and text
 * alike, so that it holds for text that is not UTF-8, too. */
#ifndef GM_TOKENIZE_BPE_CUT_H
#define GM_TOKENIZE_BPE_CUT_H

#include "base/buf.h"
#include "tokenize/bpe_tables.h"

#define GM_BPE_JOINED_WORDS 1024u /* of 64 bits */
#define GM_BPE_MIN_CUT_BITS 12u
#define GM_BPE_MAX_CUT_BITS 21u
static inline size_t gm_bpe_cut_words(unsigned cut_bits)
{
    return GM_BPE_JOINED_WORDS + ((size_t)1 << cut_bits) / 64;
}

/* Fills cuts, or leaves it empty where cutting could change ids. Symbols and byte_ids of the head
 * are there. GM_NOMEM. */
enum gm_status gm_bpe_cut_build(struct gm_buf *cuts, const struct gm_spec *spec,
                                const struct gm_bpe_head *head);

/* The ends of the first units of the piece [begin, end) of a text, begin < end: at least one, at
 * most max, which is at least 65. What follows begins at the last of them; all is done if that is
 * end. Only where the image has cuts. */
size_t gm_bpe_cuts(const struct gm_bpe *bpe, const uint8_t *text, uint32_t begin, uint32_t end,
                   uint32_t *ends, size_t max);

#endif
