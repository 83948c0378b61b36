/* PSD to gray: the merged picture, gray, duotone, indexed, RGB and CMYK of 8 bits, plain or packed.
 * Samples come through stb_image (stb_read.h).
 *
 * Strict: the sections, and every row of every channel, must be in the file to the last byte; a
 * packed row must give its pixels from the bytes that its count states, and not one more.
 *
 * stb_image knows RGB only and takes the white out of half-transparent pixels, which Pillow leaves.
 * So it is never shown a fourth channel: alpha or black ink is read first, as a picture of its own,
 * and waits in the plane. Unsupported: bitmaps, multichannel and L*a*b*, other depths, ZIP, PSB,
 * and files without a real merged picture (Photoshop then writes white). */
#include "image/be.h"
#include "image/luma.h"
#include "image/psd_file.h"
#include "image/stb_read.h"

#include <string.h>

#define PALETTE_BYTES  768 /* 256 reds, greens, blues */
#define SHOWN_BYTES    40  /* header, empty sections and compression of the file for stb_image */
#define SHOWN_CHANNELS 4   /* stb_image adds those that are missing */
#define MAX_CHANNELS   56

enum { RAW = 0, PACKED = 1 };

struct psd {
    struct gm_picture *picture;
    struct gm_psd_file file;
    unsigned channels; /* that make the picture; more may follow */
    unsigned compression;
    const uint8_t *counts;   /* of bytes, of each row of each channel; NULL: not packed */
    const uint8_t *start[5]; /* of each channel, and the end of the last one that counts */
};

static enum gm_reason unsupported(struct psd *psd, const char *what, unsigned value)
{
    return gm_picture_fail(psd->picture, GM_REASON_IMAGE_UNSUPPORTED, "%s %u", what, value);
}

/* How Pillow calls the picture, and its channels; NULL: not decoded. */
static const char *mode_of(const struct gm_psd_file *file, unsigned *channels)
{
    *channels = 1;
    switch (file->color) {
    case GM_PSD_GRAY:
    case GM_PSD_DUOTONE:
        return "L";
    case GM_PSD_INDEXED:
        return "P";
    case GM_PSD_RGB:
        *channels = file->channels == 4 ? 4 : 3;
        return file->channels == 4 ? "RGBA" : "RGB";
    case GM_PSD_CMYK:
        *channels = 4;
        return "CMYK";
    default:
        return NULL;
    }
}

static enum gm_reason begin(struct psd *psd)
{
    struct gm_psd_file *file = &psd->file;
    if (psd->picture->n_bytes < GM_PSD_HEAD_BYTES)
        return gm_picture_truncated(psd->picture, "in the header");
    if (!gm_psd_read_header(file, psd->picture->data, psd->picture->n_bytes))
        return gm_picture_fail(psd->picture, GM_REASON_IMAGE_BROKEN, "no PSD header");
    if (file->version != 1)
        return unsupported(psd, "PSD of version 1 is read (2 is PSB), not version", file->version);
    const char *mode = mode_of(file, &psd->channels);
    if (!mode)
        return unsupported(psd, "PSD color mode", file->color);
    if (file->bits != 8)
        return unsupported(psd, "PSD bits per channel:", file->bits);
    if (file->channels < psd->channels || file->channels > MAX_CHANNELS)
        return gm_picture_fail(psd->picture, GM_REASON_IMAGE_BROKEN, "%u channels in the mode %s",
                               file->channels, mode);
    struct gm_picture_shape shape = {file->width, file->height, (uint8_t)psd->channels, 8};
    uint64_t pixels = file->width > GM_PICTURE_MAX_SIDE || file->height > GM_PICTURE_MAX_SIDE
                          ? 0 /* refused anyway */
                          : (uint64_t)file->width * file->height;
    enum gm_reason reason = gm_picture_begin(psd->picture, &shape, pixels * SHOWN_CHANNELS);
    psd->picture->mode = mode;
    return reason;
}

/* ---- is it whole? ---- */

