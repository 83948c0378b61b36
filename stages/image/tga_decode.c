/* TGA to gray: color maps, gray, color of 15 to 32 bits, plain or in run lengths, all four corners
 * as the origin. Samples come through stb_image (stb_read.h).
 *
 * A TGA has no magic; pipeline/media.h says how it is told. Strict here: the header must be valid
 * in every field, the color map and the pixels must be in the file to the last byte, the packets
 * must give the pixels of the picture and not one more, and an index without an entry is damage.
 *
 * stb_image gets nothing to interpret: indexes and colors of 16 bits are shown to it as gray, since
 * it misreads color maps, and rows are mirrored here, since it mirrors none. Interleaved rows,
 * 16-bit indexes and run lengths of single bits are unsupported. Read beyond Pillow: runs that go
 * on in the next row (as before version 2), 15 bits, color maps of 32 bits or more entries than
 * indexes can reach. */
#include "image/le.h"
#include "image/luma.h"
#include "image/stb_read.h"

#include <string.h>

#define HEAD_BYTES 18

enum kind { MAPPED = 1, COLOR = 2, GRAY = 3 };
enum { PACKED_BIT = 8, MIRRORED_BIT = 0x10, TOP_DOWN_BIT = 0x20, INTERLEAVE_BITS = 0xc0 };

struct layout {
    uint8_t kind, bits;
    uint8_t pixel_bytes; /* 0: eight pixels a byte */
    uint8_t channels, bit_depth;
    const char *mode;
};

static const struct layout layouts[] = {
    {MAPPED, 8, 1, 1, 8, "P"},   {COLOR, 15, 2, 3, 5, "RGB"},  {COLOR, 16, 2, 3, 5, "RGB"},
    {COLOR, 24, 3, 3, 8, "RGB"}, {COLOR, 32, 4, 4, 8, "RGBA"}, {GRAY, 1, 0, 1, 1, "1"},
    {GRAY, 8, 1, 1, 8, "L"},     {GRAY, 16, 2, 2, 8, "LA"},
};

struct tga {
    struct gm_picture *picture;
    const struct layout *layout;
    uint32_t width, height;
    bool is_packed, is_mirrored, is_top_down;
    unsigned first, n_entries, entry_bits; /* of the color map */
    size_t map_at, pixels_at;
    uint8_t head[HEAD_BYTES]; /* what stb_image is shown */
    struct gm_stb_file file;
    uint8_t gray_of[256];
    unsigned least_index, largest_index;
};

static enum gm_reason unsupported(struct tga *tga, const char *what, unsigned value)
{
    return gm_picture_fail(tga->picture, GM_REASON_IMAGE_UNSUPPORTED, "%s %u", what, value);
}

static enum gm_reason check_map(struct tga *tga, unsigned map_kind)
{
    bool is_mapped = tga->layout->kind == MAPPED;
    if (map_kind != (is_mapped ? 1 : 0))
        return gm_picture_fail(tga->picture, GM_REASON_IMAGE_UNSUPPORTED,
                               is_mapped ? "indexes without a color map"
                                         : "a color map beside colors");
    if (!is_mapped)
        return GM_REASON_NONE;
    unsigned bits = tga->entry_bits;
    if (bits != 15 && bits != 16 && bits != 24 && bits != 32)
        return unsupported(tga, "TGA color map of bits:", bits);
    tga->pixels_at = tga->map_at + (size_t)tga->n_entries * ((bits + 7) / 8);
    return GM_REASON_NONE;
}

static enum gm_reason choose_layout(struct tga *tga, unsigned image_kind, unsigned bits)
{
    unsigned kind = image_kind & ~(unsigned)PACKED_BIT;
    if (kind < MAPPED || kind > GRAY)
        return unsupported(tga, "TGA image type", image_kind);
    for (size_t i = 0; i < GM_ARRAY_LEN(layouts); i++)
        if (layouts[i].kind == kind && layouts[i].bits == bits)
            tga->layout = &layouts[i];
    if (!tga->layout || (tga->is_packed && tga->layout->pixel_bytes == 0))
        return unsupported(tga, "TGA pixel depth", bits);
    return GM_REASON_NONE;
}

