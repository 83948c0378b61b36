/* Searches in an array of ranks, eight at a time where the processor has AVX2. Private to bpe*.c.
 */
#ifndef GM_TOKENIZE_RANK_SCAN_H
#define GM_TOKENIZE_RANK_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* The least of n ranks; UINT32_MAX if n is 0. */
uint32_t gm_rank_least(const uint32_t *ranks, size_t n);
/* The place of the first rank that is equal; n: none. */
size_t gm_rank_find(const uint32_t *ranks, size_t n, uint32_t rank);

#endif
