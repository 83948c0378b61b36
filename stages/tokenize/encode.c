/* Encoding a text, in steps that each hand parts to the next:
 *
 *      document    valid UTF-8? (policy)            gm_encode
 *      parts       added tokens in the raw text     encode_text
 *      normal      normalizer; added tokens in it   encode_part
 *      segment     split rule or pre-tokenizers     encode_segment
 *      pieces      byte-pair encoding or words
 *
 * With a known split rule pieces are found and encoded a window at a time, so that text, ends and
 * ids of a window stay in the cache. */
#include "tokenize/tokenizer_parts.h"

#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CACHE_BYTES ((size_t)32 << 20)
#define WINDOW_PIECES       1024
#define MAX_TEXT_BYTES      (UINT32_MAX - 64u)

struct gm_encoder {
    const struct gm_tokenizer *tokenizer;
    unsigned flags;
    enum gm_invalid_utf8 invalid_utf8;
    enum gm_split_tier tier;
    struct gm_bpe_cache *cache;      /* NULL: the model is words */
    struct gm_words_scratch *words;  /* NULL: the model is byte-pair encoding */
    struct gm_bpe_counters counters; /* of words */
    uint32_t *ids;                   /* own, or what was lent for this text */
    size_t n_ids, capacity;
    uint32_t *own, *lent;
    size_t own_capacity, lent_capacity;
    struct gm_buf valid;      /* the text with what is invalid replaced */
    struct gm_buf normalised; /* scratch of the normalizer */
    struct gm_buf prefixed;   /* a segment with a space in front */
    struct gm_pieces pieces;
    uint32_t ends[WINDOW_PIECES];
};

/* ---- encoders ---- */

static bool make_model(struct gm_encoder *encoder, size_t cache_bytes)
{
    if (encoder->tokenizer->bpe) {
        if (cache_bytes == 0)
            cache_bytes = DEFAULT_CACHE_BYTES;
        encoder->cache = gm_bpe_cache_new(encoder->tokenizer->bpe,
                                          cache_bytes == GM_ENCODER_NO_CACHE ? 0 : cache_bytes);
        return encoder->cache != NULL;
    }
    encoder->words = gm_words_scratch_new();
    return encoder->words != NULL;
}

enum gm_status gm_encoder_new(struct gm_encoder **out, const struct gm_tokenizer *tokenizer,
                              const struct gm_encoder_opts *opts, struct gm_err *err)
{
    *out = NULL;
    if (opts->invalid_utf8 == GM_INVALID_BYTES &&
        !(tokenizer->bpe && (tokenizer->spec->flags & GM_SPEC_BYTE_LEVEL)))
        return gm_err_set(err, GM_CONFIG,
                          "invalid UTF-8 can be kept as bytes with a byte-level vocabulary only");
    struct gm_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return gm_err_set(err, GM_NOMEM, "no memory for an encoder");
    encoder->tokenizer = tokenizer;
    encoder->flags = opts->flags;
    encoder->invalid_utf8 = opts->invalid_utf8;
    encoder->tier = opts->tier < GM_TIER_COUNT ? opts->tier : gm_split_best_tier();
    gm_pieces_init(&encoder->pieces);
    if (!make_model(encoder, opts->cache_bytes)) {
        gm_encoder_free(encoder);
        return gm_err_set(err, GM_NOMEM, "no memory for an encoder's cache");
    }
    *out = encoder;
    return GM_OK;
}

void gm_encoder_free(struct gm_encoder *encoder)
{
    if (!encoder)
        return;
    gm_bpe_cache_free(encoder->cache);
    gm_words_scratch_free(encoder->words);
    gm_pieces_free(&encoder->pieces);
    gm_buf_free(&encoder->valid);
    gm_buf_free(&encoder->normalised);
    gm_buf_free(&encoder->prefixed);
    free(encoder->own);
    free(encoder);
}

const struct gm_bpe_counters *gm_encoder_counters(const struct gm_encoder *encoder)
{
    return encoder->cache ? gm_bpe_cache_counters(encoder->cache) : &encoder->counters;
}

/* ---- ids ---- */

