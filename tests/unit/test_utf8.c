/* The validator against one that follows the definition: gather the bits, then ask whether the
 * code point is a scalar value and whether the form was the shortest. All strings of one to three
 * bytes are tried, alone and inside longer text, where the wide code is at work. */
#include "base/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 160

static size_t length_by_first_byte(uint8_t byte)
{
    if (byte < 0x80)
        return 1;
    if ((byte & 0xE0) == 0xC0)
        return 2;
    if ((byte & 0xF0) == 0xE0)
        return 3;
    return (byte & 0xF8) == 0xF0 ? 4 : 0;
}

/* Length of the code point at text, 0 if it is ill-formed. */
static size_t slow_length(const uint8_t *text, size_t n_bytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = length_by_first_byte(text[0]);
    if (length == 0 || length > n_bytes)
        return 0;
    if (length == 1)
        return 1;
    uint32_t code_point = text[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code_point = code_point << 6 | (text[i] & 0x3Fu);
    }
    bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    return code_point < smallest[length] || code_point > 0x10FFFF || surrogate ? 0 : length;
}

static size_t slow_prefix(const uint8_t *text, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes) {
        size_t length = slow_length(text + i, n_bytes - i);
        if (length == 0)
            break;
        i += length;
    }
    return i;
}

/* Length of the longest beginning of text that some bytes could make well-formed; at least 1. */
static bool can_be_completed(const uint8_t *text, size_t n_bytes)
{
    static const uint8_t tails[] = {0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF};
    uint8_t trial[4];
    size_t length = length_by_first_byte(text[0]);
    if (n_bytes >= length)
        return false;
    for (unsigned k = 0; k < 216; k++) {
        memcpy(trial, text, n_bytes);
        for (size_t i = n_bytes, rest = k; i < length; i++, rest /= 6)
            trial[i] = tails[rest % 6];
        if (slow_length(trial, length))
            return true;
    }
    return false;
}

static size_t slow_bad_length(const uint8_t *text, size_t n_bytes)
{
    size_t length = 1;
    while (length < n_bytes && length < 3 && can_be_completed(text, length + 1))
        length++;
    return length;
}

static void check(const uint8_t *text, size_t n_bytes)
{
    size_t expected = slow_prefix(text, n_bytes);
    size_t found = gm_utf8_valid_prefix(text, n_bytes);
    if (found != expected) {
        print_error("first of %zu bytes: %02x %02x %02x\n", n_bytes, text[0], text[1], text[2]);
        assert_int_equal(found, expected);
    }
}

static void valid_prefix_of_all_short_strings(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        uint8_t text[3] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16)};
        size_t n_bytes = bits < 1u << 8 ? 1 : bits < 1u << 16 ? 2 : 3;
        check(text, n_bytes);
    }
}

/* Puts three bytes into text whose valid neighbours are n_unit bytes long each; compares only
 * around the place, so that sixteen million of them take a second. */
static void check_inside(uint8_t *text, const char *unit, uint32_t bits)
{
    size_t n_unit = strlen(unit);
    size_t at = n_unit * (6 + bits % 50);
    uint8_t three[3] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16)};
    uint8_t saved[3];
    memcpy(saved, text + at, 3);
    memcpy(text + at, three, 3);
    size_t expected = at + slow_prefix(text + at, 8);
    /* What follows is valid again only where the three bytes end on a border. */
    if (expected >= at + 5)
        expected = at + slow_prefix(text + at, TEXT_BYTES - at);
    assert_int_equal(gm_utf8_valid_prefix(text, TEXT_BYTES), expected);
    memcpy(text + at, saved, 3);
}

static void valid_prefix_of_three_bytes_inside_text(void **state)
{
    static const char *const units[] = {"a", "\xC3\xA9"};
    (void)state;
    for (size_t u = 0; u < 2; u++) {
        uint8_t text[TEXT_BYTES];
        for (size_t i = 0; i < TEXT_BYTES; i++)
            text[i] = (uint8_t)units[u][i % strlen(units[u])];
        for (uint32_t bits = 0; bits < 1u << 24; bits += u ? 3 : 1)
            check_inside(text, units[u], bits);
    }
}

