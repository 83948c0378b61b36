/* Opening a tokenizer: the image, and what is computed from it once for all encoders. */
#include "tokenize/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

static bool has_metaspace_first(const struct gm_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_pretokenizers; i++) {
        if (spec->pretokenizers[i].kind == GM_OP_PRE_METASPACE &&
            spec->pretokenizers[i].value == GM_PREPEND_FIRST)
            return true;
    }
    return false;
}

static bool may_drop_characters(const struct gm_op *op)
{
    return op->kind == GM_OP_NMT || op->kind == GM_OP_STRIP_ACCENTS ||
           op->kind == GM_OP_PRECOMPILED || op->kind == GM_OP_BERT_NORMALIZER ||
           (op->kind == GM_OP_STRIP && (op->flags & GM_OP_LEFT)) ||
           (op->kind == GM_OP_REPLACE && op->b.n_bytes == 0);
}

/* The reference asks where a piece begins in the document as it was before normalisation. Ours
 * cannot tell once first characters may have been dropped, or when tokens are found in text that
 * normalisation may have put there. */
static enum gm_status check_first(const struct gm_spec *spec, struct gm_err *err)
{
    if (spec->n_normalizers == 0 || !has_metaspace_first(spec))
        return GM_OK;
    bool good = true;
    for (uint32_t i = 0; i < spec->n_normalizers; i++)
        good = good && !may_drop_characters(&spec->normalizers[i]);
    for (uint32_t i = 0; i < spec->n_added; i++)
        good = good && !(spec->added[i].flags & GM_ADDED_NORMALIZED);
    return good ? GM_OK
                : gm_err_set(err, GM_INPUT,
                             "pre_tokenizer: Metaspace with prepend_scheme \"first\" is not "
                             "supported together with a normalizer that removes characters or "
                             "with normalized added tokens");
}

/* ByteLevel's add_prefix_space is for each piece that reaches it: ahead of a split rule that is
 * the whole segment, but not behind other steps. */
static void find_scheme(struct gm_tokenizer *tokenizer)
{
    const struct gm_spec *spec = tokenizer->spec;
    tokenizer->scheme = gm_image_scheme(tokenizer->image);
    for (uint32_t i = 0; i < spec->n_pretokenizers; i++) {
        if (!(spec->pretokenizers[i].flags & GM_OP_ADD_PREFIX_SPACE))
            continue;
        tokenizer->prefix_space = true;
        if (spec->n_pretokenizers > 1)
            tokenizer->scheme = GM_SCHEME_NONE;
    }
    if (tokenizer->scheme == GM_SCHEME_BERT || !tokenizer->bpe)
        tokenizer->scheme = GM_SCHEME_NONE;
}

static enum gm_status open_parts(struct gm_tokenizer *tokenizer, struct gm_err *err)
{
    const struct gm_spec *spec = tokenizer->spec;
    enum gm_status status = check_first(spec, err);
    if (status == GM_OK)
        status = gm_normalizer_new(&tokenizer->normalizer, spec, err);
    if (status == GM_OK && tokenizer->scheme == GM_SCHEME_NONE)
        status = gm_pretokenizer_new(&tokenizer->pretokenizer, spec, err);
    if (status == GM_OK && !tokenizer->bpe)
        status = gm_words_new(&tokenizer->words, spec, err);
    if (status == GM_OK)
        status = gm_added_new(&tokenizer->added, spec, tokenizer->normalizer, err);
    if (status == GM_OK)
        status = gm_decoder_new(&tokenizer->decoder, spec, tokenizer->added, err);
    return status;
}

/* With the image open. */
static enum gm_status open_rest(struct gm_tokenizer *tokenizer, struct gm_err *err)
{
    tokenizer->spec = gm_image_spec(tokenizer->image);
    tokenizer->bpe = gm_image_bpe(tokenizer->image);
    find_scheme(tokenizer);
    return open_parts(tokenizer, err);
}

