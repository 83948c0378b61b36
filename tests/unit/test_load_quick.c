/* A tokenizer.json whose lists are read from the text is the same tokenizer as the one that is read
 * from a document: for every spelling, for damage at any place, and for texts that end anywhere. A
 * document is read where the key of the model has an escape. */
#include "load_ways.h"
#include "tokenize/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 4000

static bool is_same(const char *text, size_t n_bytes)
{
    enum gm_status status;
    return load_ways_agree(text, n_bytes, &status);
}

static enum gm_status check(const char *text)
{
    enum gm_status status;
    assert_true(load_ways_agree(text, strlen(text), &status));
    return status;
}

#define HEAD "{\"version\":\"1.0\",\"added_tokens\":[],\"model\":{\"type\":\"BPE\","

static const char pretty[] =
    "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"added_tokens\": [\n    {\n"
    "      \"id\": 0,\n      \"content\": \"<\\\"]}>\",\n      \"single_word\": false,\n"
    "      \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true\n    }\n "
    " ],\n"
    "  \"normalizer\": null,\n  \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": "
    "false, \"trim_offsets\": true, \"use_regex\": true},\n  \"post_processor\": null,\n"
    "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, "
    "\"use_regex\": true},\n"
    "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
    "    \"continuing_subword_prefix\": null,\n    \"vocab\": {\n      \"<\\\"]}>\": 0,\n"
    "      \"a\": 1,\n      \"\\u0062\": 2,\n      \"\xC4\xA0\": 3,\n      \"\\u0120a\": 4,\n"
    "      \"ab\": 5,\n      \"a much longer name than eight and than sixteen bytes\": 6,\n"
    "      \"\\uD83D\\uDE00\\n\\/\": 7,\n      \"aab\": 9\n    },\n"
    "    \"merges\": [\n      [\n        \"a\",\n        \"b\"\n      ],\n      [\n"
    "        \"\xC4\xA0\",\n        \"a\"\n      ],\n      [\n        \"a\",\n"
    "        \"ab\"\n      ]\n    ]\n  }\n}\n";

static const char compact[] =
    "{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"\xE4\xB8\xAD\":3,\"a\xE4\xB8\xAD\":4},"
    "\"merges\":"
    "[\"#version: 0.2\",\"a b\",\"a "
    "\\u4e2d\"],\"unk_token\":\"a\"},\"padding\":{\"model\":{\"vocab\":1}}}";

static void lists_are_the_same_in_every_spelling(void **state)
{
    (void)state;
    assert_int_equal(check(pretty), GM_OK);
    assert_int_equal(check(compact), GM_OK);
    assert_int_equal(check(HEAD "\"vocab\":{},\"merges\":[]}}"), GM_OK);
    assert_int_equal(
        check(HEAD "\"vocab\":{\"a\":5,\"b\":3,\"ab\":4},\"merges\":[[\"a\",\"b\"]]}}"), GM_OK);
    assert_int_equal(check(HEAD "\"merges\":[\"a b\"],\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}}}"),
                     GM_OK);
    /* The last one counts. */
    assert_int_equal(check(HEAD "\"vocab\":{\"x\":0},\"vocab\":{\"a\":0},\"merges\":[]}}"), GM_OK);
    assert_int_equal(
        check("{\"model\":{\"vocab\":{\"x\":0},\"merges\":[]},\"model\":{\"vocab\":{\"y\":0},"
              "\"merges\":[]}}"),
        GM_OK);
    assert_int_equal(check(HEAD "\"v\\u006fcab\":{\"x\":0},\"vocab\":{\"a\":0},\"merges\":[]}}"),
                     GM_OK);
    assert_int_equal(check(HEAD "\"continuing_subword_prefix\":\"##\",\"vocab\":{\"a\":0,\"##b\":1,"
                                "\"ab\":2},\"merges\":[\"a ##b\"]}}"),
                     GM_OK);
    assert_int_equal(check(HEAD
                           "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"##b\":3},\"merges\":[\"a ##b\"],"
                           "\"continuing_subword_prefix\":\"##\"}}"),
                     GM_OK);
    assert_int_equal(check(HEAD "\"continuing_subword_prefix\":\"##\",\"vocab\":{\"a\":0,\"##b\":1,"
                                "\"ab\":2,\"a##b\":3},\"merges\":[\"a ##b\"]}}"),
                     GM_OK);
    assert_int_equal(check("{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"a\","
                           "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
                           "\"vocab\":{\"a\":0,\"##b\":1}}}"),
                     GM_OK);
    assert_int_equal(
        check("{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,"
              "\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}"),
        GM_OK);
    assert_int_equal(
        check("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",-1.5]]}}"), GM_OK);
}

/* Pairs that are listed again, next to each other and far away: the last one counts. */
static void merges_that_are_listed_twice_are_dropped(void **state)
{
    (void)state;
    assert_int_equal(check(HEAD "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"bc\":5},"
                                "\"merges\":[\"a b\",\"a b\",\"b c\",\"ab c\",\"a bc\",\"b c\"]}}"),
                     GM_OK);
    struct gm_spec spec;
    struct gm_err err = {0};
    const char text[] =
        HEAD "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"bc\":5},"
             "\"merges\":[\"a b\",\"b c\",\"ab c\",\"a b\",\"a bc\",\"b c\",\"b c\"]}}";
    gm_spec_init(&spec);
    assert_int_equal(gm_spec_load(&spec, text, sizeof text - 1, NULL, &err), GM_OK);
    assert_int_equal(spec.n_merges, 4);
    static const uint32_t merged[] = {4, 3, 4, 5};
    for (int i = 0; i < 4; i++)
        assert_int_equal(spec.merges[i].merged, merged[i]);
    gm_spec_free(&spec);
}

