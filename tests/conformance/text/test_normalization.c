/* NFC and NFKC against Unicode's NormalizationTest.txt: every line, every column, and every code
 * point that the file does not list, which must stay as it is. Then against utf8proc itself on
 * texts put together from the file's, so that knots meet in every way. */
#include "text/nform.h"
#include "text/uniprop.h"
#include "base/utf8.h"
#include "ucd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <utf8proc.h>

#define TEST_FILE "NormalizationTest.txt.bz2"
#define N_COLUMNS 5

struct text {
    uint8_t bytes[512];
    size_t n_bytes;
};

static struct gm_nformer nformer;
static uint8_t listed[0x110000 / 8];
static struct text *sources; /* first column of every line */
static size_t n_sources;

static bool is_normalised_to(enum gm_nform form, const struct text *from, const struct text *to)
{
    struct gm_buf out = GM_BUF_INIT;
    assert_int_equal(gm_nform_append(&nformer, form, from->bytes, from->n_bytes, &out, NULL),
                     GM_OK);
    const bool is_same =
        out.n_bytes == to->n_bytes && memcmp(out.data, to->bytes, to->n_bytes) == 0;
    gm_buf_free(&out);
    return is_same;
}

static void parse(const char *line, struct text columns[N_COLUMNS])
{
    static uint8_t scratch[UCD_LINE_BYTES];
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        const char *end = strchr(line, ';');
        assert_non_null(end);
        columns[i].n_bytes = ucd_encode(line, end, scratch);
        assert_true(columns[i].n_bytes <= sizeof columns[i].bytes);
        memcpy(columns[i].bytes, scratch, columns[i].n_bytes);
        line = end + 1;
    }
}

static unsigned count_failures(const struct text columns[N_COLUMNS])
{
    unsigned n_failed = 0;
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        const unsigned nfc = i < 3 ? 1 : 3; /* the column that NFC of this one must give */
        n_failed += !is_normalised_to(GM_NFORM_NFC, &columns[i], &columns[nfc]);
        n_failed += !is_normalised_to(GM_NFORM_NFKC, &columns[i], &columns[3]);
    }
    return n_failed;
}

static void every_line_is_normalised_as_it_says(void **state)
{
    (void)state;
    static char line[UCD_LINE_BYTES];
    unsigned n_tested = 0, n_failed = 0, part = 0;
    FILE *file = ucd_open(TEST_FILE);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '@')
            part = (unsigned)strtoul(line + 5, NULL, 10);
        if (line[0] == '@' || line[0] == '#' || line[0] == '\n')
            continue;
        struct text columns[N_COLUMNS];
        parse(line, columns);
        const unsigned n = count_failures(columns);
        if (n > 0)
            print_message("%u failures: %s", n, line);
        n_failed += n;
        n_tested++;
        if (part == 1) {
            size_t pos = 0;
            const uint32_t code_point = gm_uni_next(columns[0].bytes, &pos);
            listed[code_point / 8] |= (uint8_t)(1 << code_point % 8);
        }
        sources = realloc(sources, (n_sources + 1) * sizeof *sources);
        sources[n_sources++] = columns[0];
    }
    ucd_close(file, TEST_FILE);
    print_message("%s: %u lines, %u failures\n", TEST_FILE, n_tested, n_failed);
    assert_true(n_tested > 18000);
    assert_int_equal(n_failed, 0);
}

static void unlisted_code_points_stay(void **state)
{
    (void)state;
    unsigned n_failed = 0;
    for (uint32_t code_point = 0; code_point < 0x110000; code_point++) {
        if (listed[code_point / 8] >> code_point % 8 & 1 || code_point - 0xD800 < 0x800)
            continue;
        struct text text;
        text.n_bytes = gm_utf8_encode(code_point, text.bytes);
        n_failed += !is_normalised_to(GM_NFORM_NFC, &text, &text);
        n_failed += !is_normalised_to(GM_NFORM_NFKC, &text, &text);
    }
    assert_int_equal(n_failed, 0);
}

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static void check_joined(const uint8_t *text, size_t n_bytes, enum gm_nform form)
{
    uint8_t *wanted = NULL;
    const utf8proc_option_t options =
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | (form == GM_NFORM_NFKC ? UTF8PROC_COMPAT : 0);
    const utf8proc_ssize_t n_wanted =
        utf8proc_map(text, (utf8proc_ssize_t)n_bytes, &wanted, options);
    assert_true(n_wanted >= 0);
    struct gm_buf out = GM_BUF_INIT;
    assert_int_equal(gm_nform_append(&nformer, form, text, n_bytes, &out, NULL), GM_OK);
    assert_int_equal(out.n_bytes, n_wanted);
    assert_memory_equal(out.data, wanted, out.n_bytes);
    const size_t n_prefix = gm_nform_prefix(form, text, n_bytes);
    assert_memory_equal(text, out.data, n_prefix);
    struct gm_buf again = GM_BUF_INIT;
    assert_int_equal(gm_nform_append(&nformer, form, out.data, out.n_bytes, &again, NULL), GM_OK);
    assert_int_equal(again.n_bytes, out.n_bytes);
    assert_memory_equal(again.data, out.data, out.n_bytes);
    gm_buf_free(&again);
    gm_buf_free(&out);
    free(wanted);
}

static void joined_texts_are_normalised_as_utf8proc_does(void **state)
{
    (void)state;
    static uint8_t text[1 << 16];
    uint64_t seed = 3;
    for (unsigned round = 0; round < 3000; round++) {
        const unsigned n_pieces = round % 100 == 0 ? 2000 : 1 + next_random(&seed) % 20;
        size_t n_bytes = 0;
        for (unsigned i = 0; i < n_pieces; i++) {
            const struct text *piece = &sources[next_random(&seed) % n_sources];
            if (next_random(&seed) % 4 == 0)
                text[n_bytes++] = "a e\n"[next_random(&seed) % 4];
            if (n_bytes + piece->n_bytes + 1 >= sizeof text)
                break;
            memcpy(text + n_bytes, piece->bytes, piece->n_bytes);
            n_bytes += piece->n_bytes;
        }
        check_joined(text, n_bytes, round % 2 ? GM_NFORM_NFC : GM_NFORM_NFKC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_normalised_as_it_says),
        cmocka_unit_test(unlisted_code_points_stay),
        cmocka_unit_test(joined_texts_are_normalised_as_utf8proc_does),
    };
    gm_nformer_init(&nformer);
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    gm_nformer_fini(&nformer);
    free(sources);
    return n_failed;
}
