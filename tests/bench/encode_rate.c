/* encode_rate FILE.jsonl TOKENIZER PROCESSES SECONDS FIRST: how fast texts that are in memory
 * already are encoded, in as many processes at once; what an end-to-end run is compared with.
 * Prints "encode_rate MB_PER_CPU_SECOND MB_PER_SECOND_OF_ALL MB_PER_SECOND_OF_FIRST": the median of
 * the processes' passes of MB per second of CPU time, the sum of the processes' MB per second of
 * the clock, and the same of their first FIRST passes, which begin with an empty cache. A pass
 * counts as the bytes of the file, as it does end to end. */
#include "base/clock.h"
#include "base/fs.h"
#include "cpu_time.h"
#include "json/json.h"
#include "tokenize/tokenizer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_BYTES = 256 << 20, MOST_PROCESSES = 256 };

struct texts {
    struct gm_buf bytes;
    struct gm_buf ends; /* size_t each */
    size_t file_bytes;
};

static void die(const char *what)
{
    fprintf(stderr, "encode_rate: %s\n", what);
    exit(1);
}

static void load(const char *path, struct texts *texts)
{
    struct gm_buf file = GM_BUF_INIT;
    struct gm_err err = {0};
    struct gm_json_parser *parser = gm_json_parser_new(UINT32_MAX - 1, GM_JSON_DEFAULT_DEPTH);
    if (!parser || gm_read_file(AT_FDCWD, path, MOST_BYTES, &file, &err) != GM_OK)
        die(err.text);
    for (const uint8_t *at = file.data, *end = at + file.n_bytes; at < end;) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n_line = (size_t)((newline ? newline : end) - at);
        struct gm_json_value text;
        if (gm_json_parse(parser, at, n_line, 0, &err) == GM_OK &&
            gm_json_get(parser, "text", &text) == GM_JSON_STRING) {
            gm_buf_append(&texts->bytes, text.text, text.n_bytes);
            gm_buf_append(&texts->ends, &texts->bytes.n_bytes, sizeof(size_t));
        }
        at += n_line + 1;
    }
    texts->file_bytes = file.n_bytes;
    gm_json_parser_free(parser);
    gm_buf_free(&file);
}

static void pass(const struct texts *texts, struct gm_encoder *encoder)
{
    const size_t *ends = (const size_t *)(const void *)texts->ends.data;
    size_t from = 0;
    for (size_t i = 0; i < texts->ends.n_bytes / sizeof *ends; i++) {
        const uint32_t *ids;
        size_t n_ids;
        struct gm_err err = {0};
        if (gm_encode(encoder, texts->bytes.data + from, ends[i] - from, &ids, &n_ids, &err) !=
            GM_OK)
            die(err.text);
        from = ends[i];
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct results {
    double cpu_rate, rate, first_rate; /* MB/s */
};

struct duration {
    double seconds;
    int n_first;
};

static void measure(const struct texts *texts, struct gm_tokenizer *tokenizer,
                    struct duration duration, struct results *results)
{
    struct gm_encoder *encoder;
    struct gm_err err = {0};
    const struct gm_encoder_opts opts = {.tier = GM_TIER_COUNT};
    double rates[1000], megabytes = (double)texts->file_bytes / 1e6;
    int n = 0;
    if (gm_encoder_new(&encoder, tokenizer, &opts, &err) != GM_OK)
        die(err.text);
    uint64_t start_ms = gm_now_ms();
    do {
        double before = cpu_seconds();
        pass(texts, encoder);
        rates[n++] = megabytes / (cpu_seconds() - before);
        if (n == duration.n_first)
            results->first_rate = megabytes * n * 1000 / (double)(gm_now_ms() - start_ms);
    } while (n < duration.n_first ||
             (n < 1000 && (double)(gm_now_ms() - start_ms) < duration.seconds * 1000));
    results->rate = megabytes * n * 1000 / (double)(gm_now_ms() - start_ms);
    qsort(rates, (size_t)n, sizeof *rates, by_size);
    results->cpu_rate = rates[n / 2];
}

int main(int argc, char **argv)
{
    static struct texts texts;
    struct gm_tokenizer *tokenizer;
    struct gm_err err = {0};
    if (argc != 6)
        die("expected FILE.jsonl TOKENIZER PROCESSES SECONDS FIRST");
    int n = atoi(argv[3]);
    struct duration duration = {atof(argv[4]), atoi(argv[5])};
    if (n < 1 || n > MOST_PROCESSES || duration.n_first < 1 || duration.n_first > 100)
        die("too many processes or passes");
    load(argv[1], &texts);
    if (gm_tokenizer_open(&tokenizer, argv[2], NULL, &err) != GM_OK)
        die(err.text);
    struct results *results = mmap(NULL, MOST_PROCESSES * sizeof *results, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        die("no memory");
    for (int i = 0; i < n; i++)
        if (fork() == 0) {
            measure(&texts, tokenizer, duration, &results[i]);
            _exit(0);
        }
    double sum = 0, cpu = 0, first = 0;
    for (int i = 0; i < n; i++)
        wait(NULL);
    for (int i = 0; i < n; i++) {
        cpu += results[i].cpu_rate / n;
        sum += results[i].rate;
        first += results[i].first_rate;
    }
    printf("encode_rate %.1f %.1f %.1f\n", cpu, sum, first);
    return 0;
}
