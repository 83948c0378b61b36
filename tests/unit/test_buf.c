/* Growth, failure that sticks, and JSON that every reader accepts. */
#include "base/buf.h"

#include "base/utf8.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void appends_survive_growth(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    (void)state;
    for (int i = 0; i < 10000; i++)
        gm_buf_printf(&buf, "%04d", i);
    assert_int_equal(buf.n_bytes, 40000);
    assert_true(buf.capacity_bytes >= buf.n_bytes);
    assert_false(buf.failed);
    const char *text = gm_buf_cstr(&buf);
    assert_int_equal(strlen(text), 40000);
    assert_memory_equal(text, "000000010002", 12);
    assert_memory_equal(text + 39992, "99989999", 8);
    gm_buf_clear(&buf);
    assert_int_equal(buf.n_bytes, 0);
    assert_true(buf.capacity_bytes >= 40000);
    gm_buf_free(&buf);
    assert_null(buf.data);
    gm_buf_free(NULL);
}

static void reserve_makes_room_behind_the_bytes(void **state)
{
    struct gm_buf buf;
    (void)state;
    gm_buf_init(&buf);
    gm_buf_text(&buf, "abc");
    assert_true(gm_buf_reserve(&buf, 5000));
    assert_true(buf.capacity_bytes - buf.n_bytes >= 5000);
    assert_memory_equal(buf.data, "abc", 3);
    gm_buf_free(&buf);
}

static void failure_sticks_until_clear(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    (void)state;
    gm_buf_text(&buf, "abc");
    assert_false(gm_buf_reserve(&buf, SIZE_MAX - 1));
    assert_true(buf.failed);
    gm_buf_text(&buf, "def");
    gm_buf_char(&buf, 'g');
    gm_buf_printf(&buf, "%d", 1);
    assert_int_equal(buf.n_bytes, 3);
    assert_string_equal(gm_buf_cstr(&buf), "");
    gm_buf_clear(&buf);
    gm_buf_text(&buf, "def");
    assert_false(buf.failed);
    assert_string_equal(gm_buf_cstr(&buf), "def");
    gm_buf_free(&buf);
}

static void empty_buffer_has_a_cstr(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    (void)state;
    assert_string_equal(gm_buf_cstr(&buf), "");
    gm_buf_append(&buf, NULL, 0);
    assert_int_equal(buf.n_bytes, 0);
    gm_buf_free(&buf);
}

/* What gm_json_string shall write, one byte at a time. */
static void slow_json_string(struct gm_buf *buf, const uint8_t *text, size_t n_bytes)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    gm_buf_char(buf, '"');
    for (size_t i = 0; i < n_bytes;) {
        size_t n_valid = gm_utf8_valid_prefix(text + i, n_bytes - i < 4 ? n_bytes - i : 4);
        const char *at = text[i] ? strchr(named, text[i]) : NULL;
        size_t length = 1;
        if (n_valid == 0)
            gm_buf_text(buf, "\xEF\xBF\xBD");
        else if (at)
            gm_buf_printf(buf, "\\%c", letters[at - named]);
        else if (text[i] < 0x20 || text[i] == 0x7F)
            gm_buf_printf(buf, "\\u%04x", text[i]);
        else {
            gm_utf8_decode(text + i, &length);
            gm_buf_append(buf, text + i, length);
        }
        i += length;
    }
    gm_buf_char(buf, '"');
}

static void check_json_string(const uint8_t *text, size_t n_bytes)
{
    struct gm_buf found = GM_BUF_INIT, expected = GM_BUF_INIT;
    gm_json_string(&found, text, n_bytes);
    slow_json_string(&expected, text, n_bytes);
    assert_string_equal(gm_buf_cstr(&found), gm_buf_cstr(&expected));
    assert_int_equal(found.n_bytes, expected.n_bytes);
    gm_buf_free(&found);
    gm_buf_free(&expected);
}

