/* Byte-pair encoding as it is defined: the pair of the lowest rank is searched among all of them,
 * merged, and so on. What the tests compare the quick one with. */
#ifndef GM_TESTS_NAIVE_BPE_H
#define GM_TESTS_NAIVE_BPE_H

#include "tokenize/spec.h"

#define NAIVE_BPE_MAX_SYMBOLS 4096u

/* Merges n symbols in place, n <= NAIVE_BPE_MAX_SYMBOLS; returns how many are left. */
size_t naive_bpe_merge(const struct gm_spec *spec, uint32_t *ids, size_t n);
/* The id of a piece that is a token, where that counts before merges do; GM_NO_TOKEN: it has to be
 * merged. */
uint32_t naive_bpe_whole(const struct gm_spec *spec, const uint8_t *piece, size_t n_bytes);

#endif
