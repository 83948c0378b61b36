/* The fast route for PNG: the whole image data is unpacked by one run of libdeflate into memory of
 * the size that the header implies, which no data can exceed, and unfiltered row by row in place.
 *
 * It takes only what is plainly right: every chunk whole and under a right checksum, known critical
 * chunks in their order, not interlaced, data of exactly the right length. Anything else it leaves
 * to the route through libspng, so that there is one place that judges and words what is wrong.
 * Needs the unpacked picture in memory, so very large ones are left, too. Side chunks are only
 * checked by their checksum.
 *
 * A file that is cut off in its image data can be read here as well, if the caller wants what there
 * is of it: by zlib, which gives what it has so far, and for interlaced files, too. Rows that are
 * not whole are as if their bytes were 0; so does Pillow. */
#include "image/be.h"
#include "image/picture.h"
#include "image/png_gray.h"
#include "image/png_unfilter.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

#define MAX_RAW_BYTES   ((uint64_t)48 << 20)
#define SIGNATURE_BYTES 8
#define HEADER_BYTES    13
#define FRAME_BYTES     12 /* length, type and checksum of a chunk */

struct layout {
    const struct gm_picture *picture;
    struct gm_png_gray gray;
    struct gm_picture_shape shape;
    const uint8_t *palette;
    uint32_t palette_bytes;
    const uint8_t *transparency; /* tRNS */
    uint32_t transparency_bytes;
    const uint8_t *packed; /* image data of the first chunk that has some */
    size_t packed_bytes;   /* of all */
    uint32_t n_packed;     /* chunks */
    bool other_in_between; /* image data chunks that do not follow each other */
    bool is_interlaced;
    bool ended;
    bool is_cut; /* the file ends in or behind a chunk of image data */
};

static bool is_tag(const uint8_t *chunk, const char *tag)
{
    return memcmp(chunk + 4, tag, 4) == 0;
}

static bool note_header(struct layout *layout, const uint8_t *data, uint32_t n_bytes)
{
    unsigned max_interlace = layout->picture->takes_partial; /* the other route reads whole ones */
    if (n_bytes != HEADER_BYTES || data[10] || data[11] || data[12] > max_interlace ||
        !gm_png_gray_init(&layout->gray, layout->picture, data[9], data[8]))
        return false;
    layout->shape = (struct gm_picture_shape){gm_be32(data), gm_be32(data + 4),
                                              layout->gray.channels, layout->gray.bit_depth};
    layout->is_interlaced = data[12] == 1;
    return true;
}

static bool note_image_data(struct layout *layout, const uint8_t *data, uint32_t n_bytes)
{
    if (layout->n_packed++ == 0)
        layout->packed = data;
    layout->packed_bytes += n_bytes;
    return !layout->other_in_between;
}

/* Takes note of a chunk; false: leave this file to the other route. */
static bool note_chunk(struct layout *layout, const uint8_t *chunk, uint32_t n_bytes)
{
    const uint8_t *data = chunk + 8;
    if (is_tag(chunk, "IDAT"))
        return note_image_data(layout, data, n_bytes);
    layout->other_in_between = layout->n_packed > 0;
    if (is_tag(chunk, "IEND")) {
        layout->ended = true;
        return n_bytes == 0 && layout->n_packed > 0;
    }
    if (is_tag(chunk, "PLTE")) {
        bool first = !layout->palette && layout->n_packed == 0;
        layout->palette = data;
        layout->palette_bytes = n_bytes;
        return first && n_bytes % 3 == 0 && n_bytes >= 3 && n_bytes <= 768 &&
               (layout->gray.bit_depth >= 8 || n_bytes / 3 <= 1u << layout->gray.bit_depth) &&
               layout->gray.color_type != GM_PNG_GRAY &&
               layout->gray.color_type != GM_PNG_GRAY_ALPHA;
    }
    if (is_tag(chunk, "tRNS")) {
        layout->transparency = data;
        layout->transparency_bytes = n_bytes;
    }
    return chunk[4] & 0x20; /* a side chunk: its type starts with a small letter */
}

/* The file ends before the chunk does. left: bytes that there are of it. */
static bool note_cut(struct layout *layout, const uint8_t *chunk, size_t left)
{
    if (left >= 8 && is_tag(chunk, "IDAT")) {
        uint32_t n_bytes = gm_be32(chunk);
        if (!note_image_data(layout, chunk + 8, n_bytes < left - 8 ? n_bytes : (uint32_t)left - 8))
            return false;
    }
    layout->is_cut = true;
    return layout->n_packed > 0;
}

