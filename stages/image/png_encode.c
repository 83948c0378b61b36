/* Gray PNG: for each row the filter that leaves the smallest differences, then one run of
 * libdeflate over the whole picture.
 *
 * The usual heuristic (least sum of absolute differences) is tried with all five filters, because
 * on this side of a fast compressor the better filter saves more time in matching than it costs.
 * The loops are written so that the compiler turns them into vector code. */
#include "image/encode.h"

#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>

enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH, N_FILTERS };

struct gm_png_encoder {
    struct libdeflate_compressor *compressor;
    struct gm_buf filtered; /* rows with their filter byte in front */
    struct gm_buf rows;     /* scratch: a zero row with a zero in front, and one row per filter */
};

struct gm_png_encoder *gm_png_encoder_new(int level)
{
    struct gm_png_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return NULL;
    gm_buf_init(&encoder->filtered);
    gm_buf_init(&encoder->rows);
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

static uint8_t paeth(int left, int up, int corner)
{
    int to_left = abs(up - corner), to_up = abs(left - corner);
    int to_corner = abs(left + up - 2 * corner);
    int up_or_corner = to_up <= to_corner ? up : corner;
    return (uint8_t)(to_left <= to_up && to_left <= to_corner ? left : up_or_corner);
}

/* One row by each filter but NONE; left[i] and corner[i] are the pixels before row[i] and up[i]. */
static void filter_row(const uint8_t *restrict row, const uint8_t *restrict up, size_t width,
                       uint8_t *const out[N_FILTERS])
{
    uint8_t *restrict sub = out[FILTER_SUB], *restrict above = out[FILTER_UP];
    uint8_t *restrict average = out[FILTER_AVERAGE], *restrict best = out[FILTER_PAETH];
    sub[0] = row[0];
    above[0] = (uint8_t)(row[0] - up[0]);
    average[0] = (uint8_t)(row[0] - up[0] / 2);
    best[0] = above[0];
    for (size_t i = 1; i < width; i++) {
        sub[i] = (uint8_t)(row[i] - row[i - 1]);
        above[i] = (uint8_t)(row[i] - up[i]);
        average[i] = (uint8_t)(row[i] - (row[i - 1] + up[i]) / 2);
    }
    for (size_t i = 1; i < width; i++)
        best[i] = (uint8_t)(row[i] - paeth(row[i - 1], up[i], up[i - 1]));
}

/* Sum of the distances of all bytes from 0 modulo 256. */
static uint64_t cost(const uint8_t *row, size_t width)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < width;) {
        size_t end = width - at < 32768 ? width : at + 32768;
        uint32_t part = 0;
        for (; at < end; at++)
            part += row[at] < 128 ? row[at] : 256u - row[at];
        sum += part;
    }
    return sum;
}

static bool filter(struct gm_png_encoder *encoder, const struct gm_gray *gray)
{
    size_t width = gray->width;
    gm_buf_clear(&encoder->filtered);
    gm_buf_clear(&encoder->rows);
    if (!gm_buf_reserve(&encoder->filtered, (width + 1) * gray->height) ||
        !gm_buf_reserve(&encoder->rows, width * N_FILTERS))
        return false;
    uint8_t *rows = encoder->rows.data, *to = encoder->filtered.data;
    memset(rows, 0, width); /* stands for the row above the first */
    uint8_t *out[N_FILTERS] = {NULL};
    for (size_t f = 1; f < N_FILTERS; f++)
        out[f] = rows + width * f;
    for (uint32_t y = 0; y < gray->height; y++) {
        const uint8_t *row = gray->plane + width * y;
        filter_row(row, y ? row - width : rows, width, out);
        const uint8_t *best = row;
        uint64_t least = cost(row, width);
        *to = FILTER_NONE;
        for (size_t f = 1; f < N_FILTERS; f++) {
            uint64_t sum = cost(out[f], width);
            if (sum < least) {
                least = sum;
                best = out[f];
                *to = (uint8_t)f;
            }
        }
        memcpy(to + 1, best, width);
        to += width + 1;
    }
    encoder->filtered.n_bytes = (width + 1) * gray->height;
    return true;
}

static void put_be32(uint8_t *to, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Closes a chunk whose data are already behind its 8 bytes of head at offset `at`. */
static void close_chunk(struct gm_buf *out, size_t at, const char *tag)
{
    size_t data_bytes = out->n_bytes - at - 8;
    put_be32(out->data + at, (uint32_t)data_bytes);
    memcpy(out->data + at + 4, tag, 4);
    put_be32(out->data + out->n_bytes, libdeflate_crc32(0, out->data + at + 4, data_bytes + 4));
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
    if (bound > INT32_MAX || !gm_buf_reserve(out, bound + 128))
        return gm_err_set(err, GM_NOMEM, "no memory to write the PNG");
    memcpy(out->data + out->n_bytes, signature, sizeof(signature));
    size_t at = out->n_bytes += sizeof(signature);
    put_be32(out->data + at + 8, gray->width);
    put_be32(out->data + at + 12, gray->height);
    memcpy(out->data + at + 16, gray8, sizeof(gray8));
    out->n_bytes += 8 + 13;
    close_chunk(out, at, "IHDR");
    at = out->n_bytes;
    size_t n_bytes = libdeflate_zlib_compress(encoder->compressor, encoder->filtered.data,
                                              encoder->filtered.n_bytes, out->data + at + 8, bound);
    GM_ASSERT(n_bytes > 0); /* the bound was given */
    out->n_bytes += 8 + n_bytes;
    close_chunk(out, at, "IDAT");
    at = out->n_bytes;
    out->n_bytes += 8;
    close_chunk(out, at, "IEND");
    return GM_OK;
}
