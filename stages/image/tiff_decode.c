/* TIFF to gray through libtiff: the first page, strips or tiles, samples together or in planes, all
 * byte and bit orders.
 *
 * libtiff gets a view of the bytes and nothing else: no file, no memory map, no single allocation
 * above what the picture may take, and only after tiff_check.c has found the file whole. What it
 * reports goes into the picture's message. Codecs that are old, rare or not lossless to a defined
 * picture are not let near hostile bytes: they are refused by name.
 *
 * The orientation tag is applied, as Pillow applies it to TIFF (and to no other format).
 * Differs from Pillow for 16-bit gray, unless clipping is asked for; gray of signed, float, 12-bit
 * and 32-bit samples, L*a*b* and old-style JPEG are unsupported. */
#include "image/luma.h"
#include "image/picture.h"
#include "image/tiff_check.h"
#include "image/tiff_gray.h"

#include <stdio.h>
#include <string.h>
#include <tiffio.h>

/* What libtiff and its codecs hold beside one strip: windows, tables, row buffers. */
#define LIBRARY_BYTES ((uint64_t)2 << 20)
#define MAX_SAMPLES   8

struct source {
    struct gm_picture *picture;
    uint64_t at;
    bool has_error, has_warning;
};

struct tiff {
    struct gm_picture *picture;
    struct source source;
    TIFF *library;
    struct gm_tiff_gray gray;
    uint32_t width, height;
    uint16_t compression, planar, orientation;
    bool by_library; /* libtiff converts to RGBA */
    bool is_tiled;
    uint32_t chunk_width, chunk_height; /* of a tile, or of a strip */
    size_t chunk_bytes;                 /* of one plane of it */
    size_t chunk_row_bytes;
};

/* ---- what libtiff reads from ---- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t n_bytes)
{
    struct source *source = handle;
    uint64_t size = source->picture->n_bytes;
    uint64_t left = source->at < size ? size - source->at : 0;
    if (n_bytes < 0)
        return -1;
    if ((uint64_t)n_bytes > left)
        n_bytes = (tmsize_t)left;
    memcpy(to, source->picture->data + (left ? source->at : 0), (size_t)n_bytes);
    source->at += (uint64_t)n_bytes;
    return n_bytes;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t n_bytes)
{
    (void)handle, (void)from, (void)n_bytes;
    return -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    struct source *source = handle;
    if (whence == SEEK_SET)
        source->at = offset;
    else
        source->at = (whence == SEEK_CUR ? source->at : source->picture->n_bytes) + offset;
    return source->at;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle)
{
    return ((struct source *)handle)->picture->n_bytes;
}

/* The first error is the message; a warning only as long as there is no error. */
static int note_error(TIFF *library, void *data, const char *module, const char *format,
                      va_list args)
{
    struct source *source = data;
    (void)library, (void)module;
    if (!source->has_error)
        vsnprintf(source->picture->message, sizeof(source->picture->message), format, args);
    source->has_error = true;
    return 1;
}

static int note_warning(TIFF *library, void *data, const char *module, const char *format,
                        va_list args)
{
    struct source *source = data;
    (void)library, (void)module;
    if (!source->has_error && !source->has_warning)
        vsnprintf(source->picture->message, sizeof(source->picture->message), format, args);
    source->has_warning = true;
    return 1;
}

static TIFF *open_library(struct tiff *tiff)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    uint64_t limit = tiff->picture->limits.max_bytes;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, limit < INT32_MAX ? (tmsize_t)limit : INT32_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, note_error, &tiff->source);
    TIFFOpenOptionsSetWarningHandlerExtR(options, note_warning, &tiff->source);
    TIFF *library = TIFFClientOpenExt("picture", "rm", &tiff->source, read_bytes, write_nothing,
                                      seek, close_nothing, size_of, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return library;
}

/* ---- the header ---- */

static enum gm_reason unsupported(struct tiff *tiff, const char *what, unsigned value)
{
    return gm_picture_fail(tiff->picture, GM_REASON_IMAGE_UNSUPPORTED, "%s %u", what, value);
}

/* Damage, in libtiff's words if it had any. */
static enum gm_reason broken(struct tiff *tiff, const char *otherwise)
{
    if (tiff->source.has_error || tiff->source.has_warning)
        return GM_REASON_IMAGE_BROKEN;
    return gm_picture_fail(tiff->picture, GM_REASON_IMAGE_BROKEN, "%s", otherwise);
}

