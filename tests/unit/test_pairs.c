/* The scan for pairs of bytes finds what a plain search finds, at every place and near every end.
 */
#include "tokenize/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct pair {
    uint8_t first;
    int second; /* < 0: any, or the end */
};

static size_t plain_find(const struct pair *set, size_t n_set, const uint8_t *text, size_t from,
                         size_t n_bytes)
{
    for (size_t i = from; i < n_bytes; i++) {
        for (size_t k = 0; k < n_set; k++) {
            if (text[i] != set[k].first)
                continue;
            if (set[k].second < 0 || (i + 1 < n_bytes && text[i + 1] == set[k].second))
                return i;
        }
    }
    return n_bytes;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* All matches in exact copies of random texts over few letters, so that matches are frequent. */
static void compare(const struct pair *set, size_t n_set, const char *letters, uint32_t seed)
{
    struct gm_pairs pairs;
    gm_pairs_init(&pairs);
    for (size_t k = 0; k < n_set; k++)
        gm_pairs_add(&pairs, set[k].first, set[k].second);
    for (size_t n = 0; n < 400; n++) {
        uint8_t *text = malloc(n ? n : 1);
        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
            text[i] = (uint8_t)letters[next_random(&seed) % strlen(letters)];
        for (size_t from = 0; from <= n;) {
            size_t found = gm_pairs_find(&pairs, text, from, n);
            assert_int_equal(found, plain_find(set, n_set, text, from, n));
            from = found + 1;
        }
        free(text);
    }
}

static void pairs_are_found_where_they_stand(void **state)
{
    (void)state;
    static const struct pair few[] = {{'<', '|'}, {'<', 's'}, {'[', 'X'}};
    static const struct pair with_any[] = {{'\n', '\n'}, {0xE2, 0x96}, {'\t', -1}};
    compare(few, 3, "<|sX[abcdefghijklmnopq", 1);
    compare(few, 3, "abcdefghijklmnopqrstuvwxyz <", 2);
    compare(with_any, 3, "\n\t\xE2\x96xyz", 3);
    compare(with_any, 3, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\n", 4);
}

static void more_first_bytes_than_groups(void **state)
{
    (void)state;
    struct pair many[200];
    for (unsigned i = 0; i < 200; i++)
        many[i] = (struct pair){(uint8_t)(i + 40), (int)(255 - i)};
    compare(many, 200, "0123456789\x80\x90\xA0\xB0\xC0\xD0\xE0\xF0", 5);
}

static void empty_set_and_empty_text(void **state)
{
    (void)state;
    struct gm_pairs pairs;
    gm_pairs_init(&pairs);
    assert_int_equal(gm_pairs_find(&pairs, (const uint8_t *)"abc", 0, 3), 3);
    gm_pairs_add(&pairs, 'a', -1);
    assert_int_equal(gm_pairs_find(&pairs, NULL, 0, 0), 0);
    assert_int_equal(gm_pairs_find(&pairs, (const uint8_t *)"xa", 0, 2), 1);
    assert_int_equal(gm_pairs_find(&pairs, (const uint8_t *)"xa", 5, 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_found_where_they_stand),
        cmocka_unit_test(more_first_bytes_than_groups),
        cmocka_unit_test(empty_set_and_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
