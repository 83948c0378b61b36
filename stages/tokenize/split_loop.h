/* Walking a text window by window: what the vector tiers share. */
#ifndef GM_TOKENIZE_SPLIT_LOOP_H
#define GM_TOKENIZE_SPLIT_LOOP_H

#include "tokenize/split_deepseek.h"
#include "tokenize/split_o200k.h"
#include "tokenize/split_rules.h"

/* What a tier brings. Both are inlined: the pointers are constants. */
struct gm_tier_work {
    /* Marks of the first bytes of the text; left > 0. Reads min(left, 64) bytes. */
    void (*classify)(struct gm_marks *marks, const uint8_t *text, size_t left, const void *context);
    /* Writes base + i for each bit i; there is room for 64 whatever the number of bits. */
    void (*write)(uint32_t *ends, uint64_t starts, uint32_t base);
    const void *context; /* for classify */
};

/* The next pieces, as in split.h, but only while there is room for a whole window. */
size_t gm_split_next_avx2(struct gm_split *split, uint32_t *ends, size_t capacity);
size_t gm_split_next_avx512(struct gm_split *split, uint32_t *ends, size_t capacity);

enum { GM_STATE_AT, GM_STATE_OPEN }; /* split->state: where the next window begins, and how */

GM_WINDOW_INLINE void gm_window_starts(struct gm_window *window, const struct gm_marks *marks,
                                       enum gm_scheme scheme)
{
    switch (scheme) {
    case GM_SCHEME_GPT2:
        gm_gpt2_starts(window, marks);
        break;
    case GM_SCHEME_O200K:
        gm_o200k_starts(window, marks);
        break;
    case GM_SCHEME_DEEPSEEK3:
        gm_deepseek_starts(window, marks);
        break;
    default:
        gm_cl100k_starts(window, marks, scheme);
    }
}

GM_WINDOW_INLINE size_t gm_split_windows(struct gm_split *split, uint32_t *ends, size_t capacity,
                                         enum gm_scheme scheme, const struct gm_tier_work work)
{
    const uint8_t *text = split->text;
    size_t n_bytes = split->n_bytes, at = split->state[GM_STATE_AT], n = 0;
    enum gm_open open = (enum gm_open)split->state[GM_STATE_OPEN];
    while (at < n_bytes && n + 65 <= capacity) {
        struct gm_window window = {.text = text + at, .left = n_bytes - at, .open = open};
        struct gm_marks marks;
        work.classify(&marks, window.text, window.left, work.context);
        window.is_last = marks.n == window.left;
        /* The same twice: with bitmaps that are known to be empty, half of a rule falls away. */
        if (marks.is_ascii) {
            marks.continuation = marks.caseless = marks.mark = marks.cjk = 0;
            gm_window_starts(&window, &marks, scheme);
        } else {
            gm_window_starts(&window, &marks, scheme);
        }
        /* Bytes that are no UTF-8 can have marks behind the window. */
        uint64_t starts = window.starts & marks.valid & ~(open == GM_OPEN_NONE ? UINT64_C(1) : 0);
        work.write(ends + n, starts, (uint32_t)at);
        n += (size_t)__builtin_popcountll(starts);
        open = window.open;
        if (__builtin_expect(window.is_last, 0)) {
            ends[n++] = (uint32_t)n_bytes;
            at = n_bytes;
        } else if (open != GM_OPEN_NONE) {
            at += marks.n;
        } else if (__builtin_expect(starts != 0, 1)) {
            at += gm_behind_highest(starts) - 1;
        } else {
            /* Longer than the window. */
            size_t start = n > 0 ? ends[n - 1] : split->position;
            at = gm_split_piece_end(scheme, text, n_bytes, start);
            ends[n++] = (uint32_t)at;
        }
    }
    split->state[GM_STATE_AT] = at;
    split->state[GM_STATE_OPEN] = open;
    split->position = n > 0 ? ends[n - 1] : split->position;
    return n;
}

/* The rules that the tiers have. */
#define GM_SPLIT_RULES(X) X(GPT2) X(CL100K) X(CL100K_END) X(QWEN2) X(QWEN35) X(O200K) X(DEEPSEEK3)

/* Bits of characters, from those of their first bytes: the addition carries through the run of
 * continuation bytes behind each. */
GM_WINDOW_INLINE uint64_t gm_fill_chars(uint64_t continuation, uint64_t firsts)
{
    return firsts | (continuation & ~(continuation + (firsts << 1)));
}

/* Bytes of a full window before a character that does not fit, from the first bytes of characters
 * of at least two, three and four bytes. Where the text ends, none is cut: it is UTF-8. */
GM_WINDOW_INLINE unsigned gm_whole_chars(size_t left, uint64_t two, uint64_t three, uint64_t four)
{
    uint64_t last = UINT64_C(1) << 63;
    uint64_t cut = (two & last) | (three & last >> 1) | (four & last >> 2);
    return left <= 64 ? (unsigned)left : cut == 0 ? 64 : gm_lowest(cut);
}

#endif
