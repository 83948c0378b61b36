/* The cache of words: bounded memory in which most pieces are found by one probe. Private to
 * bpe*.c.
 *
 *      words     buckets of one cache line, two entries each; what finds no room in its bucket
 *                goes to the one beside it
 *                  key[0]              bytes 0..7 of the word, zero behind its end
 *                  key[1]  bits 0..55  bytes 8..14
 *                          bits 56..59 length, 1..15 (0: nothing)
 *                          bits 60..63 15: ids are in a record, else 0
 *                  ids[4]              up to four ids, their number in the last byte; or place
 *                                      (two), number
 *      index     buckets of four (hash, place) for words of 16 bytes and more
 *      records   a ring of u32: key and ids. Places count up for ever, so that one that has been
 *                overwritten is known by its distance to the head
 */
#ifndef GM_TOKENIZE_WORD_CACHE_H
#define GM_TOKENIZE_WORD_CACHE_H

#include "tokenize/bpe_tables.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define GM_WORD_MAX_BYTES    15u
#define GM_WORD_INLINE_IDS   4u
#define GM_RECORD_MAX_BYTES  255u /* longer words are not kept */

#define GM_WORD_LENGTH_SHIFT 56
#define GM_WORD_KIND_SHIFT   60
#define GM_WORD_IN_RECORD    ((uint64_t)15 << GM_WORD_KIND_SHIFT)
#define GM_WORD_N_IDS_SHIFT  24 /* of the last of ids */
#define GM_WORD_ID_MASK      0xFFFFFFu

struct gm_word_entry {
    uint64_t key[2];
    uint32_t ids[GM_WORD_INLINE_IDS];
};
struct gm_word_bucket {
    struct gm_word_entry entries[2];
} __attribute__((aligned(64)));

struct gm_index_slot {
    uint64_t hash;
    uint64_t place;
};
struct gm_index_bucket {
    struct gm_index_slot slots[4];
} __attribute__((aligned(64)));

struct gm_word_cache {
    struct gm_word_bucket *words;
    struct gm_index_bucket *index;
    uint32_t *records;
    size_t n_words, n_index; /* buckets; the first is even */
    size_t n_records;        /* of u32 */
    uint64_t head;           /* place of the next record */
    unsigned turn;           /* which entry is replaced next */
    void *memory;
    size_t n_bytes;
};

/* false: no memory. max_bytes 0: no cache, nothing is ever found or kept. */
bool gm_word_cache_init(struct gm_word_cache *cache, size_t max_bytes);
void gm_word_cache_fini(struct gm_word_cache *cache);

static inline struct gm_word_bucket *gm_word_cache_bucket(const struct gm_word_cache *cache,
                                                          const uint64_t key[2])
{
    uint64_t hash = key[0] * 0x9E3779B97F4A7C15u + key[1] * 0xD6E8FEB86659FD93u;
    return &cache->words[(size_t)((unsigned __int128)hash * cache->n_words >> 64)];
}

/* The key of a word, 1..15 bytes. */
void gm_word_key(const uint8_t *word, size_t n_bytes, uint64_t key[2]);
/* Keeps a word and its at most 15 ids. */
void gm_word_cache_put(struct gm_word_cache *cache, const uint64_t key[2], const uint32_t *ids,
                       size_t n_ids);
/* 0 or 1: the entry that has the key; 2: none. No branch depends on the words. */
static inline unsigned gm_word_bucket_find(const struct gm_word_bucket *bucket,
                                           const uint64_t key[2])
{
#ifdef __SSE2__
    __m128i wanted = _mm_loadu_si128((const __m128i *)(const void *)key);
    const __m128i *entries = (const __m128i *)(const void *)bucket;
    /* 16 if all four parts are equal. */
    unsigned first = (unsigned)_mm_movemask_ps(
                         _mm_castsi128_ps(_mm_cmpeq_epi32(wanted, _mm_load_si128(&entries[0])))) +
                     1;
    unsigned second = (unsigned)_mm_movemask_ps(
                          _mm_castsi128_ps(_mm_cmpeq_epi32(wanted, _mm_load_si128(&entries[2])))) +
                      1;
    unsigned not_first = (first >> 4) ^ 1, not_second = (second >> 4) ^ 1;
#else
    const struct gm_word_entry *entries = bucket->entries;
    unsigned not_first = entries[0].key[0] != key[0] || entries[0].key[1] != key[1];
    unsigned not_second = entries[1].key[0] != key[0] || entries[1].key[1] != key[1];
#endif
    return not_first + (not_first & not_second);
}
/* Writes four ids, of which the returned number count. */
static inline size_t gm_word_entry_copy(const struct gm_word_entry *entry, uint32_t *ids)
{
    uint32_t last = entry->ids[3];
#ifdef __SSE2__
    __m128i four = _mm_load_si128((const __m128i *)(const void *)entry->ids);
    four = _mm_and_si128(four, _mm_set1_epi32((int)GM_WORD_ID_MASK));
    _mm_storeu_si128((__m128i *)(void *)ids, four);
#else
    memcpy(ids, entry->ids, sizeof entry->ids);
    ids[3] &= GM_WORD_ID_MASK;
#endif
    return last >> GM_WORD_N_IDS_SHIFT;
}

/* Has the neighbour of the bucket brought to the processor. */
void gm_word_cache_prefetch(const struct gm_word_cache *cache, const struct gm_word_bucket *bucket);
/* Looks in the bucket and in its neighbour and copies the ids; SIZE_MAX: not found. */
size_t gm_word_cache_get(const struct gm_word_cache *cache, const struct gm_word_bucket *bucket,
                         const uint64_t key[2], uint32_t *ids);

/* The same for words of 16 bytes and more. hash: gm_bpe_hash. */
size_t gm_word_cache_get_long(const struct gm_word_cache *cache, uint64_t hash, const uint8_t *word,
                              size_t n_bytes, uint32_t *ids);
void gm_word_cache_put_long(struct gm_word_cache *cache, uint64_t hash, const uint8_t *word,
                            size_t n_bytes, const uint32_t *ids, size_t n_ids);

static inline struct gm_index_bucket *gm_word_cache_index(const struct gm_word_cache *cache,
                                                          uint64_t hash)
{
    return &cache->index[gm_hash_place(hash, cache->n_index)];
}

#endif
