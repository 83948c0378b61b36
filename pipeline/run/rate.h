/* A rate that neither jumps nor lags: the exponentially weighted mean of what a counter gains, over
 * about the last ten seconds, and right from the first second on. Time is given by the caller. */
#ifndef GM_RUN_RATE_H
#define GM_RUN_RATE_H

#include <stdint.h>

struct gm_rate { /* zeroed to begin with */
    uint64_t last_ms, last_value;
    double sum, weight; /* of gains per second, each weighted by its age */
    int started;
};

/* The counter's value now. Times do not go back; calls less than 100 ms apart are put together. */
void gm_rate_add(struct gm_rate *rate, uint64_t now_ms, uint64_t value);
/* Per second; 0 before two values were given. */
double gm_rate_per_second(const struct gm_rate *rate);
/* Milliseconds until n more have been gained; UINT64_MAX: not to be said. */
uint64_t gm_rate_eta_ms(const struct gm_rate *rate, uint64_t n);

#endif
