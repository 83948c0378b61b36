/* A deflate encoder for data without repetitions worth a search, which is what PNG's filters leave
 * of photographs: literals and runs of one byte (matches at distance 1) under Huffman codes of
 * their own for each block. Three to four times as fast there as the fastest search for matches,
 * and smaller than what that finds. Pure functions; the same bytes give the same stream. */
#ifndef GM_IMAGE_DEFLATE_RLE_H
#define GM_IMAGE_DEFLATE_RLE_H

#include <stddef.h>
#include <stdint.h>

/* What gm_deflate_rle writes at most. */
size_t gm_deflate_rle_bound(size_t n_bytes);
/* Writes a zlib stream (RFC 1950) to out, which has gm_deflate_rle_bound(n_bytes); returns its
 * size. */
size_t gm_deflate_rle(const uint8_t *data, size_t n_bytes, uint8_t *out);
/* The size of that stream, in a third of the time. */
size_t gm_deflate_rle_size(const uint8_t *data, size_t n_bytes);

#endif
