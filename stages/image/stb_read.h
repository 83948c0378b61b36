/* stb_image as the reader of stored samples: TGA's run lengths and PSD's packed planes.
 *
 * What the samples mean (palettes, alpha, inks, gray) is the callers' business, and so is whether
 * the file is whole: stb_image takes zeros for what is missing. It is therefore shown a file that
 * is put together for it, a header of the caller's making and the stretches of the real file that
 * were checked, and it gets one piece of memory that is exactly as large as the samples. */
#ifndef GM_IMAGE_STB_READ_H
#define GM_IMAGE_STB_READ_H

#include "batch.h"
#include "image/picture.h"

#define GM_STB_MAX_PIECES 3

struct gm_stb_file {
    struct gm_view pieces[GM_STB_MAX_PIECES]; /* one behind the other; empty ones at the end */
    uint32_t width, height;                   /* as its header says, at most GM_PICTURE_MAX_SIDE */
    unsigned channels;                        /* what stb_image makes of a pixel: bytes, 1 to 4 */
};

/* Memory for the samples, for gm_picture_begin. */
static inline uint64_t gm_stb_bytes(const struct gm_stb_file *file)
{
    return (uint64_t)file->width * file->height * file->channels;
}

/* The samples in the scratch of the picture: rows from the top, channels side by side, no padding.
 * LIMIT_MEMORY: no memory, or above the 2 GB that stb_image can count; IMAGE_BROKEN: stb_image
 * refuses a file that its caller found whole. The message is set. */
enum gm_reason gm_stb_read(struct gm_picture *picture, const struct gm_stb_file *file,
                           uint8_t **samples);

#endif
