/* Hostile images: gm_image_open refuses them, or using them stays inside of them and gives ids of
 * the vocabulary. The input is patches of a good image, four bytes each and one of kind: offset
 * from the start of the section (3 bytes, little-endian), section, value. The checksum is made
 * right again. */
#include "token_spec.h"
#include "tokenize/image_format.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char text[] =
    "the cat \xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD sat "
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void make_spec(struct gm_spec *spec, bool is_ranks)
{
    token_spec_init(spec, is_ranks ? GM_MODEL_RANKS : GM_MODEL_BPE, GM_SPEC_BYTE_LEVEL);
    token_spec_add_bytes(spec);
    token_spec_add_text(spec, "th");
    token_spec_add_text(spec, "the");
    token_spec_add_text(spec, "aaaaaaaaaaaaaaaaaaaa");
    if (!is_ranks) {
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
    spec->normalizers = calloc(1, sizeof *spec->normalizers);
    GM_ASSERT(spec->normalizers);
    spec->normalizers[0] =
        (struct gm_op){.kind = GM_OP_PREPEND, .a = token_spec_text(spec, "_", 1)};
    spec->n_normalizers = 1;
}

static void patch(uint8_t *bytes, size_t n_image, const uint8_t *data, size_t n_bytes)
{
    struct gm_image_header *header = (void *)bytes;
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
    struct gm_hash128 check = gm_xxh128(bytes + GM_IMAGE_CHECK_FROM, n_image - GM_IMAGE_CHECK_FROM);
    memcpy(header->check, &check, sizeof check);
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
    uint32_t ids[sizeof text], ends[] = {3, 4, 7, 8, 23, 24, 27, 28, sizeof text - 1};
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

/* The good image of a kind; made once. */
static const struct gm_buf *good_image(int is_ranks)
{
    static const uint8_t digest[GM_SHA256_BYTES];
    static struct gm_buf images[2];
    struct gm_spec spec;
    struct gm_err err;

    if (images[is_ranks].n_bytes == 0) {
        make_spec(&spec, is_ranks);
        GM_ASSERT(gm_image_build(&spec, GM_SCHEME_GPT2, digest, &images[is_ranks], &err) == GM_OK);
        token_spec_free(&spec);
    }
    return &images[is_ranks];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static unsigned sum; /* so that what is read counts */
    for (int is_ranks = 0; is_ranks < 2; is_ranks++) {
        const struct gm_buf *good = good_image(is_ranks);
        struct gm_image *image;
        struct gm_err err;
        uint8_t *copy = malloc(good->n_bytes); /* exactly as large as the image */
        GM_ASSERT(copy);
        memcpy(copy, good->data, good->n_bytes);
        patch(copy, good->n_bytes, data, n_bytes);
        if (gm_image_open(&image, copy, good->n_bytes, NULL, &err) == GM_OK)
            sum += use(image);
        gm_image_free(image);
        free(copy);
    }
    return 0;
}
