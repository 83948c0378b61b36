/* Images: what is put in comes out, what is damaged or does not fit is refused. */
#include "token_spec.h"
#include "tokenize/image_format.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t digest[GM_SHA256_BYTES] = {1, 2, 3};

static void make_spec(struct gm_spec *spec)
{
    token_spec_init(spec, GM_MODEL_BPE, GM_SPEC_BYTE_FALLBACK);
    spec->unk_id = token_spec_add_text(spec, "<unk>");
    token_spec_add_text(spec, "a");
    token_spec_add_text(spec, "b");
    token_spec_merge(spec, "a", "b");
    spec->added = calloc(1, sizeof *spec->added);
    spec->added[0] =
        (struct gm_spec_added){token_spec_text(spec, "<s>", 3), spec->n_ids++, GM_ADDED_SPECIAL};
    spec->n_added = 1;
    spec->normalizers = calloc(2, sizeof(struct gm_op));
    spec->normalizers[1] =
        (struct gm_op){.kind = GM_OP_PREPEND, .a = token_spec_text(spec, "_", 1)};
    spec->n_normalizers = 2;
    spec->suffix_ids = calloc(1, sizeof(uint32_t));
    spec->suffix_ids[0] = 1;
    spec->n_suffix_ids = 1;
}

static void the_spec_comes_back(void **state)
{
    struct gm_spec spec;
    struct token_image made;
    (void)state;
    make_spec(&spec);
    token_image_make(&made, &spec);
    const struct gm_spec *back = gm_image_spec(made.image);
    assert_int_equal(gm_image_scheme(made.image), GM_SCHEME_WHOLE);
    assert_int_equal(back->model, spec.model);
    assert_int_equal(back->flags, spec.flags);
    assert_int_equal(back->n_ids, 5);
    assert_int_equal(back->n_merges, 1);
    assert_null(back->merges);
    assert_int_equal(back->unk_id, 0);
    assert_int_equal(back->n_tokens, 4);
    assert_memory_equal(back->tokens, spec.tokens, 4 * sizeof *spec.tokens);
    assert_int_equal(back->n_added, 1);
    assert_memory_equal(gm_spec_bytes(back, back->added[0].content), "<s>", 3);
    assert_int_equal(back->n_normalizers, 2);
    assert_int_equal(back->normalizers[1].kind, GM_OP_PREPEND);
    assert_memory_equal(gm_spec_bytes(back, back->normalizers[1].a), "_", 1);
    assert_int_equal(back->n_suffix_ids, 1);
    assert_int_equal(back->n_prefix_ids, 0);
    assert_non_null(gm_image_bpe(made.image));
    token_image_free(&made);
    token_spec_free(&spec);
}

static void other_models_have_no_merge_tables(void **state)
{
    struct gm_spec spec;
    struct token_image made;
    (void)state;
    token_spec_init(&spec, GM_MODEL_WORDPIECE, 0);
    token_spec_add_text(&spec, "a");
    token_image_make(&made, &spec);
    assert_null(gm_image_bpe(made.image));
    token_image_free(&made);
    token_spec_free(&spec);
}

static void an_image_of_another_file_is_told_apart(void **state)
{
    static const uint8_t other[GM_SHA256_BYTES] = {1, 2, 4};
    struct gm_spec spec;
    struct token_image made;
    struct gm_image *image;
    struct gm_err err;
    (void)state;
    make_spec(&spec);
    token_image_make(&made, &spec);
    assert_int_equal(gm_image_open(&image, made.bytes.data, made.bytes.n_bytes, other, &err),
                     GM_AGAIN);
    assert_null(image);
    assert_int_equal(gm_image_open(&image, made.bytes.data, made.bytes.n_bytes, NULL, &err), GM_OK);
    gm_image_free(image);
    gm_image_free(NULL);
    token_image_free(&made);
    token_spec_free(&spec);
}

static void damage_is_found(void **state)
{
    struct gm_spec spec;
    struct token_image made;
    struct gm_image *image;
    struct gm_err err;
    (void)state;
    make_spec(&spec);
    token_image_make(&made, &spec);
    for (size_t i = 0; i < made.bytes.n_bytes; i += i < 600 ? 1 : 997) {
        made.bytes.data[i] ^= 0x10;
        assert_int_not_equal(
            gm_image_open(&image, made.bytes.data, made.bytes.n_bytes, digest, &err), GM_OK);
        assert_null(image);
        made.bytes.data[i] ^= 0x10;
    }
    for (size_t n_bytes = 0; n_bytes < made.bytes.n_bytes; n_bytes += 1024)
        assert_int_equal(gm_image_open(&image, made.bytes.data, n_bytes, digest, &err), GM_INPUT);
    token_image_free(&made);
    token_spec_free(&spec);
}

/* A pair with what stands for no symbol, in an image whose sum is right. */
static void a_pair_with_an_id_out_of_range_is_refused(void **state)
{
    static const uint32_t pairs[][2] = {{1, GM_BPE_MAX_ID + 1}, {GM_BPE_MAX_ID + 1, 1}, {5, 1}};
    struct gm_spec spec;
    struct token_image made;
    struct gm_image *image;
    struct gm_err err;
    (void)state;
    make_spec(&spec);
    token_image_make(&made, &spec);
    const struct gm_image_header *header = (void *)made.bytes.data;
    uint64_t *slot = (void *)(made.bytes.data + header->sections[GM_SECTION_PAIRS].offset);
    for (size_t i = 0; i < GM_ARRAY_LEN(pairs); i++) {
        *slot = gm_pair_key(pairs[i][0], pairs[i][1]) << GM_PAIR_RANK_BITS;
        token_image_seal(made.bytes.data, made.bytes.n_bytes);
        assert_int_equal(gm_image_open(&image, made.bytes.data, made.bytes.n_bytes, digest, &err),
                         GM_INPUT);
        assert_non_null(strstr(err.text, "merge tables"));
    }
    token_image_free(&made);
    token_spec_free(&spec);
}

static void images_are_deterministic(void **state)
{
    struct gm_spec spec;
    struct token_image first, second;
    (void)state;
    make_spec(&spec);
    token_image_make(&first, &spec);
    token_image_make(&second, &spec);
    assert_int_equal(first.bytes.n_bytes, second.bytes.n_bytes);
    assert_memory_equal(first.bytes.data, second.bytes.data, first.bytes.n_bytes);
    token_image_free(&first);
    token_image_free(&second);
    token_spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_spec_comes_back),
        cmocka_unit_test(other_models_have_no_merge_tables),
        cmocka_unit_test(an_image_of_another_file_is_told_apart),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(a_pair_with_an_id_out_of_range_is_refused),
        cmocka_unit_test(images_are_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
