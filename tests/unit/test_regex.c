/* Expressions: what they match, in the order of priority of a backtracking engine, and what is
 * refused. Each row was checked with Oniguruma; tests/conformance/tokenize compares many more. */
#include "tokenize/regex.h"
#include "tokenize/regex_set.h"
#include "tokenize/unicode16.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CL100K                                                                                     \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"                      \
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CL100K_POSSESSIVE                                                                          \
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+|"                          \
    " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s"

static struct gm_regex *compile(const char *pattern, enum gm_regex_syntax syntax)
{
    struct gm_regex *regex;
    struct gm_err err = {0};
    if (gm_regex_new(&regex, (const uint8_t *)pattern, strlen(pattern), syntax, &err) != GM_OK)
        fail_msg("%s: %s", pattern, err.text);
    return regex;
}

/* The matches of the text, joined by '|'. */
static void check(const char *pattern, enum gm_regex_syntax syntax, const char *text,
                  const char *expected)
{
    struct gm_regex *regex = compile(pattern, syntax);
    struct gm_regex_text work;
    char got[512] = "";
    size_t start, end, n = 0;
    gm_regex_text_init(&work);
    assert_true(gm_regex_begin(&work, regex, (const uint8_t *)text, strlen(text)));
    while (gm_regex_next(&work, &start, &end)) {
        assert_true(n + end - start + 2 < sizeof(got));
        memcpy(got + n, text + start, end - start);
        n += end - start;
        got[n++] = '|';
    }
    got[n] = '\0';
    if (strcmp(got, expected) != 0)
        fail_msg("%s on %s: %s instead of %s", pattern, text, got, expected);
    gm_regex_text_free(&work);
    gm_regex_free(regex);
}

static void alternatives_are_tried_in_order(void **state)
{
    (void)state;
    check("a|ab", GM_REGEX_ONIGURUMA, "abab", "a|a|");
    check("ab|a", GM_REGEX_ONIGURUMA, "aba", "ab|a|");
    check("(?:a|ab)c?", GM_REGEX_ONIGURUMA, "abc", "a|"); /* POSIX: abc */
    check("|a", GM_REGEX_ONIGURUMA, "a", "||");
}

static void repeats_are_greedy_lazy_or_possessive(void **state)
{
    (void)state;
    check("a{2,3}", GM_REGEX_ONIGURUMA, "aaaaaa a", "aaa|aaa|");
    check("a{2,3}?", GM_REGEX_ONIGURUMA, "aaaaa", "aa|aa|");
    check("a+?b|a", GM_REGEX_ONIGURUMA, "aabaa", "aab|a|a|");
    check("a{,2}b", GM_REGEX_ONIGURUMA, "aaab", "aab|");
    check("a++a|b", GM_REGEX_ONIGURUMA, "aaab", "b|");
    check("a?+a", GM_REGEX_ONIGURUMA, "aaa", "aa|");
    check("a*+b", GM_REGEX_ONIGURUMA, "aabb", "aab|b|");
    check("a{1,2}+a", GM_REGEX_RUST, "aa aaa", "aaa|");
    check("a{1,2}+", GM_REGEX_ONIGURUMA, "aaaaa", "aaaaa|"); /* a repeat of a repeat */
    check("(?:a+)+b|a", GM_REGEX_ONIGURUMA, "aaab", "aaab|");
    check("(?:ab?){2,}", GM_REGEX_ONIGURUMA, "abaab a", "abaab|");
}

static void classes_are_sets_of_code_points(void **state)
{
    (void)state;
    check("[^a-c\\s]", GM_REGEX_ONIGURUMA, "ab\u00e9 d", "\u00e9|d|");
    check("[\\p{L}&&[^\\p{Han}]]+", GM_REGEX_ONIGURUMA, "ab\u4e2dc", "ab|c|");
    check("[^(\\s|[.,!?\u3002])]+", GM_REGEX_ONIGURUMA, "ab|(c d.e\u3002f", "ab|c|d|e|f|");
    check("[-a]+|[b-]|[\\w-]", GM_REGEX_ONIGURUMA, "a-a", "a-a|");
    check("\\p{^L}|\\P{^L}", GM_REGEX_ONIGURUMA, "a1", "a|1|");
    check("\\x{4e2d}|\\u00E9|\\x41|\\.", GM_REGEX_ONIGURUMA, "\u4e2d\u00e9A.x",
          "\u4e2d|\u00e9|A|.|");
    check(".", GM_REGEX_ONIGURUMA, "a\n\U0001F600", "a|\U0001F600|");
    check("a{|{1", GM_REGEX_ONIGURUMA, "a{ {1", "a{|{1|");
    /* U+1C89 is a letter since 16.0, U+A7CE will be one in 17.0 */
    check("\\p{L}", GM_REGEX_ONIGURUMA, "\u1c89\ua7ce", "\u1c89|");
}

