/* The tokens that are said to be what their bytes encode to (seeds) are those of a naive model: for
 * vocabularies whose ranks rise with the merges, as trained ones do, for ranks in any order, for
 * rank files, and for characters as symbols. */
#include "naive_bpe.h"
#include "token_spec.h"
#include "tokenize/bpe_merge.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of one letter are likely to meet each other; the last ones are characters. */
static const char *const letters[] = {"a", "b", "c", "d", "\xC3\xA9", "\xE4\xB8\xAD"};

static unsigned below(unsigned limit)
{
    return (unsigned)rand() % limit;
}

static void add_merge(struct gm_spec *spec, uint32_t left, uint32_t right, size_t max_bytes)
{
    uint8_t both[128];
    struct gm_spec_text a = spec->tokens[left].text, b = spec->tokens[right].text;
    size_t n_bytes = (size_t)a.n_bytes + b.n_bytes;
    if (n_bytes > max_bytes)
        return;
    memcpy(both, gm_spec_bytes(spec, a), a.n_bytes);
    memcpy(both + a.n_bytes, gm_spec_bytes(spec, b), b.n_bytes);
    uint32_t merged = token_spec_find(spec, both, n_bytes);
    if (merged == GM_NO_TOKEN)
        merged = token_spec_add(spec, both, n_bytes);
    if (spec->model == GM_MODEL_BPE)
        token_spec_merge_ids(spec, left, right, merged);
}

/* What merges begin with: a byte or character of the letters, or a token that was made. */
static uint32_t random_token(const struct gm_spec *spec, uint32_t n_symbols, unsigned n_letters)
{
    if (spec->n_tokens > n_symbols && below(4) != 0)
        return n_symbols + below(spec->n_tokens - n_symbols);
    const char *letter = letters[below(n_letters)];
    return token_spec_find(spec, letter, spec->flags & GM_SPEC_BYTE_LEVEL ? 1 : strlen(letter));
}

static void shuffle(struct gm_spec *spec, unsigned n_swaps)
{
    while (spec->n_merges > 1 && n_swaps-- > 0) {
        uint32_t one = below(spec->n_merges), other = below(spec->n_merges);
        struct gm_spec_merge swap = spec->merges[one];
        spec->merges[one] = spec->merges[other];
        spec->merges[other] = swap;
    }
}

static void expect_naive_seeds(const struct gm_spec *spec)
{
    struct token_image made;
    unsigned n_seeds = 0;
    token_image_make(&made, spec);
    const struct gm_bpe *bpe = gm_image_bpe(made.image);
    assert_non_null(bpe->cuts);
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        uint32_t ids[128];
        uint64_t n_unknown = 0;
        struct gm_spec_text text = spec->tokens[i].text;
        size_t n = gm_bpe_symbols(bpe, gm_spec_bytes(spec, text), text.n_bytes, ids, &n_unknown);
        n = naive_bpe_merge(spec, ids, n);
        bool is_seed = n == 1 && n_unknown == 0 && ids[0] == i && text.n_bytes <= GM_BPE_SCAN_MAX;
        assert_int_equal(bpe->seeds[i / 64] >> i % 64 & 1, is_seed);
        n_seeds += is_seed;
    }
    assert_true(n_seeds > 0);
    token_image_free(&made);
}

/* All bytes, or their stand-ins and the letters. */
static void add_symbols(struct gm_spec *spec)
{
    if (spec->flags & GM_SPEC_BYTE_LEVEL) {
        token_spec_add_bytes(spec);
        return;
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", byte);
        token_spec_add_text(spec, name);
    }
    for (unsigned i = 0; i < GM_ARRAY_LEN(letters); i++)
        token_spec_add_text(spec, letters[i]);
}

static void check_random(enum gm_model_kind model, uint32_t flags, unsigned shuffled)
{
    for (unsigned round = 0; round < 300; round++) {
        struct gm_spec spec;
        unsigned n_letters = 1 + below(GM_ARRAY_LEN(letters)), n_merges = 2 + below(120);
        size_t max_bytes = round % 10 ? 14 : 70;
        token_spec_init(&spec, model, flags);
        add_symbols(&spec);
        uint32_t n_symbols = spec.n_tokens;
        for (unsigned i = 0; i < n_merges; i++)
            add_merge(&spec, random_token(&spec, n_symbols, n_letters),
                      random_token(&spec, n_symbols, n_letters), max_bytes);
        shuffle(&spec, shuffled ? below(shuffled) : 0);
        expect_naive_seeds(&spec);
        token_spec_free(&spec);
    }
}

static void seeds_of_merges_in_the_order_of_training(void **state)
{
    (void)state;
    srand(1);
    check_random(GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL, 0);
}

static void seeds_of_merges_in_almost_that_order(void **state)
{
    (void)state;
    srand(2);
    check_random(GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL, 6);
}

static void seeds_of_merges_in_any_order(void **state)
{
    (void)state;
    srand(3);
    check_random(GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL, 500);
}

static void seeds_of_ranks(void **state)
{
    (void)state;
    srand(4);
    check_random(GM_MODEL_RANKS, GM_SPEC_BYTE_LEVEL, 0);
}

static void seeds_of_characters(void **state)
{
    (void)state;
    srand(5);
    check_random(GM_MODEL_BPE, GM_SPEC_BYTE_FALLBACK, 3);
}

/* The model takes the later one of two equal pairs, wherever it stands. */
static void seeds_of_pairs_that_are_listed_twice(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(&spec);
    token_spec_merge(&spec, "a", "b");
    token_spec_merge(&spec, "b", "c");
    token_spec_merge(&spec, "ab", "c");
    expect_naive_seeds(&spec);
    token_spec_merge(&spec, "a", "b");
    expect_naive_seeds(&spec);
    token_spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_of_merges_in_the_order_of_training),
        cmocka_unit_test(seeds_of_merges_in_almost_that_order),
        cmocka_unit_test(seeds_of_merges_in_any_order),
        cmocka_unit_test(seeds_of_ranks),
        cmocka_unit_test(seeds_of_characters),
        cmocka_unit_test(seeds_of_pairs_that_are_listed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
