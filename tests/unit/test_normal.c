/* Normalizers: each rule once, and what is not touched is not copied. Every expected text is the
 * reference's answer; tests/conformance/tokenize compares many more. */
#include "tokenize/normal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BERT (GM_OP_CLEAN | GM_OP_CJK | GM_OP_ACCENTS | GM_OP_LOWER)

struct setup {
    struct gm_spec spec;
    struct gm_op ops[8];
    struct gm_normalizer *normalizer;
    struct gm_buf scratch;
};

static void add(struct setup *setup, enum gm_op_kind kind, unsigned flags, const char *a,
                const char *b)
{
    struct gm_op *op = &setup->ops[setup->spec.n_normalizers++];
    *op = (struct gm_op){.kind = (uint16_t)kind, .flags = (uint16_t)flags};
    op->a = (struct gm_spec_text){(uint32_t)setup->spec.pool.n_bytes, (uint32_t)strlen(a)};
    gm_buf_text(&setup->spec.pool, a);
    op->b = (struct gm_spec_text){(uint32_t)setup->spec.pool.n_bytes, (uint32_t)strlen(b)};
    gm_buf_text(&setup->spec.pool, b);
    setup->spec.normalizers = setup->ops;
}

static void run(struct setup *setup, const char *text, const char *expected)
{
    struct gm_normal_text out;
    size_t n_bytes = strlen(text);
    if (!setup->normalizer)
        assert_int_equal(gm_normalizer_new(&setup->normalizer, &setup->spec, NULL), GM_OK);
    assert_int_equal(gm_normalize_text(setup->normalizer, (const uint8_t *)text, n_bytes,
                                       &setup->scratch, &out, NULL),
                     GM_OK);
    assert_int_equal(out.n_bytes, strlen(expected));
    assert_memory_equal(out.data, expected, out.n_bytes);
    if (strcmp(text, expected) == 0 && n_bytes > 0 && setup->spec.n_normalizers == 1)
        assert_ptr_equal(out.data, text);
}

static void end(struct setup *setup)
{
    gm_normalizer_free(setup->normalizer);
    gm_buf_free(&setup->spec.pool);
    gm_buf_free(&setup->scratch);
}

/* One step on one text. */
static void check(enum gm_op_kind kind, unsigned flags, const char *text, const char *expected)
{
    struct setup setup = {0};
    add(&setup, kind, flags, "", "");
    run(&setup, text, expected);
    end(&setup);
}

static void forms_compose_and_decompose(void **state)
{
    (void)state;
    check(GM_OP_NFC, 0, "plain text of more than sixteen bytes",
          "plain text of more than sixteen bytes");
    check(GM_OP_NFC, 0, "0123456789abcde e\u0301 x", "0123456789abcde \u00e9 x");
    check(GM_OP_NFC, 0, "\u0438\u0306 \u4e2d\u6587 \u0439", "\u0439 \u4e2d\u6587 \u0439");
    check(GM_OP_NFC, 0, "\u1100\u1161\u11a8\uac00\u11a8", "\uac01\uac01");
    check(GM_OP_NFC, 0, "a\u0301\u0323", "\u1ea1\u0301");
    check(GM_OP_NFC, 0, "\u0344 \u212b \u0958", "\u0308\u0301 \u00c5 \u0915\u093c");
    check(GM_OP_NFC, 0, "\ufb01", "\ufb01");
    check(GM_OP_NFD, 0, "\u00e9\uac01", "e\u0301\u1100\u1161\u11a8");
    check(GM_OP_NFKC, 0, "\ufb01 \uff21 \u00bd", "fi A 1\u20442");
    check(GM_OP_NFKD, 0, "\u01c4", "DZ\u030c");
    check(GM_OP_NFC, 0, "", "");
}

