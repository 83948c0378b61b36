/* Encoding of pieces, a window of units at a time (bpe_units.h). The common case of each pass has
 * no branch that depends on the text; the rest is in functions of its own. */
#include "tokenize/bpe.h"

#include "tokenize/bpe_units.h"
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

/* Where the key of a unit is in its first bucket. */
enum place { PLACE_FIRST = 1, PLACE_SECOND = 4, PLACE_NONE = 0 };

static inline enum place find_plain(const struct gm_unit *unit)
{
    const struct gm_word_bucket *bucket = gm_word_bucket_of(unit->entry);
    unsigned first = (bucket->keys[0][0] == unit->key[0]) & (bucket->keys[0][1] == unit->key[1]);
    unsigned second = (bucket->keys[1][0] == unit->key[0]) & (bucket->keys[1][1] == unit->key[1]);
    return (enum place)(first | second << 2);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static inline enum place find_avx2(const struct gm_unit *unit)
{
    const __m256i *keys = (const void *)gm_word_bucket_of(unit->entry);
    __m128i key = _mm_loadu_si128((const void *)unit->key);
    __m256i equal = _mm256_cmpeq_epi64(_mm256_broadcastsi128_si256(key), _mm256_load_si256(keys));
    unsigned halves = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(equal));
    return (enum place)(halves & halves >> 1 & (PLACE_FIRST | PLACE_SECOND));
}
#endif

/* copy: the ids of the units up to the first one that is not in its first bucket, or up to the end.
 * list: points each unit to its entry, and lists those that are not there. Returns how many. No
 * branch of it depends on the words. */
#define DEFINE_PASSES(tier, target)                                                                \
    target static const struct gm_unit *copy_##tier(const struct gm_unit *unit,                    \
                                                    const struct gm_unit *end, uint32_t **ids)     \
    {                                                                                              \
        uint32_t *at = *ids;                                                                       \
        for (; unit < end; unit++) {                                                               \
            enum place place = find_##tier(unit);                                                  \
            if (__builtin_expect(place == PLACE_NONE, 0))                                          \
                break;                                                                             \
            at += gm_word_copy(unit->entry + (place >> 2), at);                                    \
        }                                                                                          \
        *ids = at;                                                                                 \
        return unit;                                                                               \
    }                                                                                              \
    target static unsigned list_##tier(struct gm_window *window, unsigned from, unsigned end)      \
    {                                                                                              \
        unsigned n_missing = 0;                                                                    \
        for (unsigned i = from; i < end; i++) {                                                    \
            enum place place = find_##tier(&window->units[i]);                                     \
            window->units[i].entry += place >> 2;                                                  \
            window->missing[n_missing] = (uint8_t)i;                                               \
            n_missing += place == PLACE_NONE;                                                      \
        }                                                                                          \
        return n_missing;                                                                          \
    }

DEFINE_PASSES(plain, )
#ifdef __x86_64__
DEFINE_PASSES(avx2, __attribute__((target("avx2"))))
#endif

struct passes {
    const struct gm_unit *(*copy)(const struct gm_unit *, const struct gm_unit *, uint32_t **);
    unsigned (*list)(struct gm_window *, unsigned, unsigned);
};

static struct passes best_passes(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return (struct passes){copy_avx2, list_avx2};
#endif
    return (struct passes){copy_plain, list_plain};
}

/* An entry is copied with all of its four ids, for which there is room if four bytes of text or
 * more are behind the start of the unit. is_last: behind the window are less; then the last three
 * units are taken for missing, a unit having at least one byte. Returns the number of ids. */
