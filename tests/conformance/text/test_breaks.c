/* Grapheme, word and sentence boundaries against Unicode's own test files: every line, every
 * position, no failure allowed. */
#include "text/grapheme.h"
#include "text/sentence.h"
#include "text/word.h"
#include "ucd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct line {
    uint8_t text[UCD_LINE_BYTES];
    size_t n_bytes;
    size_t breaks[UCD_MAX_CODE_POINTS]; /* offsets in bytes, 0 and n_bytes included */
    size_t n_breaks;
};

/* One line: "÷ 0061 × 0308 ÷ 0062 ÷ # comment", where ÷ is C3 B7 and × C3 97. */
static bool parse(const char *from, struct line *line)
{
    memset(line, 0, sizeof *line);
    while (*from && *from != '#' && *from != '\n') {
        if ((uint8_t)from[0] == 0xC3) {
            if ((uint8_t)from[1] == 0xB7)
                line->breaks[line->n_breaks++] = line->n_bytes;
            from += 2;
        } else if (*from == ' ' || *from == '\t') {
            from++;
        } else {
            const size_t digits = strcspn(from, " \t");
            line->n_bytes += ucd_encode(from, from + digits, line->text + line->n_bytes);
            from += digits;
        }
    }
    return line->n_bytes > 0;
}

typedef size_t segment_end_fn(const uint8_t *text, size_t n_bytes, size_t start);

static size_t grapheme_end(const uint8_t *text, size_t n_bytes, size_t start)
{
    struct gm_grapheme state;
    gm_grapheme_init(&state);
    size_t pos = start;
    while (pos < n_bytes) {
        size_t after = pos;
        const bool boundary = gm_grapheme_step(&state, gm_uniprop(gm_uni_next(text, &after)));
        if (boundary && pos > start)
            return pos;
        pos = after;
    }
    return n_bytes;
}

static size_t word_end(const uint8_t *text, size_t n_bytes, size_t start)
{
    struct gm_word_walk walk;
    gm_word_walk_init(&walk, text, n_bytes);
    for (size_t pos = start, after; pos < n_bytes; pos = after) {
        after = pos;
        const struct gm_uniprop *prop = gm_uniprop(gm_uni_next(text, &after));
        if (gm_word_step(&walk, pos, after, prop) && pos > start)
            return pos;
    }
    return n_bytes;
}

static void check_file(const char *name, segment_end_fn *segment_end)
{
    char buffer[UCD_LINE_BYTES];
    static struct line line;
    unsigned number = 0, n_tested = 0, n_failed = 0;
    FILE *file = ucd_open(name);
    while (fgets(buffer, sizeof buffer, file)) {
        number++;
        if (!parse(buffer, &line))
            continue;
        size_t found[UCD_MAX_CODE_POINTS] = {0};
        size_t n_found = 1;
        for (size_t pos = 0; pos < line.n_bytes;)
            found[n_found++] = pos = segment_end(line.text, line.n_bytes, pos);
        n_tested++;
        if (n_found != line.n_breaks || memcmp(found, line.breaks, n_found * sizeof *found)) {
            n_failed++;
            print_message("%s:%u: %s", name, number, buffer);
        }
    }
    ucd_close(file, name);
    print_message("%s: %u lines, %u failures\n", name, n_tested, n_failed);
    assert_true(n_tested > 400);
    assert_int_equal(n_failed, 0);
}

static void graphemes_are_unicodes(void **state)
{
    (void)state;
    check_file("auxiliary/GraphemeBreakTest.txt", grapheme_end);
}

static void words_are_unicodes(void **state)
{
    (void)state;
    check_file("auxiliary/WordBreakTest.txt", word_end);
}

static void sentences_are_unicodes(void **state)
{
    (void)state;
    check_file("auxiliary/SentenceBreakTest.txt", gm_sentence_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphemes_are_unicodes),
        cmocka_unit_test(words_are_unicodes),
        cmocka_unit_test(sentences_are_unicodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
