/* The rules of GPT-2 and of the cl100k family on a window: starts of pieces from bitmaps. Each says
 * the same as its function in split_scalar.c. */
#ifndef GM_TOKENIZE_SPLIT_RULES_H
#define GM_TOKENIZE_SPLIT_RULES_H

#include "tokenize/split_window.h"

/* Contractions at the apostrophes, which start pieces: none starts inside of one, one starts behind
 * each. False if one
 * ends outside of the window, so that the letters at its end are no open run. */
GM_WINDOW_INLINE bool gm_cut_contractions(struct gm_window *window, const struct gm_marks *marks,
                                          uint64_t apostrophes, enum gm_contraction_case fold)
{
    bool is_inside = true;
    for (; apostrophes != 0; apostrophes &= apostrophes - 1) {
        unsigned i = gm_lowest(apostrophes);
        size_t length = gm_split_contraction(window->text, window->left, i, fold);
        if (length == 0)
            continue;
        unsigned end = i + (unsigned)length;
        window->starts &= gm_bits_below(i + 1) | ~gm_bits_below(end);
        if (end < marks->n)
            window->starts |= UINT64_C(1) << end;
        is_inside &= end < marks->n;
    }
    return is_inside;
}

GM_WINDOW_INLINE void gm_gpt2_starts(struct gm_window *window, const struct gm_marks *marks)
{
    uint64_t letters = marks->letters, numbers = marks->number, spaces = marks->space;
    uint64_t others = marks->valid & ~(letters | numbers | spaces);
    uint64_t unprefixed = ~(marks->blank << 1 | gm_blank_before(window));
    uint64_t other_starts = others & ~(others << 1) & unprefixed;
    window->starts = (letters & ~(letters << 1 | gm_word_before(window)) & unprefixed) |
                     (numbers & ~(numbers << 1) & unprefixed) | other_starts |
                     (spaces & ~(spaces << 1 | gm_blank_before(window))) |
                     gm_chars_before(marks, spaces, marks->valid & ~spaces);
    bool is_inside = gm_cut_contractions(
        window, marks, other_starts & marks->apostrophe & letters >> 1, GM_CONTRACTION_EXACT);
    gm_end_window(window, marks,
                  is_inside && gm_ends_with(marks, letters) ? GM_OPEN_WORD : GM_OPEN_NONE);
}

/* A run of others that nothing precedes which it takes in (a blank), and that is one character
 * long, becomes the first of the letters behind it. */
GM_WINDOW_INLINE void gm_cl100k_starts(struct gm_window *window, const struct gm_marks *marks,
                                       enum gm_scheme scheme)
{
    uint64_t letters = marks->letters | (scheme == GM_SCHEME_QWEN35 ? marks->mark : 0);
    uint64_t numbers = marks->number, spaces = marks->space;
    uint64_t others = marks->valid & ~(letters | numbers | spaces);
    uint64_t after_blank = gm_blank_before(window);
    uint64_t other_starts = others & ~(others << 1) & ~(marks->blank << 1 | after_blank);
    uint64_t prefixed =
        (spaces & ~marks->newline) << 1 | after_blank | gm_behind_chars(marks, other_starts);
    struct gm_space_rule rule = {.follows = marks->valid & ~spaces,
                                 .end_takes_all = scheme == GM_SCHEME_CL100K_END};
    gm_eat_newlines(marks, others, &rule);
    window->starts = (letters & ~(letters << 1 | gm_word_before(window)) & ~prefixed) |
                     other_starts | gm_space_starts(window, marks, &rule);
    if (scheme == GM_SCHEME_QWEN2 || scheme == GM_SCHEME_QWEN35)
        window->starts |= numbers & ~marks->continuation;
    else
        window->starts |= gm_number_triples(marks);
    bool is_inside = gm_cut_contractions(
        window, marks, other_starts & marks->apostrophe & letters >> 1, GM_CONTRACTION_FOLD);
    gm_end_window(window, marks,
                  is_inside && gm_ends_with(marks, letters) ? GM_OPEN_WORD : GM_OPEN_NONE);
}

#endif
