/* The stage tokenize: what it adds, truncation with tokens around the text, what it rejects, and
 * what it tells the planner. The tokenizer is made here: ids are bytes, 256 <s>, 257 </s>, and the
 * post-processor puts them around a text. That ids are the reference's is tested in
 * tests/conformance/tokenize/. */
#include "chain.h"

#include "base/buf.h"
#include "base/fs.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

extern const struct gm_stage gm_text_extract, gm_text_utf8, gm_text_tokenize;

static char folder[] = "/tmp/gm-tokenize-XXXXXX";
static char path[64];

static void put_vocabulary(struct gm_buf *json)
{
    unsigned n_moved = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool plain = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
        unsigned c = plain ? byte : 256 + n_moved++;
        char text[3] = {(char)c, 0, 0};
        if (c >= 0x80) {
            text[0] = (char)(0xc0 | c >> 6);
            text[1] = (char)(0x80 | (c & 0x3f));
        }
        gm_buf_text(json, byte ? "," : "");
        gm_json_string(json, text, strlen(text));
        gm_buf_printf(json, ":%u", byte);
    }
    gm_buf_text(json, ",\"<s>\":256,\"</s>\":257");
}

static void put_special(struct gm_buf *json, const char *token, unsigned id)
{
    gm_buf_printf(json, "\"%s\":{\"id\":\"%s\",\"ids\":[%u],\"tokens\":[\"%s\"]}", token, token, id,
                  token);
}

static int set_up(void **state)
{
    (void)state;
    struct gm_buf json = GM_BUF_INIT;
    struct gm_err err;
    static const char added[] =
        "{\"id\":%u,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
        "\"normalized\":false,\"special\":true}";
    gm_buf_text(&json, "{\"version\":\"1.0\",\"added_tokens\":[");
    gm_buf_printf(&json, added, 256, "<s>");
    gm_buf_char(&json, ',');
    gm_buf_printf(&json, added, 257, "</s>");
    gm_buf_text(&json,
                "],\"normalizer\":{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true},"
                "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                "\"trim_offsets\":true,\"use_regex\":true},"
                "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                "\"trim_offsets\":true,\"use_regex\":true},"
                "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
                "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},"
                "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
                "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}],\"pair\":["
                "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
                "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],\"special_tokens\":{");
    put_special(&json, "<s>", 256);
    gm_buf_char(&json, ',');
    put_special(&json, "</s>", 257);
    gm_buf_text(&json, "}},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    put_vocabulary(&json);
    gm_buf_text(&json, "},\"merges\":[]}}");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    bool ok = !json.failed &&
              gm_write_file_durable(AT_FDCWD, path, json.data, json.n_bytes, &err) == GM_OK;
    gm_buf_free(&json);
    return !ok;
}

static int tear_down(void **state)
{
    (void)state;
    return gm_remove_tree(AT_FDCWD, folder, NULL) != GM_OK;
}

static void start(struct chain *chain, const char *settings)
{
    char all[256];
    snprintf(all, sizeof all, "tokenizer=%s %s", path, settings);
    chain_init(chain);
    chain_add(chain, &gm_text_extract, NULL);
    chain_add(chain, &gm_text_utf8, NULL);
    chain_add(chain, &gm_text_tokenize, all);
}

static void assert_ids(const struct chain *chain, const char *wanted)
{
    struct gm_view ids = chain_view(chain, "input_ids", 0);
    struct gm_buf text = GM_BUF_INIT;
    for (size_t i = 0; i < ids.n_bytes / 4; i++) {
        uint32_t id;
        memcpy(&id, ids.data + 4 * i, sizeof id);
        gm_buf_printf(&text, "%s%u", i ? " " : "", id);
    }
    assert_string_equal(gm_buf_cstr(&text), wanted);
    assert_int_equal(chain_u64(chain, "n_tokens", 0), ids.n_bytes / 4);
    gm_buf_free(&text);
}

static void run(struct chain *chain, const char *settings, const char *text)
{
    start(chain, settings);
    chain_run_text(chain, GM_MEDIA_TEXT, text);
}

static void ids_come_with_their_counts(void **state)
{
    (void)state;
    struct chain chain;
    run(&chain, "", "a\xc3\xa4</s>");
    assert_ids(&chain, "97 195 164 257");
    assert_int_equal(chain_u64(&chain, "truncated", 0), 0);
    assert_int_equal(chain_u64(&chain, "token_bytes", 0), 7);
    assert_int_equal(chain_u64(&chain, "n_unknown", 0), 0);
    chain_free(&chain);
    run(&chain, "ordinary=true", "</s>");
    assert_ids(&chain, "60 47 115 62");
    chain_free(&chain);
    run(&chain, "special_tokens=true append_eos=</s>", "a");
    assert_ids(&chain, "256 97 257 257");
    chain_free(&chain);
    run(&chain, "append_eos=auto", "a"); /* "</s>" is the only one that it can be */
    assert_ids(&chain, "97 257");
    chain_free(&chain);
}

static void truncation_keeps_what_ends_a_text(void **state)
{
    (void)state;
    static const struct {
        const char *settings, *ids;
        unsigned n_cut;
    } cases[] = {
        {"max_tokens=6", "97 98 99 100 101 102", 0},
        {"max_tokens=5", "97 98 99 100 101", 1},
        {"max_tokens=1", "97", 5},
        {"max_tokens=3 append_eos=<s>", "97 98 256", 4},
        {"max_tokens=4 special_tokens=true", "256 97 98 257", 4},
        {"max_tokens=4 special_tokens=true append_eos=<s>", "256 97 257 256", 5},
        {"max_tokens=9 special_tokens=true append_eos=<s>", "256 97 98 99 100 101 102 257 256", 0},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct chain chain;
        run(&chain, cases[i].settings, "abcdef");
        assert_ids(&chain, cases[i].ids);
        assert_int_equal(chain_u64(&chain, "truncated", 0), cases[i].n_cut);
        chain_free(&chain);
    }
}

static void texts_that_are_not_wanted_are_rejected(void **state)
{
    (void)state;
    struct chain chain;
    run(&chain, "max_tokens=5 over=reject", "abcdef");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_LIMIT_TOKENS);
    assert_true(chain_equals(&chain, NULL, 0, "6 tokens, and 5 are allowed"));
    chain_run_text(&chain, GM_MEDIA_TEXT, "abcde");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
    chain_free(&chain);
    run(&chain, "special_tokens=true append_eos=</s>", "  \n "); /* stripped: nothing is left */
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_EMPTY);
    chain_free(&chain);
}

