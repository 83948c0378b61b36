/* Every step is Pillow's (Resample.c of 9.4, unchanged since 3.4), in the same order and precision:
 * one rounding done differently would show in one pixel of thousands. */
#include "image/lanczos.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOBES      3.0
#define SLOT_GROUP 16u

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double weight_at(double x)
{
    return -LOBES <= x && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0.0;
}

/* The weights of output value i, normalised to a sum of 1. */
static void weigh(struct gm_lanczos *lanczos, uint32_t i, double *weights)
{
    double scale = (double)lanczos->n_in / lanczos->n_out;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double support = LOBES * filter_scale, center = (i + 0.5) * scale;
    double step = 1.0 / filter_scale, sum = 0.0;
    int first = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
    if (first < 0)
        first = 0;
    if (end > (int)lanczos->n_in)
        end = (int)lanczos->n_in;
    lanczos->first[i] = (uint32_t)first;
    lanczos->n[i] = (uint32_t)(end - first);
    for (int k = 0; k < end - first; k++) {
        weights[k] = weight_at((k + first - center + 0.5) * step);
        sum += weights[k];
    }
    for (int k = 0; k < end - first && sum != 0.0; k++)
        weights[k] /= sum;
}

static void set_weight(struct gm_lanczos *lanczos, size_t slot, double weight)
{
    double scaled = weight * (1 << GM_LANCZOS_BITS);
    int32_t value = weight < 0 ? (int32_t)(-0.5 + scaled) : (int32_t)(0.5 + scaled);
    int32_t low = value & ((1 << GM_LANCZOS_LOW_BITS) - 1);
    lanczos->low[slot] = (int16_t)low;
    lanczos->high[slot] = (int16_t)((value - low) / (1 << GM_LANCZOS_LOW_BITS));
}

bool gm_lanczos_init(struct gm_lanczos *lanczos, uint32_t n_in, uint32_t n_out)
{
    GM_ASSERT(n_in > 0 && n_out > 0 && n_in <= INT32_MAX / 8);
    double scale = (double)n_in / n_out;
    uint32_t n_slots = (uint32_t)ceil(LOBES * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
    n_slots = (n_slots + SLOT_GROUP - 1) / SLOT_GROUP * SLOT_GROUP;
    *lanczos = (struct gm_lanczos){.n_in = n_in, .n_out = n_out, .n_slots = n_slots};
    lanczos->first = calloc(n_out, sizeof(*lanczos->first));
    lanczos->n = calloc(n_out, sizeof(*lanczos->n));
    lanczos->high = calloc((size_t)n_out * n_slots, sizeof(*lanczos->high));
    lanczos->low = calloc((size_t)n_out * n_slots, sizeof(*lanczos->low));
    double *weights = malloc(n_slots * sizeof(*weights));
    bool good = lanczos->first && lanczos->n && lanczos->high && lanczos->low && weights;
    for (uint32_t i = 0; i < n_out && good; i++) {
        weigh(lanczos, i, weights);
        for (size_t k = 0; k < lanczos->n[i]; k++)
            set_weight(lanczos, (size_t)i * n_slots + k, weights[k]);
    }
    free(weights);
    if (!good)
        gm_lanczos_fini(lanczos);
    return good;
}

void gm_lanczos_fini(struct gm_lanczos *lanczos)
{
    free(lanczos->first);
    free(lanczos->n);
    free(lanczos->high);
    free(lanczos->low);
    *lanczos = (struct gm_lanczos){0};
}

size_t gm_lanczos_bytes(const struct gm_lanczos *lanczos)
{
    return lanczos->n_out * (2 * sizeof(uint32_t) + 2 * sizeof(int16_t) * lanczos->n_slots);
}