void gm_encoder_lend(struct gm_encoder *encoder, uint32_t *room, size_t n_room)
{
    encoder->lent = room;
    encoder->lent_capacity = room ? n_room : 0;
}

static void take_room(struct gm_encoder *encoder)
{
    encoder->n_ids = 0;
    encoder->ids = encoder->lent ? encoder->lent : encoder->own;
    encoder->capacity = encoder->lent ? encoder->lent_capacity : encoder->own_capacity;
    encoder->lent = NULL;
}

/* In memory of its own, which what was lent gives way to. */
static bool grow(struct gm_encoder *encoder, size_t n_needed)
{
    size_t capacity = encoder->own_capacity ? encoder->own_capacity : 4096;
    while (capacity < n_needed)
        capacity *= 2;
    uint32_t *ids = realloc(encoder->own, capacity * sizeof *ids);
    if (!ids)
        return false;
    if (encoder->n_ids > 0 && encoder->ids != encoder->own)
        memcpy(ids, encoder->ids, encoder->n_ids * sizeof *ids);
    encoder->ids = encoder->own = ids;
    encoder->capacity = encoder->own_capacity = capacity;
    return true;
}

static inline bool reserve(struct gm_encoder *encoder, size_t n_more)
{
    return n_more <= encoder->capacity - encoder->n_ids || grow(encoder, encoder->n_ids + n_more);
}

static enum gm_status no_memory(struct gm_err *err)
{
    return gm_err_set(err, GM_NOMEM, "no memory to encode a text");
}

static enum gm_status append_ids(struct gm_encoder *encoder, const uint32_t *ids, size_t n,
                                 struct gm_err *err)
{
    if (!reserve(encoder, n))
        return no_memory(err);
    for (size_t i = 0; i < n; i++)
        encoder->ids[encoder->n_ids++] = ids[i];
    return GM_OK;
}

/* ---- pieces ---- */

struct text {
    const uint8_t *data;
    size_t n_bytes;
};

/* Encodes pieces that stand side by side from begin on. */
static bool encode_pieces(struct gm_encoder *encoder, struct text text, uint32_t begin,
                          const uint32_t *ends, size_t n)
{
    if (!reserve(encoder, ends[n - 1] - begin))
        return false;
    size_t n_ids = gm_bpe_encode(encoder->cache, text.data, text.n_bytes, begin, ends, n,
                                 encoder->ids + encoder->n_ids);
    if (n_ids == SIZE_MAX)
        return false;
    encoder->n_ids += n_ids;
    return true;
}

static bool encode_word(struct gm_encoder *encoder, const uint8_t *piece, size_t n_bytes)
{
    const struct gm_tokenizer *tokenizer = encoder->tokenizer;
    if (!reserve(encoder, n_bytes + 1))
        return false;
    uint32_t *ids = encoder->ids + encoder->n_ids;
    size_t n_ids = gm_words_encode(tokenizer->words, encoder->words, piece, n_bytes, ids);
    if (n_ids == SIZE_MAX)
        return false;
    for (size_t i = 0; i < n_ids; i++)
        encoder->counters.n_unknown += ids[i] == tokenizer->spec->unk_id;
    encoder->counters.n_pieces++;
    encoder->counters.n_tokens += n_ids;
    encoder->n_ids += n_ids;
    return true;
}

/* How many pieces from `from` on stand side by side. */
static size_t side_by_side(const struct gm_pieces *pieces, size_t from)
{
    size_t n = 1;
    while (from + n < pieces->n && pieces->starts[from + n] == pieces->ends[from + n - 1])
        n++;
    return n;
}

static bool encode_generic(struct gm_encoder *encoder)
{
    const struct gm_pieces *pieces = &encoder->pieces;
    struct text text = {pieces->text.data, pieces->text.n_bytes};
    for (size_t i = 0; i < pieces->n;) {
        if (!encoder->cache) {
            if (!encode_word(encoder, text.data + pieces->starts[i],
                             pieces->ends[i] - pieces->starts[i]))
                return false;
            i++;
            continue;
        }
        size_t n = side_by_side(pieces, i);
        if (!encode_pieces(encoder, text, pieces->starts[i], pieces->ends + i, n))
            return false;
        i += n;
    }
    return true;
}

