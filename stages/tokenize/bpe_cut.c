/* Finding units: the sets are filled from the tokens, and asked for each boundary of a text. */
#include "tokenize/bpe_cut.h"

#include <stdlib.h>
#include <string.h>

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* How long a character is that starts with this byte. */
static size_t promised_length(uint8_t byte)
{
    return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF8 ? 4 : 1;
}

/* The bytes from one that is not a continuation byte (but for the first of a text) to the next. */
struct segment {
    size_t n_bytes;
    uint32_t value; /* the bytes that belong to the character */
};

static inline struct segment segment_at(const uint8_t *text, const uint8_t *end)
{
    size_t promised = promised_length(*text);
    struct segment segment = {1, *text};

    for (; text + segment.n_bytes < end && is_continuation(text[segment.n_bytes]);
         segment.n_bytes++)
        if (segment.n_bytes < promised)
            segment.value |= (uint32_t)text[segment.n_bytes] << 8 * segment.n_bytes;
    return segment;
}

static size_t pair_bit(uint32_t before, uint32_t behind, unsigned n_bits)
{
    uint64_t pair = (uint64_t)before << 32 | behind;
    return (size_t)(pair * 0x9E3779B97F4A7C15u >> (64 - n_bits));
}

static bool has_bit(const uint64_t *bits, size_t at)
{
    return bits[at / 64] >> at % 64 & 1;
}

static void set_bit(uint64_t *bits, size_t at)
{
    bits[at / 64] |= (uint64_t)1 << at % 64;
}

/* Enters the boundaries of a token that merges make. */
static void add_token(uint64_t *sets, unsigned n_bits, const uint8_t *text, size_t n_bytes)
{
    const uint8_t *end = text + n_bytes, *at = text;
    struct segment before = segment_at(text, end), behind;
    bool is_part = is_continuation(*text);

    for (at += before.n_bytes; at < end; at += before.n_bytes) {
        behind = segment_at(at, end);
        is_part |= at + behind.n_bytes == end && behind.n_bytes < promised_length(*at);
        if (is_part || (at[-1] < 0x80 && *at < 0x80))
            set_bit(sets, (size_t)at[-1] << 8 | *at);
        else
            set_bit(sets + GM_BPE_JOINED_WORDS, pair_bit(before.value, behind.value, n_bits));
        before = behind;
        is_part = false;
    }
}

/* Every byte or character has a symbol of its own: none vanishes, none is fused with its neighbour.
 * A byte of a character that has no token of its own is one of the fallback's, but those of ASCII
 * may be characters that have one. */
static bool has_all_symbols(const struct gm_bpe_head *head)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_symbol = head->symbols[0][byte] != GM_NO_TOKEN;
        if (head->flags & GM_BPE_BYTE_SYMBOLS
                ? !is_symbol
                : head->byte_ids[byte] == GM_NO_TOKEN && !(byte < 0x80 && is_symbol))
            return false;
    }
    return true;
}

/* Tokens by id; NULL where there is none. NULL: no memory. */
static const struct gm_spec_token **tokens_by_id(const struct gm_spec *spec)
{
    const struct gm_spec_token **by_id = calloc((size_t)spec->n_ids + 1, sizeof *by_id);
    for (uint32_t i = 0; by_id && i < spec->n_tokens; i++)
        by_id[spec->tokens[i].id] = &spec->tokens[i];
    return by_id;
}

/* The result has the bytes of its parts. */
static bool is_plain_merge(const struct gm_spec *spec, const struct gm_spec_token *left,
                           const struct gm_spec_token *right, const struct gm_spec_token *merged)
{
    if (!left || !right || !merged ||
        (uint64_t)left->text.n_bytes + right->text.n_bytes != merged->text.n_bytes)
        return false;
    const uint8_t *bytes = gm_spec_bytes(spec, merged->text);
    return !memcmp(bytes, gm_spec_bytes(spec, left->text), left->text.n_bytes) &&
           !memcmp(bytes + left->text.n_bytes, gm_spec_bytes(spec, right->text),
                   right->text.n_bytes);
}

static bool add_merges(uint64_t *sets, const struct gm_spec *spec, const struct gm_bpe_head *head,
                       const struct gm_spec_token **by_id)
{
    /* A part that stands for a byte of an unknown character is not what its text says. */
    for (unsigned byte = 0; byte < 256 && head->flags & GM_BPE_FALLBACK; byte++)
        if (head->byte_ids[byte] != GM_NO_TOKEN)
            by_id[head->byte_ids[byte]] = NULL;
    for (uint32_t i = 0; i < spec->n_merges; i++) {
        const struct gm_spec_merge *merge = &spec->merges[i];
        const struct gm_spec_token *merged = by_id[merge->merged];
        if (!is_plain_merge(spec, by_id[merge->left], by_id[merge->right], merged))
            return false;
        if (i > 0 && merge->merged == merge[-1].merged)
            continue;
        add_token(sets, head->cut_bits, gm_spec_bytes(spec, merged->text), merged->text.n_bytes);
    }
    return true;
}

enum gm_status gm_bpe_cut_build(struct gm_buf *cuts, const struct gm_spec *spec,
                                const struct gm_bpe_head *head)
{
    size_t n_bytes = 8 * gm_bpe_cut_words(head->cut_bits);

    gm_buf_init(cuts);
    if (head->place_mask || !has_all_symbols(head))
        return GM_OK;
    if (!gm_buf_reserve(cuts, n_bytes))
        return GM_NOMEM;
    memset(cuts->data, 0, n_bytes);
    cuts->n_bytes = n_bytes;
    uint64_t *sets = (void *)cuts->data;
    if (spec->model == GM_MODEL_RANKS) {
        for (uint32_t i = 0; i < spec->n_tokens; i++)
            if (spec->tokens[i].text.n_bytes > 1)
                add_token(sets, head->cut_bits, gm_spec_bytes(spec, spec->tokens[i].text),
                          spec->tokens[i].text.n_bytes);
        return GM_OK;
    }
    const struct gm_spec_token **by_id = tokens_by_id(spec);
    if (!by_id)
        return GM_NOMEM;
    if (!add_merges(sets, spec, head, by_id))
        cuts->n_bytes = 0;
    free(by_id);
    return GM_OK;
}

size_t gm_bpe_cut(const struct gm_bpe *bpe, const uint8_t *text, size_t n_bytes)
{
    const uint64_t *joined = bpe->cuts, *pairs = bpe->cuts + GM_BPE_JOINED_WORDS;
    const uint8_t *end = text + n_bytes, *at = text;
    struct segment before = segment_at(text, end), behind;

    for (at += before.n_bytes; at < end; at += before.n_bytes) {
        behind = segment_at(at, end);
        if (!has_bit(joined, (size_t)at[-1] << 8 | *at) &&
            ((at[-1] < 0x80 && *at < 0x80) ||
             !has_bit(pairs, pair_bit(before.value, behind.value, bpe->head->cut_bits))))
            break;
        before = behind;
    }
    return (size_t)(at - text);
}