/* U+11938 is U+11935 U+11930 since Unicode 13, and U+08CA a mark since 14: the forms know 9. */
static void forms_leave_new_characters_alone(void **state)
{
    (void)state;
    check(GM_OP_NFC, 0, "\U00011935\U00011930", "\U00011935\U00011930");
    check(GM_OP_NFD, 0, "\U00011938", "\U00011938");
    check(GM_OP_NFC, 0, "a\u08ca\u0323\u0301", "a\u08ca\u0323\u0301");
    check(GM_OP_NFC, 0, "a\u08ca\u0301\u0323", "a\u08ca\u0323\u0301");
    check(GM_OP_NFKC, 0, "\u32ff", "\u32ff");
}

/* Sorting marks by exchanging neighbours would take hours for this. */
static void a_long_run_of_marks_takes_no_quadratic_time(void **state)
{
    enum { N = 1 << 18 };
    struct setup setup = {0};
    struct gm_normal_text out;
    uint8_t *text = malloc(4 * N);
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < N; i++)
        memcpy(text + 4 * i, "\u0301\u0323", 4);
    add(&setup, GM_OP_NFC, 0, "", "");
    assert_int_equal(gm_normalizer_new(&setup.normalizer, &setup.spec, NULL), GM_OK);
    assert_int_equal(gm_normalize_text(setup.normalizer, text, 4 * N, &setup.scratch, &out, NULL),
                     GM_OK);
    assert_int_equal(out.n_bytes, 4 * N);
    for (size_t i = 0; i < 2 * N; i++)
        assert_memory_equal(out.data + 2 * i, i < N ? "\u0323" : "\u0301", 2);
    end(&setup);
    free(text);
}

static void characters_are_mapped(void **state)
{
    (void)state;
    check(GM_OP_LOWERCASE, 0, "ABc \u00c9\u0130\u03a3", "abc \u00e9i\u0307\u03c3");
    check(GM_OP_LOWERCASE, 0, "abc", "abc");
    check(GM_OP_NMT, 0, "a\tb\x01\x7f\u200b\u2581\ufeff.", "a b   .");
    check(GM_OP_STRIP_ACCENTS, 0, "e\u0301\u00e9\u0903", "e\u00e9");
    check(GM_OP_STRIP, GM_OP_LEFT | GM_OP_RIGHT, " \u3000a b\n\u00a0", "a b");
    check(GM_OP_STRIP, GM_OP_LEFT, " a ", "a ");
    check(GM_OP_STRIP, GM_OP_RIGHT, " a ", " a");
    check(GM_OP_STRIP, GM_OP_LEFT | GM_OP_RIGHT, " \t ", "");
}

static void bert_cleans_spaces_strips_and_lowers(void **state)
{
    (void)state;
    check(GM_OP_BERT_NORMALIZER, BERT, "A\x01\u00c9\tx\u4e2dy\ufffd", "ae x \u4e2d y");
    check(GM_OP_BERT_NORMALIZER, GM_OP_CLEAN, "A\r\n\u200d\u0378", "A  \u0378"); /* Cn stays */
    check(GM_OP_BERT_NORMALIZER, GM_OP_CJK, "\U0002b820\u4e2d", "\U0002b820 \u4e2d "); /* a gap */
    check(GM_OP_BERT_NORMALIZER, GM_OP_ACCENTS, "\u00c9\uac00", "E\u1100\u1161");
    check(GM_OP_BERT_NORMALIZER, GM_OP_LOWER, "\u00c9", "\u00e9");
}

static void strings_and_expressions_are_replaced(void **state)
{
    struct setup spaces = {0}, words = {0}, nothing = {0};
    (void)state;
    add(&spaces, GM_OP_PREPEND, 0, "\u2581", "");
    add(&spaces, GM_OP_REPLACE, 0, " ", "\u2581");
    run(&spaces, "a  b", "\u2581a\u2581\u2581b");
    run(&spaces, "", "");
    end(&spaces);
    add(&words, GM_OP_REPLACE, GM_OP_REGEX, "\\s{2,}|^", " ");
    run(&words, "a \n b", " a b");
    run(&words, "", "");
    end(&words);
    add(&nothing, GM_OP_REPLACE, 0, "", "-");
    run(&nothing, "ab", "-a-b-");
    end(&nothing);
}

