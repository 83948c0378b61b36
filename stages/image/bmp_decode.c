/* BMP to gray: OS/2 1.x and Windows headers, 1, 4, 8 bits with a palette, 16, 24, 32 bits with the
 * usual or other channel masks, RLE4 and RLE8, bottom-up and top-down.
 *
 * Written here because the packaged readers do not fit: a BMP is little more than an array, and
 * stb_image decodes files that are cut off, refuses RLE and rounds 16-bit colors differently from
 * Pillow. This reader needs the plane and nothing else.
 *
 * Strict: the pixel array must be in the file to its last byte, RLE data must fill the picture and
 * a palette index without an entry is damage. The size field of the file header is ignored, as many
 * writers leave it wrong. JPEG and PNG inside BMP are unsupported; alpha is dropped (or, if
 * its mask is given, laid on the background that is asked for).
 *
 * Differs from Pillow where that is at fault: 8-bit files with two gray entries, 4-bit files with a
 * gray ramp, and masks outside its list, are decoded by their own definition. */
#include "image/le.h"
#include "image/luma.h"
#include "image/picture.h"

#include <string.h>

#define FILE_HEAD_BYTES   14
#define CORE_HEAD_BYTES   12
#define INFO_HEAD_BYTES   40
#define MASKED_HEAD_BYTES 52 /* headers from here on hold the channel masks */

enum compression { BI_RGB = 0, BI_RLE8 = 1, BI_RLE4 = 2, BI_BITFIELDS = 3, BI_ALPHABITFIELDS = 6 };

struct channel {
    uint32_t mask;
    unsigned shift; /* of its lowest bit */
    uint32_t max;   /* its largest value; 0: no such channel */
};

struct bmp {
    struct gm_picture *picture;
    uint32_t header_bytes;
    uint32_t width, height;
    bool top_down;
    unsigned bits;
    uint32_t compression;
    uint64_t n_colors;
    size_t pixels_at;           /* offset of the pixel array in the file */
    struct channel channels[4]; /* red, green, blue, alpha; 16 and 32 bits */
    uint8_t gray_of[256];
    unsigned largest_index;
};

static enum gm_reason unsupported(struct bmp *bmp, const char *what, unsigned value)
{
    return gm_picture_fail(bmp->picture, GM_REASON_IMAGE_UNSUPPORTED, "%s %u", what, value);
}

static uint8_t *row_of(struct bmp *bmp, uint32_t stored_row)
{
    uint32_t y = bmp->top_down ? stored_row : bmp->height - 1 - stored_row;
    return bmp->picture->plane + (size_t)y * bmp->width;
}

static void read_dimensions(struct bmp *bmp, const uint8_t *info)
{
    if (bmp->header_bytes == CORE_HEAD_BYTES) {
        bmp->width = gm_le16(info + 4);
        bmp->height = gm_le16(info + 6);
        bmp->bits = gm_le16(info + 10);
        return;
    }
    uint32_t height = gm_le32(info + 8);
    bmp->top_down = height >> 31;
    bmp->width = gm_le32(info + 4);
    bmp->height = bmp->top_down ? 0 - height : height;
    bmp->bits = gm_le16(info + 14);
    bmp->compression = gm_le32(info + 16);
    bmp->n_colors = gm_le32(info + 32);
}

static enum gm_reason check_layout(struct bmp *bmp)
{
    static const struct {
        uint32_t compression;
        unsigned bits[6];
    } layouts[] = {
        {BI_RGB, {1, 4, 8, 16, 24, 32}},
        {BI_RLE8, {8}},
        {BI_RLE4, {4}},
        {BI_BITFIELDS, {16, 32, 24}},
        {BI_ALPHABITFIELDS, {16, 32}},
    };
    bool compression_known = false;
    for (size_t i = 0; i < GM_ARRAY_LEN(layouts); i++) {
        if (layouts[i].compression != bmp->compression)
            continue;
        compression_known = true;
        for (size_t k = 0; k < GM_ARRAY_LEN(layouts[i].bits); k++)
            if (layouts[i].bits[k] == bmp->bits && bmp->bits)
                return GM_REASON_NONE;
    }
    return compression_known ? unsupported(bmp, "BMP pixel depth", bmp->bits)
                             : unsupported(bmp, "BMP compression", bmp->compression);
}

