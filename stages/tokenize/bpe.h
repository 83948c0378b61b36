/* Byte-pair encoding of pieces: the merge tables, and the cache of words that makes most pieces one
 * probe.
 *
 * struct gm_bpe is a view into an image (image.h): read-only, shared by all workers. struct
 * gm_bpe_cache is private to a worker, bounded, and changes no result: with a cold or a warm cache
 * or none the ids are the same.
 *
 * Order of merges: BPE the lowest rank first, leftmost of equals; RANKS the pair whose token has
 * the lowest id first (tiktoken). Reference: Hugging Face tokenizers 0.23.2 models/bpe/word.rs,
 * tiktoken 0.14.0 src/lib.rs. */
#ifndef GM_TOKENIZE_BPE_H
#define GM_TOKENIZE_BPE_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct gm_bpe;
struct gm_bpe_cache;

/* Hits and misses count probes of the cache: one for a piece, or for each part of a long one. */
struct gm_bpe_counters {
    uint64_t n_pieces, n_hits, n_misses, n_tokens, n_unknown;
};

/* max_bytes: of private memory, at least 16 KB; 0: nothing is kept. NULL: no memory. */
struct gm_bpe_cache *gm_bpe_cache_new(const struct gm_bpe *bpe, size_t max_bytes);
void gm_bpe_cache_free(struct gm_bpe_cache *cache); /* NULL allowed */
const struct gm_bpe_counters *gm_bpe_cache_counters(const struct gm_bpe_cache *cache);

/* Encodes the pieces [begin, ends[0]), [ends[0], ends[1]) ... of the text. ids must have room for
 * ends[n_pieces - 1] - begin ids: a token has at least one byte. No byte outside of the text
 * (n_bytes) is read. Returns the number of ids; SIZE_MAX: no memory for a long piece. */
size_t gm_bpe_encode(struct gm_bpe_cache *cache, const uint8_t *text, size_t n_bytes,
                     uint32_t begin, const uint32_t *ends, size_t n_pieces, uint32_t *ids);

#endif
