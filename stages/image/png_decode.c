/* PNG to gray through libspng, scan line by scan line, so that only the gray plane is held:
 * interlaced passes are scattered into it.
 *
 * Strict: every chunk up to IEND is read and its checksum counts; a palette index without a palette
 * entry is damage. Alpha and tRNS are dropped, gamma and profiles ignored, as in Pillow; of an
 * animation the default picture is taken.
 *
 * Differs from Pillow in one place: 16-bit gray gives the high byte, where Pillow clips everything
 * above 255 to white. */
#include "image/luma.h"
#include "image/picture.h"

#include <string.h>
#include <spng.h>

/* Profiles and texts are skipped, but libspng unpacks them first. */
#define MAX_CHUNK_BYTES ((size_t)16 << 20)
#define MAX_CACHE_BYTES ((size_t)32 << 20)
/* What libspng and zlib hold: window, row buffers come on top. */
#define LIBRARY_BYTES   ((size_t)1 << 20)
#define SIGNATURE_BYTES 8

struct png {
    struct gm_picture *picture;
    spng_ctx *library;
    struct spng_ihdr header;
    uint8_t gray_of[256];   /* samples of up to 8 bits, or palette indices, to gray */
    unsigned n_indices;     /* palette entries; 256 for gray */
    unsigned largest_index; /* seen so far */
};

/* Turns n pixels of a raw (big-endian, packed) row into gray. */
typedef void row_gray(struct png *png, const uint8_t *row, uint8_t *gray, size_t n);

static void row_packed(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    unsigned depth = png->header.bit_depth;
    unsigned mask = (1u << depth) - 1, largest = png->largest_index;
    for (size_t i = 0; i < n; i++) {
        size_t bit = i * depth;
        unsigned index = (row[bit >> 3] >> (8 - depth - (bit & 7))) & mask;
        largest = index > largest ? index : largest;
        gray[i] = png->gray_of[index];
    }
    png->largest_index = largest;
}

static void row_index8(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    uint8_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = row[i] > largest ? row[i] : largest;
        gray[i] = png->gray_of[row[i]];
    }
    png->largest_index = largest > png->largest_index ? largest : png->largest_index;
}

static void row_gray8(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    (void)png;
    memcpy(gray, row, n);
}

/* The first byte of each pixel: gray of 16 bits, gray and alpha. */
static void row_first_byte(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    bool alpha = png->header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
    size_t step = (size_t)png->header.bit_depth / 8 * (alpha ? 2 : 1);
    for (size_t i = 0; i < n; i++)
        gray[i] = row[i * step];
}

static void row_rgb8(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    (void)png;
    gm_luma_rgb(row, gray, n);
}

static void row_rgba8(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    (void)png;
    gm_luma_rgbx(row, gray, n);
}

/* The high bytes of 16-bit red, green and blue. */
static void row_rgb16(struct png *png, const uint8_t *row, uint8_t *gray, size_t n)
{
    size_t step = png->header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ? 8 : 6;
    for (size_t i = 0; i < n; i++)
        gray[i] = gm_luma(row[i * step], row[i * step + 2], row[i * step + 4]);
}

/* By color type and whether the depth is below, at or above 8 bits. */
static const struct {
    uint8_t channels;
    row_gray *rows[3];
} color_types[] = {
    [SPNG_COLOR_TYPE_GRAYSCALE] = {1, {row_packed, row_gray8, row_first_byte}},
    [SPNG_COLOR_TYPE_TRUECOLOR] = {3, {NULL, row_rgb8, row_rgb16}},
    [SPNG_COLOR_TYPE_INDEXED] = {1, {row_packed, row_index8, NULL}},
    [SPNG_COLOR_TYPE_GRAYSCALE_ALPHA] = {2, {NULL, row_first_byte, row_first_byte}},
    [SPNG_COLOR_TYPE_TRUECOLOR_ALPHA] = {4, {NULL, row_rgba8, row_rgb16}},
};

static enum gm_reason fail(struct png *png, int code, const char *where)
{
    switch (code) {
    case SPNG_IO_EOF:
        return gm_picture_truncated(png->picture, where);
    case SPNG_EMEM:
        return gm_picture_fail(png->picture, GM_REASON_LIMIT_MEMORY, "no memory %s", where);
    case SPNG_ECHUNK_LIMITS:
        return gm_picture_fail(png->picture, GM_REASON_IMAGE_UNSUPPORTED,
                               "text, profile or other side data is larger than %zu MB",
                               MAX_CHUNK_BYTES >> 20);
    default:
        return gm_picture_fail(png->picture, GM_REASON_IMAGE_BROKEN, "%s (%s)", spng_strerror(code),
                               where);
    }
}

/* Follows the chunks to the end of IEND, which libspng does not insist on. */
static enum gm_reason walk(struct gm_picture *picture)
{
    static const uint8_t end_chunk[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    size_t at = SIGNATURE_BYTES;
    for (;;) {
        if (at > picture->n_bytes || picture->n_bytes - at < sizeof(end_chunk))
            return gm_picture_truncated(picture, "before the IEND chunk");
        const uint8_t *chunk = picture->data + at;
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            break;
        at += sizeof(end_chunk) +
              ((size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3]);
    }
    if (memcmp(picture->data + at, end_chunk, sizeof(end_chunk)) != 0)
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN, "the IEND chunk is damaged");
    return GM_REASON_NONE;
}

