#include "naive_bpe.h"

#include "token_spec.h"
#include <string.h>

/* The rank of a pair; UINT32_MAX: it does not merge. Of a pair that is listed twice the later one
 * counts. */
static uint32_t rank_of(const struct gm_spec *spec, uint32_t left, uint32_t right, uint32_t *merged)
{
    uint8_t both[128];
    for (uint32_t i = spec->n_merges; i-- > 0;)
        if (spec->merges[i].left == left && spec->merges[i].right == right) {
            *merged = spec->merges[i].merged;
            return i;
        }
    struct gm_spec_text a = spec->tokens[left].text, b = spec->tokens[right].text;
    if (spec->model != GM_MODEL_RANKS || a.n_bytes + b.n_bytes > sizeof both)
        return UINT32_MAX;
    memcpy(both, gm_spec_bytes(spec, a), a.n_bytes);
    memcpy(both + a.n_bytes, gm_spec_bytes(spec, b), b.n_bytes);
    return *merged = token_spec_find(spec, both, a.n_bytes + b.n_bytes);
}

size_t naive_bpe_merge(const struct gm_spec *spec, uint32_t *ids, size_t n)
{
    static uint32_t ranks[NAIVE_BPE_MAX_SYMBOLS], results[NAIVE_BPE_MAX_SYMBOLS];

    GM_ASSERT(n <= NAIVE_BPE_MAX_SYMBOLS);
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(spec, ids[i], ids[i + 1], &results[i]);
    while (n > 1) {
        size_t at = 0;
        for (size_t i = 1; i + 1 < n; i++)
            at = ranks[i] < ranks[at] ? i : at;
        if (ranks[at] == UINT32_MAX)
            break;
        ids[at] = results[at];
        n--;
        memmove(ids + at + 1, ids + at + 2, (n - at - 1) * sizeof *ids);
        memmove(ranks + at, ranks + at + 1, (n - at) * sizeof *ranks);
        memmove(results + at, results + at + 1, (n - at) * sizeof *results);
        if (at + 1 < n)
            ranks[at] = rank_of(spec, ids[at], ids[at + 1], &results[at]);
        if (at > 0)
            ranks[at - 1] = rank_of(spec, ids[at - 1], ids[at], &results[at - 1]);
    }
    return n;
}

uint32_t naive_bpe_whole(const struct gm_spec *spec, const uint8_t *piece, size_t n_bytes)
{
    if (n_bytes == 0 || (spec->model != GM_MODEL_RANKS && !(spec->flags & GM_SPEC_IGNORE_MERGES)))
        return GM_NO_TOKEN;
    return token_spec_find(spec, piece, n_bytes);
}
