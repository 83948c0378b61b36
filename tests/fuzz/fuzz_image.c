/* Fuzz target: any bytes as a picture of each kind, under 64 MB: decoded, or refused with a reason.
 * The first byte chooses the kind, so that one corpus serves all decoders; in PNG the checksums are
 * repaired unless it says not to. */
#include "image/picture.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Gives every PNG chunk a right checksum, or the fuzzer would never come past the first one. */
static void repair_checksums(uint8_t *png, size_t n_bytes)
{
    size_t at = 8;
    while (at + 12 <= n_bytes) {
        uint32_t data_bytes = (uint32_t)png[at] << 24 | (uint32_t)png[at + 1] << 16 |
                              (uint32_t)png[at + 2] << 8 | png[at + 3];
        if (data_bytes > n_bytes - at - 12)
            return;
        uint32_t sum = libdeflate_crc32(0, png + at + 4, (size_t)data_bytes + 4);
        for (size_t i = 0; i < 4; i++)
            png[at + 8 + data_bytes + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + (size_t)data_bytes;
    }
}

static void decode(const uint8_t *data, size_t n_bytes, enum gm_media media,
                   enum gm_luma_mode luma_mode)
{
    struct gm_picture picture;
    gm_picture_init(&picture);
    picture.limits = (struct gm_picture_limits){4u << 20, 64u << 20, 2};
    picture.luma_mode = luma_mode;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const enum gm_media kinds[] = {GM_MEDIA_JPEG, GM_MEDIA_PNG, GM_MEDIA_WEBP,
                                          GM_MEDIA_BMP,  GM_MEDIA_GIF, GM_MEDIA_PNM};
    if (n_bytes == 0)
        return 0;
    enum gm_media media = kinds[(data[0] & 0x3f) % GM_ARRAY_LEN(kinds)];
    uint8_t *copy = malloc(n_bytes > 1 ? n_bytes - 1 : 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, n_bytes - 1);
    if (media == GM_MEDIA_PNG && !(data[0] & 0x40))
        repair_checksums(copy, n_bytes - 1);
    decode(copy, n_bytes - 1, media, data[0] & 0x80 ? GM_LUMA_FAST : GM_LUMA_EXACT);
    free(copy);
    return 0;
}
