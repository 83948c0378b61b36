/* The weights of a Lanczos filter along one side, as Pillow computes them. */
#ifndef GM_IMAGE_LANCZOS_H
#define GM_IMAGE_LANCZOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_LANCZOS_BITS 22 /* fractional bits of a weight */
/* A weight is high x 2^11 + low, so that each half fits a signed 16-bit factor. */
#define GM_LANCZOS_LOW_BITS 11

struct gm_lanczos {
    uint32_t n_in, n_out;
    uint32_t n_slots;    /* weights of each output value, zeros at the end, a multiple of 16 */
    uint32_t *first, *n; /* input values of each output value */
    int16_t *high, *low; /* n_out x n_slots */
};

/* false: no memory. */
bool gm_lanczos_init(struct gm_lanczos *lanczos, uint32_t n_in, uint32_t n_out);
/* The same weights, all by the exact way; for tests. */
bool gm_lanczos_init_plain(struct gm_lanczos *lanczos, uint32_t n_in, uint32_t n_out);
void gm_lanczos_fini(struct gm_lanczos *lanczos);
size_t gm_lanczos_bytes(const struct gm_lanczos *lanczos);

static inline int32_t gm_lanczos_weight(const struct gm_lanczos *lanczos, size_t slot)
{
    return lanczos->high[slot] * (1 << GM_LANCZOS_LOW_BITS) + lanczos->low[slot];
}

#endif