static bool is_known_codec(unsigned compression)
{
    static const uint16_t known[] = {
        COMPRESSION_NONE,    COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4,
        COMPRESSION_LZW,     COMPRESSION_JPEG,     COMPRESSION_PACKBITS,  COMPRESSION_ADOBE_DEFLATE,
        COMPRESSION_DEFLATE, COMPRESSION_ZSTD,     COMPRESSION_WEBP};
    for (size_t i = 0; i < GM_ARRAY_LEN(known); i++)
        if (known[i] == compression)
            return true;
    return false;
}

static uint16_t field16(struct tiff *tiff, uint32_t tag, uint16_t otherwise)
{
    uint16_t value = 0;
    return TIFFGetFieldDefaulted(tiff->library, tag, &value) ? value : otherwise;
}

static enum gm_tiff_alpha alpha_of(struct tiff *tiff, unsigned color_samples)
{
    uint16_t n = 0, *kinds = NULL;
    if (!TIFFGetFieldDefaulted(tiff->library, TIFFTAG_EXTRASAMPLES, &n, &kinds) || n == 0)
        return tiff->gray.samples > color_samples ? GM_TIFF_ALPHA_PLAIN : GM_TIFF_ALPHA_NONE;
    if (kinds[0] == EXTRASAMPLE_ASSOCALPHA)
        return GM_TIFF_ALPHA_PREMULTIPLIED;
    return kinds[0] == EXTRASAMPLE_UNASSALPHA ? GM_TIFF_ALPHA_PLAIN : GM_TIFF_ALPHA_NONE;
}

