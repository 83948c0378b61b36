/* The gate that every picture passes before its pixels get memory, and the choice of the decoder.
 *
 * Memory is kept from picture to picture, because a fresh plane costs a page fault per 4 KB; what
 * an unusually large picture needed is given back when the next one is much smaller.
 *
 * A new route (another decoder for the same media, tried first) is one more row of the table. */
#include "image/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>

#define KEEP_BYTES ((size_t)32 << 20)

struct decoder {
    enum gm_media media;
    enum gm_reason (*decode)(struct gm_picture *picture);
};

static const struct decoder decoders[] = {
    {GM_MEDIA_JPEG, gm_jpeg_decode}, {GM_MEDIA_PNG, gm_png_decode}, {GM_MEDIA_WEBP, gm_webp_decode},
    {GM_MEDIA_BMP, gm_bmp_decode},   {GM_MEDIA_GIF, gm_gif_decode}, {GM_MEDIA_PNM, gm_pnm_decode},
};

void gm_picture_init(struct gm_picture *picture)
{
    *picture = (struct gm_picture){.limits = {.max_pixels = UINT64_MAX, .max_bytes = UINT64_MAX}};
}

void gm_picture_fini(struct gm_picture *picture)
{
    free(picture->plane);
    free(picture->scratch);
    picture->plane = picture->scratch = NULL;
    picture->plane_capacity_bytes = picture->scratch_capacity_bytes = 0;
}

enum gm_reason gm_picture_fail(struct gm_picture *picture, enum gm_reason reason,
                               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(picture->message, sizeof(picture->message), format, args);
    va_end(args);
    return reason;
}

enum gm_reason gm_picture_truncated(struct gm_picture *picture, const char *where)
{
    return gm_picture_fail(picture, GM_REASON_IMAGE_TRUNCATED, "the file ends %s, after %zu bytes",
                           where, picture->n_bytes);
}

/* Room for n_bytes in *memory, contents lost. */
static bool ensure(uint8_t **memory, size_t *capacity_bytes, size_t n_bytes)
{
    bool wasteful = *capacity_bytes > KEEP_BYTES && n_bytes < *capacity_bytes / 2;
    if (n_bytes <= *capacity_bytes && !wasteful)
        return true;
    free(*memory);
    *memory = malloc(n_bytes);
    *capacity_bytes = *memory ? n_bytes : 0;
    return *memory != NULL;
}

uint8_t *gm_picture_scratch(struct gm_picture *picture, size_t n_bytes)
{
    if (!ensure(&picture->scratch, &picture->scratch_capacity_bytes, n_bytes ? n_bytes : 1))
        return NULL;
    return picture->scratch;
}

enum gm_reason gm_picture_begin(struct gm_picture *picture, const struct gm_picture_shape *shape,
                                uint64_t working_bytes)
{
    uint64_t width = shape->width, height = shape->height;
    if (width == 0 || height == 0)
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN,
                               "the header says %llu x %llu pixels", (unsigned long long)width,
                               (unsigned long long)height);
    if (width > GM_PICTURE_MAX_SIDE || height > GM_PICTURE_MAX_SIDE ||
        width * height > picture->limits.max_pixels)
        return gm_picture_fail(picture, GM_REASON_LIMIT_PIXELS,
                               "%llu x %llu pixels are more than max_pixels (%llu)",
                               (unsigned long long)width, (unsigned long long)height,
                               (unsigned long long)picture->limits.max_pixels);
    uint64_t pixels = width * height;
    uint64_t need = pixels * (1 + picture->limits.extra_bytes_per_pixel) + working_bytes;
    if (need > picture->limits.max_bytes ||
        !ensure(&picture->plane, &picture->plane_capacity_bytes, (size_t)pixels))
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY,
                               "%llu x %llu pixels need about %llu MB; a worker has %llu MB",
                               (unsigned long long)width, (unsigned long long)height,
                               (unsigned long long)((need >> 20) + 1),
                               (unsigned long long)(picture->limits.max_bytes >> 20));
    picture->width = (uint32_t)width;
    picture->height = (uint32_t)height;
    picture->channels = shape->channels;
    picture->bit_depth = shape->bit_depth;
    return GM_REASON_NONE;
}

enum gm_reason gm_picture_decode(struct gm_picture *picture, enum gm_media media,
                                 const uint8_t *data, size_t n_bytes)
{
    picture->data = data;
    picture->n_bytes = n_bytes;
    picture->width = picture->height = 0;
    picture->message[0] = '\0';
    enum gm_reason reason = GM_REASON_COUNT;
    for (size_t i = 0; i < GM_ARRAY_LEN(decoders); i++)
        if (decoders[i].media == media)
            reason = decoders[i].decode(picture);
    picture->data = NULL;
    picture->n_bytes = 0;
    if (reason != GM_REASON_COUNT)
        return reason;
    if (media == GM_MEDIA_TIFF)
        return gm_picture_fail(picture, GM_REASON_IMAGE_UNSUPPORTED, "TIFF is not decoded");
    return gm_picture_fail(picture, GM_REASON_MEDIA_UNSUPPORTED, "not an image");
}
