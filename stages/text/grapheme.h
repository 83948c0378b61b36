/* Extended grapheme clusters (UAX #29, rules GB1-GB999): what a reader sees as one character.
 * A state machine that is fed one code point after another and needs no look-ahead, so that a
 * megabyte of combining marks costs what a megabyte of anything costs. */
#ifndef GM_TEXT_GRAPHEME_H
#define GM_TEXT_GRAPHEME_H

#include "text/uniprop.h"
#include <stdbool.h>

struct gm_grapheme {
    uint8_t left;  /* enum gm_gcb of the code point before */
    uint8_t emoji; /* GB11: 1 after Extended_Pictographic Extend*, 2 with a ZWJ behind that */
    bool ri_odd;   /* GB12, GB13: the run of regional indicators so far is odd */
};

/* Start of text, or any place that is known to be a boundary. */
void gm_grapheme_init(struct gm_grapheme *state);
/* gm_grapheme_step for everything but one ordinary letter behind another. */
bool gm_grapheme_step_rare(struct gm_grapheme *state, const struct gm_uniprop *prop);

/* true: there is a boundary in front of the code point with this record. */
static inline bool gm_grapheme_step(struct gm_grapheme *state, const struct gm_uniprop *prop)
{
    if (__builtin_expect((state->left | state->emoji | prop->grapheme) == 0 &&
                             !(prop->flags & GM_UNI_PICTOGRAPH),
                         1))
        return true; /* Other behind Other, and so the state stays as it is */
    return gm_grapheme_step_rare(state, prop);
}

#endif
