/* The counting walks: known texts with numbers worked out by hand, and the fast walk against the
 * decoding one over many random texts, because they must be interchangeable. */
#include "base/utf8.h"
#include "text/ascii_block.h"
#include "text/counts.h"
#include "text/sentence.h"
#include "text/word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct gm_counter *counter;

static int set_up(void **state)
{
    (void)state;
    counter = malloc(sizeof *counter);
    gm_counter_init(counter);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gm_counter_fini(counter);
    free(counter);
    return 0;
}

/* With each instruction set that this machine has, which must not matter. */
static struct gm_text_counts count(const char *text, size_t n_bytes, enum gm_count_mode mode)
{
    struct gm_text_counts counts;
    for (int tier = GM_COUNT_PLAIN; tier <= (int)gm_count_best_tier(); tier++) {
        counter->tier = (enum gm_count_tier)tier;
        assert_int_equal(gm_count_text(counter, (const uint8_t *)text, n_bytes, mode, NULL), GM_OK);
        if (tier > 0 && memcmp(&counts, &counter->counts, sizeof counts) != 0)
            fail_msg("instruction set %d counts otherwise than %d", tier, tier - 1);
        counts = counter->counts;
    }
    return counts;
}

struct expected {
    const char *text;
    unsigned code_points, graphemes, words, distinct, by_space, sentences;
};

static const struct expected known[] = {
    {"", 0, 0, 0, 0, 0, 0},
    {"a", 1, 1, 1, 1, 1, 1},
    {" ", 1, 1, 0, 0, 0, 0},
    {"...", 3, 3, 0, 0, 1, 0},
    {"Hello world", 11, 11, 2, 2, 2, 1},
    {"Hello hello HELLO", 17, 17, 3, 1, 3, 1},
    {"can't won't", 11, 11, 2, 2, 2, 1},
    {"'quoted'", 8, 8, 1, 1, 1, 1},
    {"3.14 1,000 1.a a.1", 18, 18, 6, 4, 4, 1},
    {"foo_bar __ _x 1_2", 17, 17, 3, 3, 4, 1},
    {"www.example.com:80", 18, 18, 2, 2, 1, 1},
    {"One. Two? Three! four", 21, 21, 4, 4, 4, 4},
    {"It is e.g. this one. And. That", 30, 30, 7, 7, 7, 3},
    {"Version 3.5 is out.", 19, 19, 4, 4, 4, 1},
    {"U.S.A. Today", 12, 12, 2, 2, 2, 2},
    {"(One.) \"Two.\" Three", 19, 19, 3, 3, 3, 3},
    {"line one\nline two\r\nline three\n", 30, 29, 6, 4, 6, 3},
    {"\n\n. \n?!", 7, 7, 0, 0, 2, 0},
    {"a\rb", 3, 3, 2, 2, 2, 2},
    {"tab\tseparated\vand\ffed", 21, 21, 4, 4, 4, 1},
    /* Beyond ASCII */
    {"caf\xC3\xA9 CAF\xC3\x89", 9, 9, 2, 1, 2, 1},
    {"stra\xC3\x9F"
     "e STRASSE",
     14, 14, 2, 1, 2, 1},
    {"e\xCC\x81", 2, 1, 1, 1, 1, 1},
    {"\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82\xE4\xBD\xA0", 4, 4, 3, 2, 1, 2},
    {"\xE3\x82\xAB\xE3\x82\xBF\xE3\x82\xAB\xE3\x83\x8A", 4, 4, 1, 1, 1, 1},
    {"\xD0\x9C\xD0\xB8\xD1\x80 \xD0\xBC\xD0\xB8\xD1\x80", 7, 7, 2, 1, 2, 1},
    {"a\xC2\xA0"
     "b\xE2\x80\x83"
     "c\xE3\x80\x80"
     "d",
     7, 7, 4, 4, 4, 1},
    {"\xE2\x80\x9CHi,\xE2\x80\x9D she said. \xE2\x80\x9CNo.\xE2\x80\x9D", 21, 21, 4, 4, 4, 2},
    {"don\xE2\x80\x99t", 5, 5, 1, 1, 1, 1},
    /* A family, a flag and a half, a Hangul syllable in parts */
    {"\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7", 5, 1, 0, 0, 1, 0},
    {"\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\xF0\x9F\x87\xA9", 3, 2, 0, 0, 1, 0},
    {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 3, 1, 1, 1, 1, 1},
};

