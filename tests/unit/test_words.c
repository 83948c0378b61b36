/* WordPiece, WordLevel and Unigram on vocabularies that show one rule each; and the trie below. */
#include "tokenize/trie.h"
#include "tokenize/words.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct model {
    struct gm_spec spec;
    struct gm_words *words;
    struct gm_words_scratch *scratch;
};

struct scored {
    const char *text;
    double score;
};

/* Ids are the places in the list, which ends with NULL. */
static void open_model(struct model *model, enum gm_model_kind kind, const struct scored *tokens)
{
    struct gm_spec *spec = &model->spec;
    spec->model = kind;
    while (tokens[spec->n_tokens].text)
        spec->n_tokens++;
    spec->tokens = calloc(spec->n_tokens + 1, sizeof(*spec->tokens));
    assert_non_null(spec->tokens);
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        spec->tokens[i].id = i;
        spec->tokens[i].score = tokens[i].score;
        spec->tokens[i].text =
            (struct gm_spec_text){(uint32_t)spec->pool.n_bytes, (uint32_t)strlen(tokens[i].text)};
        gm_buf_text(&spec->pool, tokens[i].text);
    }
    model->scratch = gm_words_scratch_new();
    assert_int_equal(gm_words_new(&model->words, spec, NULL), GM_OK);
}

static void close_model(struct model *model)
{
    gm_words_free(model->words);
    gm_words_scratch_free(model->scratch);
    gm_buf_free(&model->spec.pool);
    free(model->spec.tokens);
}

/* expected: the ids in decimal, each with a blank behind. */
static void check(const struct model *model, const char *piece, const char *expected)
{
    uint32_t ids[64];
    char got[512] = "";
    size_t n_bytes = strlen(piece), n;
    assert_true(n_bytes < 64);
    n = gm_words_encode(model->words, model->scratch, (const uint8_t *)piece, n_bytes, ids);
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u ", ids[i]);
    if (strcmp(got, expected) != 0)
        fail_msg("%s: %s instead of %s", piece, got, expected);
}

