/* Stage normalize: each option alone and together, no copy without a change, and time that is
 * linear in the text however it is made. */
#include "chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

extern const struct gm_stage gm_text_extract, gm_text_utf8, gm_text_normalize;

static struct chain chain;

static void start(const char *settings)
{
    chain_init(&chain);
    chain_add(&chain, &gm_text_extract, NULL);
    chain_add(&chain, &gm_text_utf8, NULL);
    chain_add(&chain, &gm_text_normalize, settings);
}

struct example {
    const char *settings, *from, *to;
};

#define E_ACUTE        "\xC3\xA9"
#define ACUTE          "\xCC\x81"
#define E_AND_ACUTE    "e\xCC\x81"
#define DOT_BELOW      "\xCC\xA3"
#define NBSP           "\xC2\xA0"
#define NEL            "\xC2\x85"
#define LINE_SEPARATOR "\xE2\x80\xA8"

static const struct example examples[] = {
    /* form */
    {NULL, "e" ACUTE, E_ACUTE},
    {NULL, "caf" E_ACUTE " \xEF\xAC\x81", "caf" E_ACUTE " \xEF\xAC\x81"},
    {"form=none", "e" ACUTE, "e" ACUTE},
    {"form=nfkc", "\xEF\xAC\x81 \xE2\x91\xA0 e" ACUTE NBSP "x", "fi 1 " E_ACUTE " x"},
    {"form=nfc", "q" ACUTE DOT_BELOW, "q" DOT_BELOW ACUTE},
    {"form=nfc", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C"},
    {"form=nfc", "\xE2\x84\xAB", "\xC3\x85"},
    /* control: what is white space stays */
    {"control=strip",
     "a\x01"
     "b\x7F"
     "c\xC2\x9F"
     "d\x1B[0m",
     "abcd[0m"},
    {"control=strip",
     "a\tb\nc\rd\x0B"
     "e\x0C"
     "f" NEL "g",
     "a\tb\nc\rd\x0B"
     "e\x0C"
     "f" NEL "g"},
    {"control=strip", "e\x02" ACUTE, E_ACUTE},
    {"control=keep",
     "a\x01"
     "b",
     "a\x01"
     "b"},
    /* newlines */
    {"newlines=lf", "a\r\nb\rc\nd\r\r\n\ne\r", "a\nb\nc\nd\n\n\ne\n"},
    {"newlines=keep", "a\r\nb\r", "a\r\nb\r"},
    /* whitespace */
    {"whitespace=trim", " \n\t" NBSP "a  b \r\n" LINE_SEPARATOR, "a  b"},
    {"whitespace=collapse", "  a \t b" NBSP NBSP "c  ", "a b c"},
    {"whitespace=collapse", "a \n b\r\nc\rd", "a\nb\nc\nd"},
    {"whitespace=collapse", "a\n\nb \n \n \n c\r\n\r\nd" LINE_SEPARATOR "e", "a\n\nb\n\nc\n\nd\ne"},
    {"whitespace=flatten", " a\n\n b\tc\r\n", "a b c"},
    {"whitespace=keep", " a \n", " a \n"},
    /* together */
    {"form=nfkc whitespace=collapse newlines=lf control=strip",
     "\x01 \xEF\xBC\xA1" NBSP "\r\n\x02\xEF\xBC\xA2"
     "e\x03" ACUTE " ",
     "A\nB" E_ACUTE},
    {"form=nfkc whitespace=collapse",
     "a\xC2\xA8"
     "b",
     "a \xCC\x88"
     "b"},
};

static void each_option_does_what_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        start(examples[i].settings);
        chain_run_text(&chain, GM_MEDIA_TEXT, examples[i].from);
        assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
        if (!chain_equals(&chain, "text", 0, examples[i].to))
            fail_msg("example %zu (%s)", i, examples[i].settings ? examples[i].settings : "");
        chain_free(&chain);
    }
}

static void an_unchanged_text_is_not_copied(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain ASCII", "na\xC3\xAFve \xE6\x96\x87 \xD0\x9C",
                                        "x" ACUTE " marks that stay"};
    start("form=nfc newlines=lf control=strip whitespace=collapse");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        chain_run_text(&chain, GM_MEDIA_TEXT, texts[i]);
        assert_true(chain_view(&chain, "text", 0).data == (const uint8_t *)texts[i]);
    }
    chain_free(&chain);
}

static void a_trimmed_text_is_a_part_of_the_old(void **state)
{
    (void)state;
    start("whitespace=trim");
    const char *text = "  abc ";
    chain_run_text(&chain, GM_MEDIA_TEXT, text);
    assert_true(chain_view(&chain, "text", 0).data == (const uint8_t *)text + 2);
    chain_free(&chain);
}

static void a_text_of_nothing_but_rubbish_is_empty(void **state)
{
    (void)state;
    start("whitespace=trim control=strip");
    chain_run_text(&chain, GM_MEDIA_TEXT, " \n\x01 \x02" NBSP);
    assert_int_equal(chain_reason(&chain, 0), GM_REASON_TEXT_EMPTY);
    chain_free(&chain);
}

static size_t fill(char *text, size_t max_bytes, const char *unit)
{
    size_t n = 0;
    for (const size_t n_unit = strlen(unit); n + n_unit <= max_bytes; n += n_unit)
        memcpy(text + n, unit, n_unit);
    return n;
}

/* The two marks alternate against their canonical order: a quadratic sort would take hours. */
static void hostile_texts_take_linear_time(void **state)
{
    (void)state;
    static const char *const units[] = {
        ACUTE DOT_BELOW, ACUTE,  "\xE1\x85\xA1", "\xEF\xB7\xBA",    E_AND_ACUTE, "\xCD\x84", "\r",
        " \n",           "\x01", "\xE2\x84\xAB", "\xF0\x9D\x85\xA0"};
    static const char *const settings[] = {
        "form=nfc", "form=nfkc control=strip newlines=lf whitespace=collapse"};
    const size_t n_bytes = 1 << 20;
    char *text = malloc(n_bytes + 1);
    for (size_t i = 0; i < 2 * sizeof units / sizeof units[0]; i++) {
        start(settings[i % 2]);
        text[0] = 'a';
        const struct chain_row row = {GM_MEDIA_TEXT, text,
                                      1 + fill(text + 1, n_bytes, units[i / 2])};
        chain_run(&chain, &row, 1);
        assert_int_equal(chain_reason(&chain, 0), GM_REASON_NONE);
        assert_true(chain_view(&chain, "text", 0).n_bytes > 0);
        chain_free(&chain);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_does_what_it_says),
        cmocka_unit_test(an_unchanged_text_is_not_copied),
        cmocka_unit_test(a_trimmed_text_is_a_part_of_the_old),
        cmocka_unit_test(a_text_of_nothing_but_rubbish_is_empty),
        cmocka_unit_test(hostile_texts_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
