/* Grapheme clusters by a table of pairs; only emoji sequences and flags need a memory beyond the
 * code point before. */
#include "text/grapheme.h"

_Static_assert(GM_GCB_OTHER == 0, "gm_grapheme_step tests for it with zero");

enum pair { BREAK, JOIN, EMOJI, FLAG };

#define NEVER_BEFORE(left)                                                                         \
    [left][GM_GCB_EXTEND] = JOIN, [left][GM_GCB_ZWJ] = JOIN, [left][GM_GCB_SPACINGMARK] = JOIN

/* clang-format off */
static const uint8_t pairs[GM_GCB_COUNT][GM_GCB_COUNT] = {
    /* GB3-GB5: nothing joins a control but LF its CR */
    [GM_GCB_CR][GM_GCB_LF] = JOIN,
    /* GB9, GB9a */
    NEVER_BEFORE(GM_GCB_OTHER), NEVER_BEFORE(GM_GCB_EXTEND), NEVER_BEFORE(GM_GCB_ZWJ),
    NEVER_BEFORE(GM_GCB_REGIONAL_INDICATOR), NEVER_BEFORE(GM_GCB_PREPEND),
    NEVER_BEFORE(GM_GCB_SPACINGMARK), NEVER_BEFORE(GM_GCB_L), NEVER_BEFORE(GM_GCB_V),
    NEVER_BEFORE(GM_GCB_T), NEVER_BEFORE(GM_GCB_LV), NEVER_BEFORE(GM_GCB_LVT),
    /* GB6-GB8: Hangul syllables */
    [GM_GCB_L][GM_GCB_L] = JOIN, [GM_GCB_L][GM_GCB_V] = JOIN,
    [GM_GCB_L][GM_GCB_LV] = JOIN, [GM_GCB_L][GM_GCB_LVT] = JOIN,
    [GM_GCB_LV][GM_GCB_V] = JOIN, [GM_GCB_LV][GM_GCB_T] = JOIN,
    [GM_GCB_V][GM_GCB_V] = JOIN, [GM_GCB_V][GM_GCB_T] = JOIN,
    [GM_GCB_LVT][GM_GCB_T] = JOIN, [GM_GCB_T][GM_GCB_T] = JOIN,
    /* GB9b */
    [GM_GCB_PREPEND][GM_GCB_OTHER] = JOIN, [GM_GCB_PREPEND][GM_GCB_PREPEND] = JOIN,
    [GM_GCB_PREPEND][GM_GCB_REGIONAL_INDICATOR] = JOIN, [GM_GCB_PREPEND][GM_GCB_L] = JOIN,
    [GM_GCB_PREPEND][GM_GCB_V] = JOIN, [GM_GCB_PREPEND][GM_GCB_T] = JOIN,
    [GM_GCB_PREPEND][GM_GCB_LV] = JOIN, [GM_GCB_PREPEND][GM_GCB_LVT] = JOIN,
    /* GB11; every pictograph is Other */
    [GM_GCB_ZWJ][GM_GCB_OTHER] = EMOJI,
    /* GB12, GB13 */
    [GM_GCB_REGIONAL_INDICATOR][GM_GCB_REGIONAL_INDICATOR] = FLAG,
};
/* clang-format on */

void gm_grapheme_init(struct gm_grapheme *state)
{
    *state = (struct gm_grapheme){.left = GM_GCB_CONTROL};
}

bool gm_grapheme_step_rare(struct gm_grapheme *state, const struct gm_uniprop *prop)
{
    const bool pictograph = prop->flags & GM_UNI_PICTOGRAPH;
    bool joins = false;
    switch ((enum pair)pairs[state->left][prop->grapheme]) {
    case BREAK:
        break;
    case JOIN:
        joins = true;
        break;
    case EMOJI:
        joins = state->emoji == 2 && pictograph;
        break;
    case FLAG:
        joins = state->ri_odd;
        break;
    }
    if (pictograph)
        state->emoji = 1;
    else if (state->emoji == 1 && prop->grapheme == GM_GCB_ZWJ)
        state->emoji = 2;
    else if (state->emoji != 1 || prop->grapheme != GM_GCB_EXTEND)
        state->emoji = 0;
    state->ri_odd = prop->grapheme == GM_GCB_REGIONAL_INDICATOR && !(joins && state->ri_odd);
    state->left = prop->grapheme;
    return !joins;
}
