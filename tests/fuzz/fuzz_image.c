/* Fuzz target: any bytes as a picture of each kind, under 64 MB: decoded, or refused with a reason.
 * The first byte chooses the kind, so that one corpus serves all decoders. */
#include "image/picture.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const enum gm_media kinds[] = {GM_MEDIA_JPEG, GM_MEDIA_PNG, GM_MEDIA_WEBP,
                                          GM_MEDIA_BMP,  GM_MEDIA_GIF, GM_MEDIA_PNM};
    struct gm_picture picture;
    if (n_bytes == 0)
        return 0;
    gm_picture_init(&picture);
    picture.limits = (struct gm_picture_limits){4u << 20, 64u << 20, 2};
    picture.luma_mode = data[0] & 0x80 ? GM_LUMA_FAST : GM_LUMA_EXACT;
    enum gm_media media = kinds[(data[0] & 0x7f) % GM_ARRAY_LEN(kinds)];
    if (gm_picture_decode(&picture, media, data + 1, n_bytes - 1) == GM_REASON_NONE) {
        size_t n_pixels = (size_t)picture.width * picture.height;
        GM_ASSERT(n_pixels > 0 && n_pixels <= picture.limits.max_pixels);
        volatile uint8_t last = picture.plane[n_pixels - 1];
        (void)last;
    } else {
        GM_ASSERT(picture.message[0] != '\0');
    }
    gm_picture_fini(&picture);
    return 0;
}
