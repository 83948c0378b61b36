/* The walk that decodes every code point: the whole of any text that is not English-like, and the
 * reference that the fast walk is tested against. One pass in which each code point is decoded and
 * looked up once, and the word that it belongs to is hashed as it grows. */
#include "text/counts.h"

#include "text/ascii_block.h"
#include "text/grapheme.h"
#include "text/sentence.h"
#include "text/word.h"
#include <stdbool.h>
#include <string.h>

/* How much ASCII must follow before the fast walk is worth its start. */
#define ASCII_AHEAD_BYTES 32

#define CLASS_FLAGS       (GM_UNI_LETTER | GM_UNI_DIGIT | GM_UNI_SPACE | GM_UNI_PUNCTUATION)
_Static_assert(CLASS_FLAGS == 15, "classes[] is indexed by these flags");

/* State of one stretch of decoding; begins where every boundary is certain. */
struct walk {
    const uint8_t *text;
    size_t n_bytes;
    struct gm_word_walk words;
    struct gm_grapheme grapheme;
    bool after_cased; /* see gm_sentence_terminated */
    /* The segment of the word walk so far */
    unsigned flags; /* of all its code points */
    uint64_t n_code_points;
    struct gm_word_hash hash;
    uint64_t classes[CLASS_FLAGS + 1]; /* code points by their flags */
};

void gm_counter_init(struct gm_counter *counter)
{
    memset(counter, 0, sizeof *counter);
    gm_wordset_init(&counter->set);
    gm_ascii_classes(counter->classes);
    counter->tier = gm_count_best_tier();
}

void gm_counter_fini(struct gm_counter *counter)
{
    gm_wordset_fini(&counter->set);
}

static void begin_segment(struct walk *walk)
{
    walk->flags = 0;
    walk->n_code_points = 0;
    gm_word_hash_init(&walk->hash);
}

static void end_segment(struct gm_counter *counter, struct walk *walk)
{
    struct gm_text_counts *counts = &counter->counts;
    counts->code_points += walk->n_code_points;
    if (walk->flags & GM_UNI_WORD) {
        counts->words++;
        counts->word_code_points += walk->n_code_points;
        gm_wordset_add(&counter->set, gm_word_hash_final(&walk->hash));
    }
}

static void put_folded(struct gm_word_hash *hash, uint32_t code_point,
                       const struct gm_uniprop *prop)
{
    if (!prop->fold_multi) {
        gm_word_hash_put(hash, (uint32_t)((int32_t)code_point + prop->fold));
        return;
    }
    const uint32_t *folded = gm_uni_folds[prop->fold_multi - 1];
    for (size_t i = 0; i < 3 && folded[i]; i++)
        gm_word_hash_put(hash, folded[i]);
}

