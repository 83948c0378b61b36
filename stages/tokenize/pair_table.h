/* (left, right) -> rank, the look-up that merging consists of. The set of pairs is known when the
 * image is made, so the table is a perfect hash: a pilot number for each bucket of about four pairs
 * was searched for that sends all of them to free slots. A look-up is two loads and a comparison,
 * without a loop and without a branch, and the table is four fifths full.
 *
 *      hash(pair) -> bucket -> pilot (16 bits)
 *      hash(pair), pilot -> slot = left 21 bits | right 21 bits | rank 22 bits
 */
#ifndef GM_TOKENIZE_PAIR_TABLE_H
#define GM_TOKENIZE_PAIR_TABLE_H

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define GM_PAIR_ID_BITS   21
#define GM_PAIR_RANK_BITS 22
#define GM_PAIR_MAX_RANK  ((1u << GM_PAIR_RANK_BITS) - 1)
#define GM_PAIR_EMPTY     UINT64_MAX
#define GM_PAIR_NO_RANK   UINT32_MAX

struct gm_pair_table {
    const uint64_t *slots;
    const uint16_t *pilots;
    size_t n_slots, n_pilots; /* at least 1, below 2^32 */
    size_t n_pairs;           /* set when it is made */
    uint64_t multiplier;      /* of the hash; another one if the first does not work */
};

/* A place in a table of n from a hash whose upper bits are good. */
static inline size_t gm_hash_place(uint64_t hash, size_t n)
{
    return (size_t)(((hash >> 32) * (uint64_t)n) >> 32);
}

static inline uint64_t gm_pair_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << GM_PAIR_ID_BITS | right;
}

static inline uint64_t gm_pair_hash(uint64_t key, uint64_t multiplier)
{
    key *= multiplier;
    return key ^ key >> 32;
}

static inline size_t gm_pair_bucket(uint64_t hash, size_t n_pilots)
{
    return gm_hash_place(hash, n_pilots);
}

static inline size_t gm_pair_slot(uint64_t hash, uint32_t pilot, size_t n_slots)
{
    return gm_hash_place((hash ^ pilot * 0xA0761D6478BD642Fu) * 0xD6E8FEB86659FD93u, n_slots);
}

/* The one slot in which this pair can be. */
static inline const uint64_t *gm_pair_at(const struct gm_pair_table *table, uint64_t key)
{
    uint64_t hash = gm_pair_hash(key, table->multiplier);
    uint32_t pilot = table->pilots[gm_pair_bucket(hash, table->n_pilots)];
    return &table->slots[gm_pair_slot(hash, pilot, table->n_slots)];
}

/* GM_PAIR_NO_RANK: the two do not merge. */
static inline uint32_t gm_pair_rank(const struct gm_pair_table *table, uint32_t left,
                                    uint32_t right)
{
    uint64_t key = gm_pair_key(left, right), slot = *gm_pair_at(table, key);
    return slot >> GM_PAIR_RANK_BITS == key ? slot & GM_PAIR_MAX_RANK : GM_PAIR_NO_RANK;
}

/* Makes the table, in the memory of slots and pilots: items are key << GM_PAIR_RANK_BITS | rank. Of
 * items with the same key the one with the higher rank stays. GM_INPUT: pairs chosen to collide.
 * GM_NOMEM. No text is set. */
enum gm_status gm_pair_table_build(const uint64_t *items, size_t n_items, struct gm_buf *slots,
                                   struct gm_buf *pilots, struct gm_pair_table *table);

#endif
