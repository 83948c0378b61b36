/* The DeepSeek-V3 rule on a window: three Splits at once. Numbers and CJK are segments of their
 * own, at whose edges every piece ends. */
#ifndef GM_TOKENIZE_SPLIT_DEEPSEEK_H
#define GM_TOKENIZE_SPLIT_DEEPSEEK_H

#include "tokenize/split_window.h"

GM_WINDOW_INLINE void gm_deepseek_starts(struct gm_window *window, const struct gm_marks *marks)
{
    uint64_t words = marks->letters | marks->mark, puncts = marks->punct, cjk = marks->cjk;
    uint64_t spaces = marks->space, numbers = marks->number;
    uint64_t strays = marks->valid & ~(words | puncts | spaces | numbers);
    uint64_t is_open = window->open != GM_OPEN_NONE, is_cjk = window->open == GM_OPEN_CJK;
    uint64_t after_blank = gm_blank_before(window);
    /* Where CJK begins or ends. At the start of a piece there is nothing to end. */
    uint64_t edges = (cjk ^ (cjk << 1 | is_cjk)) & marks->valid & (is_open | ~UINT64_C(1));
    uint64_t inner = ~edges;

    uint64_t punct_starts =
        puncts & ~(puncts << 1 & inner) & ~((marks->blank << 1 | after_blank) & inner);
    /* An ASCII sign begins a run of ASCII letters, and of no others. */
    uint64_t ascii = ~(marks->continuation | marks->continuation >> 1);
    uint64_t letters = marks->letters & ascii & inner;
    uint64_t signed_letters = letters & (punct_starts & ascii) << 1;
    uint64_t sum = letters + signed_letters;

    uint64_t takes_words = (spaces & ~marks->newline) | strays;
    uint64_t prefixed = ((takes_words << 1 | after_blank) & inner) | signed_letters;
    struct gm_space_rule rule = {.follows = marks->valid & ~(spaces | numbers | cjk)};
    gm_eat_newlines(marks, puncts & ~cjk, &rule);
    uint64_t stray_starts = strays & ~(strays << 1 & inner);
    if (strays != 0)
        stray_starts |= gm_chars_before(marks, strays, words & inner);
    window->starts = edges | (words & ~(words << 1 | gm_word_before(window)) & ~prefixed) |
                     punct_starts | (sum & ~letters & words) | stray_starts |
                     gm_number_triples(marks) | gm_space_starts(window, marks, &rule);
    bool is_run_open = gm_ends_with(marks, words) && !gm_ends_with(marks, letters & ~sum);
    enum gm_open words_open = gm_ends_with(marks, cjk) ? GM_OPEN_CJK : GM_OPEN_WORD;
    gm_end_window(window, marks, is_run_open ? words_open : GM_OPEN_NONE);
}

#endif
