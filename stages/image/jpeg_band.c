/* Walking AC scans of progressive files, code by code; see jpeg_band.h. The tables of such files
 * are made for one scan, so tables must be cheap. What takes the time is the wait for each lookup;
 * the loops keep everything else out of its way. */
#include "image/jpeg_band.h"

#include "image/jpeg_data.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define MAX_AC_SIZE 10
#define INLINE      static inline __attribute__((always_inline))

/* Of n_bit = 1 << n: the n-th lowest bit of bits alone, n from 0; 0: there are fewer. */
typedef uint64_t nth_bit(uint64_t bits, uint32_t n_bit);

/* Bits from..to of a word. */
INLINE uint64_t mask(unsigned from, unsigned to)
{
    return ~(uint64_t)0 << from & ~(uint64_t)0 >> (63 - to);
}

/* The run of blocks that end here, from a code of run; this block counts. */
INLINE uint32_t read_end_run(struct gm_bits *bits, unsigned run)
{
    uint32_t value = (uint32_t)(bits->buffer >> 1 >> (63 - run));
    *bits = gm_bits_drop(*bits, run);
    return ((uint32_t)1 << run) + value;
}

/* One code of a first scan, read by itself. False: none, or it goes too far. */
INLINE bool read_code(const struct gm_jpeg_band *band, struct gm_bits *bits, unsigned *k,
                      uint64_t *nonzero, uint32_t *end_run)
{
    unsigned code = gm_huffman_decode(band->ac, bits->buffer);
    unsigned run = code >> 4 & 15, size = code & 15;
    *bits = gm_bits_drop(*bits, code >> 8);
    if (size == 0 && run < 15) {
        *end_run = read_end_run(bits, run);
        return code != 0;
    }
    *k += run;
    if (size > MAX_AC_SIZE || *k > band->last)
        return false;
    *bits = gm_bits_drop(*bits, size);
    *nonzero |= (uint64_t)(size > 0) << *k;
    ++*k;
    return true;
}

/* One block of a first scan. Each lookup is made before the word is filled: 10 bits are always
 * left, and the fill need not be waited for. */
INLINE bool read_first(const struct gm_jpeg_band *band, struct gm_bits *bits, uint64_t *nonzero,
                       uint32_t *end_run)
{
    struct gm_bits b = gm_bits_fill(*bits);
    uint64_t found = 0;
    unsigned k = band->first;
    while (k <= band->last) {
        uint64_t step = band->ac->band[b.buffer >> (64 - GM_HUFFMAN_BAND_BITS)];
        b = gm_bits_fill(b);
        if (__builtin_expect(step == 0, 0))
            step = gm_huffman_band_step(band->ac, b.buffer);
        if (__builtin_expect(GM_BAND_BITS(step) != 0, 1) &&
            k + GM_BAND_SKIP(step) + GM_BAND_END(step) <= band->last + 1) {
            found |= GM_BAND_NONZERO(step) << k;
            k += GM_BAND_SKIP(step);
            b = gm_bits_drop(b, GM_BAND_BITS(step));
            if (GM_BAND_END(step)) {
                *end_run = read_end_run(&b, GM_BAND_RUN(step)) - 1;
                break;
            }
        } else {
            struct gm_bits slow = b;
            unsigned at = k;
            uint64_t more = 0;
            uint32_t run = 0;
            if (!read_code(band, &slow, &at, &more, &run))
                return false;
            b = slow;
            k = at;
            found |= more;
            if (run > 0) {
                *end_run = run - 1;
                break;
            }
        }
    }
    *nonzero |= found;
    *bits = b;
    return true;
}

/* Passes n <= 63 correction bits and leaves at least 16 valid ones. */
INLINE struct gm_bits pass(struct gm_bits bits, const uint8_t *data, unsigned n)
{
    if (__builtin_expect(n + 16 <= bits.n, 1))
        return gm_bits_drop(bits, n);
    return gm_bits_at(data, gm_bits_position(bits, data) + n);
}

/* The end of the block, and maybe of a run of blocks, from k on: the corrections that are left. */
INLINE void read_rest(const struct gm_jpeg_band *band, struct gm_bits *bits, uint64_t old,
                      unsigned k, uint32_t *end_run)
{
    if (k <= band->last)
        *bits = pass(*bits, band->window->data,
                     (unsigned)__builtin_popcountll(old & mask(k, band->last)));
    (*end_run)--;
}

