/* Numbers from text: what is read, and above all what is refused. */
#include "base/num.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define LEFT_ALONE 77u

static void u64_reads_whole_text_or_nothing(void **state)
{
    static const char *const refused[] = {"",
                                          " 1",
                                          "1 ",
                                          "+1",
                                          "-1",
                                          "0x10",
                                          "1.0",
                                          "1e3",
                                          "a",
                                          "18446744073709551616",
                                          "99999999999999999999999"};
    uint64_t value = 0;
    struct gm_err err;
    (void)state;
    assert_int_equal(gm_parse_u64("18446744073709551615", 20, &value, &err), GM_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(gm_parse_u64("0100", 4, &value, &err), GM_OK);
    assert_true(value == 100); /* not octal */
    assert_int_equal(gm_parse_u64("123456", 3, &value, &err), GM_OK);
    assert_true(value == 123); /* the length counts, not a NUL */
    for (size_t i = 0; i < GM_ARRAY_LEN(refused); i++) {
        value = LEFT_ALONE;
        gm_err_clear(&err);
        assert_int_equal(gm_parse_u64(refused[i], strlen(refused[i]), &value, &err), GM_CONFIG);
        assert_true(value == LEFT_ALONE);
        assert_non_null(strstr(err.text, refused[i]));
    }
}

static void f64_is_narrower_than_strtod(void **state)
{
    static const char *const refused[] = {"",   ".5",  "5.", "+1",  "0x1p3", "inf", "nan",
                                          "1e", "1e+", " 1", "1,5", "1e999", "--1", "1.2.3"};
    double value = 0;
    (void)state;
    assert_int_equal(gm_parse_f64("-0.25", 5, &value, NULL), GM_OK);
    assert_true(value == -0.25);
    assert_int_equal(gm_parse_f64("1.5e-3", 6, &value, NULL), GM_OK);
    assert_true(value == 1.5e-3);
    for (size_t i = 0; i < GM_ARRAY_LEN(refused); i++)
        assert_int_equal(gm_parse_f64(refused[i], strlen(refused[i]), &value, NULL), GM_CONFIG);
    assert_true(value == 1.5e-3);
}

struct scaled_row {
    const char *text;
    uint64_t value;
};

static void bytes_are_powers_of_1024(void **state)
{
    static const struct scaled_row rows[] = {
        {"100", 100},
        {"17B", 17},
        {"1k", 1024},
        {"64KiB", 65536},
        {"64kb", 65536},
        {"512MB", 512ull << 20},
        {"1.5GB", 3ull << 29},
        {"1.5 GB", 3ull << 29},
        {"2TiB", 2ull << 40},
        {"0", 0},
        {"0MB", 0},
        {"0.1KB", 102},
        {"16777215TB", 16777215ull << 40},
    };
    static const char *const refused[] = {
        "",      "MB", "-1MB", "1XB", "1MBs",     "1.MB",       ".5MB",
        "1  MB", "1 ", "1e3",  "0.5", "0.0001KB", "16777216TB", "99999999999999999999"};
    uint64_t value;
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        assert_int_equal(gm_parse_bytes(rows[i].text, strlen(rows[i].text), &value, NULL), GM_OK);
        assert_true(value == rows[i].value);
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(refused); i++) {
        value = LEFT_ALONE;
        assert_int_equal(gm_parse_bytes(refused[i], strlen(refused[i]), &value, NULL), GM_CONFIG);
        assert_true(value == LEFT_ALONE);
    }
}

static void durations_are_milliseconds(void **state)
{
    static const struct scaled_row rows[] = {
        {"250ms", 250}, {"60s", 60000},  {"60", 60000},    {"0.5s", 500},   {"0.5", 500},
        {"5m", 300000}, {"2h", 7200000}, {"1d", 86400000}, {"1.5M", 90000}, {"0", 0},
    };
    static const char *const refused[] = {"",        "s",   "-1s",   "1 parsec",
                                          "0.0001s", "1us", "0.5ms", "300000000000d"};
    uint64_t value;
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        assert_int_equal(gm_parse_ms(rows[i].text, strlen(rows[i].text), &value, NULL), GM_OK);
        assert_true(value == rows[i].value);
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(refused); i++)
        assert_int_equal(gm_parse_ms(refused[i], strlen(refused[i]), &value, NULL), GM_CONFIG);
}

