/* Gray PNG: rows filtered by the usual heuristic, then packed in one go, in one of two ways: by
 * libdeflate, or without a search for matches (deflate_rle.h), which is better and several times
 * faster for photographs. At the lowest level a sample of the filtered rows decides; a larger
 * effort is always libdeflate's.
 *
 * Filters spoil pictures with few, scattered values (dithered palettes: a third larger). So every
 * eighth row's bytes are counted before and after, and if filtering did not lower their entropy,
 * the picture is written without. */
#include "image/encode.h"

#include "image/be.h"
#include "image/deflate_rle.h"
#include "image/png_filter.h"

#include <libdeflate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLED_ROWS 8 /* one in so many */
#define KEPT_BYTES   ((size_t)4 << 20)

/* The sample: slices of this size, one of so many, but at least the first. */
#define SLICE_BYTES       ((size_t)16 << 10)
#define SLICES_PER_SAMPLE 8

/* Packing without a search is worth a little size. */
#define TOLERANCE_PERCENT 104

struct gm_png_encoder {
    bool may_skip_search;
    struct libdeflate_compressor *compressor;
    struct gm_buf filtered; /* rows with their filter byte in front */
    struct gm_buf rows;     /* a row of zeros, and four for the filters to try */
};

struct gm_png_encoder *gm_png_encoder_new(int level)
{
    struct gm_png_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return NULL;
    gm_buf_init(&encoder->filtered);
    gm_buf_init(&encoder->rows);
    encoder->may_skip_search = level == 1;
    encoder->compressor = libdeflate_alloc_compressor(level);
    if (!encoder->compressor) {
        gm_png_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

void gm_png_encoder_free(struct gm_png_encoder *encoder)
{
    if (!encoder)
        return;
    libdeflate_free_compressor(encoder->compressor);
    gm_buf_free(&encoder->filtered);
    gm_buf_free(&encoder->rows);
    free(encoder);
}

/* Two tables, because neighbours are often equal and one counter would wait for itself. */
static void count_bytes(uint32_t counts[2][256], const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        counts[0][bytes[i]]++;
        counts[1][bytes[i + 1]]++;
    }
    if (i < n)
        counts[0][bytes[i]]++;
}

/* Bits that the counted bytes would take in an ideal code, up to a constant for their number. */
static double code_bits(uint32_t counts[2][256])
{
    double bits = 0;
    for (size_t v = 0; v < 256; v++) {
        uint32_t count = counts[0][v] + counts[1][v];
        if (count)
            bits -= count * log2(count);
    }
    return bits;
}

/* Undoes the filters if they did not help. */
static void filter_or_not(struct gm_png_encoder *encoder, const struct gm_gray *gray)
{
    size_t width = gray->width;
    uint32_t before[2][256] = {0}, after[2][256] = {0};
    for (size_t y = 0; y < gray->height; y += SAMPLED_ROWS) {
        count_bytes(before, gray->plane + width * y, width);
        count_bytes(after, encoder->filtered.data + (width + 1) * y + 1, width);
    }
    if (code_bits(after) < code_bits(before))
        return;
    for (size_t y = 0; y < gray->height; y++) {
        uint8_t *row = encoder->filtered.data + (width + 1) * y;
        *row = 0;
        memcpy(row + 1, gray->plane + width * y, width);
    }
}

static bool filter(struct gm_png_encoder *encoder, const struct gm_gray *gray)
{
    size_t width = gray->width;
    gm_buf_clear(&encoder->filtered);
    gm_buf_clear(&encoder->rows);
    if (!gm_buf_reserve(&encoder->filtered, (width + 1) * gray->height) ||
        !gm_buf_reserve(&encoder->rows, width * 5))
        return false;
    uint8_t *zeros = encoder->rows.data, *scratch = zeros + width;
    memset(zeros, 0, width); /* stands for the row above the first */
    for (size_t y = 0; y < gray->height; y++) {
        const uint8_t *row = gray->plane + width * y;
        gm_png_filter(row, y ? row - width : zeros, width, scratch,
                      encoder->filtered.data + (width + 1) * y);
    }
    encoder->filtered.n_bytes = (width + 1) * gray->height;
    filter_or_not(encoder, gray);
    return true;
}

static size_t search(const struct gm_png_encoder *encoder, size_t at, size_t n_bytes, uint8_t *to,
                     size_t room)
{
    return libdeflate_zlib_compress(encoder->compressor, encoder->filtered.data + at, n_bytes, to,
                                    room);
}

/* Packs the filtered rows; room is the bound of either way. What is as small as one slice is its
 * own sample, and packed by then. */
static size_t pack(const struct gm_png_encoder *encoder, uint8_t *to, size_t room)
{
    const struct gm_buf *rows = &encoder->filtered;
    size_t with = 0, without = 0;
    for (size_t at = 0; encoder->may_skip_search && at < rows->n_bytes;
         at += SLICE_BYTES * SLICES_PER_SAMPLE) {
        size_t n_bytes = rows->n_bytes - at < SLICE_BYTES ? rows->n_bytes - at : SLICE_BYTES;
        without += gm_deflate_rle_size(rows->data + at, n_bytes);
        with += search(encoder, at, n_bytes, to, room);
    }
    if (without * 100 < with * TOLERANCE_PERCENT)
        return gm_deflate_rle(rows->data, rows->n_bytes, to);
    if (with == 0 || rows->n_bytes > SLICE_BYTES)
        with = search(encoder, 0, rows->n_bytes, to, room);
    GM_ASSERT(with > 0); /* the bound was given */
    return with;
}

/* Closes a chunk whose data are already behind its 8 bytes of head at offset `at`. */
static void close_chunk(struct gm_buf *out, size_t at, const char *tag)
{
    size_t data_bytes = out->n_bytes - at - 8;
    gm_put_be32(out->data + at, (uint32_t)data_bytes);
    memcpy(out->data + at + 4, tag, 4);
    gm_put_be32(out->data + out->n_bytes, libdeflate_crc32(0, out->data + at + 4, data_bytes + 4));
    out->n_bytes += 4;
}

enum gm_status gm_png_encode(struct gm_png_encoder *encoder, const struct gm_gray *gray,
                             struct gm_buf *out, struct gm_err *err)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t gray8[5] = {8, 0, 0, 0,
                                     0}; /* depth, gray, deflate, filters, no interlace */
    if (!filter(encoder, gray))
        return gm_err_set(err, GM_NOMEM, "no memory to filter the PNG");
    size_t bound = libdeflate_zlib_compress_bound(encoder->compressor, encoder->filtered.n_bytes);
    if (encoder->may_skip_search && bound < gm_deflate_rle_bound(encoder->filtered.n_bytes))
        bound = gm_deflate_rle_bound(encoder->filtered.n_bytes);
    if (bound > INT32_MAX || !gm_buf_reserve(out, bound + 128))
        return gm_err_set(err, GM_NOMEM, "no memory to write the PNG");
    memcpy(out->data + out->n_bytes, signature, sizeof(signature));
    size_t at = out->n_bytes += sizeof(signature);
    gm_put_be32(out->data + at + 8, gray->width);
    gm_put_be32(out->data + at + 12, gray->height);
    memcpy(out->data + at + 16, gray8, sizeof(gray8));
    out->n_bytes += 8 + 13;
    close_chunk(out, at, "IHDR");
    at = out->n_bytes;
    size_t n_bytes = pack(encoder, out->data + at + 8, bound);
    if (encoder->filtered.capacity_bytes > KEPT_BYTES)
        gm_buf_free(&encoder->filtered);
    out->n_bytes += 8 + n_bytes;
    close_chunk(out, at, "IDAT");
    at = out->n_bytes;
    out->n_bytes += 8;
    close_chunk(out, at, "IEND");
    return GM_OK;
}
