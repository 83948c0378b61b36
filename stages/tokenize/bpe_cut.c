/* Finding units: the sets are filled from the tokens, and asked for each boundary of a text. */
#include "tokenize/bpe_cut.h"

#include "base/huge_pages.h"
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define MERGES_AHEAD 16u

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

/* The texts of tokens by id; one without bytes where there is none. NULL: no memory. */
static struct gm_spec_text *texts_by_id(const struct gm_spec *spec)
{
    struct gm_spec_text *texts = calloc((size_t)spec->n_ids + 1, sizeof *texts);
    if (texts)
        gm_huge_pages(texts, ((size_t)spec->n_ids + 1) * sizeof *texts);
    for (uint32_t i = 0; texts && i < spec->n_tokens; i++)
        texts[spec->tokens[i].id] = spec->tokens[i].text;
    return texts;
}

/* The result has the bytes of its parts. */
static bool is_plain_merge(const struct gm_spec *spec, struct gm_spec_text left,
                           struct gm_spec_text right, struct gm_spec_text merged)
{
    if (left.n_bytes == 0 || right.n_bytes == 0 ||
        (uint64_t)left.n_bytes + right.n_bytes != merged.n_bytes)
        return false;
    if (spec->merges_are_joined)
        return true;
    const uint8_t *bytes = gm_spec_bytes(spec, merged);
    return !memcmp(bytes, gm_spec_bytes(spec, left), left.n_bytes) &&
           !memcmp(bytes + left.n_bytes, gm_spec_bytes(spec, right), right.n_bytes);
}

/* Merges point to texts and these to bytes, all over the memory: each is asked for some merges
 * before it is looked at. */
static void prefetch_merge(const struct gm_spec *spec, const struct gm_spec_text *texts, size_t i)
{
    if (i + 2 * MERGES_AHEAD < spec->n_merges) {
        const struct gm_spec_merge *merge = &spec->merges[i + 2 * MERGES_AHEAD];
        __builtin_prefetch(&texts[merge->left]);
        __builtin_prefetch(&texts[merge->right]);
        __builtin_prefetch(&texts[merge->merged]);
    }
    if (i + MERGES_AHEAD < spec->n_merges) {
        const struct gm_spec_merge *merge = &spec->merges[i + MERGES_AHEAD];
        if (!spec->merges_are_joined) {
            __builtin_prefetch(gm_spec_bytes(spec, texts[merge->left]));
            __builtin_prefetch(gm_spec_bytes(spec, texts[merge->right]));
        }
        __builtin_prefetch(gm_spec_bytes(spec, texts[merge->merged]));
    }
}

static bool add_merges(uint64_t *sets, const struct gm_spec *spec, const struct gm_bpe_head *head,
                       struct gm_spec_text *texts)
{
    /* A part that stands for a byte of an unknown character is not what its text says. */
    for (unsigned byte = 0; byte < 256 && head->flags & GM_BPE_FALLBACK; byte++)
        if (head->byte_ids[byte] != GM_NO_TOKEN)
            texts[head->byte_ids[byte]].n_bytes = 0;
    for (uint32_t i = 0; i < spec->n_merges; i++) {
        const struct gm_spec_merge *merge = &spec->merges[i];
        struct gm_spec_text merged = texts[merge->merged];
        prefetch_merge(spec, texts, i);
        if (!is_plain_merge(spec, texts[merge->left], texts[merge->right], merged))
            return false;
        if (i > 0 && merge->merged == merge[-1].merged)
            continue;
        add_token(sets, head->cut_bits, gm_spec_bytes(spec, merged), merged.n_bytes);
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
    struct gm_spec_text *texts = texts_by_id(spec);
    if (!texts)
        return GM_NOMEM;
    if (!add_merges(sets, spec, head, texts))
        cuts->n_bytes = 0;
    free(texts);
    return GM_OK;
}

#define INLINE static inline __attribute__((always_inline))

/* 64 bytes of a text, a bit a byte. */
struct cut_window {
    uint64_t starts; /* not continuation bytes: a boundary is in front of them */
    uint64_t plain;  /* of starts: of characters of one byte, ASCII on both sides */
};

/* The window at text, or what there is of it in front of end. */
INLINE struct cut_window window_of(const uint8_t *text, const uint8_t *end)
{
    uint8_t copy[65];
    uint64_t starts = 0, beyond = 0, mask = ~(uint64_t)0;
    bool goes_on = end - text > 64 && is_continuation(text[64]);

    if (end - text < 64) {
        size_t n_bytes = (size_t)(end - text);
        mask = ((uint64_t)1 << n_bytes) - 1;
        memcpy(copy, text - 1, n_bytes + 1);
        memset(copy + n_bytes + 1, 0, 64 - n_bytes);
        text = copy + 1;
    }
#ifdef __SSE2__
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i front = _mm_loadu_si128((const __m128i *)(const void *)(text + i - 1));
        __m128i start = _mm_cmpgt_epi8(here, _mm_set1_epi8(-65));
        starts |= (uint64_t)_mm_movemask_epi8(start) << i;
        beyond |= (uint64_t)_mm_movemask_epi8(_mm_or_si128(here, front)) << i;
    }
#else
    for (unsigned i = 0; i < 64; i++) {
        starts |= (uint64_t)!is_continuation(text[i]) << i;
        beyond |= (uint64_t)((text[i] | text[i - 1]) >> 7) << i;
    }
#endif
    beyond |= ~starts >> 1 | (uint64_t)goes_on << 63;
    starts &= mask;
    return (struct cut_window){starts, starts & ~beyond};
}

