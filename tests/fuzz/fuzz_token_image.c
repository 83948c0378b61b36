/* Hostile images: they are refused, or using them stays inside of them and gives ids of the
 * vocabulary. They are used as a worker uses them, by the tokenizer, and piece by piece. The input
 * is patches of good images, five bytes each: offset from the start of the section (three bytes,
 * little-endian), section, value. The checksum is made right again. A byte more, at the end,
 * chooses one kind of image; else it is all of them. */
#include "token_spec.h"
#include "tokenize/image_format.h"
#include "tokenize/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char text[] =
    "the cat \xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD sat bath <s> 12, "
    "X\xC3\xA9!\n "
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

enum kind { KIND_BPE, KIND_RANKS, KIND_UNIGRAM, KIND_COUNT };

static void put_ops(struct gm_op **ops, uint32_t *n_ops, const struct gm_op *wanted, size_t n)
{
    *ops = calloc(n, sizeof **ops);
    GM_ASSERT(*ops);
    memcpy(*ops, wanted, n * sizeof **ops);
    *n_ops = (uint32_t)n;
}
#define PUT_OPS(spec, field, ...)                                                                  \
    put_ops(&(spec)->field, &(spec)->n_##field, (const struct gm_op[]){__VA_ARGS__},               \
            sizeof((const struct gm_op[]){__VA_ARGS__}) / sizeof(struct gm_op))

static void put_steps(struct gm_spec *spec, enum kind kind)
{
    struct gm_spec_text mark = token_spec_text(spec, "\xE2\x96\x81", 3);
    PUT_OPS(spec, normalizers, {.kind = GM_OP_PREPEND, .a = token_spec_text(spec, "_", 1)});
    if (kind != KIND_UNIGRAM) {
        PUT_OPS(spec, decoders, {.kind = GM_OP_DECODE_BYTE_LEVEL});
        return;
    }
    PUT_OPS(spec, pretokenizers,
            {.kind = GM_OP_PRE_SPLIT,
             .flags = GM_OP_REGEX,
             .value = GM_SPLIT_ISOLATED,
             .a = token_spec_text(spec, "[a-c]+|\\d", 9)},
            {.kind = GM_OP_PRE_METASPACE, .flags = GM_OP_SPLIT, .value = 2, .a = mark});
    PUT_OPS(spec, decoders, {.kind = GM_OP_DECODE_REPLACE, .a = mark, .b = mark},
            {.kind = GM_OP_DECODE_STRIP, .a = token_spec_text(spec, " ", 1), .value = 1});
}

static void make_spec(struct gm_spec *spec, enum kind kind)
{
    static const enum gm_model_kind models[] = {GM_MODEL_BPE, GM_MODEL_RANKS, GM_MODEL_UNIGRAM};
    token_spec_init(spec, models[kind], kind == KIND_UNIGRAM ? 0 : GM_SPEC_BYTE_LEVEL);
    if (kind == KIND_UNIGRAM)
        spec->unk_id = token_spec_add_text(spec, "?");
    else
        token_spec_add_bytes(spec);
    token_spec_add_text(spec, "th");
    token_spec_add_text(spec, "the");
    token_spec_add_text(spec, "aaaaaaaaaaaaaaaaaaaa");
    if (kind == KIND_BPE) {
        token_spec_merge(spec, "t", "h");
        token_spec_merge(spec, "th", "e");
        token_spec_merge(spec, "a", "a");
        token_spec_merge(spec, "aa", "aa");
        spec->flags |= GM_SPEC_IGNORE_MERGES;
    }
    spec->added = calloc(1, sizeof *spec->added);
    GM_ASSERT(spec->added);
    spec->added[0] = (struct gm_spec_added){token_spec_text(spec, "<s>", 3), spec->n_ids++, 0};
    spec->n_added = 1;
    put_steps(spec, kind);
}

static void patch(uint8_t *bytes, size_t n_image, const uint8_t *data, size_t n_bytes)
{
    const struct gm_image_header *header = (const void *)bytes;
    struct gm_section sections[GM_SECTION_COUNT];

    memcpy(sections, header->sections, sizeof sections);
    for (; n_bytes >= 5; data += 5, n_bytes -= 5) {
        size_t offset = data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16;
        size_t section = data[3] % (GM_SECTION_COUNT + 1u);
        if (section < GM_SECTION_COUNT)
            offset += sections[section].offset;
        if (offset < n_image)
            bytes[offset] = data[4];
    }
    token_image_seal(bytes, n_image);
}

static unsigned touch(struct gm_spec_text where, const struct gm_spec *spec)
{
    unsigned sum = 0;
    for (uint32_t i = 0; i < where.n_bytes; i++)
        sum += gm_spec_bytes(spec, where)[i];
    return sum;
}

