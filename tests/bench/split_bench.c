/* split_bench: how fast texts are cut into pieces.
 *
 *      split_bench SCHEME FILE.docs [ROUNDS]
 *
 * FILE.docs: documents as length (uint32_t) and bytes. For each tier, one line: GB/s, ns a piece
 * and, by the processor's time stamp, cycles a byte, each from the fastest of the rounds; all tiers
 * must give the same pieces. The pieces are handed out in portions of 4,096 into one array, as the
 * encoder takes them. CPU time. */
#include "cpu_time.h"
#include "tokenize/split.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

struct result {
    double ns, ticks;
    size_t n_pieces;
    uint64_t sum; /* of all ends, weighed by their place */
};

static struct result run(enum gm_scheme scheme, enum gm_split_tier tier, const uint8_t *data,
                         size_t n_bytes, bool is_summed)
{
    static uint32_t ends[4096];
    struct result result = {0};
    double start = cpu_seconds();
    uint64_t start_ticks = __rdtsc();
    for (size_t at = 0; at + 4 <= n_bytes;) {
        uint32_t length;
        memcpy(&length, data + at, sizeof(length));
        struct gm_split split;
        gm_split_begin(&split, scheme, tier, data + at + 4, length);
        for (size_t n; (n = gm_split_next(&split, ends, 4096)) > 0; result.n_pieces += n)
            for (size_t i = 0; is_summed && i < n; i++)
                result.sum = result.sum * 31 + ends[i];
        at += 4 + (size_t)length;
    }
    result.ticks = (double)(__rdtsc() - start_ticks);
    result.ns = (cpu_seconds() - start) * 1e9;
    return result;
}

static uint8_t *read_all(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *n_bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*n_bytes + 1);
    if (data != NULL && fread(data, 1, *n_bytes, file) != *n_bytes)
        data = NULL;
    fclose(file);
    return data;
}

int main(int argc, char **argv)
{
    static const char *const tiers[] = {"scalar", "avx2", "avx512"};
    size_t n_bytes = 0;
    unsigned scheme = GM_SCHEME_GPT2;
    while (argc >= 3 && scheme < GM_SCHEME_BERT && strcmp(argv[1], gm_scheme_name(scheme)) != 0)
        scheme++;
    uint8_t *data = argc >= 3 ? read_all(argv[2], &n_bytes) : NULL;
    if (data == NULL || scheme == GM_SCHEME_BERT) {
        fprintf(stderr, "usage: split_bench SCHEME FILE.docs [ROUNDS]\n");
        return 2;
    }
    int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    uint64_t sum = 0;
    for (unsigned tier = 0; tier <= gm_split_best_tier(); tier++) {
        struct result best = run(scheme, tier, data, n_bytes, true);
        if (tier > 0 && best.sum != sum)
            return fprintf(stderr, "split_bench: the tiers differ\n"), 1;
        sum = best.sum;
        best.ns = 1e18;
        for (int i = 0; i < rounds; i++) {
            struct result each = run(scheme, tier, data, n_bytes, false);
            best = each.ns < best.ns ? each : best;
        }
        printf("%-8s %-12s %6.2f GB/s %6.2f ns/piece %5.2f ticks/byte  %zu pieces of %.1f bytes\n",
               tiers[tier], argv[1], (double)n_bytes / best.ns, best.ns / (double)best.n_pieces,
               best.ticks / (double)n_bytes, best.n_pieces,
               (double)n_bytes / (double)best.n_pieces);
    }
    free(data);
    return 0;
}
