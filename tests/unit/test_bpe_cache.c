/* The cache, the cutting of long pieces and the methods of merging change no id: random
 * vocabularies and texts, encoded by a naive model, without a cache, with a tiny and a full one,
 * cold and warm, in pieces of any size. */
#include "naive_bpe.h"
#include "token_spec.h"
#include "tokenize/bpe_tables.h"
#include "tokenize/bpe_units.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_BYTES  3000u
#define MAX_PIECES 400u

static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

/* Characters of one to four bytes, two of each length sharing their first bytes. */
static const char *const characters[] = {"a",
                                         "b",
                                         " ",
                                         "=",
                                         "\xC3\xA9",
                                         "\xC3\xA8",
                                         "\xD0\xB6",
                                         "\xE4\xB8\xAD",
                                         "\xE4\xB8\xAE",
                                         "\xE3\x81\x82",
                                         "\xF0\x9F\x98\x80",
                                         "\xF0\x9F\x98\x81"};

static size_t random_text(uint8_t *text, size_t n_bytes, unsigned n_characters)
{
    size_t n = 0;
    for (;;) {
        const char *character = characters[random_below(n_characters)];
        size_t length = strlen(character);
        if (n + length > n_bytes)
            return n;
        memcpy(text + n, character, length);
        n += length;
        if (random_below(4) == 0 && n + 4 * length < n_bytes)
            for (int i = 0; i < 4; i++, n += length)
                memcpy(text + n, character, length);
    }
}

/* Ends at random places, in the middle of characters, too; some pieces are empty, some long. */
static size_t random_ends(uint32_t *ends, size_t n_bytes)
{
    size_t n = 0, at = 0;
    while (at < n_bytes && n < MAX_PIECES - 1) {
        unsigned kind = random_below(10);
        at += kind == 0 ? random_below(600) : kind < 3 ? random_below(80) : random_below(14);
        ends[n++] = (uint32_t)(at < n_bytes ? at : n_bytes);
    }
    ends[n++] = (uint32_t)n_bytes;
    return n;
}

static void add_from(struct gm_spec *spec, uint32_t left, uint32_t right)
{
    uint8_t both[64];
    struct gm_spec_text a = spec->tokens[left].text, b = spec->tokens[right].text;
    if (a.n_bytes + b.n_bytes > 20)
        return;
    memcpy(both, gm_spec_bytes(spec, a), a.n_bytes);
    memcpy(both + a.n_bytes, gm_spec_bytes(spec, b), b.n_bytes);
    uint32_t merged = token_spec_find(spec, both, a.n_bytes + b.n_bytes);
    if (merged == GM_NO_TOKEN)
        merged = token_spec_add(spec, both, a.n_bytes + b.n_bytes);
    if (spec->model == GM_MODEL_BPE)
        token_spec_merge_ids(spec, left, right, merged);
}

/* A vocabulary of bytes whose tokens come from the same characters as the texts, with parts of
 * characters among them, and tokens that merges do not make. */
