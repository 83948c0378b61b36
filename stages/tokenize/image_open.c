/* Opening an image. The sum finds accidents; an adversary can compute it, so every number that is
 * used as an index or ends a loop is checked, too: offsets, ids, ranks, and that hash tables have
 * an empty slot. What remains can give wrong ids, but no access out of bounds. */
#include "tokenize/image.h"

#include "tokenize/bpe_cut.h"
#include "tokenize/image_format.h"
#include <stdlib.h>
#include <string.h>

struct gm_image {
    const struct gm_image_header *header;
    struct gm_spec spec;
    struct gm_bpe bpe;
    bool has_bpe;
};

static const void *section(const struct gm_image *image, enum gm_section_kind kind)
{
    return (const uint8_t *)image->header + image->header->sections[kind].offset;
}

static const size_t item_bytes[] = {
#define X(name, bytes) bytes,
    GM_SECTION_TABLE(X)
#undef X
};

static size_t count(const struct gm_image *image, enum gm_section_kind kind)
{
    return image->header->sections[kind].n_bytes / item_bytes[kind];
}

/* NULL: all sections lie in the image and hold whole items. */
static const char *check_sections(const struct gm_image_header *header)
{
    for (int i = 0; i < GM_SECTION_COUNT; i++) {
        uint64_t offset = header->sections[i].offset, n_bytes = header->sections[i].n_bytes;
        if (offset % GM_IMAGE_ALIGN || offset < GM_IMAGE_ALIGN || offset > header->n_bytes ||
            n_bytes > header->n_bytes - offset)
            return "a section that is outside of the image";
        if (n_bytes % item_bytes[i] || n_bytes / item_bytes[i] > UINT32_MAX)
            return "a section of a wrong size";
    }
    if (header->sections[GM_SECTION_SPEC].n_bytes != sizeof(struct gm_image_spec))
        return "a section of a wrong size";
    return NULL;
}

static const char *check_header(const struct gm_image_header *header, size_t n_bytes)
{
    if (n_bytes < GM_IMAGE_ALIGN ||
        memcmp(header->magic, GM_IMAGE_MAGIC, sizeof header->magic) != 0)
        return "not a tokenizer image";
    if (header->version != GM_IMAGE_VERSION)
        return "an image of another version";
    if (header->n_bytes != n_bytes)
        return "a truncated image";
    struct gm_hash128 check =
        gm_xxh128((const uint8_t *)header + GM_IMAGE_CHECK_FROM, n_bytes - GM_IMAGE_CHECK_FROM);
    if (header->check[0] != check.low || header->check[1] != check.high)
        return "a damaged image (checksum)";
    if (header->scheme >= GM_SCHEME_COUNT)
        return "an unknown split scheme";
    return check_sections(header);
}

static void view_spec(struct gm_image *image)
{
    const struct gm_image_spec *fields = section(image, GM_SECTION_SPEC);
    struct gm_spec *spec = &image->spec;

    spec->model = fields->model;
    spec->flags = fields->flags;
    spec->n_ids = fields->n_ids;
    spec->n_merges = fields->n_merges;
    spec->unk_id = fields->unk_id;
    spec->max_chars_per_word = fields->max_chars_per_word;
    spec->word_prefix = fields->word_prefix;
    spec->word_suffix = fields->word_suffix;
    spec->tokens = (void *)section(image, GM_SECTION_TOKENS);
    spec->n_tokens = (uint32_t)count(image, GM_SECTION_TOKENS);
    spec->added = (void *)section(image, GM_SECTION_ADDED);
    spec->n_added = (uint32_t)count(image, GM_SECTION_ADDED);
    spec->normalizers = (void *)section(image, GM_SECTION_NORMALIZERS);
    spec->n_normalizers = (uint32_t)count(image, GM_SECTION_NORMALIZERS);
    spec->pretokenizers = (void *)section(image, GM_SECTION_PRETOKENIZERS);
    spec->n_pretokenizers = (uint32_t)count(image, GM_SECTION_PRETOKENIZERS);
    spec->decoders = (void *)section(image, GM_SECTION_DECODERS);
    spec->n_decoders = (uint32_t)count(image, GM_SECTION_DECODERS);
    spec->prefix_ids = (void *)section(image, GM_SECTION_PREFIX_IDS);
    spec->n_prefix_ids = (uint32_t)count(image, GM_SECTION_PREFIX_IDS);
    spec->suffix_ids = (void *)section(image, GM_SECTION_SUFFIX_IDS);
    spec->n_suffix_ids = (uint32_t)count(image, GM_SECTION_SUFFIX_IDS);
    spec->pool.data = (void *)section(image, GM_SECTION_POOL);
    spec->pool.n_bytes = spec->pool.capacity_bytes = count(image, GM_SECTION_POOL);
}

static bool is_in_pool(const struct gm_spec *spec, struct gm_spec_text text)
{
    return (uint64_t)text.offset + text.n_bytes <= spec->pool.n_bytes;
}

