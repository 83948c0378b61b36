/* A trie of byte strings as a double array: one look-up a byte, whatever the number of branches.
 * Built once, then read-only.
 *
 *      node = gm_trie_step(trie, GM_TRIE_ROOT, 'a')   0: no string goes on like this
 *      value = trie->units[node].value                GM_TRIE_NOTHING: no string ends here
 */
#ifndef GM_TOKENIZE_TRIE_H
#define GM_TOKENIZE_TRIE_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define GM_TRIE_ROOT    1u
#define GM_TRIE_NOTHING UINT32_MAX

struct gm_trie_unit {
    uint32_t base;   /* the child for byte c is at base ^ c */
    uint32_t parent; /* 0: free */
    uint32_t value;
};
struct gm_trie {
    struct gm_trie_unit *units;
    uint32_t n_units;
};

struct gm_trie_key {
    const uint8_t *bytes;
    uint32_t n_bytes;
    uint32_t value; /* not GM_TRIE_NOTHING */
};

/* keys are sorted in place. Empty ones are left out; of equal ones the largest value counts.
 * GM_NOMEM. */
enum gm_status gm_trie_build(struct gm_trie *trie, struct gm_trie_key *keys, size_t n_keys,
                             struct gm_err *err);
void gm_trie_free(struct gm_trie *trie);

static inline uint32_t gm_trie_step(const struct gm_trie *trie, uint32_t node, uint8_t byte)
{
    uint32_t next = trie->units[node].base ^ byte;
    return trie->units[next].parent == node ? next : 0;
}

/* The node at the end of the bytes, from node on; 0: none. */
uint32_t gm_trie_walk(const struct gm_trie *trie, uint32_t node, const uint8_t *bytes,
                      size_t n_bytes);

#endif