static enum gm_reason read_header(struct tga *tga)
{
    const uint8_t *data = tga->picture->data;
    if (tga->picture->n_bytes < HEAD_BYTES)
        return gm_picture_truncated(tga->picture, "in the header");
    tga->is_packed = data[2] & PACKED_BIT;
    tga->first = gm_le16(data + 3);
    tga->n_entries = gm_le16(data + 5);
    tga->entry_bits = data[7];
    tga->width = gm_le16(data + 12);
    tga->height = gm_le16(data + 14);
    tga->is_mirrored = data[17] & MIRRORED_BIT;
    tga->is_top_down = data[17] & TOP_DOWN_BIT;
    tga->map_at = tga->pixels_at = HEAD_BYTES + (size_t)data[0];
    if (data[17] & INTERLEAVE_BITS)
        return unsupported(tga, "TGA interleaving", data[17] >> 6);
    enum gm_reason reason = choose_layout(tga, data[2], data[16]);
    return reason ? reason : check_map(tga, data[1]);
}

/* The file for stb_image: gray of one or two bytes, or color of three or four; bits as whole bytes.
 */
static void make_file(struct tga *tga)
{
    unsigned pixel_bytes = tga->layout->pixel_bytes;
    uint32_t width = tga->width;
    if (pixel_bytes == 0) {
        width = (width + 7) / 8;
        pixel_bytes = 1;
    }
    tga->head[2] = (uint8_t)((pixel_bytes < 3 ? GRAY : COLOR) | (tga->is_packed ? PACKED_BIT : 0));
    tga->head[12] = (uint8_t)width;
    tga->head[13] = (uint8_t)(width >> 8);
    tga->head[14] = (uint8_t)tga->height;
    tga->head[15] = (uint8_t)(tga->height >> 8);
    tga->head[16] = (uint8_t)(pixel_bytes * 8);
    tga->head[17] = tga->is_top_down ? TOP_DOWN_BIT : 0;
    tga->file =
        (struct gm_stb_file){.width = width, .height = tga->height, .channels = pixel_bytes};
    tga->file.pieces[0] = (struct gm_view){tga->head, HEAD_BYTES};
}

static enum gm_reason begin(struct tga *tga)
{
    const struct layout *layout = tga->layout;
    struct gm_picture_shape shape = {tga->width, tga->height, layout->channels, layout->bit_depth};
    enum gm_reason reason = gm_picture_begin(tga->picture, &shape, gm_stb_bytes(&tga->file));
    tga->picture->mode = layout->mode;
    return reason;
}

/* The packets up to the last pixel; *end: behind the last one. */
static enum gm_reason walk_packets(struct tga *tga, size_t *end)
{
    const uint8_t *data = tga->picture->data;
    size_t at = tga->pixels_at, n_bytes = tga->picture->n_bytes;
    uint64_t n_pixels = (uint64_t)tga->width * tga->height, n_done = 0;
    while (n_done < n_pixels) {
        if (at >= n_bytes)
            return gm_picture_truncated(tga->picture, "before its last pixel");
        unsigned count = (data[at] & 127u) + 1;
        size_t packet_bytes = tga->layout->pixel_bytes * (size_t)(data[at] & 128 ? 1 : count);
        if (packet_bytes > n_bytes - at - 1)
            return gm_picture_truncated(tga->picture, "within a packet");
        at += 1 + packet_bytes;
        n_done += count;
    }
    *end = at;
    if (n_done > n_pixels)
        return gm_picture_fail(tga->picture, GM_REASON_IMAGE_BROKEN,
                               "the packets give %llu of %llu pixels", (unsigned long long)n_done,
                               (unsigned long long)n_pixels);
    return GM_REASON_NONE;
}

/* Finds the pixels whole, and shows them to stb_image. */
static enum gm_reason check_pixels(struct tga *tga)
{
    size_t n_bytes = tga->picture->n_bytes, end = tga->pixels_at;
    if (tga->pixels_at > n_bytes)
        return gm_picture_truncated(tga->picture, "before the pixels");
    if (tga->is_packed) {
        enum gm_reason reason = walk_packets(tga, &end);
        if (reason)
            return reason;
    } else {
        uint64_t need = gm_stb_bytes(&tga->file);
        if (need > n_bytes - tga->pixels_at)
            return gm_picture_truncated(tga->picture, "before its last row");
        end += (size_t)need;
    }
    tga->file.pieces[1] =
        (struct gm_view){tga->picture->data + tga->pixels_at, end - tga->pixels_at};
    return GM_REASON_NONE;
}

/* ---- samples to gray ---- */

/* 5 bits a channel, blue lowest, scaled to 255 and truncated as Pillow does it. */
static uint8_t gray_of_fifteen(const uint8_t *stored)
{
    unsigned pixel = gm_le16(stored);
    return gm_luma((pixel >> 10 & 31) * 255 / 31, (pixel >> 5 & 31) * 255 / 31,
                   (pixel & 31) * 255 / 31);
}

