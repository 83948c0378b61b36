/* From a spec to the tables. Most of it is filling hash tables; what needs care is said beside it:
 * which characters are symbols (prefix and suffix), what tiktoken's pairs are, and the features
 * that are refused because ids could outnumber bytes. */
#include "tokenize/bpe_build.h"

#include "base/huge_pages.h"
#include "base/utf8.h"
#include "tokenize/bpe_cut.h"
#include "tokenize/bpe_merge.h"
#include <string.h>

struct builder {
    const struct gm_spec *spec;
    struct gm_bpe bpe; /* view of what is there so far */
    struct gm_bpe_head *head;
    uint64_t *symbols;
    uint32_t *vocabulary;
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

static void add_whole(struct builder *builder, uint32_t index)
{
    const struct gm_spec_token *token = &builder->spec->tokens[index];
    const uint8_t *bytes = gm_spec_bytes(builder->spec, token->text);
    size_t n = builder->bpe.n_vocabulary;
    uint64_t hash = gm_bpe_hash(bytes, token->text.n_bytes);
    size_t at = gm_hash_place(hash, n);

    while (builder->vocabulary[at])
        at = at + 1 == n ? 0 : at + 1;
    builder->vocabulary[at] = gm_bpe_tagged(index + 1, hash);
    if (token->text.n_bytes > 15)
        builder->head->long_tokens[gm_bpe_long_bit(bytes) / 64] |= (uint64_t)1
                                                                   << gm_bpe_long_bit(bytes) % 64;
    if (token->text.n_bytes > builder->head->max_token_bytes)
        builder->head->max_token_bytes = token->text.n_bytes;
}

static enum gm_status build_vocabulary(struct gm_bpe_build *build, struct builder *builder)
{
    const struct gm_spec *spec = builder->spec;
    size_t n = 2 * (size_t)spec->n_tokens + 2;

    builder->vocabulary = new_array(&build->vocabulary, n, sizeof(uint32_t), 0);
    if (!builder->vocabulary)
        return GM_NOMEM;
    if (spec->model == GM_MODEL_RANKS || spec->flags & GM_SPEC_IGNORE_MERGES)
        builder->head->flags |= GM_BPE_WHOLE_PIECES;
    builder->bpe.n_vocabulary = n;
    builder->bpe.vocabulary = builder->vocabulary;
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        if (is_usable(&spec->tokens[i]))
            add_whole(builder, i);
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

static enum gm_status build_pairs(struct gm_bpe_build *build, struct builder *builder,
                                  const uint64_t *items, size_t n_items, struct gm_err *err)
{
    struct gm_pair_table *pairs = &builder->bpe.pairs;
    enum gm_status status = gm_pair_table_build(items, n_items, &build->pairs, &build->pilots,
                                                &builder->head->multiplier);
    if (status == GM_INPUT)
        return gm_err_set(err, GM_INPUT, "model.merges: pairs that were chosen to collide");
    pairs->slots = (void *)build->pairs.data;
    pairs->n_slots = build->pairs.n_bytes / sizeof(uint64_t);
    pairs->pilots = (void *)build->pilots.data;
    pairs->n_pilots = build->pilots.n_bytes / sizeof(uint16_t);
    pairs->multiplier = builder->head->multiplier;
    return status;
}

/* BPE: as listed; a later line wins over an earlier one with the same pair, as in the reference. */
static enum gm_status build_merges(struct gm_bpe_build *build, struct builder *builder,
                                   struct gm_err *err)
{
    const struct gm_spec *spec = builder->spec;
    struct gm_buf items;

    if (spec->n_merges > GM_PAIR_MAX_RANK)
        return gm_err_set(err, GM_INPUT, "model.merges: %u merges, more than %u", spec->n_merges,
                          GM_PAIR_MAX_RANK);
    uint64_t *item = new_array(&items, spec->n_merges, sizeof(uint64_t), 0);
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
    if (status == GM_OK)
        status = build_pairs(build, builder, item, spec->n_merges, err);
    gm_buf_free(&items);
    return status;
}

/* RANKS: every way to cut a token into two tokens. */
static void add_cuts(const struct builder *builder, const struct gm_spec_token *token,
                     struct gm_buf *items)
{
    const uint8_t *bytes = gm_spec_bytes(builder->spec, token->text);

