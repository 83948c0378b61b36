/* Fuzz target: steps and a text, any bytes. The first byte says how many steps follow, each of 8
 * bytes (kind, flags, value, lengths of a and b), then the strings of the steps, then the text; so
 * patterns and charsmaps are input, too. Valid text must stay valid, a normal form is its own
 * normal form, and pieces lie in the text, in order. */
#include "base/utf8.h"
#include "tokenize/normal.h"
#include "tokenize/pretok.h"

#include <string.h>

#define MAX_STEPS  6
#define STEP_BYTES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

struct input {
    const uint8_t *data;
    size_t n_bytes;
};

static struct gm_spec_text take_text(struct gm_spec *spec, struct input *input, size_t n_bytes)
{
    struct gm_spec_text text = {(uint32_t)spec->pool.n_bytes, 0};
    text.n_bytes = (uint32_t)(n_bytes < input->n_bytes ? n_bytes : input->n_bytes);
    gm_buf_append(&spec->pool, input->data, text.n_bytes);
    input->data += text.n_bytes;
    input->n_bytes -= text.n_bytes;
    return text;
}

static void take_steps(struct gm_spec *spec, struct input *input)
{
    size_t n = input->data[0] % (MAX_STEPS + 1);
    const uint8_t *steps = input->data + 1;
    if (input->n_bytes < 1 + n * STEP_BYTES)
        n = 0;
    input->data += 1 + n * STEP_BYTES;
    input->n_bytes -= 1 + n * STEP_BYTES;
    for (size_t i = 0; i < n; i++, steps += STEP_BYTES) {
        struct gm_op op = {
            .kind = steps[0], .flags = (uint16_t)(steps[1] | steps[2] << 8), .value = steps[3]};
        op.a = take_text(spec, input, steps[4] | (size_t)steps[5] << 8);
        op.b = take_text(spec, input, steps[6]);
        if (op.kind < GM_OP_PRE_BERT)
            spec->normalizers[spec->n_normalizers++] = op;
        else
            spec->pretokenizers[spec->n_pretokenizers++] = op;
    }
}

static bool is_valid(const uint8_t *text, size_t n_bytes)
{
    return n_bytes == 0 || gm_utf8_valid_prefix(text, n_bytes) == n_bytes;
}

/* The strings that steps put into the text. */
static bool strings_are_valid(const struct gm_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_normalizers; i++) {
        const struct gm_op *op = &spec->normalizers[i];
        if (op->kind != GM_OP_PRECOMPILED && op->a.n_bytes &&
            !is_valid(gm_spec_bytes(spec, op->a), op->a.n_bytes))
            return false;
        if (op->b.n_bytes && !is_valid(gm_spec_bytes(spec, op->b), op->b.n_bytes))
            return false;
    }
    return true;
}

static bool is_form(const struct gm_spec *spec)
{
    return spec->n_normalizers == 1 && spec->normalizers[0].kind >= GM_OP_NFC &&
           spec->normalizers[0].kind <= GM_OP_NFKD;
}

static void check_normal(const struct gm_spec *spec, const struct gm_normalizer *normalizer,
                         const struct input *input, struct gm_buf *scratch,
                         struct gm_normal_text *out)
{
    GM_ASSERT(gm_normalize_text(normalizer, input->data, input->n_bytes, scratch, out, NULL) ==
              GM_OK);
    if (is_valid(input->data, input->n_bytes) && strings_are_valid(spec))
        GM_ASSERT(is_valid(out->data, out->n_bytes));
    if (is_form(spec)) {
        struct gm_buf other = GM_BUF_INIT;
        struct gm_normal_text again;
        GM_ASSERT(gm_normalize_text(normalizer, out->data, out->n_bytes, &other, &again, NULL) ==
                  GM_OK);
        GM_ASSERT(again.n_bytes == out->n_bytes);
        GM_ASSERT(out->n_bytes == 0 || memcmp(again.data, out->data, out->n_bytes) == 0);
        gm_buf_free(&other);
    }
}

static void check_pieces(const struct gm_pretokenizer *pretokenizer,
                         const struct gm_normal_text *text)
{
    static struct gm_pieces pieces; /* kept: reuse is tested, too */
    size_t last = 0;
    if (gm_pretokenize(pretokenizer, text->data, text->n_bytes, true, &pieces, NULL) != GM_OK)
        return;
    for (size_t i = 0; i < pieces.n; i++) {
        GM_ASSERT(pieces.starts[i] >= last && pieces.ends[i] > pieces.starts[i]);
        GM_ASSERT(pieces.ends[i] <= pieces.text.n_bytes);
        last = pieces.ends[i];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct gm_op normalizers[MAX_STEPS], pretokenizers[MAX_STEPS];
    struct gm_spec spec = {.normalizers = normalizers, .pretokenizers = pretokenizers};
    struct input input = {data, n_bytes};
    struct gm_normalizer *normalizer = NULL;
    struct gm_pretokenizer *pretokenizer = NULL;
    struct gm_buf scratch = GM_BUF_INIT;
    struct gm_normal_text text;
    struct gm_err err = {0};
    if (n_bytes < 1)
        return 0;
    take_steps(&spec, &input);
    if (gm_normalizer_new(&normalizer, &spec, &err) == GM_OK) {
        check_normal(&spec, normalizer, &input, &scratch, &text);
        if (gm_pretokenizer_new(&pretokenizer, &spec, &err) == GM_OK)
            check_pieces(pretokenizer, &text);
    }
    gm_normalizer_free(normalizer);
    gm_pretokenizer_free(pretokenizer);
    gm_buf_free(&scratch);
    gm_buf_free(&spec.pool);
    return 0;
}
