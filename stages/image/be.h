/* Big-endian numbers in file headers; p needs no alignment. */
#ifndef GM_IMAGE_BE_H
#define GM_IMAGE_BE_H

#include <stdint.h>

static inline uint32_t gm_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t gm_be32(const uint8_t *p)
{
    return gm_be16(p) << 16 | gm_be16(p + 2);
}

#endif
