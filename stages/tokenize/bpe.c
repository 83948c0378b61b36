/* Encoding of pieces. */
#include "tokenize/bpe.h"

#include "tokenize/bpe_merge.h"
#include <stdlib.h>

struct gm_bpe_cache {
    const struct gm_bpe *bpe;
    struct gm_bpe_counters counters;
    struct gm_bpe_scratch scratch;
};

struct gm_bpe_cache *gm_bpe_cache_new(const struct gm_bpe *bpe, size_t max_bytes)
{
    struct gm_bpe_cache *cache = calloc(1, sizeof *cache);
    (void)max_bytes;
    if (cache)
        cache->bpe = bpe;
    return cache;
}

void gm_bpe_cache_free(struct gm_bpe_cache *cache)
{
    if (!cache)
        return;
    gm_bpe_scratch_free(&cache->scratch);
    free(cache);
}

const struct gm_bpe_counters *gm_bpe_cache_counters(const struct gm_bpe_cache *cache)
{
    return &cache->counters;
}

/* SIZE_MAX: no memory. */
static size_t encode_piece(struct gm_bpe_cache *cache, const uint8_t *piece, size_t n_bytes,
                           uint32_t *ids)
{
    const struct gm_bpe *bpe = cache->bpe;

    if (bpe->head->flags & GM_BPE_WHOLE_PIECES && n_bytes <= bpe->head->max_token_bytes) {
        ids[0] = gm_bpe_whole(bpe, piece, n_bytes);
        if (ids[0] != GM_NO_TOKEN)
            return 1;
    }
    size_t n = gm_bpe_symbols(bpe, piece, n_bytes, ids, &cache->counters.n_unknown);
    if (n <= GM_BPE_SCAN_MAX)
        return gm_bpe_merge_scan(bpe, ids, n);
    return gm_bpe_merge_heap(bpe, &cache->scratch, ids, n);
}

size_t gm_bpe_encode(struct gm_bpe_cache *cache, const uint8_t *text, size_t n_bytes,
                     uint32_t begin, const uint32_t *ends, size_t n_pieces, uint32_t *ids)
{
    size_t n_ids = 0;

    (void)n_bytes;
    for (size_t i = 0; i < n_pieces; i++) {
        if (ends[i] > begin) {
            size_t n = encode_piece(cache, text + begin, ends[i] - begin, ids + n_ids);
            if (n == SIZE_MAX)
                return SIZE_MAX;
            n_ids += n;
        }
        begin = ends[i];
    }
    cache->counters.n_pieces += n_pieces;
    cache->counters.n_misses += n_pieces;
    cache->counters.n_tokens += n_ids;
    return n_ids;
}
