/* Stage extract: where the text comes from, what else of a JSON line is kept, and what each kind of
 * unusable line is told. */
#include "chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

extern const struct gm_stage gm_text_extract;

static struct chain chain;

static void start(const char *settings)
{
    chain_init(&chain);
    chain_add(&chain, &gm_text_extract, settings);
}

static void plain_text_is_the_body_itself(void **state)
{
    (void)state;
    start(NULL);
    const char *body = "{\"text\": \"not JSON, a text\"}";
    chain_run_text(&chain, GM_MEDIA_TEXT, body);
    assert_true(chain_view(&chain, "raw_text", 0).data == (const uint8_t *)body);
    assert_int_equal(chain_view(&chain, "raw_text", 0).n_bytes, strlen(body));
    assert_true(chain_is_null(&chain, "record_id", 0));
    assert_true(chain_is_null(&chain, "extra", 0));
    chain_free(&chain);
}

static void a_json_line_gives_its_field_and_keeps_the_others(void **state)
{
    (void)state;
    start("id_field=id");
    chain_run_text(
        &chain, GM_MEDIA_JSON_LINE,
        "{\"id\": \"x-1\", \"n\": 1.50, \"text\": \"a\\u00e9\\n\\\"b\", \"m\": [ 1, {} ]}");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
    assert_true(chain_equals(&chain, "raw_text", 0, "a\xC3\xA9\n\"b"));
    assert_true(chain_equals(&chain, "record_id", 0, "x-1"));
    assert_true(chain_equals(&chain, "extra", 0, "{\"n\":1.50,\"m\":[1,{}]}"));
    chain_free(&chain);
}

static void the_field_names_are_options(void **state)
{
    (void)state;
    start("field=content id_field=nr keep=none");
    chain_run_text(&chain, GM_MEDIA_JSON_LINE,
                   "{\"nr\": 1, \"text\": \"no\", \"content\": \"yes\", \"nr\": 7e1}");
    assert_true(chain_equals(&chain, "raw_text", 0, "yes"));
    assert_true(chain_equals(&chain, "record_id", 0, "7e1"));
    assert_true(chain_is_null(&chain, "extra", 0));
    chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"content\": \"yes\", \"nr\": {\"a\": 1}}");
    assert_true(chain_is_null(&chain, "record_id", 0));
    chain_free(&chain);
}

static void without_other_fields_extra_is_null(void **state)
{
    (void)state;
    start(NULL);
    chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"text\": \"a\"}");
    assert_true(chain_is_null(&chain, "extra", 0));
    chain_free(&chain);
}

static void rows_do_not_share_memory(void **state)
{
    (void)state;
    start(NULL);
    const char *lines[] = {"{\"text\":\"first text\",\"k\":1}", "{\"text\":\"second\",\"k\":2}"};
    const struct chain_row rows[] = {{GM_MEDIA_JSON_LINE, lines[0], strlen(lines[0])},
                                     {GM_MEDIA_JSON_LINE, lines[1], strlen(lines[1])}};
    chain_run(&chain, rows, 2);
    assert_true(chain_equals(&chain, "raw_text", 0, "first text"));
    assert_true(chain_equals(&chain, "raw_text", 1, "second"));
    assert_true(chain_equals(&chain, "extra", 0, "{\"k\":1}"));
    assert_true(chain_equals(&chain, "extra", 1, "{\"k\":2}"));
    chain_free(&chain);
}

struct bad_line {
    const char *line;
    enum gm_reason reason;
    const char *message; /* NULL: any */
};

static const struct bad_line bad_lines[] = {
    {"{\"text\": \"a\"", GM_REASON_TEXT_JSON, NULL},
    {"{\"text\": \"a\"} x", GM_REASON_TEXT_JSON, NULL},
    {"{\"text\": \"a\",}", GM_REASON_TEXT_JSON, NULL},
    {"{\"text\": tru}", GM_REASON_TEXT_JSON, NULL},
    {"{\"text\": \"\\ud800\"}", GM_REASON_TEXT_JSON, NULL},
    {"{\"text\": \"\xFF\"}", GM_REASON_TEXT_JSON, NULL},
    {"[\"text\"]", GM_REASON_TEXT_JSON, NULL},
    {"", GM_REASON_TEXT_JSON, NULL},
    {"{}", GM_REASON_TEXT_FIELD, "no field \"text\"; the object has no fields"},
    {"{\"txt\": \"a\", \"n\": 1}", GM_REASON_TEXT_FIELD,
     "no field \"text\"; the object has \"txt\", \"n\""},
    {"{\"text\": 1}", GM_REASON_TEXT_FIELD, "field \"text\" is a number, not a string"},
    {"{\"text\": null}", GM_REASON_TEXT_FIELD, "field \"text\" is null, not a string"},
    {"{\"text\": [\"a\"]}", GM_REASON_TEXT_FIELD, "field \"text\" is an array, not a string"},
    {"{\"text\": {\"text\": \"a\"}}", GM_REASON_TEXT_FIELD,
     "field \"text\" is an object, not a string"},
};

static void unusable_lines_say_why(void **state)
{
    (void)state;
    start(NULL);
    for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
        const struct bad_line *bad = &bad_lines[i];
        chain_run_text(&chain, GM_MEDIA_JSON_LINE, bad->line);
        if (chain_reason(&chain, 0) != bad->reason)
            fail_msg("%s: reason %d", bad->line, chain_reason(&chain, 0));
        if (bad->message)
            assert_true(chain_equals(&chain, NULL, 0, bad->message));
        else
            assert_non_null(
                memmem(chain.batch.messages[0].data, chain.batch.messages[0].n_bytes, "byte ", 5));
        chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"text\": \"good again\"}");
        assert_true(chain_equals(&chain, "raw_text", 0, "good again"));
    }
    chain_free(&chain);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct {
        char *field, *id_field;
        int keep;
    } opts = {(char *)"", NULL, 0};
    struct gm_err err;
    assert_int_equal(gm_text_extract.opts_bytes, sizeof opts);
    assert_int_equal(gm_text_extract.check(&opts, &err), GM_CONFIG);
    opts.field = opts.id_field = (char *)"text";
    assert_int_equal(gm_text_extract.check(&opts, &err), GM_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_the_body_itself),
        cmocka_unit_test(a_json_line_gives_its_field_and_keeps_the_others),
        cmocka_unit_test(the_field_names_are_options),
        cmocka_unit_test(without_other_fields_extra_is_null),
        cmocka_unit_test(rows_do_not_share_memory),
        cmocka_unit_test(unusable_lines_say_why),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
