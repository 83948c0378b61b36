/* Byte-pair encoding against a naive model that works on strings: every flag on vocabularies made
 * by hand, then random vocabularies and words, short and long. */
#include "naive_bpe.h"
#include "token_spec.h"
#include "tokenize/bpe.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IDS 4096

struct ids {
    uint32_t id[MAX_IDS];
    size_t n;
};

static struct ids encode_pieces(const struct gm_spec *spec, const char *text, size_t n_bytes,
                                const uint32_t *ends, size_t n_pieces)
{
    struct token_image made;
    struct ids ids;
    token_image_make(&made, spec);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 0);
    assert_non_null(cache);
    ids.n = gm_bpe_encode(cache, (const uint8_t *)text, n_bytes, 0, ends, n_pieces, ids.id);
    gm_bpe_cache_free(cache);
    token_image_free(&made);
    return ids;
}

static void check(const struct gm_spec *spec, const char *text, const char *expected)
{
    char got[1024] = "";
    uint32_t end = (uint32_t)strlen(text);
    struct ids ids = encode_pieces(spec, text, end, &end, 1);
    for (size_t i = 0; i < ids.n; i++) {
        const struct gm_spec_token *token = &spec->tokens[ids.id[i]];
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "",
                 (int)token->text.n_bytes, (const char *)gm_spec_bytes(spec, token->text));
    }
    assert_string_equal(got, expected);
}

static void merges_go_by_rank_and_leftmost_first(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    for (const char *c = "abcd"; *c; c++)
        token_spec_add(&spec, c, 1);
    token_spec_merge(&spec, "b", "c");
    token_spec_merge(&spec, "a", "b");
    token_spec_merge(&spec, "a", "a");
    token_spec_merge(&spec, "bc", "d");
    check(&spec, "abcd", "a bcd");
    check(&spec, "abab", "ab ab");
    check(&spec, "aaa", "aa a");
    check(&spec, "aaaaa", "aa aa a");
    check(&spec, "d", "d");
    token_spec_free(&spec);
}

static void a_later_line_with_the_same_pair_wins(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    for (const char *c = "abc"; *c; c++)
        token_spec_add(&spec, c, 1);
    token_spec_merge(&spec, "a", "b");
    token_spec_merge(&spec, "b", "c");
    token_spec_merge(&spec, "a", "b");
    check(&spec, "abc", "a bc");
    for (int i = 0; i < 1000; i++)
        token_spec_merge(&spec, "b", "c");
    check(&spec, "abc", "ab c");
    token_spec_free(&spec);
}

static void unknown_characters_vanish_without_unk(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    token_spec_add_text(&spec, "a");
    token_spec_add_text(&spec, "b");
    token_spec_merge(&spec, "a", "b");
    check(&spec,
          "a\xC3\xA9"
          "b",
          "ab");
    check(&spec, "x", "");
    token_spec_free(&spec);
}

static void bytes_without_a_token_are_unknown(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    token_spec_add_text(&spec, "a");
    token_spec_add_text(&spec, "b");
    token_spec_merge(&spec, "a", "b");
    check(&spec, "axb", "ab");
    spec.unk_id = token_spec_add_text(&spec, "?");
    check(&spec, "axyb", "a ? ? b");
    spec.flags |= GM_SPEC_FUSE_UNK;
    check(&spec, "axybabx", "a ? b ab ?");
    token_spec_free(&spec);
}

static void unknown_characters_are_fused_or_not(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    token_spec_add_text(&spec, "a");
    spec.unk_id = token_spec_add_text(&spec, "?");
    check(&spec, "axya", "a ? ? a");
    check(&spec, "xy\xE2\x96\x81", "? ? ?");
    spec.flags = GM_SPEC_FUSE_UNK;
    check(&spec, "axya", "a ? a");
    check(&spec, "xy\xE2\x96\x81", "?");
    token_spec_free(&spec);
}

static void bytes_stand_in_for_unknown_characters(void **state)
{
    struct gm_spec spec;
    char name[8];
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_FALLBACK | GM_SPEC_FUSE_UNK);
    spec.unk_id = token_spec_add_text(&spec, "?");
    token_spec_add_text(&spec, "a");
    token_spec_add_text(&spec, "\xC3\xA9");
    check(&spec, "ax\xC3\xA9", "a ? \xC3\xA9");
    for (int byte = 0; byte < 256; byte++) {
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
        token_spec_add_text(&spec, name);
    }
    check(&spec, "a\xE2\x96\x81\xC3\xA9", "a <0xE2> <0x96> <0x81> \xC3\xA9");
    token_spec_free(&spec);
}

