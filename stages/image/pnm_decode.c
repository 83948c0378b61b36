/* PBM, PGM and PPM to gray, plain (P1 to P3) and raw (P4 to P6), of any maximum value.
 *
 * Values are scaled to 0..255 in the way of Pillow: value / maximum x 255, rounded half to even.
 * Gray of more than 8 bits is scaled to 65535 and loses its low byte; Pillow clips it at 255, which
 * is an option. Bytes behind the pixels are ignored; too few are IMAGE_TRUNCATED. */
#include "image/luma.h"
#include "image/picture.h"

#include <math.h>

struct pnm {
    struct gm_picture *picture;
    size_t at;
    unsigned kind; /* 1..6 */
    unsigned max;
    uint8_t scaled[65536 / 256]; /* of each value, if max < 256 */
};

#define END_OF_FILE (-1)

static int next_byte(struct pnm *pnm)
{
    return pnm->at < pnm->picture->n_bytes ? pnm->picture->data[pnm->at++] : END_OF_FILE;
}

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next byte that is neither white space nor in a comment. */
static int next_token_byte(struct pnm *pnm)
{
    int c = next_byte(pnm);
    while (is_space(c) || c == '#') {
        if (c == '#')
            while (c != '\n' && c != '\r' && c != END_OF_FILE)
                c = next_byte(pnm);
        else
            c = next_byte(pnm);
    }
    return c;
}

/* A decimal number and the one byte of white space behind it. */
static enum gm_reason next_number(struct pnm *pnm, const char *where, unsigned *number)
{
    int c = next_token_byte(pnm);
    unsigned value = 0;
    bool empty = true;
    for (; c >= '0' && c <= '9'; c = next_byte(pnm)) {
        value = value * 10 + (unsigned)(c - '0');
        empty = false;
        if (value > 100000000)
            break;
    }
    *number = value;
    if (c == '#' && !empty)
        pnm->at--; /* a comment right behind the number */
    else if (empty || !(is_space(c) || c == END_OF_FILE))
        return c == END_OF_FILE ? gm_picture_truncated(pnm->picture, where)
                                : gm_picture_fail(pnm->picture, GM_REASON_IMAGE_BROKEN,
                                                  "a number is expected at byte %zu", pnm->at);
    return GM_REASON_NONE;
}

static unsigned channels_of(const struct pnm *pnm)
{
    return pnm->kind == 3 || pnm->kind == 6 ? 3 : 1;
}

static bool is_bitmap(const struct pnm *pnm)
{
    return pnm->kind == 1 || pnm->kind == 4;
}

static enum gm_reason read_header(struct pnm *pnm)
{
    unsigned width, height;
    if (pnm->picture->n_bytes < 3)
        return gm_picture_truncated(pnm->picture, "in the header");
    pnm->kind = (unsigned)(pnm->picture->data[1] - '0');
    pnm->at = 2;
    if (pnm->kind < 1 || pnm->kind > 6)
        return gm_picture_fail(pnm->picture, GM_REASON_IMAGE_UNSUPPORTED,
                               "only P1 to P6 are decoded");
    enum gm_reason reason = next_number(pnm, "in the header", &width);
    if (!reason)
        reason = next_number(pnm, "in the header", &height);
    pnm->max = 1;
    if (!reason && !is_bitmap(pnm))
        reason = next_number(pnm, "in the header", &pnm->max);
    if (reason)
        return reason;
    if (pnm->max < 1 || pnm->max > 65535)
        return gm_picture_fail(pnm->picture, GM_REASON_IMAGE_BROKEN, "a maximum value of %u",
                               pnm->max);
    unsigned depth = 1;
    while (pnm->max >> depth)
        depth++;
    struct gm_picture_shape shape = {width, height, (uint8_t)channels_of(pnm), (uint8_t)depth};
    reason = gm_picture_begin(pnm->picture, &shape, 0);
    if (channels_of(pnm) == 1)
        pnm->picture->mode = is_bitmap(pnm) ? "1" : pnm->max > 255 ? "I;16" : "L";
    return reason;
}

/* Gray above 8 bits. */
static uint8_t scale_sixteen(const struct pnm *pnm, unsigned value)
{
    double scaled = rint((double)value / pnm->max * 65535);
    unsigned whole = (unsigned)(scaled > 65535 ? 65535 : scaled);
    if (pnm->picture->sixteen_bit == GM_SIXTEEN_CLIP)
        return (uint8_t)(whole < 255 ? whole : 255);
    return (uint8_t)(whole >> 8);
}