static unsigned use(const struct gm_image *image)
{
    const struct gm_spec *spec = gm_image_spec(image);
    const struct gm_bpe *bpe = gm_image_bpe(image);
    uint32_t ids[sizeof text], ends[] = {3, 4, 7, 8, 23, 24, 27, 28, 32, 33, 36, sizeof text - 1};
    unsigned sum = touch(spec->word_prefix, spec) + touch(spec->word_suffix, spec);

    for (uint32_t i = 0; i < spec->n_tokens; i++)
        sum += touch(spec->tokens[i].text, spec);
    for (uint32_t i = 0; i < spec->n_added; i++)
        sum += touch(spec->added[i].content, spec);
    for (uint32_t i = 0; i < spec->n_normalizers; i++)
        sum += touch(spec->normalizers[i].a, spec) + touch(spec->normalizers[i].b, spec);
    for (int kept = 0; bpe && kept < 2; kept++) {
        struct gm_bpe_cache *cache = gm_bpe_cache_new(bpe, kept ? 1 << 16 : 0);
        GM_ASSERT(cache);
        for (int pass = 0; pass < 2; pass++) {
            size_t n = gm_bpe_encode(cache, (const uint8_t *)text, sizeof text - 1, 0, ends,
                                     GM_ARRAY_LEN(ends), ids);
            GM_ASSERT(n < sizeof text);
            for (size_t i = 0; i < n; i++)
                GM_ASSERT(ids[i] < spec->n_ids);
        }
        gm_bpe_cache_free(cache);
    }
    return sum;
}

static void decode(const struct gm_tokenizer *tokenizer, const uint32_t *ids, size_t n_ids)
{
    struct gm_buf decoded = GM_BUF_INIT;
    struct gm_err err = {0};
    enum gm_status status =
        gm_decode(tokenizer, ids, n_ids, GM_DECODE_SKIP_SPECIAL, &decoded, &err);
    GM_ASSERT(status == GM_OK || err.text[0] != '\0');
    gm_buf_free(&decoded);
}

/* What a worker does with an image that it is given. */
static void work(const void *image, size_t n_bytes)
{
    static const struct gm_encoder_opts opts = {
        .flags = GM_ENCODE_SPECIAL_TOKENS, .cache_bytes = 1 << 16, .tier = GM_TIER_COUNT};
    struct gm_tokenizer *tokenizer;
    struct gm_encoder *encoder = NULL;
    struct gm_err err = {0};
    const uint32_t *ids;
    size_t n_ids;

    if (gm_tokenizer_open_image(&tokenizer, image, n_bytes, &err) != GM_OK) {
        GM_ASSERT(err.text[0] != '\0' && !tokenizer);
        return;
    }
    (void)gm_tokenizer_id(tokenizer, "<s>", 3);
    GM_ASSERT(gm_encoder_new(&encoder, tokenizer, &opts, &err) == GM_OK);
    for (int pass = 0; pass < 2; pass++)
        if (gm_encode(encoder, text, sizeof text - 1, &ids, &n_ids, &err) == GM_OK) {
            for (size_t i = 0; i < n_ids; i++)
                GM_ASSERT(ids[i] < gm_tokenizer_spec(tokenizer)->n_ids);
            decode(tokenizer, ids, n_ids);
        }
    gm_encoder_free(encoder);
    gm_tokenizer_free(tokenizer);
}

/* The good image of a kind; made once. */
static const struct gm_buf *good_image(enum kind kind)
{
    static const uint8_t digest[GM_SHA256_BYTES];
    static struct gm_buf images[KIND_COUNT];
    struct gm_spec spec;
    struct gm_err err;

    if (images[kind].n_bytes == 0) {
        make_spec(&spec, kind);
        GM_ASSERT(gm_image_build(&spec, kind == KIND_UNIGRAM ? GM_SCHEME_NONE : GM_SCHEME_GPT2,
                                 digest, &images[kind], &err) == GM_OK);
        token_spec_free(&spec);
    }
    return &images[kind];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static volatile unsigned sum; /* so that what is read counts */
    enum kind only = n_bytes % 5 == 1 ? data[n_bytes - 1] % KIND_COUNT : KIND_COUNT;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        if (only != KIND_COUNT && kind != only)
            continue;
        const struct gm_buf *good = good_image(kind);
        struct gm_image *image;
        struct gm_err err;
        uint8_t *copy = aligned_alloc(GM_IMAGE_ALIGN, good->n_bytes); /* just as large */
        GM_ASSERT(copy);
        memcpy(copy, good->data, good->n_bytes);
        patch(copy, good->n_bytes, data, n_bytes);
        if (gm_image_open(&image, copy, good->n_bytes, NULL, &err) == GM_OK) {
            sum = sum + use(image);
            work(copy, good->n_bytes);
        }
        gm_image_free(image);
        free(copy);
    }
    return 0;
}
