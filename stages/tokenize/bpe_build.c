/* From a spec to the tables. Most of it is filling hash tables; what needs care is said beside it:
 * which characters are symbols (prefix and suffix), what tiktoken's pairs are, and the features
 * that are refused because ids could outnumber bytes. */
#include "tokenize/bpe_build.h"

#include "base/huge_pages.h"
#include "base/utf8.h"
#include "tokenize/bpe_cut.h"
#include "tokenize/bpe_seed.h"
#include <string.h>

#define MAX_CHARACTER_BYTES 4u
#define BATCH               32u
#define SHORT_BYTES         64u /* of tokens of any number of bytes below */
/* A token takes half a step on the average. */
#define MAX_STEPS 16u
#define MIN_STEPS 65536u

struct builder {
    const struct gm_spec *spec;
    struct gm_bpe bpe; /* view of what is there so far */
    struct gm_bpe_head *head;
    uint64_t *symbols;
    uint32_t *vocabulary;
    uint64_t n_steps;    /* over slots of vocabulary that are taken */
    struct gm_buf items; /* the pairs that merge, in order of ranks */
    uint64_t *lengths;   /* RANKS: a bit for each number of bytes that tokens have */
};

void gm_bpe_build_init(struct gm_bpe_build *build)
{
    memset(build, 0, sizeof *build);
}

void gm_bpe_build_free(struct gm_bpe_build *build)
{
    gm_buf_free(&build->head);
    gm_buf_free(&build->pairs);
    gm_buf_free(&build->pilots);
    gm_buf_free(&build->grid);
    gm_buf_free(&build->merged);
    gm_buf_free(&build->symbols);
    gm_buf_free(&build->vocabulary);
    gm_buf_free(&build->seeds);
    gm_buf_free(&build->cuts);
}

/* An array of n items, each byte of it fill, as the content of buf; NULL: no memory. */
static void *new_array(struct gm_buf *buf, size_t n, size_t item_bytes, int fill)
{
    gm_buf_init(buf);
    if (!gm_buf_reserve(buf, n * item_bytes + 1))
        return NULL;
    gm_huge_pages(buf->data, n * item_bytes);
    memset(buf->data, fill, n * item_bytes);
    buf->n_bytes = n * item_bytes;
    return buf->data;
}

static bool is_usable(const struct gm_spec_token *token)
{
    return !(token->flags & GM_SPEC_TOKEN_UNREACHABLE) && token->text.n_bytes > 0;
}

static void add_whole(struct builder *builder, uint32_t index, uint64_t hash)
{
    const struct gm_spec_token *token = &builder->spec->tokens[index];
    const uint8_t *bytes = gm_spec_bytes(builder->spec, token->text);
    size_t n = builder->bpe.n_vocabulary;
    size_t at = gm_hash_place(hash, n);

    for (; builder->vocabulary[at]; builder->n_steps++)
        at = at + 1 == n ? 0 : at + 1;
    builder->vocabulary[at] = gm_bpe_tagged(index + 1, hash);
    if (token->text.n_bytes > 15)
        builder->head->long_tokens[gm_bpe_long_bit(bytes) / 64] |= (uint64_t)1
                                                                   << gm_bpe_long_bit(bytes) % 64;
    if (token->text.n_bytes > builder->head->max_token_bytes)
        builder->head->max_token_bytes = token->text.n_bytes;
}

/* Asks for the slots of n tokens, then fills them. */
static void add_wholes(struct builder *builder, uint32_t first, uint32_t n)
{
    const struct gm_spec *spec = builder->spec;
    uint64_t hashes[BATCH];

    for (uint32_t i = 0; i < n; i++) {
        struct gm_spec_text text = spec->tokens[first + i].text;
        hashes[i] = gm_bpe_hash(gm_spec_bytes(spec, text), text.n_bytes);
        size_t at = gm_hash_place(hashes[i], builder->bpe.n_vocabulary);
        __builtin_prefetch(&builder->vocabulary[at], 1);
    }
    for (uint32_t i = 0; i < n; i++)
        if (is_usable(&spec->tokens[first + i]))
            add_whole(builder, first + i, hashes[i]);
}

