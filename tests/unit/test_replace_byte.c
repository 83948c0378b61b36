/* Replacing a byte: as a plain loop does, whatever the length and wherever the bytes stand. */
#include "tokenize/replace_byte.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void compare(const struct gm_replace_byte *replace, const uint8_t *text, size_t n_bytes)
{
    struct gm_buf wanted = GM_BUF_INIT, out = GM_BUF_INIT;
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        bool hit = text[i] == replace->from;
        gm_buf_append(&wanted, hit ? replace->content : text + i, hit ? replace->n_bytes : 1);
        n += hit;
    }
    gm_buf_text(&out, "kept");
    assert_int_equal(gm_replace_byte(replace, text, n_bytes, &out), n > 0);
    assert_int_equal(out.n_bytes, n > 0 ? 4 + wanted.n_bytes : 4);
    assert_memory_equal(out.data, "kept", 4);
    if (n > 0 && wanted.n_bytes > 0)
        assert_memory_equal(out.data + 4, wanted.data, wanted.n_bytes);
    gm_buf_free(&wanted);
    gm_buf_free(&out);
}

static void every_length_and_density(void **state)
{
    (void)state;
    uint32_t seed = 1;
    static const size_t contents[] = {0, 1, 3, GM_REPLACE_MAX_BYTES};
    static const unsigned one_in[] = {1, 2, 5, 40, 1000};
    for (size_t c = 0; c < GM_ARRAY_LEN(contents); c++) {
        struct gm_replace_byte replace = {.from = ' ', .n_bytes = (uint8_t)contents[c]};
        memcpy(replace.content,
               "\xE2\x96\x81"
               "456789abcdefg",
               GM_REPLACE_MAX_BYTES);
        for (size_t n = 0; n < 420; n++) {
            uint8_t *text = malloc(n ? n : 1);
            assert_non_null(text);
            for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525u + 1013904223u;
                bool hit = (seed >> 8) % one_in[n % GM_ARRAY_LEN(one_in)] == 0;
                text[i] = hit ? ' ' : (uint8_t)('a' + (seed >> 20) % 26);
            }
            compare(&replace, text, n);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_density),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
