/* Building an image: sections are gathered as pointers, laid out, copied behind each other, and
 * summed. */
#include "tokenize/image.h"

#include "base/huge_pages.h"
#include "tokenize/bpe_build.h"
#include "tokenize/image_format.h"
#include <string.h>

struct source {
    const void *data;
    uint64_t n_bytes;
};

static size_t align_up(size_t n_bytes)
{
    return (n_bytes + GM_IMAGE_ALIGN - 1) / GM_IMAGE_ALIGN * GM_IMAGE_ALIGN;
}

static void pad_to(struct gm_buf *bytes, size_t start, size_t offset)
{
    size_t n_now = bytes->n_bytes - start;
    if (offset > n_now && gm_buf_reserve(bytes, offset - n_now)) {
        memset(bytes->data + bytes->n_bytes, 0, offset - n_now);
        bytes->n_bytes += offset - n_now;
    }
}

static enum gm_status write_image(struct gm_image_header *header, const struct source *sources,
                                  struct gm_buf *bytes, struct gm_err *err)
{
    size_t start = bytes->n_bytes, n_bytes = align_up(sizeof *header);

    for (int i = 0; i < GM_SECTION_COUNT; i++) {
        header->sections[i].offset = n_bytes;
        header->sections[i].n_bytes = sources[i].n_bytes;
        n_bytes += align_up(sources[i].n_bytes);
    }
    header->n_bytes = n_bytes;
    if (gm_buf_reserve(bytes, n_bytes))
        gm_huge_pages(bytes->data + start, n_bytes);
    gm_buf_append(bytes, header, sizeof *header);
    for (int i = 0; i < GM_SECTION_COUNT; i++) {
        pad_to(bytes, start, header->sections[i].offset);
        if (sources[i].n_bytes > 0)
            gm_buf_append(bytes, sources[i].data, sources[i].n_bytes);
    }
    pad_to(bytes, start, n_bytes);
    if (bytes->failed)
        return gm_err_set(err, GM_NOMEM, "no memory for a tokenizer image of %zu bytes", n_bytes);
    uint8_t *image = bytes->data + start;
    struct gm_hash128 check = gm_xxh128(image + GM_IMAGE_CHECK_FROM, n_bytes - GM_IMAGE_CHECK_FROM);
    memcpy(image + offsetof(struct gm_image_header, check), &check, sizeof check);
    return GM_OK;
}

static void put_array(struct source *source, const void *data, size_t n, size_t item_bytes)
{
    source->data = data;
    source->n_bytes = n * item_bytes;
}

static void put_buf(struct source *source, const struct gm_buf *buf)
{
    put_array(source, buf->data, buf->n_bytes, 1);
}

static void put_spec(struct source *sources, const struct gm_spec *spec,
                     struct gm_image_spec *fields)
{
    *fields = (struct gm_image_spec){.model = spec->model,
                                     .flags = spec->flags,
                                     .n_ids = spec->n_ids,
                                     .n_merges = spec->n_merges,
                                     .unk_id = spec->unk_id,
                                     .max_chars_per_word = spec->max_chars_per_word,
                                     .word_prefix = spec->word_prefix,
                                     .word_suffix = spec->word_suffix};
    put_array(&sources[GM_SECTION_SPEC], fields, 1, sizeof *fields);
    put_array(&sources[GM_SECTION_TOKENS], spec->tokens, spec->n_tokens, sizeof *spec->tokens);
    put_array(&sources[GM_SECTION_ADDED], spec->added, spec->n_added, sizeof *spec->added);
    put_array(&sources[GM_SECTION_NORMALIZERS], spec->normalizers, spec->n_normalizers,
              sizeof(struct gm_op));
    put_array(&sources[GM_SECTION_PRETOKENIZERS], spec->pretokenizers, spec->n_pretokenizers,
              sizeof(struct gm_op));
    put_array(&sources[GM_SECTION_DECODERS], spec->decoders, spec->n_decoders,
              sizeof(struct gm_op));
    put_array(&sources[GM_SECTION_PREFIX_IDS], spec->prefix_ids, spec->n_prefix_ids,
              sizeof(uint32_t));
    put_array(&sources[GM_SECTION_SUFFIX_IDS], spec->suffix_ids, spec->n_suffix_ids,
              sizeof(uint32_t));
    put_buf(&sources[GM_SECTION_POOL], &spec->pool);
}

enum gm_status gm_image_build(const struct gm_spec *spec, enum gm_scheme scheme,
                              const uint8_t source_digest[GM_SHA256_BYTES], struct gm_buf *bytes,
                              struct gm_err *err)
{
    struct source sources[GM_SECTION_COUNT] = {{NULL, 0}};
    struct gm_image_header header = {
        .magic = GM_IMAGE_MAGIC_CHARS, .version = GM_IMAGE_VERSION, .scheme = scheme};
    struct gm_image_spec fields;
    struct gm_bpe_build build;
    enum gm_status status = GM_OK;

    memcpy(header.source_digest, source_digest, GM_SHA256_BYTES);
    put_spec(sources, spec, &fields);
    gm_bpe_build_init(&build);
    if (spec->model == GM_MODEL_BPE || spec->model == GM_MODEL_RANKS)
        status = gm_bpe_build(&build, spec, err);
    if (status == GM_OK) {
        put_buf(&sources[GM_SECTION_BPE], &build.head);
        put_buf(&sources[GM_SECTION_PAIRS], &build.pairs);
        put_buf(&sources[GM_SECTION_PILOTS], &build.pilots);
        put_buf(&sources[GM_SECTION_GRID], &build.grid);
        put_buf(&sources[GM_SECTION_MERGED], &build.merged);
        put_buf(&sources[GM_SECTION_SYMBOLS], &build.symbols);
        put_buf(&sources[GM_SECTION_VOCABULARY], &build.vocabulary);
        put_buf(&sources[GM_SECTION_SEEDS], &build.seeds);
        put_buf(&sources[GM_SECTION_CUTS], &build.cuts);
        status = write_image(&header, sources, bytes, err);
    }
    gm_bpe_build_free(&build);
    return status;
}
