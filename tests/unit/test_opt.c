/* A table with a row of each type: defaults, values, bounds, hints, and who owns the strings. */
#include "base/opt.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

struct values {
    bool fast;
    uint64_t width, body_bytes, wait_ms;
    double ratio, per_second;
    char *name;
    int mode;
    struct gm_opt_list hosts;
};

static const char *const modes[] = {"exact", "linear", "lightness", NULL};

#define AT(field) offsetof(struct values, field)
static const struct gm_opt table[] = {
    {"fast", GM_OPT_BOOL, AT(fast), "yes", 0, 0, NULL, NULL, "x"},
    {"width", GM_OPT_U64, AT(width), "640", 1, 65535, NULL, "pixels", "x"},
    {"max_body", GM_OPT_BYTES, AT(body_bytes), "64MB", 1024, 1 << 30, NULL, NULL, "x"},
    {"deadline", GM_OPT_MS, AT(wait_ms), "60s", 0, 3600000, NULL, NULL, "x"},
    {"ratio", GM_OPT_F64, AT(ratio), NULL, -1, 1, NULL, NULL, "x"},
    {"rate", GM_OPT_RATE, AT(per_second), "0", 0, 1000, NULL, NULL, "x"},
    {"name", GM_OPT_STRING, AT(name), NULL, 0, 0, NULL, NULL, "x"},
    {"mode", GM_OPT_ENUM, AT(mode), "linear", 0, 0, modes, NULL, "x"},
    {"hosts", GM_OPT_LIST, AT(hosts), NULL, 0, 0, NULL, NULL, "x"},
    GM_OPT_END,
};

static enum gm_status apply(struct values *values, const char *name, const char *text,
                            struct gm_err *err)
{
    const struct gm_opt *opt = gm_opt_find(table, name);
    assert_non_null(opt);
    return gm_opt_apply(opt, values, text, strlen(text), err);
}

static void defaults_are_parsed_like_values(void **state)
{
    struct values values;
    (void)state;
    memset(&values, 0xAA, sizeof values);
    gm_opts_init(table, &values, sizeof values);
    assert_true(values.fast);
    assert_true(values.width == 640);
    assert_true(values.body_bytes == 64u << 20);
    assert_true(values.wait_ms == 60000);
    assert_true(values.ratio == 0 && values.per_second == 0);
    assert_null(values.name);
    assert_int_equal(values.mode, 1);
    assert_int_equal(values.hosts.n_items, 0);
    gm_opts_free(table, &values);
}

static void values_of_every_type(void **state)
{
    struct values values;
    (void)state;
    gm_opts_init(table, &values, sizeof values);
    assert_int_equal(apply(&values, "fast", "off", NULL), GM_OK);
    assert_int_equal(apply(&values, "width", "65535", NULL), GM_OK);
    assert_int_equal(apply(&values, "max_body", "1KB", NULL), GM_OK);
    assert_int_equal(apply(&values, "deadline", "250ms", NULL), GM_OK);
    assert_int_equal(apply(&values, "ratio", "-1", NULL), GM_OK);
    assert_int_equal(apply(&values, "rate", "600/m", NULL), GM_OK);
    assert_int_equal(apply(&values, "name", "first", NULL), GM_OK);
    assert_int_equal(apply(&values, "name", "second", NULL), GM_OK);
    assert_int_equal(apply(&values, "mode", "exact", NULL), GM_OK);
    assert_int_equal(apply(&values, "hosts", "a", NULL), GM_OK);
    assert_int_equal(apply(&values, "hosts", "b", NULL), GM_OK);
    assert_false(values.fast);
    assert_true(values.width == 65535 && values.body_bytes == 1024 && values.wait_ms == 250);
    assert_true(values.ratio == -1 && values.per_second == 10);
    assert_string_equal(values.name, "second");
    assert_int_equal(values.mode, 0);
    assert_int_equal(values.hosts.n_items, 2);
    assert_string_equal(values.hosts.items[1], "b");
    gm_opts_free(table, &values);
    assert_null(values.name);
    assert_int_equal(values.hosts.n_items, 0);
    gm_opts_free(table, &values);
}

