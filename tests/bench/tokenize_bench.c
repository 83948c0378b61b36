/* tokenize_bench: how fast the core encodes, in memory, on one core.
 *
 *      tokenize_bench TOKENIZER FILE.docs [MEGABYTES [ROUNDS]]
 *
 * TOKENIZER: tokenizer.json or .tiktoken. FILE.docs: documents as length (uint32_t) and bytes. Each
 * round starts with an empty cache: the first pass over the documents is a cold process that has
 * opened an image, the next two are warm, the faster of which counts. Measured: normalisation,
 * split and merges of each document, and to keep all ids of the pass in memory that is new in each
 * pass, because gigatoken's is (tokenize_peers.py prints its page faults). Where ids are some
 * megabytes only, its allocator may have kept them from the pass before; ours is new there, too.
 * Ours asks once for what may be needed, an id for each byte, in large pages, which the system
 * clears all the same, but with a fault for 2 MB; the benchmark has a row in which the peer's
 * allocator asks for them as well (jobs_encode.py). Giving it back is measured for neither. Two
 * more passes
 * ("unkept") write the ids of each document over those of the one before, as a worker does whose
 * ids have been sent. By CPU time, the fastest round. Added tokens are text here.
 *
 * One line for loading, one for the speeds, and a sum of all ids in order, by which a change of the
 * code is seen to change no id. */
#include "base/huge_pages.h"
#include "json/json.h"
#include "cpu_time.h"
#include "tokenize/image.h"
#include "tokenize/load.h"
#include "tokenize/normal.h"
#include "tokenize/split.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PORTION 512u

struct tokenizer {
    struct gm_spec spec;
    struct gm_buf bytes;
    struct gm_image *image;
    struct gm_normalizer *normalizer;
    enum gm_scheme scheme;
};

enum ids { NO_IDS, KEPT, OVERWRITTEN };

struct pass {
    double ms;
    uint64_t cycles, n_bytes, n_pieces, n_ids, sum, n_faults;
};

static double cpu_ms(void)
{
    return cpu_seconds() * 1e3;
}

static uint64_t page_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_minflt;
}

/* -1: this machine does not count cycles. */
static int open_cycles(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_HW_CPU_CYCLES,
                                   .exclude_kernel = 1};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t cycles(void)
{
    static int fd = -2;
    uint64_t n = 0;
    if (fd == -2)
        fd = open_cycles();
    return fd >= 0 && read(fd, &n, sizeof n) == sizeof n ? n : 0;
}

/* Of the time stamp counter in a millisecond; 0: none. Its cycles are those of the processor at its
 * nominal speed. */
static double nominal_cycles_per_ms(void)
{
#ifdef __x86_64__
    struct timespec from, to;
    double ms;
    clock_gettime(CLOCK_MONOTONIC, &from);
    uint64_t start = __builtin_ia32_rdtsc();
    do {
        clock_gettime(CLOCK_MONOTONIC, &to);
        ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) * 1e-6;
    } while (ms < 20);
    return (double)(__builtin_ia32_rdtsc() - start) / ms;
#else
    return 0;
#endif
}

static uint8_t *read_all(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *n_bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = calloc(*n_bytes + GM_JSON_PADDING_BYTES, 1);
    if (data)
        gm_huge_pages(data, *n_bytes);
    if (data && fread(data, 1, *n_bytes, file) != *n_bytes)
        data = NULL;
    fclose(file);
    return data;
}