/* What segment_at says about the character. */
static inline uint32_t character_at(const uint8_t *text, const uint8_t *end)
{
    static const uint32_t masks[5] = {0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF};
    static const uint32_t marks[5] = {0, 0, 0xC000, 0xC0C000, 0xC0C0C000};
    size_t promised = promised_length(*text);
    uint32_t bytes;

    if (end - text < 4)
        return segment_at(text, end).value;
    memcpy(&bytes, text, sizeof bytes);
    if ((bytes & marks[promised]) != (marks[promised] & 0x80808080u))
        return segment_at(text, end).value;
    return bytes & masks[promised];
}

INLINE uint64_t plain_cuts(const uint64_t *joined, const uint8_t *text, uint64_t plain)
{
    uint64_t cuts = 0;

    for (; plain; plain &= plain - 1) {
        ptrdiff_t i = __builtin_ctzll(plain);
        size_t pair = (size_t)text[i - 1] << 8 | text[i];
        cuts |= (~joined[pair / 64] >> pair % 64 & 1) << i;
    }
    return cuts;
}

/* Those of the other boundaries. *character: the last one that is not plain. */
INLINE uint64_t wide_cuts(const struct gm_bpe *bpe, const uint8_t *text, const uint8_t *end,
                          uint64_t wide, uint32_t *character)
{
    const uint64_t *joined = bpe->cuts, *pairs = bpe->cuts + GM_BPE_JOINED_WORDS;
    unsigned n_bits = bpe->head->cut_bits;
    uint32_t last = *character;
    uint64_t cuts = 0;

    for (; wide; wide &= wide - 1) {
        ptrdiff_t i = __builtin_ctzll(wide);
        size_t pair = (size_t)text[i - 1] << 8 | text[i];
        uint32_t before = text[i - 1] < 0x80 ? text[i - 1] : last;
        last = character_at(text + i, end);
        size_t at = pair_bit(before, last, n_bits);
        cuts |= (~(joined[pair / 64] >> pair % 64 | pairs[at / 64] >> at % 64) & 1) << i;
    }
    *character = last;
    return cuts;
}

/* The ends that cuts are, text beginning at a window that is at in the whole. Returns the number.
 */
INLINE size_t put_ends(uint64_t cuts, uint32_t at, uint32_t *ends)
{
    size_t n = (size_t)__builtin_popcountll(cuts);
    for (; cuts; cuts &= cuts - 1)
        *ends++ = at + (uint32_t)__builtin_ctzll(cuts);
    return n;
}

/* A part of a text, and what is found in it. */
struct cut_work {
    const uint8_t *text;
    uint32_t at, end;
    uint32_t character;
};

static size_t cut_plain(const struct gm_bpe *bpe, struct cut_work *work, uint32_t *ends, size_t max)
{
    const uint8_t *end = work->text + work->end;
    size_t n = 0;

    for (; work->at < work->end && n + 64 < max; work->at += 64) {
        const uint8_t *text = work->text + work->at;
        struct cut_window window = window_of(text, end);
        uint64_t cuts = plain_cuts(bpe->cuts, text, window.plain) |
                        wide_cuts(bpe, text, end, window.starts & ~window.plain, &work->character);
        n += put_ends(cuts, work->at, ends + n);
    }
    return n;
}

