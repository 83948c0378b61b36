/* The quick road for one string of a JSON line: whatever it accepts, the real parser accepts too,
 * with the same string; it accepts what corpora hold; it reads no byte outside of the text. */
#include "json/quick.h"

#include "json/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

enum { MOST = 4096 };

static enum gm_json_tier tier;
static struct gm_json_parser *parser;
static uint8_t *page_end; /* the next byte is not mapped */

static int set_up(void **state)
{
    (void)state;
    long page = sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 3 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + 2 * page, (size_t)page, PROT_NONE) != 0)
        return 1;
    page_end = pages + 2 * page;
    parser = gm_json_parser_new(1 << 20, GM_JSON_DEFAULT_DEPTH);
    return parser == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    gm_json_parser_free(parser);
    return 0;
}

/* The raw value of the only field "id" if it is a number or a string without escapes. */
static void check_id(const struct gm_json_quick *quick)
{
    struct gm_json_field field;
    unsigned n_found = 0;
    gm_json_rewind(parser);
    while (gm_json_next(parser, &field)) {
        if (field.key_bytes != 2 || memcmp(field.key, "id", 2) != 0)
            continue;
        n_found++;
        bool is_string = field.value.kind == GM_JSON_STRING;
        bool is_number = field.value.kind == GM_JSON_U64 || field.value.kind == GM_JSON_I64 ||
                         field.value.kind == GM_JSON_F64;
        assert_int_equal(quick->id != NULL, is_string || is_number);
        if (!quick->id)
            continue;
        const char *wanted = is_string ? field.value.text : (const char *)field.raw;
        assert_int_equal(quick->id_bytes, is_string ? field.value.n_bytes : field.raw_bytes);
        assert_memory_equal(quick->id, wanted, quick->id_bytes);
    }
    assert_true(n_found <= 1 && (n_found == 1 || !quick->id));
}

/* The other fields as the parser appends them. */
static void check_others(const struct gm_json_quick *quick)
{
    static const char *const taken[] = {"text", "id", NULL};
    struct gm_buf others = GM_BUF_INIT;
    assert_int_equal(gm_json_append_others(parser, taken, &others), quick->n_others);
    if (quick->n_others > 0) {
        assert_int_equal(others.n_bytes, quick->others->n_bytes);
        assert_memory_equal(others.data, quick->others->data, others.n_bytes);
    }
    gm_buf_free(&others);
}

/* Whether the quick road took it; then the parser must say the same. */
static bool agrees(const char *text, size_t n_bytes)
{
    static uint8_t decoded[MOST + GM_JSON_QUICK_SLACK];
    static struct gm_buf others = GM_BUF_INIT;
    gm_buf_clear(&others);
    struct gm_json_quick quick = {
        .tier = tier, .field = "text", .id_field = "id", .others = &others};
    struct gm_err err;
    struct gm_json_value wanted;
    assert_true(n_bytes <= MOST);
    uint8_t *at = page_end - n_bytes;
    memcpy(at, text, n_bytes);
    if (!gm_json_quick_string(&quick, at, n_bytes, decoded))
        return false;
    if (gm_json_parse(parser, (const uint8_t *)text, n_bytes, 0, &err) != GM_OK)
        fail_msg("accepted %.*s, but %s", (int)n_bytes, text, err.text);
    if (gm_json_get(parser, "text", &wanted) != GM_JSON_STRING ||
        wanted.n_bytes != quick.value_bytes ||
        memcmp(wanted.text, quick.value, quick.value_bytes) != 0)
        fail_msg("%.*s: another string", (int)n_bytes, text);
    check_id(&quick);
    check_others(&quick);
    return true;
}

static void lines_of_corpora_are_taken(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"text\":\"\"}",
        "{\"text\": \"plain\"}",
        " { \"text\" : \"a\\nb\\\\\\\"\\/\\b\\f\\r\\t\" } \r",
        "{\"id\":17,\"text\":\"x\",\"a\":-0.25,\"b\":true,\"c\":false,\"d\":null}",
        "{\"url\":\"a\\u0041\",\"text\":\"x\"}",
        "{\"text\":\"\\u00e4\\u20ac\\ud83d\\ude00\\u0000\"}",
        "{\"text\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}",
        "{\"id\":\"a-1\",\"text\":\"x\",\"\x7f\":\"\xc3\xa4\\u00e4\\\\\"}",
        "{\"text\":\"x\",\"id\":null,\"a\":1,\"a\":2,\"\":0.5e-7,\"b\":-1E+10}",
        "{\"id\":[1],\"text\":\"x\",\"meta\":{ \"url\" : \"a b\", \"n\" : [ 1 , {} , [ ] ] } }",
        "{\"id\": -5 ,\"a\":[[[[[[[1]]]]]]],\"text\":\"x\"}",
        "{\"text\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!agrees(lines[i], strlen(lines[i])))
            fail_msg("not taken: %s", lines[i]);
}

