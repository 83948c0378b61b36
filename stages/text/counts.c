/* The walk that decodes every code point: the whole of any text that is not English-like, and the
 * reference that the fast walk is tested against. Word by word, so that each word's code points
 * are in the cache when the second pass folds and hashes them. */
#include "text/counts.h"

#include "text/grapheme.h"
#include "text/sentence.h"
#include "text/word.h"
#include <stdbool.h>
#include <string.h>

/* How much ASCII must follow before the fast walk is worth its start. */
#define ASCII_AHEAD_BYTES 32

/* State of one stretch of decoding; begins where every boundary is certain. */
struct walk {
    const uint8_t *text;
    size_t n_bytes;
    struct gm_grapheme grapheme;
    bool after_cased; /* see gm_sentence_terminated */
};

void gm_counter_init(struct gm_counter *counter)
{
    memset(counter, 0, sizeof *counter);
    gm_wordset_init(&counter->set);
}

void gm_counter_fini(struct gm_counter *counter)
{
    gm_wordset_fini(&counter->set);
}

static void add_word(struct gm_wordset *set, const uint8_t *text, size_t start, size_t end)
{
    struct gm_word_hash hash;
    gm_word_hash_init(&hash);
    while (start < end) {
        const uint32_t code_point = gm_uni_next(text, &start);
        const struct gm_uniprop *prop = gm_uniprop(code_point);
        if (!prop->fold_multi) {
            gm_word_hash_put(&hash, (uint32_t)((int32_t)code_point + prop->fold));
            continue;
        }
        const uint32_t *folded = gm_uni_folds[prop->fold_multi - 1];
        for (size_t i = 0; i < 3 && folded[i]; i++)
            gm_word_hash_put(&hash, folded[i]);
    }
    gm_wordset_add(set, gm_word_hash_final(&hash));
}

static void step_sentence(struct gm_counter *counter, struct walk *walk, size_t pos,
                          const struct gm_uniprop *prop)
{
    bool ends = false;
    switch (prop->sentence) {
    case GM_SB_EXTEND:
    case GM_SB_FORMAT:
        return;
    case GM_SB_CR:
    case GM_SB_LF:
    case GM_SB_SEP:
        ends = true;
        break;
    case GM_SB_ATERM:
    case GM_SB_STERM:
        ends = counter->in_sentence &&
               gm_sentence_terminated(walk->text, walk->n_bytes, pos, walk->after_cased);
        break;
    default:
        break;
    }
    if (ends) {
        counter->counts.sentences += counter->in_sentence;
        counter->in_sentence = false;
    }
    if (prop->flags & GM_UNI_WORD)
        counter->in_sentence = true;
    walk->after_cased = prop->sentence == GM_SB_UPPER || prop->sentence == GM_SB_LOWER;
}

/* Counts one segment of the word walk. */
static void count_segment(struct gm_counter *counter, struct walk *walk, size_t start, size_t end)
{
    struct gm_text_counts *counts = &counter->counts;
    unsigned flags = 0;
    uint64_t n_code_points = 0;
    for (size_t pos = start; pos < end;) {
        const size_t at = pos;
        const struct gm_uniprop *prop = gm_uniprop(gm_uni_next(walk->text, &pos));
        const bool is_space = prop->flags & GM_UNI_SPACE;
        n_code_points++;
        flags |= prop->flags;
        counts->graphemes += gm_grapheme_step(&walk->grapheme, prop);
        counts->letters += !!(prop->flags & GM_UNI_LETTER);
        counts->digits += !!(prop->flags & GM_UNI_DIGIT);
        counts->spaces += is_space;
        counts->punctuation += !!(prop->flags & GM_UNI_PUNCTUATION);
        counts->line_feeds += walk->text[at] == '\n';
        counts->scripts[prop->script]++;
        counts->whitespace_words += !is_space && counter->after_space;
        counter->after_space = is_space;
        step_sentence(counter, walk, at, prop);
    }
    counts->code_points += n_code_points;
    if (flags & GM_UNI_WORD) {
        counts->words++;
        counts->word_code_points += n_code_points;
        add_word(&counter->set, walk->text, start, end);
    }
}

static bool is_ascii(const uint8_t *text, size_t n_bytes)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < n_bytes; i++)
        bits |= text[i];
    return bits < 0x80;
}

/* May the fast walk begin at pos, and is it worth it? */
static bool is_ascii_place(const uint8_t *text, size_t n_bytes, size_t pos)
{
    const size_t ahead = n_bytes - pos;
    return gm_count_may_change(text, pos) &&
           is_ascii(text + pos, ahead < ASCII_AHEAD_BYTES ? ahead : ASCII_AHEAD_BYTES);
}

static size_t count_decoded(struct gm_counter *counter, struct walk *walk, size_t pos,
                            enum gm_count_mode mode)
{
    gm_grapheme_init(&walk->grapheme);
    walk->after_cased = false;
    while (pos < walk->n_bytes) {
        const size_t end = gm_word_end(walk->text, walk->n_bytes, pos);
        count_segment(counter, walk, pos, end);
        pos = end;
        if (mode == GM_COUNT_FAST && pos < walk->n_bytes &&
            is_ascii_place(walk->text, walk->n_bytes, pos))
            break;
    }
    return pos;
}

enum gm_status gm_count_text(struct gm_counter *counter, const uint8_t *text, size_t n_bytes,
                             enum gm_count_mode mode, struct gm_err *err)
{
    memset(&counter->counts, 0, sizeof counter->counts);
    counter->in_sentence = false;
    counter->after_space = true;
    if (!gm_wordset_begin(&counter->set, n_bytes))
        return gm_err_set(err, GM_NOMEM, "no memory for the set of words");
    struct walk walk = {.text = text, .n_bytes = n_bytes};
    size_t pos = 0;
    while (pos < n_bytes) {
        const size_t start = pos;
        if (mode == GM_COUNT_FAST)
            pos = gm_count_ascii(counter, text, n_bytes, pos);
        if (pos == start)
            pos = count_decoded(counter, &walk, pos, mode);
    }
    counter->counts.sentences += counter->in_sentence;
    counter->counts.distinct_words = counter->set.n_words;
    if (counter->counts.distinct_words > GM_WORDSET_MAX_WORDS)
        counter->counts.distinct_words = GM_WORDSET_MAX_WORDS;
    return GM_OK;
}