static void words_differ_between_dialects(void **state)
{
    (void)state;
    check("\\w+", GM_REGEX_ONIGURUMA, "a\u00b2\u200d_b", "a\u00b2|_b|");
    check("[\\w]+", GM_REGEX_ONIGURUMA, "a\u00b2\u200d_b", "a|_b|");
    check("\\w+", GM_REGEX_RUST, "a\u00b2\u200d_b", "a|\u200d_b|");
}

static void case_is_folded_as_far_as_ascii_letters_go(void **state)
{
    (void)state;
    check("(?i:'s|k)", GM_REGEX_ONIGURUMA, "'S'\u017fK\u212a", "'S|'\u017f|K|\u212a|");
    check("(?i)[s-t]x|a", GM_REGEX_ONIGURUMA, "\u017fX TxA", "\u017fX|Tx|A|");
    check("(?i:a)a", GM_REGEX_ONIGURUMA, "AaAA", "Aa|");
    check("(?i:a(?-i:b))", GM_REGEX_ONIGURUMA, "AbAB", "Ab|");
}

static void assertions_look_at_both_sides(void **state)
{
    (void)state;
    check("\\s+(?!\\S)|\\s+", GM_REGEX_ONIGURUMA, "a   b  ", "  | |  |");
    check("\\w(?=\\w*\\d)|x", GM_REGEX_ONIGURUMA, "ab1x", "a|b|x|");
    check("(?!a(?!b))\\w", GM_REGEX_ONIGURUMA, "abac", "a|b|c|");
    check("(?<=a)b|(?<!\\s)c", GM_REGEX_ONIGURUMA, "bab c", "b|");
    check("(?<!x)a", GM_REGEX_ONIGURUMA, "axa", "a|");
    check("\\b\\w|\\w\\b", GM_REGEX_ONIGURUMA, "ab cde", "a|b|c|e|");
    check("\\Ba", GM_REGEX_ONIGURUMA, "a aa", "a|");
    check("^a|a$", GM_REGEX_ONIGURUMA, "aba\na", "a|a|a|");
    check("^a|a$", GM_REGEX_RUST, "aba\na", "a|a|");
    check("\\Aa|a\\z", GM_REGEX_ONIGURUMA, "aba\naa", "a|a|");
    check("\\s++$", GM_REGEX_RUST, " a\n\n", "\n\n|");
}

static void an_empty_match_behind_a_match_is_passed_over(void **state)
{
    (void)state;
    check("", GM_REGEX_ONIGURUMA, "\u00e9b", "|||");
    check("a*", GM_REGEX_ONIGURUMA, "baac", "|aa||");
    check("a*", GM_REGEX_ONIGURUMA, "", "|");
}

