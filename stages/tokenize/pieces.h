/* The lists of pieces that the pre-tokenizers work on (pretok.c, pretok_steps.c).
 *
 * A step finds spans in a piece, matches and what is between them, without gaps; gm_pieces_join
 * makes pieces for the next step of them. A failed allocation sets pieces->failed. */
#ifndef GM_TOKENIZE_PIECES_H
#define GM_TOKENIZE_PIECES_H

#include "tokenize/pretok.h"

bool gm_piece_list_add(struct gm_piece_list *list, size_t start, size_t end, bool is_match);

void gm_pieces_span(struct gm_pieces *pieces, size_t start, size_t end, bool is_match);
/* A piece for the next step; empty ones are dropped. */
void gm_pieces_piece(struct gm_pieces *pieces, size_t start, size_t end);
/* Turns the spans into pieces and forgets them; invert: what is a match is the rest. */
void gm_pieces_join(struct gm_pieces *pieces, enum gm_split_behavior behavior, bool invert);
/* Copies the list to starts, ends and n; false: no memory. */
bool gm_pieces_publish(struct gm_pieces *pieces);

/* A step of the list, with what is made from it once. */
struct gm_pretok_step {
    const struct gm_op *op;
    const uint8_t *pattern; /* op->a */
    size_t n_bytes;
    struct gm_regex *regex; /* NULL: the step needs none */
};

/* Carries out one step on pieces->text[start, end): appends to pieces->next, whose offsets are
 * those of pieces->text, or, if gm_pretok_changes says so, of pieces->scratch, which it appends to.
 * at_beginning: no text of the document stands before the piece. */
void gm_pretok_step(const struct gm_pretok_step *step, struct gm_pieces *pieces,
                    struct gm_piece piece, bool at_beginning);
bool gm_pretok_changes(const struct gm_op *op);

#endif
