/* From pieces to units. */
#include "tokenize/bpe_cut.h"
#include "tokenize/bpe_units.h"

#include <string.h>

#define PART_HASH 0x8000000000u /* sets long parts apart from long pieces */

static void put_long(struct gm_unit *unit, const struct gm_bpe_cache *cache, const uint8_t *text,
                     uint32_t start, uint32_t n_bytes, enum gm_unit_kind kind)
{
    uint64_t hash = gm_bpe_hash(text + start, n_bytes);
    hash ^= kind == GM_UNIT_LONG_PART ? PART_HASH : 0;
    *unit = (struct gm_unit){{hash | 1, (uint64_t)kind << GM_WORD_KIND_SHIFT},
                             cache->words.words->ids,
                             (uint64_t)n_bytes << 32 | start};
    __builtin_prefetch(gm_word_cache_index(&cache->words, hash | 1));
}

/* A unit of any size, without reading behind it. */
static void put_unit(struct gm_unit *unit, const struct gm_bpe_cache *cache, const uint8_t *text,
                     uint32_t start, uint32_t n_bytes, bool is_part)
{
    if (n_bytes > GM_WORD_MAX_BYTES) {
        put_long(unit, cache, text, start, n_bytes,
                 is_part ? GM_UNIT_LONG_PART : GM_UNIT_LONG_PIECE);
        return;
    }
    gm_word_key(text + start, n_bytes, unit->key);
    unit->span = (uint64_t)n_bytes << 32 | start | (is_part ? GM_UNIT_PART_SPAN : 0);
    unit->entry = gm_word_cache_bucket(&cache->words, unit->key)->ids;
    __builtin_prefetch(unit->entry);
}

/* Whether a long piece is cut at once, or looked up as it is. Words of alphabets come again and can
 * hardly be cut; runs of characters of three and more bytes are the other way round. */
static bool is_to_cut(const struct gm_bpe *bpe, const uint8_t *piece, uint32_t n_bytes)
{
    uint32_t bytes;
    if (!bpe->cuts || n_bytes <= GM_WORD_MAX_BYTES)
        return false;
    memcpy(&bytes, piece + 4, sizeof bytes);
    return (bytes & bytes << 1 & bytes << 2 & 0x80808080u) || n_bytes > GM_RECORD_MAX_BYTES;
}

/* The next unit of a run when it is long, empty, or ends too near the end of the text; a piece that
 * is to be cut is none, but has its parts become the run. Returns the number of units, 0 or 1. */
static __attribute__((noinline)) unsigned fill_rare(const struct gm_bpe_cache *cache,
                                                    struct gm_work *work, struct gm_unit *unit)
{
    const struct gm_bpe *bpe = cache->bpe;
    const uint8_t *piece = work->text + work->begin;
    uint32_t begin = work->begin, end = work->is_part ? work->cuts[work->cut] : *work->ends;
    uint32_t n_bytes = end - begin, id = GM_NO_TOKEN;

    if (!work->is_part && is_to_cut(bpe, piece, n_bytes)) {
        if (bpe->head->flags & GM_BPE_WHOLE_PIECES)
            id = gm_bpe_whole(bpe, piece, n_bytes);
        if (id == GM_NO_TOKEN) {
            work->is_part = true;
            return 0;
        }
        *unit = (struct gm_unit){{1, (uint64_t)GM_UNIT_ID << GM_WORD_KIND_SHIFT},
                                 cache->words.words->ids,
                                 (uint64_t)n_bytes << 32 | id};
    } else if (n_bytes > 0) {
        put_unit(unit, cache, work->text, begin, n_bytes, work->is_part);
    }
    work->begin = end;
    if (work->is_part)
        work->cut++;
    else
        work->ends++;
    return n_bytes > 0;
}

