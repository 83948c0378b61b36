/* Word boundaries by a table of (class before, class after). WB4 (marks and formats belong to what
 * is in front of them) is done by not letting them become "class before"; the rules that look
 * beyond the next class (WB6, WB7b, WB12) have actions of their own. */
#include "text/word.h"

#include "base/assert.h"

enum action {
    BREAK,
    JOIN,
    IGNORE,           /* WB4: joins, and the class before stays */
    SPACES,           /* WB3d: joins if nothing is in between, not even a mark */
    LOOK_LETTER,      /* WB6, WB7: joins if a letter follows, and that too */
    LOOK_LETTER_KEEP, /* WB7a: the same, but joins alone as well */
    LOOK_HEBREW,      /* WB7b, WB7c */
    LOOK_NUMERIC,     /* WB11, WB12 */
    FLAG              /* WB15, WB16 */
};

#define WB4(left)                                                                                  \
    [left][GM_WB_EXTEND] = IGNORE, [left][GM_WB_FORMAT] = IGNORE, [left][GM_WB_ZWJ] = IGNORE

/* clang-format off */
static const uint8_t actions[GM_WB_COUNT][GM_WB_COUNT] = {
    [GM_WB_CR][GM_WB_LF] = JOIN, /* WB3; nothing else joins a line end */
    WB4(GM_WB_OTHER), WB4(GM_WB_EXTEND), WB4(GM_WB_ZWJ), WB4(GM_WB_FORMAT),
    WB4(GM_WB_REGIONAL_INDICATOR), WB4(GM_WB_KATAKANA), WB4(GM_WB_HEBREW_LETTER),
    WB4(GM_WB_ALETTER), WB4(GM_WB_SINGLE_QUOTE), WB4(GM_WB_DOUBLE_QUOTE), WB4(GM_WB_MIDNUMLET),
    WB4(GM_WB_MIDLETTER), WB4(GM_WB_MIDNUM), WB4(GM_WB_NUMERIC), WB4(GM_WB_EXTENDNUMLET),
    WB4(GM_WB_WSEGSPACE),
    [GM_WB_WSEGSPACE][GM_WB_WSEGSPACE] = SPACES,
    /* WB5-WB12 */
    [GM_WB_ALETTER][GM_WB_ALETTER] = JOIN, [GM_WB_ALETTER][GM_WB_HEBREW_LETTER] = JOIN,
    [GM_WB_ALETTER][GM_WB_NUMERIC] = JOIN, [GM_WB_ALETTER][GM_WB_MIDLETTER] = LOOK_LETTER,
    [GM_WB_ALETTER][GM_WB_MIDNUMLET] = LOOK_LETTER,
    [GM_WB_ALETTER][GM_WB_SINGLE_QUOTE] = LOOK_LETTER,
    [GM_WB_HEBREW_LETTER][GM_WB_ALETTER] = JOIN, [GM_WB_HEBREW_LETTER][GM_WB_HEBREW_LETTER] = JOIN,
    [GM_WB_HEBREW_LETTER][GM_WB_NUMERIC] = JOIN,
    [GM_WB_HEBREW_LETTER][GM_WB_MIDLETTER] = LOOK_LETTER,
    [GM_WB_HEBREW_LETTER][GM_WB_MIDNUMLET] = LOOK_LETTER,
    [GM_WB_HEBREW_LETTER][GM_WB_SINGLE_QUOTE] = LOOK_LETTER_KEEP,
    [GM_WB_HEBREW_LETTER][GM_WB_DOUBLE_QUOTE] = LOOK_HEBREW,
    [GM_WB_NUMERIC][GM_WB_ALETTER] = JOIN, [GM_WB_NUMERIC][GM_WB_HEBREW_LETTER] = JOIN,
    [GM_WB_NUMERIC][GM_WB_NUMERIC] = JOIN, [GM_WB_NUMERIC][GM_WB_MIDNUM] = LOOK_NUMERIC,
    [GM_WB_NUMERIC][GM_WB_MIDNUMLET] = LOOK_NUMERIC,
    [GM_WB_NUMERIC][GM_WB_SINGLE_QUOTE] = LOOK_NUMERIC,
    /* WB13 */
    [GM_WB_KATAKANA][GM_WB_KATAKANA] = JOIN,
    /* WB13a, WB13b */
    [GM_WB_ALETTER][GM_WB_EXTENDNUMLET] = JOIN, [GM_WB_HEBREW_LETTER][GM_WB_EXTENDNUMLET] = JOIN,
    [GM_WB_NUMERIC][GM_WB_EXTENDNUMLET] = JOIN, [GM_WB_KATAKANA][GM_WB_EXTENDNUMLET] = JOIN,
    [GM_WB_EXTENDNUMLET][GM_WB_EXTENDNUMLET] = JOIN, [GM_WB_EXTENDNUMLET][GM_WB_ALETTER] = JOIN,
    [GM_WB_EXTENDNUMLET][GM_WB_HEBREW_LETTER] = JOIN, [GM_WB_EXTENDNUMLET][GM_WB_NUMERIC] = JOIN,
    [GM_WB_EXTENDNUMLET][GM_WB_KATAKANA] = JOIN,
    /* WB15, WB16 */
    [GM_WB_REGIONAL_INDICATOR][GM_WB_REGIONAL_INDICATOR] = FLAG,
};
/* clang-format on */

