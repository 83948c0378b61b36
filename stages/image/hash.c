/* The definitions are those of imagehash's average_hash, dhash and phash with hash_size 8. */
#include "image/hash.h"

#include <stdlib.h>
#include <string.h>

#define SIDE 8
#define BITS (SIDE * SIDE)
#define WIDE GM_DCT_SIZE

bool gm_hasher_init(struct gm_hasher *hasher)
{
    gm_dct32_init(&hasher->dct);
    hasher->resampler = gm_resampler_new();
    return hasher->resampler != NULL;
}

void gm_hasher_fini(struct gm_hasher *hasher)
{
    gm_resampler_free(hasher->resampler);
    hasher->resampler = NULL;
}

static uint64_t hash_average(const uint8_t pixels[SIDE * SIDE])
{
    unsigned sum = 0;
    uint64_t hash = 0;
    for (size_t i = 0; i < BITS; i++)
        sum += pixels[i];
    for (size_t i = 0; i < BITS; i++)
        hash = hash << 1 | (pixels[i] * BITS > sum); /* above the mean */
    return hash;
}

static uint64_t hash_difference(const uint8_t pixels[(SIDE + 1) * SIDE])
{
    uint64_t hash = 0;
    for (size_t i = 0; i < BITS; i++) {
        const uint8_t *left = pixels + i / SIDE * (SIDE + 1) + i % SIDE;
        hash = hash << 1 | (left[1] > left[0]);
    }
    return hash;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint64_t hash_perceptual(const struct gm_dct32 *dct, const uint8_t pixels[WIDE * WIDE])
{
    double rows[SIDE][WIDE], low[BITS], sorted[BITS];
    for (size_t x = 0; x < WIDE; x++) { /* down the columns first */
        double column[WIDE];
        for (size_t y = 0; y < WIDE; y++)
            column[y] = pixels[y * WIDE + x];
        gm_dct32(dct, column);
        for (size_t y = 0; y < SIDE; y++)
            rows[y][x] = column[y];
    }
    for (size_t y = 0; y < SIDE; y++) {
        gm_dct32(dct, rows[y]);
        memcpy(low + y * SIDE, rows[y], SIDE * sizeof(*low));
    }
    memcpy(sorted, low, sizeof(low));
    qsort(sorted, BITS, sizeof(*sorted), by_value);
    double median = (sorted[BITS / 2 - 1] + sorted[BITS / 2]) / 2;
    uint64_t hash = 0;
    for (size_t i = 0; i < BITS; i++)
        hash = hash << 1 | (low[i] > median);
    return hash;
}

bool gm_hash_plane(struct gm_hasher *hasher, const struct gm_gray *gray,
                   struct gm_image_hashes *hashes)
{
    uint8_t pixels[WIDE * WIDE];
    struct gm_resampler *resampler = hasher->resampler;
    if (!gm_resample(resampler, gray, SIDE, SIDE, pixels))
        return false;
    hashes->average = hash_average(pixels);
    if (!gm_resample(resampler, gray, SIDE + 1, SIDE, pixels))
        return false;
    hashes->difference = hash_difference(pixels);
    if (!gm_resample(resampler, gray, WIDE, WIDE, pixels))
        return false;
    hashes->perceptual = hash_perceptual(&hasher->dct, pixels);
    return true;
}