static enum gm_status give(struct gm_tokenizer *tokenizer, enum gm_status status,
                           struct gm_tokenizer **out)
{
    if (status == GM_OK)
        *out = tokenizer;
    else
        gm_tokenizer_free(tokenizer);
    return status;
}

enum gm_status gm_tokenizer_open(struct gm_tokenizer **out, const char *path,
                                 const struct gm_tokenizer_opts *opts, struct gm_err *err)
{
    static const struct gm_tokenizer_opts defaults;
    *out = NULL;
    struct gm_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return gm_err_set(err, GM_NOMEM, "no memory for a tokenizer");
    enum gm_status status =
        gm_mapping_open(&tokenizer->mapping, &tokenizer->image, path, opts ? opts : &defaults, err);
    tokenizer->data = tokenizer->mapping.data;
    tokenizer->n_bytes = tokenizer->mapping.n_bytes;
    if (status == GM_OK) {
        status = open_rest(tokenizer, err);
        if (status != GM_OK)
            gm_err_add(err, "%s", path);
    }
    return give(tokenizer, status, out);
}

enum gm_status gm_tokenizer_open_image(struct gm_tokenizer **out, const void *data, size_t n_bytes,
                                       struct gm_err *err)
{
    *out = NULL;
    struct gm_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return gm_err_set(err, GM_NOMEM, "no memory for a tokenizer");
    tokenizer->data = data;
    tokenizer->n_bytes = n_bytes;
    enum gm_status status = gm_image_open(&tokenizer->image, data, n_bytes, NULL, err);
    if (status == GM_OK)
        status = open_rest(tokenizer, err);
    return give(tokenizer, status, out);
}

void gm_tokenizer_free(struct gm_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    gm_decoder_free(tokenizer->decoder);
    gm_added_free(tokenizer->added);
    gm_words_free(tokenizer->words);
    gm_pretokenizer_free(tokenizer->pretokenizer);
    gm_normalizer_free(tokenizer->normalizer);
    gm_image_free(tokenizer->image);
    gm_mapping_close(&tokenizer->mapping);
    free(tokenizer);
}

const uint8_t *gm_tokenizer_image(const struct gm_tokenizer *tokenizer, size_t *n_bytes)
{
    *n_bytes = tokenizer->n_bytes;
    return tokenizer->data;
}

bool gm_tokenizer_is_new(const struct gm_tokenizer *tokenizer)
{
    return tokenizer->mapping.is_new;
}

const struct gm_spec *gm_tokenizer_spec(const struct gm_tokenizer *tokenizer)
{
    return tokenizer->spec;
}

enum gm_scheme gm_tokenizer_scheme(const struct gm_tokenizer *tokenizer)
{
    return gm_image_scheme(tokenizer->image);
}

const uint8_t *gm_tokenizer_digest(const struct gm_tokenizer *tokenizer)
{
    return gm_image_source_digest(tokenizer->image);
}

static bool is_text(const struct gm_spec *spec, struct gm_spec_text text, const void *wanted,
                    size_t n_bytes)
{
    return text.n_bytes == n_bytes && memcmp(gm_spec_bytes(spec, text), wanted, n_bytes) == 0;
}

uint32_t gm_tokenizer_id(const struct gm_tokenizer *tokenizer, const void *text, size_t n_bytes)
{
    const struct gm_spec *spec = tokenizer->spec;
    uint32_t unreachable = GM_NO_TOKEN;
    if (n_bytes == 0)
        return GM_NO_TOKEN;
    for (uint32_t i = 0; i < spec->n_added; i++) {
        if (is_text(spec, spec->added[i].content, text, n_bytes))
            return spec->added[i].id;
    }
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const struct gm_spec_token *token = &spec->tokens[i];
        if (!is_text(spec, token->text, text, n_bytes))
            continue;
        if (!(token->flags & GM_SPEC_TOKEN_UNREACHABLE))
            return token->id;
        unreachable = token->id;
    }
    return unreachable;
}
