/* Stage utf8: valid text passes untouched, invalid text fails or is repaired, and what comes out is
 * always valid, whatever byte the input is cut at. */
#include "base/utf8.h"
#include "chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

extern const struct gm_stage gm_text_extract, gm_text_utf8;

static struct chain chain;

static void start(const char *settings)
{
    chain_init(&chain);
    chain_add(&chain, &gm_text_extract, NULL);
    chain_add(&chain, &gm_text_utf8, settings);
}

static void valid_text_is_not_copied(void **state)
{
    (void)state;
    start(NULL);
    const char *body = "na\xC3\xAFve \xE6\x96\x87 \xF0\x9F\x98\x80";
    chain_run_text(&chain, GM_MEDIA_TEXT, body);
    assert_true(chain_view(&chain, "text", 0).data == (const uint8_t *)body);
    assert_true(chain_equals(&chain, "text", 0, body));
    chain_free(&chain);
}

static void a_byte_order_mark_is_dropped(void **state)
{
    (void)state;
    start(NULL);
    chain_run_text(&chain, GM_MEDIA_TEXT, "\xEF\xBB\xBFtext \xEF\xBB\xBF");
    assert_true(chain_equals(&chain, "text", 0, "text \xEF\xBB\xBF"));
    chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"text\":\"\xEF\xBB\xBFtext\"}");
    assert_true(chain_equals(&chain, "text", 0, "\xEF\xBB\xBFtext")); /* a character of it */
    chain_free(&chain);
}

static void a_text_without_characters_is_rejected(void **state)
{
    (void)state;
    start("invalid=replace");
    chain_run_text(&chain, GM_MEDIA_TEXT, "");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_EMPTY);
    chain_run_text(&chain, GM_MEDIA_TEXT, "\xEF\xBB\xBF");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_EMPTY);
    chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"text\":\"\"}");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_EMPTY);
    chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"text\":\"\\u0000\"}");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
    assert_int_equal(chain_view(&chain, "text", 0).n_bytes, 1);
    chain_free(&chain);
}

static void invalid_text_fails_with_its_place(void **state)
{
    (void)state;
    start(NULL);
    chain_run_text(&chain, GM_MEDIA_TEXT, "\xEF\xBB\xBFgood \xC3(");
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_UTF8);
    assert_true(chain_equals(&chain, NULL, 0, "invalid UTF-8: byte 0xC3 at offset 8"));
    chain_free(&chain);
}

struct repair {
    const char *from, *to;
};

#define R "\xEF\xBF\xBD"

/* The Unicode Standard's examples of maximal subparts (section 3.9), and neighbours. */
static const struct repair repairs[] = {
    {"a\xFF", "a" R},
    {"\x80\x80"
     "b",
     R R "b"},
    {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", R R R R R R R R "A"},
    {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", R R R R R R R R "A"},
    {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", R R R R R "A" R R "B"},
    {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", R R R R "A"},
    {"ok \xE2\x82", "ok " R},
    {"\xF0\x9F\x98 x", R " x"},
};

static void invalid_parts_become_one_replacement_each(void **state)
{
    (void)state;
    start("invalid=replace");
    for (size_t i = 0; i < sizeof repairs / sizeof repairs[0]; i++) {
        chain_run_text(&chain, GM_MEDIA_TEXT, repairs[i].from);
        assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
        assert_true(chain_equals(&chain, "text", 0, repairs[i].to));
    }
    chain_free(&chain);
}

/* Every prefix of a text, and every text with one byte replaced by each of some bytes. */
static void what_comes_out_is_valid_whatever_comes_in(void **state)
{
    (void)state;
    static const uint8_t evil[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0,
                                   0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF};
    const char *text = "a\xC3\xA9 \xE6\x96\x87\xED\x9F\xBF\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF z";
    start("invalid=replace");
    for (size_t n_bytes = 1; n_bytes <= strlen(text); n_bytes++) {
        for (size_t i = 0; i < n_bytes * sizeof evil; i++) {
            uint8_t *bytes = malloc(n_bytes);
            memcpy(bytes, text, n_bytes);
            bytes[i / sizeof evil] = evil[i % sizeof evil];
            const struct chain_row row = {GM_MEDIA_TEXT, bytes, n_bytes};
            chain_run(&chain, &row, 1);
            const struct gm_view view = chain_view(&chain, "text", 0);
            assert_true(view.n_bytes > 0);
            assert_int_equal(gm_utf8_valid_prefix(view.data, view.n_bytes), view.n_bytes);
            free(bytes);
        }
    }
    chain_free(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_is_not_copied),
        cmocka_unit_test(a_byte_order_mark_is_dropped),
        cmocka_unit_test(a_text_without_characters_is_rejected),
        cmocka_unit_test(invalid_text_fails_with_its_place),
        cmocka_unit_test(invalid_parts_become_one_replacement_each),
        cmocka_unit_test(what_comes_out_is_valid_whatever_comes_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
