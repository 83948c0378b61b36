/* The bits of entropy-coded JPEG data, in and out, without the stuffing in the way.
 *
 *      file --unstuff--> window --gm_bits--> codes        codes --gm_bit_writer--> row --stuff-->
 * file
 *
 * In a file every FF byte of data is followed by a 00. Both loops over codes work on plain bytes
 * instead: the window holds the next 32 KB of a segment with the stuffing taken out, a row is
 * written without it, and whole vectors without an FF byte are copied at once in between.
 *
 * Bits are read from a 64-bit word that is filled without a branch. The window is followed by zero
 * bytes enough for one MCU of any content, so that running out is checked once an MCU. One picture
 * at a time, one thread. */
#ifndef GM_IMAGE_JPEG_BITS_H
#define GM_IMAGE_JPEG_BITS_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GM_JPEG_MAX_MCU_BLOCKS 10
/* A DC difference has at most 16 + 11 bits, each of 63 AC values at most 16 + 10. */
#define GM_JPEG_MAX_BLOCK_BYTES 224
#define GM_JPEG_MAX_MCU_BYTES   ((size_t)GM_JPEG_MAX_MCU_BLOCKS * GM_JPEG_MAX_BLOCK_BYTES)
#define GM_JPEG_WINDOW_BYTES    ((size_t)32 << 10)

/* A segment of entropy-coded data: from behind an SOS or RST marker to the next marker. */
struct gm_jpeg_window {
    const uint8_t *next; /* in the file: what comes into the window next */
    const uint8_t *end;  /* of the file */
    size_t n_bytes;      /* in data; zeros follow */
    bool is_last;        /* next is at a marker, or at the end: nothing more comes */
    uint8_t data[GM_JPEG_MAX_MCU_BYTES + GM_JPEG_WINDOW_BYTES + GM_JPEG_MAX_MCU_BYTES + 32];
};

/* Starts at a segment's first byte. */
void gm_jpeg_window_open(struct gm_jpeg_window *window, const uint8_t *next, const uint8_t *end);
/* Drops the first n_used bytes and fills up; for windows that are not the last. Little more than
 * GM_JPEG_MAX_MCU_BYTES may be left. */
void gm_jpeg_window_fill(struct gm_jpeg_window *window, size_t n_used);
/* The first byte of the next marker other than RST0..RST7 (its FF), or end. */
const uint8_t *gm_jpeg_skip_data(const uint8_t *next, const uint8_t *end);
/* Appends data with a 00 behind each FF. */
void gm_jpeg_stuff(struct gm_buf *out, const uint8_t *data, size_t n_bytes);

static inline uint64_t gm_load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline void gm_store_be64(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, sizeof v);
}

struct gm_bits {
    uint64_t buffer;     /* the next bits, first one on top */
    const uint8_t *next; /* the first byte that is not wholly in buffer */
    unsigned n;          /* valid bits in buffer */
};

/* At least 56 bits are valid afterwards. */
static inline struct gm_bits gm_bits_fill(struct gm_bits bits)
{
    bits.buffer |= gm_load_be64(bits.next) >> bits.n;
    bits.next += (63 - bits.n) >> 3;
    bits.n |= 56;
    return bits;
}

static inline struct gm_bits gm_bits_at(const uint8_t *data, size_t position)
{
    /* The eighth byte counts when it is loaded again: a full word could not be filled. */
    struct gm_bits bits = {gm_load_be64(data + position / 8) << position % 8,
                           data + position / 8 + 7, 56 - (unsigned)(position % 8)};
    return bits;
}

static inline struct gm_bits gm_bits_drop(struct gm_bits bits, unsigned n)
{
    bits.buffer <<= n;
    bits.n -= n;
    return bits;
}

/* Bits between data and the next one. */
static inline size_t gm_bits_position(struct gm_bits bits, const uint8_t *data)
{
    return (size_t)(bits.next - data) * 8 - bits.n;
}

struct gm_bit_writer {
    uint8_t *next;   /* 8 bytes from here on are overwritten by each call */
    uint64_t buffer; /* bits that do not fill a byte yet, on top; zeros below */
    unsigned n;      /* 0..7 */
};

/* bits: the n <= 56 bits on top, zeros below. */
static inline void gm_bits_put(struct gm_bit_writer *writer, uint64_t bits, unsigned n)
{
    uint64_t buffer = writer->buffer | bits >> writer->n;
    gm_store_be64(writer->next, buffer);
    n += writer->n;
    writer->next += n >> 3;
    writer->buffer = buffer << (n & 56);
    writer->n = n & 7;
}

/* Copies bits [from, to) of data; 8 bytes behind the last one must be readable. */
static inline void gm_bits_copy(struct gm_bit_writer *writer, const uint8_t *data, size_t from,
                                size_t to)
{
    for (; to - from > 56; from += 56)
        gm_bits_put(writer, (gm_load_be64(data + from / 8) << from % 8) & ~(uint64_t)0xff, 56);
    unsigned n = (unsigned)(to - from);
    uint64_t bits = gm_load_be64(data + from / 8) << from % 8;
    gm_bits_put(writer, bits & ~(~(uint64_t)0 >> n), n);
}

#endif
