#include "token_spec.h"

#include "tokenize/image_format.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void token_spec_init(struct gm_spec *spec, enum gm_model_kind model, uint32_t flags)
{
    memset(spec, 0, sizeof *spec);
    spec->model = model;
    spec->flags = flags;
    spec->unk_id = GM_NO_TOKEN;
}

void token_spec_free(struct gm_spec *spec)
{
    free(spec->tokens);
    free(spec->merges);
    free(spec->added);
    free(spec->normalizers);
    free(spec->pretokenizers);
    free(spec->decoders);
    free(spec->prefix_ids);
    free(spec->suffix_ids);
    gm_buf_free(&spec->pool);
    memset(spec, 0, sizeof *spec);
}

/* Room for one more; capacities are powers of two. */
static void *grow(void *array, uint32_t n, size_t item_bytes)
{
    if (n & (n - 1))
        return array;
    array = realloc(array, (n ? 2 * (size_t)n : 1) * item_bytes);
    GM_ASSERT(array);
    return array;
}

struct gm_spec_text token_spec_text(struct gm_spec *spec, const void *text, size_t n_bytes)
{
    struct gm_spec_text put = {(uint32_t)spec->pool.n_bytes, (uint32_t)n_bytes};
    gm_buf_append(&spec->pool, text, n_bytes);
    GM_ASSERT(!spec->pool.failed);
    return put;
}

uint32_t token_spec_add(struct gm_spec *spec, const void *text, size_t n_bytes)
{
    struct gm_spec_token token = {.text = token_spec_text(spec, text, n_bytes), .id = spec->n_ids};
    spec->tokens = grow(spec->tokens, spec->n_tokens, sizeof token);
    spec->tokens[spec->n_tokens++] = token;
    return spec->n_ids++;
}

uint32_t token_spec_add_text(struct gm_spec *spec, const char *text)
{
    return token_spec_add(spec, text, strlen(text));
}

void token_spec_add_bytes(struct gm_spec *spec)
{
    for (int byte = 0; byte < 256; byte++)
        token_spec_add(spec, &(uint8_t){(uint8_t)byte}, 1);
}

uint32_t token_spec_find(const struct gm_spec *spec, const void *text, size_t n_bytes)
{
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        if (spec->tokens[i].text.n_bytes == n_bytes &&
            !memcmp(gm_spec_bytes(spec, spec->tokens[i].text), text, n_bytes))
            return spec->tokens[i].id;
    return GM_NO_TOKEN;
}

void token_spec_merge_ids(struct gm_spec *spec, uint32_t left, uint32_t right, uint32_t merged)
{
    spec->merges = grow(spec->merges, spec->n_merges, sizeof *spec->merges);
    spec->merges[spec->n_merges++] = (struct gm_spec_merge){left, right, merged};
}

void token_spec_merge(struct gm_spec *spec, const char *left, const char *right)
{
    char both[256];
    size_t n_left = strlen(left), n_prefix = spec->word_prefix.n_bytes;
    size_t n_right = strlen(right) - n_prefix;
    GM_ASSERT(n_left + n_right < sizeof both);
    memcpy(both, left, n_left);
    memcpy(both + n_left, right + n_prefix, n_right);
    uint32_t merged = token_spec_find(spec, both, n_left + n_right);
    if (merged == GM_NO_TOKEN)
        merged = token_spec_add(spec, both, n_left + n_right);
    uint32_t left_id = token_spec_find(spec, left, n_left);
    uint32_t right_id = token_spec_find(spec, right, strlen(right));
    GM_ASSERT(left_id != GM_NO_TOKEN && right_id != GM_NO_TOKEN);
    token_spec_merge_ids(spec, left_id, right_id, merged);
}

static int base64_digit(int c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static size_t base64(const char *text, uint8_t *bytes)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;
    for (; base64_digit(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)base64_digit(*text);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    return n;
}

bool token_spec_read_tiktoken(struct gm_spec *spec, const char *path)
{
    char line[2048];
    uint8_t bytes[2048];
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    token_spec_init(spec, GM_MODEL_RANKS, GM_SPEC_BYTE_LEVEL);
    while (fgets(line, sizeof line, file)) {
        const char *space = strchr(line, ' ');
        if (!space)
            continue;
        spec->n_ids = (uint32_t)strtoul(space + 1, NULL, 10);
        token_spec_add(spec, bytes, base64(line, bytes));
    }
    fclose(file);
    return true;
}

void token_image_make(struct token_image *made, const struct gm_spec *spec)
{
    static const uint8_t digest[GM_SHA256_BYTES] = {1, 2, 3};
    struct gm_err err;
    gm_err_clear(&err);
    gm_buf_init(&made->bytes);
    enum gm_status status = gm_image_build(spec, GM_SCHEME_WHOLE, digest, &made->bytes, &err);
    if (status == GM_OK)
        status = gm_image_open(&made->image, made->bytes.data, made->bytes.n_bytes, digest, &err);
    if (status != GM_OK)
        fprintf(stderr, "%s\n", err.text);
    GM_ASSERT(status == GM_OK);
}

void token_image_free(struct token_image *made)
{
    gm_image_free(made->image);
    gm_buf_free(&made->bytes);
}

void token_image_seal(uint8_t *image, size_t n_bytes)
{
    struct gm_image_header *header = (void *)image;
    struct gm_hash128 check = gm_xxh128(image + GM_IMAGE_CHECK_FROM, n_bytes - GM_IMAGE_CHECK_FROM);
    memcpy(header->check, &check, sizeof check);
}
