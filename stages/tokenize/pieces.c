/* The lists of pieces that the pre-tokenizers work on, and how a match and what is around it become
 * pieces (SplitDelimiterBehavior). */
#include "tokenize/pieces.h"
#include <stdlib.h>

bool gm_piece_list_add(struct gm_piece_list *list, size_t start, size_t end, bool is_match)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        void *items = realloc(list->items, capacity * sizeof(*list->items));
        void *flags = items ? realloc(list->is_match, capacity) : NULL;
        list->items = items ? items : list->items;
        list->is_match = flags ? flags : list->is_match;
        if (!items || !flags)
            return false;
        list->capacity = capacity;
    }
    list->items[list->n] = (struct gm_piece){(uint32_t)start, (uint32_t)end};
    list->is_match[list->n++] = is_match;
    return true;
}

static void free_list(struct gm_piece_list *list)
{
    free(list->items);
    free(list->is_match);
    *list = (struct gm_piece_list){0};
}

void gm_pieces_span(struct gm_pieces *pieces, size_t start, size_t end, bool is_match)
{
    pieces->failed |= !gm_piece_list_add(&pieces->spans, start, end, is_match);
}

void gm_pieces_piece(struct gm_pieces *pieces, size_t start, size_t end)
{
    if (start < end)
        pieces->failed |= !gm_piece_list_add(&pieces->next, start, end, false);
}

/* Spans of one kind in a row are one piece. */
static void join_contiguous(struct gm_pieces *pieces)
{
    const struct gm_piece_list *spans = &pieces->spans;
    size_t i = 0;
    while (i < spans->n) {
        size_t first = i++;
        while (i < spans->n && spans->is_match[i] == spans->is_match[first])
            i++;
        gm_pieces_piece(pieces, spans->items[first].start, spans->items[i - 1].end);
    }
}

/* A match goes with the span before it, unless that is a match, too. */
static void join_previous(struct gm_pieces *pieces)
{
    const struct gm_piece_list *spans = &pieces->spans;
    size_t i = 0;
    while (i < spans->n) {
        size_t first = i++;
        if (!spans->is_match[first] && i < spans->n && spans->is_match[i])
            i++;
        gm_pieces_piece(pieces, spans->items[first].start, spans->items[i - 1].end);
    }
}

/* A match goes with the span behind it, unless that is a match, too. */
static void join_next(struct gm_pieces *pieces)
{
    const struct gm_piece_list *spans = &pieces->spans;
    size_t i = 0;
    while (i < spans->n) {
        size_t first = i++;
        if (spans->is_match[first] && i < spans->n && !spans->is_match[i])
            i++;
        gm_pieces_piece(pieces, spans->items[first].start, spans->items[i - 1].end);
    }
}

void gm_pieces_join(struct gm_pieces *pieces, enum gm_split_behavior behavior, bool invert)
{
    struct gm_piece_list *spans = &pieces->spans;
    for (size_t i = 0; invert && i < spans->n; i++)
        spans->is_match[i] = !spans->is_match[i];
    switch (behavior) {
    case GM_SPLIT_REMOVED:
    case GM_SPLIT_ISOLATED:
        for (size_t i = 0; i < spans->n; i++)
            if (behavior == GM_SPLIT_ISOLATED || !spans->is_match[i])
                gm_pieces_piece(pieces, spans->items[i].start, spans->items[i].end);
        break;
    case GM_SPLIT_CONTIGUOUS:
        join_contiguous(pieces);
        break;
    case GM_SPLIT_MERGED_WITH_PREVIOUS:
        join_previous(pieces);
        break;
    case GM_SPLIT_MERGED_WITH_NEXT:
        join_next(pieces);
        break;
    }
    spans->n = 0;
}

void gm_pieces_init(struct gm_pieces *pieces)
{
    *pieces = (struct gm_pieces){0};
    gm_buf_init(&pieces->text);
    gm_buf_init(&pieces->scratch);
    gm_regex_text_init(&pieces->regex);
}

void gm_pieces_free(struct gm_pieces *pieces)
{
    gm_buf_free(&pieces->text);
    gm_buf_free(&pieces->scratch);
    free_list(&pieces->now);
    free_list(&pieces->next);
    free_list(&pieces->spans);
    gm_regex_text_free(&pieces->regex);
    free(pieces->starts);
    free(pieces->ends);
    gm_pieces_init(pieces);
}

bool gm_pieces_publish(struct gm_pieces *pieces)
{
    size_t n = pieces->now.n;
    if (n > pieces->capacity) {
        size_t capacity = pieces->now.capacity;
        void *starts = realloc(pieces->starts, capacity * sizeof(*pieces->starts));
        void *ends = realloc(pieces->ends, capacity * sizeof(*pieces->ends));
        pieces->starts = starts ? starts : pieces->starts;
        pieces->ends = ends ? ends : pieces->ends;
        if (!starts || !ends)
            return false;
        pieces->capacity = capacity;
    }
    for (size_t i = 0; i < n; i++) {
        pieces->starts[i] = pieces->now.items[i].start;
        pieces->ends[i] = pieces->now.items[i].end;
    }
    pieces->n = n;
    return true;
}