/* The key of a word of 1..15 bytes in text of at least 16 bytes. */
static inline void load_key(const uint8_t *word, uint64_t n_bytes, uint64_t key[2])
{
    static const struct {
        uint64_t masks[2], length[2];
    } of[16] = {
#define OF(n)                                                                                      \
    {                                                                                              \
        {(n) >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * ((n)&7)) - 1,                                 \
         (n) <= 8 ? 0 : ((uint64_t)1 << 8 * ((n)&7)) - 1},                                         \
        {                                                                                          \
            0, (uint64_t)(n) << GM_WORD_LENGTH_SHIFT                                               \
        }                                                                                          \
    }
        OF(0), OF(1), OF(2),  OF(3),  OF(4),  OF(5),  OF(6),  OF(7),
        OF(8), OF(9), OF(10), OF(11), OF(12), OF(13), OF(14), OF(15)};
#undef OF
#ifdef __SSE2__
    const __m128i *row = (const __m128i *)(const void *)&of[n_bytes];
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)word);
    bytes = _mm_or_si128(_mm_and_si128(bytes, _mm_loadu_si128(&row[0])), _mm_loadu_si128(&row[1]));
    _mm_storeu_si128((__m128i *)(void *)key, bytes);
#else
    memcpy(key, word, 16);
    key[0] &= of[n_bytes].masks[0];
    key[1] = (key[1] & of[n_bytes].masks[1]) | of[n_bytes].length[1];
#endif
}

/* Units of a run, until one is rare or there are n. Returns their number. */
static inline size_t fill_run(const struct gm_bpe_cache *cache, const struct gm_work *work,
                              struct gm_unit *unit, const uint32_t *ends, size_t n)
{
    const struct gm_word_cache words = cache->words;
    const uint8_t *text = work->text;
    uint64_t begin = work->begin, safe = work->n_bytes < 16 ? 0 : work->n_bytes - 15;
    uint64_t flag = work->is_part ? GM_UNIT_PART_SPAN : 0;
    const uint32_t *end = ends, *stop = ends + n;

    /* The keys of the last ones would be read beyond the text. */
    while (stop > ends && (stop - 1 == ends ? begin : stop[-2]) >= safe)
        stop--;
    for (; end < stop; end++, unit++) {
        uint64_t n_bytes = *end - begin;
        if (n_bytes - 1 >= GM_WORD_MAX_BYTES)
            break;
        load_key(text + begin, n_bytes, unit->key);
        unit->entry = gm_word_cache_bucket(&words, unit->key)->ids;
        __builtin_prefetch(unit->entry);
        unit->span = n_bytes << 32 | begin | flag;
        begin = *end;
    }
    return (size_t)(end - ends);
}

/* Finds more parts of the piece that is cut; false: there are none, the next piece is at hand. */
static bool next_parts(const struct gm_bpe *bpe, struct gm_work *work)
{
    if (work->begin == *work->ends) {
        work->is_part = false;
        work->ends++;
        return false;
    }
    work->cut = 0;
    work->n_cuts =
        (unsigned)gm_bpe_cuts(bpe, work->text, work->begin, *work->ends, work->cuts, GM_UNIT_CUTS);
    return true;
}

void gm_units_fill(const struct gm_bpe_cache *cache, struct gm_window *window, struct gm_work *work)
{
    unsigned n = 0;

    while (n < GM_UNITS) {
        if (work->is_part && work->cut == work->n_cuts && !next_parts(cache->bpe, work))
            continue;
        const uint32_t *ends = work->is_part ? work->cuts + work->cut : work->ends;
        size_t n_run = work->is_part ? work->n_cuts - work->cut : (size_t)(work->last - ends);
        if (n_run == 0)
            break;
        n_run = n_run < GM_UNITS - n ? n_run : GM_UNITS - n;
        size_t n_new = fill_run(cache, work, window->units + n, ends, n_run);
        n += (unsigned)n_new;
        if (n_new > 0)
            work->begin = ends[n_new - 1];
        if (work->is_part)
            work->cut += (unsigned)n_new;
        else
            work->ends += n_new;
        if (n_new < n_run)
            n += fill_rare(cache, work, window->units + n);
    }
    window->n_units = n;
}
