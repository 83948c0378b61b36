/* The gray stage: a picture in any of the decoded formats becomes a gray plane and a gray file.
 *
 *      body --picture--> plane --encode--> gray_image        (+ what the picture was)
 *      body --jpeg_copy-----------------> gray_image         a JPEG that stays a JPEG
 *
 * The second way keeps a JPEG's luma as it is stored, without loss, and needs no pixels; the plane
 * is then decoded only if a later stage reads it. Pixels are Pillow's convert("L") bit for bit
 * (mode exact); alpha is dropped, orientation tags and color profiles are not applied, of an
 * animation the first frame is taken: Pillow's ways, too. Options lay transparent pixels on a
 * background, turn the picture upright and resize it.
 *
 * gray_plane is a view into this stage's memory: it holds the row in work and is null again when
 * the next row comes or the block ends, so that a block of a thousand pictures costs one plane.
 * Later stages of the same row may read it; sinks find it null.
 *
 * Memory: the plane, what the decoder needs, and for PNG output two more bytes a pixel; all of it
 * is estimated from the header and refused before it is taken. */
#include "image/encode.h"
#include "image/file_name.h"
#include "image/gray_opts.h"
#include "image/jpeg_copy.h"
#include "image/meta.h"

#include <malloc.h>
#include <string.h>

#define LARGE_BYTES     (4 << 20)

#define DEFAULT_QUALITY 75

enum in { IN_ITEM, IN_MEMBER, IN_NAME, IN_MEDIA, IN_BODY, IN_SHA256 };
static const struct gm_column_def gray_in[] = {
    [IN_ITEM] = {"item", GM_TYPE_U64, 0, NULL, NULL},
    [IN_MEMBER] = {"member", GM_TYPE_U64, 0, "optional", NULL},
    [IN_NAME] = {"name", GM_TYPE_STRING, 0, "optional", NULL},
    [IN_MEDIA] = {"media", GM_TYPE_U64, 0, NULL, NULL},
    [IN_BODY] = {"body", GM_TYPE_BYTES, 0, NULL, NULL},
    [IN_SHA256] = {"body_sha256", GM_TYPE_STRING, 0, "optional", NULL},
    GM_COLUMN_END,
};

enum out {
    OUT_FORMAT,
    OUT_WIDTH,
    OUT_HEIGHT,
    OUT_MODE,
    OUT_CHANNELS,
    OUT_BIT_DEPTH,
    OUT_ORIENTATION,
    OUT_ROUTE,
    OUT_GRAY_FORMAT,
    OUT_GRAY_WIDTH,
    OUT_GRAY_HEIGHT,
    OUT_GRAY_BYTES,
    OUT_FILE,
    OUT_BYTES,
    OUT_SHA256,
    OUT_FRAMES,
    OUT_DATE,
    OUT_ICC,
    OUT_IMAGE,
    OUT_PLANE
};
static const struct gm_column_def gray_out[] = {
    [OUT_FORMAT] = {"format", GM_TYPE_STRING, 0, NULL,
                    "format of the picture, told from its bytes"},
    [OUT_WIDTH] = {"width", GM_TYPE_U64, 0, "pixels", "width of the picture as it is stored"},
    [OUT_HEIGHT] = {"height", GM_TYPE_U64, 0, "pixels", "height of the picture as it is stored"},
    [OUT_MODE] = {"mode", GM_TYPE_STRING, 0, NULL,
                  "what Pillow calls such pixels: 1, L, LA, P, RGB, RGBA, CMYK, I;16"},
    [OUT_CHANNELS] = {"channels", GM_TYPE_U64, 0, NULL,
                      "channels in the file: 1 gray or palette, 2 gray and alpha, 3 color, 4 color "
                      "and alpha or CMYK"},
    [OUT_BIT_DEPTH] = {"bit_depth", GM_TYPE_U64, 0, "bits",
                       "bits per channel or palette index in the file"},
    [OUT_ORIENTATION] = {"orientation", GM_TYPE_U64, 0, NULL,
                         "EXIF orientation in the file, 1 to 8"},
    [OUT_ROUTE] = {"route", GM_TYPE_STRING, 0, NULL,
                   "how the gray file was made: jpeg.copy and jpeg.coefficients without loss, "
                   "pixels anew, pixels.partial of a file that ends early"},
    [OUT_GRAY_FORMAT] = {"gray_format", GM_TYPE_STRING, 0, NULL, "format of the gray file"},
    [OUT_GRAY_WIDTH] = {"gray_width", GM_TYPE_U64, 0, "pixels", "width of the gray picture"},
    [OUT_GRAY_HEIGHT] = {"gray_height", GM_TYPE_U64, 0, "pixels", "height of the gray picture"},
    [OUT_GRAY_BYTES] = {"gray_bytes", GM_TYPE_U64, 0, "bytes", "size of the gray file"},
    [OUT_FILE] = {"file", GM_TYPE_STRING, 0, NULL, "relative path of the gray file"},
    [OUT_BYTES] = {"bytes", GM_TYPE_U64, 0, "bytes", "size of the file as it came"},
    [OUT_SHA256] = {"sha256", GM_TYPE_STRING, 0, NULL, "SHA-256 of the file as it came"},
    [OUT_FRAMES] = {"frames", GM_TYPE_U64, 0, NULL,
                    "frames of an animation, pages of a TIFF, layers of a PSD; else 1"},
    [OUT_DATE] = {"exif_date", GM_TYPE_STRING, 0, NULL,
                  "EXIF DateTimeOriginal, as in 2023-04-01T12:34:56, no time zone"},
    [OUT_ICC] = {"icc_sha256", GM_TYPE_STRING, 0, NULL,
                 "SHA-256 of the color profile, null if there is none"},
    [OUT_IMAGE] = {"gray_image", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, "the gray file"},
    [OUT_PLANE] =
        {"gray_plane", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL,
         "gray_width x gray_height values, while the row is in work; null if no stage reads "
         "them"},
    GM_COLUMN_END,
};

