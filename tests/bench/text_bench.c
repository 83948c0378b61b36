/* Speed of the text chain, stage by stage: text_bench [SECONDS]
 *
 * JSON lines of about 2 KB, made here from word lists by a fixed random sequence, in blocks of 128
 * rows as a worker gets them. Prints megabytes (10^6) of JSON input per second of one core, for
 * each stage and for the whole chain; the best of several rounds, because the machine is shared. */
#include "base/buf.h"
#include "base/clock.h"
#include "chain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_BLOCK 128
#define N_BLOCKS       24
#define ROW_BYTES      2000

extern const struct gm_stage gm_text_extract, gm_text_utf8, gm_text_normalize, gm_text_stats;

static const char *const english[] = {"the",
                                      "of",
                                      "and",
                                      "to",
                                      "in",
                                      "a",
                                      "is",
                                      "that",
                                      "it",
                                      "was",
                                      "for",
                                      "on",
                                      "with",
                                      "as",
                                      "be",
                                      "at",
                                      "by",
                                      "this",
                                      "had",
                                      "not",
                                      "are",
                                      "but",
                                      "from",
                                      "or",
                                      "have",
                                      "an",
                                      "they",
                                      "which",
                                      "one",
                                      "you",
                                      "were",
                                      "her",
                                      "all",
                                      "she",
                                      "there",
                                      "would",
                                      "their",
                                      "we",
                                      "him",
                                      "been",
                                      "has",
                                      "when",
                                      "who",
                                      "will",
                                      "more",
                                      "no",
                                      "if",
                                      "out",
                                      "so",
                                      "said",
                                      "what",
                                      "up",
                                      "its",
                                      "about",
                                      "into",
                                      "than",
                                      "them",
                                      "can",
                                      "only",
                                      "other",
                                      "new",
                                      "some",
                                      "could",
                                      "time",
                                      "these",
                                      "two",
                                      "may",
                                      "then",
                                      "do",
                                      "first",
                                      "any",
                                      "my",
                                      "now",
                                      "such",
                                      "like",
                                      "our",
                                      "over",
                                      "man",
                                      "me",
                                      "even",
                                      "most",
                                      "made",
                                      "after",
                                      "also",
                                      "did",
                                      "many",
                                      "before",
                                      "must",
                                      "through",
                                      "back",
                                      "years",
                                      "where",
                                      "much",
                                      "your",
                                      "way",
                                      "well",
                                      "down",
                                      "should",
                                      "because",
                                      "each",
                                      "just",
                                      "those",
                                      "people",
                                      "state",
                                      "good",
                                      "very",
                                      "make",
                                      "world",
                                      "still",
                                      "own",
                                      "see",
                                      "men",
                                      "work",
                                      "long",
                                      "get",
                                      "here",
                                      "between",
                                      "both",
                                      "life",
                                      "being",
                                      "under",
                                      "never",
                                      "day",
                                      "same",
                                      "another",
                                      "know",
                                      "while",
                                      "last",
                                      "might",
                                      "us",
                                      "great",
                                      "old",
                                      "year",
                                      "off",
                                      "come",
                                      "since",
                                      "against",
                                      "go",
                                      "came",
                                      "right",
                                      "used",
                                      "take",
                                      "three",
                                      "don't",
                                      "it's",
                                      "can't",
                                      "water",
                                      "government",
                                      "language",
                                      "sentence",
                                      "measurement",
                                      "mountain",
                                      "children",
                                      "important",
                                      "different",
                                      "something",
                                      "understanding",
                                      "example",
                                      "temperature",
                                      "information",
                                      "international",
                                      "development",
                                      "particularly",
                                      "relationship"};

static const char *const russian[] = {
    "и",        "в",        "не",     "на",      "что",     "он",     "как",
    "это",      "по",       "но",     "они",     "мы",      "все",    "так",
    "его",      "за",       "был",    "от",      "вода",    "время",  "человек",
    "работа",   "слово",    "жизнь",  "большой", "город",   "дорога", "правительство",
    "развитие", "например", "потому", "который", "история", "ребёнок"};

static const char *const chinese[] = {"的",   "是",   "不",   "我们", "在",   "有",   "人",
                                      "这个", "上",   "中国", "时间", "工作", "语言", "发展",
                                      "世界", "水",   "山",   "学校", "孩子", "国际", "关系",
                                      "因为", "所以", "例子", "温度"};

static const char *const accented[] = {"caf\u00e9", "na\u00efve", "\u201cquoted\u201d",
                                       "\u2014",    "don\u2019t", "\u20ac",
                                       "S\u00e3o",  "\u00fcber"};

struct language {
    const char *name;
    const char *const *words;
    size_t n_words;
    const char *space, *stop;
    unsigned accents_per_mille; /* words from `accented` instead */
};

static const struct language languages[] = {
    {"english", english, GM_ARRAY_LEN(english), " ", ". ", 0},
    {"english, 0.5% of words not ASCII", english, GM_ARRAY_LEN(english), " ", ". ", 5},
    {"english, 5% of words not ASCII", english, GM_ARRAY_LEN(english), " ", ". ", 50},
    {"russian", russian, GM_ARRAY_LEN(russian), " ", ". ", 0},
    {"chinese", chinese, GM_ARRAY_LEN(chinese), "", "\u3002", 0},
};

struct corpus {
    struct gm_buf text;
    struct chain_row rows[N_BLOCKS * ROWS_PER_BLOCK];
};