static void known_rules_cut_as_they_should(void **state)
{
    (void)state;
    check(GPT2, GM_REGEX_ONIGURUMA, "I'll  go 12345 !! \n", "I|'ll| | go| 12345| !!| \n|");
    check(CL100K, GM_REGEX_ONIGURUMA, "I'LL go 12345 x\n  \n y",
          "I|'LL| go| |123|45| x|\n  \n| y|");
    check(CL100K, GM_REGEX_ONIGURUMA, "a\n  ", "a|\n|  |");
    check(CL100K_POSSESSIVE, GM_REGEX_RUST, "a\n  ", "a|\n  |");
    check(CL100K_POSSESSIVE, GM_REGEX_RUST, "It's 1234\n", "It|'s| |123|4|\n|");
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    static const struct {
        const char *pattern, *message;
        enum gm_regex_syntax syntax;
    } rows[] = {
        {"(a)\\1", "at 3: escape \\1 is not supported", GM_REGEX_ONIGURUMA},
        {"x(?>ab)", "at 1: atomic groups are not supported", GM_REGEX_ONIGURUMA},
        {"(?:ab)++", "at 6: possessive repeats of more than one character are not supported",
         GM_REGEX_ONIGURUMA},
        {"(a*)*", "at 4: a repeat of what can be empty is not supported", GM_REGEX_ONIGURUMA},
        {"(?<=ab)c", "at 0: lookbehind of more than one character is not supported",
         GM_REGEX_ONIGURUMA},
        {"\\p{Emoji}", "at 0: property Emoji is not supported", GM_REGEX_ONIGURUMA},
        {"[[:alpha:]]", "at 1: POSIX classes are not supported", GM_REGEX_ONIGURUMA},
        {"(?i:\u00e9)", "at 6: letters beyond ASCII under (?i) are not supported",
         GM_REGEX_ONIGURUMA},
        {"(?i:us(?:s))", "at 9: letters under (?i) that fold to a ligature", GM_REGEX_ONIGURUMA},
        {"(?x: a)", "at 0: this kind of group is not supported", GM_REGEX_ONIGURUMA},
        {"a(?i)b", "at 1: (?i) is supported at the beginning of a group only", GM_REGEX_ONIGURUMA},
        {"a{2}?", "at 1: {n}? is not supported: dialects differ", GM_REGEX_ONIGURUMA},
        {"a{3,2}", "at 1: a repeat with its limits exchanged", GM_REGEX_ONIGURUMA},
        {"*a", "at 0: nothing to repeat", GM_REGEX_ONIGURUMA},
        {"(a", "at 0: a group without )", GM_REGEX_ONIGURUMA},
        {"a)", "at 1: a ) without group", GM_REGEX_ONIGURUMA},
        {"[a", "at 0: a class without ]", GM_REGEX_ONIGURUMA},
        {"[]a]", "at 1: an empty class, or one that begins with ]", GM_REGEX_ONIGURUMA},
        {"[z-a]", "at 4: an empty range", GM_REGEX_ONIGURUMA},
        {"[\\w-c]", "at 1: this use of - in a class is not supported", GM_REGEX_ONIGURUMA},
        {"[a--b]", "at 1: this use of - in a class is not supported", GM_REGEX_RUST},
        {"a\\", "at 2: the pattern ends too early", GM_REGEX_ONIGURUMA},
        {"\\x{110000}", "at 0: an escape that is no character", GM_REGEX_ONIGURUMA},
        {"\\xFF", "at 0: escapes of single bytes are not supported", GM_REGEX_ONIGURUMA},
        {"\\<a", "at 0: escape \\< is not supported", GM_REGEX_RUST},
        {"a{x", "at 1: a malformed repeat", GM_REGEX_RUST},
        {"a\xff", "at 1: not UTF-8", GM_REGEX_ONIGURUMA},
        {"a{5000}", "too complex: more than 4096 states", GM_REGEX_ONIGURUMA},
        {"x[ab]{30}a", "too complex: its automaton would be very large", GM_REGEX_ONIGURUMA},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gm_regex *regex;
        struct gm_err err = {0};
        assert_int_equal(gm_regex_new(&regex, (const uint8_t *)rows[i].pattern,
                                      strlen(rows[i].pattern), rows[i].syntax, &err),
                         GM_INPUT);
        assert_null(regex);
        assert_string_equal(err.text, rows[i].message);
    }
}

static void deep_and_long_patterns_are_refused(void **state)
{
    static uint8_t pattern[GM_REGEX_MAX_PATTERN_BYTES + 1];
    static const char units[] = "([?|";
    struct gm_regex *regex;
    (void)state;
    for (const char *unit = units; *unit; unit++) {
        memset(pattern, *unit, sizeof(pattern));
        assert_int_equal(
            gm_regex_new(&regex, pattern, sizeof(pattern) - 1, GM_REGEX_ONIGURUMA, NULL), GM_INPUT);
    }
    assert_int_equal(gm_regex_new(&regex, pattern, sizeof(pattern), GM_REGEX_ONIGURUMA, NULL),
                     GM_INPUT);
}

/* A backtracking engine needs time beyond all measure for these. */
static void hard_texts_end(void **state)
{
    static const char *const patterns[] = {"(?:a+)+b", "(?:a|aa)+(?!a)b", "a*a*a*a*b|c",
                                           "(?:(?:a{1,3}){1,3})+b", "\\s+(?!\\S)|a+(?=b)"};
    const size_t n = 1 << 20;
    char *text = malloc(n);
    (void)state;
    assert_non_null(text);
    memset(text, 'a', n);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct gm_regex *regex = compile(patterns[i], GM_REGEX_ONIGURUMA);
        struct gm_regex_text work;
        size_t start, end;
        gm_regex_text_init(&work);
        assert_true(gm_regex_begin(&work, regex, (uint8_t *)text, n));
        assert_false(gm_regex_next(&work, &start, &end));
        assert_false(gm_regex_next(&work, &start, &end));
        gm_regex_text_free(&work);
        gm_regex_free(regex);
    }
    free(text);
}

