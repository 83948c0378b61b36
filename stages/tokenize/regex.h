/* Regular expressions as tokenizer files carry them, matched in time linear in the text.
 *
 * The result is that of a backtracking engine (leftmost, alternatives and repeats in order of
 * priority), got without backtracking: one pass from the end of the text to its beginning marks at
 * each character from which states of the expression a match can still be completed; matching then
 * walks forward and takes, at each choice, the first branch that is marked. Both passes are tables
 * of a finished automaton, so time is two look-ups a character, whatever the expression or the
 * text.
 *
 *      text      a b c \n
 *      marks   <-----------     which states can succeed here (regex_dfa.c)
 *      walk      ----->         first branch in order of priority that can
 *
 * Understood: classes with negation, nesting, ranges and &&; \p{..} of categories and scripts in
 * Unicode 16.0, \s \S \w \W \d \D \h; alternation; groups of all kinds as groups; (?i) with the
 * folds of ASCII letters; greedy and lazy repeats, {m,n}; possessive repeats of one character;
 * ^ $ \A \z \b \B; lookahead of any expression, lookbehind of one character. Everything else is
 * refused by its name and place, and so is an expression whose automaton would be large: nothing is
 * approximated.
 *
 * Pure functions, any process; a finished expression is read-only and may be shared. */
#ifndef GM_TOKENIZE_REGEX_H
#define GM_TOKENIZE_REGEX_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two dialects differ in few places: ^ and $ (of a line; of the text), {m,n}+ (a repeat of a
 * repeat; possessive), \h, what may follow a backslash. */
enum gm_regex_syntax {
    GM_REGEX_ONIGURUMA, /* tokenizer.json: Oniguruma's own syntax, as Hugging Face uses it */
    GM_REGEX_RUST       /* tiktoken: fancy-regex */
};

#define GM_REGEX_MAX_PATTERN_BYTES 16384u

struct gm_regex; /* opaque */

/* GM_INPUT: "at 12: backreferences are not supported" (offset in bytes). GM_NOMEM. */
enum gm_status gm_regex_new(struct gm_regex **regex, const uint8_t *pattern, size_t n_bytes,
                            enum gm_regex_syntax syntax, struct gm_err *err);
void gm_regex_free(struct gm_regex *regex); /* NULL allowed */

/* A text in work: two bytes of memory a byte of text, kept from text to text. */
struct gm_regex_text {
    const struct gm_regex *regex;
    size_t n_bytes;
    size_t position;       /* where the next search starts */
    size_t last_match_end; /* SIZE_MAX: none yet */
    uint16_t *marks;       /* n_bytes + 1 */
    size_t capacity;
};
void gm_regex_text_init(struct gm_regex_text *work);
void gm_regex_text_free(struct gm_regex_text *work);

/* Marks the text, which is valid UTF-8 and is not looked at again (a byte that is not part of
 * UTF-8 counts as U+FFFD). false: no memory. */
bool gm_regex_begin(struct gm_regex_text *work, const struct gm_regex *regex, const uint8_t *text,
                    size_t n_bytes);

/* The next match, from left to right without overlap; an empty match directly behind the one
 * before is passed over, as find_iter of Rust's regex and onig do. false: no more. */
bool gm_regex_next(struct gm_regex_text *work, size_t *start, size_t *end);

/* The first match that starts at from or later, from <= n_bytes; does not move the position. */
bool gm_regex_find(const struct gm_regex_text *work, size_t from, size_t *start, size_t *end);

#endif