static void random_spec(struct gm_spec *spec, enum gm_model_kind model, uint32_t flags)
{
    uint8_t text[64];
    token_spec_init(spec, model, flags | GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(spec);
    for (int i = 0; i < 150; i++) {
        size_t n_bytes = random_text(text, 8, GM_ARRAY_LEN(characters));
        size_t at = random_below((unsigned)n_bytes - 1);
        uint32_t left = token_spec_find(spec, text + at, 1);
        uint32_t right = token_spec_find(spec, text + at + 1, 1);
        add_from(spec, left, right);
        add_from(spec, random_below(spec->n_tokens), right);
        if (spec->n_tokens > 256)
            add_from(spec, 256 + random_below(spec->n_tokens - 256),
                     256 + random_below(spec->n_tokens - 256));
    }
    for (int i = 0; i < 10; i++) {
        size_t n_bytes = random_text(text, 2 + random_below(30), GM_ARRAY_LEN(characters));
        if (n_bytes > 0 && token_spec_find(spec, text, n_bytes) == GM_NO_TOKEN)
            token_spec_add(spec, text, n_bytes);
    }
}

static size_t naive_piece(const struct gm_spec *spec, const uint8_t *piece, size_t n, uint32_t *ids)
{
    uint32_t whole = naive_bpe_whole(spec, piece, n);
    if (whole != GM_NO_TOKEN) {
        ids[0] = whole;
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        ids[i] = piece[i];
    return naive_bpe_merge(spec, ids, n);
}

static size_t naive(const struct gm_spec *spec, const uint8_t *text, const uint32_t *ends,
                    size_t n_pieces, uint32_t *ids)
{
    size_t n = 0;
    uint32_t begin = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        n += naive_piece(spec, text + begin, ends[i] - begin, ids + n);
        begin = ends[i];
    }
    return n;
}

static const size_t cache_sizes[] = {0, 1, 1 << 16, 1 << 20, 8 << 20};

/* The ids must not leave the room that the contract gives them. */
static void check_text(struct gm_bpe_cache **caches, const struct gm_spec *spec,
                       const uint8_t *text, size_t n_bytes)
{
    static uint32_t expected[MAX_BYTES], got[MAX_BYTES + 1], ends[MAX_PIECES];
    size_t n_pieces = random_ends(ends, n_bytes);
    size_t n_expected = naive(spec, text, ends, n_pieces, expected);

    for (size_t i = 0; i < GM_ARRAY_LEN(cache_sizes); i++) {
        got[n_bytes] = 0xABCDEF;
        size_t n = gm_bpe_encode(caches[i], text, n_bytes, 0, ends, n_pieces, got);
        assert_int_equal(n, n_expected);
        assert_memory_equal(got, expected, n * sizeof *got);
        assert_int_equal(got[n_bytes], 0xABCDEF);
    }
}

static void check_spec(const struct gm_spec *spec, unsigned n_texts)
{
    static uint8_t text[MAX_BYTES];
    struct gm_bpe_cache *caches[GM_ARRAY_LEN(cache_sizes)];
    struct token_image made;

    token_image_make(&made, spec);
    for (size_t i = 0; i < GM_ARRAY_LEN(cache_sizes); i++)
        assert_non_null(caches[i] = gm_bpe_cache_new(gm_image_bpe(made.image), cache_sizes[i]));
    for (unsigned i = 0; i < n_texts; i++) {
        unsigned n_characters = 1 + random_below(GM_ARRAY_LEN(characters));
        size_t n_bytes = random_text(text, 1 + random_below(i % 8 ? 300 : MAX_BYTES), n_characters);
        if (i % 5 == 0 && n_bytes > 0) /* not UTF-8 */
            text[random_below((unsigned)n_bytes)] = (uint8_t)random_below(256);
        check_text(caches, spec, text, n_bytes);
        check_text(caches, spec, text, n_bytes);
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(cache_sizes); i++)
        gm_bpe_cache_free(caches[i]);
    token_image_free(&made);
}

static void listed_merges(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct gm_spec spec;
        random_spec(&spec, GM_MODEL_BPE, round % 2 ? GM_SPEC_IGNORE_MERGES : 0);
        check_spec(&spec, 30);
        token_spec_free(&spec);
    }
}

static void ranks(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        struct gm_spec spec;
        random_spec(&spec, GM_MODEL_RANKS, 0);
        check_spec(&spec, 30);
        token_spec_free(&spec);
    }
}

/* A piece that is a token, and the same bytes as a part of a longer piece, which is cut in front of
 * and behind them: not the same ids, whichever comes first. */
static void a_token_out_of_reach_of_merges(void **state)
{
    static const char text[] = "\xE4\xB8\xAD\xE4\xB8\xAD"
                               "xyz"
                               "\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD";
    struct gm_spec spec;
    struct token_image made;
    uint32_t ids[32], ends[] = {(uint32_t)strlen(text)};
    (void)state;
    token_spec_init(&spec, GM_MODEL_RANKS, 0);
    token_spec_add_bytes(&spec);
    uint32_t xyz = token_spec_add_text(&spec, "xyz");
    token_image_make(&made, &spec);
    for (int order = 0; order < 2; order++) {
        struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 1 << 20);
        for (int i = 0; i < 4; i++) {
            if ((i + order) % 2) {
                assert_int_equal(
                    gm_bpe_encode(cache, (const uint8_t *)"xyz", 3, 0, &(uint32_t){3}, 1, ids), 1);
                assert_int_equal(ids[0], xyz);
            } else {
                assert_int_equal(
                    gm_bpe_encode(cache, (const uint8_t *)text, ends[0], 0, ends, 1, ids), ends[0]);
                assert_int_equal(ids[6], 'x');
            }
        }
        gm_bpe_cache_free(cache);
    }
    token_image_free(&made);
    token_spec_free(&spec);
}

