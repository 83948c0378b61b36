/* Everything that the stats stage counts, in one walk over the text.
 *
 * Two walks take turns and give the same numbers: counts_ascii.c for stretches of ASCII, 64 bytes
 * at a time with bit masks, and counts.c, which decodes code points, for the rest. They change
 * over only in front of an ASCII byte and behind a line feed or the last space of a run: there
 * every kind of boundary is certain, so that neither needs the other's state.
 *
 * docs/text-statistics.md defines each number. One thread; a counter is reused from text to text
 * and keeps up to 16 MB. */
#ifndef GM_TEXT_COUNTS_H
#define GM_TEXT_COUNTS_H

#include "base/err.h"
#include "text/uniprop.h"
#include "text/wordset.h"

struct gm_text_counts {
    uint64_t code_points;
    uint64_t graphemes;
    uint64_t line_feeds;
    uint64_t words;            /* UAX #29 segments with a letter, number or ideograph */
    uint64_t word_code_points; /* code points in those */
    uint64_t distinct_words;   /* casefolded; GM_WORDSET_MAX_WORDS: that many or more */
    uint64_t whitespace_words; /* runs of anything but white space */
    uint64_t sentences;
    uint64_t letters, digits, spaces, punctuation; /* code points */
    uint64_t scripts[GM_SCRIPT_COUNT];             /* code points, sums to code_points */
};

#define GM_COUNTS_WINDOW_BYTES 4096

enum gm_count_tier {
    GM_COUNT_PLAIN,
    GM_COUNT_AVX2,  /* with BMI2 */
    GM_COUNT_AVX512 /* with VBMI2 */
};
enum gm_count_tier gm_count_best_tier(void); /* of this machine; any lower one works too */

struct gm_counter {
    struct gm_text_counts counts; /* of the current or last text */
    struct gm_wordset set;
    bool in_sentence;        /* a letter or number since the last sentence boundary */
    bool after_space;        /* the code point before is white space, or there is none */
    enum gm_count_tier tier; /* the best; tests set others */
    uint8_t classes[128];    /* of gm_ascii_classes */
    /* Scratch of counts_ascii.c: a window in lower case, where its words begin and end, and what
     * may end a sentence. */
    uint8_t lower[GM_COUNTS_WINDOW_BYTES + 64];
    uint16_t starts[GM_COUNTS_WINDOW_BYTES / 2 + 64];
    uint16_t ends[GM_COUNTS_WINDOW_BYTES / 2 + 64];
    uint16_t candidates[GM_COUNTS_WINDOW_BYTES + 64];
};

enum gm_count_mode {
    GM_COUNT_FAST,
    GM_COUNT_DECODED /* counts.c only: for tests, to compare the two walks */
};

void gm_counter_init(struct gm_counter *counter);
void gm_counter_fini(struct gm_counter *counter);
/* Fills counter->counts. The text must be valid UTF-8 and may be empty. GM_OK or GM_NOMEM. */
enum gm_status gm_count_text(struct gm_counter *counter, const uint8_t *text, size_t n_bytes,
                             enum gm_count_mode mode, struct gm_err *err);

/* May the walks change over at 0 < pos < n_bytes? text[pos] must be ASCII. */
static inline bool gm_count_may_change(const uint8_t *text, size_t pos)
{
    return text[pos - 1] == '\n' || (text[pos - 1] == ' ' && text[pos] != ' ');
}

/* counts_ascii.c: counts text[pos..] up to a place where the walks may change over and returns
 * that place: pos itself if there is none within reach. pos must be such a place. */
size_t gm_count_ascii(struct gm_counter *counter, const uint8_t *text, size_t n_bytes, size_t pos);

#endif