static enum gm_status build_vocabulary(struct gm_bpe_build *build, struct builder *builder,
                                       struct gm_err *err)
{
    const struct gm_spec *spec = builder->spec;
    uint64_t max_steps = MIN_STEPS + MAX_STEPS * (uint64_t)spec->n_tokens;
    size_t n = 2 * (size_t)spec->n_tokens + 2;

    builder->vocabulary = new_array(&build->vocabulary, n, sizeof(uint32_t), 0);
    if (!builder->vocabulary)
        return GM_NOMEM;
    if (spec->model == GM_MODEL_RANKS || spec->flags & GM_SPEC_IGNORE_MERGES)
        builder->head->flags |= GM_BPE_WHOLE_PIECES;
    builder->bpe.n_vocabulary = n;
    builder->bpe.vocabulary = builder->vocabulary;
    for (uint32_t i = 0; i < spec->n_tokens; i += BATCH) {
        add_wholes(builder, i, spec->n_tokens - i < BATCH ? spec->n_tokens - i : BATCH);
        if (builder->n_steps > max_steps)
            return gm_err_set(err, GM_INPUT, "model.vocab: tokens that were chosen to collide");
    }
    return GM_OK;
}

/* The text between prefix and suffix of a token in this place; false: it does not have them. */
static bool strip(const struct gm_spec *spec, struct gm_spec_text text, unsigned place,
                  struct gm_spec_text *inner)
{
    struct gm_spec_text prefix = spec->word_prefix, suffix = spec->word_suffix;
    if (!(place & GM_BPE_LATER))
        prefix.n_bytes = 0;
    if (!(place & GM_BPE_LAST))
        suffix.n_bytes = 0;
    if (text.n_bytes <= (uint64_t)prefix.n_bytes + suffix.n_bytes)
        return false;
    inner->offset = text.offset + prefix.n_bytes;
    inner->n_bytes = text.n_bytes - prefix.n_bytes - suffix.n_bytes;
    struct gm_spec_text end = {inner->offset + inner->n_bytes, suffix.n_bytes};
    return !memcmp(gm_spec_bytes(spec, text), gm_spec_bytes(spec, prefix), prefix.n_bytes) &&
           !memcmp(gm_spec_bytes(spec, end), gm_spec_bytes(spec, suffix), suffix.n_bytes);
}

static void add_symbol(struct builder *builder, const struct gm_spec_token *token, unsigned place)
{
    const struct gm_spec *spec = builder->spec;
    struct gm_spec_text inner;
    size_t length = 1;
    if (!strip(spec, token->text, place, &inner))
        return;
    if (inner.n_bytes > (builder->head->flags & GM_BPE_BYTE_SYMBOLS ? 1u : MAX_CHARACTER_BYTES))
        return;
    const uint8_t *bytes = gm_spec_bytes(spec, inner);
    if (gm_utf8_valid_prefix(bytes, inner.n_bytes) != inner.n_bytes && inner.n_bytes > 1)
        return;
    uint32_t character = bytes[0];
    if (!(builder->head->flags & GM_BPE_BYTE_SYMBOLS) && inner.n_bytes > 1)
        character = gm_utf8_decode(bytes, &length);
    if (length != inner.n_bytes)
        return;
    if (character < 256) {
        builder->head->symbols[place][character] = token->id;
        return;
    }
    uint64_t key = gm_bpe_symbol_key(character, place);
    size_t n = builder->bpe.n_symbols, at = gm_hash_place(gm_bpe_mix(key), n);
    while (builder->symbols[at] != GM_BPE_EMPTY)
        at = at + 1 == n ? 0 : at + 1;
    builder->symbols[at] = key << GM_BPE_ID_BITS | token->id;
}

