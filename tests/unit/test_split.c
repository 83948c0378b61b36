/* Splitting: every rule cuts known texts as its regular expression does, in portions of any size,
 * and the known expressions are told from others. Whether the tiers agree is test_split_tiers.c's;
 * whether the reference agrees on much text, tests/conformance/tokenize/split.sh's. */
#include "tokenize/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* The pieces of the text, joined by bars, must be what is expected. */
static void check(enum gm_scheme scheme, const char *text, const char *expected)
{
    for (unsigned tier = 0; tier <= gm_split_best_tier(); tier++) {
        char joined[512];
        uint32_t ends[GM_SPLIT_MIN_PIECES], start = 0;
        size_t at = 0, n;
        struct gm_split split;
        gm_split_begin(&split, scheme, (enum gm_split_tier)tier, (const uint8_t *)text,
                       strlen(text));
        while ((n = gm_split_next(&split, ends, GM_SPLIT_MIN_PIECES)) > 0)
            for (size_t i = 0; i < n; i++) {
                assert_true(at + (ends[i] - start) + 2 < sizeof(joined));
                if (start > 0)
                    joined[at++] = '|';
                memcpy(joined + at, text + start, ends[i] - start);
                at += ends[i] - start;
                start = ends[i];
            }
        joined[at] = '\0';
        assert_string_equal(joined, expected);
    }
}

static void gpt2_keeps_numbers_whole_and_knows_small_contractions(void **state)
{
    (void)state;
    check(GM_SCHEME_GPT2, "I'm don't DON'T we'll", "I|'m| don|'t| DON|'|T| we|'ll");
    check(GM_SCHEME_GPT2, "x  y\n\n z \t1234567!?", "x| | y|\n\n| z| |\t|1234567|!?");
    check(GM_SCHEME_GPT2, "end  ", "end|  ");
    check(GM_SCHEME_GPT2, " 's", " '|s");
}

static void cl100k_joins_one_sign_to_letters_and_newlines_to_signs(void **state)
{
    (void)state;
    check(GM_SCHEME_CL100K, "DON'T (see) it's", "DON|'T| (|see|)| it|'s");
    check(GM_SCHEME_CL100K, "(see\t.a,b 12345", "(see|\t|.a|,b| |123|45");
    check(GM_SCHEME_CL100K, "f();\n\n\tif  (x)", "f|();\n\n|\tif| | (|x|)");
    check(GM_SCHEME_CL100K, "a \n  \n  b", "a| \n  \n| | b");
    check(GM_SCHEME_CL100K, "'\u017Fx \u2019s", "'\u017F|x| \u2019|s");
    check(GM_SCHEME_CL100K, "\u4E2D\u6587\uFF0C\u5B57\u3002", "\u4E2D\u6587|\uFF0C\u5B57|\u3002");
}

static void newlines_at_the_end_differ_between_files_and_tiktoken(void **state)
{
    (void)state;
    check(GM_SCHEME_CL100K, "a\n  ", "a|\n|  ");
    check(GM_SCHEME_CL100K_END, "a\n  ", "a|\n  ");
    check(GM_SCHEME_CL100K_END, "a.\n  ", "a|.\n|  ");
    check(GM_SCHEME_CL100K_END, "a\n  b", "a|\n| | b");
}

static void qwen_cuts_every_digit_and_its_newer_rule_keeps_marks_in_words(void **state)
{
    (void)state;
    check(GM_SCHEME_QWEN2, "in 2024", "in| |2|0|2|4");
    check(GM_SCHEME_QWEN2, "\u0915\u094D\u0937", "\u0915|\u094D\u0937");
    check(GM_SCHEME_QWEN35, "\u0915\u094D\u0937 12", "\u0915\u094D\u0937| |1|2");
}