/* The charsmap of {"a": "b"}: units 0 (root), 1 ('a' ^ offset), and the value. */
static void a_charsmap_replaces_clusters(void **state)
{
    static const uint8_t map[] = {/* 4 * 256 bytes of units follow */ 0, 4, 0, 0};
    static uint8_t data[4 + 1024 + 2];
    struct setup setup = {0};
    (void)state;
    memcpy(data, map, 4);
    data[4 + 1] = 4;                          /* root: offset 1, children at 1 ^ byte */
    data[4 + 4 * (1 ^ 'a')] = 'a';            /* the unit of 'a' ... */
    data[4 + 4 * (1 ^ 'a') + 1] = 1 | 2 << 2; /* ... has a value, at its place ^ 2 */
    data[4 + 4 * (1 ^ 'a' ^ 2) + 3] = 0x80;   /* value 0: the first replacement */
    memcpy(data + 4 + 1024, "b", 2);
    setup.spec.normalizers = setup.ops;
    setup.spec.n_normalizers = 1;
    setup.ops[0] = (struct gm_op){.kind = GM_OP_PRECOMPILED, .a = {0, sizeof(data)}};
    gm_buf_append(&setup.spec.pool, data, sizeof(data));
    run(&setup, "cac\u4e2d", "cbc\u4e2d");
    run(&setup, "a\u0301", "b"); /* a beginning is enough, the rest is lost */
    run(&setup, "a\u0301\u0301\u0301", "b\u0301\u0301\u0301"); /* not from 6 bytes on */
    run(&setup, "ccc", "ccc");
    setup.ops[0].a.n_bytes = 1000; /* cut */
    struct gm_normalizer *other;
    assert_int_equal(gm_normalizer_new(&other, &setup.spec, NULL), GM_INPUT);
    end(&setup);
}

static void bytes_that_are_not_utf8_stay(void **state)
{
    (void)state;
    check(GM_OP_NFC, 0, "e\u0301\xff\xcc", "\u00e9\xff\xcc");
    check(GM_OP_NFC, 0, "\xe1\u0301\xe1\x84 \x80", "\xe1\u0301\xe1\x84 \x80");
    check(GM_OP_BERT_NORMALIZER, BERT, "A\xe4\xb8", "a\xe4\xb8");
    check(GM_OP_STRIP, GM_OP_LEFT | GM_OP_RIGHT, " \xe3\x80 ", "\xe3\x80");
}

static void what_is_not_supported_is_named(void **state)
{
    struct setup regex = {0}, order = {0};
    struct gm_err err = {0};
    (void)state;
    add(&regex, GM_OP_NFC, 0, "", "");
    add(&regex, GM_OP_REPLACE, GM_OP_REGEX, "(?>a)", "");
    assert_int_equal(gm_normalizer_new(&regex.normalizer, &regex.spec, &err), GM_INPUT);
    assert_string_equal(err.text, "normalizer 2 (Replace): at 0: atomic groups are not supported");
    end(&regex);
    add(&order, GM_OP_BYTE_LEVEL_NORMAL, 0, "", "");
    add(&order, GM_OP_LOWERCASE, 0, "", "");
    assert_int_equal(gm_normalizer_new(&order.normalizer, &order.spec, &err), GM_INPUT);
    assert_string_equal(err.text, "normalizer 2 (Lowercase): behind ByteLevel it is not supported");
    end(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_compose_and_decompose),
        cmocka_unit_test(forms_leave_new_characters_alone),
        cmocka_unit_test(a_long_run_of_marks_takes_no_quadratic_time),
        cmocka_unit_test(characters_are_mapped),
        cmocka_unit_test(bert_cleans_spaces_strips_and_lowers),
        cmocka_unit_test(strings_and_expressions_are_replaced),
        cmocka_unit_test(a_charsmap_replaces_clusters),
        cmocka_unit_test(bytes_that_are_not_utf8_stay),
        cmocka_unit_test(what_is_not_supported_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
