/* Walking AC scans of progressive files, code by code; see jpeg_band.h. The tables of such files
 * are made for one scan, so tables must be cheap. What takes the time is the wait for each lookup,
 * which the next one needs, and branches that nobody can foretell. Against the first, two scans are
 * walked at once, a code of each in turns; the second scan stays behind, because a refinement must
 * know what the scan before it found in the block. Against the second, the end of a block is a code
 * like all others: the loops over codes have no branch that depends on where blocks end. */
#include "image/jpeg_band.h"

#include "image/jpeg_data.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define MAX_AC_SIZE 10
#define INLINE      static inline __attribute__((always_inline))
#define NOINLINE    static __attribute__((noinline))
#define LIKELY(e)   __builtin_expect(!!(e), 1)
#define UNLIKELY(e) __builtin_expect(!!(e), 0)

/* By how many blocks the first of two scans gets ahead when the second comes near. */
#define LEAD 64

/* Of n_bit = 1 << n: the n-th lowest bit of bits alone, n from 0; 0: there are fewer, or n_bit is
 * 0. */
typedef uint64_t nth_bit(uint64_t bits, uint32_t n_bit);

/* Where a walk is. The loops keep it in registers: copied field by field, address never taken. */
struct place {
    struct gm_bits bits;
    size_t i;         /* the block; BROKEN: the data is not what it should be */
    uint64_t nonzero; /* of it */
    uint64_t k;       /* first scans: the next coefficient */
    uint64_t ahead;   /* refinements: the coefficients to come */
};
#define BROKEN SIZE_MAX

/* What does not change in a walk; in a loop a copy on the stack. */
struct fixed {
    const uint8_t *data;         /* the window's */
    const uint64_t *steps;       /* the table of a first scan, */
    const uint32_t *refinements; /* or of a refinement */
    uint64_t *nonzero;
    uint64_t in_band;
    uint64_t first, last;
    size_t stop;
};

/* One scan's walk. */
struct lane {
    struct place at;
    const struct gm_jpeg_bands *all;
    const struct gm_jpeg_band *band;
    uint32_t end_run;    /* blocks from i on that have no codes of their own */
    size_t next_restart; /* the block before which a restart marker stands */
    struct fixed fixed;
    struct gm_jpeg_data data;
};

INLINE struct place copy_of(const struct place *at)
{
    return (struct place){
        {at->bits.buffer, at->bits.next, at->bits.n}, at->i, at->nonzero, at->k, at->ahead};
}

/* Bits from..to of a word. */
INLINE uint64_t mask(unsigned from, unsigned to)
{
    return ~(uint64_t)0 << from & ~(uint64_t)0 >> (63 - to);
}

static void enter(struct lane *lane)
{
    lane->at.nonzero = lane->all->nonzero[lane->at.i];
    lane->at.k = lane->band->first;
    lane->at.ahead = mask(lane->band->first, lane->band->last);
}

/* Behind a code: goes to the next block if a < b, where *where becomes start. Compilers make a
 * branch of it, which is foretold wrongly once a block. There is memory for a block behind the last
 * one. */
INLINE void leave_if_less(const struct fixed *fixed, struct place *at, uint64_t a, uint64_t b,
                          uint64_t *where, uint64_t start)
{
    uint64_t next = fixed->nonzero[at->i + 1];
    fixed->nonzero[at->i] = at->nonzero;
#ifdef __x86_64__
    __asm__("cmp %[b], %[a]\n\t"
            "cmovb %[next], %[nonzero]\n\t"
            "cmovb %[start], %[where]\n\t"
            "adc $0, %[i]"
            : [nonzero] "+&r"(at->nonzero), [where] "+r"(*where), [i] "+r"(at->i)
            : [a] "r"(a), [b] "re"(b), [next] "r"(next), [start] "rm"(start)
            : "cc");
#else
    bool is_end = a < b;
    at->i += is_end;
    at->nonzero = is_end ? next : at->nonzero;
    *where = is_end ? start : *where;
#endif
}

/* Passes n <= 63 correction bits and leaves at least 32 valid ones, which is more than a code. */
INLINE void pass(const struct fixed *fixed, struct gm_bits *bits, unsigned n)
{
    if (LIKELY(n + 32 <= bits->n))
        *bits = gm_bits_drop(*bits, n);
    else
        *bits = gm_bits_at(fixed->data, gm_bits_position(*bits, fixed->data) + n);
}