static void rows_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct chain chain;
    start(&chain, "max_tokens=2 append_eos=</s>");
    const struct chain_row rows[] = {
        {GM_MEDIA_TEXT, "xyz", 3}, {GM_MEDIA_TEXT, "  ", 2}, {GM_MEDIA_TEXT, "b", 1}};
    chain_run(&chain, rows, 3);
    assert_ids(&chain, "120 257"); /* still, after the others */
    assert_int_equal(chain_reason(&chain, 1), GM_REASON_TEXT_EMPTY);
    assert_int_equal(chain_u64(&chain, "n_tokens", 2), 2);
    assert_int_equal(chain_u64(&chain, "truncated", 2), 0);
    chain_free(&chain);
}

/* Short texts are encoded where their ids stay, longer ones are copied there. */
static void long_and_short_texts_are_the_same(void **state)
{
    (void)state;
    struct chain chain;
    const size_t n_long = 300000;
    char *text = malloc(n_long);
    assert_non_null(text);
    for (size_t i = 0; i < n_long; i++)
        text[i] = "abcdefghijklmnopq "[i % 18];
    text[n_long - 1] = 'z';
    start(&chain, "append_eos=</s>");
    const struct chain_row rows[] = {
        {GM_MEDIA_TEXT, text, 100000}, {GM_MEDIA_TEXT, text, n_long}, {GM_MEDIA_TEXT, text, 7}};
    chain_run(&chain, rows, 3);
    for (uint32_t row = 0; row < 3; row++) {
        struct gm_view ids = chain_view(&chain, "input_ids", row);
        size_t n_ids = rows[row].n_bytes;
        while (n_ids > 0 && text[n_ids - 1] == ' ')
            n_ids--; /* stripped */
        assert_int_equal(ids.n_bytes / 4, n_ids + 1);
        for (size_t i = 0; i <= n_ids; i++) {
            uint32_t id;
            memcpy(&id, ids.data + 4 * i, sizeof id);
            assert_int_equal(id, i < n_ids ? (uint8_t)text[i] : 257);
        }
    }
    chain_free(&chain);
    free(text);
}

static void the_planner_learns_what_it_needs(void **state)
{
    (void)state;
    struct chain chain;
    start(&chain, "cache=4MB");
    const struct chain_link *link = &chain.links[2];
    struct gm_facts facts = {.n_facts = 0};
    link->stage->facts(link->opts, &link->prepared, &facts);
    assert_int_equal(gm_fact_find(&facts, "input_ids.n_ids")->number, 258);
    assert_string_equal(gm_fact_find(&facts, "input_ids.tokenizer")->text, path);
    uint64_t worker_bytes = link->stage->worker_bytes(link->opts);
    assert_true(worker_bytes >= 4 << 20 && worker_bytes < 16 << 20);
    assert_true(link->prepared.n_bytes > 0);
    uint8_t none[GM_SHA256_BYTES];
    memcpy(none, link->prepared.digest, sizeof none);
    chain_free(&chain);
    start(&chain, "append_eos=</s>"); /* another end token is another job */
    assert_memory_not_equal(none, chain.links[2].prepared.digest, sizeof none);
    chain_free(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_come_with_their_counts),
        cmocka_unit_test(truncation_keeps_what_ends_a_text),
        cmocka_unit_test(texts_that_are_not_wanted_are_rejected),
        cmocka_unit_test(rows_do_not_disturb_each_other),
        cmocka_unit_test(long_and_short_texts_are_the_same),
        cmocka_unit_test(the_planner_learns_what_it_needs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
