/* Walking AC scans of progressive files, code by code; see jpeg_band.h. The tables of such files
 * are made for one scan, so the table of single codes is the right one. */
#include "image/jpeg_band.h"

#include "image/jpeg_data.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define MAX_AC_SIZE 10
#define INLINE      static inline __attribute__((always_inline))

/* The n-th lowest bit of bits alone, n from 0; 0: there are fewer. */
typedef uint64_t nth_bit(uint64_t bits, unsigned n);

/* Bits from..to of a word. */
INLINE uint64_t mask(unsigned from, unsigned to)
{
    return ~(uint64_t)0 << from & ~(uint64_t)0 >> (63 - to);
}

INLINE unsigned decode(const struct gm_huffman *ac, uint64_t bits)
{
    unsigned entry = ac->one[bits >> (64 - GM_HUFFMAN_ONE_BITS)];
    return __builtin_expect(entry != 0, 1) ? entry : gm_huffman_decode(ac, bits);
}

/* The run of blocks that end here, from a code of run; this block counts. */
INLINE uint32_t read_end_run(struct gm_bits *bits, unsigned run)
{
    uint32_t value = run ? (uint32_t)(bits->buffer >> (64 - run)) : 0;
    *bits = gm_bits_drop(*bits, run);
    return ((uint32_t)1 << run) + value;
}

/* One block of a first scan. */
INLINE bool read_first(const struct gm_jpeg_band *band, struct gm_bits *bits, uint64_t *nonzero,
                       uint32_t *end_run)
{
    struct gm_bits b = *bits;
    unsigned k = band->first;
    while (k <= band->last) {
        b = gm_bits_fill(b);
        unsigned code = decode(band->ac, b.buffer);
        unsigned run = code >> 4 & 15, size = code & 15;
        b = gm_bits_drop(b, code >> 8);
        k += run;
        if (size > 0) {
            if (k > band->last || size > MAX_AC_SIZE)
                return false;
            b = gm_bits_drop(b, size);
            *nonzero |= (uint64_t)1 << k++;
        } else if (run == 15) {
            k++;
        } else {
            *end_run = read_end_run(&b, run) - 1;
            *bits = b;
            return code != 0;
        }
    }
    *bits = b;
    return k == band->last + 1;
}

/* Passes n <= 63 correction bits. */
INLINE struct gm_bits pass(struct gm_bits bits, const uint8_t *data, unsigned n)
{
    if (n <= bits.n)
        return gm_bits_drop(bits, n);
    return gm_bits_at(data, gm_bits_position(bits, data) + n);
}

/* One block of a refinement scan. */
INLINE bool read_refinement(const struct gm_jpeg_band *band, struct gm_bits *bits,
                            uint64_t *nonzero, uint32_t *end_run, nth_bit *nth)
{
    const uint8_t *data = band->window->data;
    struct gm_bits b = *bits;
    uint64_t old = *nonzero;
    unsigned k = band->first;
    while (*end_run == 0 && k <= band->last) {
        b = gm_bits_fill(b);
        unsigned code = decode(band->ac, b.buffer);
        unsigned run = code >> 4 & 15, size = code & 15;
        b = gm_bits_drop(b, code >> 8);
        if (code == 0 || size > 1)
            return false;
        if (size == 0 && run != 15) {
            *end_run = read_end_run(&b, run);
            break;
        }
        b = gm_bits_drop(b, size);
        /* The zero that comes after run others, among the coefficients from k on. */
        uint64_t zero = nth(~old & mask(k, band->last), run);
        if (zero == 0)
            return false;
        b = pass(b, data, (unsigned)__builtin_popcountll(old & (zero - 1) & ~(uint64_t)0 << k));
        *nonzero |= size ? zero : 0;
        k = (unsigned)__builtin_ctzll(zero) + 1;
    }
    if (*end_run > 0) {
        if (k <= band->last)
            b = pass(b, data, (unsigned)__builtin_popcountll(old & mask(k, band->last)));
        (*end_run)--;
    }
    *bits = b;
    return true;
}

INLINE bool walk(struct gm_jpeg_band *band, nth_bit *nth)
{
    struct gm_jpeg_data data;
    struct gm_bits bits = gm_jpeg_data_begin(&data, band->window, band->next, band->end);
    unsigned until_restart = band->restart_interval;
    uint32_t end_run = 0;
    for (size_t i = 0; i < band->n_blocks; i++) {
        if (band->restart_interval && until_restart-- == 0) {
            if (end_run > 0 || !gm_jpeg_data_restart(&data, &bits))
                return false;
            until_restart = band->restart_interval - 1;
        }
        if (end_run > 0 && !band->is_refinement) {
            end_run--;
            continue;
        }
        if (!gm_jpeg_data_ready(&data, &bits))
            return false;
        if (!(band->is_refinement ? read_refinement(band, &bits, &band->nonzero[i], &end_run, nth)
                                  : read_first(band, &bits, &band->nonzero[i], &end_run)))
            return false;
    }
    return end_run == 0 && gm_jpeg_data_finish(&data, bits, &band->next);
}

INLINE uint64_t nth_bit_plain(uint64_t bits, unsigned n)
{
    for (; n > 0; n--)
        bits &= bits - 1;
    return bits & -bits;
}

#ifdef __x86_64__
__attribute__((target("bmi,bmi2,lzcnt,popcnt"))) static inline uint64_t nth_bit_bmi2(uint64_t bits,
                                                                                     unsigned n)
{
    return _pdep_u64((uint64_t)1 << n, bits);
}

__attribute__((target("bmi,bmi2,lzcnt,popcnt"))) static bool walk_bmi2(struct gm_jpeg_band *band)
{
    return walk(band, nth_bit_bmi2);
}
#endif

static bool walk_plain(struct gm_jpeg_band *band)
{
    return walk(band, nth_bit_plain);
}

bool gm_jpeg_band_walk(struct gm_jpeg_band *band)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
        return walk_bmi2(band);
#endif
    return walk_plain(band);
}