/* What each output format is called, and the names that fit it. */
static const struct {
    const char *name;
    const char *const *extensions;
    uint64_t encoder_bytes_per_pixel;
} formats[] = {
    [GM_GRAY_JPEG] = {"jpeg", (const char *const[]){"jpg", "jpeg", "jpe", "jfif", NULL}, 1},
    [GM_GRAY_PNG] = {"png", (const char *const[]){"png", NULL}, 3},
    [GM_GRAY_PGM] = {"pgm", (const char *const[]){"pgm", NULL}, 1},
};

struct gray {
    const struct gm_gray_opts *opts;
    const struct gm_bind *bind;
    struct gm_picture picture;
    struct gm_jpeg_copier *copier;
    struct gm_jpeg_encoder *jpeg;
    struct gm_png_encoder *png;
    struct gm_resampler *resampler;
    struct gm_meta meta;    /* of the row in work */
    uint32_t width, height; /* as stored */
    struct gm_buf file;     /* the gray file in work */
    struct gm_buf name;
    uint32_t plane_row; /* whose plane column is set */
    bool plane_is_set;
};

static void gray_close(void *ctx)
{
    struct gray *gray = ctx;
    gm_picture_fini(&gray->picture);
    gm_jpeg_copier_free(gray->copier);
    gm_jpeg_encoder_free(gray->jpeg);
    gm_png_encoder_free(gray->png);
    gm_resampler_free(gray->resampler);
    gray->resampler = NULL;
    gray->copier = NULL;
    gray->jpeg = NULL;
    gray->png = NULL;
    gm_buf_free(&gray->file);
    gm_buf_free(&gray->name);
}

static enum gm_status gray_open(void *ctx, const void *opts, const struct gm_prepared *prepared,
                                const struct gm_bind *bind, struct gm_err *err)
{
    struct gray *gray = ctx;
    (void)prepared;
    /* Whatever is large goes back to the system when it is freed: otherwise the room that one
     * picture finds, and with it limit.memory, would depend on the pictures before it. */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    gray->opts = opts;
    gray->bind = bind;
    gm_picture_init(&gray->picture);
    gm_buf_init(&gray->file);
    gm_buf_init(&gray->name);
    gm_sha256("", 0, (uint8_t[GM_SHA256_BYTES]){0}); /* the first use may read files */
    gray->picture.luma_mode = gray->opts->mode == GM_GRAY_LUMA ? GM_LUMA_FAST : GM_LUMA_EXACT;
    gray->picture.alpha = (enum gm_alpha_mode)gray->opts->alpha;
    gray->picture.takes_partial = gray->opts->truncated == GM_GRAY_PARTIAL;
    gray->picture.sixteen_bit = (enum gm_sixteen_mode)gray->opts->sixteen_bit;
    gray->picture.limits.max_pixels = gray->opts->max_pixels;
    if (gray->opts->max_memory)
        gray->picture.limits.max_bytes = gray->opts->max_memory;
    uint64_t quality = gray->opts->quality ? gray->opts->quality : DEFAULT_QUALITY;
    gray->copier = gm_jpeg_copier_new();
    gray->jpeg = gm_jpeg_encoder_new((int)quality);
    gray->png = gm_png_encoder_new((int)gray->opts->compression);
    gray->resampler = gm_resampler_new();
    if (!gray->copier || !gray->jpeg || !gray->png || !gray->resampler) {
        gray_close(gray);
        return gm_err_set(err, GM_NOMEM, "no memory for the encoders");
    }
    return GM_OK;
}

