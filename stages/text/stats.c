/* Stage stats: numbers about the text as it stands at this place of the chain, and its hash. What
 * each number means to the last detail is in docs/text-statistics.md; counts.h does the counting.
 * A text costs one walk and no allocation beyond its two small strings. */
#include "base/decimal.h"
#include "base/hash.h"
#include "stage.h"
#include "text/counts.h"

#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 16
_Static_assert(GM_SCRIPT_COUNT <= 256, "a script is a byte");
#define SCRIPTS_BYTES_MAX ((size_t)GM_SCRIPT_COUNT * 48)

enum {
    OUT_BYTES,
    OUT_CODE_POINTS,
    OUT_GRAPHEMES,
    OUT_LINES,
    OUT_WORDS,
    OUT_WORDS_WHITESPACE,
    OUT_UNIQUE_WORDS,
    OUT_WORD_LENGTH,
    OUT_SENTENCES,
    OUT_LETTER_RATIO,
    OUT_DIGIT_RATIO,
    OUT_SPACE_RATIO,
    OUT_PUNCTUATION_RATIO,
    OUT_SCRIPTS,
    OUT_HASH,
    OUT_KEY,
    OUT_COUNT
};

static const struct gm_column_def in[] = {
    {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, "the text"}, GM_COLUMN_END};

static const struct gm_column_def out[] = {
    [OUT_BYTES] = {"n_bytes", GM_TYPE_U64, 0, "bytes", "length of the text in UTF-8"},
    [OUT_CODE_POINTS] = {"n_code_points", GM_TYPE_U64, 0, "code points", "Unicode code points"},
    [OUT_GRAPHEMES] = {"n_graphemes", GM_TYPE_U64, 0, "characters",
                       "characters as a reader sees them (extended grapheme clusters)"},
    [OUT_LINES] = {"n_lines", GM_TYPE_U64, 0, "lines", "lines, the last with or without its end"},
    [OUT_WORDS] = {"n_words", GM_TYPE_U64, 0, "words", "words by Unicode word boundaries"},
    [OUT_WORDS_WHITESPACE] = {"n_words_whitespace", GM_TYPE_U64, 0, "words",
                              "runs of anything but white space"},
    [OUT_UNIQUE_WORDS] = {"n_unique_words", GM_TYPE_U64, 0, "words",
                          "different words, upper and lower case the same; null from 1,048,576 on"},
    [OUT_WORD_LENGTH] = {"word_length_mean", GM_TYPE_F64, 0, "code points",
                         "average length of a word; null without words"},
    [OUT_SENTENCES] = {"n_sentences", GM_TYPE_U64, 0, "sentences",
                       "sentences by Unicode sentence boundaries"},
    [OUT_LETTER_RATIO] = {"letter_ratio", GM_TYPE_F64, 0, "of code points", "share of letters"},
    [OUT_DIGIT_RATIO] = {"digit_ratio", GM_TYPE_F64, 0, "of code points",
                         "share of decimal digits"},
    [OUT_SPACE_RATIO] = {"space_ratio", GM_TYPE_F64, 0, "of code points", "share of white space"},
    [OUT_PUNCTUATION_RATIO] = {"punctuation_ratio", GM_TYPE_F64, 0, "of code points",
                               "share of punctuation"},
    [OUT_SCRIPTS] = {"scripts", GM_TYPE_JSON, 0, "code points",
                     "code points of each script, the most frequent first"},
    [OUT_HASH] = {"text_hash", GM_TYPE_STRING, 0, NULL, "XXH3-128 of the text, in hexadecimal"},
    [OUT_KEY] = {"text_key", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, "the same in 16 bytes"},
    [OUT_COUNT] = GM_COLUMN_END};

static const struct gm_opt opts[] = {GM_OPT_END};

struct stats {
    int text;
    int out[OUT_COUNT];
    struct gm_counter counter;
};

static enum gm_status stats_open(void *ctx, const void *options, const struct gm_prepared *prepared,
                                 const struct gm_bind *bind, struct gm_err *err)
{
    (void)options;
    (void)prepared;
    (void)err;
    struct stats *stats = ctx;
    stats->text = bind->in[0];
    memcpy(stats->out, bind->out, sizeof stats->out);
    gm_counter_init(&stats->counter);
    return GM_OK;
}

static void stats_close(void *ctx)
{
    struct stats *stats = ctx;
    gm_counter_fini(&stats->counter);
}

