/* The JSON reader: what it accepts, what it refuses and where it says the mistake is, decoded and
 * raw values, limits. */
#include "base/buf.h"
#include "json/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = gm_json_parser_new(1 << 20, GM_JSON_DEFAULT_DEPTH);
    return *state == NULL;
}

static int teardown(void **state)
{
    gm_json_parser_free(*state);
    return 0;
}

static enum gm_status parse(struct gm_json_parser *parser, const char *text, struct gm_err *err)
{
    gm_err_clear(err);
    return gm_json_parse(parser, text, strlen(text), 0, err);
}

static void parse_ok(struct gm_json_parser *parser, const char *text)
{
    struct gm_err err;
    if (parse(parser, text, &err) != GM_OK)
        fail_msg("%s: %s", text, err.text);
}

static void values_of_every_kind_are_found(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_json_value value;
    parse_ok(parser, " {\"s\":\"a\\u00e4\\n\\u0000z\",\"u\":18446744073709551615,\"z\":0,"
                     "\"i\":-9223372036854775808,\"f\":1.5,\"e\":1e2,\"t\":true,\"x\":false,"
                     "\"n\":null,\"a\":[1],\"o\":{\"s\":1}} \r\n");
    assert_int_equal(gm_json_get(parser, "s", &value), GM_JSON_STRING);
    assert_int_equal(value.n_bytes, 6);
    assert_memory_equal(value.text, "a\xc3\xa4\n\0z", 6);
    assert_int_equal(gm_json_get(parser, "u", &value), GM_JSON_U64);
    assert_true(value.u64 == UINT64_MAX);
    assert_int_equal(gm_json_get(parser, "z", &value), GM_JSON_U64);
    assert_true(value.u64 == 0);
    assert_int_equal(gm_json_get(parser, "i", &value), GM_JSON_I64);
    assert_true(value.i64 == INT64_MIN);
    assert_int_equal(gm_json_get(parser, "f", &value), GM_JSON_F64);
    assert_true(value.f64 == 1.5);
    assert_int_equal(gm_json_get(parser, "e", &value), GM_JSON_F64);
    assert_true(value.f64 == 100.0);
    assert_int_equal(gm_json_get(parser, "t", &value), GM_JSON_BOOL);
    assert_true(value.u64 == 1);
    assert_int_equal(gm_json_get(parser, "x", &value), GM_JSON_BOOL);
    assert_true(value.u64 == 0);
    assert_int_equal(gm_json_get(parser, "n", &value), GM_JSON_NULL);
    assert_int_equal(gm_json_get(parser, "a", &value), GM_JSON_ARRAY);
    assert_int_equal(gm_json_get(parser, "o", &value), GM_JSON_OBJECT);
    assert_int_equal(gm_json_get(parser, "missing", &value), GM_JSON_MISSING);
}

static void keys_are_compared_decoded_and_the_last_duplicate_counts(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_json_value value;
    parse_ok(parser, "{\"a\":1,\"\\u0061\":2,\"b\":3}");
    assert_int_equal(gm_json_get(parser, "a", &value), GM_JSON_U64);
    assert_true(value.u64 == 2);
}

static void other_fields_pass_through_as_written(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_buf out = GM_BUF_INIT;
    static const char *const except[] = {"text", "gone", NULL};
    parse_ok(parser,
             "{ \"id\" : 1.10 , \"text\":\"a } , \\\" b\\\\\" ,\n\"m\" : { \"k\" : [ 1 , \"x y\" , "
             "{} ] },"
             "\"k\\\"ey\":\"\\ud83d\\ude00\\/\" , \"e\":1E+2, \"w\": true ,\"d\":1,\"d\" :2 }");
    assert_int_equal(gm_json_append_others(parser, except, &out), 7);
    assert_string_equal(
        gm_buf_cstr(&out),
        "{\"id\":1.10,\"m\":{\"k\":[1,\"x y\",{}]},\"k\\\"ey\":\"\\ud83d\\ude00\\/\","
        "\"e\":1E+2,\"w\":true,\"d\":1,\"d\":2}");
    gm_buf_clear(&out);
    parse_ok(parser, "{\"text\":\"x\"}");
    assert_int_equal(gm_json_append_others(parser, except, &out), 0);
    assert_string_equal(gm_buf_cstr(&out), "{}");
    gm_buf_clear(&out);
    assert_int_equal(gm_json_append_others(parser, NULL, &out), 1);
    assert_string_equal(gm_buf_cstr(&out), "{\"text\":\"x\"}");
    gm_buf_free(&out);
}