static bool are_ids(const uint32_t *ids, size_t n, uint32_t n_ids)
{
    uint32_t greatest = 0;
    for (size_t i = 0; i < n; i++)
        greatest = ids[i] > greatest ? ids[i] : greatest;
    return n == 0 || greatest < n_ids;
}

static bool are_ops(const struct gm_spec *spec, const struct gm_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_in_pool(spec, ops[i].a) || !is_in_pool(spec, ops[i].b))
            return false;
    return true;
}

static const char *check_tokens(const struct gm_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        const struct gm_spec_token *token = &spec->tokens[i];
        if (!is_in_pool(spec, token->text) || token->id >= spec->n_ids ||
            (i > 0 && token->id <= token[-1].id))
            return "tokens that are not in order";
    }
    for (uint32_t i = 0; i < spec->n_added; i++)
        if (!is_in_pool(spec, spec->added[i].content) || spec->added[i].content.n_bytes == 0 ||
            spec->added[i].id >= spec->n_ids)
            return "added tokens that are not in order";
    return NULL;
}

static const char *check_spec(const struct gm_spec *spec)
{
    if (spec->model >= GM_MODEL_COUNT || spec->n_ids > INT32_MAX)
        return "an unknown model";
    if (spec->unk_id != GM_NO_TOKEN && spec->unk_id >= spec->n_ids)
        return "an unknown token that is not in the vocabulary";
    if (!is_in_pool(spec, spec->word_prefix) || !is_in_pool(spec, spec->word_suffix) ||
        !are_ops(spec, spec->normalizers, spec->n_normalizers) ||
        !are_ops(spec, spec->pretokenizers, spec->n_pretokenizers) ||
        !are_ops(spec, spec->decoders, spec->n_decoders))
        return "text that is outside of the image";
    if (!are_ids(spec->prefix_ids, spec->n_prefix_ids, spec->n_ids) ||
        !are_ids(spec->suffix_ids, spec->n_suffix_ids, spec->n_ids))
        return "ids of the post-processor that are not in the vocabulary";
    return check_tokens(spec);
}

static bool are_ids_or_none(const uint32_t *ids, size_t n, uint32_t n_ids)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] != GM_NO_TOKEN && ids[i] >= n_ids)
            return false;
    return true;
}

static const char *check_head(const struct gm_bpe *bpe, uint32_t n_ids)
{
    const struct gm_bpe_head *head = bpe->head;

    if (head->n_ids != n_ids || n_ids > GM_BPE_MAX_ID || head->place_mask >= GM_BPE_PLACES ||
        !are_ids_or_none(head->symbols[0], GM_BPE_PLACES * 256, n_ids) ||
        !are_ids_or_none(head->byte_ids, 256, n_ids) || !are_ids_or_none(&head->unk_id, 1, n_ids))
        return "merge tables that do not belong to the vocabulary";
    return NULL;
}

/* The ids of symbols are in the vocabulary, and a slot is empty. */
static bool are_symbols(const struct gm_bpe *bpe, uint32_t n_ids)
{
    bool has_empty = false;
    for (size_t i = 0; i < bpe->n_symbols; i++) {
        uint64_t slot = bpe->symbols[i];
        if (slot != GM_BPE_EMPTY && (slot & (((uint64_t)1 << GM_BPE_ID_BITS) - 1)) >= n_ids)
            return false;
        has_empty |= slot == GM_BPE_EMPTY;
    }
    return has_empty;
}

/* Ranks, and a symbol for every byte. */
static bool is_grid(const struct gm_bpe *bpe, uint64_t n_ranks)
{
    for (size_t i = 0; i < 65536; i++)
        if (bpe->grid[i] != GM_BPE_NO_RANK && bpe->grid[i] >= n_ranks)
            return false;
    for (size_t i = 0; i < 256; i++)
        if (bpe->head->symbols[0][i] == GM_NO_TOKEN)
            return false;
    return true;
}

/* Ids, too: merging relies on pairs with what stands for no symbol not being there. */
static bool are_pairs(const struct gm_bpe *bpe, uint64_t n_ranks, uint32_t n_ids)
{
    const struct gm_pair_table *pairs = &bpe->pairs;
    const uint64_t id_mask = ((uint64_t)1 << GM_PAIR_ID_BITS) - 1;
    bool are_good = pairs->n_slots > 0 && pairs->n_pilots > 0;
    for (size_t i = 0; i < pairs->n_slots; i++) {
        uint64_t slot = pairs->slots[i], key = slot >> GM_PAIR_RANK_BITS;
        bool is_good = (slot & GM_PAIR_MAX_RANK) < n_ranks && (key & id_mask) < n_ids &&
                       key >> GM_PAIR_ID_BITS < n_ids;
        are_good &= is_good || slot == GM_PAIR_EMPTY;
    }
    return are_good && (!bpe->grid || is_grid(bpe, n_ranks));
}

