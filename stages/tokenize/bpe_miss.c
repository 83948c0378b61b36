/* Units that are not in the first bucket that they may be in: those of the second one, those whose
 * ids are in a record, long ones, and those that have to be merged. */
#include "tokenize/bpe_cut.h"
#include "tokenize/bpe_units.h"

#include <string.h>

/* Merges, and nothing else. SIZE_MAX: no memory. */
static size_t merge(struct gm_bpe_cache *cache, const uint8_t *word, size_t n_bytes, uint32_t *ids)
{
    if (n_bytes <= GM_BPE_SCAN_MAX)
        return gm_bpe_merge_word(cache->bpe, word, n_bytes, ids, &cache->counters.n_unknown);
    size_t n = gm_bpe_symbols(cache->bpe, word, n_bytes, ids, &cache->counters.n_unknown);
    return n == 0 ? 0 : gm_bpe_merge_long(cache->bpe, &cache->scratch, ids, n);
}

/* The same for a long piece, part by part. */
static size_t merge_parts(struct gm_bpe_cache *cache, const uint8_t *piece, uint32_t n_bytes,
                          uint32_t *ids)
{
    uint32_t ends[GM_UNIT_CUTS], begin = 0;
    size_t n_ids = 0;

    while (begin < n_bytes) {
        size_t n_parts = 1;
        ends[0] = n_bytes;
        if (cache->bpe->cuts)
            n_parts = gm_bpe_cuts(cache->bpe, piece, begin, n_bytes, ends, GM_UNIT_CUTS);
        for (size_t i = 0; i < n_parts; begin = ends[i++]) {
            size_t n = merge(cache, piece + begin, ends[i] - begin, ids + n_ids);
            if (n == SIZE_MAX)
                return SIZE_MAX;
            n_ids += n;
        }
    }
    return n_ids;
}

/* index: of a token, plus 1 */
static bool is_seed(const struct gm_bpe *bpe, uint32_t index)
{
    return bpe->seeds[(index - 1) / 64] >> (index - 1) % 64 & 1;
}

/* What the bytes of a unit are as a whole. */
struct whole {
    uint32_t id;      /* GM_NO_TOKEN: they have to be merged */
    bool is_keepable; /* it may stand in the cache, for pieces and parts alike */
};

static struct whole find_whole(const struct gm_bpe_cache *cache, const uint8_t *word,
                               size_t n_bytes, enum gm_unit_kind kind)
{
    const struct gm_bpe *bpe = cache->bpe;
    uint32_t index = gm_bpe_whole_index(bpe, word, n_bytes);
    bool is_reached = index > 0 && is_seed(bpe, index);
    bool is_whole = index > 0 && bpe->head->flags & GM_BPE_WHOLE_PIECES;
    bool is_piece = kind == GM_UNIT_PIECE || kind == GM_UNIT_LONG_PIECE;
    struct whole whole = {GM_NO_TOKEN, cache->is_kept};

    whole.is_keepable &= kind >= GM_UNIT_LONG_PIECE || !is_whole || is_reached;
    if (is_reached || (is_whole && is_piece))
        whole.id = bpe->tokens[index - 1].id;
    return whole;
}

/* A unit without the cache; a long one is kept if it can be. SIZE_MAX: no memory. */
static size_t encode_unit(struct gm_bpe_cache *cache, const struct gm_unit *unit,
                          const uint8_t *word, uint32_t *ids)
{
    enum gm_unit_kind kind = gm_unit_kind(unit);
    uint32_t n_bytes = gm_unit_n_bytes(unit);
    uint64_t n_unknown = cache->counters.n_unknown;
    struct whole whole = find_whole(cache, word, n_bytes, kind);
    size_t n_ids = 1;

    cache->counters.n_misses++;
    if (whole.id != GM_NO_TOKEN)
        ids[0] = whole.id;
    else
        n_ids = kind == GM_UNIT_LONG_PIECE ? merge_parts(cache, word, n_bytes, ids)
                                           : merge(cache, word, n_bytes, ids);
    if (kind >= GM_UNIT_LONG_PIECE && whole.is_keepable && n_ids != SIZE_MAX &&
        n_bytes <= GM_RECORD_MAX_BYTES && n_unknown == cache->counters.n_unknown)
        gm_word_cache_put_long(&cache->words, unit->key[0], word, n_bytes, ids, n_ids);
    return n_ids;
}

size_t gm_unit_special(struct gm_bpe_cache *cache, const struct gm_unit *unit, const uint8_t *text,
                       uint32_t *ids)
{
    const struct gm_word_ids *entry = unit->entry;
    const uint8_t *word = text + gm_unit_start(unit);
    enum gm_unit_kind kind = gm_unit_kind(unit);
    size_t n_ids;

    if (kind == GM_UNIT_ID) {
        ids[0] = gm_unit_start(unit);
        return 1;
    }
    if (kind >= GM_UNIT_LONG_PIECE) {
        n_ids =
            gm_word_cache_get_long(&cache->words, unit->key[0], word, gm_unit_n_bytes(unit), ids);
    } else if (entry->ids[3] >> GM_WORD_N_IDS_SHIFT == GM_ABSENT_MANY) {
        const struct gm_bpe_word *made = &((const struct gm_absent *)(const void *)entry)->word;
        n_ids = made->n_ids;
        memcpy(ids, made->ids, n_ids * sizeof *ids);
    } else {
        n_ids = gm_word_cache_get(&cache->words, entry, ids);
    }
    return n_ids == SIZE_MAX ? encode_unit(cache, unit, word, ids) : n_ids;
}

static void set_special(struct gm_window *window, const struct gm_unit *unit)
{
    size_t i = (size_t)(unit - window->units);
    window->special[i / 64] |= (uint64_t)1 << i % 64;
}

