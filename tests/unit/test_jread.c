/* The JSON reader: what RFC 8259 allows is read, everything else is refused, nothing crashes. */
#include "base/jread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Reads all tokens of an exact copy (so that a sanitizer guards its end): letters, then the texts.
 */
static bool trace(const char *text, size_t n_bytes, struct gm_buf *out)
{
    static const char letters[] = "!.{}[]ksn10_";
    char *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, n_bytes);
    struct gm_jread reader;
    gm_jread_init(&reader, copy, n_bytes);
    enum gm_jread_token token;
    do {
        token = gm_jread_next(&reader);
        gm_buf_char(out, letters[token]);
        if (token == GM_JREAD_KEY || token == GM_JREAD_STRING || token == GM_JREAD_NUMBER) {
            gm_buf_append(out, reader.value.data, reader.value.n_bytes);
            gm_buf_char(out, ' ');
        }
    } while (token != GM_JREAD_ERROR && token != GM_JREAD_END);
    assert_int_equal(gm_jread_next(&reader), token);
    gm_jread_free(&reader);
    free(copy);
    return token == GM_JREAD_END;
}

static void good_text_is_read(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "{}."},
        {" [ ] ", "[]."},
        {"{\"a\":[1,-2.5e+3,{\"b\":null}],\"c\":true}", "{ka [n1 n-2.5e+3 {kb _}]kc 1}."},
        {"\"\\u00e4\\ud83d\\ude00\\n\\\"\\/\"", "sä😀\n\"/ ."},
        {"0", "n0 ."},
        {"[false,\"\"]", "[0s ]."},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_buf out = GM_BUF_INIT;
        assert_true(trace(cases[i][0], strlen(cases[i][0]), &out));
        assert_string_equal(gm_buf_cstr(&out), cases[i][1]);
        gm_buf_free(&out);
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "+1",
        "nul",
        "nulls",
        "True",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"",
        "\"\\",
        "[}",
        "{]",
        "1 1",
        "[1]]",
        "\"\xff\"",
        "\"\xc3\"",
        "[\"\xed\xa0\x80\"]",
        "NaN",
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_buf out = GM_BUF_INIT;
        if (trace(cases[i], strlen(cases[i]), &out))
            fail_msg("accepted: %s", cases[i]);
        gm_buf_free(&out);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[201];
    for (int depth = 60; depth <= 100; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct gm_buf out = GM_BUF_INIT;
        assert_int_equal(trace(text, 2 * (size_t)depth, &out), depth <= 64);
        gm_buf_free(&out);
    }
}

static void skipping_lands_behind_the_value(void **state)
{
    (void)state;
    struct gm_jread reader;
    const char *text = "{\"a\":{\"x\":[1,{\"y\":[]}]},\"b\":7}";
    gm_jread_init(&reader, text, strlen(text));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_OBJECT);
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_KEY);
    assert_true(gm_jread_skip(&reader, gm_jread_next(&reader)));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_KEY);
    assert_true(gm_jread_is(&reader, "b"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_NUMBER);
    uint64_t value = 0;
    assert_true(gm_jread_u64(&reader, &value));
    assert_int_equal(value, 7);
    gm_jread_free(&reader);
}

static bool takes(struct gm_jread *reader, const char *key)
{
    return gm_jread_take_key(reader, key, strlen(key));
}

static void a_key_that_is_expected_is_taken_only_where_it_stands(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[\"b\"],\"b\":1, \"c\":2,\"d\" :3,\"e\":4}";
    struct gm_jread reader;
    gm_jread_init(&reader, text, strlen(text));
    assert_false(takes(&reader, "\"a\":")); /* the object is not open yet */
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_OBJECT);
    assert_false(takes(&reader, "\"b\":"));
    assert_true(takes(&reader, "\"a\":"));
    assert_false(takes(&reader, "[\"b\"]")); /* a value comes */
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_ARRAY);
    assert_false(takes(&reader, "\"b\"]"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_STRING);
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_ARRAY_END);
    assert_true(takes(&reader, "\"b\":"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_NUMBER);
    assert_false(takes(&reader, "\"c\":")); /* behind a space */
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_KEY);
    assert_true(gm_jread_is(&reader, "c"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_NUMBER);
    assert_false(takes(&reader, "\"d\":"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_KEY);
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_NUMBER);
    assert_false(takes(&reader, "\"e\":4}  ")); /* more than is left */
    assert_true(takes(&reader, "\"e\":"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_NUMBER);
    assert_false(takes(&reader, "}"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_OBJECT_END);
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_END);
    gm_jread_free(&reader);
}

static void no_key_is_taken_of_broken_text(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":01,\"b\":1}";
    struct gm_jread reader;
    gm_jread_init(&reader, text, strlen(text));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_OBJECT);
    assert_true(takes(&reader, "\"a\":"));
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_NUMBER); /* 0 */
    assert_int_equal(gm_jread_next(&reader), GM_JREAD_ERROR);
    reader.at++; /* before ,"b": */
    assert_false(takes(&reader, "\"b\":"));
    gm_jread_free(&reader);
}

/* One reader for many texts; strings are as long as they are, whatever stands at which place. */
static void strings_of_all_lengths_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *written, *meant;
    } middles[] = {{"\\n", "\n"}, {"\x7f", "\x7f"}, {"ä", "ä"}, {"\\u00e4\\\\", "ä\\"}};
    enum { MOST = 700 };
    struct gm_jread reader;
    gm_jread_init(&reader, "", 0);
    for (size_t n = 0; n < MOST; n++) {
        const char *written = middles[n % 4].written, *meant = middles[n % 4].meant;
        size_t before = n * 7 % (n + 1), n_written = strlen(written), n_meant = strlen(meant);
        size_t n_text = n + n_written + 2;
        char *text = malloc(n_text); /* exactly: a sanitizer guards its end */
        assert_non_null(text);
        memset(text, 'x', n_text);
        text[0] = text[n_text - 1] = '"';
        memcpy(text + 1 + before, written, n_written);
        gm_jread_restart(&reader, text, n_text);
        assert_int_equal(gm_jread_next(&reader), GM_JREAD_STRING);
        assert_int_equal(reader.value.n_bytes, n + n_meant);
        assert_memory_equal(reader.value.data + before, meant, n_meant);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(reader.value.data[i < before ? i : i + n_meant], 'x');
        assert_int_equal(gm_jread_next(&reader), GM_JREAD_END);
        gm_jread_restart(&reader, text, n_text - 1);
        assert_int_equal(gm_jread_next(&reader), GM_JREAD_ERROR);
        text[1 + before] = '\x1f';
        gm_jread_restart(&reader, text, n_text);
        assert_int_equal(gm_jread_next(&reader), GM_JREAD_ERROR);
        free(text);
    }
    gm_jread_free(&reader);
}

static void changed_text_never_crashes(void **state)
{
    (void)state;
    const char *text = "{\"a\":[1,-2.5e+3,{\"b\":null}],\"c\":\"\\u00e4\\n\",\"d\":[true,false]}";
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at++)
        for (int byte = 0; byte < 256; byte += 3) {
            char copy[128];
            memcpy(copy, text, n);
            copy[at] = (char)byte;
            struct gm_buf out = GM_BUF_INIT;
            trace(copy, n, &out);
            trace(text, at, &out);
            gm_buf_free(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_text_is_read),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(skipping_lands_behind_the_value),
        cmocka_unit_test(a_key_that_is_expected_is_taken_only_where_it_stands),
        cmocka_unit_test(no_key_is_taken_of_broken_text),
        cmocka_unit_test(strings_of_all_lengths_are_read),
        cmocka_unit_test(changed_text_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