/* The reference writes a pending unk behind the fallback bytes that follow it. */
static void partial_fallback_keeps_the_references_order(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_FALLBACK);
    spec.unk_id = token_spec_add_text(&spec, "?");
    token_spec_add_text(&spec, "a");
    token_spec_add_text(&spec, "<0x79>");
    check(&spec, "xya", "<0x79> ? a");
    token_spec_free(&spec);
}

static void prefix_and_suffix_belong_to_places(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    spec.word_prefix = token_spec_text(&spec, "##", 2);
    spec.word_suffix = token_spec_text(&spec, "/", 1);
    spec.unk_id = token_spec_add_text(&spec, "?");
    token_spec_add_text(&spec, "a");
    token_spec_add_text(&spec, "a/");
    token_spec_add_text(&spec, "##a");
    token_spec_add_text(&spec, "##\xC3\xA9/");
    token_spec_add_text(&spec, "##b/");
    check(&spec, "a", "a/");
    check(&spec, "aa", "a ?");
    check(&spec, "aa\xC3\xA9", "a ##a ##\xC3\xA9/");
    token_spec_merge(&spec, "a", "##a");
    check(&spec, "aab", "aa ##b/");
    token_spec_free(&spec);
}

static void whole_pieces_go_first_where_merges_are_ignored(void **state)
{
    struct gm_spec spec;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    for (const char *c = "abc"; *c; c++)
        token_spec_add(&spec, c, 1);
    token_spec_add_text(&spec, "abc");
    token_spec_merge(&spec, "a", "b");
    check(&spec, "abc", "ab c");
    spec.flags = GM_SPEC_IGNORE_MERGES;
    check(&spec, "abc", "abc");
    check(&spec, "abcc", "ab c c");
    spec.tokens[3].flags = GM_SPEC_TOKEN_UNREACHABLE;
    check(&spec, "abc", "ab c");
    token_spec_free(&spec);
}

static void ranks_merge_into_any_token(void **state)
{
    struct gm_spec spec;
    uint32_t ends[] = {3, 7, 8};
    (void)state;
    token_spec_init(&spec, GM_MODEL_RANKS, 0);
    token_spec_add_bytes(&spec);
    token_spec_add_text(&spec, "bc");  /* 256 */
    token_spec_add_text(&spec, "ab");  /* 257 */
    token_spec_add_text(&spec, "abc"); /* 258 */
    token_spec_add_text(&spec, "xyz"); /* 259: no merge leads to it */
    struct ids ids = encode_pieces(&spec, "abcabcdz", 8, ends, 3);
    assert_int_equal(ids.n, 4);
    assert_int_equal(ids.id[0], 258);
    assert_int_equal(ids.id[1], 258);
    assert_int_equal(ids.id[2], 'd');
    assert_int_equal(ids.id[3], 'z');
    ids = encode_pieces(&spec, "xyzxyzwa", 8, ends, 3);
    assert_int_equal(ids.n, 6);
    assert_int_equal(ids.id[0], 259);
    assert_int_equal(ids.id[1], 'x');
    token_spec_free(&spec);
}

static void what_is_not_supported_is_refused(void **state)
{
    static const uint8_t digest[GM_SHA256_BYTES];
    struct gm_buf bytes = GM_BUF_INIT;
    struct gm_spec spec;
    struct gm_err err;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_FALLBACK);
    spec.word_suffix = token_spec_text(&spec, "/", 1);
    token_spec_add_text(&spec, "<0x41>");
    assert_int_equal(gm_image_build(&spec, GM_SCHEME_NONE, digest, &bytes, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "byte_fallback"));
    spec.flags = GM_SPEC_BYTE_FALLBACK | GM_SPEC_BYTE_LEVEL;
    spec.word_suffix.n_bytes = 0;
    assert_int_equal(gm_image_build(&spec, GM_SCHEME_NONE, digest, &bytes, &err), GM_INPUT);
    spec.flags = 0;
    token_spec_merge_ids(&spec, 0, 7, 0);
    assert_int_equal(gm_image_build(&spec, GM_SCHEME_NONE, digest, &bytes, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "merges[0]"));
    spec.n_merges = 0;
    spec.model = GM_MODEL_RANKS;
    assert_int_equal(gm_image_build(&spec, GM_SCHEME_NONE, digest, &bytes, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "0x00"));
    gm_buf_free(&bytes);
    token_spec_free(&spec);
}