static uint64_t seed;

static double next_random(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(seed >> 33) / (double)(UINT64_C(1) << 31);
}

/* Frequent words first, roughly as in Zipf's law; one in ten is made up, so that a text has the
 * usual share of words that occur once. */
static void add_word(struct gm_buf *text, const struct language *language)
{
    if (next_random() * 1000 < language->accents_per_mille) {
        gm_buf_text(text, accented[(size_t)(next_random() * GM_ARRAY_LEN(accented))]);
        return;
    }
    const double rank = pow((double)language->n_words + 1, next_random()) - 1;
    const char *word = language->words[(size_t)rank < language->n_words ? (size_t)rank : 0];
    gm_buf_text(text, word);
    if (next_random() < 0.1 && *language->space)
        gm_buf_text(text, language->words[(size_t)(next_random() * language->n_words)]);
}

static void add_row(struct gm_buf *text, const struct language *language, unsigned number)
{
    const size_t start = text->n_bytes;
    gm_buf_printf(text, "{\"id\":%u,\"url\":\"https://example.com/%u\",\"text\":\"", number,
                  number);
    unsigned in_sentence = 0;
    while (text->n_bytes - start < ROW_BYTES) {
        const size_t at = text->n_bytes;
        add_word(text, language);
        if (in_sentence++ == 0 && text->data[at] >= 'a' && text->data[at] <= 'z')
            text->data[at] = (uint8_t)(text->data[at] - 32);
        const double chance = next_random();
        if (in_sentence > 5 && chance < 0.09) {
            gm_buf_text(text, chance < 0.02 ? ".\\n\\n" : language->stop);
            in_sentence = 0;
        } else {
            gm_buf_text(text, chance > 0.94 ? ", " : language->space);
        }
        if (chance > 0.99)
            gm_buf_printf(text, "%u ", (unsigned)(chance * 1e5) % 2100);
    }
    gm_buf_text(text, ".\"}");
}

static void make_corpus(struct corpus *corpus, const struct language *language)
{
    const size_t n_rows = GM_ARRAY_LEN(corpus->rows);
    size_t *offsets = malloc((n_rows + 1) * sizeof *offsets);
    seed = 42;
    gm_buf_clear(&corpus->text);
    for (unsigned i = 0; i < n_rows; i++) {
        offsets[i] = corpus->text.n_bytes;
        add_row(&corpus->text, language, i);
    }
    offsets[n_rows] = corpus->text.n_bytes;
    GM_ASSERT(!corpus->text.failed);
    for (size_t i = 0; i < n_rows; i++)
        corpus->rows[i] = (struct chain_row){GM_MEDIA_JSON_LINE, corpus->text.data + offsets[i],
                                             offsets[i + 1] - offsets[i]};
    free(offsets);
}

/* One round over the corpus; adds each stage's time to ns[]. */
static void run_stages(struct chain *chain, const struct corpus *corpus, uint64_t *ns)
{
    for (size_t block = 0; block < N_BLOCKS; block++) {
        chain_begin(chain, corpus->rows + block * ROWS_PER_BLOCK, ROWS_PER_BLOCK);
        for (size_t link = 0; link < chain->n_links; link++) {
            const uint64_t start = gm_now_ns();
            for (uint32_t row = 0; row < ROWS_PER_BLOCK; row++)
                chain_step(chain, link, row);
            ns[link] += gm_now_ns() - start;
        }
    }
}

static uint64_t run_chain(struct chain *chain, const struct corpus *corpus)
{
    const uint64_t start = gm_now_ns();
    for (size_t block = 0; block < N_BLOCKS; block++)
        chain_run(chain, corpus->rows + block * ROWS_PER_BLOCK, ROWS_PER_BLOCK);
    return gm_now_ns() - start;
}

static void measure(struct chain *chain, const struct language *language, double seconds)
{
    static struct corpus corpus;
    make_corpus(&corpus, language);
    uint64_t best[CHAIN_MAX_STAGES + 1];
    memset(best, 0xFF, sizeof best);
    const uint64_t until = gm_now_ns() + (uint64_t)(seconds * 1e9);
    do {
        uint64_t ns[CHAIN_MAX_STAGES + 1] = {0};
        run_stages(chain, &corpus, ns);
        ns[chain->n_links] = run_chain(chain, &corpus);
        for (size_t i = 0; i <= chain->n_links; i++)
            best[i] = ns[i] < best[i] ? ns[i] : best[i];
    } while (gm_now_ns() < until);
    const double kilobytes = (double)corpus.text.n_bytes * 1e3;
    printf("%-34s", language->name);
    for (size_t i = 0; i <= chain->n_links; i++)
        printf(" %9.0f", kilobytes / (double)best[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    struct chain chain;
    chain_init(&chain);
    chain_add(&chain, &gm_text_extract, NULL);
    chain_add(&chain, &gm_text_utf8, NULL);
    chain_add(&chain, &gm_text_normalize, NULL);
    chain_add(&chain, &gm_text_stats, NULL);
    printf("%-34s", "MB/s of JSON lines, one core");
    for (size_t i = 0; i < chain.n_links; i++)
        printf(" %9s", chain.links[i].stage->name);
    printf(" %9s\n", "chain");
    for (size_t i = 0; i < GM_ARRAY_LEN(languages); i++)
        measure(&chain, &languages[i], seconds);
    chain_free(&chain);
    return 0;
}