static bool encode_by_rule(struct gm_encoder *encoder, struct text text)
{
    struct gm_split split;
    uint32_t begin = 0;
    gm_split_begin(&split, encoder->tokenizer->scheme, encoder->tier, text.data, text.n_bytes);
    for (;;) {
        size_t n = gm_split_next(&split, encoder->ends, WINDOW_PIECES);
        if (n == 0)
            return true;
        if (!encode_pieces(encoder, text, begin, encoder->ends, n))
            return false;
        begin = encoder->ends[n - 1];
    }
}

/* ---- segments ---- */

/* is_first: the segment stands at the beginning of the document. */
static enum gm_status encode_segment(struct gm_encoder *encoder, struct text text, bool is_first,
                                     struct gm_err *err)
{
    const struct gm_tokenizer *tokenizer = encoder->tokenizer;
    if (text.n_bytes == 0)
        return GM_OK;
    if (text.n_bytes >= MAX_TEXT_BYTES)
        return gm_err_set(err, GM_LIMIT, "a text of %zu bytes is too long", text.n_bytes);
    if (tokenizer->scheme == GM_SCHEME_NONE) {
        enum gm_status status = gm_pretokenize(tokenizer->pretokenizer, text.data, text.n_bytes,
                                               is_first, &encoder->pieces, err);
        return status != GM_OK || encode_generic(encoder) ? status : no_memory(err);
    }
    if (tokenizer->prefix_space && text.data[0] != ' ') {
        gm_buf_clear(&encoder->prefixed);
        gm_buf_char(&encoder->prefixed, ' ');
        gm_buf_append(&encoder->prefixed, text.data, text.n_bytes);
        if (encoder->prefixed.failed)
            return no_memory(err);
        text = (struct text){encoder->prefixed.data, encoder->prefixed.n_bytes};
    }
    return encode_by_rule(encoder, text) ? GM_OK : no_memory(err);
}

/* What stands between tokens of the raw text. */
static enum gm_status encode_part(struct gm_encoder *encoder, struct text part, bool is_first,
                                  struct gm_err *err)
{
    const struct gm_tokenizer *tokenizer = encoder->tokenizer;
    struct gm_normal_text normal = {part.data, part.n_bytes};
    enum gm_status status = GM_OK;
    if (tokenizer->spec->n_normalizers > 0)
        status = gm_normalize_text(tokenizer->normalizer, part.data, part.n_bytes,
                                   &encoder->normalised, &normal, err);
    if (status != GM_OK)
        return status;
    if ((encoder->flags & GM_ENCODE_ORDINARY) ||
        gm_added_is_empty(tokenizer->added, GM_ADDED_NORMAL))
        return encode_segment(encoder, (struct text){normal.data, normal.n_bytes}, is_first, err);
    struct gm_added_walk walk;
    struct gm_added_part found;
    gm_added_begin(&walk, tokenizer->added, GM_ADDED_NORMAL, normal.data, normal.n_bytes);
    while (status == GM_OK && gm_added_next(&walk, &found)) {
        struct text segment = {normal.data + found.start, found.end - found.start};
        status = found.id != GM_NO_TOKEN
                     ? append_ids(encoder, &found.id, 1, err)
                     : encode_segment(encoder, segment, is_first && found.start == 0, err);
    }
    return status;
}

/* Valid UTF-8. */
static enum gm_status encode_text(struct gm_encoder *encoder, struct text text, struct gm_err *err)
{
    const struct gm_tokenizer *tokenizer = encoder->tokenizer;
    if (text.n_bytes == 0)
        return GM_OK;
    if ((encoder->flags & GM_ENCODE_ORDINARY) || gm_added_is_empty(tokenizer->added, GM_ADDED_RAW))
        return encode_part(encoder, text, true, err);
    struct gm_added_walk walk;
    struct gm_added_part found;
    enum gm_status status = GM_OK;
    gm_added_begin(&walk, tokenizer->added, GM_ADDED_RAW, text.data, text.n_bytes);
    while (status == GM_OK && gm_added_next(&walk, &found)) {
        struct text part = {text.data + found.start, found.end - found.start};
        status = found.id != GM_NO_TOKEN ? append_ids(encoder, &found.id, 1, err)
                                         : encode_part(encoder, part, found.start == 0, err);
    }
    return status;
}

