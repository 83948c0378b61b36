/* Every step is Pillow's (Resample.c of 9.4, unchanged since 3.4), in the same order and precision:
 * one rounding done differently would show in one pixel of thousands.
 *
 * That costs two sines of the library a weight, which for a small picture is more than all the rest
 * of a resize. So weights are first computed with polynomials, four at once. Their error is below
 * 1e-13 (the sines' is some 1e-16, and arguments next to 0, where it would grow, are left out), so
 * that of a weight in its last place is below 1e-6. Where a rounding could go either way within a
 * hundred times that, the output value's weights are computed again the exact way. */
#include "image/lanczos.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOBES      3.0
#define SLOT_GROUP 16u
#define DOUBTFUL   1e-4 /* of the last place */
#define NEAR_ZERO  0.0625

#define INLINE     static inline __attribute__((always_inline))

typedef double four __attribute__((vector_size(32)));
typedef uint64_t four_bits __attribute__((vector_size(32)));

/* Where the input values of an output value are. */
struct window {
    int first, n;
    double center, step;
};

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

static struct window window_of(const struct gm_lanczos *lanczos, uint32_t i)
{
    double scale = (double)lanczos->n_in / lanczos->n_out;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double support = LOBES * filter_scale, center = (i + 0.5) * scale;
    int first = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
    if (first < 0)
        first = 0;
    if (end > (int)lanczos->n_in)
        end = (int)lanczos->n_in;
    return (struct window){first, end - first, center, 1.0 / filter_scale};
}

static double argument(const struct window *window, int k)
{
    return (k + window->first - window->center + 0.5) * window->step;
}

/* value: a weight in its last places. */
static void set_weight(struct gm_lanczos *lanczos, size_t slot, int32_t value)
{
    int32_t low = value & ((1 << GM_LANCZOS_LOW_BITS) - 1);
    lanczos->low[slot] = (int16_t)low;
    lanczos->high[slot] = (int16_t)(value >> GM_LANCZOS_LOW_BITS);
}

/* The weights of output value i, normalised to a sum of 1. */
static void weigh(struct gm_lanczos *lanczos, uint32_t i, const struct window *window,
                  double *weights)
{
    double sum = 0.0;
    for (int k = 0; k < window->n; k++) {
        weights[k] = weight_at(argument(window, k));
        sum += weights[k];
    }
    for (int k = 0; k < window->n; k++) {
        double weight = sum != 0.0 ? weights[k] / sum : weights[k];
        double scaled = weight * (1 << GM_LANCZOS_BITS);
        set_weight(lanczos, (size_t)i * lanczos->n_slots + (size_t)k,
                   weight < 0 ? (int32_t)(-0.5 + scaled) : (int32_t)(0.5 + scaled));
    }
}

/* ---- the quick way ---- */

/* sin(pi x) for small x, in place: the nearest whole number is taken off, whose last bit is the
 * sign. The series up to y^21 is right to the last bits for |y| <= pi / 2. */
INLINE void sine(four *x)
{
    const double shift = 0x1.8p52;
    four shifted = *x + shift;
    four y = (*x - (shifted - shift)) * M_PI, z = y * y, zz = z * z;
    four even = zz * (1 / 51090942171709440000.0) + 1 / 355687428096000.0;
    even = zz * (zz * (zz * even + 1 / 6227020800.0) + 1.0 / 362880) + 1.0 / 120;
    four odd = zz * (1 / 121645100408832000.0) + 1 / 1307674368000.0;
    odd = zz * (zz * odd + 1.0 / 39916800) + 1.0 / 5040;
    y *= zz * even + 1 - z * (zz * odd + 1.0 / 6);
    *x = (four)((four_bits)y ^ (four_bits)shifted << 63);
}

/* Returns the sum. The weights end with zeros up to a multiple of 4, for which there is room. */
INLINE double weigh_fours(const struct window *window, double *weights)
{
    four at = {0, 1, 2, 3}, sums = {0, 0, 0, 0};
    at += window->first;
    for (int k = 0; k < window->n; k += 4, at += 4) {
        four x = (at - window->center + 0.5) * window->step, first = x, second = x * (1 / LOBES);
        sine(&first);
        sine(&second);
        four weight = first * second / (x * x * (M_PI * M_PI / LOBES));
        four_bits is_counted = (x >= -LOBES) & (x < LOBES) & (at < window->first + window->n);
        four_bits is_near = (x < NEAR_ZERO) & (x > -NEAR_ZERO);
        for (int i = 0; i < 4 && (is_near[0] | is_near[1] | is_near[2] | is_near[3]); i++)
            weight[i] = weight_at(x[i]);
        weight = (four)((four_bits)weight & is_counted);
        memcpy(weights + k, &weight, sizeof weight);
        sums += weight;
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static double weigh_avx2(const struct window *window,
                                                         double *weights)
{
    return weigh_fours(window, weights);
}
#endif

static double weigh_quickly(const struct window *window, double *weights)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return weigh_avx2(window, weights);
#endif
    return weigh_fours(window, weights);
}

/* False: a rounding is in doubt. */
static bool set_quick_weights(struct gm_lanczos *lanczos, uint32_t i, const struct window *window,
                              double *weights)
{
    double sum = weigh_quickly(window, weights);
    double factor = (1 << GM_LANCZOS_BITS) / sum;
    bool is_sure = sum > 0.5;
    for (int k = 0; is_sure && k < window->n; k++) {
        double size = fabs(weights[k] * factor) + 0.5;
        int32_t value = (int32_t)size;
        double rest = size - value;
        is_sure = rest > DOUBTFUL && rest < 1 - DOUBTFUL;
        set_weight(lanczos, (size_t)i * lanczos->n_slots + (size_t)k,
                   weights[k] < 0 ? -value : value);
    }
    return is_sure;
}

static bool init(struct gm_lanczos *lanczos, uint32_t n_in, uint32_t n_out, bool is_quick)
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
        struct window window = window_of(lanczos, i);
        lanczos->first[i] = (uint32_t)window.first;
        lanczos->n[i] = (uint32_t)window.n;
        if (!is_quick || !set_quick_weights(lanczos, i, &window, weights))
            weigh(lanczos, i, &window, weights);
    }
    free(weights);
    if (!good)
        gm_lanczos_fini(lanczos);
    return good;
}

bool gm_lanczos_init(struct gm_lanczos *lanczos, uint32_t n_in, uint32_t n_out)
{
    return init(lanczos, n_in, n_out, true);
}

bool gm_lanczos_init_plain(struct gm_lanczos *lanczos, uint32_t n_in, uint32_t n_out)
{
    return init(lanczos, n_in, n_out, false);
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
