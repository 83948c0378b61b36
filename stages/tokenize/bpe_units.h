/* Units: what is looked up in the cache of words. A unit is a piece of up to 15 bytes, or a part of
 * a longer one (bpe_cut.h). A window of them is worked on in passes, so that memory is waited for
 * once a window and not once a word:
 *
 *      fill      keys, hashes; the bucket of each unit is asked for            (bpe_fill.c)
 *      probe     which entry of the bucket it is; a list of those that are not there
 *      resolve   those: the other bucket, the record, or merges side by side   (bpe_miss.c)
 *      emit      ids                                                           (bpe.c)
 *
 * What is new is entered into the cache behind emit, so that entries stay where they are while
 * units point to them. While the memory is under way that probe asked for, the next window is
 * filled. Private to bpe*.c. */
#ifndef GM_TOKENIZE_BPE_UNITS_H
#define GM_TOKENIZE_BPE_UNITS_H

#include "tokenize/bpe_merge.h"
#include "tokenize/word_cache.h"

#define GM_UNITS     128u
#define GM_UNIT_CUTS 256u /* parts of a long piece that are found at a time */

/* A part of a piece has a kind of its own, because its bytes may be a token that merges do not
 * make. Kinds from LONG_PIECE on stand in the upper bits of key[1], with length 0, so that no entry
 * is like them; a short part is told by the upper bit of its size. */
enum gm_unit_kind {
    GM_UNIT_PIECE = 0, /* up to 15 bytes */
    GM_UNIT_PART = 1,
    GM_UNIT_LONG_PIECE = 2, /* 16 bytes and more; key[0] is the hash */
    GM_UNIT_LONG_PART = 3,
    GM_UNIT_ID = 4 /* known: start is the id */
};

struct gm_unit {
    uint64_t key[2];                 /* as in an entry */
    const struct gm_word_ids *entry; /* the first of its bucket; probe: the one that it is */
    uint64_t span;                   /* start | n_bytes << 32, one store */
};
#define GM_UNIT_PART_SPAN ((uint64_t)1 << 63)

/* A word that is in no bucket. */
struct gm_absent {
    struct gm_word_ids entry; /* for the unit to point to; only its ids */
    struct gm_bpe_word word;
    const struct gm_unit *unit; /* the first one that is this word */
    unsigned n_units;           /* how many are */
    bool is_keepable;
};
#define GM_ABSENT_MANY 0xFFu /* in place of the number of ids: more than an entry has */

struct gm_window {
    unsigned n_units, n_copied, n_missing;
    bool is_counted;
    struct gm_unit units[GM_UNITS];
    uint8_t missing[GM_UNITS];       /* units that probe did not find */
    uint64_t special[GM_UNITS / 64]; /* units that are more than an entry */
};

struct gm_bpe_cache {
    const struct gm_bpe *bpe;
    struct gm_bpe_counters counters;
    struct gm_bpe_scratch scratch;
    struct gm_word_cache words;
    bool is_kept;
    unsigned n_windows, n_absent;
    struct gm_window windows[2];
    struct gm_absent absent[GM_UNITS]; /* of one window, in order */
};

/* The pieces that are still to do. */
struct gm_work {
    const uint8_t *text;
    size_t n_bytes;
    const uint32_t *ends, *last; /* last: behind the last end */
    uint32_t begin;              /* of what is left of the piece that ends at *ends */
    bool is_part;                /* that piece is being cut */
    unsigned cut, n_cuts;        /* ends of its parts that are found and not yet units */
    uint32_t cuts[GM_UNIT_CUTS];
};

static inline uint32_t gm_unit_start(const struct gm_unit *unit)
{
    return (uint32_t)unit->span;
}

static inline enum gm_unit_kind gm_unit_kind(const struct gm_unit *unit)
{
    uint64_t kind = unit->key[1] >> GM_WORD_KIND_SHIFT;
    if (kind)
        return (enum gm_unit_kind)kind;
    return unit->span & GM_UNIT_PART_SPAN ? GM_UNIT_PART : GM_UNIT_PIECE;
}

static inline uint32_t gm_unit_n_bytes(const struct gm_unit *unit)
{
    bool is_long = unit->key[1] >> GM_WORD_KIND_SHIFT;
    return (uint32_t)((is_long ? unit->span : unit->span & ~GM_UNIT_PART_SPAN) >> 32);
}

/* The next units of the work; none: all is done. */
void gm_units_fill(const struct gm_bpe_cache *cache, struct gm_window *window,
                   struct gm_work *work);
/* Has the memory brought to the processor that resolve will look at. */
void gm_units_prefetch(const struct gm_bpe_cache *cache, const struct gm_window *window);
/* Finds or makes the ids of the units that are missing. Behind it every unit that is not special
 * points to an entry of up to four ids. */
void gm_units_resolve(struct gm_bpe_cache *cache, struct gm_window *window, const uint8_t *text);
/* The ids of a special unit. SIZE_MAX: no memory. */
size_t gm_unit_special(struct gm_bpe_cache *cache, const struct gm_unit *unit, const uint8_t *text,
                       uint32_t *ids);
/* Keeps what resolve made. */
void gm_units_enter(struct gm_bpe_cache *cache);
/* Counts the words of the window, and moves those that are seen often to where they are found
 * first. It is called for some windows. */
#define GM_UNITS_COUNTED 64u /* for one of so many */
void gm_units_count(struct gm_bpe_cache *cache, const struct gm_window *window);

#endif