static void bytes_that_are_not_utf8_are_one_character_each(void **state)
{
    static const uint8_t text[] = "a\x80\xc3\xe4\xb8\xf0\x9f\x98\xff\xed\xa0\x80z\xf5\xc0\xaf";
    struct gm_regex *regex = compile("\\x{FFFD}", GM_REGEX_ONIGURUMA);
    struct gm_regex_text work;
    size_t start, end, n = 0;
    (void)state;
    gm_regex_text_init(&work);
    assert_true(gm_regex_begin(&work, regex, text, sizeof(text) - 1));
    for (; gm_regex_next(&work, &start, &end); n++)
        assert_int_equal(end - start, 1);
    assert_int_equal(n, sizeof(text) - 1 - 2);
    gm_regex_text_free(&work);
    gm_regex_free(regex);
}

static void a_search_may_start_anywhere(void **state)
{
    struct gm_regex *regex = compile("\\d+", GM_REGEX_ONIGURUMA);
    struct gm_regex_text work;
    size_t start, end;
    (void)state;
    gm_regex_text_init(&work);
    assert_true(gm_regex_begin(&work, regex, (const uint8_t *)"12 345", 6));
    assert_true(gm_regex_find(&work, 1, &start, &end));
    assert_true(start == 1 && end == 2);
    assert_true(gm_regex_find(&work, 2, &start, &end));
    assert_true(start == 3 && end == 6);
    assert_false(gm_regex_find(&work, 6, &start, &end));
    gm_regex_text_free(&work);
    gm_regex_free(regex);
}

/* The sets are made from blocks of the tables; here each code point is asked. */
static void properties_are_those_of_the_tables(void **state)
{
    static const struct {
        const char *name;
        uint32_t categories;
        unsigned flags;
        int script; /* -1: none */
    } cases[] = {
        {"Lu", 1u << GM_CAT_LU, 0, -1},
        {"Lo", 1u << GM_CAT_LO, 0, -1},
        {"Cn", 1u << GM_CAT_CN, 0, -1},
        {"Co", 1u << GM_CAT_CO, 0, -1},
        {"N", 1u << GM_CAT_ND | 1u << GM_CAT_NL | 1u << GM_CAT_NO, 0, -1},
        {"Word", 0, GM_UNICODE16_WORD, -1},
        {"Space", 0, GM_UNICODE16_SPACE, -1},
        {"Han", 0, 0, 0},
        {"Common", 0, 0, 0},
        {"Unknown", 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gm_code_set set;
        size_t at = 0, n_wrong = 0;
        uint8_t script = 0;
        while (cases[i].script == 0 && strcmp(gm_unicode16_script_name(script), cases[i].name) != 0)
            script++;
        gm_code_set_init(&set);
        assert_true(gm_code_set_property(&set, cases[i].name, strlen(cases[i].name)));
        for (uint32_t c = 0; c <= GM_LAST_CODE_POINT; c++) {
            uint8_t properties = gm_unicode16(c);
            bool wanted = cases[i].script == 0
                              ? gm_unicode16_script(c) == script
                              : (cases[i].categories >> (properties & GM_UNICODE16_CATEGORY) & 1) ||
                                    (properties & cases[i].flags);
            while (at < set.n && set.ranges[at].last < c)
                at++;
            n_wrong += wanted != (at < set.n && set.ranges[at].first <= c);
        }
        assert_int_equal(n_wrong, 0);
        gm_code_set_free(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_are_those_of_the_tables),
        cmocka_unit_test(alternatives_are_tried_in_order),
        cmocka_unit_test(repeats_are_greedy_lazy_or_possessive),
        cmocka_unit_test(classes_are_sets_of_code_points),
        cmocka_unit_test(words_differ_between_dialects),
        cmocka_unit_test(case_is_folded_as_far_as_ascii_letters_go),
        cmocka_unit_test(assertions_look_at_both_sides),
        cmocka_unit_test(an_empty_match_behind_a_match_is_passed_over),
        cmocka_unit_test(known_rules_cut_as_they_should),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
        cmocka_unit_test(deep_and_long_patterns_are_refused),
        cmocka_unit_test(hard_texts_end),
        cmocka_unit_test(bytes_that_are_not_utf8_are_one_character_each),
        cmocka_unit_test(a_search_may_start_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
