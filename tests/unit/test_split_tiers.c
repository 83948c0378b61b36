/* Splitting: the vector tiers cut as the scalar one does: random texts over every kind of
 * character, at every place in a window and in front of an unreadable page, in small portions, in
 * long runs. */
#include "base/hash.h"
#include "tokenize/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

/* One or more of every class that a rule can tell apart, by length; what random texts are made of.
 */
static const char *const alphabet[] = {
    "a",          "e",          "s",          "l",          "t",
    "r",          "v",          "m",          "d",          "x",
    "S",          "L",          "T",          "D",          "E",
    "R",          "M",          "Z",          "\u00E9",     "\u017F",
    "\u0451",     "\u00C9",     "\u0416",     "\u212A",     "\u01C5",
    "\u02B0",     "\u3005",     "\u0640",     "\u00AA",     "\u05D0",
    "\u0627",     "\u0E01",     "\u0915",     "\uAC00",     "\u4E00",
    "\u9FA5",     "\u9FA6",     "\u3042",     "\u30AB",     "\U00020000",
    "\u0301",     "\u064B",     "\u0903",     "\u0488",     "\u0E31",
    "\uFE0F",     "\U000E0100", "0",          "1",          "9",
    "\u0660",     "\u0966",     "\u00B2",     "\u2167",     "\uFF11",
    "\U0001D7CE", " ",          " ",          " ",          "\t",
    "\v",         "\xC2\x85",   "\u00A0",     "\u3000",     "\u2028",
    "\r",         "\n",         "\n",         "\r\n",       "'",
    "'",          "'s",         "'ll",        "'RE",        "/",
    "!",          ".",          "(",          "_",          "$",
    "\u2019",     "\u3002",     "\uFF0C",     "\u30FB",     "\u30A0",
    "\u20AC",     "\u309B",     "\u2192",     "\u200B",     "\u200D",
    "\u00AD",     "\x01",       "\x7F",       "\u0378",     "\u3040",
    "\u3097",     "\uE000",     "\U0010FFFF", "\U0001F600", "\U0001F469\u200D\u2764\uFE0F",
    "\U0001F3FD", "\u3099",     "\U0002EBF0", "\U000105C0", "\U00010D50",
    "\u1C89"};
enum { N_ALPHABET = sizeof(alphabet) / sizeof(alphabet[0]), MAX_TEXT = 4096 };

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed >> 11;
}

/* Those whose neighbours the rules look at most. */
static const char *const crowded[] = {"a",      "A",  "\u4E00", "\u00E9", "\u0301", "\uFE0F",
                                      " ",      " ",  "\n",     "\r",     "\t",     "\u3000",
                                      "'",      "'s", "'LL",    "/",      "!",      "\u3002",
                                      "\u30FB", "1",  "\u0660", "\u200B", "\u3042"};
enum { N_CROWDED = sizeof(crowded) / sizeof(crowded[0]) };

/* A text of n characters or more, from a few or all of the alphabet, some of them repeated. */
static size_t make_text(uint64_t *seed, unsigned n, uint8_t *text)
{
    static const char *const *const sources[] = {alphabet, crowded};
    static const unsigned n_sources[] = {N_ALPHABET, N_CROWDED};
    unsigned source = next_random(seed) % 2, n_source = n_sources[source];
    unsigned n_kinds = next_random(seed) % 3 == 0 ? n_source : 2 + next_random(seed) % 6;
    const char *kinds[N_ALPHABET];
    for (unsigned i = 0; i < n_kinds; i++)
        kinds[i] = sources[source][n_kinds == n_source ? i : next_random(seed) % n_source];
    size_t n_bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        const char *kind = kinds[next_random(seed) % n_kinds];
        uint64_t times = next_random(seed) % 8 == 0 ? 1 + next_random(seed) % 8 : 1;
        times = next_random(seed) % 200 == 0 ? 70 : times;
        for (; times > 0 && n_bytes + strlen(kind) <= MAX_TEXT; times--, n_bytes += strlen(kind))
            memcpy(text + n_bytes, kind, strlen(kind));
    }
    return n_bytes;
}

static size_t split(enum gm_scheme scheme, enum gm_split_tier tier, const uint8_t *text,
                    size_t n_bytes, uint32_t *ends, size_t capacity)
{
    struct gm_split state;
    size_t n = 0, each;
    gm_split_begin(&state, scheme, tier, text, n_bytes);
    while ((each = gm_split_next(&state, ends + n, capacity)) > 0)
        n += each;
    return n;
}

static void check_tiers(const uint8_t *text, size_t n_bytes, size_t capacity)
{
    static uint32_t scalar[MAX_TEXT + 4096], vector[MAX_TEXT + 4096];
    for (unsigned scheme = GM_SCHEME_GPT2; scheme < GM_SCHEME_BERT; scheme++) {
        size_t n = split((enum gm_scheme)scheme, GM_TIER_SCALAR, text, n_bytes, scalar, 4096);
        for (unsigned tier = 1; tier <= gm_split_best_tier(); tier++) {
            size_t n_vector = split((enum gm_scheme)scheme, (enum gm_split_tier)tier, text, n_bytes,
                                    vector, capacity);
            if (n_vector != n || memcmp(scalar, vector, n * sizeof(scalar[0])) != 0) {
                print_error("%s, tier %u, %zu bytes: %.*s\n", gm_scheme_name(scheme), tier, n_bytes,
                            (int)n_bytes, (const char *)text);
                fail();
            }
        }
        assert_true(n_bytes == 0 ? n == 0 : scalar[n - 1] == n_bytes);
    }
}

