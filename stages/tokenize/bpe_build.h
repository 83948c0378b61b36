/* Computes the tables of bpe_tables.h from a spec. */
#ifndef GM_TOKENIZE_BPE_BUILD_H
#define GM_TOKENIZE_BPE_BUILD_H

#include "base/buf.h"
#include "tokenize/bpe_tables.h"

struct gm_bpe_build {
    struct gm_buf head, pairs, pilots, grid, merged, symbols, vocabulary, seeds,
        cuts; /* sections */
};
void gm_bpe_build_init(struct gm_bpe_build *build);
void gm_bpe_build_free(struct gm_bpe_build *build);

/* spec->model is BPE or RANKS. GM_INPUT: what is not supported, or contradicts itself. GM_NOMEM. */
enum gm_status gm_bpe_build(struct gm_bpe_build *build, const struct gm_spec *spec,
                            struct gm_err *err);

#endif