/* The naive model: all pairs looked up in the list of merges, from the last line on. */
static size_t naive_rank(const struct gm_spec *spec, uint32_t left, uint32_t right)
{
    for (size_t i = spec->n_merges; i-- > 0;)
        if (spec->merges[i].left == left && spec->merges[i].right == right)
            return i;
    return SIZE_MAX;
}

static struct ids naive(const struct gm_spec *spec, const char *word, size_t n_bytes)
{
    struct ids ids = {.n = 0};
    for (size_t i = 0; i < n_bytes; i++)
        ids.id[ids.n++] = token_spec_find(spec, word + i, 1);
    for (;;) {
        size_t least = SIZE_MAX, at = 0;
        for (size_t i = 0; i + 1 < ids.n; i++) {
            size_t rank = naive_rank(spec, ids.id[i], ids.id[i + 1]);
            if (rank < least) {
                least = rank;
                at = i;
            }
        }
        if (least == SIZE_MAX)
            return ids;
        ids.id[at] = spec->merges[least].merged;
        memmove(&ids.id[at + 1], &ids.id[at + 2], (ids.n - at - 2) * sizeof ids.id[0]);
        ids.n--;
    }
}

/* Merges of random tokens: the same result from several pairs, ranks that do not follow ids. */
static void random_spec(struct gm_spec *spec, unsigned n_letters, unsigned n_merges,
                        size_t max_bytes)
{
    token_spec_init(spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    for (unsigned i = 0; i < n_letters; i++)
        token_spec_add(spec, &(char){(char)('a' + i)}, 1);
    for (unsigned i = 0; i < n_merges; i++) {
        char both[64];
        uint32_t left = (uint32_t)rand() % spec->n_tokens,
                 right = (uint32_t)rand() % spec->n_tokens;
        struct gm_spec_text a = spec->tokens[left].text, b = spec->tokens[right].text;
        if (a.n_bytes + b.n_bytes > max_bytes)
            continue;
        memcpy(both, gm_spec_bytes(spec, a), a.n_bytes);
        memcpy(both + a.n_bytes, gm_spec_bytes(spec, b), b.n_bytes);
        uint32_t merged = token_spec_find(spec, both, a.n_bytes + b.n_bytes);
        if (merged == GM_NO_TOKEN)
            merged = token_spec_add(spec, both, a.n_bytes + b.n_bytes);
        token_spec_merge_ids(spec, left, right, merged);
    }
    for (uint32_t i = spec->n_merges; i-- > 1;) {
        uint32_t other = (uint32_t)rand() % (i + 1);
        struct gm_spec_merge swap = spec->merges[i];
        spec->merges[i] = spec->merges[other];
        spec->merges[other] = swap;
    }
}

static void random_words_are_as_in_the_naive_model(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 40; round++) {
        struct gm_spec spec;
        struct token_image made;
        unsigned n_letters = 1 + (unsigned)rand() % 5;
        random_spec(&spec, n_letters, 4 + (unsigned)rand() % 60, 12);
        token_image_make(&made, &spec);
        struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 1 << 20);
        for (int word = 0; word < 60; word++) {
            char text[400];
            struct ids got;
            size_t n_bytes = 1 + (size_t)rand() % (word % 10 ? 40 : sizeof text);
            for (size_t i = 0; i < n_bytes; i++)
                text[i] = (char)('a' + rand() % (int)n_letters);
            struct ids expected = naive(&spec, text, n_bytes);
            got.n = gm_bpe_encode(cache, (uint8_t *)text, n_bytes, 0,
                                  &(uint32_t){(uint32_t)n_bytes}, 1, got.id);
            assert_int_equal(got.n, expected.n);
            assert_memory_equal(got.id, expected.id, got.n * sizeof got.id[0]);
        }
        gm_bpe_cache_free(cache);
        token_image_free(&made);
        token_spec_free(&spec);
    }
}

/* A few letters again and again, sometimes another one: long tokens that merge with both of their
 * neighbours, at ranks that go up and down. */
static size_t text_that_repeats_itself(char *text, size_t max, unsigned n_letters)
{
    size_t n_unit = 1 + (size_t)rand() % 4, n_bytes = max / 2 + (size_t)rand() % (max / 2);
    for (size_t i = 0; i < n_bytes; i++) {
        bool is_new = i < n_unit || rand() % 500 == 0;
        text[i] = is_new ? (char)('a' + rand() % (int)n_letters) : text[i - n_unit];
    }
    return n_bytes;
}