/* ---- what is rare ---- */

static void refill(struct lane *lane)
{
    if (!gm_jpeg_data_more(&lane->data, &lane->at.bits))
        lane->at.i = BROKEN;
}

/* Passes the blocks that a run of ended blocks covers. */
static void pass_run(struct lane *lane)
{
    for (; lane->end_run > 0 && lane->at.i < lane->fixed.stop; lane->end_run--) {
        if (lane->all->are_refinements) {
            if (!gm_jpeg_data_ready(&lane->data, &lane->at.bits)) {
                lane->at.i = BROKEN;
                return;
            }
            lane->at.bits = gm_bits_fill(lane->at.bits);
            pass(&lane->fixed, &lane->at.bits,
                 (unsigned)__builtin_popcountll(lane->at.nonzero & lane->at.ahead));
        }
        lane->at.i++;
        enter(lane);
    }
}

/* The end of block i, and maybe of a run of blocks, from a code of run. */
static void take_end(struct lane *lane, unsigned run)
{
    uint32_t more = (uint32_t)(lane->at.bits.buffer >> 1 >> (63 - run));
    lane->end_run = ((uint32_t)1 << run) + more;
    lane->at.bits = gm_bits_drop(lane->at.bits, run);
    lane->all->nonzero[lane->at.i] = lane->at.nonzero;
    pass_run(lane);
}

/* One code of a first scan, read by itself. */
static void take_code(struct lane *lane)
{
    struct place *at = &lane->at;
    unsigned code = gm_huffman_decode(lane->band->ac, at->bits.buffer);
    unsigned run = code >> 4 & 15, size = code & 15, k = (unsigned)at->k + run;
    at->bits = gm_bits_drop(at->bits, code >> 8);
    if (code && size == 0 && run < 15) {
        take_end(lane, run);
    } else if (code == 0 || size > MAX_AC_SIZE || k > lane->band->last) {
        at->i = BROKEN;
    } else {
        at->bits = gm_bits_drop(at->bits, size);
        at->nonzero |= (uint64_t)(size > 0) << k;
        at->k = k + 1;
        leave_if_less(&lane->fixed, at, lane->band->last, at->k, &at->k, lane->band->first);
    }
}

/* Passes the zero that comes after run others, among the coefficients ahead; all of them, if there
 * is no such zero or run_bit is 0. */
INLINE uint64_t take_zero(const struct fixed *fixed, struct place *at, uint32_t run_bit,
                          uint64_t found, nth_bit *nth)
{
    uint64_t zero = nth(at->ahead & ~at->nonzero, run_bit);
    uint64_t passed = zero ^ (zero - 1);
    pass(fixed, &at->bits, (unsigned)__builtin_popcountll(at->ahead & at->nonzero & passed));
    at->nonzero |= zero & found;
    at->ahead &= ~passed;
    leave_if_less(fixed, at, at->ahead, 1, &at->ahead, fixed->in_band);
    return zero;
}

/* Codes of refinements that are neither a zero that becomes one or minus one nor the end of one
 * block. */
static void take_other(struct lane *lane, nth_bit *nth)
{
    uint32_t step = gm_huffman_refinement_step(lane->band->ac, lane->at.bits.buffer);
    lane->at.bits = gm_bits_drop(lane->at.bits, GM_REFINEMENT_BITS(step));
    if (GM_REFINEMENT_END(step))
        take_end(lane, GM_REFINEMENT_RUN(step));
    else if (step == 0 || take_zero(&lane->fixed, &lane->at, GM_REFINEMENT_RUN_BIT(step),
                                    -(uint64_t)GM_REFINEMENT_SIGN(step), nth) == 0)
        lane->at.i = BROKEN;
}

NOINLINE void take_rare(struct lane *lane, nth_bit *nth)
{
    if (lane->all->are_refinements)
        take_other(lane, nth);
    else
        take_code(lane);
}

/* ---- the loops ---- */

/* Some codes of a first scan; false: it must be read by itself. A filled word has 64 bits, of which
 * a lookup takes 26 at most, or 30 at a block's end. */
