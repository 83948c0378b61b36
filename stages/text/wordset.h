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
    uint64_t *slots;  /* bits 0-15: number of the text; 16-63: upper bits of the hash */
    size_t n_slots;   /* allocated */
    uint64_t mask;    /* slots in use for this text, minus 1 */
    uint16_t text;    /* number of this text, never 0 */
    uint32_t n_words; /* distinct so far; from GM_WORDSET_MAX_WORDS on: that many or more */
};

void gm_wordset_init(struct gm_wordset *set);
void gm_wordset_fini(struct gm_wordset *set);
/* Empties the set for a text of text_bytes. false: no memory. */
bool gm_wordset_begin(struct gm_wordset *set, size_t text_bytes);
/* The rest of gm_wordset_add, for a slot that another word holds. */
void gm_wordset_add_far(struct gm_wordset *set, uint64_t hash);

static inline void gm_wordset_add(struct gm_wordset *set, uint64_t hash)
{
    uint64_t *slot = &set->slots[hash & set->mask];
    const uint64_t entry = (hash & ~(uint64_t)0xFFFF) | set->text;
    const bool is_taken = (uint16_t)*slot == set->text;
    if (__builtin_expect(is_taken && *slot != entry, 0)) {
        gm_wordset_add_far(set, hash);
        return;
    }
    /* Written even if it is there already: whether a word is new cannot be predicted. */
    *slot = entry;
    set->n_words += !is_taken;
}

/* The hash: 16 bytes at a time, the last chunk (1..16 bytes) padded with zeros and marked with its
 * length. Both ways to feed it, by whole words and by pieces, give the same value. */
#define GM_WORDSET_SEED UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t gm_wordset_mix(uint64_t hash, uint64_t low, uint64_t high)
{
    const unsigned __int128 product =
        (unsigned __int128)(low ^ hash) * (high ^ UINT64_C(0xA0761D6478BD642F));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct gm_word_hash {
    uint64_t hash;
    uint32_t n_chunk;
    uint8_t chunk[16];
};

static inline void gm_word_hash_init(struct gm_word_hash *state)
{
    *state = (struct gm_word_hash){.hash = GM_WORDSET_SEED};
}
void gm_word_hash_update(struct gm_word_hash *state, const uint8_t *bytes, size_t n_bytes);
uint64_t gm_word_hash_final(struct gm_word_hash *state);

/* Hash of a whole word (n_bytes >= 1). 16 bytes behind word must be readable. */
static inline uint64_t gm_word_hash(const uint8_t *word, size_t n_bytes)
{
    uint64_t hash = GM_WORDSET_SEED, low, high;
    for (; __builtin_expect(n_bytes > 16, 0); word += 16, n_bytes -= 16) {
        memcpy(&low, word, 8);
        memcpy(&high, word + 8, 8);
        hash = gm_wordset_mix(hash, low, high);
    }
    static const uint8_t keep[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint64_t low_mask, high_mask;
    memcpy(&low, word, 8);
    memcpy(&high, word + 8, 8);
    memcpy(&low_mask, keep + 16 - n_bytes, 8);
    memcpy(&high_mask, keep + 24 - n_bytes, 8);
    return gm_wordset_mix(hash ^ n_bytes, low & low_mask, high & high_mask);
}

#endif