static enum gm_status build_symbols(struct gm_bpe_build *build, struct builder *builder)
{
    const struct gm_spec *spec = builder->spec;
    struct gm_bpe_head *head = builder->head;
    size_t n_long = 0;

    head->place_mask = (spec->word_prefix.n_bytes ? GM_BPE_LATER : 0) |
                       (spec->word_suffix.n_bytes ? GM_BPE_LAST : 0);
    memset(head->symbols, 0xFF, sizeof head->symbols);
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        n_long += spec->tokens[i].text.n_bytes > 1 &&
                  spec->tokens[i].text.n_bytes <=
                      4 + (uint64_t)spec->word_prefix.n_bytes + spec->word_suffix.n_bytes;
    if (head->flags & GM_BPE_BYTE_SYMBOLS)
        n_long = 0;
    builder->bpe.n_symbols = 2 * GM_BPE_PLACES * n_long + 2;
    if (!head->place_mask)
        builder->bpe.n_symbols = 2 * n_long + 2;
    builder->symbols = new_array(&build->symbols, builder->bpe.n_symbols, sizeof(uint64_t), 0xFF);
    if (!builder->symbols)
        return GM_NOMEM;
    builder->bpe.symbols = builder->symbols;
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        for (unsigned place = 0; place < GM_BPE_PLACES; place++)
            if ((place & head->place_mask) == place && is_usable(&spec->tokens[i]))
                add_symbol(builder, &spec->tokens[i], place);
    return GM_OK;
}

/* "<0x00>" .. "<0xFF>", in capitals. */
static int fallback_byte(const struct gm_spec *spec, const struct gm_spec_token *token)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *text = gm_spec_bytes(spec, token->text);
    if (token->text.n_bytes != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    const char *high = memchr(digits, text[3], 16), *low = memchr(digits, text[4], 16);
    return high && low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

static enum gm_status build_fallback(struct builder *builder, struct gm_err *err)
{
    const struct gm_spec *spec = builder->spec;
    struct gm_bpe_head *head = builder->head;
    unsigned n_found = 0;

    memset(head->byte_ids, 0xFF, sizeof head->byte_ids);
    if (!(spec->flags & GM_SPEC_BYTE_FALLBACK))
        return GM_OK;
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        int byte = fallback_byte(spec, &spec->tokens[i]);
        if (byte >= 0) {
            head->byte_ids[byte] = spec->tokens[i].id;
            n_found++;
        }
    }
    if (n_found == 0)
        return GM_OK;
    if (head->place_mask)
        return gm_err_set(err, GM_INPUT,
                          "model.byte_fallback: not supported together with "
                          "continuing_subword_prefix or end_of_word_suffix");
    if (!(head->flags & GM_BPE_BYTE_SYMBOLS)) {
        head->flags |= GM_BPE_FALLBACK;
        return GM_OK;
    }
    for (unsigned byte = 0; byte < 256; byte++)
        if (head->symbols[0][byte] == GM_NO_TOKEN)
            return gm_err_set(err, GM_INPUT,
                              "model.byte_fallback: not supported for a ByteLevel vocabulary "
                              "without a token for byte 0x%02X",
                              byte);
    return GM_OK;
}

static struct gm_bpe_pairs pairs_of(const struct builder *builder)
{
    return (struct gm_bpe_pairs){.items = (void *)builder->items.data,
                                 .n = builder->items.n_bytes / sizeof(uint64_t)};
}

static enum gm_status build_pairs(struct gm_bpe_build *build, struct builder *builder,
                                  struct gm_err *err)
{
    struct gm_bpe_pairs items = pairs_of(builder);
    enum gm_status status = gm_pair_table_build(items.items, items.n, &build->pairs, &build->pilots,
                                                &builder->bpe.pairs);
    builder->head->multiplier = builder->bpe.pairs.multiplier;
    return status == GM_INPUT
               ? gm_err_set(err, GM_INPUT, "model.merges: pairs that were chosen to collide")
               : status;
}