static const char *check_tables(const struct gm_bpe *bpe, uint32_t n_ids)
{
    size_t n_zero = 0;
    uint32_t greatest = 0;

    if (!are_pairs(bpe, bpe->merged ? bpe->n_merged : n_ids, n_ids) ||
        (bpe->merged && !are_ids(bpe->merged, bpe->n_merged, n_ids)))
        return "merge tables that contradict themselves";
    if (!are_symbols(bpe, n_ids))
        return "symbols that contradict themselves";
    for (size_t i = 0; i < bpe->n_vocabulary; i++) {
        uint32_t index = gm_bpe_untagged(bpe->vocabulary[i]);
        n_zero += bpe->vocabulary[i] == 0;
        greatest = index > greatest ? index : greatest;
    }
    if (n_zero == 0 || greatest > bpe->n_tokens)
        return "a table of tokens that contradicts itself";
    return NULL;
}

static const char *view_bpe(struct gm_image *image)
{
    struct gm_bpe *bpe = &image->bpe;

    if (image->spec.model != GM_MODEL_BPE && image->spec.model != GM_MODEL_RANKS)
        return NULL;
    if (count(image, GM_SECTION_BPE) != 1)
        return "no merge tables";
    image->has_bpe = true;
    bpe->head = section(image, GM_SECTION_BPE);
    bpe->pairs.slots = section(image, GM_SECTION_PAIRS);
    bpe->pairs.n_slots = count(image, GM_SECTION_PAIRS);
    bpe->pairs.pilots = section(image, GM_SECTION_PILOTS);
    bpe->pairs.n_pilots = count(image, GM_SECTION_PILOTS);
    bpe->pairs.multiplier = bpe->head->multiplier;
    bpe->grid = count(image, GM_SECTION_GRID) ? section(image, GM_SECTION_GRID) : NULL;
    bpe->n_merged = count(image, GM_SECTION_MERGED);
    bpe->merged = bpe->n_merged ? section(image, GM_SECTION_MERGED) : NULL;
    bpe->symbols = section(image, GM_SECTION_SYMBOLS);
    bpe->n_symbols = count(image, GM_SECTION_SYMBOLS);
    bpe->vocabulary = section(image, GM_SECTION_VOCABULARY);
    bpe->n_vocabulary = count(image, GM_SECTION_VOCABULARY);
    bpe->seeds = section(image, GM_SECTION_SEEDS);
    bpe->cuts = count(image, GM_SECTION_CUTS) ? section(image, GM_SECTION_CUTS) : NULL;
    bpe->tokens = image->spec.tokens;
    bpe->n_tokens = image->spec.n_tokens;
    bpe->pool = image->spec.pool.data;
    const char *wrong = check_head(bpe, image->spec.n_ids);
    if (count(image, GM_SECTION_SEEDS) < (bpe->n_tokens + 63) / 64)
        return "no seeds";
    if (bpe->cuts &&
        (bpe->head->cut_bits < GM_BPE_MIN_CUT_BITS || bpe->head->cut_bits > GM_BPE_MAX_CUT_BITS ||
         count(image, GM_SECTION_CUTS) != gm_bpe_cut_words(bpe->head->cut_bits)))
        return "cuts of a wrong size";
    return wrong ? wrong : check_tables(bpe, image->spec.n_ids);
}

enum gm_status gm_image_open(struct gm_image **image, const void *data, size_t n_bytes,
                             const uint8_t *source_digest, struct gm_err *err)
{
    const struct gm_image_header *header = data;

    *image = NULL;
    GM_ASSERT((uintptr_t)data % 8 == 0);
    const char *wrong = check_header(header, n_bytes);
    if (wrong)
        return gm_err_set(err, GM_INPUT, "%s", wrong);
    if (source_digest && memcmp(header->source_digest, source_digest, GM_SHA256_BYTES) != 0)
        return gm_err_set(err, GM_AGAIN, "an image of another tokenizer file");
    struct gm_image *made = calloc(1, sizeof *made);
    if (!made)
        return gm_err_set(err, GM_NOMEM, "no memory for a tokenizer image");
    made->header = header;
    view_spec(made);
    wrong = check_spec(&made->spec);
    if (!wrong)
        wrong = view_bpe(made);
    if (wrong) {
        free(made);
        return gm_err_set(err, GM_INPUT, "an image with %s", wrong);
    }
    *image = made;
    return GM_OK;
}

void gm_image_free(struct gm_image *image)
{
    free(image);
}

const struct gm_spec *gm_image_spec(const struct gm_image *image)
{
    return &image->spec;
}

const uint8_t *gm_image_source_digest(const struct gm_image *image)
{
    return image->header->source_digest;
}

enum gm_scheme gm_image_scheme(const struct gm_image *image)
{
    return (enum gm_scheme)image->header->scheme;
}

const struct gm_bpe *gm_image_bpe(const struct gm_image *image)
{
    return image->has_bpe ? &image->bpe : NULL;
}