/* Gives the ids of a word to its units. */
static void finish_absent(struct gm_bpe_cache *cache, struct gm_absent *absent)
{
    uint32_t n_ids = (uint32_t)absent->word.n_ids;

    cache->counters.n_unknown += absent->n_units * absent->word.n_unknown;
    absent->is_keepable &= absent->word.n_unknown == 0;
    if (n_ids > GM_WORD_INLINE_IDS) {
        absent->entry.ids[3] = GM_ABSENT_MANY << GM_WORD_N_IDS_SHIFT;
        return;
    }
    memset(absent->entry.ids, 0, sizeof absent->entry.ids);
    memcpy(absent->entry.ids, absent->word.ids, n_ids * sizeof(uint32_t));
    absent->entry.ids[3] |= n_ids << GM_WORD_N_IDS_SHIFT;
}

/* Merges words side by side. */
static void merge_absent(struct gm_bpe_cache *cache, struct gm_absent *const *batch, size_t n)
{
    struct gm_bpe_word *words[GM_BPE_MERGE_WORDS] = {NULL};

    for (size_t i = 0; i < n; i++)
        words[i] = &batch[i]->word;
    gm_bpe_merge_words(cache->bpe, words, n);
    for (size_t i = 0; i < n; i++)
        finish_absent(cache, batch[i]);
}

static void encode_absent(struct gm_bpe_cache *cache)
{
    struct gm_absent *batch[GM_BPE_MERGE_WORDS];
    size_t n = 0;

    for (unsigned i = 0; i < cache->n_absent; i++) {
        struct gm_absent *absent = &cache->absent[i];
        struct gm_bpe_word *word = &absent->word;
        struct whole whole =
            find_whole(cache, word->bytes, word->n_bytes, gm_unit_kind(absent->unit));
        absent->is_keepable = whole.is_keepable;
        if (whole.id != GM_NO_TOKEN) {
            word->ids[0] = whole.id;
            word->n_ids = 1;
            word->n_unknown = 0;
            finish_absent(cache, absent);
            continue;
        }
        batch[n++] = absent;
        if (n == GM_BPE_MERGE_WORDS) {
            merge_absent(cache, batch, n);
            n = 0;
        }
    }
    merge_absent(cache, batch, n);
    cache->counters.n_misses += cache->n_absent;
}

/* The same word again is the same absent one. */
static void add_absent(struct gm_bpe_cache *cache, struct gm_unit *unit, const uint8_t *text)
{
    struct gm_absent *absent = cache->absent, *end = absent + cache->n_absent;

    for (; absent < end; absent++) {
        const struct gm_unit *other = absent->unit;
        if (other->key[0] == unit->key[0] && other->key[1] == unit->key[1] &&
            gm_unit_kind(other) == gm_unit_kind(unit)) {
            unit->entry = &absent->entry;
            absent->n_units++;
            return;
        }
    }
    cache->n_absent++;
    absent->unit = unit;
    absent->n_units = 1;
    absent->word.bytes = text + gm_unit_start(unit);
    absent->word.n_bytes = gm_unit_n_bytes(unit);
    unit->entry = &absent->entry;
    gm_bpe_prefetch_whole(cache->bpe, absent->word.bytes, absent->word.n_bytes);
}

void gm_units_prefetch(const struct gm_bpe_cache *cache, const struct gm_window *window)
{
    for (unsigned i = 0; i < window->n_missing; i++) {
        const struct gm_unit *unit = &window->units[window->missing[i]];
        if (gm_unit_kind(unit) >= GM_UNIT_LONG_PIECE)
            gm_word_cache_prefetch_long(&cache->words, unit->key[0]);
        else
            __builtin_prefetch(gm_word_cache_other(&cache->words, unit->key));
    }
}

void gm_units_resolve(struct gm_bpe_cache *cache, struct gm_window *window, const uint8_t *text)
{
    for (unsigned i = 0; i < window->n_missing; i++) {
        struct gm_unit *unit = &window->units[window->missing[i]];
        if (gm_unit_kind(unit) >= GM_UNIT_LONG_PIECE)
            continue;
        const struct gm_word_ids *entry = gm_word_cache_find(&cache->words, unit->key);
        if (entry)
            unit->entry = entry;
        else
            add_absent(cache, unit, text);
    }
    if (cache->n_absent > 0)
        encode_absent(cache);
    for (unsigned i = 0; i < window->n_missing; i++) {
        const struct gm_unit *unit = &window->units[window->missing[i]];
        if (gm_unit_kind(unit) >= GM_UNIT_LONG_PIECE ||
            unit->entry->ids[3] >> GM_WORD_N_IDS_SHIFT > GM_WORD_INLINE_IDS)
            set_special(window, unit);
    }
}

void gm_units_enter(struct gm_bpe_cache *cache)
{
    for (unsigned i = 0; i < cache->n_absent; i++) {
        const struct gm_absent *absent = &cache->absent[i];
        if (absent->is_keepable)
            gm_word_cache_put(&cache->words, absent->unit->key, absent->word.ids,
                              absent->word.n_ids);
    }
}

void gm_units_count(struct gm_bpe_cache *cache, const struct gm_window *window)
{
    for (unsigned i = 0; i < window->n_units; i++)
        if (gm_unit_kind(&window->units[i]) < GM_UNIT_LONG_PIECE)
            gm_word_cache_count(&cache->words, window->units[i].entry);
    for (unsigned i = 0; i < window->n_missing; i++) {
        const struct gm_unit *unit = &window->units[window->missing[i]];
        if (gm_unit_kind(unit) < GM_UNIT_LONG_PIECE)
            gm_word_cache_promote(&cache->words, unit->key);
    }
}