static void walking_gives_fields_in_order(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_json_field field;
    parse_ok(parser, "\t{\"b\" : [ 1 ] ,\"a\":-1}");
    for (int round = 0; round < 2; round++) {
        gm_json_rewind(parser);
        assert_true(gm_json_next(parser, &field));
        assert_int_equal(field.key_bytes, 1);
        assert_memory_equal(field.key, "b", 1);
        assert_int_equal(field.raw_bytes, 5);
        assert_memory_equal(field.raw, "[ 1 ]", 5);
        assert_true(gm_json_next(parser, &field));
        assert_int_equal(field.value.kind, GM_JSON_I64);
        assert_int_equal(field.raw_bytes, 2);
        assert_false(gm_json_next(parser, &field));
        assert_false(gm_json_next(parser, &field));
    }
}

/* What the text is, and where and with which words it must be refused. */
static const struct {
    const char *text;
    const char *message;
} bad[] = {
    {"", "byte 0: the text ends where a value was expected"},
    {"   ", "byte 3: the text ends where a value was expected"},
    {"[1]", "byte 0: expected an object, '{'"},
    {"\"x\"", "byte 0: expected an object, '{'"},
    {"{", "byte 1: the text ends where a key in double quotes or '}' was expected"},
    {"{\"a\"}", "byte 4: expected ':'"},
    {"{\"a\":}", "byte 5: expected a value"},
    {"{\"a\":1,}", "byte 7: expected a key in double quotes"},
    {"{\"a\":1 \"b\":2}", "byte 7: expected ',' or '}'"},
    {"{\"a\":[1 2]}", "byte 8: expected ',' or ']'"},
    {"{\"a\":[1,]}", "byte 8: expected a value"},
    {"{a:1}", "byte 1: expected a key in double quotes or '}'"},
    {"{'a':1}", "byte 1: expected a key in double quotes or '}'"},
    {"{\"a\":1} x", "byte 8: expected the end of the text"},
    {"{\"a\":1}{\"b\":1}", "byte 7: expected the end of the text"},
    {"{\"a\":tru}", "byte 8: expected true, false or null"},
    {"{\"a\":NaN}", "byte 5: expected a value"},
    {"{\"a\":-}", "byte 6: expected a digit"},
    {"{\"a\":01}", "byte 6: expected ',' or '}'"},
    {"{\"a\":1.}", "byte 7: expected a digit"},
    {"{\"a\":1e}", "byte 7: expected a digit"},
    {"{\"a\":+1}", "byte 5: expected a value"},
    {"{\"a\":\"b", "byte 7: the text ends where the closing '\"' of a string was expected"},
    {"{\"a\":\"b\nc\"}", "byte 7: expected an escape instead of a control character in a string"},
    {"{\"a\":\"\\x\"}", "byte 7: expected one of \"\\/bfnrtu behind the backslash"},
    {"{\"a\":\"\\u12g4\"}", "byte 10: expected four hexadecimal digits behind \\u"},
    {"{\"a\":\"\\ud800\"}", "byte 12: expected a low surrogate (\\uDC00 to \\uDFFF)"},
    {"{\"a\":\"\\ud800\\u0041\"}", "byte 12: expected a low surrogate (\\uDC00 to \\uDFFF)"},
    {"{\"a\":\"\xff\"}", "byte 6: invalid UTF-8"},
    {"{\"a\":\"\xed\xa0\x80\"}", "byte 6: invalid UTF-8"},
    {"{\"a\":\"\xc3", "byte 6: invalid UTF-8"},
    {"{\"a\":1]", "byte 6: expected ',' or '}'"},
    {"{\"a\":[1}}", "byte 7: expected ',' or ']'"},
    {"{\"a\":1}}", "byte 7: expected the end of the text"},
    {"{/**/\"a\":1}", "byte 1: expected a key in double quotes or '}'"},
};