static void drop_plane(struct gray *gray, struct gm_batch *batch)
{
    if (gray->plane_is_set)
        gm_batch_set_view(batch, gray->bind->out[OUT_PLANE], gray->plane_row, NULL, 0);
    gray->plane_is_set = false;
    gm_picture_trim(&gray->picture);
    gm_jpeg_copier_trim(gray->copier);
}

static enum gm_gray_format output_format(const struct gray *gray, enum gm_media media)
{
    if (gray->opts->format != GM_GRAY_KEEP)
        return (enum gm_gray_format)gray->opts->format;
    return media == GM_MEDIA_JPEG ? GM_GRAY_JPEG : GM_GRAY_PNG;
}

static bool is_plane_read(const struct gray *gray)
{
    return !gray->bind->out_read || gray->bind->out_read[OUT_PLANE];
}

/* What is to be done with the plane. A TIFF's orientation has been applied by its decoder. */
static struct gm_reshape reshape_of(const struct gray *gray, enum gm_media media)
{
    return gm_gray_reshape(gray->opts, media == GM_MEDIA_TIFF ? 0 : gray->meta.orientation);
}

/* Whether the gray file may come from the JPEG's own codes. */
static bool can_be_lossless(const struct gray *gray, enum gm_media media,
                            enum gm_gray_format format)
{
    struct gm_reshape reshape = reshape_of(gray, media);
    return reshape.resize == GM_RESIZE_NONE && reshape.orientation < 2 && media == GM_MEDIA_JPEG &&
           format == GM_GRAY_JPEG && gray->opts->mode == GM_GRAY_LOSSLESS &&
           gray->opts->quality == 0;
}

/* The gray file out of the plane; body: the source. */
static enum gm_status encode(struct gray *gray, enum gm_gray_format format, struct gm_view body,
                             struct gm_err *err)
{
    const struct gm_picture *picture = &gray->picture;
    struct gm_gray plane = {picture->plane, picture->width, picture->height};
    struct gm_jpeg_extras extras;
    enum gm_jpeg_metadata metadata = (enum gm_jpeg_metadata)gray->opts->metadata;
    if (format == GM_GRAY_PNG)
        return gm_png_encode(gray->png, &plane, &gray->file, err);
    if (format == GM_GRAY_PGM)
        return gm_pgm_encode(&plane, &gray->file, err);
    if (gray->opts->orientation == GM_GRAY_APPLY)
        metadata = GM_METADATA_STRIP; /* a second turn would be wrong */
    return gm_jpeg_encode(gray->jpeg, &plane,
                          gm_jpeg_extras_of(&extras, body.data, body.n_bytes, metadata),
                          &gray->file, err);
}

static bool is_null(const struct gm_batch *batch, int column, uint32_t row)
{
    return column == GM_NO_COLUMN || gm_batch_is_null(batch, column, row);
}

static bool set_file_name(struct gray *gray, struct gm_batch *batch, uint32_t row,
                          enum gm_gray_format format)
{
    const int *in = gray->bind->in;
    struct gm_file_name from = {.item = gm_batch_u64(batch, in[IN_ITEM], row),
                                .extensions = formats[format].extensions};
    from.is_member = !is_null(batch, in[IN_MEMBER], row);
    if (from.is_member)
        from.member = gm_batch_u64(batch, in[IN_MEMBER], row);
    if (!is_null(batch, in[IN_NAME], row)) {
        struct gm_view name = gm_batch_view(batch, in[IN_NAME], row);
        from.name = name.data;
        from.name_bytes = name.n_bytes;
    }
    gm_buf_clear(&gray->name);
    gm_file_name(&from, &gray->name);
    return !gray->name.failed && gm_batch_set_copy(batch, gray->bind->out[OUT_FILE], row,
                                                   gray->name.data, gray->name.n_bytes);
}

static void set_text(struct gm_batch *batch, int column, uint32_t row, const char *text)
{
    gm_batch_set_view(batch, column, row, text, strlen(text));
}

