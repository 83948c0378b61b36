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

static inline void gm_put_be16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void gm_put_be32(uint8_t *p, uint32_t value)
{
    gm_put_be16(p, value >> 16);
    gm_put_be16(p + 2, value);
}

#endif