static enum gm_reason read_header(struct bmp *bmp)
{
    const uint8_t *data = bmp->picture->data;
    size_t n_bytes = bmp->picture->n_bytes;
    if (n_bytes < FILE_HEAD_BYTES + 4)
        return gm_picture_truncated(bmp->picture, "in the header");
    bmp->header_bytes = gm_le32(data + FILE_HEAD_BYTES);
    bmp->pixels_at = gm_le32(data + 10);
    if (bmp->header_bytes != CORE_HEAD_BYTES &&
        (bmp->header_bytes < INFO_HEAD_BYTES || bmp->header_bytes > 256))
        return unsupported(bmp, "BMP header of bytes:", bmp->header_bytes);
    if (n_bytes < FILE_HEAD_BYTES + bmp->header_bytes)
        return gm_picture_truncated(bmp->picture, "in the header");
    read_dimensions(bmp, data + FILE_HEAD_BYTES);
    enum gm_reason reason = check_layout(bmp);
    if (reason)
        return reason;
    struct gm_picture_shape shape = {bmp->width, bmp->height, bmp->bits <= 8 ? 1 : 3,
                                     (uint8_t)(bmp->bits <= 8    ? bmp->bits
                                               : bmp->bits == 16 ? 5
                                                                 : 8)};
    reason = gm_picture_begin(bmp->picture, &shape, 0);
    if (bmp->bits <= 8)
        bmp->picture->mode = bmp->bits == 1 ? "1" : "P";
    return reason;
}

/* Takes the masks that the file gives, unless they are all zero. The alpha mask counts only if
 * alpha is asked for. */
static void take_masks(const struct bmp *bmp, uint32_t masks[4])
{
    const uint8_t *given = bmp->picture->data + FILE_HEAD_BYTES + INFO_HEAD_BYTES;
    bool has_alpha =
        bmp->header_bytes >= MASKED_HEAD_BYTES + 4 || bmp->compression == BI_ALPHABITFIELDS;
    if (gm_le32(given) == 0 && gm_le32(given + 4) == 0 && gm_le32(given + 8) == 0)
        return;
    for (size_t i = 0; i < 3; i++)
        masks[i] = gm_le32(given + 4 * i);
    if (has_alpha && gm_picture_is_over(bmp->picture))
        masks[3] = gm_le32(given + 12);
}

/* The channel masks: given, or the ones that go without saying. *at moves behind them. */
static enum gm_reason read_masks(struct bmp *bmp, size_t *at)
{
    uint32_t masks[4] = {0xff0000, 0xff00, 0xff, 0};
    if (bmp->bits == 16)
        memcpy(masks, (uint32_t[4]){0x7c00, 0x3e0, 0x1f, 0}, sizeof(masks));
    if (bmp->compression == BI_BITFIELDS || bmp->compression == BI_ALPHABITFIELDS) {
        if (bmp->header_bytes < MASKED_HEAD_BYTES)
            *at += bmp->compression == BI_BITFIELDS ? 12 : 16;
        if (*at > bmp->picture->n_bytes)
            return gm_picture_truncated(bmp->picture, "in the channel masks");
        take_masks(bmp, masks);
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(masks); i++) {
        struct channel *channel = &bmp->channels[i];
        channel->mask = masks[i];
        channel->shift = masks[i] ? (unsigned)__builtin_ctz(masks[i]) : 0;
        channel->max = masks[i] >> channel->shift;
        if (channel->max & (channel->max + 1))
            return unsupported(bmp, "BMP channel mask", masks[i]);
    }
    return GM_REASON_NONE;
}

static enum gm_reason read_palette(struct bmp *bmp, size_t *at)
{
    size_t entry_bytes = bmp->header_bytes == CORE_HEAD_BYTES ? 3 : 4;
    if (bmp->n_colors == 0)
        bmp->n_colors = 1u << bmp->bits;
    if (bmp->n_colors > 65536)
        return gm_picture_fail(bmp->picture, GM_REASON_IMAGE_BROKEN, "a palette of %llu colors",
                               (unsigned long long)bmp->n_colors);
    size_t palette_bytes = (size_t)bmp->n_colors * entry_bytes;
    /* A short palette of old OS/2 files ends where the pixels begin. */
    if (bmp->pixels_at > *at && bmp->pixels_at - *at < palette_bytes)
        palette_bytes = bmp->pixels_at - *at;
    if (palette_bytes > bmp->picture->n_bytes - *at)
        return gm_picture_truncated(bmp->picture, "in the palette");
    bmp->n_colors = palette_bytes / entry_bytes;
    if (bmp->n_colors > 256)
        bmp->n_colors = 256;
    for (size_t i = 0; i < bmp->n_colors; i++) {
        const uint8_t *entry = bmp->picture->data + *at + i * entry_bytes;
        bmp->gray_of[i] = gm_luma(entry[2], entry[1], entry[0]);
    }
    *at += palette_bytes;
    return GM_REASON_NONE;
}