static enum gm_reason read_tags(struct tiff *tiff)
{
    struct gm_tiff_gray *gray = &tiff->gray;
    if (!TIFFGetField(tiff->library, TIFFTAG_IMAGEWIDTH, &tiff->width) ||
        !TIFFGetField(tiff->library, TIFFTAG_IMAGELENGTH, &tiff->height))
        return broken(tiff, "the size of the picture is not given");
    enum gm_reason reason = gm_picture_check(
        tiff->picture, &(struct gm_picture_shape){tiff->width, tiff->height, 1, 1}, 0);
    if (reason)
        return reason;
    tiff->compression = field16(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    tiff->planar = field16(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    tiff->orientation = field16(tiff, TIFFTAG_ORIENTATION, 1);
    gray->bits = field16(tiff, TIFFTAG_BITSPERSAMPLE, 1);
    gray->samples = field16(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
    gray->photometric = field16(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    gray->clip_sixteen = tiff->picture->sixteen_bit == GM_SIXTEEN_CLIP;
    gray->is_over = gm_picture_is_over(tiff->picture);
    gray->background = gm_picture_background(tiff->picture);
    unsigned sample_format = field16(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    if (!is_known_codec(tiff->compression))
        return unsupported(tiff, "TIFF compression", tiff->compression);
    if (sample_format != SAMPLEFORMAT_UINT && sample_format != SAMPLEFORMAT_VOID)
        return unsupported(tiff, "TIFF sample format", sample_format);
    if (gray->samples == 0 || gray->samples > MAX_SAMPLES)
        return unsupported(tiff, "samples per pixel:", gray->samples);
    return GM_REASON_NONE;
}

/* Chooses the way to gray: rows of our own, or RGBA by libtiff for color differences. */
static enum gm_reason choose_rows(struct tiff *tiff)
{
    struct gm_tiff_gray *gray = &tiff->gray;
    if (gray->photometric == PHOTOMETRIC_YCBCR) {
        if (gray->bits != 8 || gray->samples != 3)
            return unsupported(tiff, "YCbCr bits per sample:", gray->bits);
        bool by_jpeg = tiff->compression == COMPRESSION_JPEG && tiff->planar == PLANARCONFIG_CONTIG;
        tiff->by_library = !by_jpeg;
        if (by_jpeg)
            TIFFSetField(tiff->library, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        gray->photometric = GM_TIFF_RGB;
    }
    uint16_t *colors[3] = {NULL, NULL, NULL};
    if (gray->photometric == GM_TIFF_PALETTE &&
        !TIFFGetField(tiff->library, TIFFTAG_COLORMAP, &colors[0], &colors[1], &colors[2]))
        return broken(tiff, "a palette picture without a palette");
    unsigned color_samples = gray->photometric == GM_TIFF_RGB    ? 3
                             : gray->photometric == GM_TIFF_CMYK ? 4
                                                                 : 1;
    gray->alpha = alpha_of(tiff, color_samples);
    if (!gm_tiff_gray_init(gray, (const uint16_t *const *)colors))
        return gm_picture_fail(tiff->picture, GM_REASON_IMAGE_UNSUPPORTED,
                               "TIFF photometric %u with %u samples of %u bits", gray->photometric,
                               gray->samples, gray->bits);
    return GM_REASON_NONE;
}

static enum gm_reason measure_chunks(struct tiff *tiff)
{
    tiff->is_tiled = TIFFIsTiled(tiff->library);
    uint64_t n_bytes, row_bytes;
    if (tiff->is_tiled) {
        TIFFGetField(tiff->library, TIFFTAG_TILEWIDTH, &tiff->chunk_width);
        TIFFGetField(tiff->library, TIFFTAG_TILELENGTH, &tiff->chunk_height);
        n_bytes = TIFFTileSize64(tiff->library);
        row_bytes = TIFFTileRowSize64(tiff->library);
    } else {
        uint32_t rows = 0;
        TIFFGetFieldDefaulted(tiff->library, TIFFTAG_ROWSPERSTRIP, &rows);
        tiff->chunk_width = tiff->width;
        tiff->chunk_height = rows < tiff->height ? rows : tiff->height;
        n_bytes = TIFFVStripSize64(tiff->library, tiff->chunk_height);
        row_bytes = TIFFScanlineSize64(tiff->library);
    }
    unsigned samples = tiff->planar == PLANARCONFIG_SEPARATE ? 1 : tiff->gray.samples;
    uint64_t needed = ((uint64_t)tiff->chunk_width * samples * tiff->gray.bits + 7) / 8;
    if (tiff->by_library)
        needed = row_bytes = 1; /* subsampled rows are smaller, and none of our business */
    if (tiff->chunk_width == 0 || tiff->chunk_height == 0 || row_bytes < needed ||
        n_bytes < row_bytes * tiff->chunk_height || n_bytes > INT32_MAX)
        return broken(tiff, "the strips or tiles have an impossible size");
    tiff->chunk_bytes = (size_t)n_bytes;
    tiff->chunk_row_bytes = (size_t)row_bytes;
    return GM_REASON_NONE;
}

static size_t n_planes(const struct tiff *tiff)
{
    return tiff->planar == PLANARCONFIG_SEPARATE ? tiff->gray.samples : 1;
}

static size_t scratch_bytes(const struct tiff *tiff)
{
    if (tiff->by_library) {
        uint32_t rows = tiff->chunk_height < tiff->height ? tiff->chunk_height : tiff->height;
        return (size_t)tiff->width * rows * sizeof(uint32_t);
    }
    size_t joined = n_planes(tiff) > 1 ? (size_t)tiff->chunk_width * tiff->gray.samples * 2 : 0;
    return tiff->chunk_bytes * n_planes(tiff) + joined;
}

static const char *mode_of(const struct gm_tiff_gray *gray)
{
    bool has_alpha = gray->alpha != GM_TIFF_ALPHA_NONE;
    switch (gray->photometric) {
    case GM_TIFF_RGB:
        return has_alpha ? "RGBA" : "RGB";
    case GM_TIFF_PALETTE:
        return "P";
    case GM_TIFF_CMYK:
        return "CMYK";
    default:
        return has_alpha ? "LA" : gray->bits == 1 ? "1" : gray->bits == 16 ? "I;16" : "L";
    }
}

static enum gm_reason begin(struct tiff *tiff)
{
    const char *mode = mode_of(&tiff->gray);
    struct gm_picture_shape shape = {tiff->width, tiff->height, (uint8_t)strlen(mode),
                                     (uint8_t)tiff->gray.bits};
    if (strcmp(mode, "I;16") == 0)
        shape.channels = 1;
    /* Compressed strips are copied once more, the raster of libtiff has its own chunk. */
    uint64_t working = (uint64_t)scratch_bytes(tiff) + 2 * tiff->chunk_bytes + LIBRARY_BYTES;
    if (tiff->orientation > 1 && tiff->orientation <= 8)
        working += (uint64_t)tiff->width * tiff->height;
    enum gm_reason reason = gm_picture_begin(tiff->picture, &shape, working);
    tiff->picture->mode = mode;
    return reason;
}

/* ---- the pixels ---- */

/* Puts the samples of the planes side by side. */
static const uint8_t *join_planes(const struct tiff *tiff, const uint8_t *chunk, size_t row,
                                  size_t n)
{
    size_t planes = n_planes(tiff), size = tiff->gray.bits / 8;
    uint8_t *joined = (uint8_t *)chunk + planes * tiff->chunk_bytes;
    for (size_t k = 0; k < planes; k++) {
        const uint8_t *from = chunk + k * tiff->chunk_bytes + row * tiff->chunk_row_bytes;
        for (size_t i = 0; i < n; i++)
            memcpy(joined + (i * planes + k) * size, from + i * size, size);
    }
    return joined;
}

static bool read_plane(struct tiff *tiff, uint32_t x, uint32_t y, uint16_t plane, uint8_t *to)
{
    if (tiff->is_tiled) {
        uint32_t tile = TIFFComputeTile(tiff->library, x, y, 0, plane);
        return TIFFReadEncodedTile(tiff->library, tile, to, (tmsize_t)tiff->chunk_bytes) ==
               (tmsize_t)tiff->chunk_bytes;
    }
    uint32_t rows = tiff->height - y < tiff->chunk_height ? tiff->height - y : tiff->chunk_height;
    tmsize_t n_bytes = (tmsize_t)TIFFVStripSize64(tiff->library, rows);
    uint32_t strip = TIFFComputeStrip(tiff->library, y, plane);
    return TIFFReadEncodedStrip(tiff->library, strip, to, n_bytes) == n_bytes;
}

static bool read_chunk(struct tiff *tiff, uint32_t x, uint32_t y, uint8_t *chunk)
{
    size_t planes = n_planes(tiff);
    for (size_t k = 0; k < planes; k++)
        if (!read_plane(tiff, x, y, (uint16_t)k, chunk + k * tiff->chunk_bytes) ||
            tiff->source.has_error)
            return false;
    uint32_t rows = tiff->height - y < tiff->chunk_height ? tiff->height - y : tiff->chunk_height;
    uint32_t n = tiff->width - x < tiff->chunk_width ? tiff->width - x : tiff->chunk_width;
    for (size_t i = 0; i < rows; i++) {
        const uint8_t *row =
            planes > 1 ? join_planes(tiff, chunk, i, n) : chunk + i * tiff->chunk_row_bytes;
        gm_tiff_gray_row(&tiff->gray, row, tiff->picture->plane + (y + i) * tiff->width + x, n);
    }
    return true;
}

static bool read_chunks(struct tiff *tiff, uint8_t *chunk)
{
    for (uint32_t y = 0; y < tiff->height; y += tiff->chunk_height)
        for (uint32_t x = 0; x < tiff->width; x += tiff->chunk_width)
            if (!read_chunk(tiff, x, y, chunk))
                return false;
    return true;
}

/* As many rows at once as a strip or tile has: what upsampling does at their edges is then what it
 * does in Pillow. */
static bool read_raster(struct tiff *tiff, uint32_t *raster)
{
    TIFFRGBAImage image;
    char message[1024] = "";
    if (!TIFFRGBAImageOK(tiff->library, message) ||
        !TIFFRGBAImageBegin(&image, tiff->library, 0, message)) {
        gm_picture_fail(tiff->picture, GM_REASON_IMAGE_BROKEN, "%s", message);
        tiff->source.has_error = true;
        return false;
    }
    image.req_orientation = image.orientation; /* as stored: it is applied at the end */
    bool good = true;
    for (uint32_t y = 0; good && y < tiff->height; y += tiff->chunk_height) {
        uint32_t rows =
            tiff->height - y < tiff->chunk_height ? tiff->height - y : tiff->chunk_height;
        image.row_offset = (int)y;
        good = TIFFRGBAImageGet(&image, raster, tiff->width, rows) && !tiff->source.has_error;
        for (size_t i = 0; good && i < (size_t)rows * tiff->width; i++)
            tiff->picture->plane[(size_t)y * tiff->width + i] =
                gm_luma(TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i]));
    }
    TIFFRGBAImageEnd(&image);
    return good;
}

static enum gm_reason decode(struct tiff *tiff)
{
    enum gm_reason reason = read_tags(tiff);
    if (!reason)
        reason = choose_rows(tiff);
    if (!reason)
        reason = measure_chunks(tiff);
    if (!reason)
        reason = begin(tiff);
    if (reason)
        return reason;
    uint8_t *chunk = gm_picture_scratch(tiff->picture, scratch_bytes(tiff));
    if (!chunk)
        return gm_picture_fail(tiff->picture, GM_REASON_LIMIT_MEMORY, "no memory for a strip");
    tiff->source.has_warning = false;
    bool good = tiff->by_library ? read_raster(tiff, (uint32_t *)chunk) : read_chunks(tiff, chunk);
    if (!good)
        return broken(tiff, "the image data is damaged or too short");
    return gm_picture_orient(tiff->picture, tiff->orientation);
}

enum gm_reason gm_tiff_decode(struct gm_picture *picture)
{
    enum gm_reason reason = gm_tiff_check(picture);
    if (reason)
        return reason;
    struct tiff tiff = {.picture = picture, .source = {.picture = picture}};
    tiff.library = open_library(&tiff);
    if (!tiff.library)
        return broken(&tiff, "the TIFF directory is damaged");
    reason = decode(&tiff);
    TIFFClose(tiff.library);
    if (!reason)
        picture->message[0] = '\0';
    return reason;
}
