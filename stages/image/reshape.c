/* Sizes are decided after turning, as a viewer would. */
#include "image/reshape.h"

static void turned_size(const struct gm_reshape *reshape, uint32_t *width, uint32_t *height)
{
    if (reshape->orientation < 5 || reshape->orientation > 8)
        return;
    uint32_t turned = *width;
    *width = *height;
    *height = turned;
}

void gm_reshape_size(const struct gm_reshape *reshape, uint32_t *width, uint32_t *height)
{
    turned_size(reshape, width, height);
    switch (reshape->resize) {
    case GM_RESIZE_NONE:
        break;
    case GM_RESIZE_LONG_SIDE:
        gm_resample_fit(reshape->long_side, reshape->long_side, width, height);
        break;
    case GM_RESIZE_FIT:
        gm_resample_fit(reshape->width, reshape->height, width, height);
        break;
    case GM_RESIZE_EXACT:
        *width = reshape->width;
        *height = reshape->height;
        break;
    }
}

static enum gm_reason resize(const struct gm_reshape *reshape, struct gm_resampler *resampler,
                             struct gm_picture *picture)
{
    struct gm_gray from = {picture->plane, picture->width, picture->height};
    struct gm_reshape size_only = *reshape;
    uint32_t width = from.width, height = from.height;
    size_only.orientation = 0; /* has been applied */
    gm_reshape_size(&size_only, &width, &height);
    if (width == from.width && height == from.height)
        return GM_REASON_NONE;
    if ((uint64_t)width * height > picture->limits.max_pixels)
        return gm_picture_fail(picture, GM_REASON_LIMIT_PIXELS,
                               "%u x %u pixels are more than max_pixels", width, height);
    uint8_t *to = NULL;
    if (gm_picture_has_room(picture, (uint64_t)width * ((uint64_t)height + from.height)))
        to = gm_picture_scratch(picture, (size_t)width * height);
    if (!to || !gm_resample(resampler, &from, width, height, to))
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory for %u x %u pixels",
                               width, height);
    gm_picture_swap(picture, width, height);
    return GM_REASON_NONE;
}

enum gm_reason gm_reshape(const struct gm_reshape *reshape, struct gm_resampler *resampler,
                          struct gm_picture *picture)
{
    enum gm_reason reason = gm_picture_orient(picture, reshape->orientation);
    return reason ? reason : resize(reshape, resampler, picture);
}