static void known_texts_have_the_numbers_of_the_definitions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        for (int mode = GM_COUNT_FAST; mode <= GM_COUNT_DECODED; mode++) {
            const struct expected *want = &known[i];
            struct gm_text_counts got = count(want->text, strlen(want->text), mode);
            const unsigned found[] = {got.code_points,    got.graphemes,        got.words,
                                      got.distinct_words, got.whitespace_words, got.sentences};
            if (memcmp(found, &want->code_points, sizeof found) != 0)
                fail_msg("\"%s\" (mode %d): code points %u, graphemes %u, words %u, distinct %u, "
                         "by space %u, sentences %u",
                         want->text, mode, found[0], found[1], found[2], found[3], found[4],
                         found[5]);
        }
    }
}

static void classes_and_scripts_add_up(void **state)
{
    (void)state;
    const char *text = "Abc 12,\t$x \xD0\x96\xE4\xB8\xAD\n";
    struct gm_text_counts got = count(text, strlen(text), GM_COUNT_FAST);
    assert_int_equal(got.letters, 6);
    assert_int_equal(got.digits, 2);
    assert_int_equal(got.spaces, 4);
    assert_int_equal(got.punctuation, 1);
    assert_int_equal(got.line_feeds, 1);
    assert_int_equal(got.word_code_points, 3 + 2 + 1 + 1 + 1);
    uint64_t sum = 0;
    for (size_t i = 0; i < GM_SCRIPT_COUNT; i++) {
        sum += got.scripts[i];
        if (strcmp(gm_script_names[i], "Latin") == 0)
            assert_int_equal(got.scripts[i], 4);
        if (strcmp(gm_script_names[i], "Han") == 0 || strcmp(gm_script_names[i], "Cyrillic") == 0)
            assert_int_equal(got.scripts[i], 1);
    }
    assert_int_equal(sum, got.code_points);
}

/* Random texts from pieces that meet in every order. */

static const char *const pieces[] = {"a",
                                     "B",
                                     "the ",
                                     "word",
                                     "1",
                                     "23",
                                     "_",
                                     "__",
                                     ".",
                                     ". ",
                                     "?",
                                     "!",
                                     ",",
                                     ";",
                                     ":",
                                     "'",
                                     "\"",
                                     ")",
                                     "(",
                                     " ",
                                     "  ",
                                     "\n",
                                     "\r\n",
                                     "\r",
                                     "\t",
                                     "\x0B",
                                     "$",
                                     "`",
                                     "~",
                                     "-",
                                     "The quick brown fox jumps over the lazy dog. ",
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                     "\x7F",
                                     "\x01",
                                     "\xC3\xA9",
                                     "\xCC\x81",
                                     "\xE2\x80\x99",
                                     "\xE2\x80\x9D",
                                     "\xC2\xA0",
                                     "\xE2\x80\xA8",
                                     "\xC2\x85",
                                     "\xD0\x96",
                                     "\xE4\xB8\xAD",
                                     "\xE3\x80\x82",
                                     "\xE2\x80\x8D",
                                     "\xF0\x9F\x91\xA8",
                                     "\xF0\x9F\x87\xA9",
                                     "\xE0\xA4\xBE",
                                     "\xE0\xA4\x95",
                                     "\xD7\x90",
                                     "\xE3\x82\xAB",
                                     "\xC2\xAD",
                                     "\xE1\xBA\x9E",
                                     "\xE2\x84\xAA"};

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* ascii_share in 1/16: how often a piece comes from the ASCII part of the list. */
static size_t random_text(uint64_t *seed, unsigned ascii_share, char *text, size_t max_bytes)
{
    const size_t n_pieces = sizeof pieces / sizeof pieces[0], n_ascii = 34;
    const size_t wanted = next_random(seed) % max_bytes;
    size_t n_bytes = 0;
    for (;;) {
        const size_t i = next_random(seed) % 16 < ascii_share
                             ? next_random(seed) % n_ascii
                             : n_ascii + next_random(seed) % (n_pieces - n_ascii);
        const size_t length = strlen(pieces[i]);
        /* Now and then many in a row, as of dots in front of a page number. */
        for (size_t n = next_random(seed) % 32 ? 1 : next_random(seed) % 80; n > 0; n--) {
            if (n_bytes + length > wanted)
                return n_bytes;
            memcpy(text + n_bytes, pieces[i], length);
            n_bytes += length;
        }
    }
}

