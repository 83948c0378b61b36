/* Unicode 16.0: the tables hold what the standard says. The counts were taken from the npm package
 * by other code than the generator's (Node, the package's own reader). */
#include "tokenize/unicode16.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define N_CODE_POINTS 0x110000u

static void each_category_has_as_many_code_points_as_in_unicode_16(void **state)
{
    (void)state;
    static const uint32_t expected[GM_CAT_COUNT] = {
        819533, 1858, 2258, 31,  404, 136477, 2020, 468,  13, 760, 236, 915, 10,  27,   79,
        77,     12,   10,   640, 950, 63,     125,  7376, 17, 1,   1,   65,  170, 2048, 137468};
    uint32_t counts[GM_CAT_COUNT] = {0};
    for (uint32_t each = 0; each < N_CODE_POINTS; each++)
        counts[gm_unicode16_category(each)]++;
    for (unsigned i = 0; i < GM_CAT_COUNT; i++)
        assert_int_equal(counts[i], expected[i]);
}

static void spaces_words_and_scripts_are_counted(void **state)
{
    (void)state;
    uint32_t n_spaces = 0, n_words = 0, n_han = 0, n_latin = 0;
    for (uint32_t each = 0; each < N_CODE_POINTS; each++) {
        const char *script = gm_unicode16_script_name(gm_unicode16_script(each));
        n_spaces += gm_unicode16_is_space(each);
        n_words += gm_unicode16_is_word(each);
        n_han += strcmp(script, "Han") == 0;
        n_latin += strcmp(script, "Latin") == 0;
    }
    assert_int_equal(n_spaces, 25);
    assert_int_equal(n_words, 144667);
    assert_int_equal(n_han, 99030);
    assert_int_equal(n_latin, 1487);
}

static void known_code_points_have_their_category(void **state)
{
    (void)state;
    static const struct {
        uint32_t code_point;
        enum gm_category category;
    } known[] = {{0, GM_CAT_CC},
                 {' ', GM_CAT_ZS},
                 {'A', GM_CAT_LU},
                 {'z', GM_CAT_LL},
                 {'_', GM_CAT_PC},
                 {'$', GM_CAT_SC},
                 {0xAA, GM_CAT_LO},
                 {0xAD, GM_CAT_CF},
                 {0x1C5, GM_CAT_LT},
                 {0x17F, GM_CAT_LL},
                 {0x2B0, GM_CAT_LM},
                 {0x301, GM_CAT_MN},
                 {0x488, GM_CAT_ME},
                 {0x903, GM_CAT_MC},
                 {0x660, GM_CAT_ND},
                 {0x2160, GM_CAT_NL},
                 {0xB2, GM_CAT_NO},
                 {0x2028, GM_CAT_ZL},
                 {0x2029, GM_CAT_ZP},
                 {0x4E00, GM_CAT_LO},
                 {0x9FFF, GM_CAT_LO},
                 {0xAC00, GM_CAT_LO},
                 {0xD7A3, GM_CAT_LO},
                 {0xD7A4, GM_CAT_CN},
                 {0xD800, GM_CAT_CS},
                 {0xE000, GM_CAT_CO},
                 {0xFFFE, GM_CAT_CN},
                 {0x1F600, GM_CAT_SO},
                 {0x2EBF0, GM_CAT_LO} /* new in 15.1 */,
                 {0x10D4A, GM_CAT_LO} /* new in 16.0 */,
                 {0x1C89, GM_CAT_LU} /* 16.0 */,
                 {0xA7CE, GM_CAT_CN} /* comes with 17.0 */,
                 {0x10FFFD, GM_CAT_CO},
                 {0x10FFFF, GM_CAT_CN}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(gm_unicode16_category(known[i].code_point), known[i].category);
}

static void spaces_are_white_space_and_nothing_that_looks_like_it(void **state)
{
    (void)state;
    static const uint32_t spaces[] = {'\t',   '\v',   '\r',   ' ',    0x85,   0xA0,  0x1680,
                                      0x2000, 0x200A, 0x2028, 0x202F, 0x205F, 0x3000};
    static const uint32_t others[] = {0x1C, 0x1F, 0x180E, 0x200B, 0x2060, 0xFEFF, 0x3164};
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
        assert_true(gm_unicode16_is_space(spaces[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(gm_unicode16_is_space(others[i]));
}

static void word_characters_are_those_of_the_regular_expressions(void **state)
{
    (void)state;
    static const uint32_t words[] = {'_', '7', 'x', 0x200C, 0x200D, 0x301, 0x24B6, 0x4E00, 0x203F};
    static const uint32_t others[] = {'-', ' ', 0xB2, 0x200B, 0x2C2, 0x1F600, 0xE000};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_true(gm_unicode16_is_word(words[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(gm_unicode16_is_word(others[i]));
}

static void scripts_have_names_up_to_the_last(void **state)
{
    (void)state;
    assert_string_equal(gm_unicode16_script_name(gm_unicode16_script(0x3042)), "Hiragana");
    assert_string_equal(gm_unicode16_script_name(gm_unicode16_script(0x30FC)), "Common");
    assert_string_equal(gm_unicode16_script_name(gm_unicode16_script(0x0301)), "Inherited");
    assert_string_equal(gm_unicode16_script_name(gm_unicode16_script(0x0378)), "Unknown");
    assert_string_equal(gm_unicode16_script_name(gm_unicode16_script(0x105C0)), "Todhri");
    unsigned last = 0;
    while (gm_unicode16_script_name((uint8_t)last) != NULL)
        last++;
    assert_true(last > 160 && last < 256);
    assert_null(gm_unicode16_script_name(255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_category_has_as_many_code_points_as_in_unicode_16),
        cmocka_unit_test(spaces_words_and_scripts_are_counted),
        cmocka_unit_test(known_code_points_have_their_category),
        cmocka_unit_test(spaces_are_white_space_and_nothing_that_looks_like_it),
        cmocka_unit_test(word_characters_are_those_of_the_regular_expressions),
        cmocka_unit_test(scripts_have_names_up_to_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
