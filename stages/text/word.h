/* Words: the segments between word boundaries of UAX #29 (rules WB1-WB999, no dictionary).
 *
 *      The | quick |...      "can't", "3.14", "foo_bar" and "l'eau" are one segment each; a Han
 *                            ideograph or a Hiragana letter is a segment of its own
 *
 * Most segments are spaces and punctuation; which of them count as words is the caller's rule.
 * A walk is fed one code point after another. It looks ahead only behind the few characters that
 * may stand inside a word (: . , '), and never beyond the next character that is not a mark, so
 * that a walk over the text is linear whatever the text is. */
#ifndef GM_TEXT_WORD_H
#define GM_TEXT_WORD_H

#include "text/uniprop.h"
#include <stdbool.h>

struct gm_word_walk {
    const uint8_t *text; /* valid UTF-8 */
    size_t n_bytes;
    size_t joined_to; /* up to here a look-ahead has decided already: no boundary */
    uint8_t left;     /* enum gm_wb of the code point before, marks and formats not counted */
    uint8_t previous; /* the same, but they count */
};

/* The walk may begin at the start of the text or at any word boundary. */
void gm_word_walk_init(struct gm_word_walk *walk, const uint8_t *text, size_t n_bytes);
/* gm_word_step for everything but a letter behind a letter. */
bool gm_word_step_rare(struct gm_word_walk *walk, size_t at, size_t after,
                       const struct gm_uniprop *prop);

/* The next code point is at text[at], ends at text[after] and has this record. true: there is a
 * boundary in front of it; always so for the first. */
static inline bool gm_word_step(struct gm_word_walk *walk, size_t at, size_t after,
                                const struct gm_uniprop *prop)
{
    if (prop->word == GM_WB_ALETTER && walk->left == GM_WB_ALETTER &&
        walk->previous == GM_WB_ALETTER)
        return false;
    return gm_word_step_rare(walk, at, after, prop);
}

#endif
