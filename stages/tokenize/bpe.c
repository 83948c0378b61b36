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

#define N_UNITS 128u

/* In the bits of key[1] where entries have their number of ids. */
enum unit_kind {
    UNIT_PIECE = 0, /* a piece of up to 15 bytes */
    UNIT_PART =
        1, /* of a piece, up to 15 bytes: its bytes may be a token that merges do not make */
    UNIT_LONG = 2, /* 16 bytes and more; key[0] is the hash */
    UNIT_ID = 3    /* known: start is the id */
};

struct unit {
    uint64_t key[2]; /* as in an entry; of length 0 for LONG and ID, and then not 0 */
    const struct gm_word_bucket *bucket;
    uint64_t span; /* start | n_bytes << 32, one store */
};

static inline uint32_t unit_start(const struct unit *unit)
{
    return (uint32_t)unit->span;
}

static inline uint32_t unit_n_bytes(const struct unit *unit)
{
    return (uint32_t)(unit->span >> 32);
}

static inline void set_span(struct unit *unit, uint32_t start, uint32_t n_bytes)
{
    unit->span = (uint64_t)n_bytes << 32 | start;
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

static void enter_seeds(struct gm_bpe_cache *cache)
{
    const struct gm_bpe *bpe = cache->bpe;
    uint64_t key[2];

    for (size_t i = bpe->n_tokens; i-- > 0;) {
        const struct gm_spec_token *token = &bpe->tokens[i];
        const uint8_t *bytes = bpe->pool + token->text.offset;
        uint32_t n_bytes = token->text.n_bytes;
        if (!(bpe->seeds[i / 64] >> i % 64 & 1) || n_bytes == 0 || n_bytes > GM_WORD_MAX_BYTES)
            continue;
        gm_word_key(bytes, n_bytes, key);
        gm_word_cache_put(&cache->words, key, &token->id, 1);
    }
}

struct gm_bpe_cache *gm_bpe_cache_new(const struct gm_bpe *bpe, size_t max_bytes)
{
    struct gm_bpe_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->bpe = bpe;
    cache->is_kept = max_bytes > 0;
    if (!gm_word_cache_init(&cache->words, bpe, max_bytes)) {
        free(cache);
        return NULL;
    }
    if (cache->is_kept)
        enter_seeds(cache);
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

static void put_key(struct unit *unit, const struct gm_bpe_cache *cache, uint64_t low,
                    uint64_t high)
{
    unit->key[0] = low;
    unit->key[1] = high;
    unit->bucket = gm_word_cache_bucket(&cache->words, low, high);
    __builtin_prefetch(unit->bucket);
}

/* A unit of any size, without reading behind it. */
static void put_unit(struct unit *unit, const struct gm_bpe_cache *cache, const uint8_t *text,
                     uint32_t start, uint32_t n_bytes, enum unit_kind kind)
{
    uint64_t key[2];

    set_span(unit, start, n_bytes);
    if (n_bytes <= GM_WORD_MAX_BYTES) {
        gm_word_key(text + start, n_bytes, key);
        put_key(unit, cache, key[0], key[1]);
        unit->key[1] |= (uint64_t)kind << GM_WORD_COUNT_SHIFT;
        return;
    }
    unit->key[0] = gm_bpe_hash(text + start, n_bytes);
    unit->key[1] = (uint64_t)UNIT_LONG << GM_WORD_COUNT_SHIFT;
    unit->bucket = cache->words.words;
    __builtin_prefetch(gm_word_cache_index(&cache->words, unit->key[0]));
}

/* The next unit of a piece that is long, empty, or ends too near the end of the text. Returns the
 * number of units, 0 or 1. */
static __attribute__((noinline)) unsigned fill_rare(struct gm_bpe_cache *cache, struct work *work,
                                                    struct unit *unit)
{
    const struct gm_bpe *bpe = cache->bpe;
    const uint8_t *text = work->text;
    uint32_t begin = work->begin, n_bytes = *work->ends - begin, n_unit = n_bytes;
    bool is_whole = !work->is_part;

    if (n_bytes <= GM_WORD_MAX_BYTES || !bpe->cuts) {
        if (n_bytes > 0)
            put_unit(unit, cache, text, begin, n_bytes, is_whole ? UNIT_PIECE : UNIT_PART);
        goto next_piece;
    }
    if (is_whole && bpe->head->flags & GM_BPE_WHOLE_PIECES &&
        n_bytes <= bpe->head->max_token_bytes) {
        uint32_t id = gm_bpe_whole(bpe, text + begin, n_bytes);
        if (id != GM_NO_TOKEN) {
            unit->key[0] = 1;
            unit->key[1] = (uint64_t)UNIT_ID << GM_WORD_COUNT_SHIFT;
            unit->bucket = cache->words.words;
            set_span(unit, id, n_bytes);
            goto next_piece;
        }
    }
    n_unit = (uint32_t)gm_bpe_cut(bpe, text + begin, n_bytes);
    put_unit(unit, cache, text, begin, n_unit, UNIT_PART);
    if (n_unit < n_bytes) {
        work->begin += n_unit;
        work->is_part = true;
        return 1;
    }
next_piece:
    work->begin = *work->ends++;
    work->is_part = false;
    return n_bytes > 0;
}

static unsigned fill(struct gm_bpe_cache *cache, struct work *work)
{
    static const uint64_t masks[16][2] = {
#define LOW(n) {(((uint64_t)1 << 8 * (n)) - 1), 0}
#define HIGH(n)                                                                                    \
    {                                                                                              \
        UINT64_MAX, (((uint64_t)1 << 8 * ((n)-8)) - 1)                                             \
    }
        LOW(0),  LOW(1),  LOW(2),   LOW(3),   LOW(4),   LOW(5),   LOW(6),   LOW(7),
        HIGH(8), HIGH(9), HIGH(10), HIGH(11), HIGH(12), HIGH(13), HIGH(14), HIGH(15)};
#undef LOW
#undef HIGH
    struct unit *unit = cache->units, *end = unit + N_UNITS;

    while (unit < end && work->ends < work->last) {
        uint32_t begin = work->begin, n_bytes = *work->ends - begin;
        if (n_bytes - 1 >= GM_WORD_MAX_BYTES || (size_t)begin + 16 > work->n_bytes ||
            work->is_part) {
            unit += fill_rare(cache, work, unit);
            continue;
        }
        uint64_t low, high;
        memcpy(&low, work->text + begin, sizeof low);
        memcpy(&high, work->text + begin + 8, sizeof high);
        set_span(unit, begin, n_bytes);
        put_key(unit, cache, low & masks[n_bytes][0],
                (high & masks[n_bytes][1]) | (uint64_t)n_bytes << GM_WORD_LENGTH_SHIFT);
        work->begin = begin + n_bytes;
        work->ends++;
        unit++;
    }
    return (unsigned)(unit - cache->units);
}

/* emit */

/* Encodes without the cache. *is_keepable: it may stand in the cache. SIZE_MAX: no memory. */
static size_t encode_word(struct gm_bpe_cache *cache, const uint8_t *word, size_t n_bytes,
                          enum unit_kind kind, uint32_t *ids, bool *is_keepable)
{
    const struct gm_bpe *bpe = cache->bpe;
    uint64_t n_unknown = cache->counters.n_unknown;

    *is_keepable = cache->is_kept;
    if (bpe->head->flags & GM_BPE_WHOLE_PIECES && n_bytes <= bpe->head->max_token_bytes) {
        uint32_t index = gm_bpe_whole_index(bpe, word, n_bytes);
        bool is_seed = index > 0 && bpe->seeds[(index - 1) / 64] >> (index - 1) % 64 & 1;
        *is_keepable &= index == 0 || is_seed;
        if (index > 0 && (kind == UNIT_PIECE || is_seed)) {
            ids[0] = bpe->tokens[index - 1].id;
            return 1;
        }
    }
    size_t n = gm_bpe_symbols(bpe, word, n_bytes, ids, &cache->counters.n_unknown);
    *is_keepable &= n_unknown == cache->counters.n_unknown;
    if (n <= GM_BPE_SCAN_MAX)
        return gm_bpe_merge_scan(bpe, ids, n);
    return gm_bpe_merge_heap(bpe, &cache->scratch, ids, n);
}

static size_t miss(struct gm_bpe_cache *cache, const struct unit *unit, const uint8_t *word,
                   uint32_t *ids)
{
    enum unit_kind kind = (enum unit_kind)(unit->key[1] >> GM_WORD_COUNT_SHIFT);
    uint64_t key[2] = {unit->key[0], unit->key[1] << 4 >> 4};
    bool is_keepable;

    cache->counters.n_misses++;
    size_t n_ids = encode_word(cache, word, unit_n_bytes(unit), kind, ids, &is_keepable);
    if (n_ids == SIZE_MAX || !is_keepable)
        return n_ids;
    if (kind != UNIT_LONG)
        gm_word_cache_put(&cache->words, key, ids, n_ids);
    else if (unit_n_bytes(unit) <= GM_RECORD_MAX_BYTES)
        gm_word_cache_put_long(&cache->words, key[0], word, unit_n_bytes(unit), ids, n_ids);
    return n_ids;
}

/* 0: the entry is that of the unit. */
static inline uint64_t difference(const struct gm_word_entry *entry, const struct unit *unit)
{
    return (entry->key[0] ^ unit->key[0]) | (entry->key[1] ^ unit->key[1]) << 4;
}

/* All that is not an entry with up to four ids. */
static __attribute__((noinline)) size_t
emit_rare(struct gm_bpe_cache *cache, const struct unit *unit, const uint8_t *text, uint32_t *ids)
{
    enum unit_kind kind = (enum unit_kind)(unit->key[1] >> GM_WORD_COUNT_SHIFT);
    size_t n_ids = SIZE_MAX;

    if (kind == UNIT_ID) {
        ids[0] = unit_start(unit);
        return 1;
    }
    if (kind == UNIT_LONG)
        n_ids = gm_word_cache_get_long(&cache->words, unit->key[0], text + unit_start(unit),
                                       unit_n_bytes(unit), ids);
    for (int i = 0; i < 2 && kind != UNIT_LONG; i++) {
        const struct gm_word_entry *entry = &unit->bucket->entries[i];
        if (difference(entry, unit) != 0)
            continue;
        n_ids = entry->key[1] >> GM_WORD_COUNT_SHIFT;
        if (n_ids > GM_WORD_INLINE_IDS)
            n_ids = gm_word_cache_spilled(&cache->words, entry, ids);
        else
            memcpy(ids, entry->ids, n_ids * sizeof *ids);
        break;
    }
    return n_ids == SIZE_MAX ? miss(cache, unit, text + unit_start(unit), ids) : n_ids;
}

/* limit: where ids has less than four places left behind the fast path. */
static size_t emit(struct gm_bpe_cache *cache, unsigned n_units, const uint8_t *text, uint32_t *ids,
                   const uint32_t *limit)
{
    uint32_t *at = ids;

    for (const struct unit *unit = cache->units; unit < cache->units + n_units; unit++) {
        const struct gm_word_entry *entries = unit->bucket->entries;
        uint64_t first = difference(&entries[0], unit), second = difference(&entries[1], unit);
        const struct gm_word_entry *entry = entries + ((first | -first) >> 63);
        size_t n_ids = entry->key[1] >> GM_WORD_COUNT_SHIFT;
        bool is_rare = ((first != 0) & (second != 0)) | (n_ids > GM_WORD_INLINE_IDS) | (at > limit);
        if (__builtin_expect(is_rare, 0)) {
            n_ids = emit_rare(cache, unit, text, at);
            if (n_ids == SIZE_MAX)
                return SIZE_MAX;
        } else {
            memcpy(at, entry->ids, sizeof entry->ids);
        }
        at += n_ids;
    }
    return (size_t)(at - ids);
}

size_t gm_bpe_encode(struct gm_bpe_cache *cache, const uint8_t *text, size_t n_bytes,
                     uint32_t begin, const uint32_t *ends, size_t n_pieces, uint32_t *ids)
{
    struct work work = {text, n_bytes, ends, ends + n_pieces, begin, false};
    uint64_t n_units_done = 0, n_misses = cache->counters.n_misses;
    size_t n_ids = 0;

    if (n_pieces == 0)
        return 0;
    const uint32_t *end = ids + (ends[n_pieces - 1] - begin);
    while (work.ends < work.last) {
        unsigned n_units = fill(cache, &work);
        size_t n = emit(cache, n_units, text, ids + n_ids, end - GM_WORD_INLINE_IDS);
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
