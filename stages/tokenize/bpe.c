/* Encoding of pieces, a window at a time and in two passes over it, so that memory is waited for
 * once a window and not once a word:
 *
 *      pieces -> units -> keys, hashes, prefetches   (fill)
 *                         probes, ids                (emit)
 *
 * A unit is a piece of up to 15 bytes, or a part of a longer one (bpe_cut.h). The common case of
 * both passes has no branch that depends on the text; the rest is in functions of its own. */
#include "tokenize/bpe.h"

#include "tokenize/bpe_cut.h"
#include "tokenize/bpe_merge.h"
#include "tokenize/word_cache.h"
#include <stdlib.h>
#include <string.h>

#define N_UNITS   128u
#define PART_HASH 0x8000000000u /* sets long parts apart from long pieces */

/* A part of a piece has a kind of its own, because its bytes may be a token that merges do not
 * make. Kinds from LONG_PIECE on stand in the upper bits of key[1], with length 0, so that no entry
 * is like them; a short part is told by the upper bit of its size. */
enum unit_kind {
    UNIT_PIECE = 0, /* up to 15 bytes */
    UNIT_PART = 1,
    UNIT_LONG_PIECE = 2, /* 16 bytes and more; key[0] is the hash */
    UNIT_LONG_PART = 3,
    UNIT_ID = 4 /* known: start is the id */
};

struct unit {
    uint64_t key[2]; /* as in an entry */
    const struct gm_word_bucket *bucket;
    uint64_t span; /* start | n_bytes << 32, one store */
};
#define PART_SPAN ((uint64_t)1 << 63)

static inline uint32_t unit_start(const struct unit *unit)
{
    return (uint32_t)unit->span;
}

static enum unit_kind unit_kind(const struct unit *unit)
{
    uint64_t kind = unit->key[1] >> GM_WORD_KIND_SHIFT;
    return kind ? (enum unit_kind)kind : unit->span & PART_SPAN ? UNIT_PART : UNIT_PIECE;
}

static inline uint32_t unit_n_bytes(const struct unit *unit)
{
    bool is_long = unit->key[1] >> GM_WORD_KIND_SHIFT;
    return (uint32_t)((is_long ? unit->span : unit->span & ~PART_SPAN) >> 32);
}

struct gm_bpe_cache {
    const struct gm_bpe *bpe;
    struct gm_bpe_counters counters;
    struct gm_bpe_scratch scratch;
    struct gm_word_cache words;
    bool is_kept;
    struct unit units[N_UNITS];
};

/* The pieces that are still to do. */
struct work {
    const uint8_t *text;
    size_t n_bytes;
    const uint32_t *ends, *last; /* last: behind the last end */
    uint32_t begin;              /* of what is left of the piece that ends at *ends */
    bool is_part;                /* begin is inside of the piece */
};

struct gm_bpe_cache *gm_bpe_cache_new(const struct gm_bpe *bpe, size_t max_bytes)
{
    struct gm_bpe_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->bpe = bpe;
    cache->is_kept = max_bytes > 0;
    if (!gm_word_cache_init(&cache->words, max_bytes)) {
        free(cache);
        return NULL;
    }
    return cache;
}

void gm_bpe_cache_free(struct gm_bpe_cache *cache)
{
    if (!cache)
        return;
    gm_word_cache_fini(&cache->words);
    gm_bpe_scratch_free(&cache->scratch);
    free(cache);
}

const struct gm_bpe_counters *gm_bpe_cache_counters(const struct gm_bpe_cache *cache)
{
    return &cache->counters;
}

/* fill */

static void put_long(struct unit *unit, const struct gm_bpe_cache *cache, const uint8_t *text,
                     uint32_t start, uint32_t n_bytes, enum unit_kind kind)
{
    uint64_t hash = gm_bpe_hash(text + start, n_bytes);
    hash ^= kind == UNIT_LONG_PART ? PART_HASH : 0;
    *unit = (struct unit){{hash | 1, (uint64_t)kind << GM_WORD_KIND_SHIFT},
                          cache->words.words,
                          (uint64_t)n_bytes << 32 | start};
    __builtin_prefetch(gm_word_cache_index(&cache->words, hash));
}