static void refused_values_leave_the_field_and_say_why(void **state)
{
    static const struct {
        const char *name, *text, *message;
    } rows[] = {
        {"width", "70000", "width: 70000 is above 65535 pixels"},
        {"width", "0", "width: 0 is below 1 pixels"},
        {"width", "wide",
         "width: expected a whole number from 0 to 18446744073709551615, not "
         "\"wide\""},
        {"max_body", "1B", "max_body: 1 B is below 1.0 KB"},
        {"max_body", "2GB", "max_body: 2.0 GB is above 1.0 GB"},
        {"deadline", "2h", "deadline: 2 h 00 m is above 1 h 00 m"},
        {"ratio", "1.5", "ratio: 1.5 is above 1"},
        {"rate", "1001", "rate: 1001/s is above 1000/s"},
        {"fast", "maybe", "fast: expected true or false, not \"maybe\""},
        {"mode", "exakt",
         "mode: expected one of exact|linear|lightness, not \"exakt\"; did you "
         "mean \"exact\"?"},
        {"mode", "zzz", "mode: expected one of exact|linear|lightness, not \"zzz\""},
    };
    struct values values, before;
    (void)state;
    gm_opts_init(table, &values, sizeof values);
    before = values;
    for (size_t i = 0; i < GM_ARRAY_LEN(rows); i++) {
        struct gm_err err = {0};
        assert_int_equal(apply(&values, rows[i].name, rows[i].text, &err), GM_CONFIG);
        assert_string_equal(err.text, rows[i].message);
        assert_memory_equal(&values, &before, sizeof values);
    }
    gm_opts_free(table, &values);
}

static void text_is_taken_by_length_and_without_nul(void **state)
{
    struct values values;
    (void)state;
    gm_opts_init(table, &values, sizeof values);
    assert_int_equal(gm_opt_apply(gm_opt_find(table, "name"), &values, "abcdef", 3, NULL), GM_OK);
    assert_string_equal(values.name, "abc");
    assert_int_equal(gm_opt_apply(gm_opt_find(table, "name"), &values, "a\0b", 3, NULL), GM_CONFIG);
    assert_string_equal(values.name, "abc");
    gm_opts_free(table, &values);
}

static void nearest_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"width", "hosts", "max_body", NULL};
    assert_string_equal(gm_word_nearest(names, "widht"), "width");
    assert_string_equal(gm_word_nearest(names, "maxbody"), "max_body");
    assert_string_equal(gm_word_nearest(names, "host"), "hosts");
    assert_null(gm_word_nearest(names, "tokenizer"));
    assert_null(gm_word_nearest(names, "q"));
    assert_null(gm_word_nearest(names, ""));
    assert_null(gm_opt_find(table, "Width"));
    assert_string_equal(gm_word_nearest(modes, "lightnes"), "lightness");
    assert_null(gm_word_nearest(modes, "completely different from anything that is in the list, "
                                       "and longer than any word is"));
}

static void types_have_words(void **state)
{
    char text[64];
    (void)state;
    assert_string_equal(gm_opt_type_text(&table[2], text, sizeof text), "bytes");
    assert_string_equal(gm_opt_type_text(&table[3], text, sizeof text), "duration");
    assert_string_equal(gm_opt_type_text(&table[7], text, sizeof text),
                        "one of exact|linear|lightness");
    assert_string_equal(gm_opt_type_text(&table[7], text, 16), "one of exact|li");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_parsed_like_values),
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(refused_values_leave_the_field_and_say_why),
        cmocka_unit_test(text_is_taken_by_length_and_without_nul),
        cmocka_unit_test(nearest_is_near),
        cmocka_unit_test(types_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