static void wordpiece_takes_the_longest_token_or_gives_up(void **state)
{
    static const struct scored tokens[] = {{"[UNK]", 0},    {"un", 0},  {"##aff", 0}, {"##able", 0},
                                           {"##a", 0},      {"una", 0}, {"##ff", 0},  {"\u00e9", 0},
                                           {"##\u00e9", 0}, {NULL, 0}};
    struct model model = {.spec = {.max_chars_per_word = 9, .word_prefix = {0, 0}}};
    (void)state;
    gm_buf_text(&model.spec.pool, "##");
    model.spec.word_prefix = (struct gm_spec_text){0, 2};
    open_model(&model, GM_MODEL_WORDPIECE, tokens);
    check(&model, "unaffable", "5 6 3 ");
    check(&model, "unaff", "5 6 ");
    check(&model, "un", "1 ");
    check(&model, "unx", "0 ");        /* known at first, then not: unknown as a whole */
    check(&model, "affable", "0 ");    /* begins with no token */
    check(&model, "##a", "4 ");        /* the text of a token */
    check(&model, "unaffablea", "0 "); /* longer than 9 characters */
    check(&model, "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "7 8 8 8 8 8 8 8 8 ");
    check(&model, "", "");
    close_model(&model);
}

static void wordlevel_knows_whole_pieces(void **state)
{
    static const struct scored tokens[] = {{"a", 0}, {"<unk>", 0}, {"ab", 0}, {NULL, 0}};
    struct model model = {.spec = {.unk_id = 1}};
    (void)state;
    open_model(&model, GM_MODEL_WORDLEVEL, tokens);
    check(&model, "ab", "2 ");
    check(&model, "abc", "1 ");
    check(&model, "", "");
    close_model(&model);
}

static void unigram_finds_the_most_probable_way(void **state)
{
    static const struct scored tokens[] = {{"<unk>", 0}, {"a", 0},  {"b", 0},  {"c", 0},
                                           {"d", 0},     {"cd", 1}, {"ab", 2}, {"abc", 5},
                                           {"abcd", 10}, {NULL, 0}};
    struct model model = {0};
    (void)state;
    open_model(&model, GM_MODEL_UNIGRAM, tokens);
    check(&model, "abcdacdxx", "8 1 5 0 "); /* unknowns in a row are one */
    check(&model, "x", "0 ");
    check(&model, "xa\u00e9\u00e9b", "0 1 0 2 ");
    check(&model, "<unk>x", "0 "); /* the text of unk is no better */
    check(&model, "", "");
    close_model(&model);
}

static void of_equal_ways_the_one_found_first_wins(void **state)
{
    static const struct scored tokens[] = {{"<unk>", -9}, {"a", -1},  {"b", -1}, {"c", -1},
                                           {"ab", -2},    {"bc", -2}, {NULL, 0}};
    struct model model = {0};
    (void)state;
    open_model(&model, GM_MODEL_UNIGRAM, tokens);
    check(&model, "ab", "4 ");
    check(&model, "abc", "1 5 ");
    check(&model, "abcbc", "1 5 5 ");
    close_model(&model);
}

static void a_run_of_unknowns_may_be_a_token_after_all(void **state)
{
    static const struct scored tokens[] = {{"<unk>", 100}, {"a", 100}, {"xy", 100}, {NULL, 0}};
    struct model model = {0};
    (void)state;
    open_model(&model, GM_MODEL_UNIGRAM, tokens);
    check(&model, "axya", "1 2 1 "); /* two unknowns are 180, the token only 100 */
    check(&model, "axyxa", "1 0 1 ");
    close_model(&model);
}

static void bytes_stand_in_for_unknowns_if_all_of_them_can(void **state)
{
    static const struct scored tokens[] = {{"<unk>", 0},  {"a", 0},      {"<0xC3>", 0},
                                           {"<0xA9>", 0}, {"<0x78>", 0}, {NULL, 0}};
    struct model model = {.spec = {.flags = GM_SPEC_BYTE_FALLBACK}};
    (void)state;
    open_model(&model, GM_MODEL_UNIGRAM, tokens);
    check(&model, "a\u00e9x", "1 2 3 4 ");
    check(&model, "a\u00e9y", "1 0 "); /* one byte has no token: none of the run is used */
    close_model(&model);
}

static void what_the_reference_fails_at_later_is_refused(void **state)
{
    struct gm_spec spec = {.model = GM_MODEL_UNIGRAM, .unk_id = GM_NO_TOKEN};
    struct gm_spec_token token = {0};
    struct gm_words *words;
    struct gm_err err = {0};
    (void)state;
    assert_int_equal(gm_words_new(&words, &spec, &err), GM_INPUT);
    assert_null(words);
    spec.unk_id = 0;
    spec.tokens = &token;
    spec.n_tokens = 1;
    token.score = INFINITY;
    assert_int_equal(gm_words_new(&words, &spec, &err), GM_INPUT);
    assert_string_equal(err.text, "token 0: its score is not a number");
    token.score = 0;
    spec.flags = GM_SPEC_BYTE_FALLBACK | GM_SPEC_BYTE_LEVEL;
    assert_int_equal(gm_words_new(&words, &spec, &err), GM_INPUT);
}

/* Every string that was put in is found, nothing else is. */
static void a_trie_holds_what_was_put_in(void **state)
{
    enum { N = 20000 };
    static uint8_t words[N][4];
    static struct gm_trie_key keys[N + 1];
    struct gm_trie trie;
    uint64_t random = 1;
    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        for (size_t j = 0; j < 4; j++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            words[i][j] = (uint8_t)(random >> (i % 2 ? 56 : 61));
        }
        keys[i] = (struct gm_trie_key){words[i], 1 + i % 4, i};
    }
    keys[N] = (struct gm_trie_key){words[0], 0, 1};
    assert_int_equal(gm_trie_build(&trie, keys, N + 1, NULL), GM_OK);
    assert_int_equal(trie.units[GM_TRIE_ROOT].value, GM_TRIE_NOTHING);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t node = gm_trie_walk(&trie, GM_TRIE_ROOT, words[i], 1 + i % 4), other;
        assert_int_not_equal(node, 0);
        other = trie.units[node].value; /* an equal one with a larger value counts */
        assert_in_range(other, i, N - 1);
        assert_memory_equal(words[other], words[i], 1 + i % 4);
    }
    gm_trie_free(&trie);
    assert_int_equal(gm_trie_build(&trie, keys, 0, NULL), GM_OK);
    for (unsigned byte = 0; byte < 256; byte++)
        assert_int_equal(gm_trie_step(&trie, GM_TRIE_ROOT, (uint8_t)byte), 0);
    gm_trie_free(&trie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wordpiece_takes_the_longest_token_or_gives_up),
        cmocka_unit_test(wordlevel_knows_whole_pieces),
        cmocka_unit_test(unigram_finds_the_most_probable_way),
        cmocka_unit_test(of_equal_ways_the_one_found_first_wins),
        cmocka_unit_test(a_run_of_unknowns_may_be_a_token_after_all),
        cmocka_unit_test(bytes_stand_in_for_unknowns_if_all_of_them_can),
        cmocka_unit_test(what_the_reference_fails_at_later_is_refused),
        cmocka_unit_test(a_trie_holds_what_was_put_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