static void random_texts_are_cut_the_same_by_all_tiers(void **state)
{
    (void)state;
    static uint8_t text[MAX_TEXT];
    uint64_t seed = 0x9E3779B97F4A7C15;
    for (unsigned i = 0; i < 20000; i++) {
        size_t n_bytes = make_text(&seed, 1 + next_random(&seed) % 200, text);
        check_tiers(text, n_bytes, 4096);
    }
}

static void a_text_may_end_where_memory_ends(void **state)
{
    (void)state;
    uint8_t *pages =
        mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + 2 * 4096, 4096, PROT_NONE), 0);
    static uint8_t text[MAX_TEXT];
    uint64_t seed = 77;
    for (unsigned i = 0; i < 3000; i++) {
        size_t n_bytes = make_text(&seed, 1 + next_random(&seed) % 100, text);
        uint8_t *at = pages + 2 * 4096 - n_bytes;
        memcpy(at, text, n_bytes);
        check_tiers(at, n_bytes, 4096);
    }
    munmap(pages, 3 * 4096);
}

static void a_text_is_cut_the_same_behind_any_number_of_bytes(void **state)
{
    (void)state;
    static uint8_t text[MAX_TEXT], moved[2 * MAX_TEXT];
    uint64_t seed = 4711;
    for (unsigned i = 0; i < 60; i++) {
        size_t n_bytes = make_text(&seed, 150, text);
        for (unsigned offset = 0; offset < 64; offset++) {
            memset(moved, offset % 2 ? 'a' : '\n', offset);
            memcpy(moved + offset, text, n_bytes < MAX_TEXT - 64 ? n_bytes : MAX_TEXT - 64);
            check_tiers(moved, offset + (n_bytes < MAX_TEXT - 64 ? n_bytes : 0), 4096);
        }
    }
}

static void small_portions_are_the_same_pieces(void **state)
{
    (void)state;
    static uint8_t text[MAX_TEXT];
    uint64_t seed = 99;
    for (unsigned i = 0; i < 500; i++) {
        size_t n_bytes = make_text(&seed, 1500, text);
        check_tiers(text, n_bytes, GM_SPLIT_MIN_PIECES + i % 70);
    }
}

/* Runs of one kind, far longer than a window: pieces and their number are as with one loop over
 * them; that the time is linear shows in that it ends. */
static void long_runs_are_cut_as_by_the_scalar_tier(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static const char *const kinds[] = {"a",       "A",      "=",      " ",      "\n",
                                        "7",       "\u4E2D", "\u0301", "\u3000", "aB",
                                        "\u4E2DA", "\n ",    "'s",     "\n/",    "\U0001F600\u200D",
                                        "\u200B",  "!\u0301"};
    uint8_t *text = malloc(N + 16);
    uint32_t *scalar = malloc((N + 4096) * sizeof(*scalar)),
             *vector = malloc((N + 4096) * sizeof(*vector));
    assert_true(text != NULL && scalar != NULL && vector != NULL);
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        size_t n_bytes = 0, length = strlen(kinds[kind]);
        for (; n_bytes + length <= N; n_bytes += length)
            memcpy(text + n_bytes, kinds[kind], length);
        for (unsigned scheme = GM_SCHEME_GPT2; scheme < GM_SCHEME_BERT; scheme++) {
            size_t n = split(scheme, GM_TIER_SCALAR, text, n_bytes, scalar, 4096);
            assert_int_equal(scalar[n - 1], n_bytes);
            for (unsigned tier = 1; tier <= gm_split_best_tier(); tier++) {
                assert_int_equal(split(scheme, tier, text, n_bytes, vector, 4096), n);
                assert_memory_equal(scalar, vector, n * sizeof(scalar[0]));
            }
        }
    }
    free(text), free(scalar), free(vector);
}

/* Digests of all ends over 2,000 texts. With the same texts, Hugging Face tokenizers 0.23.2
 * (tiktoken 0.14.0 for its own rule) has given the same ends; so this stands for them where they
 * are not. */
static void pieces_are_those_that_the_references_gave(void **state)
{
    (void)state;
    static const uint64_t golden[GM_SCHEME_COUNT] = {
        [GM_SCHEME_GPT2] = 0x5EF950BBFF189F49,       [GM_SCHEME_CL100K] = 0xFF76595D8DB86594,
        [GM_SCHEME_CL100K_END] = 0xF3EA57D2B7570BA0, [GM_SCHEME_QWEN2] = 0xEEDFBDB8914561F7,
        [GM_SCHEME_QWEN35] = 0x93EF0ED86FB3A8B6,     [GM_SCHEME_O200K] = 0xB4EEB69785B17156,
        [GM_SCHEME_DEEPSEEK3] = 0x3F6E9D01C51F41A3,
    };
    static uint8_t text[MAX_TEXT];
    static uint32_t ends[MAX_TEXT + 4096];
    for (unsigned scheme = GM_SCHEME_GPT2; scheme < GM_SCHEME_BERT; scheme++) {
        uint64_t seed = 2026, sum = 0;
        for (unsigned i = 0; i < 2000; i++) {
            size_t n_bytes = make_text(&seed, 1 + next_random(&seed) % 60, text);
            size_t n = split(scheme, gm_split_best_tier(), text, n_bytes, ends, 4096);
            sum = gm_xxh64(ends, n * sizeof(ends[0]), sum);
        }
        assert_int_equal(golden[scheme], sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts_are_cut_the_same_by_all_tiers),
        cmocka_unit_test(a_text_may_end_where_memory_ends),
        cmocka_unit_test(a_text_is_cut_the_same_behind_any_number_of_bytes),
        cmocka_unit_test(small_portions_are_the_same_pieces),
        cmocka_unit_test(pieces_are_those_that_the_references_gave),
        cmocka_unit_test(long_runs_are_cut_as_by_the_scalar_tier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