/* Many merges, of which one or two make a token again: by another pair, or by the same one. */
static void check_again(unsigned at, const char *merge, uint32_t n_expected)
{
    struct gm_buf text = GM_BUF_INIT;
    struct gm_spec spec;
    struct gm_err err = {0};
    gm_buf_text(&text, HEAD "\"vocab\":{\"a\":0,\"b\":1,\"aa\":2,\"aaa\":3");
    for (unsigned i = 0; i < 60; i++)
        gm_buf_printf(&text, ",\"%u\":%u,\"a%u\":%u", i, 10 + i, i, 100 + i);
    gm_buf_text(&text, "},\"merges\":[\"a a\",\"a aa\"");
    for (unsigned i = 0; i < 60; i++)
        gm_buf_printf(&text, ",\"a %u\"%s", i, i == at ? merge : "");
    gm_buf_text(&text, "]}}");
    gm_buf_char(&text, '\0');
    assert_int_equal(check((const char *)text.data), GM_OK);
    gm_spec_init(&spec);
    assert_int_equal(gm_spec_load(&spec, text.data, text.n_bytes - 1, NULL, &err), GM_OK);
    assert_int_equal(spec.n_merges, n_expected);
    gm_spec_free(&spec);
    gm_buf_free(&text);
}

static void one_repeated_merge_among_many_is_found(void **state)
{
    (void)state;
    check_again(30, "", 62);
    check_again(30, ",\"aa a\"", 63);
    check_again(30, ",\"a aa\"", 62);
    check_again(30, ",\"a 30\"", 62);
    check_again(30, ",\"a 7\"", 62);
    check_again(59, ",\"aa a\",\"a aa\",\"a a\"", 63);
}

static void what_is_wrong_is_refused(void **state)
{
    static const char *const lists[] = {
        "\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]",
        "\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]",
        "\"vocab\":{\"a\":-1},\"merges\":[]",
        "\"vocab\":{\"a\":1.0},\"merges\":[]",
        "\"vocab\":{\"a\":1e1},\"merges\":[]",
        "\"vocab\":{\"a\":01},\"merges\":[]",
        "\"vocab\":{\"a\":16777216},\"merges\":[]",
        "\"vocab\":{\"a\":99999999999999999999},\"merges\":[]",
        "\"vocab\":{\"a\":\"0\"},\"merges\":[]",
        "\"vocab\":{\"a\":0,},\"merges\":[]",
        "\"vocab\":{\"a\" 0},\"merges\":[]",
        "\"vocab\":{\"\xFF\":0},\"merges\":[]",
        "\"vocab\":{\"\xED\xA0\x80\":0},\"merges\":[]",
        "\"vocab\":{\"\\ud800\":0},\"merges\":[]",
        "\"vocab\":{\"\\x\":0},\"merges\":[]",
        "\"vocab\":{\"a\nb\":0},\"merges\":[]",
        "\"vocab\":{\"a\":0},\"merges\":[\"a b\"]",
        "\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a  b\"]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"ab\"]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\"]]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",\"b\",\"b\"]]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",1]]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\",[\"a\",\"b\"]]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\",]",
        "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"}",
        "\"vocab\":{\"a\":0},\"merges\":{}",
        "\"vocab\":{\"a\":0}",
        "\"vocab\":[],\"merges\":[]",
        "\"merges\":[]",
    };
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(lists); i++) {
        char text[1000];
        snprintf(text, sizeof text, HEAD "%s}}", lists[i]);
        assert_int_equal(check(text), GM_INPUT);
    }
    assert_int_equal(check(HEAD "\"vocab\":{\"a\":0},\"merges\":[]}"), GM_INPUT);
    assert_int_equal(check(HEAD "\"vocab\":{\"a\":0},\"merges\":[]}}}"), GM_INPUT);
    assert_int_equal(check(HEAD "\"vocab\":{\"a\":0},\"merges\":[],}}"), GM_INPUT);
    assert_int_equal(
        check("{\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,"
              "\"\x01\":1}}}"),
        GM_INPUT);
    assert_int_equal(check("{\"x\":,\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}"), GM_INPUT);
    assert_int_equal(check("{\"x\":[},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}"), GM_INPUT);
    assert_int_equal(check("{\"x\":\"\t\",\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}"),
                     GM_INPUT);
}

static void texts_may_end_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof pretty; n++)
        assert_true(is_same(pretty, n));
    for (size_t n = 0; n < sizeof compact; n++)
        assert_true(is_same(compact, n));
}

static void any_byte_may_be_wrong(void **state)
{
    static const uint8_t bytes[] = {'"', '\\', ',', ':', '[', ']', '{',
                                    '}', ' ',  'a', '0', 0,   0xA0};
    static const char *const texts[] = {pretty, compact};
    static const size_t sizes[] = {sizeof pretty - 1, sizeof compact - 1};
    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < sizes[t]; i++)
            for (size_t b = 0; b < sizeof bytes; b++) {
                char text[MAX_BYTES];
                memcpy(text, texts[t], sizes[t]);
                text[i] = (char)bytes[b];
                assert_true(is_same(text, sizes[t]));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_the_same_in_every_spelling),
        cmocka_unit_test(merges_that_are_listed_twice_are_dropped),
        cmocka_unit_test(one_repeated_merge_among_many_is_found),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(texts_may_end_anywhere),
        cmocka_unit_test(any_byte_may_be_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