#ifdef __x86_64__
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2,popcnt")))

/* window_of, without reading behind end. */
TARGET INLINE struct cut_window wide_window_of(const uint8_t *text, const uint8_t *end)
{
    __mmask64 mask = _bzhi_u64(~(uint64_t)0, end - text < 64 ? (unsigned)(end - text) : 64);
    __m512i here = _mm512_maskz_loadu_epi8(mask, text);
    __m512i front = _mm512_maskz_loadu_epi8(mask, text - 1);
    uint64_t starts = _mm512_cmpgt_epi8_mask(here, _mm512_set1_epi8(-65));
    uint64_t beyond = _mm512_movepi8_mask(_mm512_or_si512(here, front));
    bool goes_on = end - text > 64 && is_continuation(text[64]);

    beyond |= ~starts >> 1 | (uint64_t)goes_on << 63;
    starts &= mask;
    return (struct cut_window){starts, starts & ~beyond};
}

/* put_ends, sixteen at a time; writes up to 64 of them. */
TARGET INLINE size_t put_many_ends(uint64_t cuts, uint32_t at, uint32_t *ends)
{
    static const uint8_t numbers[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    size_t n = (size_t)__builtin_popcountll(cuts);
    __m512i base = _mm512_set1_epi32((int)at);
    uint8_t places[64];

    _mm512_storeu_si512(places, _mm512_maskz_compress_epi8(cuts, _mm512_loadu_si512(numbers)));
    for (size_t i = 0; i < n; i += 16) {
        __m128i some = _mm_loadu_si128((const void *)(places + i));
        _mm512_storeu_si512(ends + i, _mm512_add_epi32(_mm512_cvtepu8_epi32(some), base));
    }
    return n;
}

/* Sixteen boundaries: a bit for each that tokens join. */
TARGET INLINE __mmask16 joined_of(const uint64_t *joined, __m128i front, __m128i here,
                                  __mmask16 wanted)
{
    const __m512i one = _mm512_set1_epi32(1);
    __m512i pair = _mm512_or_si512(_mm512_slli_epi32(_mm512_cvtepu8_epi32(front), 8),
                                   _mm512_cvtepu8_epi32(here));
    __m512i words = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), wanted,
                                                _mm512_srli_epi32(pair, 5), joined, 4);
    __m512i bit = _mm512_sllv_epi32(one, _mm512_and_si512(pair, _mm512_set1_epi32(31)));
    return _mm512_test_epi32_mask(words, bit);
}

TARGET static size_t cut_avx512(const struct gm_bpe *bpe, struct cut_work *work, uint32_t *ends,
                                size_t max)
{
    const uint8_t *end = work->text + work->end;
    size_t n = 0;

    for (; work->at < work->end && n + 64 < max; work->at += 64) {
        const uint8_t *text = work->text + work->at;
        struct cut_window window = wide_window_of(text, end);
        uint64_t joined = 0;
        for (unsigned i = 0; i < 64; i += 16) {
            __mmask16 wanted = (__mmask16)(window.plain >> i);
            __m128i front = _mm_maskz_loadu_epi8(wanted, text + i - 1);
            __m128i here = _mm_maskz_loadu_epi8(wanted, text + i);
            if (wanted)
                joined |= (uint64_t)joined_of(bpe->cuts, front, here, wanted) << i;
        }
        uint64_t cuts = (window.plain & ~joined) |
                        wide_cuts(bpe, text, end, window.starts & ~window.plain, &work->character);
        n += put_many_ends(cuts, work->at, ends + n);
    }
    return n;
}
#endif

static size_t cut_best(const struct gm_bpe *bpe, struct cut_work *work, uint32_t *ends, size_t max)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2"))
        return cut_avx512(bpe, work, ends, max);
#endif
    return cut_plain(bpe, work, ends, max);
}

size_t gm_bpe_cuts(const struct gm_bpe *bpe, const uint8_t *text, uint32_t begin, uint32_t end,
                   uint32_t *ends, size_t max)
{
    struct cut_work work = {text, begin + 1, end, character_at(text + begin, text + end)};
    size_t n = cut_best(bpe, &work, ends, max);

    if (work.at >= end)
        ends[n++] = end;
    return n;
}