static void both_walks_give_the_same_numbers(void **state)
{
    (void)state;
    static const unsigned shares[] = {16, 15, 12, 4};
    static const size_t sizes[] = {8, 70, 300, 9000};
    char *text = malloc(10000);
    uint64_t seed = 7;
    for (unsigned round = 0; round < 6000; round++) {
        const size_t max_bytes = round % 16 == 15 ? sizes[3] : sizes[round % 3];
        size_t n_bytes = random_text(&seed, shares[round / 4 % 4], text, max_bytes);
        char *exact = malloc(n_bytes + 1); /* so that a sanitizer sees a read behind the end */
        memcpy(exact, text, n_bytes);
        exact = realloc(exact, n_bytes ? n_bytes : 1);
        struct gm_text_counts fast = count(exact, n_bytes, GM_COUNT_FAST);
        struct gm_text_counts decoded = count(exact, n_bytes, GM_COUNT_DECODED);
        if (memcmp(&fast, &decoded, sizeof fast) != 0) {
            print_message("round %u, %zu bytes: \"%.*s\"\n", round, n_bytes, (int)n_bytes, exact);
            assert_memory_equal(&fast, &decoded, sizeof fast);
        }
        free(exact);
    }
    free(text);
}

static bool has_flag(const uint8_t *text, size_t start, size_t end, bool marks)
{
    while (start < end) {
        const struct gm_uniprop *prop = gm_uniprop(gm_uni_next(text, &start));
        if (prop->flags & GM_UNI_WORD && (marks || prop->sentence != GM_SB_EXTEND))
            return true;
    }
    return false;
}

static uint64_t count_words(const uint8_t *text, size_t n_bytes)
{
    struct gm_word_walk walk;
    gm_word_walk_init(&walk, text, n_bytes);
    uint64_t n_words = 0;
    size_t start = 0;
    for (size_t pos = 0, after; pos < n_bytes; pos = after) {
        after = pos;
        const struct gm_uniprop *prop = gm_uniprop(gm_uni_next(text, &after));
        if (gm_word_step(&walk, pos, after, prop)) {
            n_words += has_flag(text, start, pos, true);
            start = pos;
        }
    }
    return n_words + has_flag(text, start, n_bytes, true);
}

static void words_and_sentences_are_the_segments_with_letters(void **state)
{
    (void)state;
    char *buffer = malloc(1000);
    const uint8_t *text = (const uint8_t *)buffer;
    uint64_t seed = 11;
    for (unsigned round = 0; round < 2000; round++) {
        size_t n_bytes = random_text(&seed, round % 17, buffer, 400);
        const uint64_t words = count_words(text, n_bytes);
        uint64_t sentences = 0;
        for (size_t pos = 0, end; pos < n_bytes; pos = end) {
            end = gm_sentence_end(text, n_bytes, pos);
            sentences += has_flag(text, pos, end, false);
        }
        struct gm_text_counts got = count(buffer, n_bytes, GM_COUNT_FAST);
        if (got.words != words || got.sentences != sentences)
            fail_msg("words %d, want %d; sentences %d, want %d: \"%.*s\"", (int)got.words,
                     (int)words, (int)got.sentences, (int)sentences, (int)n_bytes, buffer);
    }
    free(buffer);
}

/* A megabyte of each would take hours if anything were quadratic. */
static void hostile_texts_take_linear_time(void **state)
{
    (void)state;
    static const char *const units[] = {
        "\xCC\x81",     "x",   "a.", "1,", ".", "?\xCC\x81", "'", "a'", "\xF0\x9F\x87\xA9",
        "\xE2\x80\x8D", ". 1", ".)", "_",  "\r"};
    const size_t n_bytes = 1 << 20;
    char *text = malloc(n_bytes + 4);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t unit = strlen(units[i]);
        size_t n = 0;
        for (; n + unit <= n_bytes; n += unit)
            memcpy(text + n, units[i], unit);
        struct gm_text_counts got = count(text, n, GM_COUNT_FAST);
        assert_true(got.code_points > 0);
        assert_true(got.graphemes <= got.code_points);
    }
    free(text);
}

