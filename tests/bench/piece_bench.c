/* piece_bench: texts that are one piece of a megabyte, or nearly so, and what twice as much takes.
 *
 *      piece_bench TOKENIZER...
 *
 * A table in Markdown: for each kind of text and each tokenizer MB/s of gm_encode for a megabyte,
 * with a cache that is empty, and the time for two megabytes as a multiple of that for one. Both by
 * CPU time, the fastest of some rounds, one of each size in turns. Where ids are
 * written to has been touched before. What is random is the same in every run. */
#include "cpu_time.h"
#include "base/utf8.h"
#include "tokenize/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES    ((size_t)1000000)
#define ROUNDS         5
#define MAX_TOKENIZERS 16

/* Writes the next character. */
typedef size_t writer(uint8_t *text);

static uint32_t draw(uint32_t n)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

#define DEFINE_RUN(name, character)                                                                \
    static size_t name(uint8_t *text)                                                              \
    {                                                                                              \
        *text = (character);                                                                       \
        return 1;                                                                                  \
    }
DEFINE_RUN(letter, 'a')
DEFINE_RUN(space, ' ')
DEFINE_RUN(newline, '\n')
DEFINE_RUN(equals, '=')
DEFINE_RUN(random_letter, (uint8_t)('a' + draw(26)))
DEFINE_RUN(base64,
           (uint8_t) "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[draw(64)])

static size_t han(uint8_t *text)
{
    return gm_utf8_encode(0x4E00 + draw(0x5200), text);
}

/* Some of the most frequent ones. */
static size_t common_han(uint8_t *text)
{
    static const uint16_t some[] = {0x7684, 0x4E00, 0x662F, 0x4E0D, 0x4E86, 0x5728, 0x4EBA, 0x6709,
                                    0x6211, 0x4ED6, 0x8FD9, 0x4E2D, 0x5927, 0x6765, 0x4E0A, 0x56FD};
    return gm_utf8_encode(some[draw(sizeof some / sizeof *some)], text);
}

static size_t emoji(uint8_t *text)
{
    size_t n = gm_utf8_encode(0x1F468 + draw(2), text);
    n += gm_utf8_encode(0x200D, text + n);
    return n + gm_utf8_encode(0x1F600 + draw(0x4F), text + n);
}

static const struct kind {
    const char *name;
    writer *write;
} kinds[] = {{"`aaaa`", letter},
             {"spaces", space},
             {"newlines", newline},
             {"`====`", equals},
             {"random letters", random_letter},
             {"base64", base64},
             {"Chinese, any characters", han},
             {"Chinese, frequent characters", common_han},
             {"emoji with ZWJ", emoji}};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static void fail(const char *reason)
{
    fprintf(stderr, "piece_bench: %s\n", reason);
    exit(1);
}

/* With an encoder that has seen nothing. */
static double seconds_of(const struct gm_tokenizer *tokenizer, const uint8_t *text, size_t n_bytes,
                         uint32_t *room)
{
    const struct gm_encoder_opts opts = {
        .flags = GM_ENCODE_ORDINARY, .invalid_utf8 = GM_INVALID_ERROR, .tier = GM_TIER_COUNT};
    struct gm_encoder *encoder;
    struct gm_err err;
    const uint32_t *ids;
    size_t n_ids;

    if (gm_encoder_new(&encoder, tokenizer, &opts, &err) != GM_OK)
        fail(err.text);
    gm_encoder_lend(encoder, room, 8 * PIECE_BYTES);
    double start = cpu_seconds();
    if (gm_encode(encoder, text, n_bytes, &ids, &n_ids, &err) != GM_OK)
        fail(err.text);
    double end = cpu_seconds();
    gm_encoder_free(encoder);
    return end - start;
}

static size_t make_text(const struct kind *kind, uint8_t *text, size_t n_bytes)
{
    size_t n = 0;
    while (n < n_bytes)
        n += kind->write(text + n);
    return n;
}

static void measure(const struct gm_tokenizer *tokenizer, const struct kind *kind, uint8_t *text,
                    uint32_t *room)
{
    double one = 1e9, two = 1e9;
    size_t n_one = make_text(kind, text, PIECE_BYTES);
    size_t n_two = n_one + make_text(kind, text + n_one, PIECE_BYTES);

    for (unsigned round = 0; round < ROUNDS; round++) {
        double seconds = seconds_of(tokenizer, text, n_one, room);
        one = seconds < one ? seconds : one;
        seconds = seconds_of(tokenizer, text, n_two, room);
        two = seconds < two ? seconds : two;
    }
    printf(" %.0f (%.2f) |", (double)n_one / 1e6 / one,
           two / one * 2 * (double)n_one / (double)n_two);
}

int main(int argc, char **argv)
{
    struct gm_tokenizer *tokenizers[MAX_TOKENIZERS];
    size_t n_tokenizers = (size_t)argc - 1;
    uint8_t *text = malloc(2 * PIECE_BYTES + 64);
    uint32_t *room = malloc(8 * PIECE_BYTES * sizeof *room);
    struct gm_err err;

    if (n_tokenizers < 1 || n_tokenizers > MAX_TOKENIZERS)
        fail("usage: piece_bench TOKENIZER...");
    if (!text || !room)
        fail("no memory");
    memset(room, 0, 8 * PIECE_BYTES * sizeof *room);
    printf("| 1 MB of |");
    for (size_t i = 0; i < n_tokenizers; i++) {
        const char *name = strrchr(argv[i + 1], '/');
        name = name ? name + 1 : argv[i + 1];
        printf(" %.*s |", (int)strcspn(name, "."), name);
        if (gm_tokenizer_open(&tokenizers[i], argv[i + 1], NULL, &err) != GM_OK)
            fail(err.text);
    }
    printf("\n|---|");
    for (size_t i = 0; i < n_tokenizers; i++)
        printf("---|");
    for (size_t k = 0; k < N_KINDS; k++) {
        printf("\n| %s |", kinds[k].name);
        for (size_t i = 0; i < n_tokenizers; i++)
            measure(tokenizers[i], &kinds[k], text, room);
    }
    printf("\n");
    for (size_t i = 0; i < n_tokenizers; i++)
        gm_tokenizer_free(tokenizers[i]);
    free(text);
    free(room);
    return 0;
}
