/* Counts distinct words. A word is known by a 64-bit hash of its casefolded bytes, of which at
 * least 59 bits take part in every comparison: two different words of one text are taken for one
 * with a chance below one in a hundred million for the largest text that is counted.
 *
 * The set is reused from text to text without clearing: each entry carries the number of the text
 * that wrote it. Memory is bounded: at most 16 MB of table, for GM_WORDSET_MAX_WORDS distinct
 * words; from that many on the set stops counting. One thread. */
#ifndef GM_TEXT_WORDSET_H
#define GM_TEXT_WORDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GM_WORDSET_MAX_WORDS (1u << 20)

struct gm_wordset {
    uint64_t *slots;  /* bits 48-63: number of the text; 0-47: upper bits of the hash */
    size_t n_slots;   /* allocated */
    uint64_t mask;    /* slots in use for this text, minus 1 */
    uint16_t text;    /* number of this text, never 0 */
    uint32_t n_words; /* distinct so far; from GM_WORDSET_MAX_WORDS on: that many or more */
};

#define GM_WORDSET_HASH_BITS 48

void gm_wordset_init(struct gm_wordset *set);
void gm_wordset_fini(struct gm_wordset *set);
/* Empties the set for a text of text_bytes. false: no memory. */
bool gm_wordset_begin(struct gm_wordset *set, size_t text_bytes);
/* The rest of gm_wordset_add, for a slot that another word holds. */
void gm_wordset_add_far(struct gm_wordset *set, uint64_t hash);

/* What a slot holds for a word of the text. */
static inline uint64_t gm_wordset_entry(uint64_t text, uint64_t hash)
{
    return text << GM_WORDSET_HASH_BITS | hash >> (64 - GM_WORDSET_HASH_BITS);
}

/* Does the slot hold another word of this text? difference: of what it holds and what it shall. */
static inline bool gm_wordset_is_taken(uint64_t difference)
{
    return difference - 1 < (UINT64_C(1) << GM_WORDSET_HASH_BITS) - 1;
}

static inline void gm_wordset_add(struct gm_wordset *set, uint64_t hash)
{
    uint64_t *slot = &set->slots[hash & set->mask];
    const uint64_t entry = gm_wordset_entry(set->text, hash);
    const uint64_t difference = *slot ^ entry;
    /* Whether a word is new cannot be predicted, so there is a branch for the third case only: the
     * slot holds another word of this text. */
    if (__builtin_expect(gm_wordset_is_taken(difference), 0)) {
        gm_wordset_add_far(set, hash);
        return;
    }
    *slot = entry;
    set->n_words += difference != 0;
}

/* The hash: 16 bytes at a time, the last chunk (1..16 bytes) padded with zeros and marked with its
 * length. Both ways to feed it, by whole words and by code points, give the same value. */
#define GM_WORDSET_SEED UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t gm_wordset_mix(uint64_t hash, uint64_t low, uint64_t high)
{
    const unsigned __int128 product =
        (unsigned __int128)(low ^ hash) * (high ^ UINT64_C(0xA0761D6478BD642F));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The last chunk at `from`, of which 16 bytes are readable. */
static inline uint64_t gm_wordset_mix_last(uint64_t hash, const uint8_t *from, size_t n_bytes)
{
    static const uint8_t keep[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint64_t low, high, low_mask, high_mask;
    memcpy(&low, from, 8);
    memcpy(&high, from + 8, 8);
    memcpy(&low_mask, keep + 16 - n_bytes, 8);
    memcpy(&high_mask, keep + 24 - n_bytes, 8);
    return gm_wordset_mix(hash ^ n_bytes, low & low_mask, high & high_mask);
}

/* Hash of a whole word (n_bytes >= 1). 16 bytes behind it must be readable. */
static inline uint64_t gm_word_hash(const uint8_t *word, size_t n_bytes)
{
    uint64_t hash = GM_WORDSET_SEED, low, high;
    for (; __builtin_expect(n_bytes > 16, 0); word += 16, n_bytes -= 16) {
        memcpy(&low, word, 8);
        memcpy(&high, word + 8, 8);
        hash = gm_wordset_mix(hash, low, high);
    }
    return gm_wordset_mix_last(hash, word, n_bytes);
}

/* The same, one code point at a time. */
struct gm_word_hash {
    uint64_t hash;
    unsigned __int128 chunk; /* bytes that are not mixed yet, the first the lowest, then zeros */
    unsigned n_chunk;        /* 1..16 of them, 0 at the start */
};

static inline void gm_word_hash_init(struct gm_word_hash *state)
{
    *state = (struct gm_word_hash){GM_WORDSET_SEED, 0, 0};
}

/* The UTF-8 of a code point, the first byte the lowest; returns how many bytes. */
static inline unsigned gm_word_hash_encode(uint32_t code_point, uint32_t *bytes)
{
    if (code_point < 0x80) {
        *bytes = code_point;
        return 1;
    }
    if (code_point < 0x800) {
        *bytes = (0xC0 | code_point >> 6) | (0x80 | (code_point & 0x3F)) << 8;
        return 2;
    }
    if (code_point < 0x10000) {
        *bytes = (0xE0 | code_point >> 12) | (0x80 | (code_point >> 6 & 0x3F)) << 8 |
                 (0x80 | (code_point & 0x3F)) << 16;
        return 3;
    }
    *bytes = (0xF0 | code_point >> 18) | (0x80 | (code_point >> 12 & 0x3F)) << 8 |
             (0x80 | (code_point >> 6 & 0x3F)) << 16 | (0x80 | (code_point & 0x3F)) << 24;
    return 4;
}

static inline void gm_word_hash_put(struct gm_word_hash *state, uint32_t code_point)
{
    uint32_t bytes;
    const unsigned n_bytes = gm_word_hash_encode(code_point, &bytes);
    const unsigned n = state->n_chunk + n_bytes;
    if (__builtin_expect(n <= 16, 1)) {
        state->chunk |= (unsigned __int128)bytes << (8 * state->n_chunk);
        state->n_chunk = n;
        return;
    }
    const unsigned n_fit = 16 - state->n_chunk; /* 0..3 */
    if (n_fit > 0)
        state->chunk |= (unsigned __int128)bytes << (8 * state->n_chunk);
    state->hash =
        gm_wordset_mix(state->hash, (uint64_t)state->chunk, (uint64_t)(state->chunk >> 64));
    state->chunk = bytes >> (8 * n_fit);
    state->n_chunk = n - 16;
}

/* At least one code point must have been put. */
static inline uint64_t gm_word_hash_final(const struct gm_word_hash *state)
{
    return gm_wordset_mix(state->hash ^ state->n_chunk, (uint64_t)state->chunk,
                          (uint64_t)(state->chunk >> 64));
}

#endif