/* Two million words that have not been seen before, in a small cache. */
static void many_words_in_a_small_cache(void **state)
{
    struct gm_spec spec;
    struct token_image made;
    uint32_t ids[64], ends[64];
    uint8_t text[64];
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, 0);
    for (int c = '0'; c <= '9'; c++)
        token_spec_add(&spec, &(uint8_t){(uint8_t)c}, 1);
    token_spec_merge(&spec, "1", "0");
    token_image_make(&made, &spec);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 1 << 20);
    for (uint32_t i = 0; i < 2000000; i++) {
        uint32_t number = i, n_bytes = 1 + i % 20;
        for (uint32_t k = 0; k < n_bytes; k++, number = number / 10 + 7)
            text[k] = (uint8_t)('0' + number % 10);
        ends[0] = n_bytes;
        size_t n = gm_bpe_encode(cache, text, n_bytes, 0, ends, 1, ids), expected = n_bytes;
        for (uint32_t k = 1; k < n_bytes; k++)
            expected -= text[k - 1] == '1' && text[k] == '0';
        assert_int_equal(n, expected);
    }
    gm_bpe_cache_free(cache);
    token_image_free(&made);
    token_spec_free(&spec);
}

/* Text that ends where readable memory ends. */
static void nothing_is_read_behind_the_text(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *memory =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct gm_spec spec;
    struct token_image made;
    uint32_t ids[300], ends[300];
    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + page, page, PROT_NONE), 0);
    random_spec(&spec, GM_MODEL_RANKS, 0);
    token_image_make(&made, &spec);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 1 << 20);
    for (size_t n_bytes = 1; n_bytes < 300; n_bytes++) {
        uint8_t *text = memory + page - n_bytes;
        memset(text, 'a', n_bytes);
        memcpy(text, "\xE4\xB8\xAD\xE4", n_bytes < 4 ? n_bytes : 4);
        text[n_bytes - 1] = n_bytes % 3 ? 0xE4 : 'b';
        for (size_t size = 1; size < 40; size++) {
            size_t n = 0;
            for (size_t at = 0; at < n_bytes;)
                ends[n++] = (uint32_t)(at = at + size < n_bytes ? at + size : n_bytes);
            assert_true(gm_bpe_encode(cache, text, n_bytes, 0, ends, n, ids) <= n_bytes);
        }
        ends[0] = (uint32_t)n_bytes;
        assert_true(gm_bpe_encode(cache, text, n_bytes, 0, ends, 1, ids) <= n_bytes);
    }
    gm_bpe_cache_free(cache);
    token_image_free(&made);
    token_spec_free(&spec);
    munmap(memory, 2 * page);
}

/* Room for an id for each byte, and no memory behind it; windows of units end everywhere, empty
 * pieces follow. */
static void nothing_is_written_behind_the_ids(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *memory =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct gm_spec spec;
    struct token_image made;
    uint32_t ends[400];
    uint8_t text[400];
    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + page, page, PROT_NONE), 0);
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(&spec);
    token_image_make(&made, &spec);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 1 << 20);
    memset(text, 'x', sizeof text);
    for (uint32_t n_bytes = 1; n_bytes < 300; n_bytes++)
        for (uint32_t size = 1; size < 6; size++) {
            uint32_t *ids = (uint32_t *)(void *)(memory + page) - n_bytes;
            size_t n = 0;
            for (uint32_t at = 0; at < n_bytes;)
                ends[n++] = at = at + size < n_bytes ? at + size : n_bytes;
            for (uint32_t i = 0; i < size; i++)
                ends[n++] = n_bytes;
            for (int pass = 0; pass < 2; pass++)
                assert_int_equal(gm_bpe_encode(cache, text, sizeof text, 0, ends, n, ids), n_bytes);
        }
    gm_bpe_cache_free(cache);
    token_image_free(&made);
    token_spec_free(&spec);
    munmap(memory, 2 * page);
}

/* Long units have no entry of their own to count. */
static void only_short_words_are_counted(void **state)
{
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct gm_spec spec;
    struct token_image made;
    uint32_t ids[sizeof text], ends[] = {20, sizeof text - 1};
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(&spec);
    token_image_make(&made, &spec);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 1 << 20);
    for (unsigned i = 0; i < 2 * GM_UNITS_COUNTED; i++)
        assert_int_equal(
            gm_bpe_encode(cache, (const uint8_t *)text, sizeof text - 1, 0, ends, 2, ids), 40);
    assert_int_equal(cache->words.words->ids[0].ids[2] >> GM_WORD_SCORE_SHIFT, 0);
    gm_bpe_cache_free(cache);
    token_image_free(&made);
    token_spec_free(&spec);
}