static enum gm_reason begin(struct png *png)
{
    int code = spng_get_ihdr(png->library, &png->header);
    if (code)
        return fail(png, code, "in the header");
    struct gm_picture_shape shape = {png->header.width, png->header.height,
                                     color_types[png->header.color_type].channels,
                                     png->header.bit_depth};
    uint64_t row_bytes = (uint64_t)shape.width * 8 + 64;
    return gm_picture_begin(png->picture, &shape, row_bytes * 4 + LIBRARY_BYTES);
}

/* The gray of every sample value or palette entry. Needs the chunks before the image data. */
static enum gm_reason make_table(struct png *png)
{
    png->n_indices = 256;
    if (png->header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && png->header.bit_depth < 8) {
        unsigned top = (1u << png->header.bit_depth) - 1;
        for (unsigned i = 0; i <= top; i++)
            png->gray_of[i] = (uint8_t)(i * (255 / top));
    }
    if (png->header.color_type != SPNG_COLOR_TYPE_INDEXED)
        return GM_REASON_NONE;
    struct spng_plte palette;
    int code = spng_get_plte(png->library, &palette);
    if (code)
        return fail(png, code, "in the palette");
    png->n_indices = palette.n_entries;
    for (unsigned i = 0; i < palette.n_entries; i++)
        png->gray_of[i] =
            gm_luma(palette.entries[i].red, palette.entries[i].green, palette.entries[i].blue);
    return GM_REASON_NONE;
}

/* Where the pixels of an interlace pass go: the first and every n-th column. */
static const struct {
    uint8_t first, step;
} passes[7] = {{0, 8}, {4, 8}, {0, 4}, {2, 4}, {0, 2}, {1, 2}, {0, 1}};

struct rows {
    row_gray *to_gray;
    uint8_t *raw; /* one row of the file */
    size_t raw_bytes;
    uint8_t *pass_gray; /* one row of an interlace pass, in gray */
};

static void put_row(struct png *png, const struct rows *rows, const struct spng_row_info *info)
{
    size_t width = png->picture->width;
    uint8_t *gray = png->picture->plane + width * info->row_num;
    if (png->header.interlace_method == SPNG_INTERLACE_NONE) {
        rows->to_gray(png, rows->raw, gray, width);
        return;
    }
    size_t first = passes[info->pass].first, step = passes[info->pass].step;
    size_t n = (width - first + step - 1) / step;
    rows->to_gray(png, rows->raw, rows->pass_gray, n);
    for (size_t i = 0; i < n; i++)
        gray[first + i * step] = rows->pass_gray[i];
}

static enum gm_reason read_rows(struct png *png, const struct rows *rows)
{
    int code;
    do {
        struct spng_row_info info;
        code = spng_get_row_info(png->library, &info);
        if (code)
            break;
        code = spng_decode_scanline(png->library, rows->raw, rows->raw_bytes);
        if (code == 0 || code == SPNG_EOI)
            put_row(png, rows, &info);
    } while (code == 0);
    if (code != SPNG_EOI)
        return fail(png, code, "in the image data");
    code = spng_decode_chunks(png->library);
    if (code)
        return fail(png, code, "behind the image data");
    if (png->largest_index >= png->n_indices)
        return gm_picture_fail(png->picture, GM_REASON_IMAGE_BROKEN,
                               "color %u is used, but the palette has %u", png->largest_index,
                               png->n_indices);
    return GM_REASON_NONE;
}

static enum gm_reason decode(struct png *png)
{
    enum gm_reason reason = begin(png);
    if (reason)
        return reason;
    unsigned depth = png->header.bit_depth;
    struct rows rows = {.to_gray = color_types[png->header.color_type].rows[depth < 8    ? 0
                                                                            : depth == 8 ? 1
                                                                                         : 2]};
    GM_ASSERT(rows.to_gray); /* libspng refuses other depths */
    int code = spng_decode_image(png->library, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
    if (code)
        return fail(png, code, "before the image data");
    reason = make_table(png);
    if (reason)
        return reason;
    size_t width = png->picture->width;
    rows.raw_bytes = (width * color_types[png->header.color_type].channels * depth + 7) / 8;
    rows.raw = gm_picture_scratch(png->picture, rows.raw_bytes + width);
    if (!rows.raw)
        return gm_picture_fail(png->picture, GM_REASON_LIMIT_MEMORY, "no memory for rows");
    rows.pass_gray = rows.raw + rows.raw_bytes;
    return read_rows(png, &rows);
}

enum gm_reason gm_png_decode(struct gm_picture *picture)
{
    enum gm_reason reason = walk(picture);
    if (reason)
        return reason;
    struct png png = {.picture = picture, .library = spng_ctx_new(0)};
    if (!png.library)
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory for the decoder");
    int code = spng_set_crc_action(png.library, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    if (!code)
        code = spng_set_chunk_limits(png.library, MAX_CHUNK_BYTES, MAX_CACHE_BYTES);
    if (!code)
        code = spng_set_png_buffer(png.library, picture->data, picture->n_bytes);
    reason = code ? fail(&png, code, "at the start") : decode(&png);
    spng_ctx_free(png.library);
    return reason;
}