static bool walk(const struct gm_picture *picture, struct layout *layout)
{
    size_t at = SIGNATURE_BYTES;
    if (picture->n_bytes < SIGNATURE_BYTES ||
        memcmp(picture->data, "\x89PNG\r\n\x1a\n", SIGNATURE_BYTES) != 0)
        return false;
    while (!layout->ended && !layout->is_cut) {
        size_t left = picture->n_bytes - at;
        const uint8_t *chunk = picture->data + at;
        if (left < FRAME_BYTES || gm_be32(chunk) > left - FRAME_BYTES) {
            if (!picture->takes_partial || !note_cut(layout, chunk, left))
                return false;
            continue;
        }
        uint32_t n_bytes = gm_be32(chunk);
        if (libdeflate_crc32(0, chunk + 4, (size_t)n_bytes + 4) != gm_be32(chunk + 8 + n_bytes))
            return false;
        bool is_header = is_tag(chunk, "IHDR");
        if (is_header != (at == SIGNATURE_BYTES))
            return false;
        if (is_header ? !note_header(layout, chunk + 8, n_bytes)
                      : !note_chunk(layout, chunk, n_bytes))
            return false;
        at += FRAME_BYTES + n_bytes;
    }
    return layout->gray.color_type != GM_PNG_PALETTE || layout->palette;
}

/* The image data of all chunks in one piece: where they are, if it is one chunk. */
static const uint8_t *join(const struct layout *layout, uint8_t *to)
{
    if (layout->n_packed == 1)
        return layout->packed;
    const uint8_t *from = layout->packed;
    size_t left = layout->packed_bytes;
    for (uint32_t i = 0; i < layout->n_packed; i++) {
        size_t n_bytes =
            gm_be32(from - 8) < left ? gm_be32(from - 8) : left; /* the last may be cut */
        left -= n_bytes;
        memcpy(to, from, n_bytes);
        to += n_bytes;
        from += n_bytes + FRAME_BYTES;
    }
    return to - layout->packed_bytes;
}

static bool unpack(struct gm_picture *picture, const uint8_t *packed, size_t packed_bytes,
                   uint8_t *raw, size_t raw_bytes)
{
    if (!picture->inflater)
        picture->inflater = libdeflate_alloc_decompressor();
    return picture->inflater &&
           libdeflate_zlib_decompress(picture->inflater, packed, packed_bytes, raw, raw_bytes,
                                      NULL) == LIBDEFLATE_SUCCESS;
}

static bool read_rows(struct gm_picture *picture, struct layout *layout, uint8_t *raw,
                      const uint8_t *zeros)
{
    size_t width = picture->width;
    size_t row_bytes = gm_png_gray_row_bytes(&layout->gray, width);
    size_t pixel_bits = (size_t)layout->gray.channels * layout->gray.bit_depth;
    const uint8_t *above = zeros;
    for (size_t y = 0; y < picture->height; y++) {
        uint8_t *row = raw + y * (row_bytes + 1);
        if (!gm_png_unfilter(row[0], row + 1, above, row_bytes, (pixel_bits + 7) / 8))
            return false;
        uint8_t *gray = picture->plane + y * width;
        if (y > 0 && memcmp(row + 1, above, row_bytes) == 0) /* drawings: half of all */
            memcpy(gray, gray - width, width);
        else
            gm_png_gray_row(&layout->gray, row + 1, gray, width);
        above = row + 1;
    }
    return gm_png_gray_indices_ok(&layout->gray);
}

/* ---- what there is of a picture ---- */

static const struct gm_png_pass *passes_of(const struct layout *layout)
{
    static const struct gm_png_pass plain[] = {{0, 0, 1, 1}, {0}};
    return layout->is_interlaced ? gm_png_passes : plain;
}

static uint64_t raw_bytes_of(const struct layout *layout)
{
    uint64_t n_bytes = 0;
    for (const struct gm_png_pass *pass = passes_of(layout); pass->dx; pass++) {
        size_t width = gm_png_n_in_pass(layout->shape.width, pass->x, pass->dx);
        size_t height = gm_png_n_in_pass(layout->shape.height, pass->y, pass->dy);
        if (width > 0)
            n_bytes += (uint64_t)(gm_png_gray_row_bytes(&layout->gray, width) + 1) * height;
    }
    return n_bytes;
}

/* How many bytes of raw there are; 0: none, or the data is damaged. */
static size_t inflate_part(const uint8_t *packed, size_t packed_bytes, uint8_t *raw,
                           size_t raw_bytes)
{
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)packed,
                       .avail_in = (uInt)packed_bytes,
                       .next_out = raw,
                       .avail_out = (uInt)raw_bytes};
    if (packed_bytes > UINT32_MAX || inflateInit(&stream) != Z_OK)
        return 0;
    int code = inflate(&stream, Z_SYNC_FLUSH);
    size_t n_bytes = stream.total_out;
    inflateEnd(&stream);
    return code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END ? n_bytes : 0;
}

/* zeros: a row of them, then room for one in gray. Returns whether all filters are known. */
static bool read_part(struct gm_picture *picture, struct layout *layout, uint8_t *raw, size_t n_raw,
                      const uint8_t *zeros, uint8_t *gray)
{
    size_t pixel_bits = (size_t)layout->gray.channels * layout->gray.bit_depth;
    for (const struct gm_png_pass *pass = passes_of(layout); pass->dx; pass++) {
        size_t width = gm_png_n_in_pass(picture->width, pass->x, pass->dx);
        size_t row_bytes = gm_png_gray_row_bytes(&layout->gray, width);
        const uint8_t *above = zeros;
        for (size_t y = pass->y; width > 0 && y < picture->height; y += pass->dy) {
            if (n_raw < row_bytes + 1)
                return true;
            if (!gm_png_unfilter(raw[0], raw + 1, above, row_bytes, (pixel_bits + 7) / 8))
                return false;
            gm_png_gray_row(&layout->gray, raw + 1, gray, width);
            gm_png_pass_put(pass, gray, width, picture->plane + y * picture->width);
            above = raw + 1;
            raw += row_bytes + 1;
            n_raw -= row_bytes + 1;
        }
    }
    return true;
}

