/* See fuzz_picture.h. */
#include "fuzz_picture.h"

#include "image/be.h"
#include "image/picture.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum { ALPHA_BITS = 3, SIXTEEN_BIT = 4, LUMA_BIT = 8, CHECKSUM_BIT = 16, PARTIAL_BIT = 32 };

/* Gives every PNG chunk a right checksum, or the fuzzer would never come past the first one. */
static void repair_checksums(uint8_t *png, size_t n_bytes)
{
    size_t at = 8;
    while (at + 12 <= n_bytes) {
        uint32_t data_bytes = gm_be32(png + at);
        if (data_bytes > n_bytes - at - 12)
            return;
        gm_put_be32(png + at + 8 + data_bytes,
                    libdeflate_crc32(0, png + at + 4, (size_t)data_bytes + 4));
        at += 12 + (size_t)data_bytes;
    }
}

static void decode(const uint8_t *data, size_t n_bytes, enum gm_media media, unsigned options)
{
    struct gm_picture picture;
    gm_picture_init(&picture);
    picture.limits = (struct gm_picture_limits){4u << 20, 64u << 20, 2};
    picture.luma_mode = options & LUMA_BIT ? GM_LUMA_FAST : GM_LUMA_EXACT;
    picture.alpha = (enum gm_alpha_mode)((options & ALPHA_BITS) % 3);
    picture.sixteen_bit = options & SIXTEEN_BIT ? GM_SIXTEEN_CLIP : GM_SIXTEEN_HIGH;
    picture.takes_partial = options & PARTIAL_BIT;
    if (gm_picture_decode(&picture, media, data, n_bytes) == GM_REASON_NONE) {
        size_t n_pixels = (size_t)picture.width * picture.height;
        GM_ASSERT(n_pixels > 0 && n_pixels <= picture.limits.max_pixels);
        volatile uint8_t last = picture.plane[n_pixels - 1];
        (void)last;
    } else {
        GM_ASSERT(picture.message[0] != '\0');
    }
    gm_picture_fini(&picture);
}

int fuzz_picture(enum gm_media media, const uint8_t *data, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    uint8_t *copy = malloc(n_bytes > 1 ? n_bytes - 1 : 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, n_bytes - 1);
    if (media == GM_MEDIA_PNG && !(data[0] & CHECKSUM_BIT))
        repair_checksums(copy, n_bytes - 1);
    decode(copy, n_bytes - 1, media, data[0]);
    free(copy);
    return 0;
}
