/* Rank files (.tiktoken): what is in them, and what their encoding adds. */
#include "tokenize/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void assert_text(const struct gm_spec *spec, struct gm_spec_text text, const char *wanted)
{
    assert_int_equal(text.n_bytes, strlen(wanted));
    assert_memory_equal(gm_spec_bytes(spec, text), wanted, text.n_bytes);
}

/* All single bytes, byte b with rank b; then one more line. */
static void write_ranks(struct gm_buf *text, const char *more)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned byte = 0; byte < 256; byte++)
        gm_buf_printf(text, "%c%c== %u\n", digits[byte >> 2], digits[byte << 4 & 63], byte);
    gm_buf_text(text, more);
}

static enum gm_status load_ranks(const char *more, const char *name, const char *scheme,
                                 struct gm_spec *spec, struct gm_err *err)
{
    struct gm_buf text = GM_BUF_INIT;
    struct gm_load_opts opts = {.name = name, .scheme = scheme};
    write_ranks(&text, more);
    gm_err_clear(err);
    gm_spec_init(spec);
    enum gm_status status = gm_spec_load(spec, text.data, text.n_bytes, &opts, err);
    gm_buf_free(&text);
    return status;
}

static void rank_files_are_read(void **state)
{
    (void)state;
    struct gm_spec spec;
    struct gm_err err;
    assert_int_equal(load_ranks("YWI= 300\r\n", "/x/cl100k_base.tiktoken", NULL, &spec, &err),
                     GM_OK);
    assert_int_equal(spec.model, GM_MODEL_RANKS);
    assert_int_equal(spec.n_tokens, 257);
    assert_text(&spec, spec.tokens[256].text, "ab");
    assert_int_equal(spec.tokens[256].id, 300);
    assert_int_equal(spec.n_added, 5);
    assert_int_equal(spec.n_ids, 100277);
    assert_true(spec.flags & GM_SPEC_BYTE_LEVEL);
    gm_spec_free(&spec);

    assert_int_equal(load_ranks("", "ranks", "o200k_harmony", &spec, &err), GM_OK);
    assert_int_equal(spec.n_added, 16 + 1075);
    assert_int_equal(spec.n_ids, 201088);
    gm_spec_free(&spec);
}

static void bad_rank_files_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"YWI 300\n", "line 257: not Base64"},
        {"YWI=\n", "line 257: not Base64"},
        {"YWI= x\n", "line 257: not Base64"},
        {"YWJ= 300\n", "line 257: not Base64"}, /* bits behind the end */
        {"YWI= 16777216\n", "line 257: a rank above"},
        {"YWI= 7\n", "rank 7 is used twice"},
        {"YQ== 300\n", "\"a\" is listed twice"},
        {"YWI= 50256\n", "rank 50256 is that of the special token <|endoftext|>"},
    };
    struct gm_spec spec;
    struct gm_err err;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        assert_int_equal(load_ranks(cases[i][0], "", "gpt2", &spec, &err), GM_INPUT);
        if (!strstr(err.text, cases[i][1]))
            print_message("%s gives: %s\n", cases[i][0], err.text);
        assert_non_null(strstr(err.text, cases[i][1]));
    }
    assert_int_equal(load_ranks("", "other", NULL, &spec, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "name the encoding"));
    assert_int_equal(load_ranks("", "other", "gpt5", &spec, &err), GM_CONFIG);
    static const char single[] = "YQ== 0\n";
    struct gm_load_opts opts = {.scheme = "gpt2"};
    gm_spec_init(&spec);
    assert_int_equal(gm_spec_load(&spec, single, sizeof single - 1, &opts, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "only 1 of the 256"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rank_files_are_read),
        cmocka_unit_test(bad_rank_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
