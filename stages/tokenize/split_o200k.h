/* The o200k rule on a window. Words are cut where the case rises, contractions belong to the word
 * before them, and a mark is a letter or not by what stands before it:
 *
 *      in a word, or behind one sign that begins a piece: a letter
 *      behind several signs, or a blank and a sign:       one of the signs
 */
#ifndef GM_TOKENIZE_SPLIT_O200K_H
#define GM_TOKENIZE_SPLIT_O200K_H

#include "tokenize/split_rules.h"

/* In work: the classes after the marks were dealt out. */
struct gm_o200k {
    uint64_t others, marks, words; /* words: letters and marks that are letters */
    uint64_t tails;                /* letters and marks behind a lowercase letter, that one too */
    uint64_t known;                /* starts outside of it are not decided */
};

/* Gives the marks behind signs to the signs, but for those behind one sign alone. */
GM_WINDOW_INLINE void gm_o200k_deal_marks(const struct gm_window *window,
                                          const struct gm_marks *marks, struct gm_o200k *work)
{
    uint64_t runs = work->marks & work->others << 1;
    while (__builtin_expect(runs != 0, 0)) {
        unsigned at = gm_lowest(runs), end = gm_run_end(work->marks, at);
        unsigned first = gm_behind_highest(~work->others & gm_bits_below(at));
        uint64_t signs = gm_bits_below(at) & ~gm_bits_below(first + 1) & ~marks->continuation;
        bool is_blank_before = (marks->blank << 1 | gm_blank_before(window)) >> first & 1;
        uint64_t run = gm_bits_below(end) & ~gm_bits_below(at);
        if (signs != 0 || is_blank_before) {
            work->others |= run;
            work->marks &= ~run;
        }
        runs &= ~run;
    }
}

/* [\r\n/]* behind signs. Slashes behind newlines are rare; runs in which newlines and slashes take
 * turns are rarer, and so are marks behind signs that such a slash may have parted from the signs
 * before: those are left to the scalar rule. */
GM_WINDOW_INLINE void gm_o200k_eat(const struct gm_marks *marks, struct gm_o200k *work,
                                   struct gm_space_rule *rule)
{
    uint64_t slashes = marks->slash & marks->newline << 1;
    if (__builtin_expect(slashes == 0, 1)) {
        gm_eat_newlines(marks, work->others, rule);
        return;
    }
    uint64_t eatable = marks->newline | marks->slash;
    uint64_t turns = (marks->slash + slashes) & ~marks->slash & marks->newline;
    uint64_t sum = eatable + (marks->newline & work->others << 1 & ~turns);
    rule->eaten = eatable & ~sum;
    rule->after = sum & ~eatable;
    uint64_t signs = work->others & ~marks->mark;
    if (turns != 0 || (marks->mark & signs << 1) != 0)
        work->known &= gm_bits_below(gm_lowest(slashes));
}

/* Starts inside of runs of letters. Behind a lowercase letter and what may follow it, an uppercase
 * one starts a piece. Before any lowercase letter, the piece goes on as long as a lowercase letter
 * ends the run of uppercase ones; else it ends behind the last letter without case. */
GM_WINDOW_INLINE uint64_t gm_o200k_rises(const struct gm_window *window,
                                         const struct gm_marks *marks, struct gm_o200k *work)
{
    uint64_t both = marks->caseless | work->marks, upper = marks->upper;
    uint64_t in_tail = window->open == GM_OPEN_WORD, in_head = window->open == GM_OPEN_CASELESS;
    uint64_t entered = both & (marks->lower << 1 | in_tail);
    work->tails = marks->lower | (both & ~(both + entered));
    uint64_t starts = upper & (work->tails << 1 | in_tail);
    uint64_t doubtful = upper & ((both & ~work->tails) << 1 | in_head);
    for (; __builtin_expect(doubtful != 0, 0); doubtful &= doubtful - 1) {
        unsigned at = gm_lowest(doubtful), end = gm_run_end(upper, at);
        if (end >= marks->n && !window->is_last)
            work->known &= gm_bits_below(at);
        else if (end >= marks->n || !((marks->lower | both) >> end & 1))
            starts |= UINT64_C(1) << at;
    }
    return starts;
}

/* A contraction behind a word belongs to it. False if one ends outside of the window. */
GM_WINDOW_INLINE bool gm_o200k_join_contractions(struct gm_window *window,
                                                 const struct gm_marks *marks,
                                                 struct gm_o200k *work, uint64_t apostrophes)
{
    bool is_inside = true;
    unsigned last_end = 64;
    for (; apostrophes != 0; apostrophes &= apostrophes - 1) {
        unsigned at = gm_lowest(apostrophes);
        size_t length = gm_split_contraction(window->text, window->left, at, GM_CONTRACTION_FOLD);
        if (length == 0 || at == last_end)
            continue;
        last_end = at + (unsigned)length;
        window->starts &= gm_bits_below(at) | ~gm_bits_below(last_end);
        if (last_end >= marks->n) {
            is_inside = false;
            break;
        }
        window->starts |= UINT64_C(1) << last_end;
        /* Here a piece starts that the letters before do not know of. */
        if ((marks->caseless | work->marks) >> last_end & 1)
            work->known &= gm_bits_below(last_end + 1);
    }
    return is_inside;
}

GM_WINDOW_INLINE enum gm_open gm_o200k_open(const struct gm_marks *marks,
                                            const struct gm_o200k *work)
{
    if (gm_ends_with(marks, work->tails))
        return GM_OPEN_WORD;
    return gm_ends_with(marks, marks->caseless | work->marks) ? GM_OPEN_CASELESS : GM_OPEN_NONE;
}

GM_WINDOW_INLINE void gm_o200k_starts(struct gm_window *window, const struct gm_marks *marks)
{
    uint64_t numbers = marks->number, spaces = marks->space;
    struct gm_o200k work = {.marks = marks->mark, .known = ~UINT64_C(0)};
    work.others = marks->valid & ~(marks->letters | marks->mark | numbers | spaces);
    gm_o200k_deal_marks(window, marks, &work);
    struct gm_space_rule rule = {.follows = marks->valid & ~spaces};
    gm_o200k_eat(marks, &work, &rule);
    uint64_t words = work.words = marks->letters | work.marks;
    uint64_t others = work.others & ~rule.eaten;
    uint64_t words_before = words << 1 | gm_word_before(window);
    uint64_t after_blank = gm_blank_before(window);
    uint64_t other_starts = others & ~(others << 1) & ~(marks->blank << 1 | after_blank);
    uint64_t prefixed =
        (spaces & ~marks->newline) << 1 | after_blank | gm_behind_chars(marks, other_starts);
    window->starts = (words & ~words_before & ~prefixed) | other_starts |
                     gm_o200k_rises(window, marks, &work) | gm_number_triples(marks) |
                     gm_space_starts(window, marks, &rule);
    uint64_t last = UINT64_C(1) << (marks->n - 1);
    bool is_inside = gm_o200k_join_contractions(window, marks, &work,
                                                other_starts & marks->apostrophe & words_before &
                                                    (words >> 1 | last));
    window->starts &= work.known;
    bool is_all_known = (~work.known & marks->valid) == 0;
    window->is_last &= is_all_known;
    gm_end_window(window, marks,
                  is_inside && is_all_known ? gm_o200k_open(marks, &work) : GM_OPEN_NONE);
}

#endif
