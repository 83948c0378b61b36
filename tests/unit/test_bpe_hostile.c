/* Vocabularies that were made to cost time are refused, or cost none. */
#include "token_spec.h"
#include "tokenize/bpe_tables.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* All cuts of a token of 2 MB: by looking at each half of each it would take minutes. */
static void a_huge_token_takes_no_time(void **state)
{
    enum { N = 2000000 };
    struct gm_spec spec;
    struct token_image made;
    char *text = malloc(N);
    (void)state;
    assert_non_null(text);
    memset(text, 'a', N);
    token_spec_init(&spec, GM_MODEL_RANKS, GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(&spec);
    uint32_t pair = token_spec_add(&spec, text, 2), most = token_spec_add(&spec, text, N - 2);
    uint32_t all = token_spec_add(&spec, text, N);
    token_image_make(&made, &spec);
    const struct gm_pair_table *pairs = &gm_image_bpe(made.image)->pairs;
    assert_int_equal(gm_pair_rank(pairs, pair, most), all);
    assert_int_equal(gm_pair_rank(pairs, most, pair), all);
    assert_int_equal(gm_pair_rank(pairs, 'a', most), GM_PAIR_NO_RANK);
    token_image_free(&made);
    token_spec_free(&spec);
    free(text);
}

/* Sixteen bytes whose hash is always the same: the second half takes back what the first one did.
 */
static void colliding_text(uint64_t i, uint64_t text[2])
{
    uint64_t hash = (16 * 0x9E3779B97F4A7C15u ^ i) * 0xD6E8FEB86659FD93u;
    text[0] = i;
    text[1] = hash ^ hash >> 32;
}

static void tokens_that_collide_are_refused(void **state)
{
    static const uint8_t digest[GM_SHA256_BYTES];
    struct gm_buf bytes = GM_BUF_INIT;
    struct gm_spec spec;
    struct gm_err err = {0};
    (void)state;
    token_spec_init(&spec, GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t text[2];
        colliding_text(i, text);
        token_spec_add(&spec, text, sizeof text);
    }
    assert_int_equal(gm_image_build(&spec, GM_SCHEME_NONE, digest, &bytes, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "collide"));
    gm_buf_free(&bytes);
    token_spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_huge_token_takes_no_time),
        cmocka_unit_test(tokens_that_collide_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