void gm_word_walk_init(struct gm_word_walk *walk, const uint8_t *text, size_t n_bytes)
{
    /* Behind a line end there is always a boundary. */
    *walk = (struct gm_word_walk){text, n_bytes, 0, GM_WB_LF, GM_WB_LF};
}

static bool is_ignored(unsigned word)
{
    return word == GM_WB_EXTEND || word == GM_WB_FORMAT || word == GM_WB_ZWJ;
}

/* Is the next code point that WB4 does not hide of this class, or of that? Then it belongs to the
 * word with all in front of it. */
static bool look_for(struct gm_word_walk *walk, size_t pos, unsigned wanted, unsigned or_wanted)
{
    while (pos < walk->n_bytes) {
        const unsigned word = gm_uniprop(gm_uni_next(walk->text, &pos))->word;
        if (is_ignored(word))
            continue;
        if (word != wanted && word != or_wanted)
            return false;
        walk->joined_to = pos;
        return true;
    }
    return false;
}

static bool is_joined(struct gm_word_walk *walk, size_t after, enum action action)
{
    switch (action) {
    case BREAK:
        return false;
    case JOIN:
    case IGNORE:
    case FLAG:
        return true;
    case SPACES:
        return walk->previous == GM_WB_WSEGSPACE;
    case LOOK_LETTER:
        return look_for(walk, after, GM_WB_ALETTER, GM_WB_HEBREW_LETTER);
    case LOOK_LETTER_KEEP:
        look_for(walk, after, GM_WB_ALETTER, GM_WB_HEBREW_LETTER);
        return true;
    case LOOK_HEBREW:
        return look_for(walk, after, GM_WB_HEBREW_LETTER, GM_WB_HEBREW_LETTER);
    case LOOK_NUMERIC:
        return look_for(walk, after, GM_WB_NUMERIC, GM_WB_NUMERIC);
    }
    GM_UNREACHABLE();
}

bool gm_word_step_rare(struct gm_word_walk *walk, size_t at, size_t after,
                       const struct gm_uniprop *prop)
{
    const unsigned next = prop->word;
    const enum action action = actions[walk->left][next];
    bool joins = at < walk->joined_to;
    if (!joins) {
        const bool is_emoji = walk->previous == GM_WB_ZWJ && prop->flags & GM_UNI_PICTOGRAPH;
        joins = is_emoji || is_joined(walk, after, action); /* WB3c */
    }
    if (!joins || action != IGNORE)
        walk->left = (uint8_t)next;
    if (joins && action == FLAG)
        walk->left = GM_WB_OTHER; /* the pair is complete: a third one begins the next segment */
    walk->previous = (uint8_t)next;
    return !joins;
}