/* A vocabulary in which each pair of neighbours of a row merges, the ones further right first. A
 * byte without a token keeps the image from having cuts. */
static void row_spec(struct gm_spec *spec, uint8_t n_row)
{
    token_spec_init(spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    for (unsigned byte = 0; byte < 255; byte++)
        token_spec_add(spec, &(uint8_t){(uint8_t)byte}, 1);
    for (uint8_t i = n_row - 1; i > 0; i--)
        token_spec_merge_ids(spec, i - 1u, i, token_spec_add(spec, (uint8_t[]){i - 1u, i}, 2));
}

static size_t rows(uint8_t *text, size_t n_front, uint8_t n_row)
{
    const size_t n_bytes = 1500;
    memset(text, 0xFE, n_bytes);
    for (size_t at = n_front; at + n_row + 200 < n_bytes; at += n_row + 100u)
        for (uint8_t i = 0; i < n_row; i++)
            text[at + i] = i;
    return n_bytes;
}

/* Only its right end decides about a row. A window that ends inside of it takes the wrong pairs,
 * and the next one may agree, so that what was written is found wrong where the row ends. Whether
 * it comes to that is decided by where the row begins: the longer ones have some such places each.
 */
static void rows_that_windows_agree_on_wrongly(void **state)
{
    static uint8_t text[MAX_BYTES];
    static uint32_t expected[MAX_BYTES], got[MAX_BYTES];
    static const uint8_t lengths[] = {140, 155, 247, 249, 251, 253};
    (void)state;
    for (unsigned i = 0; i < GM_ARRAY_LEN(lengths); i++) {
        struct gm_spec spec;
        struct token_image made;
        row_spec(&spec, lengths[i]);
        token_image_make(&made, &spec);
        struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 0);
        for (unsigned front = 60; front < 124; front++) {
            uint32_t n_bytes = (uint32_t)rows(text, front, lengths[i]);
            size_t n_expected = naive_piece(&spec, text, n_bytes, expected);
            assert_int_equal(gm_bpe_encode(cache, text, n_bytes, 0, &n_bytes, 1, got), n_expected);
            assert_memory_equal(got, expected, n_expected * sizeof *got);
        }
        gm_bpe_cache_free(cache);
        token_image_free(&made);
        token_spec_free(&spec);
    }
}

/* A letter with a byte behind it that belongs to no character is one neighbour, and looks like a
 * letter where 64 bytes end between the two. */
static void cuts_beside_a_stray_byte(void **state)
{
    static const uint8_t word[] = {'a', 0x80, 'b'};
    uint8_t text[200];
    uint32_t expected[sizeof text], got[sizeof text], n_bytes = sizeof text;
    struct gm_spec spec;
    struct token_image made;
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(&spec);
    token_spec_merge(&spec, "a", "\x80");
    token_spec_merge(&spec, "a\x80", "b");
    token_image_make(&made, &spec);
    assert_non_null(gm_image_bpe(made.image)->cuts);
    struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(made.image), 0);
    for (size_t at = 0; at + sizeof word <= sizeof text; at++) {
        memset(text, ' ', sizeof text);
        memcpy(text + at, word, sizeof word);
        size_t n_expected = naive_piece(&spec, text, n_bytes, expected);
        assert_int_equal(gm_bpe_encode(cache, text, n_bytes, 0, &n_bytes, 1, got), n_expected);
        assert_memory_equal(got, expected, n_expected * sizeof *got);
    }
    gm_bpe_cache_free(cache);
    token_image_free(&made);
    token_spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_merges),
        cmocka_unit_test(ranks),
        cmocka_unit_test(a_token_out_of_reach_of_merges),
        cmocka_unit_test(many_words_in_a_small_cache),
        cmocka_unit_test(nothing_is_read_behind_the_text),
        cmocka_unit_test(nothing_is_written_behind_the_ids),
        cmocka_unit_test(only_short_words_are_counted),
        cmocka_unit_test(rows_that_windows_agree_on_wrongly),
        cmocka_unit_test(cuts_beside_a_stray_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
