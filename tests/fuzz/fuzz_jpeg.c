/* Fuzz target: any bytes as a JPEG for the lossless routes. What a route takes must be a gray JPEG
 * that libjpeg reads without a doubt, with the pixels that libjpeg sees in the Y channel of the
 * source. The first byte chooses the metadata and whether the second route may try. */
#include "image/jpeg_copy.h"
#include "jpeg_reference.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PIXELS (1 << 14) /* 256 blocks: two scans are walked in turns from 64 on */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void compare(const struct gm_jpeg_file *file, const struct gm_buf *out)
{
    struct jpeg_reference from, to;
    jpeg_reference_decode(&from, file->data, file->n_bytes, MAX_PIXELS);
    jpeg_reference_decode(&to, out->data, out->n_bytes, MAX_PIXELS);
    GM_ASSERT(from.plane && to.plane && to.n_components == 1 && to.n_warnings == 0);
    GM_ASSERT(from.width == to.width && from.height == to.height);
    GM_ASSERT(memcmp(from.plane, to.plane, (size_t)from.width * from.height) == 0);
    jpeg_reference_free(&from);
    jpeg_reference_free(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static struct gm_jpeg_copier *copier; /* as in a worker: tables stay from file to file */
    struct gm_picture picture;
    struct gm_buf out = GM_BUF_INIT;
    const char *route;
    if (n_bytes == 0)
        return 0;
    if (!copier)
        copier = gm_jpeg_copier_new();
    uint8_t *copy = malloc(n_bytes);
    if (!copier || !copy)
        abort();
    memcpy(copy, data + 1, n_bytes - 1);
    const struct gm_jpeg_file file = {copy, n_bytes - 1, (enum gm_jpeg_metadata)(data[0] % 3)};
    gm_picture_init(&picture);
    picture.limits = (struct gm_picture_limits){MAX_PIXELS, 64u << 20, 0};
    enum gm_reason reason = data[0] & 0x80 ? gm_jpeg_lossless(copier, &file, &picture, &out, &route)
                                           : gm_jpeg_copy(copier, &file, &picture, &out);
    if (reason == GM_REASON_NONE)
        compare(&file, &out);
    else
        GM_ASSERT(reason == GM_PICTURE_PASS || picture.message[0] != '\0');
    gm_picture_fini(&picture);
    gm_buf_free(&out);
    free(copy);
    return 0;
}