/* Without "maximize compatibility" Photoshop saves a white picture and says so. */
static bool has_merged(const struct gm_psd_file *file)
{
    struct gm_view info = gm_psd_resource(file, GM_PSD_VERSION_INFO);
    return info.n_bytes < 5 || info.data[4] != 0;
}

static enum gm_reason check_sections(struct psd *psd)
{
    struct gm_psd_file *file = &psd->file;
    if (!gm_psd_read_sections(file, psd->picture->data, psd->picture->n_bytes))
        return gm_picture_truncated(psd->picture, "in the sections before the picture");
    if (file->merged.n_bytes < 2)
        return gm_picture_truncated(psd->picture, "before the picture");
    if (file->color == GM_PSD_INDEXED && file->palette.n_bytes != PALETTE_BYTES)
        return gm_picture_fail(psd->picture, GM_REASON_IMAGE_BROKEN, "a palette of %zu bytes",
                               file->palette.n_bytes);
    if (!gm_psd_resources_fit(file))
        return gm_picture_fail(psd->picture, GM_REASON_IMAGE_BROKEN,
                               "the image resources are damaged");
    if (!has_merged(file))
        return gm_picture_fail(psd->picture, GM_REASON_IMAGE_UNSUPPORTED,
                               "the layers were saved without a merged picture");
    psd->compression = gm_be16(file->merged.data);
    if (psd->compression != RAW && psd->compression != PACKED)
        return unsupported(psd, "PSD compression", psd->compression);
    return GM_REASON_NONE;
}

/* PackBits: 0 to 127 are that many bytes and one more, 129 to 255 one byte 257 - n times. */
static bool gives_row(const uint8_t *packed, size_t n_bytes, uint32_t width)
{
    uint64_t n_done = 0;
    for (size_t at = 0; at < n_bytes;) {
        unsigned code = packed[at++];
        if (code == 128)
            continue;
        size_t code_bytes = code < 128 ? code + 1 : 1;
        if (code_bytes > n_bytes - at)
            return false;
        at += code_bytes;
        n_done += code < 128 ? code + 1 : 257 - code;
    }
    return n_done == width;
}

static enum gm_reason check_packed(struct psd *psd)
{
    const struct gm_psd_file *file = &psd->file;
    const uint8_t *at = file->merged.data + 2, *end = file->merged.data + file->merged.n_bytes;
    uint64_t n_rows = (uint64_t)file->channels * file->height;
    if (n_rows * 2 > (uint64_t)(end - at))
        return gm_picture_truncated(psd->picture, "in the table of its rows");
    psd->counts = at;
    at += n_rows * 2;
    for (uint64_t row = 0; row < n_rows; row++) {
        uint64_t channel = row / file->height;
        size_t row_bytes = gm_be16(psd->counts + row * 2);
        if (row % file->height == 0 && channel < psd->channels)
            psd->start[channel] = at;
        if (row_bytes > (size_t)(end - at))
            return gm_picture_truncated(psd->picture, "within a row");
        if (!gives_row(at, row_bytes, file->width))
            return gm_picture_fail(
                psd->picture, GM_REASON_IMAGE_BROKEN, "row %llu of channel %llu is damaged",
                (unsigned long long)(row % file->height), (unsigned long long)channel);
        at += row_bytes;
        if (row + 1 == (uint64_t)psd->channels * file->height)
            psd->start[psd->channels] = at;
    }
    return GM_REASON_NONE;
}

static enum gm_reason check_raw(struct psd *psd)
{
    const struct gm_psd_file *file = &psd->file;
    uint64_t channel_bytes = (uint64_t)file->width * file->height;
    if (channel_bytes * file->channels > file->merged.n_bytes - 2)
        return gm_picture_truncated(psd->picture, "before the last row of its last channel");
    for (unsigned i = 0; i <= psd->channels; i++)
        psd->start[i] = file->merged.data + 2 + i * channel_bytes;
    return GM_REASON_NONE;
}

/* ---- samples to gray ---- */

