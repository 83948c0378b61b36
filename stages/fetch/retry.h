/* When a failed request is worth another try, and how long to wait first. Pure functions of their
 * arguments; any thread. */
#ifndef GM_FETCH_RETRY_H
#define GM_FETCH_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* HTTP statuses that often go away by themselves (408, 425, 429, 500, 502, 503, 504, 520-524...).
 */
bool gm_retry_status(unsigned http_status);
/* Statuses that mean "you ask too often": the pause applies to the whole host. */
bool gm_retry_status_slow_down(unsigned http_status);

/* Exponential backoff with full jitter: uniform in [0, min(cap_ms, base_ms * 2^(n_tries - 1))].
 * n_tries: requests made so far, at least 1. random: any 64 random bits. */
uint64_t gm_retry_backoff_ms(uint64_t base_ms, uint64_t cap_ms, unsigned n_tries, uint64_t random);

/* The value of a Retry-After header: seconds, or an HTTP date (three forms of RFC 9110) compared
 * with now_s (seconds since 1970; a date in the past is 0). false: neither; *wait_ms untouched. */
bool gm_retry_after_ms(const char *value, int64_t now_s, uint64_t *wait_ms);

/* Next number of a small generator for jitter; *state may start as anything. */
uint64_t gm_retry_random(uint64_t *state);

#endif
