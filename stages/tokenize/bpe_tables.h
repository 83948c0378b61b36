/* The tables of byte-pair encoding as they stand in an image, and the look-ups in them. Private to
 * bpe*.c and image*.c.
 *
 *      symbols     the id of a single byte or character, in its four places in a word
 *      pairs       (left, right) -> rank, open addressing, at most half full:
 *                  slot = left 21 bits | right 21 bits | rank 22 bits
 *      merged      rank -> id of the result; left out where the rank is the id (RANKS)
 *      vocabulary  bytes -> token, where a whole piece may be one (RANKS, IGNORE_MERGES)
 *      seeds       one bit a token: its bytes encode to itself, as a piece and by merges alone
 *      cuts        bpe_cut.h
 *
 * Ids and ranks in a hostile image may be wrong but not out of range: image_open.c checks that. */
#ifndef GM_TOKENIZE_BPE_TABLES_H
#define GM_TOKENIZE_BPE_TABLES_H

#include "tokenize/bpe.h"
#include "tokenize/spec.h"
#include <stdbool.h>

#define GM_BPE_ID_BITS   21
#define GM_BPE_RANK_BITS 22
#define GM_BPE_MAX_ID    ((1u << GM_BPE_ID_BITS) - 2) /* so that no slot looks empty */
#define GM_BPE_MAX_RANK  ((1u << GM_BPE_RANK_BITS) - 1)
#define GM_BPE_EMPTY     UINT64_MAX
#define GM_BPE_NO_RANK   UINT32_MAX

/* Where a character stands in its word decides about prefix and suffix. */
enum gm_bpe_place {
    GM_BPE_FIRST = 0,
    GM_BPE_LATER = 1, /* not the first: has the prefix */
    GM_BPE_LAST = 2,  /* has the suffix; may be or'ed with LATER */
    GM_BPE_PLACES = 4
};

enum gm_bpe_head_flags {
    GM_BPE_WHOLE_PIECES = 1, /* a piece that is a token is its id */
    GM_BPE_BYTE_SYMBOLS = 2, /* symbols are bytes, else characters */
    GM_BPE_FALLBACK = 4,     /* byte_ids is in use */
    GM_BPE_FUSE_UNK = 8
};

struct gm_bpe_head {
    uint32_t flags;           /* enum gm_bpe_head_flags */
    uint32_t n_ids;           /* every id in the tables is below */
    uint32_t unk_id;          /* GM_NO_TOKEN: unknown characters vanish */
    uint32_t max_token_bytes; /* of those in vocabulary */
    uint32_t place_mask;      /* places that differ: LATER if there is a prefix, LAST a suffix */
    uint32_t cut_bits;        /* the set of pairs in cuts has 2^cut_bits */
    /* Ids of the bytes, or of the characters below 256; GM_NO_TOKEN: none. */
    uint32_t symbols[GM_BPE_PLACES][256];
    uint32_t byte_ids[256]; /* <0x00> .. <0xFF> */
};

struct gm_bpe {
    const struct gm_bpe_head *head;
    const uint64_t *pairs;
    const uint32_t *merged; /* NULL: the rank is the id */
    const uint64_t *symbols;
    const uint32_t *vocabulary; /* index of the token, plus 1; 0: empty */
    const uint64_t *seeds;
    const uint64_t *cuts; /* NULL: long pieces are not cut */
    size_t n_pairs, n_merged, n_symbols, n_vocabulary;
    const struct gm_spec_token *tokens;
    const uint8_t *pool;
    size_t n_tokens;
};

/* A place in a table of n slots from a hash whose upper bits are good. */
static inline size_t gm_bpe_slot(uint64_t hash, size_t n)
{
    return (size_t)(((hash >> 32) * (uint64_t)n) >> 32);
}

static inline uint64_t gm_bpe_pair_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << GM_BPE_ID_BITS | right;
}

static inline uint64_t gm_bpe_mix(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key << 32;
}

/* GM_BPE_NO_RANK: the two do not merge. */
static inline uint32_t gm_bpe_rank(const struct gm_bpe *bpe, uint32_t left, uint32_t right)
{
    uint64_t key = gm_bpe_pair_key(left, right);
    size_t at = gm_bpe_slot(gm_bpe_mix(key), bpe->n_pairs);

    for (;;) {
        uint64_t slot = bpe->pairs[at];
        if (slot >> GM_BPE_RANK_BITS == key)
            return slot & GM_BPE_MAX_RANK;
        if (slot == GM_BPE_EMPTY)
            return GM_BPE_NO_RANK;
        if (++at == bpe->n_pairs)
            at = 0;
    }
}

static inline uint32_t gm_bpe_merged(const struct gm_bpe *bpe, uint32_t rank)
{
    return bpe->merged ? bpe->merged[rank] : rank;
}

/* slot of symbols: character 21 bits | place 2 bits | id 21 bits */
static inline uint64_t gm_bpe_symbol_key(uint32_t character, unsigned place)
{
    return (uint64_t)character << 2 | place;
}
/* Id of a character from 256 on; GM_NO_TOKEN: none. */
uint32_t gm_bpe_symbol(const struct gm_bpe *bpe, uint32_t character, unsigned place);
/* Id of the token with these bytes; GM_NO_TOKEN: none. Only with GM_BPE_WHOLE_PIECES. */
uint32_t gm_bpe_whole(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes);
/* The same, as its place in tokens plus 1; 0: none. */
uint32_t gm_bpe_whole_index(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes);
/* The hash behind vocabulary. */
uint64_t gm_bpe_hash(const uint8_t *bytes, size_t n_bytes);

#endif