static void o200k_cuts_words_where_the_case_rises(void **state)
{
    (void)state;
    check(GM_SCHEME_O200K, "camelCase HTMLParser ABC", "camel|Case| HTMLParser| ABC");
    check(GM_SCHEME_O200K, "it's DON'T he'llo a's's", "it's| DON'T| he'll|o| a's|'s");
    check(GM_SCHEME_O200K, "\u4E2DAB \u4E2DAb A\u4E2D", "\u4E2D|AB| \u4E2DAb| A\u4E2D");
    check(GM_SCHEME_O200K, "x;\n//\n y", "x|;\n//\n| y");
    check(GM_SCHEME_O200K, " &\r/\u00B1\u0301x !/\n", " &\r/|\u00B1\u0301x| !/\n");
    check(GM_SCHEME_O200K, "!\u0301a !\u0301a !!\u0301a", "!\u0301a| !\u0301|a| !!\u0301|a");
}

static void deepseek_cuts_numbers_and_cjk_first(void **state)
{
    (void)state;
    check(GM_SCHEME_DEEPSEEK3, "v1234 .net ..net", "v|123|4| .|net| ..|net");
    check(GM_SCHEME_DEEPSEEK3, "\u4E2D\u6587abc\u30FB\u3042", "\u4E2D\u6587|abc|\u30FB|\u3042");
    check(GM_SCHEME_DEEPSEEK3, "a  1  \u4E2D  b", "a|  |1|  |\u4E2D| | b");
    check(GM_SCHEME_DEEPSEEK3, "\x01\x02z \x01\x02!", "\x01|\x02z| |\x01\x02|!");
    check(GM_SCHEME_DEEPSEEK3, ".a\u00E9", ".a|\u00E9");
}

static void the_whole_text_is_one_piece(void **state)
{
    (void)state;
    check(GM_SCHEME_WHOLE, "a b\nc", "a b\nc");
    check(GM_SCHEME_WHOLE, "", "");
    check(GM_SCHEME_CL100K, "", "");
}

/* A spec with one Split of the pattern, ByteLevel behind it. */
static enum gm_scheme recognise(enum gm_model_kind model, const char *pattern, uint32_t behavior,
                                uint16_t flags)
{
    struct gm_op ops[2] = {{.kind = GM_OP_PRE_SPLIT, .flags = flags, .value = behavior},
                           {.kind = GM_OP_PRE_BYTE_LEVEL}};
    ops[0].a.n_bytes = (uint32_t)strlen(pattern);
    struct gm_spec spec = {.model = model, .pretokenizers = ops, .n_pretokenizers = 2};
    char bytes[512];
    assert_true(ops[0].a.n_bytes < sizeof(bytes));
    memcpy(bytes, pattern, ops[0].a.n_bytes);
    spec.pool.data = (void *)bytes;
    return gm_scheme_recognise(&spec);
}

