/* The cache of words: bounded memory in which most pieces are found by one probe. Private to
 * bpe*.c.
 *
 *      words     buckets of one cache line, two entries each; what finds no room in its bucket
 *                goes to the one beside it
 *                  key[0]              bytes 0..7 of the word, zero behind its end
 *                  key[1]  bits 0..55  bytes 8..14
 *                          bits 56..59 length, 1..15 (0: nothing)
 *                          bits 60..63 number of ids
 *                  ids[4]              the ids, or with more than four the place of a record
 *      index     buckets of four (hash, place) for words of 16 bytes and more
 *      records   a ring of u32: key and ids. Places count up for ever, so that one that has been
 *                overwritten is known by its distance to the head
 */
#ifndef GM_TOKENIZE_WORD_CACHE_H
#define GM_TOKENIZE_WORD_CACHE_H

#include "tokenize/bpe_tables.h"

#define GM_WORD_MAX_BYTES    15u
#define GM_WORD_INLINE_IDS   4u
#define GM_RECORD_MAX_BYTES  255u /* longer words are not kept */

#define GM_WORD_LENGTH_SHIFT 56
#define GM_WORD_COUNT_SHIFT  60

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
    size_t n_records;        /* of u32, a power of two */
    uint64_t head;           /* place of the next record */
    unsigned turn;           /* which entry is replaced next */
    void *memory;
    size_t n_bytes;
};

/* false: no memory. max_bytes 0: no cache, nothing is ever found or kept. */
bool gm_word_cache_init(struct gm_word_cache *cache, size_t max_bytes);
void gm_word_cache_fini(struct gm_word_cache *cache);

static inline struct gm_word_bucket *gm_word_cache_bucket(const struct gm_word_cache *cache,
                                                          uint64_t low, uint64_t high)
{
    uint64_t hash = low * 0x9E3779B97F4A7C15u + high * 0xD6E8FEB86659FD93u;
    return &cache->words[gm_hash_place(hash, cache->n_words)];
}

/* The key of a word, 1..15 bytes. */
void gm_word_key(const uint8_t *word, size_t n_bytes, uint64_t key[2]);
/* Keeps a word and its at most 15 ids. */
void gm_word_cache_put(struct gm_word_cache *cache, const uint64_t key[2], const uint32_t *ids,
                       size_t n_ids);
/* 0: the entry is that of the key; the key's number of ids does not count. */
static inline uint64_t gm_word_difference(const struct gm_word_entry *entry, const uint64_t key[2])
{
    return (entry->key[0] ^ key[0]) | (entry->key[1] ^ key[1]) << 4;
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
