/* The cache of words: bounded memory in which most pieces are found by one probe. Private to
 * bpe*.c.
 *
 *      words     buckets of one cache line, two entries each. A word has two buckets in which it
 *                may be, far from each other; entries move to their other one to make room (a
 *                cuckoo hash), so that hardly anything is lost until the table is full
 *                  key[0]              bytes 0..7 of the word, zero behind its end
 *                  key[1]  bits 0..55  bytes 8..14
 *                          bits 56..59 length, 1..15 (0: nothing)
 *                          bits 60..63 15: ids are in a record, else 0
 *                  ids[4]  bits 0..23  up to four ids; of a record its place (two) and their number
 *                          bits 24..31 of ids[2] how often the word was seen in windows that are
 *                                      counted, one of 64; of ids[3] the number of ids
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
#define GM_WORD_N_IDS_SHIFT  24    /* of the last of ids */
#define GM_WORD_RECORD       0xFEu /* in place of the number: ids are in a record */
#define GM_WORD_ID_MASK      0xFFFFFFu
#define GM_WORD_SCORE_SHIFT  24 /* of ids[2] */

/* The ids of a word, by whose address an entry is known: its key is 32 bytes in front. */
struct gm_word_ids {
    uint32_t ids[GM_WORD_INLINE_IDS];
} __attribute__((aligned(16)));
struct gm_word_bucket {
    uint64_t keys[2][2];
    struct gm_word_ids ids[2];
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
    size_t n_words, n_index; /* buckets */
    size_t n_records;        /* of u32 */
    uint64_t head;           /* place of the next record */
    unsigned turn;           /* which slot of a full index bucket is replaced next */
    void *memory;
    size_t n_bytes;
};

/* false: no memory. Less than 16 KB are 16 KB; whether words are kept is the caller's matter. */
bool gm_word_cache_init(struct gm_word_cache *cache, size_t max_bytes);
void gm_word_cache_fini(struct gm_word_cache *cache);

static inline uint64_t gm_word_hash_of(const uint64_t key[2])
{
    return key[0] * 0x9E3779B97F4A7C15u + key[1] * 0xD6E8FEB86659FD93u;
}

static inline struct gm_word_bucket *gm_word_cache_bucket(const struct gm_word_cache *cache,
                                                          const uint64_t key[2])
{
    uint64_t hash = gm_word_hash_of(key);
    return &cache->words[(size_t)((unsigned __int128)hash * cache->n_words >> 64)];
}

/* The other bucket in which the word may be. */
static inline struct gm_word_bucket *gm_word_cache_other(const struct gm_word_cache *cache,
                                                         const uint64_t key[2])
{
    uint64_t hash = gm_word_hash_of(key);
    hash = (hash ^ hash >> 32) * 0xA0761D6478BD642Fu;
    return &cache->words[(size_t)((unsigned __int128)hash * cache->n_words >> 64)];
}

/* Of its first entry. */
static inline const struct gm_word_bucket *gm_word_bucket_of(const struct gm_word_ids *first)
{
    return (const void *)((const uint8_t *)first - offsetof(struct gm_word_bucket, ids));
}

/* The key of a word, 1..15 bytes. */
void gm_word_key(const uint8_t *word, size_t n_bytes, uint64_t key[2]);
/* Keeps a word and its at most 15 ids. */
void gm_word_cache_put(struct gm_word_cache *cache, const uint64_t key[2], const uint32_t *ids,
                       size_t n_ids);
/* Writes four ids, of which the returned number count. */
static inline size_t gm_word_copy(const struct gm_word_ids *entry, uint32_t *ids)
{
    uint32_t last = entry->ids[3];
#ifdef __SSE2__
    __m128i four = _mm_load_si128((const __m128i *)(const void *)entry->ids);
    four = _mm_and_si128(four, _mm_set1_epi32((int)GM_WORD_ID_MASK));
    _mm_storeu_si128((__m128i *)(void *)ids, four);
#else
    for (unsigned i = 0; i < GM_WORD_INLINE_IDS; i++)
        ids[i] = entry->ids[i] & GM_WORD_ID_MASK;
#endif
    return last >> GM_WORD_N_IDS_SHIFT;
}

/* The entry of a word in either bucket, whose ids are there; NULL: none. */
const struct gm_word_ids *gm_word_cache_find(const struct gm_word_cache *cache,
                                             const uint64_t key[2]);
/* Copies the ids of an entry; SIZE_MAX: its record has been overwritten. */
size_t gm_word_cache_get(const struct gm_word_cache *cache, const struct gm_word_ids *entry,
                         uint32_t *ids);

/* Counts a hit. Any entry may be given; those that are not of the cache are left alone. */
void gm_word_cache_count(struct gm_word_cache *cache, const struct gm_word_ids *entry);
/* Moves a word from its second bucket to its first one, if it is seen more often than one there. */
void gm_word_cache_promote(struct gm_word_cache *cache, const uint64_t key[2]);

/* The same for words of 16 bytes and more. hash: gm_bpe_hash. */
void gm_word_cache_prefetch_long(const struct gm_word_cache *cache, uint64_t hash);
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
