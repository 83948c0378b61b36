/* WebP to gray through libwebp: lossy and lossless, alpha dropped, the first frame of an animation
 * laid on a black canvas, all as Pillow does (or laid on the background that is asked for).
 *
 * The container is walked here first: libwebp decodes a lossy picture whose last bytes are missing,
 * so the sizes of the RIFF file and of each chunk are compared with the bytes at hand, and the
 * frame of an animation is found. Bytes behind the RIFF file are ignored. */
#include "image/le.h"
#include "image/luma.h"
#include "image/picture.h"

#include <string.h>
#include <webp/decode.h>

#define RIFF_HEAD_BYTES  12
#define CHUNK_HEAD_BYTES 8
#define VP8X_BYTES       10
#define ANMF_BYTES       16
#define LOSSLESS         2 /* in WebPBitstreamFeatures.format */

struct webp {
    uint32_t canvas_width, canvas_height; /* 0: no VP8X chunk */
    uint32_t frame_x, frame_y;
    uint32_t frame_width, frame_height; /* 0: not an animation */
    const uint8_t *frame;               /* what libwebp gets */
    size_t frame_bytes;
};

static bool is_tag(const uint8_t *p, const char *tag)
{
    return memcmp(p, tag, 4) == 0;
}

/* Takes what matters from one chunk of the file. */
static void note_chunk(struct webp *webp, const uint8_t *chunk, uint32_t n_bytes)
{
    const uint8_t *body = chunk + CHUNK_HEAD_BYTES;
    if (is_tag(chunk, "VP8X") && n_bytes >= VP8X_BYTES) {
        webp->canvas_width = gm_le24(body + 4) + 1;
        webp->canvas_height = gm_le24(body + 7) + 1;
    } else if (is_tag(chunk, "ANMF") && n_bytes >= ANMF_BYTES && !webp->frame_width) {
        webp->frame_x = gm_le24(body) * 2;
        webp->frame_y = gm_le24(body + 3) * 2;
        webp->frame_width = gm_le24(body + 6) + 1;
        webp->frame_height = gm_le24(body + 9) + 1;
        webp->frame = body + ANMF_BYTES;
        webp->frame_bytes = n_bytes - ANMF_BYTES;
    }
}

static enum gm_reason walk(struct gm_picture *picture, struct webp *webp)
{
    const uint8_t *data = picture->data;
    if (picture->n_bytes < RIFF_HEAD_BYTES + CHUNK_HEAD_BYTES)
        return gm_picture_truncated(picture, "in the header");
    if (!is_tag(data, "RIFF") || !is_tag(data + 8, "WEBP"))
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN, "not a RIFF WEBP file");
    size_t end = (size_t)gm_le32(data + 4) + CHUNK_HEAD_BYTES;
    if (end > picture->n_bytes)
        return gm_picture_truncated(picture, "before the length that its header states");
    *webp = (struct webp){.frame = data, .frame_bytes = end};
    size_t at = RIFF_HEAD_BYTES;
    while (at + CHUNK_HEAD_BYTES <= end) {
        uint32_t n_bytes = gm_le32(data + at + 4);
        if (n_bytes > end - at - CHUNK_HEAD_BYTES)
            return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN,
                                   "the chunk at byte %zu is longer than the file", at);
        note_chunk(webp, data + at, n_bytes);
        at += CHUNK_HEAD_BYTES + n_bytes + (n_bytes & 1);
    }
    return GM_REASON_NONE;
}

static enum gm_reason fail(struct gm_picture *picture, VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory for the decoder");
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return gm_picture_truncated(picture, "in the image data");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return gm_picture_fail(picture, GM_REASON_IMAGE_UNSUPPORTED,
                               "a WebP feature that is not decoded");
    default:
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN, "the WebP data is damaged");
    }
}

/* Fits the frame into the canvas and begins the picture. */
static enum gm_reason begin(struct gm_picture *picture, struct webp *webp,
                            const WebPBitstreamFeatures *features)
{
    uint32_t width = (uint32_t)features->width, height = (uint32_t)features->height;
    struct gm_picture_shape shape = {width, height, features->has_alpha ? 4 : 3, 8};
    if (webp->frame_width) {
        shape.width = webp->canvas_width;
        shape.height = webp->canvas_height;
        if (webp->frame_width != width || webp->frame_height != height ||
            webp->frame_x + (uint64_t)width > shape.width ||
            webp->frame_y + (uint64_t)height > shape.height)
            return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN,
                                   "the first frame does not fit the canvas");
    }
    /* Its output; an alpha plane with its filters, or all pixels once more if lossless. */
    uint64_t per_pixel = features->format == LOSSLESS ? 10 : features->has_alpha ? 7 : 4;
    uint64_t working = (uint64_t)width * height * per_pixel + ((uint64_t)1 << 20);
    return gm_picture_begin(picture, &shape, working);
}

static enum gm_reason read_pixels(struct gm_picture *picture, const struct webp *webp,
                                  WebPDecoderConfig *config)
{
    size_t width = (size_t)config->input.width, height = (size_t)config->input.height;
    uint8_t *rgbx = gm_picture_scratch(picture, width * height * 4);
    if (!rgbx)
        return fail(picture, VP8_STATUS_OUT_OF_MEMORY);
    config->output.colorspace = MODE_RGBA;
    config->output.is_external_memory = 1;
    config->output.u.RGBA.rgba = rgbx;
    config->output.u.RGBA.stride = (int)(width * 4);
    config->output.u.RGBA.size = width * height * 4;
    VP8StatusCode code = WebPDecode(webp->frame, webp->frame_bytes, config);
    WebPFreeDecBuffer(&config->output);
    if (code != VP8_STATUS_OK)
        return fail(picture, code);
    uint8_t background = gm_picture_background(picture);
    if (webp->frame_width)
        memset(picture->plane, background, (size_t)picture->width * picture->height);
    for (size_t y = 0; y < height; y++) {
        uint8_t *to = picture->plane + (webp->frame_y + y) * picture->width + webp->frame_x;
        if (gm_picture_is_over(picture) && config->input.has_alpha)
            gm_luma_rgba_over(rgbx + y * width * 4, to, width, background);
        else
            gm_luma_rgbx(rgbx + y * width * 4, to, width);
    }
    return GM_REASON_NONE;
}

enum gm_reason gm_webp_decode(struct gm_picture *picture)
{
    struct webp webp = {.frame = NULL};
    enum gm_reason reason = walk(picture, &webp);
    if (reason)
        return reason;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fail(picture, VP8_STATUS_INVALID_PARAM);
    VP8StatusCode code = WebPGetFeatures(webp.frame, webp.frame_bytes, &config.input);
    if (code != VP8_STATUS_OK)
        return fail(picture, code);
    if (config.input.has_animation)
        return gm_picture_fail(picture, GM_REASON_IMAGE_BROKEN, "an animation without a frame");
    reason = begin(picture, &webp, &config.input);
    return reason ? reason : read_pixels(picture, &webp, &config);
}