static void distinct_words_stop_at_the_limit(void **state)
{
    (void)state;
    const size_t n_words = 1100000;
    char *text = malloc(n_words * 8 + 1);
    for (size_t i = 0; i < n_words; i++)
        snprintf(text + 8 * i, 9, "w%06zx ", i);
    assert_int_equal(count(text, 8 * 1000000, GM_COUNT_FAST).distinct_words, 1000000);
    assert_int_equal(count(text, 8 * n_words, GM_COUNT_FAST).distinct_words, GM_WORDSET_MAX_WORDS);
    assert_int_equal(counter->counts.words, n_words);
    assert_int_equal(count("one two one", 11, GM_COUNT_FAST).distinct_words, 2);
    free(text);
}

static void a_reused_set_forgets_the_texts_before(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 140000; i++) /* past two turns of its 16-bit text number */
        if (count("one two one", 11, GM_COUNT_FAST).distinct_words != 2)
            fail_msg("text %u", i);
}

static void a_word_hashes_the_same_whole_and_by_code_points(void **state)
{
    (void)state;
    static const uint32_t code_points[] = {'a', 0xE9, 0x4E2D, '1', 0x1F600, 'b', 0x436};
    uint8_t word[256] = {0};
    struct gm_word_hash by_code_points;
    gm_word_hash_init(&by_code_points);
    for (size_t i = 0, n_bytes = 0; i < 70; i++) {
        n_bytes += gm_utf8_encode(code_points[i % 7], word + n_bytes);
        gm_word_hash_put(&by_code_points, code_points[i % 7]);
        assert_true(gm_word_hash_final(&by_code_points) == gm_word_hash(word, n_bytes));
    }
}

#ifdef __x86_64__
GM_ASCII_TARGET_256 static void classify_256(const uint8_t *text, struct gm_ascii_block *block,
                                             uint8_t *lower)
{
    gm_ascii_classify_256(text, block, lower);
}

GM_ASCII_TARGET_512 static void classify_512(const uint8_t *text, struct gm_ascii_block *block,
                                             uint8_t *lower)
{
    gm_ascii_classify_512(text, counter->classes, block, lower);
}
#endif

static void a_block_has_the_properties_of_the_tables(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[GM_ASCII_BLOCK_BYTES], lower[2][GM_ASCII_BLOCK_BYTES];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(round < 4 ? round * 64 + i : next_random(&seed) % 256);
        struct gm_ascii_block fast, slow;
        gm_ascii_classify(bytes, &fast, lower[0]);
        gm_ascii_classify_by_table(bytes, &slow, lower[1]);
        assert_memory_equal(&fast, &slow, sizeof fast);
        assert_memory_equal(lower[0], lower[1], sizeof bytes);
#ifdef __x86_64__
        if (gm_count_best_tier() >= GM_COUNT_AVX2) {
            classify_256(bytes, &fast, lower[0]);
            assert_memory_equal(&fast, &slow, sizeof fast);
            assert_memory_equal(lower[0], lower[1], sizeof bytes);
        }
        if (gm_count_best_tier() == GM_COUNT_AVX512) {
            classify_512(bytes, &fast, lower[0]);
            assert_memory_equal(&fast, &slow, sizeof fast);
            assert_memory_equal(lower[0], lower[1], sizeof bytes);
        }
#endif
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_have_the_numbers_of_the_definitions),
        cmocka_unit_test(classes_and_scripts_add_up),
        cmocka_unit_test(both_walks_give_the_same_numbers),
        cmocka_unit_test(words_and_sentences_are_the_segments_with_letters),
        cmocka_unit_test(hostile_texts_take_linear_time),
        cmocka_unit_test(distinct_words_stop_at_the_limit),
        cmocka_unit_test(a_reused_set_forgets_the_texts_before),
        cmocka_unit_test(a_word_hashes_the_same_whole_and_by_code_points),
        cmocka_unit_test(a_block_has_the_properties_of_the_tables),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