static size_t probe(struct gm_bpe_cache *cache, struct gm_window *window, bool is_last,
                    uint32_t *ids)
{
    const struct passes passes = best_passes();
    bool is_counted = cache->n_windows++ % GM_UNITS_COUNTED == 0;
    const struct gm_unit *units = window->units;
    unsigned n = window->n_units, careful = n;
    uint32_t *at = ids;

    if (is_last)
        careful = n < 4 ? 0 : n - 3;
    window->is_counted = is_counted;
    window->n_copied = window->n_missing = 0;
    if (!is_counted)
        window->n_copied = (unsigned)(passes.copy(units, units + careful, &at) - units);
    if (window->n_copied == n)
        return (size_t)(at - ids);
    window->n_missing = passes.list(window, window->n_copied, careful);
    memset(window->special, 0, sizeof window->special);
    for (unsigned i = careful; i < n; i++) {
        window->missing[window->n_missing++] = (uint8_t)i;
        window->special[i / 64] |= (uint64_t)1 << i % 64;
    }
    gm_units_prefetch(cache, window);
    return (size_t)(at - ids);
}

static uint32_t *copy_entries(const struct gm_unit *unit, const struct gm_unit *end, uint32_t *ids)
{
    for (; unit < end; unit++)
        ids += gm_word_copy(unit->entry, ids);
    return ids;
}

/* The ids of a window that probe has not copied. SIZE_MAX: no memory. */
static size_t emit(struct gm_bpe_cache *cache, const struct gm_window *window, const uint8_t *text,
                   uint32_t *ids)
{
    const struct gm_unit *units = window->units, *unit = units + window->n_copied;
    uint32_t *at = ids;

    for (unsigned i = 0; i < GM_UNITS / 64; i++)
        for (uint64_t bits = window->special[i]; bits; bits &= bits - 1) {
            const struct gm_unit *special = units + 64 * i + __builtin_ctzll(bits);
            at = copy_entries(unit, special, at);
            size_t n_ids = gm_unit_special(cache, special, text, at);
            if (n_ids == SIZE_MAX)
                return SIZE_MAX;
            at += n_ids;
            unit = special + 1;
        }
    return (size_t)(copy_entries(unit, units + window->n_units, at) - ids);
}

/* The same, with all that has to be done for it. */
static size_t finish(struct gm_bpe_cache *cache, struct gm_window *window, const uint8_t *text,
                     uint32_t *ids)
{
    cache->n_absent = 0;
    if (window->n_missing > 0)
        gm_units_resolve(cache, window, text);
    size_t n_ids = emit(cache, window, text, ids);
    if (window->is_counted)
        gm_units_count(cache, window);
    if (cache->n_absent > 0)
        gm_units_enter(cache);
    return n_ids;
}

size_t gm_bpe_encode(struct gm_bpe_cache *cache, const uint8_t *text, size_t n_bytes,
                     uint32_t begin, const uint32_t *ends, size_t n_pieces, uint32_t *ids)
{
    struct gm_work work;
    struct gm_window *window = &cache->windows[0], *next = &cache->windows[1], *swap;
    uint64_t n_units = 0, n_misses = cache->counters.n_misses;
    uint32_t end = n_pieces > 0 ? ends[n_pieces - 1] : begin;
    size_t n_ids = 0;

    work.text = text, work.n_bytes = n_bytes, work.begin = begin;
    work.ends = ends, work.last = ends + n_pieces;
    work.is_part = false, work.cut = work.n_cuts = 0;
    gm_units_fill(cache, window, &work);
    while (window->n_units > 0) {
        bool is_last = end - work.begin < GM_WORD_INLINE_IDS;
        n_ids += probe(cache, window, is_last, ids + n_ids);
        gm_units_fill(cache, next, &work);
        if (window->n_copied < window->n_units) {
            size_t n = finish(cache, window, text, ids + n_ids);
            if (n == SIZE_MAX)
                return SIZE_MAX;
            n_ids += n;
        }
        n_units += window->n_units;
        swap = window, window = next, next = swap;
    }
    cache->counters.n_pieces += n_pieces;
    cache->counters.n_hits += n_units - (cache->counters.n_misses - n_misses);
    cache->counters.n_tokens += n_ids;
    return n_ids;
}