static void set_counts(const struct stats *stats, struct gm_batch *batch, uint32_t row,
                       struct gm_view text)
{
    const struct gm_text_counts *counts = &stats->counter.counts;
    const int *column = stats->out;
    const uint64_t n_lines =
        counts->line_feeds + (text.n_bytes > 0 && text.data[text.n_bytes - 1] != '\n');
    gm_batch_set_u64(batch, column[OUT_BYTES], row, text.n_bytes);
    gm_batch_set_u64(batch, column[OUT_CODE_POINTS], row, counts->code_points);
    gm_batch_set_u64(batch, column[OUT_GRAPHEMES], row, counts->graphemes);
    gm_batch_set_u64(batch, column[OUT_LINES], row, n_lines);
    gm_batch_set_u64(batch, column[OUT_WORDS], row, counts->words);
    gm_batch_set_u64(batch, column[OUT_WORDS_WHITESPACE], row, counts->whitespace_words);
    gm_batch_set_u64(batch, column[OUT_SENTENCES], row, counts->sentences);
    if (counts->distinct_words < GM_WORDSET_MAX_WORDS)
        gm_batch_set_u64(batch, column[OUT_UNIQUE_WORDS], row, counts->distinct_words);
    if (counts->words > 0)
        gm_batch_set_f64(batch, column[OUT_WORD_LENGTH], row,
                         (double)counts->word_code_points / (double)counts->words);
    if (counts->code_points == 0)
        return;
    const double all = (double)counts->code_points;
    gm_batch_set_f64(batch, column[OUT_LETTER_RATIO], row, (double)counts->letters / all);
    gm_batch_set_f64(batch, column[OUT_DIGIT_RATIO], row, (double)counts->digits / all);
    gm_batch_set_f64(batch, column[OUT_SPACE_RATIO], row, (double)counts->spaces / all);
    gm_batch_set_f64(batch, column[OUT_PUNCTUATION_RATIO], row, (double)counts->punctuation / all);
}

/* The scripts that the text has, the most frequent first, then in the order of the table; returns
 * how many. Most texts have two, so counts are looked at eight at a time. */
static unsigned find_scripts(const uint64_t *scripts, uint8_t *found)
{
    unsigned n_found = 0;
    for (unsigned first = 0; first < GM_SCRIPT_COUNT; first += 8) {
        const unsigned end = first + 8 < GM_SCRIPT_COUNT ? first + 8 : GM_SCRIPT_COUNT;
        uint64_t any = 0;
        for (unsigned i = first; i < end; i++)
            any |= scripts[i];
        for (unsigned i = first; any && i < end; i++) {
            if (scripts[i] == 0)
                continue;
            unsigned at = n_found++;
            for (; at > 0 && scripts[found[at - 1]] < scripts[i]; at--)
                found[at] = found[at - 1];
            found[at] = (uint8_t)i;
        }
    }
    return n_found;
}

/* {"Latin":1204,"Common":300}; to holds SCRIPTS_BYTES_MAX. */
static size_t write_scripts(uint8_t *to, const uint64_t *scripts)
{
    uint8_t found[GM_SCRIPT_COUNT];
    const unsigned n_found = find_scripts(scripts, found);
    size_t n = 0;
    to[n++] = '{';
    for (unsigned i = 0; i < n_found; i++) {
        const unsigned script = found[i];
        const size_t name_bytes = strlen(gm_script_names[script]);
        if (n > 1)
            to[n++] = ',';
        to[n++] = '"';
        memcpy(to + n, gm_script_names[script], name_bytes);
        n += name_bytes;
        to[n++] = '"';
        to[n++] = ':';
        n += gm_decimal_u64(scripts[script], (char *)to + n);
    }
    to[n++] = '}';
    return n;
}

/* The canonical form of the hash: most significant byte first. */
static void write_key(uint8_t key[HASH_BYTES], struct gm_hash128 hash)
{
    for (unsigned i = 0; i < 8; i++) {
        key[i] = (uint8_t)(hash.high >> (56 - 8 * i));
        key[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
    }
}

static enum gm_status stats_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                    struct gm_err *err)
{
    struct stats *stats = ctx;
    const struct gm_view text = gm_batch_view(batch, stats->text, row);
    const enum gm_status status =
        gm_count_text(&stats->counter, text.data, text.n_bytes, GM_COUNT_FAST, err);
    if (status != GM_OK)
        return status;
    uint8_t scripts[SCRIPTS_BYTES_MAX];
    const size_t scripts_bytes = write_scripts(scripts, stats->counter.counts.scripts);
    uint8_t *key = gm_batch_alloc(batch, HASH_BYTES);
    char *hex = gm_batch_alloc(batch, 2 * HASH_BYTES + 1);
    if (!key || !hex ||
        !gm_batch_set_copy(batch, stats->out[OUT_SCRIPTS], row, scripts, scripts_bytes))
        return gm_err_set(err, GM_NOMEM, "no memory for the statistics of a text");
    write_key(key, gm_xxh128(text.data, text.n_bytes));
    gm_batch_set_view(batch, stats->out[OUT_KEY], row, key, HASH_BYTES);
    gm_batch_set_view(batch, stats->out[OUT_HASH], row, gm_hex(key, HASH_BYTES, hex),
                      2 * HASH_BYTES);
    set_counts(stats, batch, row, text);
    return GM_OK;
}

const struct gm_stage gm_text_stats = {
    .name = "stats",
    .family = "text",
    .summary = "counts characters, words, sentences and scripts, and hashes the text",
    .in = in,
    .out = out,
    .opts = opts,
    .ctx_bytes = sizeof(struct stats),
    .open = stats_open,
    .process = stats_process,
    .close = stats_close,
};
