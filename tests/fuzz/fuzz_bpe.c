/* Byte-pair encoding of any text by any vocabulary: without a cache, with a tiny and a large one,
 * cold and warm, the ids are those of a naive model.
 *
 *      flags, number of merges, two bytes for each (indices of tokens), text
 *
 * Pieces end at line feeds. */
#include "naive_bpe.h"
#include "token_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define MAX_TOKENS     512u
#define MAX_TOKEN_SIZE 64u
#define MAX_TEXT       4000u

enum flags {
    RANKS = 1,
    IGNORE_MERGES = 2,
    CHARACTERS = 4,
    FALLBACK = 8,
    UNK = 16,
    FUSE = 32,
    BYTES = 64
};

struct input {
    const uint8_t *data;
    size_t n_bytes;
};

static unsigned take(struct input *input)
{
    if (input->n_bytes == 0)
        return 0;
    input->n_bytes--;
    return *input->data++;
}

static void add_bytes(struct gm_spec *spec, unsigned flags)
{
    static const char *const wide[] = {"\xC3\xA9", "\xE4\xB8\xAD", "\xE4\xB8\xAE",
                                       "\xF0\x9F\x98\x80"};
    char name[8];
    if (!(flags & CHARACTERS)) {
        token_spec_add_bytes(spec);
        return;
    }
    if (flags & UNK)
        spec->unk_id = token_spec_add_text(spec, "?");
    for (char c = 'a'; c <= 'f'; c++)
        token_spec_add(spec, &c, 1);
    for (size_t i = 0; i < GM_ARRAY_LEN(wide); i++)
        token_spec_add_text(spec, wide[i]);
    for (unsigned byte = 0; byte < 256 && flags & FALLBACK; byte++) {
        snprintf(name, sizeof name, "<0x%02X>", byte);
        token_spec_add_text(spec, name);
    }
}

static void add_merge(struct gm_spec *spec, uint32_t left, uint32_t right)
{
    uint8_t both[MAX_TOKEN_SIZE];
    struct gm_spec_text a = spec->tokens[left].text, b = spec->tokens[right].text;
    if (a.n_bytes + b.n_bytes > sizeof both || spec->n_tokens >= MAX_TOKENS)
        return;
    memcpy(both, gm_spec_bytes(spec, a), a.n_bytes);
    memcpy(both + a.n_bytes, gm_spec_bytes(spec, b), b.n_bytes);
    uint32_t merged = token_spec_find(spec, both, a.n_bytes + b.n_bytes);
    if (merged == GM_NO_TOKEN)
        merged = token_spec_add(spec, both, a.n_bytes + b.n_bytes);
    if (spec->model == GM_MODEL_BPE)
        token_spec_merge_ids(spec, left, right, merged);
}

static void make_spec(struct gm_spec *spec, struct input *input)
{
    unsigned flags = take(input), n_merges = take(input);
    if (flags & RANKS)
        flags &= ~(unsigned)CHARACTERS;
    token_spec_init(spec, flags & RANKS ? GM_MODEL_RANKS : GM_MODEL_BPE,
                    (flags & IGNORE_MERGES ? GM_SPEC_IGNORE_MERGES : 0) |
                        (flags & FUSE ? GM_SPEC_FUSE_UNK : 0) |
                        (flags & CHARACTERS && !(flags & BYTES) ? 0 : GM_SPEC_BYTE_LEVEL) |
                        (flags & CHARACTERS && flags & FALLBACK && !(flags & BYTES)
                             ? GM_SPEC_BYTE_FALLBACK
                             : 0));
    add_bytes(spec, flags);
    for (unsigned i = 0; i < n_merges; i++) {
        /* Bytes name bytes; the upper half of the other indices names what was made before. */
        uint32_t left = take(input), right = take(input);
        left = left % 2 && spec->n_tokens > 256 ? 256 + left / 2 % (spec->n_tokens - 256) : left;
        right =
            right % 2 && spec->n_tokens > 256 ? 256 + right / 2 % (spec->n_tokens - 256) : right;
        add_merge(spec, left % spec->n_tokens, right % spec->n_tokens);
    }
}

struct expected {
    uint32_t ids[MAX_TEXT], ends[MAX_TEXT];
    size_t n_ids, n_pieces;
};

static void expect(struct expected *expected, const struct gm_spec *spec,
                   const struct gm_bpe *symbols, const struct input *text)
{
    struct gm_bpe_cache *cache = gm_bpe_cache_new(symbols, 0);
    uint32_t begin = 0;

    expected->n_ids = expected->n_pieces = 0;
    for (uint32_t end = 1; end <= text->n_bytes; end++) {
        if (text->data[end - 1] != '\n' && end < text->n_bytes)
            continue;
        uint32_t *ids = expected->ids + expected->n_ids;
        uint32_t whole = naive_bpe_whole(spec, text->data + begin, end - begin);
        expected->ends[expected->n_pieces++] = end;
        if (whole != GM_NO_TOKEN) {
            ids[0] = whole;
            expected->n_ids++;
        } else {
            /* Symbols of characters are taken from the encoder without merges. */
            size_t n = gm_bpe_encode(cache, text->data, text->n_bytes, begin, &end, 1, ids);
            expected->n_ids += naive_bpe_merge(spec, ids, n);
        }
        begin = end;
    }
    gm_bpe_cache_free(cache);
}

static void compare(const struct expected *expected, const struct gm_bpe *bpe, size_t cache_bytes,
                    const struct input *text)
{
    uint32_t *ids = malloc(text->n_bytes * sizeof *ids);
    uint8_t *copy = malloc(text->n_bytes); /* so that reading too far is seen */
    struct gm_bpe_cache *cache = gm_bpe_cache_new(bpe, cache_bytes);
    GM_ASSERT(ids && copy && cache);
    memcpy(copy, text->data, text->n_bytes);
    for (int pass = 0; pass < 2; pass++) {
        size_t n =
            gm_bpe_encode(cache, copy, text->n_bytes, 0, expected->ends, expected->n_pieces, ids);
        GM_ASSERT(n == expected->n_ids);
        GM_ASSERT(!memcmp(ids, expected->ids, n * sizeof *ids));
    }
    gm_bpe_cache_free(cache);
    free(copy);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static struct expected expected;
    struct input input = {data, n_bytes};
    struct gm_spec spec, symbols;
    struct token_image made, bare;

    make_spec(&spec, &input);
    if (input.n_bytes > MAX_TEXT)
        input.n_bytes = MAX_TEXT;
    if (input.n_bytes > 0) {
        symbols = spec;
        symbols.model = GM_MODEL_BPE;
        symbols.n_merges = 0;
        symbols.flags &= ~(uint32_t)GM_SPEC_IGNORE_MERGES;
        token_image_make(&made, &spec);
        token_image_make(&bare, &symbols);
        expect(&expected, &spec, gm_image_bpe(bare.image), &input);
        compare(&expected, gm_image_bpe(made.image), 0, &input);
        compare(&expected, gm_image_bpe(made.image), 1, &input);
        compare(&expected, gm_image_bpe(made.image), 1 << 20, &input);
        token_image_free(&bare);
        token_image_free(&made);
    }
    token_spec_free(&spec);
    return 0;
}
