/* One string of a JSON line without a parse of everything, and what stands beside it: the road of
 * text corpora, whose lines are {"text": "..."} with a few small fields. It says yes or "not sure",
 * never no: what it is not sure of (deep nesting, escapes in keys, a field that is there twice,
 * strange numbers, anything wrong) is left to json.h, whose verdict is the only one that users see.
 */
#ifndef GM_JSON_QUICK_H
#define GM_JSON_QUICK_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gm_json_tier {
    GM_JSON_PLAIN,
    GM_JSON_AVX2,
    GM_JSON_AVX512, /* with VBMI2 */
    GM_JSON_TIERS
};
enum gm_json_tier gm_json_best_tier(void); /* of this machine; any lower one works too */

#define GM_JSON_QUICK_SLACK 64 /* bytes that may be written behind the decoded string */

struct gm_json_quick {
    enum gm_json_tier tier;
    const char *field;
    const char *id_field;  /* NULL: none is wanted */
    struct gm_buf *others; /* what gm_json_append_others would append; NULL: not wanted */
    /* results */
    const uint8_t *value; /* a part of the text, or decoded */
    size_t value_bytes;
    const uint8_t *id; /* part of the text: the string, or the number as written; NULL: neither */
    size_t id_bytes;
    size_t n_others;
};

/* True: the text is a valid JSON object in valid UTF-8, in which the key `field` stands once and
 * has a string, which is decoded into `decoded` (room for n_bytes + GM_JSON_QUICK_SLACK) if it has
 * escapes. No byte outside of the text is read. Then only an allocation of `others` can have
 * failed; if it says no, they hold rubbish. */
bool gm_json_quick_string(struct gm_json_quick *quick, const uint8_t *text, size_t n_bytes,
                          uint8_t *decoded);

#ifdef __cplusplus
}
#endif
#endif
