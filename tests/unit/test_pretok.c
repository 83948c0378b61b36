/* Generic pre-tokenizers: each step and behavior once, sequences, and what is refused. Every
 * expected list is the reference's; tests/conformance/tokenize compares many more. */
#include "tokenize/pretok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct setup {
    struct gm_spec spec;
    struct gm_op ops[8];
};

static void add(struct setup *setup, enum gm_op_kind kind, unsigned flags, uint32_t value,
                const char *a)
{
    struct gm_op *op = &setup->ops[setup->spec.n_pretokenizers++];
    *op = (struct gm_op){.kind = (uint16_t)kind, .flags = (uint16_t)flags, .value = value};
    op->a = (struct gm_spec_text){(uint32_t)setup->spec.pool.n_bytes, (uint32_t)strlen(a)};
    gm_buf_text(&setup->spec.pool, a);
    setup->spec.pretokenizers = setup->ops;
}

/* expected: the pieces, each with '|' behind. */
static void run(struct setup *setup, bool is_first, const char *text, const char *expected)
{
    struct gm_pretokenizer *pretokenizer;
    struct gm_pieces pieces;
    struct gm_buf got = GM_BUF_INIT;
    struct gm_err err = {0};
    if (gm_pretokenizer_new(&pretokenizer, &setup->spec, &err) != GM_OK)
        fail_msg("%s", err.text);
    gm_pieces_init(&pieces);
    for (int i = 0; i < 2; i++) { /* the second time with memory that is there */
        gm_buf_clear(&got);
        assert_int_equal(gm_pretokenize(pretokenizer, (const uint8_t *)text, strlen(text), is_first,
                                        &pieces, NULL),
                         GM_OK);
        for (size_t j = 0; j < pieces.n; j++) {
            gm_buf_append(&got, pieces.text.data + pieces.starts[j],
                          pieces.ends[j] - pieces.starts[j]);
            gm_buf_char(&got, '|');
        }
        assert_string_equal(gm_buf_cstr(&got), expected);
    }
    gm_buf_free(&got);
    gm_pieces_free(&pieces);
    gm_pretokenizer_free(pretokenizer);
}

static void check(enum gm_op_kind kind, unsigned flags, uint32_t value, const char *a,
                  const char *text, const char *expected)
{
    struct setup setup = {0};
    add(&setup, kind, flags, value, a);
    run(&setup, true, text, expected);
    gm_buf_free(&setup.spec.pool);
}

