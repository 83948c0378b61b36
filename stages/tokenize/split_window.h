/* A window of up to 64 bytes as bitmaps, and what the split rules have in common on them.
 *
 * Bit i is byte i of the window; every byte of a character has the bits of its character, so that
 * neighbouring bits are neighbouring characters whatever their length:
 *
 *      text         h  i  ,  SP n  a  c3 af v  e  !        (in the order of the text)
 *      letters      1  1  .  .  1  1  1  1  1  1  .
 *      others       .  .  1  .  .  .  .  .  .  .  1
 *      spaces       .  .  .  1  .  .  .  .  .  .  .
 *      starts       1  .  1  1  .  .  .  .  .  .  1
 *
 * A window begins where a piece begins or, "open", behind a blank or letters. So a rule needs
 * nothing from before the window but the kind of the open run; what it cannot tell because the text
 * goes on behind the window, it leaves out, and the next window begins early enough to see it. "x
 * << 1" is "the byte before is an x".
 *
 * Inline functions without target attributes: each tier compiles them for its own instructions. */
#ifndef GM_TOKENIZE_SPLIT_WINDOW_H
#define GM_TOKENIZE_SPLIT_WINDOW_H

#include "tokenize/split_scalar.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_WINDOW_INLINE static inline __attribute__((always_inline))

/* What a tier finds out about the bytes; all within valid. */
struct gm_marks {
    uint64_t valid;        /* the lowest n bits */
    unsigned n;            /* bytes: 64, or less at the end of the text or before a character that
                              does not fit */
    bool is_ascii;         /* then the rules are shorter: continuation, caseless, mark, cjk are 0 */
    uint64_t continuation; /* bytes of a character but its first */
    uint64_t upper, lower, caseless, letters, mark, number, space, punct, cjk;
    uint64_t newline, blank, apostrophe, slash; /* \r \n, U+0020, ', / */
};

/* The piece that a window may begin inside. */
enum gm_open {
    GM_OPEN_NONE,     /* none: the window begins with a piece */
    GM_OPEN_BLANK,    /* one of a single U+0020 so far */
    GM_OPEN_WORD,     /* one that ends with letters, for o200k with those behind a lowercase one */
    GM_OPEN_CASELESS, /* o200k: no lowercase letter yet, the last one has no case */
    GM_OPEN_CJK       /* deepseek: with letters of CJK */
};

struct gm_window {
    const uint8_t *text; /* the window's first byte */
    size_t left;         /* bytes up to the end of the text */
    bool is_last;        /* the text ends in this window */
    enum gm_open open;   /* in: how it begins; out: how the next one would begin at its end */
    uint64_t starts;     /* out: bytes where pieces start; bit 0 only counts if open */
};