/* BPE: as listed; a later line wins over an earlier one with the same pair, as in the reference. */
static enum gm_status build_merges(struct gm_bpe_build *build, struct builder *builder,
                                   struct gm_err *err)
{
    const struct gm_spec *spec = builder->spec;

    if (spec->n_merges > GM_PAIR_MAX_RANK)
        return gm_err_set(err, GM_INPUT, "model.merges: %u merges, more than %u", spec->n_merges,
                          GM_PAIR_MAX_RANK);
    uint64_t *item = new_array(&builder->items, spec->n_merges, sizeof(uint64_t), 0);
    uint32_t *merged = new_array(&build->merged, (size_t)spec->n_merges + 1, sizeof(uint32_t), 0);
    enum gm_status status = item && merged ? GM_OK : GM_NOMEM;
    for (uint32_t i = 0; i < spec->n_merges && status == GM_OK; i++) {
        const struct gm_spec_merge *merge = &spec->merges[i];
        if (merge->left >= spec->n_ids || merge->right >= spec->n_ids ||
            merge->merged >= spec->n_ids)
            status = gm_err_set(err, GM_INPUT, "model.merges[%u]: an id above the vocabulary's", i);
        item[i] = gm_pair_key(merge->left, merge->right) << GM_PAIR_RANK_BITS | i;
        merged[i] = merge->merged;
    }
    builder->bpe.merged = merged;
    return status == GM_OK ? build_pairs(build, builder, err) : status;
}

/* Whether a token may have so many bytes. */
static bool has_length(const struct builder *builder, size_t n_bytes)
{
    return n_bytes < SHORT_BYTES || builder->lengths[n_bytes / 64] >> n_bytes % 64 & 1;
}

/* RANKS: every way to cut a token into two tokens. */
static void add_cuts(struct builder *builder, const struct gm_spec_token *token)
{
    const uint8_t *bytes = gm_spec_bytes(builder->spec, token->text);

    for (size_t cut = 1; cut < token->text.n_bytes; cut++) {
        /* Of a long one, each look-up takes as long as the part is. */
        if (!has_length(builder, cut) || !has_length(builder, token->text.n_bytes - cut))
            continue;
        uint32_t left = gm_bpe_whole(&builder->bpe, bytes, cut);
        if (left == GM_NO_TOKEN)
            continue;
        uint32_t right = gm_bpe_whole(&builder->bpe, bytes + cut, token->text.n_bytes - cut);
        if (right == GM_NO_TOKEN)
            continue;
        uint64_t item = gm_pair_key(left, right) << GM_PAIR_RANK_BITS | token->id;
        gm_buf_append(&builder->items, &item, sizeof item);
    }
}

static enum gm_status build_ranks(struct gm_bpe_build *build, struct builder *builder,
                                  struct gm_err *err)
{
    const struct gm_spec *spec = builder->spec;
    struct gm_buf lengths;

    for (unsigned byte = 0; byte < 256; byte++)
        if (builder->head->symbols[0][byte] == GM_NO_TOKEN)
            return gm_err_set(err, GM_INPUT, "no token for the single byte 0x%02X", byte);
    builder->lengths =
        new_array(&lengths, builder->head->max_token_bytes / 64 + 1, sizeof(uint64_t), 0);
    if (!builder->lengths)
        return GM_NOMEM;
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        uint32_t n_bytes = is_usable(&spec->tokens[i]) ? spec->tokens[i].text.n_bytes : 0;
        builder->lengths[n_bytes / 64] |= (uint64_t)1 << n_bytes % 64;
    }
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        if (is_usable(&spec->tokens[i]))
            add_cuts(builder, &spec->tokens[i]);
    gm_buf_free(&lengths);
    return builder->items.failed ? GM_NOMEM : build_pairs(build, builder, err);
}

static bool has_all_bytes(const struct gm_bpe_head *head)
{
    for (unsigned byte = 0; byte < 256; byte++)
        if (head->symbols[0][byte] == GM_NO_TOKEN)
            return false;
    return true;
}

