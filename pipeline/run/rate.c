/* See rate.h. The weights are divided out, so that the mean is not pulled towards zero while there
 * are few samples. */
#include "run/rate.h"

#include <math.h>

#define SPAN_MS       10000.0
#define MIN_SAMPLE_MS 100
#define ETA_MAX_MS    (1000.0 * 86400 * 99) /* beyond it is no estimate */

void gm_rate_add(struct gm_rate *rate, uint64_t now_ms, uint64_t value)
{
    if (!rate->started || value < rate->last_value) {
        *rate = (struct gm_rate){.last_ms = now_ms, .last_value = value, .started = 1};
        return;
    }
    if (now_ms < rate->last_ms + MIN_SAMPLE_MS)
        return;
    double passed_ms = (double)(now_ms - rate->last_ms);
    double keep = exp(-passed_ms / SPAN_MS);
    double gained = (double)(value - rate->last_value) * 1000.0 / passed_ms;
    rate->sum = rate->sum * keep + gained * (1.0 - keep);
    rate->weight = rate->weight * keep + (1.0 - keep);
    rate->last_ms = now_ms;
    rate->last_value = value;
}

double gm_rate_per_second(const struct gm_rate *rate)
{
    return rate->weight > 0 ? rate->sum / rate->weight : 0;
}

uint64_t gm_rate_eta_ms(const struct gm_rate *rate, uint64_t n)
{
    double per_second = gm_rate_per_second(rate);
    if (n == 0)
        return 0;
    if (per_second <= 0)
        return UINT64_MAX;
    double eta_ms = (double)n / per_second * 1000.0;
    return eta_ms < ETA_MAX_MS ? (uint64_t)(eta_ms + 0.5) : UINT64_MAX;
}
