/* The tables of byte-pair encoding as they stand in an image, and the look-ups in them. Private to
 * bpe*.c and image*.c.
 *
 *      symbols     the id of a single byte or character, in its four places in a word
 *      pairs       (left, right) -> rank (pair_table.h): slots and pilots
 *      grid        (byte, byte) -> rank of the pair of their symbols; only for byte symbols
 *      merged      rank -> id of the result; left out where the rank is the id (RANKS)
 *      vocabulary  bytes -> token: whole pieces (RANKS, IGNORE_MERGES), and words that need no
 *                  merges
 *      seeds       one bit a token: its bytes encode to itself, as a piece and by merges alone
 *      cuts        bpe_cut.h
 *
 * Ids and ranks in a hostile image may be wrong but not out of range: image_open.c checks that. */
#ifndef GM_TOKENIZE_BPE_TABLES_H
#define GM_TOKENIZE_BPE_TABLES_H

#include "tokenize/bpe.h"
#include "tokenize/pair_table.h"
#include "tokenize/spec.h"
#include <string.h>

#define GM_BPE_ID_BITS   GM_PAIR_ID_BITS
#define GM_BPE_MAX_ID    ((1u << GM_BPE_ID_BITS) - 2) /* so that no slot looks empty */
#define GM_BPE_EMPTY     UINT64_MAX
#define GM_BPE_NO_RANK   GM_PAIR_NO_RANK
#define GM_BPE_TAG_BITS  11 /* of a hash, above an index of a token */

#define GM_BPE_LONG_BITS 16384u

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
    uint64_t multiplier;    /* of the pair table */
    /* A bit by the first eight bytes of each token of 16 and more: what long pieces may be one. */
    uint64_t long_tokens[GM_BPE_LONG_BITS / 64];
};

struct gm_bpe {
    const struct gm_bpe_head *head;
    struct gm_pair_table pairs;
    const uint32_t *merged; /* NULL: the rank is the id */
    const uint64_t *symbols;
    const uint32_t *vocabulary; /* index of the token, plus 1, and a tag; 0: empty */
    const uint64_t *seeds;
    const uint64_t *cuts; /* NULL: long pieces are not cut */
    const uint32_t *grid; /* NULL: none */
    size_t n_merged, n_symbols, n_vocabulary;
    const struct gm_spec_token *tokens;
    const uint8_t *pool;
    size_t n_tokens;
};

/* bytes: at least 8 */
static inline unsigned gm_bpe_long_bit(const uint8_t *bytes)
{
    uint64_t first;
    memcpy(&first, bytes, sizeof first);
    return (unsigned)(first * 0x9E3779B97F4A7C15u >> 50);
}

static inline uint64_t gm_bpe_mix(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key << 32;
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
/* Id of the token with these bytes; GM_NO_TOKEN: none. */
uint32_t gm_bpe_whole(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes);
/* The same, as its place in tokens plus 1; 0: none. */
uint32_t gm_bpe_whole_index(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes);
/* Has its slot brought to the cache. */
void gm_bpe_prefetch_whole(const struct gm_bpe *bpe, const uint8_t *bytes, size_t n_bytes);
/* slot of vocabulary: index of the token plus 1, 21 bits | 11 bits of the hash */
static inline uint32_t gm_bpe_tagged(uint32_t index, uint64_t hash)
{
    return (uint32_t)hash << GM_BPE_ID_BITS | index;
}
static inline uint32_t gm_bpe_untagged(uint32_t slot)
{
    return slot & ((1u << GM_BPE_ID_BITS) - 1);
}
/* The hash behind vocabulary. */
uint64_t gm_bpe_hash(const uint8_t *bytes, size_t n_bytes);

#endif