static void valid_prefix_of_four_byte_forms(void **state)
{
    static const uint8_t edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                    0xA0, 0xBF, 0xC0, 0xF0, 0xFF};
    uint8_t text[TEXT_BYTES + 8];
    (void)state;
    memset(text, 'x', sizeof text);
    for (unsigned first = 0xE0; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            for (unsigned k = 0; k < sizeof edges * sizeof edges; k++) {
                size_t at = (first + second * 7 + k) % 140;
                uint8_t four[4] = {(uint8_t)first, (uint8_t)second, edges[k / sizeof edges],
                                   edges[k % sizeof edges]};
                check(four, 4);
                memcpy(text + at, four, 4);
                size_t expected = at + slow_prefix(text + at, TEXT_BYTES - at);
                assert_int_equal(gm_utf8_valid_prefix(text, TEXT_BYTES), expected);
                memset(text + at, 'x', 4);
            }
        }
    }
}

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static uint32_t random_scalar(uint64_t *seed)
{
    static const uint32_t limits[] = {0x80, 0x80, 0x800, 0x10000, 0x110000};
    uint32_t code_point = next_random(seed) % limits[next_random(seed) % 5];
    return code_point >= 0xD800 && code_point <= 0xDFFF ? 'z' : code_point;
}

static size_t random_text(uint8_t *text, size_t n_max, uint64_t *seed)
{
    size_t n = 0;
    while (n + 4 <= n_max)
        n += gm_utf8_encode(random_scalar(seed), text + n);
    return n;
}

static void ascii_prefix_ends_at_the_first_other_byte(void **state)
{
    (void)state;
    for (size_t n_bytes = 0; n_bytes < 200; n_bytes++) {
        uint8_t *text = malloc(n_bytes + 1); /* of the exact size, as below */
        assert_non_null(text);
        memset(text + 1, 0x7F, n_bytes);
        assert_int_equal(gm_ascii_prefix(text + 1, n_bytes), n_bytes);
        for (size_t at = 0; at < n_bytes; at++) {
            text[1 + at] = 0x80;
            assert_int_equal(gm_ascii_prefix(text + 1, n_bytes), at);
            text[1 + at] = 0;
        }
        free(text);
    }
}

static void valid_prefix_at_every_length_and_alignment(void **state)
{
    uint8_t text[512];
    uint64_t seed = 1;
    (void)state;
    for (int round = 0; round < 20; round++) {
        size_t n_text = random_text(text, sizeof text, &seed);
        for (size_t first = 0; first < 40; first++) {
            if ((text[first] & 0xC0) == 0x80)
                continue;
            for (size_t end = first; end <= n_text; end++) {
                /* A copy of the exact size lets the address sanitizer see any byte too many. */
                uint8_t *copy = malloc(end - first + 1);
                assert_non_null(copy);
                memcpy(copy + 1, text + first, end - first);
                assert_int_equal(gm_utf8_valid_prefix(copy + 1, end - first),
                                 slow_prefix(copy + 1, end - first));
                free(copy);
            }
        }
    }
}

static void valid_prefix_of_damaged_text(void **state)
{
    uint8_t text[400];
    uint64_t seed = 7;
    (void)state;
    for (int round = 0; round < 200000; round++) {
        size_t n_text = random_text(text, sizeof text - next_random(&seed) % 300, &seed);
        text[next_random(&seed) % n_text] = (uint8_t)next_random(&seed);
        assert_int_equal(gm_utf8_valid_prefix(text, n_text), slow_prefix(text, n_text));
    }
}

static void bad_length_is_the_maximal_subpart(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits += 5) {
        uint8_t text[4] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits,
                           (uint8_t)(bits * 37)};
        for (size_t n_bytes = 1; n_bytes <= 4; n_bytes++) {
            if (slow_length(text, n_bytes) == 0)
                assert_int_equal(gm_utf8_bad_length(text, n_bytes), slow_bad_length(text, n_bytes));
        }
    }
}

static void encode_and_decode_are_inverse(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point < 0x110000; code_point++) {
        uint8_t text[4];
        size_t length = 0;
        if (code_point >= 0xD800 && code_point <= 0xDFFF)
            continue;
        size_t n_bytes = gm_utf8_encode(code_point, text);
        assert_int_equal(slow_length(text, n_bytes), n_bytes);
        assert_int_equal(gm_utf8_decode(text, &length), code_point);
        assert_int_equal(length, n_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_prefix_of_all_short_strings),
        cmocka_unit_test(valid_prefix_of_three_bytes_inside_text),
        cmocka_unit_test(valid_prefix_of_four_byte_forms),
        cmocka_unit_test(ascii_prefix_ends_at_the_first_other_byte),
        cmocka_unit_test(valid_prefix_at_every_length_and_alignment),
        cmocka_unit_test(valid_prefix_of_damaged_text),
        cmocka_unit_test(bad_length_is_the_maximal_subpart),
        cmocka_unit_test(encode_and_decode_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