/* ---- documents ---- */

/* Bytes from text on that are not UTF-8; the first is not. */
static size_t invalid_run(struct text text)
{
    size_t n = 0;
    do {
        n += gm_utf8_bad_length(text.data + n, text.n_bytes - n);
    } while (n < text.n_bytes &&
             gm_utf8_valid_prefix(text.data + n, text.n_bytes - n < 4 ? text.n_bytes - n : 4) == 0);
    return n;
}

static enum gm_status encode_replaced(struct gm_encoder *encoder, struct text text, size_t n_valid,
                                      struct gm_err *err)
{
    struct gm_buf *valid = &encoder->valid;
    gm_buf_clear(valid);
    for (;;) {
        gm_buf_append(valid, text.data, n_valid);
        text = (struct text){text.data + n_valid, text.n_bytes - n_valid};
        if (text.n_bytes == 0)
            break;
        size_t n_bad = gm_utf8_bad_length(text.data, text.n_bytes);
        gm_buf_text(valid, "\xEF\xBF\xBD");
        text = (struct text){text.data + n_bad, text.n_bytes - n_bad};
        n_valid = gm_utf8_valid_prefix(text.data, text.n_bytes);
    }
    if (valid->failed)
        return no_memory(err);
    return encode_text(encoder, (struct text){valid->data, valid->n_bytes}, err);
}

static enum gm_status encode_bytes(struct gm_encoder *encoder, struct text text, size_t n_valid,
                                   struct gm_err *err)
{
    enum gm_status status = GM_OK;
    while (status == GM_OK && text.n_bytes > 0) {
        status = encode_text(encoder, (struct text){text.data, n_valid}, err);
        text = (struct text){text.data + n_valid, text.n_bytes - n_valid};
        if (status != GM_OK || text.n_bytes == 0)
            break;
        size_t n_bad = invalid_run(text);
        uint32_t end = (uint32_t)n_bad;
        if (!encode_pieces(encoder, (struct text){text.data, n_bad}, 0, &end, 1))
            status = no_memory(err);
        text = (struct text){text.data + n_bad, text.n_bytes - n_bad};
        n_valid = gm_utf8_valid_prefix(text.data, text.n_bytes);
    }
    return status;
}

static enum gm_status encode_document(struct gm_encoder *encoder, struct text text,
                                      struct gm_err *err)
{
    bool look = text.n_bytes > 0 && encoder->invalid_utf8 != GM_INVALID_NOWHERE;
    size_t n_valid = look ? gm_utf8_valid_prefix(text.data, text.n_bytes) : text.n_bytes;
    if (n_valid == text.n_bytes)
        return encode_text(encoder, text, err);
    if (encoder->invalid_utf8 == GM_INVALID_REPLACE)
        return encode_replaced(encoder, text, n_valid, err);
    if (encoder->invalid_utf8 == GM_INVALID_BYTES)
        return encode_bytes(encoder, text, n_valid, err);
    return gm_err_set(err, GM_INPUT, "invalid UTF-8 at byte %zu", n_valid);
}

enum gm_status gm_encode(struct gm_encoder *encoder, const void *text, size_t n_bytes,
                         const uint32_t **ids, size_t *n_ids, struct gm_err *err)
{
    const struct gm_spec *spec = encoder->tokenizer->spec;
    bool special = (encoder->flags & GM_ENCODE_SPECIAL_TOKENS) != 0;
    enum gm_status status = GM_OK;
    take_room(encoder);
    if (n_bytes >= MAX_TEXT_BYTES)
        return gm_err_set(err, GM_LIMIT, "a text of %zu bytes is too long", n_bytes);
    if (special)
        status = append_ids(encoder, spec->prefix_ids, spec->n_prefix_ids, err);
    if (status == GM_OK)
        status = encode_document(encoder, (struct text){text, n_bytes}, err);
    if (status == GM_OK && special)
        status = append_ids(encoder, spec->suffix_ids, spec->n_suffix_ids, err);
    *ids = encoder->ids;
    *n_ids = status == GM_OK ? encoder->n_ids : 0;
    return status;
}
