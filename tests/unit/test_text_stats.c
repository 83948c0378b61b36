/* Stage stats: the columns of known texts, nulls where a number makes no sense, and the hash; and
 * what dedup promises the engine. */
#include "chain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

extern const struct gm_stage gm_text_extract, gm_text_utf8, gm_text_normalize, gm_text_stats,
    gm_text_dedup;

static struct chain chain;

static int start(void **state)
{
    (void)state;
    chain_init(&chain);
    chain_add(&chain, &gm_text_extract, NULL);
    chain_add(&chain, &gm_text_utf8, NULL);
    chain_add(&chain, &gm_text_normalize, NULL);
    chain_add(&chain, &gm_text_stats, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    chain_free(&chain);
    return 0;
}

static bool is_near(double found, double wanted)
{
    return fabs(found - wanted) < 1e-12;
}

static void an_english_text_has_its_numbers(void **state)
{
    (void)state;
    chain_run_text(&chain, GM_MEDIA_TEXT,
                   "The cat saw the dog.\nIt ran 3.5 miles, didn't it?\r\nYes!\n");
    assert_int_equal(chain_u64(&chain, "n_bytes", 0), 56);
    assert_int_equal(chain_u64(&chain, "n_code_points", 0), 56);
    assert_int_equal(chain_u64(&chain, "n_graphemes", 0), 55);
    assert_int_equal(chain_u64(&chain, "n_lines", 0), 3);
    assert_int_equal(chain_u64(&chain, "n_words", 0), 12);
    assert_int_equal(chain_u64(&chain, "n_words_whitespace", 0), 12);
    assert_int_equal(chain_u64(&chain, "n_unique_words", 0), 10);
    assert_int_equal(chain_u64(&chain, "n_sentences", 0), 3);
    assert_true(is_near(chain_f64(&chain, "word_length_mean", 0), 39.0 / 12));
    assert_true(is_near(chain_f64(&chain, "letter_ratio", 0), 35.0 / 56));
    assert_true(is_near(chain_f64(&chain, "digit_ratio", 0), 2.0 / 56));
    assert_true(is_near(chain_f64(&chain, "space_ratio", 0), 13.0 / 56));
    assert_true(is_near(chain_f64(&chain, "punctuation_ratio", 0), 6.0 / 56));
    assert_true(chain_equals(&chain, "scripts", 0, "{\"Latin\":35,\"Common\":21}"));
}

static void a_mixed_text_names_its_scripts(void **state)
{
    (void)state;
    chain_run_text(&chain, GM_MEDIA_TEXT,
                   "\xD0\x9C\xD0\xB8\xD1\x80, \xE4\xB8\x96\xE7\x95\x8C, world e\xCC\xB2");
    assert_int_equal(chain_u64(&chain, "n_bytes", 0), 25);
    assert_int_equal(chain_u64(&chain, "n_code_points", 0), 17);
    assert_int_equal(chain_u64(&chain, "n_graphemes", 0), 16);
    assert_int_equal(chain_u64(&chain, "n_words", 0), 5);
    assert_true(
        chain_equals(&chain, "scripts", 0,
                     "{\"Latin\":6,\"Common\":5,\"Cyrillic\":3,\"Han\":2,\"Inherited\":1}"));
}

static void a_text_without_words_has_no_average(void **state)
{
    (void)state;
    chain_run_text(&chain, GM_MEDIA_TEXT, "... --\n");
    assert_int_equal(chain_u64(&chain, "n_words", 0), 0);
    assert_int_equal(chain_u64(&chain, "n_unique_words", 0), 0);
    assert_int_equal(chain_u64(&chain, "n_sentences", 0), 0);
    assert_true(chain_is_null(&chain, "word_length_mean", 0));
    assert_false(chain_is_null(&chain, "letter_ratio", 0));
}

static void nul_bytes_are_code_points(void **state)
{
    (void)state;
    const struct chain_row row = {GM_MEDIA_TEXT, "a\0b\0\0", 5};
    chain_run(&chain, &row, 1);
    assert_int_equal(chain_u64(&chain, "n_code_points", 0), 5);
    assert_int_equal(chain_u64(&chain, "n_graphemes", 0), 5);
    assert_int_equal(chain_u64(&chain, "n_words", 0), 2);
}

/* The value that xxh128sum prints for the same bytes. */
static void the_hash_is_xxh3_128_of_the_normalised_text(void **state)
{
    (void)state;
    chain_run_text(&chain, GM_MEDIA_TEXT, "hello");
    assert_true(chain_equals(&chain, "text_hash", 0, "b5e9c1ad071b3e7fc779cfaa5e523818"));
    const struct gm_view key = chain_view(&chain, "text_key", 0);
    static const uint8_t first[] = {0xB5, 0xE9, 0xC1, 0xAD, 0x07, 0x1B, 0x3E, 0x7F};
    assert_int_equal(key.n_bytes, 16);
    assert_memory_equal(key.data, first, sizeof first);
    char composed[33];
    chain_run_text(&chain, GM_MEDIA_TEXT, "caf\xC3\xA9");
    memcpy(composed, chain_view(&chain, "text_hash", 0).data, 32);
    composed[32] = 0;
    chain_run_text(&chain, GM_MEDIA_JSON_LINE, "{\"text\":\"cafe\\u0301\"}");
    assert_true(chain_equals(&chain, "text_hash", 0, composed));
}

static void the_same_row_gives_the_same_values_again(void **state)
{
    (void)state;
    const char *body = "One two, one TWO. \xD0\x9C\xD0\xB8\xD1\x80\n";
    const struct chain_row rows[] = {{GM_MEDIA_TEXT, body, strlen(body)},
                                     {GM_MEDIA_TEXT, "other words here", 16},
                                     {GM_MEDIA_TEXT, body, strlen(body)}};
    for (unsigned round = 0; round < 3; round++) {
        chain_run(&chain, rows, 3);
        assert_int_equal(chain_u64(&chain, "n_unique_words", 0), 3);
        assert_int_equal(chain_u64(&chain, "n_unique_words", 1), 3);
        assert_int_equal(chain_u64(&chain, "n_unique_words", 2), 3);
        assert_memory_equal(chain_view(&chain, "text_key", 0).data,
                            chain_view(&chain, "text_key", 2).data, 16);
    }
}

static void dedup_is_a_gate_on_a_key_of_its_own(void **state)
{
    (void)state;
    assert_non_null(gm_text_dedup.process);
    assert_int_equal(gm_text_dedup.gate_reason, GM_REASON_TEXT_DUPLICATE);
    const struct gm_column_def *key = gm_text_dedup.out;
    while (key->name && strcmp(key->name, gm_text_dedup.gate_key) != 0)
        key++;
    assert_non_null(key->name);
    assert_int_equal(key->type, GM_TYPE_BYTES);
    assert_true(key->flags & GM_COLUMN_HIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_english_text_has_its_numbers),
        cmocka_unit_test(a_mixed_text_names_its_scripts),
        cmocka_unit_test(a_text_without_words_has_no_average),
        cmocka_unit_test(nul_bytes_are_code_points),
        cmocka_unit_test(the_hash_is_xxh3_128_of_the_normalised_text),
        cmocka_unit_test(the_same_row_gives_the_same_values_again),
        cmocka_unit_test(dedup_is_a_gate_on_a_key_of_its_own),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