GM_WINDOW_INLINE uint64_t gm_bits_below(unsigned n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

GM_WINDOW_INLINE unsigned gm_lowest(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* Behind the highest bit; 0 if there is none. */
GM_WINDOW_INLINE unsigned gm_behind_highest(uint64_t bits)
{
    return bits == 0 ? 0 : 64 - (unsigned)__builtin_clzll(bits);
}

/* Behind the run of ones that begins at bit i. */
GM_WINDOW_INLINE unsigned gm_run_end(uint64_t bits, unsigned i)
{
    uint64_t rest = ~(bits >> i);
    return rest == 0 ? 64 : i + gm_lowest(rest) > 64 ? 64 : i + gm_lowest(rest);
}

/* Bit 0 if the byte before the window is part of the open piece and of that kind. */
GM_WINDOW_INLINE uint64_t gm_blank_before(const struct gm_window *window)
{
    return window->open == GM_OPEN_BLANK;
}

GM_WINDOW_INLINE uint64_t gm_word_before(const struct gm_window *window)
{
    return window->open > GM_OPEN_BLANK;
}

GM_WINDOW_INLINE bool gm_ends_with(const struct gm_marks *marks, uint64_t bits)
{
    return bits >> (marks->n - 1) & 1;
}

/* The first bytes behind the characters that begin at firsts; no two of those are neighbours. The
 * addition carries through a character's continuation bytes. */
GM_WINDOW_INLINE uint64_t gm_behind_chars(const struct gm_marks *marks, uint64_t firsts)
{
    return ((marks->continuation | firsts) + firsts) & ~marks->continuation;
}

/* First bytes of those characters of set behind which a byte of wanted stands. */
GM_WINDOW_INLINE uint64_t gm_chars_before(const struct gm_marks *marks, uint64_t set,
                                          uint64_t wanted)
{
    uint64_t more = marks->continuation;
    if (__builtin_expect((set & more) == 0, 1))
        return set & wanted >> 1;
    uint64_t firsts = set & ~more, two = more >> 1, three = two & more >> 2;
    uint64_t four = three & more >> 3;
    return firsts & ((~two & wanted >> 1) | (two & ~three & wanted >> 2) |
                     (three & ~four & wanted >> 3) | (four & wanted >> 4));
}

/* \p{N}{1,3}: every third number of each run, from its first. */
GM_WINDOW_INLINE uint64_t gm_number_triples(const struct gm_marks *marks)
{
    uint64_t numbers = marks->number, starts = numbers & ~(numbers << 1);
    if (__builtin_expect((numbers & marks->continuation) != 0, 0)) {
        unsigned count = 0;
        uint64_t firsts = starts;
        for (uint64_t each = numbers & ~marks->continuation; each != 0; each &= each - 1) {
            uint64_t bit = each & -each;
            count = firsts & bit ? 0 : count + 1;
            starts |= count % 3 == 0 ? bit : 0;
        }
        return starts;
    }
    uint64_t fourth = numbers & numbers << 1 & numbers << 2 & numbers << 3;
    for (uint64_t each = starts; fourth != 0 && each != 0; starts |= each)
        each = each << 3 & fourth;
    return starts;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+: where pieces start in runs of white space.
 *
 *      run of white space   SP SP \n SP \n SP SP SP a
 *      starts               1  .  .  .  .  1  .  1
 *
 * the first; behind the last newline; the last, if something follows (then it belongs to that, or
 * stands alone). eaten: newlines that belong to what is before them, after: the byte behind those.
 * follows: what ends a run within a segment. */
struct gm_space_rule {
    uint64_t eaten, after, follows;
    bool end_takes_all; /* a run at the end of the text is one piece */
};

GM_WINDOW_INLINE uint64_t gm_behind_newlines(const struct gm_marks *marks,
                                             const struct gm_space_rule *rule, bool is_last)
{
    uint64_t plain = marks->space & ~marks->newline;
    uint64_t starts = plain & marks->newline << 1 & ~rule->after;
    if (rule->end_takes_all && is_last && gm_ends_with(marks, plain))
        starts &= gm_bits_below(gm_behind_highest(marks->valid & ~plain));
    /* Those whose run of plain white space runs into another newline are not the last. */
    if (__builtin_expect(((plain + starts) & ~plain & marks->newline) != 0, 0))
        for (uint64_t each = starts; each != 0; each &= each - 1) {
            unsigned end = gm_run_end(plain, gm_lowest(each));
            if (end < 64 && marks->newline >> end & 1)
                starts &= ~(each & -each);
        }
    return starts;
}

GM_WINDOW_INLINE uint64_t gm_space_starts(const struct gm_window *window,
                                          const struct gm_marks *marks,
                                          const struct gm_space_rule *rule)
{
    uint64_t spaces = marks->space;
    return (spaces & ~(spaces << 1 | gm_blank_before(window)) & ~rule->eaten) |
           (rule->after & spaces) | gm_behind_newlines(marks, rule, window->is_last) |
           gm_chars_before(marks, spaces & ~marks->newline, rule->follows);
}

/* Newlines that a run of others before them takes with it. */
GM_WINDOW_INLINE void gm_eat_newlines(const struct gm_marks *marks, uint64_t others,
                                      struct gm_space_rule *rule)
{
    uint64_t sum = marks->newline + (marks->newline & others << 1);
    rule->eaten = marks->newline & ~sum;
    rule->after = sum & ~marks->newline;
}

/* Leaves out the starts that are not certain, and says how the next window would begin at the end
 * of this one. Whether a run of white space goes on behind the window decides about the starts in
 * it, but for its first. words: GM_OPEN_NONE, or what a piece is in that ends the window with a
 * word. */
GM_WINDOW_INLINE void gm_end_window(struct gm_window *window, const struct gm_marks *marks,
                                    enum gm_open words)
{
    window->open = words;
    if (!gm_ends_with(marks, marks->space) || window->is_last)
        return;
    window->starts &= gm_bits_below(gm_behind_highest(marks->valid & ~marks->space) + 1);
    if (gm_ends_with(marks, window->starts & marks->blank))
        window->open = GM_OPEN_BLANK;
}

#endif
