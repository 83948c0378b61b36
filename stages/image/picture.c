/* The gate that every picture passes before its pixels get memory, and the choice of the decoder.
 *
 * Whether the memory is there is asked of the system by reserving the estimate for a moment, which
 * touches no page: a picture that would run out half-way is refused at its header, with its size in
 * the message. Small planes are kept from picture to picture, because fresh memory costs a page
 * fault per 4 KB; large ones are given back, so that every picture finds the same room.
 *
 * A new route (another decoder for the same media, tried in the table's order) is one more row. */
#include "image/picture.h"

#include "base/num.h"

#include <libdeflate.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Smaller needs are not asked for. */
#define PROBED_BYTES ((uint64_t)4 << 20)

struct decoder {
    enum gm_media media;
    enum gm_reason (*decode)(struct gm_picture *picture);
};

static const struct decoder decoders[] = {
    {GM_MEDIA_JPEG, gm_jpeg_decode}, {GM_MEDIA_PNG, gm_png_fast_decode},
    {GM_MEDIA_PNG, gm_png_decode},   {GM_MEDIA_WEBP, gm_webp_decode},
    {GM_MEDIA_BMP, gm_bmp_decode},   {GM_MEDIA_GIF, gm_gif_decode},
    {GM_MEDIA_PNM, gm_pnm_decode},   {GM_MEDIA_TIFF, gm_tiff_decode},
    {GM_MEDIA_TGA, gm_tga_decode},   {GM_MEDIA_PSD, gm_psd_decode},
};

void gm_picture_init(struct gm_picture *picture)
{
    *picture = (struct gm_picture){.limits = {.max_pixels = UINT64_MAX, .max_bytes = UINT64_MAX}};
}

void gm_picture_fini(struct gm_picture *picture)
{
    free(picture->plane);
    free(picture->scratch);
    libdeflate_free_decompressor(picture->inflater);
    picture->inflater = NULL;
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

void gm_picture_trim(struct gm_picture *picture)
{
    if (picture->plane_capacity_bytes > GM_PICTURE_KEPT_BYTES) {
        free(picture->plane);
        picture->plane = NULL;
        picture->plane_capacity_bytes = 0;
    }
    if (picture->scratch_capacity_bytes > GM_PICTURE_KEPT_BYTES) {
        free(picture->scratch);
        picture->scratch = NULL;
        picture->scratch_capacity_bytes = 0;
    }
}

/* Room for n_bytes in *memory, contents lost. */
static bool ensure(uint8_t **memory, size_t *capacity_bytes, size_t n_bytes)
{
    if (n_bytes <= *capacity_bytes)
        return true;
    free(*memory);
    *memory = malloc(n_bytes);
    *capacity_bytes = *memory ? n_bytes : 0;
    return *memory != NULL;
}

static bool is_available(uint64_t n_bytes)
{
    if (n_bytes < PROBED_BYTES)
        return true;
    if (n_bytes > SIZE_MAX / 2)
        return false;
    void *memory = mmap(NULL, (size_t)n_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    munmap(memory, (size_t)n_bytes);
    return true;
}

bool gm_picture_has_room(const struct gm_picture *picture, uint64_t n_bytes)
{
    uint64_t plane_bytes = (uint64_t)picture->width * picture->height;
    return n_bytes <= picture->limits.max_bytes &&
           plane_bytes <= picture->limits.max_bytes - n_bytes && is_available(n_bytes);
}

static enum gm_reason too_large(struct gm_picture *picture, const struct gm_picture_shape *shape,
                                uint64_t need)
{
    char needed[GM_NUM_TEXT_BYTES], limit[GM_NUM_TEXT_BYTES];
    bool own_limit = need > picture->limits.max_bytes;
    return gm_picture_fail(
        picture, GM_REASON_LIMIT_MEMORY, "%llu x %llu pixels need about %s, more than %s%s",
        (unsigned long long)shape->width, (unsigned long long)shape->height,
        gm_format_bytes(need, needed), own_limit ? "max_memory " : "this worker has",
        own_limit ? gm_format_bytes(picture->limits.max_bytes, limit) : "");
}

uint8_t *gm_picture_scratch(struct gm_picture *picture, size_t n_bytes)
{
    if (!ensure(&picture->scratch, &picture->scratch_capacity_bytes, n_bytes ? n_bytes : 1))
        return NULL;
    return picture->scratch;
}

void gm_picture_swap(struct gm_picture *picture, uint32_t width, uint32_t height)
{
    uint8_t *plane = picture->plane;
    size_t capacity_bytes = picture->plane_capacity_bytes;
    GM_ASSERT((size_t)width * height <= picture->scratch_capacity_bytes);
    picture->plane = picture->scratch;
    picture->plane_capacity_bytes = picture->scratch_capacity_bytes;
    picture->scratch = plane;
    picture->scratch_capacity_bytes = capacity_bytes;
    picture->width = width;
    picture->height = height;
}

enum gm_reason gm_picture_check(struct gm_picture *picture, const struct gm_picture_shape *shape,
                                uint64_t working_bytes)
{
    static const char *const modes[] = {"", "L", "LA", "RGB", "RGBA"};
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
    if (working_bytes > picture->limits.max_bytes || !is_available(working_bytes))
        return too_large(picture, shape, working_bytes);
    picture->width = (uint32_t)width;
    picture->height = (uint32_t)height;
    picture->channels = shape->channels;
    picture->bit_depth = shape->bit_depth;
    picture->mode = modes[shape->channels <= 4 ? shape->channels : 0];
    return GM_REASON_NONE;
}

enum gm_reason gm_picture_begin(struct gm_picture *picture, const struct gm_picture_shape *shape,
                                uint64_t working_bytes)
{
    uint64_t sides = GM_PICTURE_MAX_SIDE; /* so that nothing wraps before the check */
    uint64_t pixels = shape->width > sides || shape->height > sides ? sides * sides
                                                                    : shape->width * shape->height;
    uint64_t need = pixels * (1 + picture->limits.extra_bytes_per_pixel) + working_bytes;
    enum gm_reason reason = gm_picture_check(picture, shape, need);
    if (!reason && !ensure(&picture->plane, &picture->plane_capacity_bytes, (size_t)pixels))
        return too_large(picture, shape, need);
    return reason;
}

enum gm_reason gm_picture_decode(struct gm_picture *picture, enum gm_media media,
                                 const uint8_t *data, size_t n_bytes)
{
    picture->data = data;
    picture->n_bytes = n_bytes;
    picture->width = picture->height = 0;
    picture->message[0] = '\0';
    picture->is_partial = false;
    enum gm_reason reason = GM_PICTURE_PASS;
    for (size_t i = 0; i < GM_ARRAY_LEN(decoders) && reason == GM_PICTURE_PASS; i++)
        if (decoders[i].media == media)
            reason = decoders[i].decode(picture);
    picture->data = NULL;
    picture->n_bytes = 0;
    if (reason != GM_PICTURE_PASS)
        return reason;
    return gm_picture_fail(picture, GM_REASON_MEDIA_UNSUPPORTED, "not an image");
}