static void what_it_cannot_judge_is_left(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "{",
                                        "{}",
                                        "[]",
                                        "{\"text\":1}",
                                        "{\"text\":\"x\"",
                                        "{\"text\":\"x\"}x",
                                        "{\"text\":\"x\",}",
                                        "{\"text\":\"x\"}{}",
                                        "{\"text\":\"x\",\"text\":\"y\"}",
                                        "{\"te\\u0078t\":\"x\"}",
                                        "{\"text\":\"\x01\"}",
                                        "{\"text\":\"a\nb\"}",
                                        "{\"text\":\"\\x\"}",
                                        "{\"text\":\"\\ud800\"}",
                                        "{\"text\":\"\\ud800\\u0041\"}",
                                        "{\"text\":\"\\udc00\"}",
                                        "{\"text\":\"\\u12g4\"}",
                                        "{\"text\":\"\\",
                                        "{\"text\":\"\\u",
                                        "{\"text\":\"\xff\"}",
                                        "{\"text\":\"\xed\xa0\x80\"}",
                                        "{\"a\":\"\xc0\x80\",\"text\":\"x\"}",
                                        "{\"a\":01,\"text\":\"x\"}",
                                        "{\"a\":-,\"text\":\"x\"}",
                                        "{\"a\":1.,\"text\":\"x\"}",
                                        "{\"a\":nul,\"text\":\"x\"}",
                                        "{\"a\":[[[[[[[[1]]]]]]]],\"text\":\"x\"}",
                                        "{\"a\":{1},\"text\":\"x\"}",
                                        "{\"a\":[1,],\"text\":\"x\"}",
                                        "{\"a\":{\"b\":1],\"text\":\"x\"}",
                                        "{\"a\":1e400,\"text\":\"x\"}",
                                        "{\"a\":1e,\"text\":\"x\"}",
                                        "{\"id\":1,\"id\":2,\"text\":\"x\"}",
                                        "{\"id\":\"\\n\",\"text\":\"x\"}",
                                        "{\"a\":99999999999999999999,\"text\":\"x\"}",
                                        "{\"a\" \"b\",\"text\":\"x\"}",
                                        "{\"text\":\"x\" \"y\"}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (agrees(lines[i], strlen(lines[i])))
            fail_msg("taken: %s", lines[i]);
}

/* Every special character at every place of the 64-byte steps, and cut off at every place. */
static void escapes_at_every_offset(void **state)
{
    (void)state;
    static const char *const specials[] = {"\\n",        "\\\\",         "\\\"",
                                           "\\\\\\\"",   "\\u0041",      "\\ud83d\\ude00",
                                           "\\u20ac\\t", "\xe2\x82\xac", "\\n\\n\\n\\n\\n\\n"};
    char line[512];
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        for (int before = 0; before < 140; before++)
            for (int after = 0; after < 70; after += 23) {
                int n = snprintf(line, sizeof line, "{\"text\":\"%.*s%s%.*s\"}", before,
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaa",
                                 specials[i], after,
                                 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                 "bbbbbbbbbbbbbbb");
                if (!agrees(line, (size_t)n))
                    fail_msg("not taken: %s", line);
                for (size_t cut = (size_t)n - 40 < (size_t)n ? (size_t)n - 40 : 0; cut < (size_t)n;
                     cut++)
                    if (n > 40 && agrees(line, cut))
                        fail_msg("taken: %.*s", (int)cut, line);
            }
}

static void random_changes_never_make_it_wrong(void **state)
{
    (void)state;
    static const char alphabet[] =
        "\"\\{}[],:ntu0dD8x \t\n\r\x01\x7f\xc3\xa4\xf0\x9f\x98\x80\xed\xa0-.e/";
    static const char base[] =
        "{\"id\": 12, \"text\": \"The \\\"quick\\\" brown\\nfox \\u00e4\\ud83d\\ude00 jumps over "
        "the lazy dog \xc3\xa4\xe2\x82\xac and then some more text follows here\", \"x\": "
        "\"y\\\\\", \"f\": -1.5, \"m\": {\"k\": [1, \"z\"], \"e\": 2e5}}";
    char line[sizeof base + 64];
    unsigned seed = 3, n_taken = 0;
    for (int round = 0; round < 200000; round++) {
        size_t n = sizeof base - 1;
        memcpy(line, base, n);
        for (int changes = rand_r(&seed) % 4; changes > 0; changes--) {
            size_t at = (size_t)rand_r(&seed) % n;
            char c = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
            switch (rand_r(&seed) % 3) {
            case 0:
                line[at] = c;
                break;
            case 1:
                memmove(line + at + 1, line + at, n - at);
                line[at] = c;
                n++;
                break;
            default:
                memmove(line + at, line + at + 1, n - at - 1);
                n--;
            }
        }
        n_taken += agrees(line, n);
    }
    assert_true(n_taken > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_corpora_are_taken),
        cmocka_unit_test(what_it_cannot_judge_is_left),
        cmocka_unit_test(escapes_at_every_offset),
        cmocka_unit_test(random_changes_never_make_it_wrong),
    };
    int n_failed = 0;
    for (tier = GM_JSON_PLAIN; tier <= gm_json_best_tier(); tier++)
        n_failed += cmocka_run_group_tests(tests, set_up, tear_down);
    return n_failed;
}
