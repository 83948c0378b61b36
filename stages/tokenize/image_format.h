/* The layout of an image file (image.h): what image.c writes and image_open.c checks. Private to
 * the two. */
#ifndef GM_TOKENIZE_IMAGE_FORMAT_H
#define GM_TOKENIZE_IMAGE_FORMAT_H

#include "base/hash.h"
#include "tokenize/bpe_tables.h"
#include "tokenize/image.h"

#define GM_IMAGE_ALIGN 4096u
/* GM_IMAGE_MAGIC without its NUL */
#define GM_IMAGE_MAGIC_CHARS                                                                       \
    {                                                                                              \
        'g', 'm', 't', 'o', 'k', 'i', 'm', 'g'                                                     \
    }

/* name, size of one item */
#define GM_SECTION_TABLE(X)                                                                        \
    X(SPEC, sizeof(struct gm_image_spec))                                                          \
    X(TOKENS, sizeof(struct gm_spec_token))                                                        \
    X(ADDED, sizeof(struct gm_spec_added))                                                         \
    X(NORMALIZERS, sizeof(struct gm_op))                                                           \
    X(PRETOKENIZERS, sizeof(struct gm_op))                                                         \
    X(DECODERS, sizeof(struct gm_op))                                                              \
    X(PREFIX_IDS, sizeof(uint32_t))                                                                \
    X(SUFFIX_IDS, sizeof(uint32_t))                                                                \
    X(POOL, 1)                                                                                     \
    X(BPE, sizeof(struct gm_bpe_head))                                                             \
    X(PAIRS, sizeof(uint64_t))                                                                     \
    X(PILOTS, sizeof(uint16_t))                                                                    \
    X(GRID, sizeof(uint32_t))                                                                      \
    X(MERGED, sizeof(uint32_t))                                                                    \
    X(SYMBOLS, sizeof(uint64_t))                                                                   \
    X(VOCABULARY, sizeof(uint32_t))                                                                \
    X(SEEDS, sizeof(uint64_t))                                                                     \
    X(CUTS, sizeof(uint64_t))
enum gm_section_kind {
#define X(name, item_bytes) GM_SECTION_##name,
    GM_SECTION_TABLE(X)
#undef X
        GM_SECTION_COUNT
};

struct gm_section {
    uint64_t offset; /* a multiple of GM_IMAGE_ALIGN */
    uint64_t n_bytes;
};

struct gm_image_header {
    char magic[8];
    uint64_t check[2]; /* XXH3, 128 bits, of everything behind this field */
    uint32_t version;
    uint32_t scheme; /* enum gm_scheme */
    uint64_t n_bytes;
    uint8_t source_digest[GM_SHA256_BYTES];
    struct gm_section sections[GM_SECTION_COUNT];
};
#define GM_IMAGE_CHECK_FROM offsetof(struct gm_image_header, version)
_Static_assert(sizeof(struct gm_image_header) <= GM_IMAGE_ALIGN, "one page");

/* What a spec has besides its arrays. */
struct gm_image_spec {
    uint32_t model, flags, n_ids, n_merges, unk_id, max_chars_per_word;
    struct gm_spec_text word_prefix, word_suffix;
};

#endif