static uint8_t scale(const struct pnm *pnm, unsigned value)
{
    unsigned max = pnm->max;
    if (max > 255 && channels_of(pnm) == 1)
        return scale_sixteen(pnm, value);
    double scaled = rint((double)value / max * 255);
    return (uint8_t)(scaled > 255 ? 255 : scaled);
}

static enum gm_reason read_plain(struct pnm *pnm)
{
    size_t n = (size_t)pnm->picture->width * pnm->picture->height;
    unsigned channels = channels_of(pnm);
    for (size_t i = 0; i < n; i++) {
        uint8_t rgb[3];
        for (unsigned k = 0; k < channels; k++) {
            unsigned value;
            enum gm_reason reason = next_number(pnm, "in the pixels", &value);
            if (reason)
                return reason;
            if (value > pnm->max)
                return gm_picture_fail(pnm->picture, GM_REASON_IMAGE_BROKEN,
                                       "the value %u at byte %zu is above %u", value, pnm->at,
                                       pnm->max);
            rgb[k] = scale(pnm, value);
        }
        pnm->picture->plane[i] = channels == 1 ? rgb[0] : gm_luma(rgb[0], rgb[1], rgb[2]);
    }
    return GM_REASON_NONE;
}

/* One digit a pixel, white space between them or not; 1 is black. */
static enum gm_reason read_plain_bits(struct pnm *pnm)
{
    size_t n = (size_t)pnm->picture->width * pnm->picture->height;
    for (size_t i = 0; i < n; i++) {
        int c = next_token_byte(pnm);
        if (c == END_OF_FILE)
            return gm_picture_truncated(pnm->picture, "in the pixels");
        if (c != '0' && c != '1')
            return gm_picture_fail(pnm->picture, GM_REASON_IMAGE_BROKEN,
                                   "0 or 1 is expected at byte %zu", pnm->at - 1);
        pnm->picture->plane[i] = c == '1' ? 0 : 255;
    }
    return GM_REASON_NONE;
}

static void row_bits(const uint8_t *row, uint8_t *gray, size_t width)
{
    for (size_t i = 0; i < width; i++)
        gray[i] = row[i / 8] >> (7 - i % 8) & 1 ? 0 : 255;
}

static void row_samples(const struct pnm *pnm, const uint8_t *row, uint8_t *gray)
{
    unsigned channels = channels_of(pnm);
    for (size_t i = 0; i < pnm->picture->width; i++) {
        uint8_t rgb[3];
        for (unsigned k = 0; k < channels; k++) {
            size_t at = i * channels + k;
            rgb[k] = pnm->max < 256 ? pnm->scaled[row[at]]
                                    : scale(pnm, (unsigned)row[2 * at] << 8 | row[2 * at + 1]);
        }
        gray[i] = channels == 1 ? rgb[0] : gm_luma(rgb[0], rgb[1], rgb[2]);
    }
}

static enum gm_reason read_raw(struct pnm *pnm)
{
    struct gm_picture *picture = pnm->picture;
    size_t width = picture->width;
    size_t row_bytes =
        is_bitmap(pnm) ? (width + 7) / 8 : width * channels_of(pnm) * (pnm->max < 256 ? 1 : 2);
    if (row_bytes * picture->height > picture->n_bytes - pnm->at)
        return gm_picture_truncated(picture, "in the pixels");
    for (unsigned i = 0; i < 256; i++)
        pnm->scaled[i] = scale(pnm, i);
    for (size_t y = 0; y < picture->height; y++) {
        const uint8_t *row = picture->data + pnm->at + y * row_bytes;
        if (is_bitmap(pnm))
            row_bits(row, picture->plane + y * width, width);
        else
            row_samples(pnm, row, picture->plane + y * width);
    }
    return GM_REASON_NONE;
}

enum gm_reason gm_pnm_decode(struct gm_picture *picture)
{
    struct pnm pnm = {.picture = picture};
    enum gm_reason reason = read_header(&pnm);
    if (reason)
        return reason;
    if (pnm.kind == 1)
        return read_plain_bits(&pnm);
    return pnm.kind < 4 ? read_plain(&pnm) : read_raw(&pnm);
}
