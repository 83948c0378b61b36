/* Huffman codes of limited length, for deflate. Pure functions. */
#ifndef GM_IMAGE_HUFFMAN_H
#define GM_IMAGE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

#define GM_HUFFMAN_MAX_SYMBOLS 288

/* Code lengths for n <= GM_HUFFMAN_MAX_SYMBOLS symbols: 0 for those that do not occur, else 1 to
 * limit (at most 15, and 2^limit >= n). Optimal unless the limit cuts in. A single symbol gets
 * length 1. */
void gm_huffman_lengths(const uint32_t *counts, size_t n, unsigned limit, uint8_t *lengths);
/* The canonical codes of these lengths, first bit lowest, as deflate writes them. */
void gm_huffman_codes(const uint8_t *lengths, size_t n, uint16_t *codes);

#endif
