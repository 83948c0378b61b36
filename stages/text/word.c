/* Word boundaries by a table of (class before, class after). WB4 (marks and formats belong to what
 * is in front of them) is done by not letting them become "class before"; the rules that look
 * beyond the next class (WB6, WB7b, WB12) have actions of their own. */
#include "text/word.h"

#include "text/uniprop.h"
#include <stdbool.h>

enum action {
    BREAK,
    JOIN,
    LOOK_LETTER,      /* WB6, WB7: joins if a letter follows, and takes that too */
    LOOK_LETTER_KEEP, /* WB7a: the same, but joins alone as well */
    LOOK_HEBREW,      /* WB7b, WB7c */
    LOOK_NUMERIC,     /* WB11, WB12 */
    FLAG              /* WB15, WB16 */
};

/* clang-format off */
static const uint8_t actions[GM_WB_COUNT][GM_WB_COUNT] = {
    [GM_WB_ALETTER] = {
        [GM_WB_ALETTER] = JOIN, [GM_WB_HEBREW_LETTER] = JOIN, [GM_WB_NUMERIC] = JOIN,
        [GM_WB_EXTENDNUMLET] = JOIN, [GM_WB_MIDLETTER] = LOOK_LETTER,
        [GM_WB_MIDNUMLET] = LOOK_LETTER, [GM_WB_SINGLE_QUOTE] = LOOK_LETTER},
    [GM_WB_HEBREW_LETTER] = {
        [GM_WB_ALETTER] = JOIN, [GM_WB_HEBREW_LETTER] = JOIN, [GM_WB_NUMERIC] = JOIN,
        [GM_WB_EXTENDNUMLET] = JOIN, [GM_WB_MIDLETTER] = LOOK_LETTER,
        [GM_WB_MIDNUMLET] = LOOK_LETTER, [GM_WB_SINGLE_QUOTE] = LOOK_LETTER_KEEP,
        [GM_WB_DOUBLE_QUOTE] = LOOK_HEBREW},
    [GM_WB_NUMERIC] = {
        [GM_WB_ALETTER] = JOIN, [GM_WB_HEBREW_LETTER] = JOIN, [GM_WB_NUMERIC] = JOIN,
        [GM_WB_EXTENDNUMLET] = JOIN, [GM_WB_MIDNUM] = LOOK_NUMERIC,
        [GM_WB_MIDNUMLET] = LOOK_NUMERIC, [GM_WB_SINGLE_QUOTE] = LOOK_NUMERIC},
    [GM_WB_KATAKANA] = {[GM_WB_KATAKANA] = JOIN, [GM_WB_EXTENDNUMLET] = JOIN},
    [GM_WB_EXTENDNUMLET] = {
        [GM_WB_ALETTER] = JOIN, [GM_WB_HEBREW_LETTER] = JOIN, [GM_WB_NUMERIC] = JOIN,
        [GM_WB_KATAKANA] = JOIN, [GM_WB_EXTENDNUMLET] = JOIN},
    [GM_WB_REGIONAL_INDICATOR] = {[GM_WB_REGIONAL_INDICATOR] = FLAG},
};
/* clang-format on */

static bool is_ignored(unsigned word)
{
    return word == GM_WB_EXTEND || word == GM_WB_FORMAT || word == GM_WB_ZWJ;
}

static bool is_newline(unsigned word)
{
    return word == GM_WB_CR || word == GM_WB_LF || word == GM_WB_NEWLINE;
}

/* The first class behind pos that WB4 does not hide; *end gets the place behind it. */
static unsigned look(const uint8_t *text, size_t n_bytes, size_t pos, size_t *end)
{
    while (pos < n_bytes) {
        unsigned word = gm_uniprop(gm_uni_next(text, &pos))->word;
        if (!is_ignored(word)) {
            *end = pos;
            return word;
        }
    }
    return GM_WB_OTHER;
}

/* Decides at a boundary candidate: *pos is behind the next code point, whose class is `next`.
 * Returns the class that the segment now ends with, or -1: it ends in front of it. */
static int extend(const uint8_t *text, size_t n_bytes, size_t *pos, unsigned left, unsigned next)
{
    size_t end = *pos;
    unsigned beyond = GM_WB_OTHER;
    switch ((enum action)actions[left][next]) {
    case BREAK:
        return -1;
    case JOIN:
        return (int)next;
    case FLAG:
        return GM_WB_OTHER; /* a pair is complete: a third one starts the next segment */
    case LOOK_LETTER:
    case LOOK_LETTER_KEEP:
        beyond = look(text, n_bytes, *pos, &end);
        if (beyond != GM_WB_ALETTER && beyond != GM_WB_HEBREW_LETTER)
            return actions[left][next] == LOOK_LETTER_KEEP ? (int)next : -1;
        break;
    case LOOK_HEBREW:
        beyond = look(text, n_bytes, *pos, &end);
        if (beyond != GM_WB_HEBREW_LETTER)
            return -1;
        break;
    case LOOK_NUMERIC:
        beyond = look(text, n_bytes, *pos, &end);
        if (beyond != GM_WB_NUMERIC)
            return -1;
        break;
    }
    *pos = end;
    return (int)beyond;
}

size_t gm_word_end(const uint8_t *text, size_t n_bytes, size_t start)
{
    size_t pos = start;
    unsigned left = gm_uniprop(gm_uni_next(text, &pos))->word;
    if (left == GM_WB_CR && pos < n_bytes && text[pos] == '\n')
        return pos + 1;
    if (is_newline(left))
        return pos;
    unsigned previous = left; /* as left, but WB4's marks and formats count */
    while (pos < n_bytes) {
        size_t after = pos;
        const struct gm_uniprop *prop = gm_uniprop(gm_uni_next(text, &after));
        const unsigned next = prop->word;
        if (is_newline(next))
            return pos;
        if (is_ignored(next)) {
            previous = next;
        } else if ((previous == GM_WB_ZWJ && prop->flags & GM_UNI_PICTOGRAPH) ||
                   (previous == GM_WB_WSEGSPACE && next == GM_WB_WSEGSPACE)) {
            previous = left = next; /* WB3c, WB3d */
        } else {
            const int joined = extend(text, n_bytes, &after, left, next);
            if (joined < 0)
                return pos;
            previous = left = (unsigned)joined;
        }
        pos = after;
    }
    return n_bytes;
}
