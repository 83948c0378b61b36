/* tool_split: pieces of texts, for the comparison with the reference.
 *
 *      tool_split SCHEME TIER <records >ends
 *
 * A record is a text's length (uint32_t) and its bytes; the answer the number of pieces and their
 * ends (uint32_t each). TIER: scalar, avx2 or avx512; the best one
 * if the processor has not got it. */
#include "tokenize/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum gm_scheme scheme_named(const char *name)
{
    for (unsigned i = 0; i < GM_SCHEME_COUNT; i++)
        if (strcmp(name, gm_scheme_name((enum gm_scheme)i)) == 0)
            return (enum gm_scheme)i;
    return GM_SCHEME_NONE;
}

static enum gm_split_tier tier_named(const char *name)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    for (unsigned i = 0; i < GM_TIER_COUNT; i++)
        if (strcmp(name, names[i]) == 0 && i <= gm_split_best_tier())
            return (enum gm_split_tier)i;
    return gm_split_best_tier();
}

int main(int argc, char **argv)
{
    if (argc != 3 || scheme_named(argv[1]) == GM_SCHEME_NONE)
        return 2;
    enum gm_scheme scheme = scheme_named(argv[1]);
    enum gm_split_tier tier = tier_named(argv[2]);
    uint32_t n_bytes;
    while (fread(&n_bytes, sizeof(n_bytes), 1, stdin) == 1) {
        uint8_t *text = malloc((size_t)n_bytes + 1);
        uint32_t *ends = malloc(((size_t)n_bytes + 1 + GM_SPLIT_MIN_PIECES) * sizeof(*ends));
        if (text == NULL || ends == NULL || fread(text, 1, n_bytes, stdin) != n_bytes)
            return 1;
        struct gm_split split;
        gm_split_begin(&split, scheme, tier, text, n_bytes);
        uint32_t n_pieces = 0;
        for (size_t n; (n = gm_split_next(&split, ends + n_pieces, GM_SPLIT_MIN_PIECES)) > 0;)
            n_pieces += (uint32_t)n;
        fwrite(&n_pieces, sizeof(n_pieces), 1, stdout);
        fwrite(ends, sizeof(*ends), n_pieces, stdout);
        free(text);
        free(ends);
    }
    return fflush(stdout) != 0;
}
