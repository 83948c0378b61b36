/* Words: the segments between word boundaries of UAX #29 (rules WB1-WB999, no dictionary).
 *
 *      The | quick |...      "can't", "3.14", "foo_bar" and "l'eau" are one segment each; a Han
 *                            ideograph or a Hiragana letter is a segment of its own
 *
 * Most segments are spaces and punctuation; which of them count as words is the caller's rule. */
#ifndef GM_TEXT_WORD_H
#define GM_TEXT_WORD_H

#include <stddef.h>
#include <stdint.h>

/* End of the segment that begins at text[start], start < n_bytes. The text must be valid UTF-8 and
 * start a word boundary (0, or an earlier result). Looks ahead over at most one segment, so that
 * a walk over the text is linear whatever the text is. */
size_t gm_word_end(const uint8_t *text, size_t n_bytes, size_t start);

#endif
