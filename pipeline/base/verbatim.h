/* The inner loop of gm_json_string (buf.h), which every text of every record goes through. Any
 * process, any thread. */
#ifndef GM_BASE_VERBATIM_H
#define GM_BASE_VERBATIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_verbatim_tier {
    GM_VERBATIM_LANES, /* 16 bytes at a time, on every CPU */
    GM_VERBATIM_AVX2,
    GM_VERBATIM_AVX512
};
enum gm_verbatim_tier gm_verbatim_best_tier(void); /* of this machine; any lower one works too */

/* Copies bytes up to the first one that does not stand in a JSON string as it is: ", \, a C0
 * control or DEL, or, unless `with_high`, one that is not ASCII. Returns how many were copied. `to`
 * has room for n_bytes, all of which may be written. */
size_t gm_verbatim_copy(enum gm_verbatim_tier tier, uint8_t *to, const uint8_t *text,
                        size_t n_bytes, bool with_high);

#endif