/* Some of the channels, as a picture of mode RGB; 4 bytes a pixel: red is the first of them. */
static enum gm_reason read_channels(struct psd *psd, unsigned first, unsigned n, uint8_t **samples)
{
    const struct gm_psd_file *file = &psd->file;
    uint8_t head[SHOWN_BYTES] = "8BPS";
    gm_put_be16(head + 4, 1);
    gm_put_be16(head + 12, n);
    gm_put_be32(head + 14, file->height);
    gm_put_be32(head + 18, file->width);
    gm_put_be16(head + 22, 8);
    gm_put_be16(head + 24, GM_PSD_RGB);
    gm_put_be16(head + 38, psd->compression);
    struct gm_stb_file shown = {
        .width = file->width, .height = file->height, .channels = SHOWN_CHANNELS};
    shown.pieces[0] = (struct gm_view){head, SHOWN_BYTES};
    if (psd->counts) /* skipped by stb_image, whatever they are */
        shown.pieces[1] = (struct gm_view){psd->counts, (size_t)n * file->height * 2};
    const uint8_t *start = psd->start[first], *end = psd->start[first + n];
    shown.pieces[2] = (struct gm_view){start, (size_t)(end - start)};
    return gm_stb_read(psd->picture, &shown, samples);
}

static void gray_of_first(const struct psd *psd, const uint8_t *samples, size_t n)
{
    uint8_t gray_of[256], *gray = psd->picture->plane;
    const uint8_t *palette = psd->file.palette.data;
    bool is_indexed = psd->file.color == GM_PSD_INDEXED;
    for (unsigned i = 0; i < 256; i++)
        gray_of[i] =
            is_indexed ? gm_luma(palette[i], palette[256 + i], palette[512 + i]) : (uint8_t)i;
    for (size_t i = 0; i < n; i++)
        gray[i] = gray_of[samples[SHOWN_CHANNELS * i]];
}

static enum gm_reason gray_of_one(struct psd *psd, size_t n)
{
    uint8_t *samples;
    enum gm_reason reason = read_channels(psd, 0, 1, &samples);
    if (!reason)
        gray_of_first(psd, samples, n);
    return reason;
}

/* Three channels, and behind each three the fourth, which waits in the plane until then. */
static enum gm_reason read_four(struct psd *psd, size_t n, uint8_t **samples)
{
    uint8_t *plane = psd->picture->plane;
    enum gm_reason reason = read_channels(psd, 3, 1, samples);
    for (size_t i = 0; !reason && i < n; i++)
        plane[i] = (*samples)[SHOWN_CHANNELS * i];
    if (!reason)
        reason = read_channels(psd, 0, 3, samples);
    for (size_t i = 0; !reason && i < n; i++)
        (*samples)[SHOWN_CHANNELS * i + 3] = plane[i];
    return reason;
}

static enum gm_reason gray_of_colors(struct psd *psd, size_t n)
{
    bool has_ink = psd->file.color == GM_PSD_CMYK;
    bool is_over = psd->channels == 4 && !has_ink && gm_picture_is_over(psd->picture);
    uint8_t *samples, *plane = psd->picture->plane;
    enum gm_reason reason =
        has_ink || is_over ? read_four(psd, n, &samples) : read_channels(psd, 0, 3, &samples);
    if (reason)
        return reason;
    if (has_ink)
        gm_luma_cmyk_inverted(samples, plane, n);
    else if (is_over)
        gm_luma_rgba_over(samples, plane, n, gm_picture_background(psd->picture));
    else
        gm_luma_rgbx(samples, plane, n);
    return GM_REASON_NONE;
}

enum gm_reason gm_psd_decode(struct gm_picture *picture)
{
    struct psd psd = {.picture = picture};
    enum gm_reason reason = begin(&psd);
    if (!reason)
        reason = check_sections(&psd);
    if (!reason)
        reason = psd.compression == PACKED ? check_packed(&psd) : check_raw(&psd);
    if (reason)
        return reason;
    size_t n = (size_t)picture->width * picture->height;
    return psd.channels == 1 ? gray_of_one(&psd, n) : gray_of_colors(&psd, n);
}