static void long_runs_are_as_in_the_naive_model(void **state)
{
    static uint32_t expected[MAX_IDS], got[MAX_IDS];
    static char text[MAX_IDS];
    (void)state;
    srand(2);
    for (int round = 0; round < 200; round++) {
        struct gm_spec spec;
        struct token_image made;
        unsigned n_letters = 1 + (unsigned)rand() % 3;
        random_spec(&spec, n_letters, 4 + (unsigned)rand() % 100, 40);
        token_image_make(&made, &spec);
        struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 0);
        for (int i = 0; i < 3; i++) {
            uint32_t n_bytes = (uint32_t)text_that_repeats_itself(text, MAX_IDS, n_letters);
            for (size_t k = 0; k < n_bytes; k++)
                expected[k] = token_spec_find(&spec, text + k, 1);
            size_t n = naive_bpe_merge(&spec, expected, n_bytes);
            assert_int_equal(gm_bpe_encode(cache, (uint8_t *)text, n_bytes, 0, &n_bytes, 1, got),
                             n);
            assert_memory_equal(got, expected, n * sizeof *got);
        }
        gm_bpe_cache_free(cache);
        token_image_free(&made);
        token_spec_free(&spec);
    }
}

static void counters_add_up(void **state)
{
    struct gm_spec spec;
    struct token_image made;
    uint32_t ids[16], ends[] = {1, 3, 3, 6};
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    token_spec_add_text(&spec, "a");
    spec.unk_id = token_spec_add_text(&spec, "?");
    token_image_make(&made, &spec);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 0);
    assert_int_equal(gm_bpe_encode(cache, (const uint8_t *)"aaaxxx", 6, 0, ends, 4, ids), 6);
    const struct gm_bpe_counters *counters = gm_bpe_cache_counters(cache);
    assert_int_equal(counters->n_pieces, 4);
    assert_int_equal(counters->n_hits + counters->n_misses, 3);
    assert_int_equal(counters->n_tokens, 6);
    assert_int_equal(counters->n_unknown, 3);
    gm_bpe_cache_free(cache);
    gm_bpe_cache_free(NULL);
    token_image_free(&made);
    token_spec_free(&spec);
}

/* Words that are missing in the same window are merged once, but stand in the text each time. */
static void unknown_characters_are_counted_wherever_they_stand(void **state)
{
    struct gm_spec spec;
    struct token_image made;
    uint32_t ids[32], ends[] = {2, 4, 6, 7, 13, 19, 20};
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    token_spec_add_text(&spec, "a");
    spec.unk_id = token_spec_add_text(&spec, "?");
    token_image_make(&made, &spec);
    for (size_t max_bytes = 0; max_bytes <= 1 << 20; max_bytes += 1 << 20) {
        struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), max_bytes);
        for (unsigned pass = 1; pass < 4; pass++) {
            assert_int_equal(gm_bpe_encode(cache, (const uint8_t *)"axaxaxaaxaaaxaxaaaxa", 20, 0,
                                           ends, GM_ARRAY_LEN(ends), ids),
                             20);
            assert_int_equal(gm_bpe_cache_counters(cache)->n_unknown, 7 * pass);
        }
        gm_bpe_cache_free(cache);
    }
    token_image_free(&made);
    token_spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_go_by_rank_and_leftmost_first),
        cmocka_unit_test(a_later_line_with_the_same_pair_wins),
        cmocka_unit_test(unknown_characters_vanish_without_unk),
        cmocka_unit_test(bytes_without_a_token_are_unknown),
        cmocka_unit_test(unknown_characters_are_fused_or_not),
        cmocka_unit_test(bytes_stand_in_for_unknown_characters),
        cmocka_unit_test(partial_fallback_keeps_the_references_order),
        cmocka_unit_test(prefix_and_suffix_belong_to_places),
        cmocka_unit_test(whole_pieces_go_first_where_merges_are_ignored),
        cmocka_unit_test(ranks_merge_into_any_token),
        cmocka_unit_test(what_is_not_supported_is_refused),
        cmocka_unit_test(random_words_are_as_in_the_naive_model),
        cmocka_unit_test(long_runs_are_as_in_the_naive_model),
        cmocka_unit_test(counters_add_up),
        cmocka_unit_test(unknown_characters_are_counted_wherever_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
