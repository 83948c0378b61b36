/* A scan for pairs of neighbouring bytes out of a set: the prefilter of the search for added
 * tokens. AVX-512, AVX2 and portable code, chosen at run time, find the same places.
 *
 * The set is kept exactly (a bit a pair) and as an outer bound for the vector code: eight groups of
 * pairs, each a set of half bytes for every one of the four half bytes of a pair. Pure functions.
 */
#ifndef GM_TOKENIZE_PAIRS_H
#define GM_TOKENIZE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_pairs {
    uint8_t low0[16], high0[16], low1[16], high1[16]; /* bit per group */
    uint64_t exact[1024];                             /* bit first << 8 | second */
    bool last[256];      /* bytes that alone are in the set, as the text's last one, too */
    uint8_t groups[256]; /* of a first byte, plus 1; 0: none yet */
    unsigned n_groups;
};

void gm_pairs_init(struct gm_pairs *pairs);
/* Adds first and second; second < 0: any byte or the end of the text. */
void gm_pairs_add(struct gm_pairs *pairs, uint8_t first, int second);
/* The first place from `from` on where a pair of the set stands; n_bytes: none. */
size_t gm_pairs_find(const struct gm_pairs *pairs, const uint8_t *text, size_t from,
                     size_t n_bytes);

#endif