static void mistakes_are_refused_with_their_place(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_err err;
    struct gm_json_value value;
    for (size_t i = 0; i < GM_ARRAY_LEN(bad); i++) {
        if (parse(parser, bad[i].text, &err) != GM_INPUT)
            fail_msg("accepted: %s", bad[i].text);
        if (strcmp(err.text, bad[i].message) != 0)
            fail_msg("%s: got \"%s\" instead of \"%s\"", bad[i].text, err.text, bad[i].message);
        assert_int_equal(gm_json_get(parser, "a", &value), GM_JSON_MISSING);
    }
    parse_ok(parser, "{\"a\":1}");
    assert_int_equal(gm_json_get(parser, "a", &value), GM_JSON_U64);
}

/* Every cut of a valid text must be refused, and located at the cut: the text was right so far. */
static void every_truncation_is_located_at_its_end(void **state)
{
    struct gm_json_parser *parser = *state;
    static const char text[] =
        "{\"a\\u00e9\": [true, null, -1.5e+3, {\"x\": \"\\ud83d\\ude00\"}], \"b\": {}}";
    struct gm_err err;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        assert_int_equal(gm_json_parse(parser, text, n, 0, &err), GM_INPUT);
        char place[32];
        snprintf(place, sizeof place, "byte %zu: ", n);
        assert_ptr_equal(strstr(err.text, place), err.text);
    }
}

static void numbers_out_of_range_are_refused(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_err err;
    assert_int_equal(parse(parser, "{\"a\":18446744073709551616}", &err), GM_INPUT);
    assert_int_equal(parse(parser, "{\"a\":-9223372036854775809}", &err), GM_INPUT);
    assert_int_equal(parse(parser, "{\"a\":1e999}", &err), GM_INPUT);
    assert_true(err.text[0] != '\0');
}

static void nesting_is_limited(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_err err;
    static char text[300010];
    for (size_t depth = 1; depth <= 100; depth++) {
        struct gm_buf buf = GM_BUF_INIT;
        gm_buf_text(&buf, "{\"a\":");
        for (size_t i = 1; i < depth; i++)
            gm_buf_char(&buf, '[');
        gm_buf_char(&buf, '1');
        for (size_t i = 1; i < depth; i++)
            gm_buf_char(&buf, ']');
        gm_buf_char(&buf, '}');
        assert_int_equal(parse(parser, gm_buf_cstr(&buf), &err),
                         depth <= GM_JSON_DEFAULT_DEPTH ? GM_OK : GM_LIMIT);
        gm_buf_free(&buf);
    }
    memset(text, '[', sizeof(text) - 1);
    assert_int_not_equal(parse(parser, text, &err), GM_OK);
    for (size_t i = 0; i + 5 < sizeof(text) - 1; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    assert_int_not_equal(parse(parser, text, &err), GM_OK);
}

static void long_texts_are_limited_and_short_ones_reuse_memory(void **state)
{
    struct gm_json_parser *parser = *state;
    struct gm_err err;
    struct gm_json_value value;
    for (size_t n = 10; n <= 1 << 20; n = n * 3 + 1) {
        char *text = malloc(n + GM_JSON_PADDING_BYTES);
        memset(text, 'x', n + GM_JSON_PADDING_BYTES);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + n - 2, "\"}", 2);
        assert_int_equal(gm_json_parse(parser, text, n, GM_JSON_PADDING_BYTES, &err), GM_OK);
        assert_int_equal(gm_json_get(parser, "a", &value), GM_JSON_STRING);
        assert_int_equal(value.n_bytes, n - 8);
        char *exact = malloc(n); /* so that a sanitizer sees reads behind it */
        memcpy(exact, text, n);
        assert_int_equal(gm_json_parse(parser, exact, n, 0, &err), GM_OK);
        free(exact);
        assert_int_equal(gm_json_get(parser, "a", &value), GM_JSON_STRING);
        assert_int_equal(value.n_bytes, n - 8);
        free(text);
    }
    static char large[(1 << 20) + 1];
    assert_int_equal(gm_json_parse(parser, large, sizeof(large), 0, &err), GM_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_of_every_kind_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_compared_decoded_and_the_last_duplicate_counts,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(other_fields_pass_through_as_written, setup, teardown),
        cmocka_unit_test_setup_teardown(walking_gives_fields_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_refused_with_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(every_truncation_is_located_at_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_out_of_range_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nesting_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(long_texts_are_limited_and_short_ones_reuse_memory, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
