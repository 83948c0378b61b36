/* Reading a JSON text from front to back, value by value: for long lists, of which a parsed
 * document would be several times as large as the text. It says yes or "not sure", never no: what
 * it is not sure of is left to json.h, whose verdict is the only one that users see. So whoever
 * uses it has to be able to begin again.
 *
 * Strings are what they are in the text, or are decoded into the reader's memory; the caller sees
 * to it that the text is UTF-8. No byte outside of the text is read. One thread. */
#ifndef GM_JSON_PULL_H
#define GM_JSON_PULL_H

#include "json/quick.h"

struct gm_json_text {
    const char *text; /* not NUL-terminated; lives as long as the text and the reader's memory */
    size_t n_bytes;
};

struct gm_json_pull {
    const uint8_t *text, *at, *end;
    uint8_t *decoded, *decoded_at; /* made for the first string that needs it */
    enum gm_json_tier tier;
};

void gm_json_pull_init(struct gm_json_pull *pull, const void *text, size_t n_bytes);
void gm_json_pull_fini(struct gm_json_pull *pull); /* frees decoded strings */

/* The next byte that is not white space; -1: the text ends. */
int gm_json_pull_peek(struct gm_json_pull *pull);
/* Takes it if it is this one. */
bool gm_json_pull_take(struct gm_json_pull *pull, char byte);
/* false: not a string, not valid, or no memory. */
bool gm_json_pull_string(struct gm_json_pull *pull, struct gm_json_text *string);
/* A string without escapes, as keys are. */
bool gm_json_pull_key(struct gm_json_pull *pull, struct gm_json_text *key);
/* A whole number of at most 18 digits; what stands behind them is for the next call. */
bool gm_json_pull_u64(struct gm_json_pull *pull, uint64_t *value);
/* Goes behind a value, which is not looked at: where it is not valid, anywhere in front of the end.
 */
void gm_json_pull_skip(struct gm_json_pull *pull);

#endif
