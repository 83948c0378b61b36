/* The table of names that loading fills: short names stand in it as a whole, long ones by their
 * hash; what differs in a byte or in its length is another name; nothing beside a name is read. */
#include "tokenize/names.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_BYTES 70

static void names_of_every_length_are_found(void **state)
{
    struct gm_names names;
    char zeros[MAX_BYTES] = {0};
    (void)state;
    assert_true(gm_names_init(&names, MAX_BYTES + 1));
    for (uint32_t n = 0; n < MAX_BYTES; n++)
        assert_int_equal(gm_names_find(&names, zeros, n), GM_NAME_NONE);
    for (uint32_t n = 0; n < MAX_BYTES; n++)
        assert_true(gm_names_add(&names, zeros, n, 1000 + n));
    for (uint32_t n = 0; n < MAX_BYTES; n++) {
        assert_int_equal(gm_names_find(&names, zeros, n), 1000 + n);
        assert_false(gm_names_add(&names, zeros, n, 7));
        assert_int_equal(names.list[n].id, 1000 + n);
        assert_int_equal(names.list[n].n_bytes, n);
    }
    assert_int_equal(names.n, MAX_BYTES);
    gm_names_free(&names);
}

static void a_byte_makes_another_name(void **state)
{
    (void)state;
    for (size_t n = 1; n < MAX_BYTES; n++) {
        struct gm_names names;
        char text[MAX_BYTES], other[MAX_BYTES];
        memset(text, 'a', n);
        memcpy(other, text, n);
        assert_true(gm_names_init(&names, 1));
        assert_true(gm_names_add(&names, text, n, 5));
        for (size_t i = 0; i < n; i++) {
            other[i] = 'b';
            assert_int_equal(gm_names_find(&names, other, n), GM_NAME_NONE);
            other[i] = 'a';
        }
        assert_int_equal(gm_names_find(&names, other, n), 5);
        gm_names_free(&names);
    }
}

static void nothing_beside_a_name_is_read(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)state;
    char *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    char *inner = pages + page;
    assert_int_equal(mprotect(inner, page, PROT_READ | PROT_WRITE), 0);
    memset(inner, 'x', page);
    for (size_t n = 0; n < MAX_BYTES; n++) {
        struct gm_names names;
        assert_true(gm_names_init(&names, 1));
        assert_true(gm_names_add(&names, inner, n, 1));
        assert_int_equal(gm_names_find(&names, inner + page - n, n), 1);
        gm_names_free(&names);
    }
    munmap(pages, 3 * page);
}

/* A full table, asked for some names at a time. */
static void many_names_keep_apart(void **state)
{
    enum { N = 20000, SOME = 16 };
    struct gm_names names;
    char(*texts)[40] = malloc(N * sizeof *texts);
    (void)state;
    assert_non_null(texts);
    assert_true(gm_names_init(&names, N / 2));
    for (uint32_t i = 0; i < N; i++)
        snprintf(texts[i], sizeof texts[i], "%u%s%u", i * 7919, i % 3 ? "" : "................", i);
    for (uint32_t i = 0; i < N; i += SOME) {
        struct gm_name_query queries[SOME];
        for (uint32_t j = 0; j < SOME; j++) {
            queries[j].text = texts[i + j];
            queries[j].n_bytes = strlen(texts[i + j]);
            gm_names_ask(&names, &queries[j]);
        }
        for (uint32_t j = 0; j < SOME; j++)
            if (j % 2 == 0)
                assert_true(gm_names_add_asked(&names, &queries[j], i + j));
        for (uint32_t j = 0; j < SOME; j++)
            assert_int_equal(gm_names_answer(&names, &queries[j]), j % 2 ? GM_NAME_NONE : i + j);
    }
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(gm_names_find(&names, texts[i], strlen(texts[i])),
                         i % 2 ? GM_NAME_NONE : i);
    gm_names_free(&names);
    free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_every_length_are_found),
        cmocka_unit_test(a_byte_makes_another_name),
        cmocka_unit_test(nothing_beside_a_name_is_read),
        cmocka_unit_test(many_names_keep_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