INLINE bool take_codes(const struct lane *lane, const struct fixed *fixed, struct place *at,
                       bool fills)
{
    uint64_t step = fixed->steps[at->bits.buffer >> (64 - GM_HUFFMAN_BAND_BITS)];
    if (fills)
        at->bits = gm_bits_fill(at->bits);
    if (UNLIKELY(step == 0))
        step = gm_huffman_band_step(lane->band->ac, at->bits.buffer);
    if (UNLIKELY(GM_BAND_OTHER(step) ||
                 at->k + GM_BAND_SKIP(step) + GM_BAND_END(step) > fixed->last + 1))
        return false;
    at->nonzero |= GM_BAND_NONZERO(step) << at->k;
    at->k += GM_BAND_SKIP(step);
    at->bits = gm_bits_drop(at->bits, GM_BAND_BITS(step));
    leave_if_less(fixed, at, fixed->last, at->k + 64 * GM_BAND_END(step), &at->k, fixed->first);
    return true;
}

/* One code of a refinement scan; false: it is a rare one. */
INLINE bool take_refinement(const struct fixed *fixed, struct place *at, bool fills, nth_bit *nth)
{
    uint32_t step = fixed->refinements[at->bits.buffer >> (64 - GM_HUFFMAN_ONE_BITS)];
    if (fills)
        at->bits = gm_bits_fill(at->bits);
    if (UNLIKELY(GM_REFINEMENT_OTHER(step)))
        return false;
    at->bits = gm_bits_drop(at->bits, GM_REFINEMENT_BITS(step));
    uint64_t zero = take_zero(fixed, at, GM_REFINEMENT_RUN_BIT(step), ~(uint64_t)0, nth);
    if (UNLIKELY((zero | (step & GM_REFINEMENT_END_BIT)) == 0))
        at->i = BROKEN;
    return true;
}

INLINE void take(struct lane *lane, const struct fixed *fixed, struct place *at, bool fills,
                 nth_bit *nth)
{
    bool is_taken =
        nth ? take_refinement(fixed, at, fills, nth) : take_codes(lane, fixed, at, fills);
    if (LIKELY(is_taken))
        return;
    lane->at = copy_of(at);
    take_rare(lane, nth);
    *at = copy_of(&lane->at);
    at->bits = gm_bits_fill(at->bits);
}

/* A turn: two lookups and one fill, which the first one does not wait for. Block i is before the
 * stop. */
INLINE void go_on(struct lane *lane, const struct fixed *fixed, struct place *at, nth_bit *nth)
{
    if (UNLIKELY(at->bits.next >= lane->data.limit)) {
        lane->at = copy_of(at);
        refill(lane);
        *at = copy_of(&lane->at);
        if (at->i >= fixed->stop)
            return;
    }
    take(lane, fixed, at, true, nth);
    if (LIKELY(at->i < fixed->stop))
        take(lane, fixed, at, false, nth);
}

static void start(struct lane *lane, const struct gm_jpeg_bands *all,
                  const struct gm_jpeg_band *band)
{
    lane->all = all;
    lane->band = band;
    lane->end_run = 0;
    lane->next_restart = band->restart_interval ? band->restart_interval : SIZE_MAX;
    lane->at.bits = gm_jpeg_data_begin(&lane->data, band->window, band->data, band->end);
    lane->fixed = (struct fixed){.data = band->window->data,
                                 .steps = band->ac->band,
                                 .refinements = band->ac->refinement,
                                 .nonzero = all->nonzero,
                                 .in_band = mask(band->first, band->last),
                                 .first = band->first,
                                 .last = band->last};
    lane->at.i = 0;
    enter(lane);
}

/* To go on from block i up to limit: what stands between blocks. */
static void resume(struct lane *lane, size_t limit)
{
    if (lane->at.i >= limit)
        return;
    if (lane->at.i == lane->next_restart) {
        lane->next_restart += lane->band->restart_interval;
        if (lane->end_run > 0 || !gm_jpeg_data_restart(&lane->data, &lane->at.bits)) {
            lane->at.i = BROKEN;
            return;
        }
    }
    lane->fixed.stop = limit < lane->next_restart ? limit : lane->next_restart;
    lane->at.nonzero = lane->all->nonzero[lane->at.i]; /* the scan before may have changed it */
    pass_run(lane);
}

