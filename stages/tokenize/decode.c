/* Decoding. With ByteLevel alone, which is most vocabularies, the bytes of the tokens are put
 * together. Anything else works on the list of token texts, as the reference has them:
 * decode_steps.c. */
#include "tokenize/decode.h"

#include "base/utf8.h"
#include "tokenize/byte_alphabet.h"
#include "tokenize/decode_steps.h"
#include "tokenize/names.h"
#include "tokenize/tokenizer.h"
#include "tokenize/tokenizer_parts.h"
#include <stdlib.h>

struct added_id {
    uint32_t id, place;
    bool skipped; /* with GM_DECODE_SKIP_SPECIAL */
};

struct gm_decoder {
    const struct gm_spec *spec;
    const struct gm_added *added;
    struct added_id *added_ids; /* by id */
    uint32_t n_added;
    bool joins_bytes;       /* the decoder is ByteLevel alone, the vocabulary bytes */
    bool normal_is_letters; /* the ByteLevel normalizer: normalised tokens are of its alphabet */
    struct gm_decode_steps *steps;
};

/* ---- tables ---- */

static int by_id(const void *left, const void *right)
{
    const struct added_id *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* The reference skips what has the text of a special token; a token that normalisation changes has
 * another text then. */
static bool find_skipped(struct gm_decoder *decoder)
{
    const struct gm_spec *spec = decoder->spec;
    struct gm_names specials;
    struct gm_buf letters = GM_BUF_INIT;
    if (!gm_names_init(&specials, spec->n_added))
        return false;
    for (uint32_t i = 0; i < spec->n_added; i++) {
        if (spec->added[i].flags & GM_ADDED_SPECIAL)
            gm_names_add(&specials, (const char *)gm_spec_bytes(spec, spec->added[i].content),
                         spec->added[i].content.n_bytes, i);
    }
    for (uint32_t i = 0; i < spec->n_added; i++) {
        struct gm_normal_text text = gm_added_text(decoder->added, i);
        if (decoder->normal_is_letters && (spec->added[i].flags & GM_ADDED_NORMALIZED)) {
            gm_buf_clear(&letters);
            gm_alphabet_encode(text.data, text.n_bytes, &letters);
            text = (struct gm_normal_text){letters.data, letters.n_bytes};
        }
        decoder->added_ids[i].skipped =
            gm_names_find(&specials, (const char *)text.data, text.n_bytes) != GM_NAME_NONE;
    }
    bool good = !letters.failed;
    gm_names_free(&specials);
    gm_buf_free(&letters);
    return good;
}

static bool fill_tables(struct gm_decoder *decoder)
{
    const struct gm_spec *spec = decoder->spec;
    decoder->n_added = spec->n_added;
    decoder->added_ids = calloc(spec->n_added ? spec->n_added : 1, sizeof *decoder->added_ids);
    if (!decoder->added_ids)
        return false;
    for (uint32_t i = 0; i < spec->n_added; i++)
        decoder->added_ids[i] = (struct added_id){.id = spec->added[i].id, .place = i};
    if (!find_skipped(decoder))
        return false;
    qsort(decoder->added_ids, decoder->n_added, sizeof *decoder->added_ids, by_id);
    return true;
}

enum gm_status gm_decoder_new(struct gm_decoder **out, const struct gm_spec *spec,
                              const struct gm_added *added, struct gm_err *err)
{
    *out = NULL;
    struct gm_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return gm_err_set(err, GM_NOMEM, "no memory for a decoder");
    decoder->spec = spec;
    decoder->added = added;
    decoder->joins_bytes = (spec->flags & GM_SPEC_BYTE_LEVEL) && spec->n_decoders == 1 &&
                           spec->decoders[0].kind == GM_OP_DECODE_BYTE_LEVEL;
    decoder->normal_is_letters =
        spec->n_normalizers > 0 &&
        spec->normalizers[spec->n_normalizers - 1].kind == GM_OP_BYTE_LEVEL_NORMAL;
    enum gm_status status = fill_tables(decoder)
                                ? gm_decode_steps_new(&decoder->steps, spec, err)
                                : gm_err_set(err, GM_NOMEM, "no memory for a decoder");
    if (status != GM_OK) {
        gm_decoder_free(decoder);
        return status;
    }
    *out = decoder;
    return GM_OK;
}

void gm_decoder_free(struct gm_decoder *decoder)
{
    if (!decoder)
        return;
    gm_decode_steps_free(decoder->steps);
    free(decoder->added_ids);
    free(decoder);
}

/* ---- tokens ---- */

static const struct added_id *find_added(const struct gm_decoder *decoder, uint32_t id)
{
    uint32_t low = 0, high = decoder->n_added;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (decoder->added_ids[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < decoder->n_added && decoder->added_ids[low].id == id ? &decoder->added_ids[low]
                                                                      : NULL;
}

uint32_t gm_decoder_token(const struct gm_decoder *decoder, uint32_t id)
{
    const struct gm_spec *spec = decoder->spec;
    uint32_t low = 0, high = spec->n_tokens;
    if (id < high && spec->tokens[id].id == id)
        return id;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (spec->tokens[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < spec->n_tokens && spec->tokens[low].id == id ? low : GM_NO_TOKEN;
}

/* A token's text. is_bytes: it is bytes, which the reference has as letters of the ByteLevel
 * alphabet. */
struct token_text {
    const uint8_t *data;
    size_t n_bytes;
    bool is_bytes, skipped;
};

static enum gm_status find_text(const struct gm_decoder *decoder, const uint32_t *ids, size_t i,
                                struct token_text *text, struct gm_err *err)
{
    const struct gm_spec *spec = decoder->spec;
    const struct added_id *added = find_added(decoder, ids[i]);
    if (added) {
        struct gm_normal_text normal = gm_added_text(decoder->added, added->place);
        bool letters =
            decoder->normal_is_letters && (spec->added[added->place].flags & GM_ADDED_NORMALIZED);
        *text = (struct token_text){normal.data, normal.n_bytes, letters, added->skipped};
        return GM_OK;
    }
    uint32_t place = gm_decoder_token(decoder, ids[i]);
    if (place == GM_NO_TOKEN)
        return gm_err_set(err, GM_INPUT, "ids[%zu]: %u is not in the vocabulary", i, ids[i]);
    const struct gm_spec_token *token = &spec->tokens[place];
    bool is_bytes =
        (spec->flags & GM_SPEC_BYTE_LEVEL) != 0 && !(token->flags & GM_SPEC_TOKEN_UNREACHABLE);
    *text =
        (struct token_text){gm_spec_bytes(spec, token->text), token->text.n_bytes, is_bytes, false};
    return GM_OK;
}

/* ---- decoding ---- */

static void append_valid(const uint8_t *data, size_t n_bytes, struct gm_buf *text)
{
    while (n_bytes > 0) {
        size_t n_valid = gm_utf8_valid_prefix(data, n_bytes);
        gm_buf_append(text, data, n_valid);
        data += n_valid;
        n_bytes -= n_valid;
        if (n_bytes == 0)
            break;
        size_t n_bad = gm_utf8_bad_length(data, n_bytes);
        gm_buf_text(text, "\xEF\xBF\xBD");
        data += n_bad;
        n_bytes -= n_bad;
    }
}

static void append_bytes(const struct token_text *text, struct gm_buf *bytes)
{
    /* A token that is letters of the alphabet, even by accident, is decoded as such. */
    if (text->is_bytes || !gm_alphabet_decode(text->data, text->n_bytes, bytes))
        gm_buf_append(bytes, text->data, text->n_bytes);
}

static enum gm_status join_bytes(const struct gm_decoder *decoder, const uint32_t *ids,
                                 size_t n_ids, unsigned flags, struct gm_buf *text,
                                 struct gm_err *err)
{
    struct gm_buf bytes = GM_BUF_INIT;
    enum gm_status status = GM_OK;
    for (size_t i = 0; status == GM_OK && i < n_ids; i++) {
        struct token_text token;
        status = find_text(decoder, ids, i, &token, err);
        if (status == GM_OK && !(token.skipped && (flags & GM_DECODE_SKIP_SPECIAL)))
            append_bytes(&token, &bytes);
    }
    if (status == GM_OK && !bytes.failed)
        append_valid(bytes.data, bytes.n_bytes, text);
    if (status == GM_OK && (bytes.failed || text->failed))
        status = gm_err_set(err, GM_NOMEM, "no memory to decode %zu ids", n_ids);
    gm_buf_free(&bytes);
    return status;
}

static enum gm_status decode_list(const struct gm_decoder *decoder, const uint32_t *ids,
                                  size_t n_ids, unsigned flags, struct gm_buf *text,
                                  struct gm_err *err)
{
    struct gm_strings strings;
    enum gm_status status = GM_OK;
    gm_strings_init(&strings);
    for (size_t i = 0; status == GM_OK && i < n_ids; i++) {
        struct token_text token;
        status = find_text(decoder, ids, i, &token, err);
        if (status != GM_OK || (token.skipped && (flags & GM_DECODE_SKIP_SPECIAL)))
            continue;
        if (token.is_bytes)
            gm_alphabet_encode(token.data, token.n_bytes, &strings.bytes);
        else
            gm_buf_append(&strings.bytes, token.data, token.n_bytes);
        gm_strings_end(&strings);
    }
    if (status == GM_OK)
        status = gm_decode_steps_run(decoder->steps, &strings, text, err);
    gm_strings_free(&strings);
    return status;
}

enum gm_status gm_decoder_decode(const struct gm_decoder *decoder, const uint32_t *ids,
                                 size_t n_ids, unsigned flags, struct gm_buf *text,
                                 struct gm_err *err)
{
    return decoder->joins_bytes ? join_bytes(decoder, ids, n_ids, flags, text, err)
                                : decode_list(decoder, ids, n_ids, flags, text, err);
}

enum gm_status gm_decode(const struct gm_tokenizer *tokenizer, const uint32_t *ids, size_t n_ids,
                         unsigned flags, struct gm_buf *text, struct gm_err *err)
{
    return gm_decoder_decode(tokenizer->decoder, ids, n_ids, flags, text, err);
}