/* The size of the first row, with its filter. */
static size_t first_row_bytes(const struct layout *layout)
{
    const struct gm_png_pass *first = passes_of(layout);
    return gm_png_gray_row_bytes(&layout->gray,
                                 gm_png_n_in_pass(layout->shape.width, 0, first->dx)) +
           1;
}

static void set_colors(struct layout *layout)
{
    if (layout->palette)
        gm_png_gray_palette(&layout->gray, layout->palette, layout->palette_bytes / 3);
    if (layout->transparency)
        gm_png_gray_transparency(&layout->gray, layout->transparency, layout->transparency_bytes);
}

/* All rows as if their bytes were 0. */
static void fill(struct gm_picture *picture, struct layout *layout, const uint8_t *zeros)
{
    size_t width = picture->width;
    gm_png_gray_row(&layout->gray, zeros, picture->plane, width);
    for (size_t y = 1; y < picture->height; y++)
        memcpy(picture->plane + y * width, picture->plane, width);
}

/* PASS: there is nothing of it, or it is damaged besides. */
static enum gm_reason decode_part(struct gm_picture *picture, struct layout *layout)
{
    uint64_t raw_bytes = raw_bytes_of(layout);
    size_t width = layout->shape.width;
    size_t row_bytes = gm_png_gray_row_bytes(&layout->gray, width) + GM_PNG_UNFILTER_SLACK;
    uint64_t scratch_bytes =
        raw_bytes + GM_PNG_UNFILTER_SLACK + row_bytes + width + layout->packed_bytes;
    if (raw_bytes > UINT32_MAX)
        return GM_PICTURE_PASS;
    enum gm_reason reason = gm_picture_begin(picture, &layout->shape, scratch_bytes);
    if (reason)
        return reason;
    uint8_t *raw = gm_picture_scratch(picture, (size_t)scratch_bytes);
    if (!raw)
        return GM_PICTURE_PASS;
    uint8_t *zeros = raw + raw_bytes + GM_PNG_UNFILTER_SLACK, *gray = zeros + row_bytes;
    memset(zeros, 0, row_bytes);
    set_colors(layout);
    picture->mode = gm_png_gray_mode(&layout->gray);
    const uint8_t *packed = join(layout, gray + width);
    size_t n_raw = inflate_part(packed, layout->packed_bytes, raw, (size_t)raw_bytes);
    if (n_raw < first_row_bytes(layout))
        return GM_PICTURE_PASS;
    fill(picture, layout, zeros);
    if (!read_part(picture, layout, raw, n_raw, zeros, gray) ||
        !gm_png_gray_indices_ok(&layout->gray))
        return GM_PICTURE_PASS;
    picture->is_partial = true;
    return GM_REASON_NONE;
}

enum gm_reason gm_png_fast_decode(struct gm_picture *picture)
{
    struct layout layout = {.picture = picture};
    if (!walk(picture, &layout) || layout.shape.width > GM_PICTURE_MAX_SIDE ||
        layout.shape.height > GM_PICTURE_MAX_SIDE)
        return GM_PICTURE_PASS;
    if (layout.is_cut)
        return decode_part(picture, &layout);
    if (layout.is_interlaced)
        return GM_PICTURE_PASS;
    size_t row_bytes = gm_png_gray_row_bytes(&layout.gray, layout.shape.width);
    uint64_t raw_bytes = (uint64_t)(row_bytes + 1) * layout.shape.height;
    size_t rest_bytes = row_bytes + GM_PNG_UNFILTER_SLACK + layout.packed_bytes;
    if (raw_bytes > MAX_RAW_BYTES)
        return GM_PICTURE_PASS;
    size_t scratch_bytes = (size_t)raw_bytes + GM_PNG_UNFILTER_SLACK + rest_bytes;
    if (gm_picture_begin(picture, &layout.shape, scratch_bytes))
        return GM_PICTURE_PASS;
    uint8_t *raw = gm_picture_scratch(picture, scratch_bytes);
    if (!raw)
        return GM_PICTURE_PASS;
    uint8_t *zeros = raw + raw_bytes + GM_PNG_UNFILTER_SLACK;
    memset(zeros, 0, row_bytes + GM_PNG_UNFILTER_SLACK);
    const uint8_t *packed = join(&layout, zeros + row_bytes + GM_PNG_UNFILTER_SLACK);
    set_colors(&layout);
    picture->mode = gm_png_gray_mode(&layout.gray);
    if (!unpack(picture, packed, layout.packed_bytes, raw, (size_t)raw_bytes) ||
        !read_rows(picture, &layout, raw, zeros))
        return GM_PICTURE_PASS;
    return GM_REASON_NONE;
}