INLINE void walk_to(struct lane *lane, size_t limit, nth_bit *nth)
{
    while (lane->at.i < limit) {
        resume(lane, limit);
        struct place at = copy_of(&lane->at);
        const struct fixed fixed = lane->fixed;
        while (at.i < fixed.stop)
            go_on(lane, &fixed, &at, nth);
        lane->at = copy_of(&at);
    }
}

static bool is_finished(const struct lane *lane)
{
    const uint8_t *next;
    return lane->end_run == 0 && lane->at.i != BROKEN &&
           gm_jpeg_data_finish(&lane->data, lane->at.bits, &next) && next == lane->band->marker;
}

INLINE bool walk_one(const struct gm_jpeg_bands *all, nth_bit *nth)
{
    struct lane lane;
    start(&lane, all, &all->bands[0]);
    walk_to(&lane, all->n_blocks, nth);
    return is_finished(&lane);
}

INLINE size_t lower(size_t a, size_t b)
{
    return a < b ? a : b;
}

INLINE bool walk_two(const struct gm_jpeg_bands *all, nth_bit *nth)
{
    struct lane a, b;
    start(&a, all, &all->bands[0]);
    start(&b, all, &all->bands[1]);
    while (a.at.i < all->n_blocks) {
        walk_to(&a, lower(all->n_blocks, b.at.i + LEAD), nth);
        resume(&a, all->n_blocks);
        resume(&b, lower(a.at.i, all->n_blocks)); /* a may be BROKEN: no block */
        struct place at_a = copy_of(&a.at), at_b = copy_of(&b.at);
        const struct fixed fixed_a = a.fixed, fixed_b = b.fixed;
        while (at_a.i < fixed_a.stop && at_b.i < fixed_b.stop) {
            go_on(&a, &fixed_a, &at_a, nth);
            go_on(&b, &fixed_b, &at_b, nth);
        }
        a.at = copy_of(&at_a);
        b.at = copy_of(&at_b);
        if (a.at.i == BROKEN || b.at.i == BROKEN)
            return false;
    }
    walk_to(&b, all->n_blocks, nth);
    return is_finished(&a) && is_finished(&b);
}

/* A loop for each kind: what kind it is must be known where a function is inlined. */
INLINE bool walk(const struct gm_jpeg_bands *bands, nth_bit *nth)
{
    if (bands->are_refinements)
        return bands->n == 1 ? walk_one(bands, nth) : walk_two(bands, nth);
    return bands->n == 1 ? walk_one(bands, NULL) : walk_two(bands, NULL);
}

INLINE uint64_t nth_bit_plain(uint64_t bits, uint32_t n_bit)
{
    for (; n_bit > 1; n_bit >>= 1)
        bits &= bits - 1;
    return n_bit ? bits & -bits : 0;
}

#ifdef __x86_64__
#define WITH_BMI2 __attribute__((target("bmi,bmi2,lzcnt,popcnt")))

WITH_BMI2 static inline uint64_t nth_bit_bmi2(uint64_t bits, uint32_t n_bit)
{
    return _pdep_u64(n_bit, bits);
}

WITH_BMI2 static bool walk_bmi2(const struct gm_jpeg_bands *bands)
{
    return walk(bands, nth_bit_bmi2);
}

/* For the processors on which that instruction takes hundreds of cycles. */
WITH_BMI2 static bool walk_bmi2_without_pdep(const struct gm_jpeg_bands *bands)
{
    return walk(bands, nth_bit_plain);
}
#endif

bool gm_jpeg_bands_walk_plain(const struct gm_jpeg_bands *bands)
{
    return walk(bands, nth_bit_plain);
}

bool gm_jpeg_bands_walk(const struct gm_jpeg_bands *bands)
{
#ifdef __x86_64__
    bool is_slow = __builtin_cpu_is("znver1") || __builtin_cpu_is("znver2");
    if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
        return is_slow ? walk_bmi2_without_pdep(bands) : walk_bmi2(bands);
#endif
    return gm_jpeg_bands_walk_plain(bands);
}