/* One block of a refinement scan. */
INLINE bool read_refinement(const struct gm_jpeg_band *band, struct gm_bits *bits,
                            uint64_t *nonzero, uint32_t *end_run, nth_bit *nth)
{
    const uint8_t *data = band->window->data;
    struct gm_bits b = gm_bits_fill(*bits);
    uint64_t old = *nonzero, found = 0;
    unsigned k = band->first;
    while (*end_run == 0 && k <= band->last) {
        uint32_t step = band->ac->refinement[b.buffer >> (64 - GM_HUFFMAN_ONE_BITS)];
        b = gm_bits_fill(b);
        if (__builtin_expect(step == 0, 0)) {
            step = gm_huffman_refinement_step(band->ac, b.buffer);
            if (step == 0)
                return false;
        }
        b = gm_bits_drop(b, GM_REFINEMENT_BITS(step));
        if (GM_REFINEMENT_END(step)) {
            *end_run = read_end_run(&b, GM_REFINEMENT_RUN(step));
            break;
        }
        /* The zero that comes after run others, among the coefficients from k on. */
        uint64_t zero = nth(~old & mask(k, band->last), GM_REFINEMENT_RUN_BIT(step));
        if (zero == 0)
            return false;
        b = pass(b, data, (unsigned)__builtin_popcountll(old & (zero - 1) & ~(uint64_t)0 << k));
        found |= zero & -(uint64_t)GM_REFINEMENT_SIGN(step);
        k = (unsigned)__builtin_ctzll(zero) + 1;
    }
    if (*end_run > 0)
        read_rest(band, &b, old, k, end_run);
    *nonzero |= found;
    *bits = b;
    return true;
}

INLINE bool walk(struct gm_jpeg_band *band, nth_bit *nth)
{
    const struct gm_jpeg_band fixed = *band; /* nothing that is written can be part of it */
    struct gm_jpeg_data data;
    struct gm_bits bits = gm_jpeg_data_begin(&data, band->window, band->next, band->end);
    unsigned until_restart = band->restart_interval;
    uint32_t end_run = 0;
    for (size_t i = 0; i < fixed.n_blocks; i++) {
        if (fixed.restart_interval && until_restart-- == 0) {
            if (end_run > 0 || !gm_jpeg_data_restart(&data, &bits))
                return false;
            until_restart = fixed.restart_interval - 1;
        }
        if (end_run > 0 && !fixed.is_refinement) {
            end_run--;
            continue;
        }
        if (!gm_jpeg_data_ready(&data, &bits))
            return false;
        if (!(fixed.is_refinement ? read_refinement(&fixed, &bits, &fixed.nonzero[i], &end_run, nth)
                                  : read_first(&fixed, &bits, &fixed.nonzero[i], &end_run)))
            return false;
    }
    return end_run == 0 && gm_jpeg_data_finish(&data, bits, &band->next);
}

INLINE uint64_t nth_bit_plain(uint64_t bits, uint32_t n_bit)
{
    for (; n_bit > 1; n_bit >>= 1)
        bits &= bits - 1;
    return bits & -bits;
}

#ifdef __x86_64__
#define WITH_BMI2 __attribute__((target("bmi,bmi2,lzcnt,popcnt")))

WITH_BMI2 static inline uint64_t nth_bit_bmi2(uint64_t bits, uint32_t n_bit)
{
    return _pdep_u64(n_bit, bits);
}

WITH_BMI2 static bool walk_bmi2(struct gm_jpeg_band *band)
{
    return walk(band, nth_bit_bmi2);
}

/* For the processors on which that instruction takes hundreds of cycles. */
WITH_BMI2 static bool walk_bmi2_without_pdep(struct gm_jpeg_band *band)
{
    return walk(band, nth_bit_plain);
}
#endif

static bool walk_plain(struct gm_jpeg_band *band)
{
    return walk(band, nth_bit_plain);
}

bool gm_jpeg_band_walk(struct gm_jpeg_band *band)
{
#ifdef __x86_64__
    bool is_slow = __builtin_cpu_is("znver1") || __builtin_cpu_is("znver2");
    if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
        return is_slow ? walk_bmi2_without_pdep(band) : walk_bmi2(band);
#endif
    return walk_plain(band);
}