static void set_plane(struct gray *gray, struct gm_batch *batch, uint32_t row)
{
    const struct gm_picture *picture = &gray->picture;
    gm_batch_set_view(batch, gray->bind->out[OUT_PLANE], row, picture->plane,
                      (size_t)picture->width * picture->height);
    gray->plane_row = row;
    gray->plane_is_set = true;
}

static bool set_digest(struct gm_batch *batch, int column, uint32_t row,
                       const uint8_t digest[GM_SHA256_BYTES])
{
    char hex[GM_SHA256_HEX_BYTES];
    gm_sha256_hex(digest, hex);
    return gm_batch_set_copy(batch, column, row, hex, GM_SHA256_HEX_BYTES - 1);
}

/* Of the file; fetch may have computed it. */
static bool set_sha256(const struct gray *gray, struct gm_batch *batch, uint32_t row,
                       struct gm_view body)
{
    int known = gray->bind->in[IN_SHA256];
    uint8_t digest[GM_SHA256_BYTES];
    struct gm_view hex = {NULL, 0};
    if (!is_null(batch, known, row))
        hex = gm_batch_view(batch, known, row);
    if (hex.n_bytes == GM_SHA256_HEX_BYTES - 1) {
        gm_batch_set_view(batch, gray->bind->out[OUT_SHA256], row, hex.data, hex.n_bytes);
        return true;
    }
    gm_sha256(body.data, body.n_bytes, digest);
    return set_digest(batch, gray->bind->out[OUT_SHA256], row, digest);
}

/* What the file says beside its pixels. */
static bool set_meta(const struct gray *gray, struct gm_batch *batch, uint32_t row)
{
    const int *out = gray->bind->out;
    const struct gm_meta *meta = &gray->meta;
    struct gm_view body = gm_batch_view(batch, gray->bind->in[IN_BODY], row);
    uint8_t digest[GM_SHA256_BYTES];
    gm_batch_set_u64(batch, out[OUT_BYTES], row, body.n_bytes);
    gm_batch_set_u64(batch, out[OUT_FRAMES], row, meta->n_frames);
    if (meta->orientation)
        gm_batch_set_u64(batch, out[OUT_ORIENTATION], row, meta->orientation);
    if (meta->date[0] &&
        !gm_batch_set_copy(batch, out[OUT_DATE], row, meta->date, strlen(meta->date)))
        return false;
    if (gm_meta_icc_sha256(meta, body.data, body.n_bytes, digest) &&
        !set_digest(batch, out[OUT_ICC], row, digest))
        return false;
    return set_sha256(gray, batch, row, body);
}

static enum gm_status set_columns(struct gray *gray, struct gm_batch *batch, uint32_t row,
                                  enum gm_gray_format format, struct gm_err *err)
{
    const int *out = gray->bind->out;
    const struct gm_picture *picture = &gray->picture;
    enum gm_media media = (enum gm_media)gm_batch_u64(batch, gray->bind->in[IN_MEDIA], row);
    if (!set_file_name(gray, batch, row, format) || !set_meta(gray, batch, row) ||
        !gm_batch_set_copy(batch, out[OUT_IMAGE], row, gray->file.data, gray->file.n_bytes))
        return gm_err_set(err, GM_NOMEM, "no memory for the gray file");
    gm_batch_set_u64(batch, out[OUT_GRAY_BYTES], row, gray->file.n_bytes);
    if (gray->file.capacity_bytes > GM_PICTURE_KEPT_BYTES)
        gm_buf_free(&gray->file);
    set_text(batch, out[OUT_FORMAT], row, gm_media_name(media));
    set_text(batch, out[OUT_GRAY_FORMAT], row, formats[format].name);
    gm_batch_set_u64(batch, out[OUT_WIDTH], row, gray->width);
    gm_batch_set_u64(batch, out[OUT_HEIGHT], row, gray->height);
    gm_batch_set_u64(batch, out[OUT_GRAY_WIDTH], row, picture->width);
    gm_batch_set_u64(batch, out[OUT_GRAY_HEIGHT], row, picture->height);
    set_text(batch, out[OUT_MODE], row, picture->mode);
    gm_batch_set_u64(batch, out[OUT_CHANNELS], row, picture->channels);
    gm_batch_set_u64(batch, out[OUT_BIT_DEPTH], row, picture->bit_depth);
    return GM_OK;
}

/* The plane that is wanted. */
static enum gm_reason make_plane(struct gray *gray, enum gm_media media, struct gm_view body)
{
    struct gm_reshape reshape = reshape_of(gray, media);
    enum gm_reason reason = gm_picture_decode(&gray->picture, media, body.data, body.n_bytes);
    if (reason)
        return reason;
    gray->width = gray->picture.width;
    gray->height = gray->picture.height;
    return gm_reshape(&reshape, gray->resampler, &gray->picture);
}