    for (size_t cut = 1; cut < token->text.n_bytes; cut++) {
        uint32_t left = gm_bpe_whole(&builder->bpe, bytes, cut);
        if (left == GM_NO_TOKEN)
            continue;
        uint32_t right = gm_bpe_whole(&builder->bpe, bytes + cut, token->text.n_bytes - cut);
        if (right == GM_NO_TOKEN)
            continue;
        uint64_t item = gm_pair_key(left, right) << GM_PAIR_RANK_BITS | token->id;
        gm_buf_append(items, &item, sizeof item);
    }
}

static enum gm_status build_ranks(struct gm_bpe_build *build, struct builder *builder,
                                  struct gm_err *err)
{
    const struct gm_spec *spec = builder->spec;
    struct gm_buf items = GM_BUF_INIT;

    for (unsigned byte = 0; byte < 256; byte++)
        if (builder->head->symbols[0][byte] == GM_NO_TOKEN)
            return gm_err_set(err, GM_INPUT, "no token for the single byte 0x%02X", byte);
    for (uint32_t i = 0; i < spec->n_tokens; i++)
        if (is_usable(&spec->tokens[i]))
            add_cuts(builder, &spec->tokens[i], &items);
    enum gm_status status = items.failed ? GM_NOMEM
                                         : build_pairs(build, builder, (void *)items.data,
                                                       items.n_bytes / sizeof(uint64_t), err);
    gm_buf_free(&items);
    return status;
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

/* Tokens that come out of merges alone, so that they may stand in a word cache for pieces and parts
 * of pieces: several are merged at a time, those of a few bytes as words, the others as windows. */
struct seeder {
    const struct gm_bpe *bpe;
    uint64_t *seeds;
    struct gm_bpe_word words[GM_BPE_MERGE_WORDS];
    struct gm_bpe_window windows[GM_BPE_MERGE_WORDS];
    uint32_t symbols[GM_BPE_MERGE_WORDS][GM_BPE_SCAN_MAX];
    size_t word_indices[GM_BPE_MERGE_WORDS], window_indices[GM_BPE_MERGE_WORDS];
    size_t n_words, n_windows;
};

static void set_seed(struct seeder *seeder, size_t index, size_t n_ids, uint32_t id)
{
    if (n_ids == 1 && id == seeder->bpe->tokens[index].id)
        seeder->seeds[index / 64] |= (uint64_t)1 << index % 64;
}

static void flush_words(struct seeder *seeder)
{
    struct gm_bpe_word *words[GM_BPE_MERGE_WORDS];

    for (size_t i = 0; i < seeder->n_words; i++)
        words[i] = &seeder->words[i];
    gm_bpe_merge_words(seeder->bpe, words, seeder->n_words);
    for (size_t i = 0; i < seeder->n_words; i++)
        if (words[i]->n_unknown == 0)
            set_seed(seeder, seeder->word_indices[i], words[i]->n_ids, words[i]->ids[0]);
    seeder->n_words = 0;
}

static void flush_windows(struct seeder *seeder)
{
    gm_bpe_merge_windows(seeder->bpe, seeder->windows, seeder->n_windows);
    for (size_t i = 0; i < seeder->n_windows; i++)
        set_seed(seeder, seeder->window_indices[i], seeder->windows[i].left == 1 ? 1 : 0,
                 seeder->symbols[i][0]);
    seeder->n_windows = 0;
}

static void add_seed(struct seeder *seeder, size_t index)
{
    const struct gm_spec_token *token = &seeder->bpe->tokens[index];
    const uint8_t *bytes = seeder->bpe->pool + token->text.offset;
    size_t n_bytes = token->text.n_bytes, n = seeder->n_windows;
    uint64_t n_unknown = 0;

    if (n_bytes <= GM_BPE_WORD_BYTES) {
        seeder->word_indices[seeder->n_words] = index;
        seeder->words[seeder->n_words++] = (struct gm_bpe_word){.bytes = bytes, .n_bytes = n_bytes};
        if (seeder->n_words == GM_BPE_MERGE_WORDS)
            flush_words(seeder);
        return;
    }
    if (n_bytes > GM_BPE_SCAN_MAX)
        return;
    seeder->windows[n].ids = seeder->symbols[n];
    seeder->windows[n].n =
        gm_bpe_symbols(seeder->bpe, bytes, n_bytes, seeder->symbols[n], &n_unknown);
    if (n_unknown > 0 || seeder->windows[n].n == 0)
        return;
    seeder->window_indices[seeder->n_windows++] = index;
    if (seeder->n_windows == GM_BPE_MERGE_WORDS)
        flush_windows(seeder);
}

static enum gm_status build_seeds(struct gm_bpe_build *build, struct builder *builder)
{
    const struct gm_bpe *bpe = &builder->bpe;
    struct seeder seeder;

