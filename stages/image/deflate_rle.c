/* Each block is read twice: to count, and to write. Between runs there are long stretches of
 * literals, which are found 16 bytes at a time and then handled in loops without decisions; literal
 * codes have at most 14 bits, so that four of them fit behind what a flush leaves in the bit
 * buffer.
 */
#include "image/deflate_rle.h"

#include "base/assert.h"
#include "image/huffman.h"

#include <endian.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_BYTES    ((size_t)128 << 10)
#define BLOCK_EXTRA    512 /* bytes of a block's head, at most */
#define MIN_RUN        4   /* shorter ones are literals; the format's least is 3 */
#define MAX_RUN        258
#define N_LITERALS     286 /* literals, end of block, lengths */
#define END_OF_BLOCK   256
#define LITERAL_LIMIT  14
#define N_CODE_LENGTHS 19

/* ---- finding runs ---- */

/* The first place from i on where MIN_RUN bytes repeat the byte before; end if there is none. i is
 * at least 1. Near the end a run may be missed. */
static size_t next_run(const uint8_t *data, size_t i, size_t end)
{
#ifdef __SSE2__
    for (; i + 16 <= end; i += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(data + i));
        __m128i before = _mm_loadu_si128((const __m128i *)(data + i - 1));
        unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(here, before));
        same &= same >> 1;
        same &= same >> 2;
        if (same)
            return i + (unsigned)__builtin_ctz(same);
    }
#endif
    for (size_t n = 0; i < end; i++) {
        n = data[i] == data[i - 1] ? n + 1 : 0;
        if (n == MIN_RUN)
            return i + 1 - MIN_RUN;
    }
    return end;
}

/* How many bytes from i on repeat the byte before. */
static size_t run_length(const uint8_t *data, size_t i, size_t end)
{
    uint64_t pattern = data[i - 1] * 0x0101010101010101u, bytes;
    size_t at = i;
    for (; at + sizeof(bytes) <= end; at += sizeof(bytes)) {
        memcpy(&bytes, data + at, sizeof(bytes));
        if (bytes != pattern)
            return at - i + (unsigned)__builtin_ctzll(le64toh(bytes ^ pattern)) / 8;
    }
    while (at < end && data[at] == data[i - 1])
        at++;
    return at - i;
}

/* ---- counting ---- */

struct length_code {
    uint16_t symbol;
    uint8_t n_extra, extra;
};

static struct length_code length_code(size_t length)
{
    unsigned rest = (unsigned)length - 3;
    if (length == MAX_RUN)
        return (struct length_code){285, 0, 0};
    if (rest < 8)
        return (struct length_code){(uint16_t)(257 + rest), 0, 0};
    unsigned n_extra = 29u - (unsigned)__builtin_clz(rest); /* bits below the top three */
    return (struct length_code){(uint16_t)(257 + 4 * n_extra + (rest >> n_extra)), (uint8_t)n_extra,
                                (uint8_t)(rest & ((1u << n_extra) - 1))};
}

/* The part of a run that the next match takes; 0: what is left are literals. */
static size_t match_of(size_t run)
{
    return run > MAX_RUN ? MAX_RUN : run >= 3 ? run : 0;
}

struct counts {
    uint32_t of[4][N_LITERALS]; /* four tables, as neighbours are often equal */
    uint64_t extra_bits;        /* of lengths and distances */
};

static void count_literals(struct counts *counts, const uint8_t *data, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            counts->of[k][data[i + k]]++;
    for (; i < n; i++)
        counts->of[0][data[i]]++;
}

/* Counts the block [start, end) of data into counts->of[0]. */
static void count_block(struct counts *counts, const uint8_t *data, size_t start, size_t end)
{
    memset(counts, 0, sizeof(*counts));
    size_t i = start;
    if (i == 0)
        counts->of[0][data[i++]]++;
    while (i < end) {
        size_t run_at = next_run(data, i, end);
        count_literals(counts, data + i, run_at - i);
        i = run_at;
        size_t run = i < end ? run_length(data, i, end) : 0;
        for (size_t match; (match = match_of(run)) > 0; run -= match, i += match) {
            struct length_code code = length_code(match);
            counts->of[0][code.symbol]++;
            counts->extra_bits += code.n_extra + 1u;
        }
        count_literals(counts, data + i, run);
        i += run;
    }
    counts->of[0][END_OF_BLOCK] = 1;
    for (size_t v = 0; v < N_LITERALS; v++)
        counts->of[0][v] += counts->of[1][v] + counts->of[2][v] + counts->of[3][v];
}