static void rates_are_per_second(void **state)
{
    double rate = -1;
    (void)state;
    assert_int_equal(gm_parse_rate("20/s", 4, &rate, NULL), GM_OK);
    assert_true(rate == 20);
    assert_int_equal(gm_parse_rate("600/m", 5, &rate, NULL), GM_OK);
    assert_true(rate == 10);
    assert_int_equal(gm_parse_rate("0.5/s", 5, &rate, NULL), GM_OK);
    assert_true(rate == 0.5);
    assert_int_equal(gm_parse_rate("7200/h", 6, &rate, NULL), GM_OK);
    assert_true(rate == 2);
    assert_int_equal(gm_parse_rate("0", 1, &rate, NULL), GM_OK);
    assert_true(rate == 0);
    assert_int_equal(gm_parse_rate("20/", 3, &rate, NULL), GM_CONFIG);
    assert_int_equal(gm_parse_rate("-1/s", 4, &rate, NULL), GM_CONFIG);
    assert_int_equal(gm_parse_rate("/s", 2, &rate, NULL), GM_CONFIG);
    assert_true(rate == 0);
}

static void bool_words_in_any_case(void **state)
{
    static const char *const yes[] = {"true", "Yes", "ON"};
    static const char *const no[] = {"false", "nO", "off"};
    static const char *const refused[] = {"", "1", "y", "truee", "tru"};
    bool value;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        value = false;
        assert_int_equal(gm_parse_bool(yes[i], strlen(yes[i]), &value, NULL), GM_OK);
        assert_true(value);
        assert_int_equal(gm_parse_bool(no[i], strlen(no[i]), &value, NULL), GM_OK);
        assert_false(value);
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(refused); i++)
        assert_int_equal(gm_parse_bool(refused[i], strlen(refused[i]), &value, NULL), GM_CONFIG);
}

static void long_values_are_quoted_in_part(void **state)
{
    char text[500];
    uint64_t value;
    struct gm_err err = {0};
    (void)state;
    memset(text, 'q', sizeof text);
    assert_int_equal(gm_parse_u64(text, sizeof text, &value, &err), GM_CONFIG);
    assert_true(strlen(err.text) < 200);
    assert_non_null(strstr(err.text, "q...\""));
}

static void sizes_do_not_wrap(void **state)
{
    size_t out = LEFT_ALONE;
    (void)state;
    assert_false(gm_add_size(SIZE_MAX, 1, &out));
    assert_false(gm_mul_size(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(out == LEFT_ALONE);
    assert_true(gm_add_size(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(gm_mul_size(3, 7, &out));
    assert_true(out == 21);
}

static void formats_cut_and_never_round_up(void **state)
{
    char text[GM_NUM_TEXT_BYTES];
    (void)state;
    assert_string_equal(gm_format_bytes(17, text), "17 B");
    assert_string_equal(gm_format_bytes(1023, text), "1023 B");
    assert_string_equal(gm_format_bytes(12 * 1024, text), "12.0 KB");
    assert_string_equal(gm_format_bytes((1u << 20) - 1, text), "1023.9 KB");
    assert_string_equal(gm_format_bytes(3ull << 29, text), "1.5 GB");
    assert_string_equal(gm_format_bytes(UINT64_MAX, text), "15.9 EB");
    assert_string_equal(gm_format_ms(250, text), "250 ms");
    assert_string_equal(gm_format_ms(1299, text), "1.2 s");
    assert_string_equal(gm_format_ms(59999, text), "59.9 s");
    assert_string_equal(gm_format_ms(125000, text), "2 m 05 s");
    assert_string_equal(gm_format_ms(7260000, text), "2 h 01 m");
    assert_string_equal(gm_format_ms(90000000, text), "1 d 01 h");
    assert_string_equal(gm_format_count(0, text), "0");
    assert_string_equal(gm_format_count(999, text), "999");
    assert_string_equal(gm_format_count(12345, text), "12,345");
    assert_string_equal(gm_format_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u64_reads_whole_text_or_nothing),
        cmocka_unit_test(f64_is_narrower_than_strtod),
        cmocka_unit_test(bytes_are_powers_of_1024),
        cmocka_unit_test(durations_are_milliseconds),
        cmocka_unit_test(rates_are_per_second),
        cmocka_unit_test(bool_words_in_any_case),
        cmocka_unit_test(long_values_are_quoted_in_part),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(formats_cut_and_never_round_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
