/* Little-endian numbers in file headers; p needs no alignment. */
#ifndef GM_IMAGE_LE_H
#define GM_IMAGE_LE_H

#include <stdint.h>

static inline uint32_t gm_le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t gm_le24(const uint8_t *p)
{
    return gm_le16(p) | (uint32_t)p[2] << 16;
}

static inline uint32_t gm_le32(const uint8_t *p)
{
    return gm_le24(p) | (uint32_t)p[3] << 24;
}

#endif