/* ---- the head of a block ---- */

struct head {
    uint8_t lengths[N_LITERALS + 1]; /* and of the one distance code */
    size_t n_literals;
    uint8_t symbols[N_LITERALS + 1]; /* run-length code of lengths, with what follows each */
    uint8_t follows[N_LITERALS + 1];
    size_t n_symbols;
    uint8_t meta_lengths[N_CODE_LENGTHS];
    size_t n_meta;
};

static const uint8_t meta_order[N_CODE_LENGTHS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};
/* Bits that follow a symbol of the code for lengths. */
static unsigned meta_extra(unsigned symbol)
{
    return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0;
}

static void put_symbol(struct head *head, unsigned symbol, size_t follows)
{
    head->symbols[head->n_symbols] = (uint8_t)symbol;
    head->follows[head->n_symbols++] = (uint8_t)follows;
}

static void put_repeats(struct head *head, unsigned length, size_t n)
{
    if (length) {
        put_symbol(head, length, 0);
        for (n--; n >= 3;) {
            size_t part = n > 6 ? 6 : n;
            put_symbol(head, 16, part - 3);
            n -= part;
        }
    } else {
        while (n >= 3) {
            size_t part = n > 138 ? 138 : n;
            put_symbol(head, part > 10 ? 18 : 17, part > 10 ? part - 11 : part - 3);
            n -= part;
        }
    }
    for (; n > 0; n--)
        put_symbol(head, length, 0);
}

static void make_head(struct head *head, const struct counts *counts)
{
    uint32_t meta_counts[N_CODE_LENGTHS] = {0};
    gm_huffman_lengths(counts->of[0], N_LITERALS, LITERAL_LIMIT, head->lengths);
    head->n_literals = N_LITERALS;
    while (head->lengths[head->n_literals - 1] == 0)
        head->n_literals--; /* not below the end of block */
    size_t n = head->n_literals + 1;
    head->lengths[n - 1] = 1; /* the one distance code; also if there is no run */
    head->n_symbols = 0;
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && head->lengths[i + same] == head->lengths[i];)
            same++;
        put_repeats(head, head->lengths[i], same);
    }
    for (size_t i = 0; i < head->n_symbols; i++)
        meta_counts[head->symbols[i]]++;
    gm_huffman_lengths(meta_counts, N_CODE_LENGTHS, 7, head->meta_lengths);
    head->n_meta = N_CODE_LENGTHS;
    while (head->n_meta > 4 && head->meta_lengths[meta_order[head->n_meta - 1]] == 0)
        head->n_meta--;
}

static uint64_t block_bits(const struct head *head, const struct counts *counts)
{
    uint64_t bits = 3 + 5 + 5 + 4 + 3 * head->n_meta + counts->extra_bits;
    for (size_t i = 0; i < head->n_symbols; i++)
        bits += head->meta_lengths[head->symbols[i]] + meta_extra(head->symbols[i]);
    for (size_t v = 0; v < head->n_literals; v++)
        bits += (uint64_t)counts->of[0][v] * head->lengths[v];
    return bits;
}

/* ---- writing ---- */

struct writer {
    uint8_t *out;
    uint64_t bits;
    unsigned n_bits; /* below 8 after a flush */
};

static inline void add(struct writer *writer, uint64_t bits, unsigned n)
{
    writer->bits |= bits << writer->n_bits;
    writer->n_bits += n;
}

static inline void flush(struct writer *writer)
{
    uint64_t bytes = htole64(writer->bits);
    memcpy(writer->out, &bytes, sizeof(bytes));
    writer->out += writer->n_bits >> 3;
    writer->bits >>= writer->n_bits & 56;
    writer->n_bits &= 7;
}

struct code {
    uint16_t bits, n;
};