static void step_sentence(struct gm_counter *counter, struct walk *walk, size_t at,
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
               gm_sentence_terminated(walk->text, walk->n_bytes, at, walk->after_cased);
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

static void count_code_point(struct gm_counter *counter, struct walk *walk, size_t at,
                             uint32_t code_point, const struct gm_uniprop *prop)
{
    struct gm_text_counts *counts = &counter->counts;
    const bool is_space = prop->flags & GM_UNI_SPACE;
    walk->n_code_points++;
    walk->flags |= prop->flags;
    walk->classes[prop->flags & CLASS_FLAGS]++;
    counts->graphemes += gm_grapheme_step(&walk->grapheme, prop);
    counts->line_feeds += code_point == '\n';
    counts->scripts[prop->script]++;
    counts->whitespace_words += !is_space && counter->after_space;
    counter->after_space = is_space;
    step_sentence(counter, walk, at, prop);
    put_folded(&walk->hash, code_point, prop);
}

#define BIT(class)     (UINT32_C(1) << (class))
#define RUN_GRAPHEMES  (BIT(GM_GCB_OTHER) | BIT(GM_GCB_LV) | BIT(GM_GCB_LVT))
#define RUN_WORDS      (BIT(GM_WB_ALETTER) | BIT(GM_WB_HEBREW_LETTER) | BIT(GM_WB_OTHER))
#define RUN_SENTENCES  (BIT(GM_SB_LOWER) | BIT(GM_SB_UPPER) | BIT(GM_SB_OLETTER))
#define MARK_GRAPHEMES (BIT(GM_GCB_EXTEND) | BIT(GM_GCB_SPACINGMARK))
_Static_assert(GM_GCB_COUNT <= 32 && GM_WB_COUNT <= 32 && GM_SB_COUNT <= 32, "a class is a bit");

/* Letters that come in runs: any of them behind any other of the same script and word class begins
 * a new character, and leaves the states of all walks but what the last one sets. */
static bool may_run(const struct gm_uniprop *prop)
{
    return BIT(prop->grapheme) & RUN_GRAPHEMES && BIT(prop->word) & RUN_WORDS &&
           BIT(prop->sentence) & RUN_SENTENCES && prop->flags == (GM_UNI_LETTER | GM_UNI_WORD) &&
           prop->fold_multi == 0;
}

/* Most letters of a script have one record. */
static bool runs_on(const struct gm_uniprop *letter, const struct gm_uniprop *next)
{
    return next == letter ||
           (may_run(next) && next->word == letter->word && next->script == letter->script);
}

/* A mark belongs to its letter, and to the word, whatever it is. */
static bool is_mark(const struct gm_uniprop *prop)
{
    return prop->word == GM_WB_EXTEND && prop->sentence == GM_SB_EXTEND &&
           BIT(prop->grapheme) & MARK_GRAPHEMES && prop->fold_multi == 0;
}

/* What a run leaves behind: its letters and states as the last letter and the last code point set
 * them. */
static void end_run(struct gm_counter *counter, struct walk *walk, uint64_t n_letters,
                    const struct gm_uniprop *letter, const struct gm_uniprop *last)
{
    walk->classes[letter->flags & CLASS_FLAGS] += n_letters;
    counter->counts.graphemes += n_letters;
    counter->counts.scripts[letter->script] += n_letters;
    walk->words.previous = last->word;
    walk->grapheme.left = last->grapheme;
    walk->after_cased = letter->sentence != GM_SB_OLETTER;
}

/* Counts the letters from pos on that may run with the one before, and marks between them; returns
 * where they end. */
static size_t count_joined(struct gm_counter *counter, struct walk *walk, size_t pos,
                           const struct gm_uniprop *letter)
{
    const struct gm_uniprop *last = letter;
    struct gm_word_hash hash = walk->hash; /* a copy that stays in registers */
    uint64_t n_letters = 0, n_marks = 0;
    for (size_t after = pos; pos < walk->n_bytes; pos = after) {
        const uint32_t code_point = gm_uni_next(walk->text, &after);
        const struct gm_uniprop *prop = gm_uniprop(code_point);
        if (runs_on(letter, prop)) {
            letter = prop;
            n_letters++;
        } else if (is_mark(prop)) {
            walk->flags |= prop->flags;
            walk->classes[prop->flags & CLASS_FLAGS]++;
            counter->counts.scripts[prop->script]++;
            n_marks++;
        } else {
            break;
        }
        last = prop;
        gm_word_hash_put(&hash, (uint32_t)((int32_t)code_point + prop->fold));
    }
    walk->hash = hash;
    walk->n_code_points += n_letters + n_marks;
    end_run(counter, walk, n_letters, letter, last);
    return pos;
}

/* The same for letters each of which is a word, as ideographs are; the last one may go on. */
static size_t count_alone(struct gm_counter *counter, struct walk *walk, size_t pos,
                          const struct gm_uniprop *letter)
{
    uint64_t n_letters = 0;
    for (size_t after = pos; pos < walk->n_bytes; pos = after) {
        const uint32_t code_point = gm_uni_next(walk->text, &after);
        const struct gm_uniprop *prop = gm_uniprop(code_point);
        if (!runs_on(letter, prop))
            break;
        gm_wordset_add(&counter->set, gm_word_hash_final(&walk->hash));
        gm_word_hash_init(&walk->hash);
        gm_word_hash_put(&walk->hash, (uint32_t)((int32_t)code_point + prop->fold));
        letter = prop;
        n_letters++;
    }
    counter->counts.code_points += n_letters;
    counter->counts.words += n_letters;
    counter->counts.word_code_points += n_letters;
    end_run(counter, walk, n_letters, letter, letter);
    return pos;
}

static bool is_ascii(const uint8_t *text, size_t n_bytes)
{
    uint64_t bits = 0, eight;
    size_t n = 0;
    for (; n + 8 <= n_bytes; n += 8) {
        memcpy(&eight, text + n, 8);
        bits |= eight;
    }
    for (; n < n_bytes; n++)
        bits |= text[n];
    return !(bits & UINT64_C(0x8080808080808080));
}

/* May the fast walk begin at pos, and is it worth it? */
static bool is_ascii_place(const uint8_t *text, size_t n_bytes, size_t pos)
{
    const size_t ahead = n_bytes - pos;
    return gm_count_may_change(text, pos) &&
           is_ascii(text + pos, ahead < ASCII_AHEAD_BYTES ? ahead : ASCII_AHEAD_BYTES);
}

static void add_classes(struct gm_text_counts *counts, const uint64_t *classes)
{
    for (unsigned flags = 0; flags <= CLASS_FLAGS; flags++) {
        counts->letters += flags & GM_UNI_LETTER ? classes[flags] : 0;
        counts->digits += flags & GM_UNI_DIGIT ? classes[flags] : 0;
        counts->spaces += flags & GM_UNI_SPACE ? classes[flags] : 0;
        counts->punctuation += flags & GM_UNI_PUNCTUATION ? classes[flags] : 0;
    }
}

/* Counts text[start..] up to the end or a good place for the fast walk, and returns where. */
static size_t count_decoded(struct gm_counter *counter, const uint8_t *text, size_t n_bytes,
                            size_t start, enum gm_count_mode mode)
{
    struct walk walk = {.text = text, .n_bytes = n_bytes};
    gm_word_walk_init(&walk.words, text, n_bytes);
    gm_grapheme_init(&walk.grapheme);
    begin_segment(&walk);
    size_t pos = start;
    while (pos < n_bytes) {
        size_t after = pos;
        const uint32_t code_point = gm_uni_next(text, &after);
        const struct gm_uniprop *prop = gm_uniprop(code_point);
        if (gm_word_step(&walk.words, pos, after, prop) && pos > start) {
            end_segment(counter, &walk);
            begin_segment(&walk);
            if (mode == GM_COUNT_FAST && is_ascii_place(text, n_bytes, pos))
                break;
        }
        count_code_point(counter, &walk, pos, code_point, prop);
        pos = after;
        if (mode == GM_COUNT_FAST && may_run(prop))
            pos = prop->word == GM_WB_OTHER ? count_alone(counter, &walk, pos, prop)
                                            : count_joined(counter, &walk, pos, prop);
    }
    end_segment(counter, &walk);
    add_classes(&counter->counts, walk.classes);
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
    size_t pos = 0;
    while (pos < n_bytes) {
        const size_t start = pos;
        if (mode == GM_COUNT_FAST)
            pos = gm_count_ascii(counter, text, n_bytes, pos);
        if (pos == start)
            pos = count_decoded(counter, text, n_bytes, pos, mode);
    }
    counter->counts.sentences += counter->in_sentence;
    counter->counts.distinct_words = counter->set.n_words;
    if (counter->counts.distinct_words > GM_WORDSET_MAX_WORDS)
        counter->counts.distinct_words = GM_WORDSET_MAX_WORDS;
    return GM_OK;
}