static const char cl100k[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static void a_known_expression_is_its_rule_however_it_is_kept(void **state)
{
    (void)state;
    assert_int_equal(recognise(GM_MODEL_BPE, cl100k, GM_SPLIT_ISOLATED, GM_OP_REGEX),
                     GM_SCHEME_CL100K);
    assert_int_equal(recognise(GM_MODEL_BPE, cl100k, GM_SPLIT_REMOVED, GM_OP_REGEX | GM_OP_INVERT),
                     GM_SCHEME_CL100K);
    assert_int_equal(recognise(GM_MODEL_BPE, cl100k, GM_SPLIT_REMOVED, GM_OP_REGEX),
                     GM_SCHEME_NONE);
    assert_int_equal(recognise(GM_MODEL_BPE, cl100k, GM_SPLIT_CONTIGUOUS, GM_OP_REGEX),
                     GM_SCHEME_NONE);
    assert_int_equal(recognise(GM_MODEL_BPE, cl100k, GM_SPLIT_ISOLATED, 0), GM_SCHEME_NONE);
    assert_int_equal(recognise(GM_MODEL_BPE, "\\s+", GM_SPLIT_ISOLATED, GM_OP_REGEX),
                     GM_SCHEME_NONE);
}

static void
an_expression_that_means_something_else_to_tokenizer_json_is_tiktokens_only(void **state)
{
    (void)state;
    static const char pattern[] =
        "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+|"
        " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";
    assert_int_equal(recognise(GM_MODEL_RANKS, pattern, GM_SPLIT_ISOLATED, GM_OP_REGEX),
                     GM_SCHEME_CL100K_END);
    assert_int_equal(recognise(GM_MODEL_BPE, pattern, GM_SPLIT_ISOLATED, GM_OP_REGEX),
                     GM_SCHEME_NONE);
}

static enum gm_scheme of_ops(struct gm_op *ops, uint32_t n_ops, struct gm_op *normalizer)
{
    static char bytes[] = " \xE2\x96\x81";
    struct gm_spec spec = {.pretokenizers = ops, .n_pretokenizers = n_ops};
    spec.normalizers = normalizer;
    spec.n_normalizers = normalizer != NULL;
    spec.pool.data = (void *)bytes;
    return gm_scheme_recognise(&spec);
}

static void byte_level_bert_and_nothing_are_rules_too(void **state)
{
    (void)state;
    struct gm_op byte_level = {.kind = GM_OP_PRE_BYTE_LEVEL, .flags = GM_OP_USE_REGEX};
    assert_int_equal(of_ops(&byte_level, 1, NULL), GM_SCHEME_GPT2);
    byte_level.flags = 0;
    assert_int_equal(of_ops(&byte_level, 1, NULL), GM_SCHEME_WHOLE);
    assert_int_equal(of_ops(NULL, 0, NULL), GM_SCHEME_WHOLE);
    struct gm_op bert = {.kind = GM_OP_PRE_BERT};
    assert_int_equal(of_ops(&bert, 1, NULL), GM_SCHEME_BERT);
    struct gm_op digits[2] = {{.kind = GM_OP_PRE_DIGITS},
                              {.kind = GM_OP_PRE_BYTE_LEVEL, .flags = GM_OP_USE_REGEX}};
    assert_int_equal(of_ops(digits, 2, NULL), GM_SCHEME_NONE);
    assert_int_equal(of_ops(digits, 1, NULL), GM_SCHEME_NONE);
}

static void cutting_at_spaces_is_no_cut_once_they_are_replaced(void **state)
{
    (void)state;
    struct gm_op split = {.kind = GM_OP_PRE_SPLIT,
                          .value = GM_SPLIT_MERGED_WITH_PREVIOUS,
                          .a = {.offset = 0, .n_bytes = 1}};
    struct gm_op replace = {
        .kind = GM_OP_REPLACE, .a = {.offset = 0, .n_bytes = 1}, .b = {.offset = 1, .n_bytes = 3}};
    assert_int_equal(of_ops(&split, 1, &replace), GM_SCHEME_WHOLE);
    assert_int_equal(of_ops(&split, 1, NULL), GM_SCHEME_NONE);
    replace.b.offset = 0;
    assert_int_equal(of_ops(&split, 1, &replace), GM_SCHEME_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2_keeps_numbers_whole_and_knows_small_contractions),
        cmocka_unit_test(cl100k_joins_one_sign_to_letters_and_newlines_to_signs),
        cmocka_unit_test(newlines_at_the_end_differ_between_files_and_tiktoken),
        cmocka_unit_test(qwen_cuts_every_digit_and_its_newer_rule_keeps_marks_in_words),
        cmocka_unit_test(o200k_cuts_words_where_the_case_rises),
        cmocka_unit_test(deepseek_cuts_numbers_and_cjk_first),
        cmocka_unit_test(the_whole_text_is_one_piece),
        cmocka_unit_test(a_known_expression_is_its_rule_however_it_is_kept),
        cmocka_unit_test(
            an_expression_that_means_something_else_to_tokenizer_json_is_tiktokens_only),
        cmocka_unit_test(byte_level_bert_and_nothing_are_rules_too),
        cmocka_unit_test(cutting_at_spaces_is_no_cut_once_they_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