static void matches_are_put_together_by_behavior(void **state)
{
    static const struct {
        uint32_t behavior;
        const char *expected, *inverted;
    } rows[] = {
        {GM_SPLIT_REMOVED, "the|final|countdown|", "-|-|-|"},
        {GM_SPLIT_ISOLATED, "the|-|final|-|-|countdown|", "the|-|final|-|-|countdown|"},
        {GM_SPLIT_MERGED_WITH_PREVIOUS, "the-|final-|-|countdown|", "the|-final|-|-countdown|"},
        {GM_SPLIT_MERGED_WITH_NEXT, "the|-final|-|-countdown|", "the-|final-|-|countdown|"},
        {GM_SPLIT_CONTIGUOUS, "the|-|final|--|countdown|", "the|-|final|--|countdown|"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(GM_OP_PRE_SPLIT, 0, rows[i].behavior, "-", "the-final--countdown", rows[i].expected);
        check(GM_OP_PRE_SPLIT, GM_OP_REGEX, rows[i].behavior, "[-]", "the-final--countdown",
              rows[i].expected);
        check(GM_OP_PRE_SPLIT, GM_OP_INVERT, rows[i].behavior, "-", "the-final--countdown",
              rows[i].inverted);
    }
    check(GM_OP_PRE_SPLIT, 0, GM_SPLIT_ISOLATED, "", "a\u00e9", "a|\u00e9|");
}

static void each_step_has_its_rule(void **state)
{
    (void)state;
    check(GM_OP_PRE_BERT, 0, 0, "", "Hey, friend!  \u4e2d\u3002", "Hey|,|friend|!|\u4e2d|\u3002|");
    check(GM_OP_PRE_DIGITS, 0, 0, "", "a12\u00bdb3", "a|12\u00bd|b|3|");
    check(GM_OP_PRE_DIGITS, GM_OP_INDIVIDUAL, 0, "", "a12\u00bdb", "a|1|2|\u00bd|b|");
    check(GM_OP_PRE_PUNCTUATION, 0, GM_SPLIT_CONTIGUOUS, "", "a?!b$\u00bf", "a|?!|b|$\u00bf|");
    check(GM_OP_PRE_WHITESPACE, 0, 0, "", "Hey man!! \u00e9_1 ", "Hey|man|!!|\u00e9_1|");
    check(GM_OP_PRE_WHITESPACE_SPLIT, 0, 0, "", " Hey man!!\u3000x", "Hey|man!!|x|");
    check(GM_OP_PRE_DELIMITER, 0, 0, "\u4e2d", "a\u4e2d\u4e2db", "a|b|");
    check(GM_OP_PRE_FIXED_LENGTH, 0, 2, "", "a\u00e9\u4e2db\U0001f600",
          "a\u00e9|\u4e2db|\U0001f600|");
    check(GM_OP_PRE_SCRIPTS, 0, 0, "", "  ab \u3069\u30a2\u30fc\u4e2d x1",
          "ab |\u3069\u30a2\u30fc\u4e2d |x|1|");
    check(GM_OP_PRE_BYTE_LEVEL, GM_OP_USE_REGEX, 0, "", "I'm  ok", "I|'m| | ok|");
    check(GM_OP_PRE_BYTE_LEVEL, GM_OP_ADD_PREFIX_SPACE | GM_OP_USE_REGEX, 0, "", "a b", " a| b|");
    check(GM_OP_PRE_BYTE_LEVEL, GM_OP_ADD_PREFIX_SPACE, 0, "", " a b", " a b|");
}

static void metaspace_prepends_by_scheme(void **state)
{
    struct setup first = {0};
    (void)state;
    check(GM_OP_PRE_METASPACE, GM_OP_SPLIT, GM_PREPEND_ALWAYS, "\u2581", "Hey  you",
          "\u2581Hey|\u2581|\u2581you|");
    check(GM_OP_PRE_METASPACE, GM_OP_SPLIT, GM_PREPEND_ALWAYS, "\u2581", " Hey", "\u2581Hey|");
    check(GM_OP_PRE_METASPACE, GM_OP_SPLIT, GM_PREPEND_NEVER, "\u2581", "Hey you",
          "Hey|\u2581you|");
    check(GM_OP_PRE_METASPACE, 0, GM_PREPEND_FIRST, "\u2581", "Hey you", "\u2581Hey\u2581you|");
    add(&first, GM_OP_PRE_METASPACE, 0, GM_PREPEND_FIRST, "\u2581");
    run(&first, false, "Hey", "Hey|"); /* behind an added token */
    gm_buf_free(&first.spec.pool);
}

static void steps_work_on_the_pieces_of_the_step_before(void **state)
{
    struct setup words = {0}, first = {0};
    (void)state;
    add(&words, GM_OP_PRE_WHITESPACE_SPLIT, 0, 0, "");
    add(&words, GM_OP_PRE_DIGITS, GM_OP_INDIVIDUAL, 0, "");
    add(&words, GM_OP_PRE_BYTE_LEVEL, GM_OP_ADD_PREFIX_SPACE, 0, "");
    run(&words, true, "ab1 c", " ab| 1| c|");
    run(&words, true, "", "");
    run(&words, true, "  ", "");
    gm_buf_free(&words.spec.pool);
    add(&first, GM_OP_PRE_WHITESPACE_SPLIT, 0, 0, "");
    add(&first, GM_OP_PRE_METASPACE, 0, GM_PREPEND_FIRST, "_");
    run(&first, true, "a b", "_a|b|");
    run(&first, true, " a b", "a|b|"); /* no piece is at the beginning of the text */
    gm_buf_free(&first.spec.pool);
}

static void no_steps_leave_one_piece(void **state)
{
    struct setup setup = {0};
    (void)state;
    run(&setup, true, "a b", "a b|");
    run(&setup, true, "", "");
}

static void patterns_of_rank_files_are_in_their_dialect(void **state)
{
    struct setup setup = {.spec = {.model = GM_MODEL_RANKS}};
    (void)state;
    add(&setup, GM_OP_PRE_SPLIT, GM_OP_REGEX, GM_SPLIT_ISOLATED, "\\d{1,3}+");
    run(&setup, true, "12345", "123|45|");
    setup.spec.model = GM_MODEL_BPE;
    run(&setup, true, "12345", "12345|");
    gm_buf_free(&setup.spec.pool);
}

static void refuse(struct setup *setup, const char *message)
{
    struct gm_pretokenizer *pretokenizer;
    struct gm_err err = {0};
    assert_int_equal(gm_pretokenizer_new(&pretokenizer, &setup->spec, &err), GM_INPUT);
    assert_null(pretokenizer);
    assert_string_equal(err.text, message);
    gm_buf_free(&setup->spec.pool);
}

static void what_is_not_supported_is_named(void **state)
{
    struct setup regex = {0}, length = {0}, order = {0}, first = {0}, normal = {0};
    struct gm_op normalizer = {.kind = GM_OP_BYTE_LEVEL_NORMAL};
    (void)state;
    add(&regex, GM_OP_PRE_SPLIT, GM_OP_REGEX, GM_SPLIT_ISOLATED, "a\\1");
    refuse(&regex, "pre-tokenizer 1 (Split): at 1: escape \\1 is not supported");
    add(&length, GM_OP_PRE_FIXED_LENGTH, 0, 0, "");
    refuse(&length, "pre-tokenizer 1 (FixedLength): length is 0");
    add(&order, GM_OP_PRE_BYTE_LEVEL, 0, 0, "");
    add(&order, GM_OP_PRE_DIGITS, 0, 0, "");
    refuse(&order, "pre-tokenizer 2 (Digits): behind ByteLevel it is not supported");
    add(&first, GM_OP_PRE_DIGITS, 0, 0, "");
    add(&first, GM_OP_PRE_METASPACE, 0, GM_PREPEND_ALWAYS, "_");
    add(&first, GM_OP_PRE_METASPACE, 0, GM_PREPEND_FIRST, "_");
    refuse(&first, "pre-tokenizer 3 (Metaspace): prepend_scheme first behind other steps is not "
                   "supported");
    add(&normal, GM_OP_PRE_BERT, 0, 0, "");
    normal.spec.normalizers = &normalizer;
    normal.spec.n_normalizers = 1;
    refuse(&normal, "pre-tokenizer 1 (BertPreTokenizer): behind a ByteLevel normalizer it is not "
                    "supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_are_put_together_by_behavior),
        cmocka_unit_test(each_step_has_its_rule),
        cmocka_unit_test(metaspace_prepends_by_scheme),
        cmocka_unit_test(steps_work_on_the_pieces_of_the_step_before),
        cmocka_unit_test(no_steps_leave_one_piece),
        cmocka_unit_test(patterns_of_rank_files_are_in_their_dialect),
        cmocka_unit_test(what_is_not_supported_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
