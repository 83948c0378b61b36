/* Which tokens their own bytes encode to, by merges alone: such a token may stand in a word cache
 * for pieces and parts of pieces. Private to bpe*.c. */
#ifndef GM_TOKENIZE_BPE_SEED_H
#define GM_TOKENIZE_BPE_SEED_H

#include "base/buf.h"
#include "tokenize/bpe_tables.h"

/* The pairs that merge, in order of ranks, as gm_pair_table_build takes them. */
struct gm_bpe_pairs {
    const uint64_t *items;
    size_t n;
};

/* seeds: a bit a token. bpe is complete but for seeds and, perhaps, cuts, pool_bytes the size of
 * its pool. is_plain: a merge has the bytes of its parts, every token that merges make can be
 * reached from symbols alone, and no place in a word has symbols of its own; without it each token
 * is merged from its bytes, which takes longer. GM_NOMEM. */
enum gm_status gm_bpe_seed_build(struct gm_buf *seeds, const struct gm_bpe *bpe, size_t pool_bytes,
                                 struct gm_bpe_pairs pairs, bool is_plain);

#endif