static enum gm_status open_tokenizer(struct tokenizer *tokenizer, const char *path,
                                     struct gm_err *err)
{
    static const uint8_t digest[GM_SHA256_BYTES];
    const char *name = strrchr(path, '/');
    struct gm_load_opts opts = {.name = name ? name + 1 : path, .n_behind = GM_JSON_PADDING_BYTES};
    size_t n_bytes = 0;
    double start = cpu_ms();
    uint8_t *data = read_all(path, &n_bytes);
    if (!data)
        return gm_err_set(err, GM_MISSING, "%s: unable to read", path);
    enum gm_status status = gm_spec_load(&tokenizer->spec, data, n_bytes, &opts, err);
    free(data);
    if (status != GM_OK)
        return status;
    tokenizer->scheme = gm_scheme_recognise(&tokenizer->spec);
    double loaded = cpu_ms();
    status = gm_image_build(&tokenizer->spec, tokenizer->scheme, digest, &tokenizer->bytes, err);
    double built = cpu_ms();
    if (status == GM_OK)
        status = gm_image_open(&tokenizer->image, tokenizer->bytes.data, tokenizer->bytes.n_bytes,
                               digest, err);
    double opened = cpu_ms();
    if (status == GM_OK)
        status = gm_normalizer_new(&tokenizer->normalizer, &tokenizer->spec, err);
    printf("load %.1f ms, build %.1f ms, open %.2f ms, image %.1f MB, scheme %s\n", loaded - start,
           built - loaded, opened - built, (double)tokenizer->bytes.n_bytes / 1e6,
           gm_scheme_name(tokenizer->scheme));
    return status;
}

static void no_memory(void)
{
    fputs("tokenize_bench: no memory\n", stderr);
    exit(1);
}

/* Appends the ids of a document; cache NULL: normalises and splits only. */
static void encode(const struct tokenizer *tokenizer, struct gm_bpe_cache *cache,
                   const uint8_t *text, size_t n_bytes, struct pass *pass, struct gm_buf *ids)
{
    static uint32_t ends[PORTION];
    static struct gm_buf scratch;
    struct gm_normal_text normal = {text, n_bytes};
    struct gm_split split;
    uint32_t begin = 0;

    if (tokenizer->spec.n_normalizers > 0)
        gm_normalize_text(tokenizer->normalizer, text, n_bytes, &scratch, &normal, NULL);
    if (cache && !gm_buf_reserve(ids, normal.n_bytes * sizeof(uint32_t)))
        no_memory();
    gm_split_begin(&split, tokenizer->scheme, gm_split_best_tier(), normal.data, normal.n_bytes);
    for (size_t n; (n = gm_split_next(&split, ends, PORTION)) > 0; begin = ends[n - 1]) {
        pass->n_pieces += n;
        if (!cache)
            continue;
        size_t n_ids = gm_bpe_encode(cache, normal.data, normal.n_bytes, begin, ends, n,
                                     (uint32_t *)(void *)(ids->data + ids->n_bytes));
        if (n_ids == SIZE_MAX)
            no_memory();
        ids->n_bytes += n_ids * sizeof(uint32_t);
    }
}

/* sum is of KEPT ids. */
static struct pass run(const struct tokenizer *tokenizer, struct gm_bpe_cache *cache,
                       const uint8_t *data, size_t n_bytes, enum ids what)
{
    struct gm_buf ids = GM_BUF_INIT;
    struct pass pass = {0};
    double start = cpu_ms();
    uint64_t start_cycles = cycles(), n_faults = page_faults();

    if (what == KEPT) {
        if (!gm_buf_reserve(&ids, n_bytes * sizeof(uint32_t)))
            no_memory();
        gm_huge_pages(ids.data, ids.capacity_bytes);
    }
    for (size_t at = 0; at + 4 <= n_bytes;) {
        uint32_t length;
        memcpy(&length, data + at, sizeof length);
        if (what == OVERWRITTEN)
            gm_buf_clear(&ids);
        encode(tokenizer, what == NO_IDS ? NULL : cache, data + at + 4, length, &pass, &ids);
        pass.n_bytes += length;
        at += 4 + (size_t)length;
    }
    pass.ms = cpu_ms() - start;
    pass.cycles = cycles() - start_cycles;
    pass.n_faults = page_faults() - n_faults;
    pass.n_ids = ids.n_bytes / sizeof(uint32_t);
    for (size_t i = 0; i < pass.n_ids; i++)
        pass.sum = pass.sum * 31 + ((uint32_t *)(void *)ids.data)[i];
    gm_buf_free(&ids);
    return pass;
}

static void keep_fastest(struct pass *best, struct pass pass)
{
    if (best->ms == 0 || pass.ms < best->ms)
        *best = pass;
}