/* The gray file without pixels; PASS: they are needed. */
static enum gm_reason copy_jpeg(struct gray *gray, struct gm_view body, const char **route)
{
    struct gm_jpeg_file file = {body.data, body.n_bytes,
                                (enum gm_jpeg_metadata)gray->opts->metadata};
    enum gm_reason reason =
        gm_jpeg_lossless(gray->copier, &file, &gray->picture, &gray->file, route);
    return reason == GM_REASON_IMAGE_TRUNCATED && gray->picture.takes_partial ? GM_PICTURE_PASS
                                                                              : reason;
}

/* The gray file and, if somebody reads it, the plane. Rejects the row if that cannot be. */
static enum gm_status convert(struct gray *gray, struct gm_batch *batch, uint32_t row,
                              enum gm_gray_format format, struct gm_err *err)
{
    struct gm_picture *picture = &gray->picture;
    struct gm_view body = gm_batch_view(batch, gray->bind->in[IN_BODY], row);
    enum gm_media media = (enum gm_media)gm_batch_u64(batch, gray->bind->in[IN_MEDIA], row);
    const char *route;
    enum gm_reason reason = GM_PICTURE_PASS;
    gm_buf_clear(&gray->file);
    if (can_be_lossless(gray, media, format))
        reason = copy_jpeg(gray, body, &route);
    bool is_done = reason == GM_REASON_NONE;
    gray->width = picture->width;
    gray->height = picture->height;
    if (reason == GM_PICTURE_PASS || (is_done && is_plane_read(gray)))
        reason = make_plane(gray, media, body);
    if (reason) {
        gm_batch_reject(batch, row, reason, "%s: %s", gm_media_name(media), picture->message);
        return GM_OK;
    }
    if (!is_done || is_plane_read(gray))
        set_plane(gray, batch, row);
    if (!is_done)
        route = picture->is_partial ? "pixels.partial" : "pixels";
    set_text(batch, gray->bind->out[OUT_ROUTE], row, route);
    if (is_done)
        return GM_OK;
    if (format == GM_GRAY_JPEG &&
        (picture->width > GM_JPEG_MAX_SIDE || picture->height > GM_JPEG_MAX_SIDE)) {
        gm_batch_reject(batch, row, GM_REASON_IMAGE_UNSUPPORTED,
                        "%u x %u pixels do not fit a JPEG: set format: png", picture->width,
                        picture->height);
        return GM_OK;
    }
    return encode(gray, format, body, err);
}

static enum gm_status gray_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                   struct gm_err *err)
{
    struct gray *gray = ctx;
    drop_plane(gray, batch);
    if (gm_batch_view(batch, gray->bind->in[IN_BODY], row).n_bytes == 0) {
        gm_batch_reject(batch, row, GM_REASON_MEDIA_EMPTY, "the file has no bytes");
        return GM_OK;
    }
    enum gm_media media = (enum gm_media)gm_batch_u64(batch, gray->bind->in[IN_MEDIA], row);
    enum gm_gray_format format = output_format(gray, media);
    struct gm_view body = gm_batch_view(batch, gray->bind->in[IN_BODY], row);
    gm_meta_read(&gray->meta, media, body.data, body.n_bytes);
    bool is_turned = reshape_of(gray, media).orientation > 1;
    gray->picture.limits.extra_bytes_per_pixel =
        formats[format].encoder_bytes_per_pixel + is_turned;
    enum gm_status status = convert(gray, batch, row, format, err);
    if (status != GM_OK || batch->reasons[row])
        return status;
    return set_columns(gray, batch, row, format, err);
}

static enum gm_status gray_flush(void *ctx, struct gm_batch *batch, struct gm_err *err)
{
    (void)err;
    drop_plane(ctx, batch);
    return GM_OK;
}

const struct gm_stage gm_image_gray = {
    .name = "gray",
    .family = "image",
    .summary = "decode a picture, turn it into gray, write it as JPEG, PNG or PGM",
    .in = gray_in,
    .out = gray_out,
    .opts = gm_gray_opt_table,
    .opts_bytes = sizeof(struct gm_gray_opts),
    .ctx_bytes = sizeof(struct gray),
    .check = gm_gray_check,
    .open = gray_open,
    .process = gray_process,
    .flush = gray_flush,
    .close = gray_close,
};