/* A unit of any size, without reading behind it. */
static void put_unit(struct unit *unit, const struct gm_bpe_cache *cache, const uint8_t *text,
                     uint32_t start, uint32_t n_bytes, bool is_part)
{
    if (n_bytes > GM_WORD_MAX_BYTES) {
        put_long(unit, cache, text, start, n_bytes, is_part ? UNIT_LONG_PART : UNIT_LONG_PIECE);
        return;
    }
    gm_word_key(text + start, n_bytes, unit->key);
    unit->span = (uint64_t)n_bytes << 32 | start | (is_part ? PART_SPAN : 0);
    unit->bucket = gm_word_cache_bucket(&cache->words, unit->key);
    __builtin_prefetch(unit->bucket);
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

/* The next unit of a piece that is long, empty, or ends too near the end of the text. Returns the
 * number of units, 0 or 1. */
static __attribute__((noinline)) unsigned fill_rare(struct gm_bpe_cache *cache, struct work *work,
                                                    struct unit *unit)
{
    const struct gm_bpe *bpe = cache->bpe;
    const uint8_t *piece = work->text + work->begin;
    uint32_t begin = work->begin, n_bytes = *work->ends - begin, n_unit = n_bytes;
    bool is_cut = work->is_part || is_to_cut(bpe, piece, n_bytes);
    uint32_t id = GM_NO_TOKEN;

    if (is_cut && !work->is_part && bpe->head->flags & GM_BPE_WHOLE_PIECES)
        id = gm_bpe_whole(bpe, piece, n_bytes);
    if (id != GM_NO_TOKEN) {
        *unit = (struct unit){{1, (uint64_t)UNIT_ID << GM_WORD_KIND_SHIFT},
                              cache->words.words,
                              (uint64_t)n_bytes << 32 | id};
    } else if (n_bytes > 0) {
        if (is_cut && n_bytes > 1)
            n_unit = (uint32_t)gm_bpe_cut(bpe, piece, n_bytes);
        put_unit(unit, cache, work->text, begin, n_unit, is_cut);
    }
    work->is_part = n_unit < n_bytes;
    work->begin += n_unit;
    work->ends += !work->is_part;
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

static unsigned fill(struct gm_bpe_cache *cache, struct work *work)
{
    const uint8_t *text = work->text;
    const uint32_t *ends = work->ends;
    uint64_t begin = work->begin, safe = work->n_bytes < 16 ? 0 : work->n_bytes - 15;
    struct unit *unit = cache->units, *full = unit + N_UNITS;
    const struct gm_word_cache words = cache->words;
    bool is_rare = work->is_part;

    while (unit < full && ends < work->last) {
        struct unit *stop = work->last - ends < full - unit ? unit + (work->last - ends) : full;
        while (unit < stop && !is_rare) {
            uint64_t n_bytes = *ends - begin;
            is_rare = (n_bytes - 1 >= GM_WORD_MAX_BYTES) | (begin >= safe);
            if (is_rare)
                break;
            load_key(text + begin, n_bytes, unit->key);
            unit->bucket = gm_word_cache_bucket(&words, unit->key);
            __builtin_prefetch(unit->bucket);
            unit->span = n_bytes << 32 | begin;
            begin += n_bytes;
            ends++;
            unit++;
        }
        if (is_rare) {
            work->begin = (uint32_t)begin;
            work->ends = ends;
            unit += fill_rare(cache, work, unit);
            begin = work->begin;
            ends = work->ends;
            is_rare = work->is_part;
        }
    }
    work->begin = (uint32_t)begin;
    work->ends = ends;
    return (unsigned)(unit - cache->units);
}

/* emit */

/* Merges, and nothing else. SIZE_MAX: no memory. */
static size_t merge(struct gm_bpe_cache *cache, const uint8_t *word, size_t n_bytes, uint32_t *ids)
{
    if (n_bytes <= GM_BPE_SCAN_MAX)
        return gm_bpe_merge_word(cache->bpe, word, n_bytes, ids, &cache->counters.n_unknown);
    size_t n = gm_bpe_symbols(cache->bpe, word, n_bytes, ids, &cache->counters.n_unknown);
    return n == 0 ? 0 : gm_bpe_merge_long(cache->bpe, &cache->scratch, ids, n);
}

/* The same for a long piece, unit by unit. */
static size_t merge_units(struct gm_bpe_cache *cache, const uint8_t *piece, size_t n_bytes,
                          uint32_t *ids)
{
    size_t n_ids = 0, n_unit;

    for (; n_bytes > 0; piece += n_unit, n_bytes -= n_unit) {
        n_unit = cache->bpe->cuts ? gm_bpe_cut(cache->bpe, piece, n_bytes) : n_bytes;
        size_t n = merge(cache, piece, n_unit, ids + n_ids);
        if (n == SIZE_MAX)
            return SIZE_MAX;
        n_ids += n;
    }
    return n_ids;
}

/* index: of a token, plus 1 */
static bool is_seed(const struct gm_bpe *bpe, uint32_t index)
{
    return bpe->seeds[(index - 1) / 64] >> (index - 1) % 64 & 1;
}

/* Encodes without the cache. *is_keepable: it may stand in the cache. SIZE_MAX: no memory. */
static size_t encode_word(struct gm_bpe_cache *cache, const uint8_t *word, size_t n_bytes,
                          enum unit_kind kind, uint32_t *ids, bool *is_keepable)
{
    const struct gm_bpe *bpe = cache->bpe;
    uint64_t n_unknown = cache->counters.n_unknown;
    uint32_t index = gm_bpe_whole_index(bpe, word, n_bytes);
    bool is_reached = index > 0 && is_seed(bpe, index);
    bool is_whole = index > 0 && bpe->head->flags & GM_BPE_WHOLE_PIECES;
    size_t n_ids;

    *is_keepable = cache->is_kept && (kind >= UNIT_LONG_PIECE || !is_whole || is_reached);
    if (is_reached || (is_whole && (kind == UNIT_PIECE || kind == UNIT_LONG_PIECE))) {
        ids[0] = bpe->tokens[index - 1].id;
        return 1;
    }
    n_ids = kind == UNIT_LONG_PIECE ? merge_units(cache, word, n_bytes, ids)
                                    : merge(cache, word, n_bytes, ids);
    *is_keepable &= n_unknown == cache->counters.n_unknown;
    return n_ids;
}

static void put_word(struct gm_bpe_cache *cache, const struct unit *unit, const uint32_t *ids,
                     size_t n_ids)
{
    cache->counters.n_misses++;
    gm_word_cache_put(&cache->words, unit->key, ids, n_ids);
}

static size_t miss(struct gm_bpe_cache *cache, const struct unit *unit, const uint8_t *word,
                   uint32_t *ids)
{
    enum unit_kind kind = unit_kind(unit);
    bool is_keepable;

    size_t n_ids = encode_word(cache, word, unit_n_bytes(unit), kind, ids, &is_keepable);
    if (is_keepable && kind < UNIT_LONG_PIECE && n_ids != SIZE_MAX) {
        put_word(cache, unit, ids, n_ids);
        return n_ids;
    }
    cache->counters.n_misses++;
    if (is_keepable && n_ids != SIZE_MAX && unit_n_bytes(unit) <= GM_RECORD_MAX_BYTES)
        gm_word_cache_put_long(&cache->words, unit->key[0], word, unit_n_bytes(unit), ids, n_ids);
    return n_ids;
}

/* Words of a window that are not in the cache. */
struct missing {
    struct gm_bpe_word words[GM_BPE_MERGE_WORDS];
    const struct unit *units[GM_BPE_MERGE_WORDS];
    size_t n;
};

static bool is_missing(const struct missing *missing, const struct unit *unit)
{
    if (unit->key[1] >> GM_WORD_KIND_SHIFT || gm_word_bucket_find(unit->bucket, unit->key) < 2)
        return false;
    for (size_t i = 0; i < missing->n; i++)
        if (missing->units[i]->key[0] == unit->key[0] && missing->units[i]->key[1] == unit->key[1])
            return false;
    return true;
}

/* Those of [unit, end) that come first, as many as are merged at a time. */
static void find_missing(const struct gm_bpe_cache *cache, struct missing *missing,
                         const struct unit *unit, const struct unit *end, const uint8_t *text)
{
    missing->n = 0;
    for (; unit < end && missing->n < GM_BPE_MERGE_WORDS; unit++) {
        struct gm_bpe_word *word = &missing->words[missing->n];
        if (!is_missing(missing, unit))
            continue;
        missing->units[missing->n++] = unit;
        word->bytes = text + unit_start(unit);
        word->n_bytes = unit_n_bytes(unit);
        gm_bpe_prefetch_whole(cache->bpe, word->bytes, word->n_bytes);
        gm_word_cache_prefetch(&cache->words, unit->bucket);
    }
}

/* Enters words that are missing into the cache. What may not be kept stays missing. */
static void enter_missing(struct gm_bpe_cache *cache, struct missing *missing)
{
    const struct gm_bpe *bpe = cache->bpe;
    uint32_t ids[GM_BPE_WORD_BYTES];
    size_t n = 0;

    for (size_t i = 0; i < missing->n; i++) {
        const struct unit *unit = missing->units[i];
        struct gm_bpe_word word = missing->words[i];
        if (gm_word_cache_get(&cache->words, unit->bucket, unit->key, ids) != SIZE_MAX)
            continue;
        uint32_t index = gm_bpe_whole_index(bpe, word.bytes, word.n_bytes);
        if (index == 0) {
            missing->words[n] = word;
            missing->units[n++] = unit;
        } else if (is_seed(bpe, index)) {
            put_word(cache, unit, &bpe->tokens[index - 1].id, 1);
        }
    }
    gm_bpe_merge_words(bpe, missing->words, n);
    for (size_t i = 0; i < n; i++)
        if (missing->words[i].n_unknown == 0)
            put_word(cache, missing->units[i], missing->words[i].ids, missing->words[i].n_ids);
}

/* All that is not an entry with up to four ids. end: of the window. */
static __attribute__((noinline)) size_t emit_rare(struct gm_bpe_cache *cache,
                                                  const struct unit *unit, const struct unit *end,
                                                  const uint8_t *text, uint32_t *ids)
{
    enum unit_kind kind = unit_kind(unit);
    const uint8_t *word = text + unit_start(unit);
    size_t n_ids;

    if (kind == UNIT_ID) {
        ids[0] = unit_start(unit);
        return 1;
    }
    if (kind >= UNIT_LONG_PIECE) {
        n_ids = gm_word_cache_get_long(&cache->words, unit->key[0], word, unit_n_bytes(unit), ids);
        return n_ids == SIZE_MAX ? miss(cache, unit, word, ids) : n_ids;
    }
    n_ids = gm_word_cache_get(&cache->words, unit->bucket, unit->key, ids);
    if (n_ids == SIZE_MAX && cache->is_kept) {
        struct missing missing;
        find_missing(cache, &missing, unit, end, text);
        enter_missing(cache, &missing);
        n_ids = gm_word_cache_get(&cache->words, unit->bucket, unit->key, ids);
    }
    return n_ids == SIZE_MAX ? miss(cache, unit, word, ids) : n_ids;
}

/* The ids of a window. An entry is copied with all of its four ids, for which there is room if four
 * bytes of text or more are behind the start of the unit. is_last: behind the window are less; then
 * the last three units come from emit_rare. A unit has at least one byte. */
static size_t emit(struct gm_bpe_cache *cache, unsigned n_units, bool is_last, const uint8_t *text,
                   uint32_t *ids)
{
    const struct unit *unit = cache->units, *end = unit + n_units;
    const struct unit *careful = !is_last ? end : n_units < 4 ? unit : end - 3;
    uint32_t *at = ids;

    for (; unit < end; unit++) {
        unsigned i = unit < careful ? gm_word_bucket_find(unit->bucket, unit->key) : 2;
        if (__builtin_expect(i == 2, 0)) {
            size_t n_ids = emit_rare(cache, unit, end, text, at);
            if (n_ids == SIZE_MAX)
                return SIZE_MAX;
            at += n_ids;
            continue;
        }
        at += gm_word_entry_copy(&unit->bucket->entries[i], at);
    }
    return (size_t)(at - ids);
}

size_t gm_bpe_encode(struct gm_bpe_cache *cache, const uint8_t *text, size_t n_bytes,
                     uint32_t begin, const uint32_t *ends, size_t n_pieces, uint32_t *ids)
{
    struct work work = {text, n_bytes, ends, ends + n_pieces, begin, false};
    uint64_t n_units_done = 0, n_misses = cache->counters.n_misses;
    uint32_t end = n_pieces > 0 ? ends[n_pieces - 1] : begin;
    size_t n_ids = 0;

    while (work.ends < work.last) {
        unsigned n_units = fill(cache, &work);
        bool is_last = end - work.begin < GM_WORD_INLINE_IDS;
        size_t n = emit(cache, n_units, is_last, text, ids + n_ids);
        if (n == SIZE_MAX)
            return SIZE_MAX;
        n_ids += n;
        n_units_done += n_units;
    }
    cache->counters.n_pieces += n_pieces;
    cache->counters.n_hits += n_units_done - (cache->counters.n_misses - n_misses);
    cache->counters.n_tokens += n_ids;
    return n_ids;
}