static void print(const char *name, const struct pass *pass)
{
    printf("%s %.0f MB/s %.2f ns/piece", name, (double)pass->n_bytes / 1e3 / pass->ms,
           pass->ms * 1e6 / (double)pass->n_pieces);
    double cycles = pass->cycles ? (double)pass->cycles : pass->ms * nominal_cycles_per_ms();
    printf(" %.2f cycles/byte, ", cycles / (double)pass->n_bytes);
}

static void measure(const struct tokenizer *tokenizer, const uint8_t *data, size_t n_bytes,
                    int rounds)
{
    struct pass split = {0}, first = {0}, warm = {0}, unkept = {0};
    double hit_rates[2] = {0, 0};

    for (int round = 0; round < rounds; round++) {
        struct gm_bpe_cache *cache = gm_bpe_cache_new(gm_image_bpe(tokenizer->image), 32u << 20);
        const struct gm_bpe_counters *counters = gm_bpe_cache_counters(cache);
        uint64_t hits = 0, misses = 0;
        keep_fastest(&split, run(tokenizer, cache, data, n_bytes, NO_IDS));
        for (int i = 0; i < 3; i++) {
            keep_fastest(i == 0 ? &first : &warm, run(tokenizer, cache, data, n_bytes, KEPT));
            uint64_t n_new = counters->n_hits - hits, n_miss = counters->n_misses - misses;
            hit_rates[i > 0] = 100.0 * (double)n_new / (double)(n_new + n_miss);
            hits = counters->n_hits;
            misses = counters->n_misses;
        }
        for (int i = 0; i < 2; i++)
            keep_fastest(&unkept, run(tokenizer, cache, data, n_bytes, OVERWRITTEN));
        gm_bpe_cache_free(cache);
    }
    printf("%.1f MB, %.2f bytes/piece, %llu ids, sum %016llx: ", (double)split.n_bytes / 1e6,
           (double)split.n_bytes / (double)split.n_pieces, (unsigned long long)warm.n_ids,
           (unsigned long long)warm.sum);
    print("split", &split);
    print("first", &first);
    print("warm", &warm);
    print("unkept", &unkept);
    printf("hits %.2f%% %.2f%%, %llu page faults%s\n", hit_rates[0], hit_rates[1],
           (unsigned long long)warm.n_faults,
           first.sum == warm.sum ? "" : ", FIRST AND WARM DIFFER");
}

/* Whole documents, up to a limit. */
static size_t limit_documents(const uint8_t *data, size_t n_bytes, size_t limit)
{
    size_t at = 0;
    uint32_t length;
    while (at + 4 <= n_bytes && at < limit) {
        memcpy(&length, data + at, sizeof length);
        at += 4 + (size_t)length;
    }
    return at < n_bytes ? at : n_bytes;
}

int main(int argc, char **argv)
{
    struct tokenizer tokenizer;
    struct gm_err err;
    size_t n_bytes = 0;

    memset(&tokenizer, 0, sizeof tokenizer);
    gm_spec_init(&tokenizer.spec);
    uint8_t *data = argc >= 3 ? read_all(argv[2], &n_bytes) : NULL;
    if (!data) {
        fprintf(stderr, "usage: tokenize_bench TOKENIZER FILE.docs [MEGABYTES [ROUNDS]]\n");
        return 2;
    }
    size_t limit = argc > 3 ? (size_t)(strtod(argv[3], NULL) * 1e6) : SIZE_MAX;
    int rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 3;
    if (open_tokenizer(&tokenizer, argv[1], &err) != GM_OK || !gm_image_bpe(tokenizer.image)) {
        fprintf(stderr, "tokenize_bench: %s\n", err.text);
        return 1;
    }
    measure(&tokenizer, data, limit_documents(data, n_bytes, limit), rounds > 0 ? rounds : 1);
    gm_image_free(tokenizer.image);
    gm_normalizer_free(tokenizer.normalizer);
    gm_buf_free(&tokenizer.bytes);
    gm_spec_free(&tokenizer.spec);
    free(data);
    return 0;
}
