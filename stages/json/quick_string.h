/* The strings of quick.h, once for each tier. Private to stages/json. */
#ifndef GM_JSON_QUICK_STRING_H
#define GM_JSON_QUICK_STRING_H

#include "json/quick.h"

struct gm_quick_string {
    const uint8_t *at,
        *end;    /* of the text; behind the opening quote, then behind the closing one */
    uint8_t *to; /* decoded up to here */
    bool has_escapes;
    bool is_ascii; /* only ever cleared */
};

/* Decodes the string that starts at `at`. false: not sure. */
typedef bool gm_quick_string_function(struct gm_quick_string *string);
extern gm_quick_string_function *const gm_quick_string_of[GM_JSON_TIERS];

/* \uXXXX at `at`, or two of them for one character: appends it to *to and returns how many bytes of
 * the text it took; 0: not sure. */
size_t gm_quick_unicode(const uint8_t *at, const uint8_t *end, uint8_t **to);

#endif