static void write_head(struct writer *writer, const struct head *head, bool is_last)
{
    uint16_t meta_codes[N_CODE_LENGTHS];
    gm_huffman_codes(head->meta_lengths, N_CODE_LENGTHS, meta_codes);
    add(writer, is_last | 2u << 1, 3); /* codes of its own */
    add(writer, head->n_literals - 257, 5);
    add(writer, 0, 5); /* one distance code */
    add(writer, head->n_meta - 4, 4);
    flush(writer);
    for (size_t i = 0; i < head->n_meta; i++) {
        add(writer, head->meta_lengths[meta_order[i]], 3);
        flush(writer);
    }
    for (size_t i = 0; i < head->n_symbols; i++) {
        unsigned symbol = head->symbols[i];
        add(writer, meta_codes[symbol], head->meta_lengths[symbol]);
        add(writer, head->follows[i], meta_extra(symbol));
        flush(writer);
    }
}

static void write_literals(struct writer *to, const struct code *codes, const uint8_t *data,
                           size_t n)
{
    struct writer writer = *to; /* in registers */
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (size_t k = 0; k < 4; k++)
            add(&writer, codes[data[i + k]].bits, codes[data[i + k]].n);
        flush(&writer);
    }
    for (; i < n; i++) {
        add(&writer, codes[data[i]].bits, codes[data[i]].n);
        flush(&writer);
    }
    *to = writer;
}

static void write_match(struct writer *writer, const struct code *codes, size_t length)
{
    struct length_code code = length_code(length);
    add(writer, codes[code.symbol].bits, codes[code.symbol].n);
    add(writer, code.extra, code.n_extra);
    add(writer, 0, 1); /* distance 1 */
    flush(writer);
}

static void write_block(struct writer *writer, const struct code *codes, const uint8_t *data,
                        const size_t range[2])
{
    size_t i = range[0], end = range[1];
    if (i == 0)
        write_literals(writer, codes, data + i++, 1);
    while (i < end) {
        size_t run_at = next_run(data, i, end);
        write_literals(writer, codes, data + i, run_at - i);
        i = run_at;
        size_t run = i < end ? run_length(data, i, end) : 0;
        for (size_t match; (match = match_of(run)) > 0; run -= match, i += match)
            write_match(writer, codes, match);
        write_literals(writer, codes, data + i, run);
        i += run;
    }
    add(writer, codes[END_OF_BLOCK].bits, codes[END_OF_BLOCK].n);
    flush(writer);
}

static void make_codes(const struct head *head, struct code codes[N_LITERALS])
{
    uint16_t bits[N_LITERALS];
    gm_huffman_codes(head->lengths, head->n_literals, bits);
    for (size_t v = 0; v < head->n_literals; v++)
        codes[v] = (struct code){bits[v], head->lengths[v]};
}

size_t gm_deflate_rle_bound(size_t n_bytes)
{
    return n_bytes + n_bytes / 4 + (n_bytes / BLOCK_BYTES + 1) * BLOCK_EXTRA + 64;
}

size_t gm_deflate_rle_size(const uint8_t *data, size_t n_bytes)
{
    uint64_t n_bits = 0;
    for (size_t at = 0; at < n_bytes; at += BLOCK_BYTES) {
        struct counts counts;
        struct head head;
        count_block(&counts, data, at, n_bytes - at > BLOCK_BYTES ? at + BLOCK_BYTES : n_bytes);
        make_head(&head, &counts);
        n_bits += block_bits(&head, &counts);
    }
    return 2 + (size_t)((n_bits + 7) / 8) + 4;
}

size_t gm_deflate_rle(const uint8_t *data, size_t n_bytes, uint8_t *out)
{
    GM_ASSERT(n_bytes > 0);
    struct writer writer = {.out = out + 2};
    out[0] = 0x78; /* deflate, 32 KB window */
    out[1] = 0x01; /* fastest; makes the pair a multiple of 31 */
    for (size_t at = 0; at < n_bytes; at += BLOCK_BYTES) {
        struct counts counts;
        struct head head;
        struct code codes[N_LITERALS];
        size_t end = n_bytes - at > BLOCK_BYTES ? at + BLOCK_BYTES : n_bytes;
        count_block(&counts, data, at, end);
        make_head(&head, &counts);
        make_codes(&head, codes);
        write_head(&writer, &head, end == n_bytes);
        write_block(&writer, codes, data, (size_t[2]){at, end});
    }
    add(&writer, 0, (8 - writer.n_bits) & 7);
    flush(&writer);
    uint32_t sum = libdeflate_adler32(1, data, n_bytes);
    for (size_t i = 0; i < 4; i++)
        *writer.out++ = (uint8_t)(sum >> (24 - 8 * i));
    return (size_t)(writer.out - out);
}
