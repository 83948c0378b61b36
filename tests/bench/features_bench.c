/* features_bench LIST
 *
 * Decodes every picture named in LIST (a line each) by the gray stage, then times on the plane what
 * describes it: the features stage without its hashes, and the three hashes. Prints a JSON line:
 * pictures, pixels, CPU seconds of each. */
#include "base/fs.h"
#include "chain.h"
#include "cpu_time.h"
#include "image/hash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct gm_stage gm_image_gray, gm_image_features;
enum link { GRAY, FEATURES };

struct bench {
    struct chain chain;
    struct gm_hasher hasher;
    struct gm_buf file;
    unsigned n_pictures;
    uint64_t n_pixels;
    double features_s, hashes_s;
    uint64_t sum; /* of the hashes, so that none is left out */
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "features_bench: %s: %s\n", name, what);
    exit(1);
}

static void describe(struct bench *bench, const char *name)
{
    struct gm_err err = {0};
    gm_buf_clear(&bench->file);
    if (gm_read_file(AT_FDCWD, name, (size_t)1 << 30, &bench->file, &err))
        die(err.text, name);
    const struct chain_row row = {gm_media_sniff(bench->file.data, bench->file.n_bytes, "", 0),
                                  bench->file.data, bench->file.n_bytes};
    chain_begin(&bench->chain, &row, 1);
    chain_step(&bench->chain, GRAY, 0);
    if (chain_reason(&bench->chain, 0))
        die("is no picture", name);
    const struct gm_gray plane = {chain_view(&bench->chain, "gray_plane", 0).data,
                                  (uint32_t)chain_u64(&bench->chain, "gray_width", 0),
                                  (uint32_t)chain_u64(&bench->chain, "gray_height", 0)};
    double start = cpu_seconds();
    chain_step(&bench->chain, FEATURES, 0);
    double described = cpu_seconds();
    struct gm_image_hashes hashes;
    if (!gm_hash_plane(&bench->hasher, &plane, &hashes))
        die("no memory", name);
    bench->hashes_s += cpu_seconds() - described;
    bench->features_s += described - start;
    bench->sum += hashes.average + hashes.difference + hashes.perceptual;
    bench->n_pixels += (uint64_t)plane.width * plane.height;
    bench->n_pictures++;
}

int main(int argc, char **argv)
{
    struct bench bench = {.file = GM_BUF_INIT};
    FILE *list = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (!list) {
        fputs("usage: features_bench LIST\n", stderr);
        return 64;
    }
    chain_init(&bench.chain);
    chain_add(&bench.chain, &gm_image_gray, "mode=exact format=pgm");
    chain_add(&bench.chain, &gm_image_features, "hashes=false");
    if (!gm_hasher_init(&bench.hasher))
        die("no memory", "start");
    char name[4096];
    while (fgets(name, sizeof name, list)) {
        name[strcspn(name, "\n")] = '\0';
        describe(&bench, name);
    }
    printf(
        "{\"files\":%u,\"pixels\":%llu,\"features_s\":%.6f,\"hashes_s\":%.6f,\"sum\":\"%llx\"}\n",
        bench.n_pictures, (unsigned long long)bench.n_pixels, bench.features_s, bench.hashes_s,
        (unsigned long long)bench.sum);
    fclose(list);
    gm_hasher_fini(&bench.hasher);
    chain_free(&bench.chain);
    gm_buf_free(&bench.file);
    return 0;
}