/* Ranks of all pairs of bytes, if every byte has one symbol wherever it stands. */
static enum gm_status build_grid(struct gm_bpe_build *build, struct builder *builder)
{
    const uint32_t *symbols = builder->head->symbols[0];

    if (!(builder->head->flags & GM_BPE_BYTE_SYMBOLS) || builder->head->place_mask ||
        !has_all_bytes(builder->head))
        return GM_OK;
    uint32_t *grid = new_array(&build->grid, 65536, sizeof(uint32_t), 0xFF);
    if (!grid)
        return GM_NOMEM;
    for (unsigned left = 0; left < 256; left++)
        for (unsigned right = 0; right < 256; right++)
            grid[left << 8 | right] =
                gm_pair_rank(&builder->bpe.pairs, symbols[left], symbols[right]);
    builder->bpe.grid = grid;
    return GM_OK;
}

/* About sixteen bits for each pair of characters that tokens hold. */
static uint32_t cut_bits_for(const struct gm_spec *spec)
{
    uint32_t bits = 18;
    while (bits < 20 && spec->n_tokens >> bits)
        bits++;
    return bits;
}

static enum gm_status build_seeds(struct gm_bpe_build *build, struct builder *builder)
{
    struct gm_bpe_pairs pairs = pairs_of(builder);
    /* Where there are cuts, merges are what their texts say. */
    bool is_plain = build->cuts.n_bytes > 0 && builder->bpe.pairs.n_pairs == pairs.n;
    return gm_bpe_seed_build(&build->seeds, &builder->bpe, builder->spec->pool.n_bytes, pairs,
                             is_plain);
}

static void begin(struct builder *builder)
{
    const struct gm_spec *spec = builder->spec;

    builder->bpe.head = builder->head;
    builder->bpe.tokens = spec->tokens;
    builder->bpe.n_tokens = spec->n_tokens;
    builder->bpe.pool = spec->pool.data;
    builder->head->n_ids = spec->n_ids;
    builder->head->unk_id = spec->unk_id;
    builder->head->cut_bits = cut_bits_for(spec);
    if (spec->flags & GM_SPEC_BYTE_LEVEL || spec->model == GM_MODEL_RANKS)
        builder->head->flags |= GM_BPE_BYTE_SYMBOLS;
    if (spec->flags & GM_SPEC_FUSE_UNK)
        builder->head->flags |= GM_BPE_FUSE_UNK;
}

static enum gm_status build_tables(struct gm_bpe_build *build, struct builder *builder,
                                   struct gm_err *err)
{
    enum gm_status status;

    builder->head = new_array(&build->head, 1, sizeof(struct gm_bpe_head), 0);
    if (!builder->head)
        return GM_NOMEM;
    begin(builder);
    status = build_vocabulary(build, builder, err);
    if (status == GM_OK)
        status = build_symbols(build, builder);
    if (status == GM_OK)
        status = build_fallback(builder, err);
    if (status != GM_OK)
        return status;
    status = builder->spec->model == GM_MODEL_RANKS ? build_ranks(build, builder, err)
                                                    : build_merges(build, builder, err);
    if (status == GM_OK)
        status = build_grid(build, builder);
    if (status == GM_OK)
        status = gm_bpe_cut_build(&build->cuts, builder->spec, builder->head);
    return status == GM_OK ? build_seeds(build, builder) : status;
}

enum gm_status gm_bpe_build(struct gm_bpe_build *build, const struct gm_spec *spec,
                            struct gm_err *err)
{
    if (spec->n_ids > GM_BPE_MAX_ID)
        return gm_err_set(err, GM_INPUT, "ids up to %u, more than %u", spec->n_ids - 1,
                          GM_BPE_MAX_ID - 1);
    struct builder builder = {.spec = spec, .items = GM_BUF_INIT};
    enum gm_status status = build_tables(build, &builder, err);
    gm_buf_free(&builder.items);
    if (status == GM_NOMEM)
        return gm_err_set(err, GM_NOMEM, "no memory for the merge tables");
    return status;
}
