/* Sentences: the segments between sentence boundaries of UAX #29 (rules SB1-SB998, no list of
 * abbreviations: "Dr. Who" is two, "e.g. this" one, because what follows is a small letter). */
#ifndef GM_TEXT_SENTENCE_H
#define GM_TEXT_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Asked at a terminator (class ATerm or STerm, such as '.' or '?') at text[pos]: where does the
 * sentence end that it may close? 0: it goes on. after_cased: the last code point in front of it,
 * marks and formats not counted, is an upper- or lower-case letter (class Upper or Lower).
 * Never looks beyond the next terminator or paragraph end, so that a walk is linear. */
size_t gm_sentence_terminated(const uint8_t *text, size_t n_bytes, size_t pos, bool after_cased);

/* End of the sentence that begins at text[start], start < n_bytes, start a sentence boundary. The
 * text must be valid UTF-8. */
size_t gm_sentence_end(const uint8_t *text, size_t n_bytes, size_t start);

#endif
