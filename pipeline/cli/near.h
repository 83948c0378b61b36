/* Which of many 64-bit hashes lie near each other: equal, or different in at most so many bits. The
 * search is exact, and made for millions: see near.c. */
#ifndef GM_CLI_NEAR_H
#define GM_CLI_NEAR_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define GM_NEAR_MAX_DISTANCE 16

/* Groups: hashes belong together if steps of at most `distance` bits lead from one to the other.
 * first_of[i] becomes the lowest index in the group of i. n is below 2^32. Needs about 40 bytes a
 * hash. GM_NOMEM. */
enum gm_status gm_near_groups(const uint64_t *hashes, size_t n, unsigned distance,
                              uint32_t *first_of, struct gm_err *err);

#endif
