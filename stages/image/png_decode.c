/* PNG to gray through libspng, scan line by scan line, so that only the gray plane is held:
 * interlaced passes are scattered into it. Ordinary files never come here (png_fast.c): this is the
 * route for interlaced and very large files, and the judge of files that are not right.
 *
 * Strict: every chunk up to IEND is read and its checksum counts; a palette index without a palette
 * entry is damage. Alpha and tRNS are dropped, gamma and profiles ignored, as in Pillow; of an
 * animation the default picture is taken.
 *
 * Differs from Pillow in one place: 16-bit gray gives the high byte, where Pillow clips everything
 * above 255 to white. */
#include "image/be.h"
#include "image/picture.h"
#include "image/png_gray.h"

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
    struct gm_png_gray gray;
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
        at += sizeof(end_chunk) + gm_be32(chunk);
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
    bool legal =
        gm_png_gray_init(&png->gray, png->picture, png->header.color_type, png->header.bit_depth);
    GM_ASSERT(legal); /* libspng refuses others */
    struct gm_picture_shape shape = {png->header.width, png->header.height, png->gray.channels,
                                     png->gray.bit_depth};
    uint64_t row_bytes = (uint64_t)shape.width * 8 + 64;
    enum gm_reason reason = gm_picture_begin(png->picture, &shape, row_bytes * 4 + LIBRARY_BYTES);
    png->picture->mode = gm_png_gray_mode(&png->gray);
    return reason;
}

/* Gives the tRNS chunk back its form in the file. */
static void read_transparency(struct png *png)
{
    struct spng_trns given;
    if (spng_get_trns(png->library, &given))
        return;
    uint16_t keys[3] = {given.gray, 0, 0};
    uint8_t bytes[6];
    if (png->header.color_type == SPNG_COLOR_TYPE_TRUECOLOR)
        memcpy(keys, (uint16_t[3]){given.red, given.green, given.blue}, sizeof(keys));
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(keys[i / 2] >> (i % 2 ? 0 : 8));
    if (png->header.color_type == SPNG_COLOR_TYPE_INDEXED)
        gm_png_gray_transparency(&png->gray, given.type3_alpha, given.n_type3_entries);
    else
        gm_png_gray_transparency(&png->gray, bytes, sizeof(bytes));
}

static enum gm_reason read_palette(struct png *png)
{
    struct spng_plte palette;
    uint8_t rgb[3 * 256];
    if (png->header.color_type != SPNG_COLOR_TYPE_INDEXED) {
        read_transparency(png);
        return GM_REASON_NONE;
    }
    int code = spng_get_plte(png->library, &palette);
    if (code)
        return fail(png, code, "in the palette");
    for (size_t i = 0; i < palette.n_entries; i++) {
        rgb[3 * i] = palette.entries[i].red;
        rgb[3 * i + 1] = palette.entries[i].green;
        rgb[3 * i + 2] = palette.entries[i].blue;
    }
    gm_png_gray_palette(&png->gray, rgb, palette.n_entries);
    read_transparency(png);
    return GM_REASON_NONE;
}

struct rows {
    uint8_t *raw; /* one row of the file */
    size_t raw_bytes;
    uint8_t *pass_gray; /* one row of an interlace pass, in gray */
};

static void put_row(struct png *png, const struct rows *rows, const struct spng_row_info *info)
{
    size_t width = png->picture->width;
    uint8_t *gray = png->picture->plane + width * info->row_num;
    if (png->header.interlace_method == SPNG_INTERLACE_NONE) {
        gm_png_gray_row(&png->gray, rows->raw, gray, width);
        return;
    }
    const struct gm_png_pass *pass = &gm_png_passes[info->pass];
    size_t n = gm_png_n_in_pass(width, pass->x, pass->dx);
    gm_png_gray_row(&png->gray, rows->raw, rows->pass_gray, n);
    gm_png_pass_put(pass, rows->pass_gray, n, gray);
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
    if (!gm_png_gray_indices_ok(&png->gray))
        return gm_picture_fail(png->picture, GM_REASON_IMAGE_BROKEN,
                               "color %u is used, but the palette has %u", png->gray.largest_index,
                               png->gray.n_indices);
    return GM_REASON_NONE;
}

static enum gm_reason decode(struct png *png)
{
    enum gm_reason reason = begin(png);
    if (reason)
        return reason;
    int code = spng_decode_image(png->library, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
    if (code)
        return fail(png, code, "before the image data");
    reason = read_palette(png);
    if (reason)
        return reason;
    size_t width = png->picture->width;
    struct rows rows = {.raw_bytes = gm_png_gray_row_bytes(&png->gray, width)};
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