/* 0..max to 0..255, truncated as Pillow does it. */
static unsigned channel_value(const struct channel *channel, uint32_t pixel)
{
    if (channel->max == 0)
        return 0;
    uint64_t value = (pixel & channel->mask) >> channel->shift;
    return (unsigned)(value * 255 / channel->max);
}

static void row_masked(struct bmp *bmp, const uint8_t *row, uint8_t *gray)
{
    const struct channel *c = bmp->channels;
    uint8_t background = gm_picture_background(bmp->picture);
    for (size_t i = 0; i < bmp->width; i++) {
        uint32_t pixel = bmp->bits == 16 ? gm_le16(row + 2 * i) : gm_le32(row + 4 * i);
        unsigned alpha = c[3].max ? channel_value(&c[3], pixel) : 255;
        unsigned rgb[3];
        for (size_t k = 0; k < 3; k++)
            rgb[k] = gm_over(channel_value(&c[k], pixel), alpha, background);
        gray[i] = gm_luma(rgb[0], rgb[1], rgb[2]);
    }
}

static void row_bgr(struct bmp *bmp, const uint8_t *row, uint8_t *gray)
{
    size_t step = bmp->bits / 8;
    for (size_t i = 0; i < bmp->width; i++)
        gray[i] = gm_luma(row[i * step + 2], row[i * step + 1], row[i * step]);
}

static void row_indexed(struct bmp *bmp, const uint8_t *row, uint8_t *gray)
{
    unsigned mask = (1u << bmp->bits) - 1, largest = bmp->largest_index;
    for (size_t i = 0; i < bmp->width; i++) {
        size_t bit = i * bmp->bits;
        unsigned index = (row[bit >> 3] >> (8 - bmp->bits - (bit & 7))) & mask;
        largest = index > largest ? index : largest;
        gray[i] = bmp->gray_of[index];
    }
    bmp->largest_index = largest;
}

static enum gm_reason read_array(struct bmp *bmp)
{
    uint64_t stride = ((uint64_t)bmp->width * bmp->bits + 31) / 32 * 4;
    if (bmp->pixels_at > bmp->picture->n_bytes ||
        stride * bmp->height > bmp->picture->n_bytes - bmp->pixels_at)
        return gm_picture_truncated(bmp->picture, "before its last row");
    bool plain = bmp->bits == 24 || (bmp->bits == 32 && bmp->channels[0].mask == 0xff0000 &&
                                     bmp->channels[1].mask == 0xff00 &&
                                     bmp->channels[2].mask == 0xff && bmp->channels[3].max == 0);
    for (uint32_t y = 0; y < bmp->height; y++) {
        const uint8_t *row = bmp->picture->data + bmp->pixels_at + stride * y;
        if (bmp->bits <= 8)
            row_indexed(bmp, row, row_of(bmp, y));
        else if (plain)
            row_bgr(bmp, row, row_of(bmp, y));
        else
            row_masked(bmp, row, row_of(bmp, y));
    }
    return GM_REASON_NONE;
}

/* ---- run lengths ---- */

struct rle {
    const uint8_t *at, *end;
    uint32_t row, column; /* the next pixel, in stored order; column may be the width: what comes
                             before the next end of line is ignored, as rows are padded by some */
    uint64_t n_done;      /* pixels in the plane; all before the next one */
    bool ended;           /* end-of-bitmap seen */
};

static void put_pixel(struct bmp *bmp, struct rle *rle, unsigned index)
{
    uint32_t row = (uint32_t)(rle->n_done / bmp->width);
    bmp->largest_index = index > bmp->largest_index ? index : bmp->largest_index;
    row_of(bmp, row)[rle->n_done % bmp->width] = bmp->gray_of[index];
    rle->n_done++;
}

/* How many of count pixels the row still takes. */
static unsigned room_in_row(const struct bmp *bmp, const struct rle *rle, unsigned count)
{
    uint32_t room = rle->row < bmp->height ? bmp->width - rle->column : 0;
    return count < room ? count : room;
}