static void json_escapes_what_must_be_escaped(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    static const char text[] = "a\"b\\c/\n\t\r\b\f\0\x1F\x7F \xC3\xA9 \xFF\xE2\x82";
    (void)state;
    gm_json_string(&buf, text, sizeof text - 1);
    assert_string_equal(gm_buf_cstr(&buf),
                        "\"a\\\"b\\\\c/\\n\\t\\r\\b\\f\\u0000\\u001f\\u007f \xC3\xA9 "
                        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    gm_buf_clear(&buf);
    gm_json_string(&buf, "", 0);
    assert_string_equal(gm_buf_cstr(&buf), "\"\"");
    gm_buf_free(&buf);
}

static void json_string_of_each_byte_at_each_place(void **state)
{
    uint8_t text[70];
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (uint8_t)byte;
            check_json_string(text, sizeof text);
        }
    }
}

static void json_string_of_random_bytes(void **state)
{
    static const uint8_t alphabet[] =
        "aaaaaaaaaaab\"\\\n\x01\x7F\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    uint64_t seed = 3;
    uint8_t text[200];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[i] = alphabet[(seed >> 40) % (sizeof alphabet - 1)];
        }
        check_json_string(text, sizeof text - (size_t)round % 150);
    }
}

static void keys_set_their_commas(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    (void)state;
    gm_buf_char(&buf, '{');
    gm_json_key(&buf, "a");
    gm_json_u64(&buf, UINT64_MAX);
    gm_json_key(&buf, "b\"");
    gm_json_i64(&buf, INT64_MIN);
    gm_json_key(&buf, "c");
    gm_json_u64(&buf, 0);
    gm_buf_char(&buf, '}');
    assert_string_equal(gm_buf_cstr(&buf), "{\"a\":18446744073709551615,\"b\\\"\":"
                                           "-9223372036854775808,\"c\":0}");
    gm_buf_free(&buf);
}

static void doubles_in_the_fewest_digits(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-120, "-120.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {123456.789, "123456.789"},
        {9007199254740992.0, "9007199254740992.0"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1.5e300, "1.5e+300"},
        {0.0001, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.00001, "1e-05"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    struct gm_buf buf = GM_BUF_INIT;
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        gm_buf_clear(&buf);
        gm_json_f64(&buf, rows[i].value);
        assert_string_equal(gm_buf_cstr(&buf), rows[i].text);
    }
    gm_buf_free(&buf);
}

static size_t count_digits(const char *text)
{
    size_t n = 0;
    for (; *text && *text != 'e'; text++)
        n += *text >= '1' && *text <= '9';
    return n;
}

static void doubles_read_back(void **state)
{
    struct gm_buf buf = GM_BUF_INIT;
    uint64_t seed = 11;
    (void)state;
    for (int round = 0; round < 50000; round++) {
        double value;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = seed ^ seed >> 29;
        if (round % 2)
            value = (double)(bits % 100000000) / 1000;
        else
            memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        gm_buf_clear(&buf);
        gm_json_f64(&buf, value);
        const char *text = gm_buf_cstr(&buf);
        assert_true(strtod(text, NULL) == value);
        /* The straightforward search must not find fewer digits. */
        char trial[40];
        for (int n_digits = 1; n_digits <= 17; n_digits++) {
            snprintf(trial, sizeof trial, "%.*e", n_digits - 1, value);
            if (strtod(trial, NULL) == value)
                break;
        }
        assert_int_equal(count_digits(text), count_digits(trial));
    }
    gm_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_survive_growth),
        cmocka_unit_test(reserve_makes_room_behind_the_bytes),
        cmocka_unit_test(failure_sticks_until_clear),
        cmocka_unit_test(empty_buffer_has_a_cstr),
        cmocka_unit_test(json_escapes_what_must_be_escaped),
        cmocka_unit_test(json_string_of_each_byte_at_each_place),
        cmocka_unit_test(json_string_of_random_bytes),
        cmocka_unit_test(keys_set_their_commas),
        cmocka_unit_test(doubles_in_the_fewest_digits),
        cmocka_unit_test(doubles_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