static void read_map(struct tga *tga)
{
    const uint8_t *entry = tga->picture->data + tga->map_at;
    bool is_over = gm_picture_is_over(tga->picture) && tga->entry_bits == 32;
    uint8_t background = gm_picture_background(tga->picture);
    for (unsigned i = 0; i < tga->n_entries && tga->first + i < 256; i++) {
        uint8_t *gray = &tga->gray_of[tga->first + i];
        if (tga->entry_bits <= 16) {
            *gray = gray_of_fifteen(entry);
        } else {
            unsigned alpha = is_over ? entry[3] : 255;
            *gray =
                gm_luma(gm_over(entry[2], alpha, background), gm_over(entry[1], alpha, background),
                        gm_over(entry[0], alpha, background));
        }
        entry += (tga->entry_bits + 7) / 8;
    }
}

static enum gm_reason map_indexes(struct tga *tga, const uint8_t *index, uint8_t *gray, size_t n)
{
    unsigned least = 255, largest = 0;
    read_map(tga);
    for (size_t i = 0; i < n; i++) {
        least = index[i] < least ? index[i] : least;
        largest = index[i] > largest ? index[i] : largest;
        gray[i] = tga->gray_of[index[i]];
    }
    if (least < tga->first || largest >= tga->first + tga->n_entries)
        return gm_picture_fail(tga->picture, GM_REASON_IMAGE_BROKEN,
                               "color %u is used, but the color map has %u from %u on",
                               least < tga->first ? least : largest, tga->n_entries, tga->first);
    return GM_REASON_NONE;
}

static void expand_bits(const struct tga *tga, const uint8_t *samples, uint8_t *gray)
{
    for (size_t y = 0; y < tga->height; y++) {
        const uint8_t *row = samples + y * tga->file.width;
        for (size_t x = 0; x < tga->width; x++)
            *gray++ = row[x / 8] >> (7 - x % 8) & 1 ? 255 : 0;
    }
}

/* Two or four bytes a pixel. */
static void join_channels(const struct tga *tga, const uint8_t *samples, uint8_t *gray, size_t n)
{
    bool is_over = gm_picture_is_over(tga->picture);
    uint8_t background = gm_picture_background(tga->picture);
    if (tga->layout->kind == COLOR && tga->layout->pixel_bytes == 2)
        for (size_t i = 0; i < n; i++)
            gray[i] = gray_of_fifteen(samples + 2 * i);
    else if (tga->layout->kind == GRAY)
        for (size_t i = 0; i < n; i++)
            gray[i] = (uint8_t)(is_over ? gm_over(samples[2 * i], samples[2 * i + 1], background)
                                        : samples[2 * i]);
    else if (is_over)
        gm_luma_rgba_over(samples, gray, n, background);
    else
        gm_luma_rgbx(samples, gray, n);
}

static enum gm_reason make_gray(struct tga *tga, const uint8_t *samples)
{
    uint8_t *gray = tga->picture->plane;
    size_t n = (size_t)tga->width * tga->height;
    switch (tga->layout->pixel_bytes) {
    case 0:
        expand_bits(tga, samples, gray);
        break;
    case 1:
        if (tga->layout->kind == MAPPED)
            return map_indexes(tga, samples, gray, n);
        memcpy(gray, samples, n);
        break;
    case 3:
        gm_luma_rgb(samples, gray, n);
        break;
    default:
        join_channels(tga, samples, gray, n);
    }
    return GM_REASON_NONE;
}

static void mirror_rows(struct tga *tga)
{
    for (size_t y = 0; y < tga->height; y++) {
        uint8_t *left = tga->picture->plane + y * tga->width, *right = left + tga->width - 1;
        for (; left < right; left++, right--) {
            uint8_t value = *left;
            *left = *right;
            *right = value;
        }
    }
}

enum gm_reason gm_tga_decode(struct gm_picture *picture)
{
    struct tga tga = {.picture = picture};
    uint8_t *samples = NULL;
    enum gm_reason reason = read_header(&tga);
    if (!reason) {
        make_file(&tga);
        reason = begin(&tga);
    }
    if (!reason)
        reason = check_pixels(&tga);
    if (!reason)
        reason = gm_stb_read(picture, &tga.file, &samples);
    if (!reason)
        reason = make_gray(&tga, samples);
    if (!reason && tga.is_mirrored)
        mirror_rows(&tga);
    return reason;
}