    seeder.bpe = bpe;
    seeder.n_words = seeder.n_windows = 0;
    seeder.seeds = new_array(&build->seeds, bpe->n_tokens / 64 + 1, sizeof(uint64_t), 0);
    if (!seeder.seeds)
        return GM_NOMEM;
    for (size_t i = 0; i < bpe->n_tokens; i++)
        if (is_usable(&bpe->tokens[i]))
            add_seed(&seeder, i);
    flush_words(&seeder);
    flush_windows(&seeder);
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

static enum gm_status build_tables(struct gm_bpe_build *build, const struct gm_spec *spec,
                                   struct gm_err *err)
{
    struct builder builder = {.spec = spec,
                              .head = new_array(&build->head, 1, sizeof(struct gm_bpe_head), 0)};
    enum gm_status status;

    if (!builder.head)
        return GM_NOMEM;
    builder.bpe.head = builder.head;
    builder.bpe.tokens = spec->tokens;
    builder.bpe.n_tokens = spec->n_tokens;
    builder.bpe.pool = spec->pool.data;
    builder.head->n_ids = spec->n_ids;
    builder.head->unk_id = spec->unk_id;
    if (spec->flags & GM_SPEC_BYTE_LEVEL || spec->model == GM_MODEL_RANKS)
        builder.head->flags |= GM_BPE_BYTE_SYMBOLS;
    if (spec->flags & GM_SPEC_FUSE_UNK)
        builder.head->flags |= GM_BPE_FUSE_UNK;
    status = build_vocabulary(build, &builder);
    if (status == GM_OK)
        status = build_symbols(build, &builder);
    if (status == GM_OK)
        status = build_fallback(&builder, err);
    if (status != GM_OK)
        return status;
    status = spec->model == GM_MODEL_RANKS ? build_ranks(build, &builder, err)
                                           : build_merges(build, &builder, err);
    if (status == GM_OK)
        status = build_grid(build, &builder);
    if (status == GM_OK)
        status = build_seeds(build, &builder);
    if (status != GM_OK)
        return status;
    builder.head->cut_bits = cut_bits_for(spec);
    return gm_bpe_cut_build(&build->cuts, spec, builder.head);
}

enum gm_status gm_bpe_build(struct gm_bpe_build *build, const struct gm_spec *spec,
                            struct gm_err *err)
{
    if (spec->n_ids > GM_BPE_MAX_ID)
        return gm_err_set(err, GM_INPUT, "ids up to %u, more than %u", spec->n_ids - 1,
                          GM_BPE_MAX_ID - 1);
    enum gm_status status = build_tables(build, spec, err);
    if (status == GM_NOMEM)
        return gm_err_set(err, GM_NOMEM, "no memory for the merge tables");
    return status;
}
