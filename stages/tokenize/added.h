/* Added tokens: finding them in text, as the reference does.
 *
 * Two sets: tokens that are found in the raw text, and tokens that are found, in their normalised
 * form, in the normalised text between those. Of tokens that start at the same place the longest
 * counts, and of two places the first. Text mostly holds none, so a search is a scan for two bytes
 * in a row that can start a token, 64 at a time.
 *
 * Read-only after gm_added_new; walks belong to one thread. Reference: Hugging Face tokenizers
 * 0.23.2 tokenizer/added_vocabulary.rs. */
#ifndef GM_TOKENIZE_ADDED_H
#define GM_TOKENIZE_ADDED_H

#include "base/err.h"
#include "tokenize/normal.h"
#include "tokenize/spec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_added_set { GM_ADDED_RAW, GM_ADDED_NORMAL, GM_ADDED_SETS };

struct gm_added; /* opaque */

/* The spec must outlive it; the normalizer is used here only. GM_INPUT: two tokens are the same
 * after normalisation (the reference takes one by chance), or nothing is left of one (it does not
 * end then). */
enum gm_status gm_added_new(struct gm_added **added, const struct gm_spec *spec,
                            const struct gm_normalizer *normalizer, struct gm_err *err);
void gm_added_free(struct gm_added *added); /* NULL allowed */
bool gm_added_is_empty(const struct gm_added *added, enum gm_added_set set);

/* What the reference decodes the token to: its normalised form if it has one (of the ByteLevel
 * normalizer: without its alphabet). place: in spec->added. */
struct gm_normal_text gm_added_text(const struct gm_added *added, uint32_t place);

/* A walk over the parts of a text, in order: tokens, and what is between them (never empty). */
struct gm_added_part {
    size_t start, end;
    uint32_t id; /* GM_NO_TOKEN: text */
};
struct gm_added_walk {
    const struct gm_added *added;
    enum gm_added_set set;
    const uint8_t *text;
    size_t n_bytes;
    size_t search;              /* where the next match is looked for */
    size_t done;                /* end of what has been handed out */
    struct gm_added_part token; /* found, and waits for the text in front of it */
    bool waiting;
};
/* The text is valid UTF-8. */
void gm_added_begin(struct gm_added_walk *walk, const struct gm_added *added, enum gm_added_set set,
                    const void *text, size_t n_bytes);
bool gm_added_next(struct gm_added_walk *walk, struct gm_added_part *part);

#endif