static void put_run(struct bmp *bmp, struct rle *rle, unsigned count, unsigned value)
{
    count = room_in_row(bmp, rle, count);
    for (unsigned i = 0; i < count; i++)
        put_pixel(bmp, rle, bmp->bits == 8 ? value : i % 2 ? value & 15 : value >> 4);
    rle->column += count;
}

/* Moves on; pixels that no code sets have index 0. */
static void move_to(struct bmp *bmp, struct rle *rle, uint64_t row, uint64_t column)
{
    rle->row = row < bmp->height ? (uint32_t)row : bmp->height;
    rle->column = column < bmp->width ? (uint32_t)column : bmp->width;
    uint64_t target = (uint64_t)rle->row * bmp->width + (rle->row < bmp->height ? rle->column : 0);
    while (rle->n_done < target)
        put_pixel(bmp, rle, 0);
}

static bool put_literal(struct bmp *bmp, struct rle *rle, unsigned count)
{
    size_t n_bytes = bmp->bits == 8 ? count : (count + 1) / 2;
    n_bytes += n_bytes & 1;
    if ((size_t)(rle->end - rle->at) < n_bytes)
        return false;
    count = room_in_row(bmp, rle, count);
    for (unsigned i = 0; i < count; i++) {
        unsigned byte = rle->at[bmp->bits == 8 ? i : i / 2];
        put_pixel(bmp, rle, bmp->bits == 8 ? byte : i % 2 ? byte & 15 : byte >> 4);
    }
    rle->column += count;
    rle->at += n_bytes;
    return true;
}

/* An escape: end of line, end of bitmap, jump, or literal pixels. false: cut off. */
static bool escape_code(struct bmp *bmp, struct rle *rle, unsigned code)
{
    switch (code) {
    case 0:
        move_to(bmp, rle, (uint64_t)rle->row + 1, 0);
        return true;
    case 1:
        rle->ended = true;
        return true;
    case 2:
        if (rle->end - rle->at < 2)
            return false;
        move_to(bmp, rle, (uint64_t)rle->row + rle->at[1], (uint64_t)rle->column + rle->at[0]);
        rle->at += 2;
        return true;
    default:
        return put_literal(bmp, rle, code);
    }
}

static enum gm_reason read_rle(struct bmp *bmp)
{
    const uint8_t *data = bmp->picture->data;
    size_t n_bytes = bmp->picture->n_bytes;
    if (bmp->pixels_at >= n_bytes)
        return gm_picture_truncated(bmp->picture, "before the pixels");
    struct rle rle = {.at = data + bmp->pixels_at, .end = data + n_bytes};
    uint64_t n_pixels = (uint64_t)bmp->width * bmp->height;
    while (!rle.ended) {
        if (rle.end - rle.at < 2)
            return gm_picture_truncated(bmp->picture, "before the end-of-bitmap code");
        unsigned count = rle.at[0], value = rle.at[1];
        rle.at += 2;
        if (count)
            put_run(bmp, &rle, count, value);
        else if (!escape_code(bmp, &rle, value))
            return gm_picture_truncated(bmp->picture, "within a run");
    }
    if (rle.n_done < n_pixels)
        return gm_picture_fail(bmp->picture, GM_REASON_IMAGE_BROKEN,
                               "the run lengths give %llu of %llu pixels",
                               (unsigned long long)rle.n_done, (unsigned long long)n_pixels);
    return GM_REASON_NONE;
}

enum gm_reason gm_bmp_decode(struct gm_picture *picture)
{
    struct bmp bmp = {.picture = picture};
    enum gm_reason reason = read_header(&bmp);
    if (reason)
        return reason;
    size_t at = FILE_HEAD_BYTES + bmp.header_bytes;
    reason = bmp.bits <= 8 ? read_palette(&bmp, &at) : read_masks(&bmp, &at);
    if (reason)
        return reason;
    if (bmp.pixels_at < at)
        bmp.pixels_at = at; /* writers that state none, or forget the palette */
    bool runs = bmp.compression == BI_RLE8 || bmp.compression == BI_RLE4;
    reason = runs ? read_rle(&bmp) : read_array(&bmp);
    if (!reason && bmp.bits <= 8 && bmp.largest_index >= bmp.n_colors)
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN,
                               "color %u is used, but the palette has %llu", bmp.largest_index,
                               (unsigned long long)bmp.n_colors);
    return reason;
}
