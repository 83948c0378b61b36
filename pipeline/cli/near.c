/* Equal hashes are joined by sorting. The rest is a search by parts: the 64 bits are cut into
 * distance / 2 + 1 parts. If two hashes differ in at most `distance` bits, then in one of the parts
 * they differ in at most one bit: were it two in each, that would be distance + 2 or more. So for
 * each part all hashes are put into buckets by (some of) its bits, and each hash is compared
 * with those in its own bucket and in those one bit away. No pair is missed, and for the distances
 * that make sense a bucket holds a few hashes of a million. */
#include "cli/near.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEY_BITS 20

struct near {
    const uint64_t *hashes;
    uint32_t *parents; /* of all hashes; the root of a group is its lowest index */
    uint32_t *singles; /* one index for each different hash */
    uint32_t n_singles;
    /* One part at a time: the different hashes by bucket, and where each bucket begins. */
    uint64_t *values;
    uint32_t *indices;
    uint32_t *buckets;
    unsigned distance;
};

static uint32_t root_of(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i)
        i = parents[i] = parents[parents[i]];
    return i;
}

static void join(struct near *near, uint32_t a, uint32_t b)
{
    a = root_of(near->parents, a);
    b = root_of(near->parents, b);
    if (a < b)
        near->parents[b] = a;
    else
        near->parents[a] = b;
}

static int by_hash(const void *a, const void *b, void *hashes)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    uint64_t x = ((const uint64_t *)hashes)[i], y = ((const uint64_t *)hashes)[j];
    if (x != y)
        return x < y ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Joins what is equal; keeps one of each. */
static void join_equal(struct near *near, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        near->singles[i] = near->parents[i] = i;
    qsort_r(near->singles, n, sizeof(*near->singles), by_hash, (void *)(uintptr_t)near->hashes);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t last = near->n_singles ? near->singles[near->n_singles - 1] : 0;
        if (near->n_singles && near->hashes[last] == near->hashes[near->singles[i]])
            join(near, last, near->singles[i]);
        else
            near->singles[near->n_singles++] = near->singles[i];
    }
}

struct part {
    unsigned shift;
    uint32_t mask;
    unsigned n_bits;
};

static uint32_t key_of(const struct part *part, uint64_t hash)
{
    return (uint32_t)(hash >> part->shift) & part->mask;
}

/* The least significant bits of part k of n, as many as make some buckets a hash. */
static struct part part_of(unsigned k, unsigned n, uint32_t n_hashes)
{
    unsigned first = 64 * k / n, end = 64 * (k + 1) / n, n_bits = 2;
    while (n_bits < end - first && n_bits < MAX_KEY_BITS && n_hashes >> (n_bits - 2))
        n_bits++;
    return (struct part){first, (1u << n_bits) - 1, n_bits};
}

static void fill_buckets(struct near *near, const struct part *part)
{
    uint32_t n_buckets = part->mask + 1;
    memset(near->buckets, 0, (n_buckets + 1) * sizeof(*near->buckets));
    for (uint32_t i = 0; i < near->n_singles; i++)
        near->buckets[key_of(part, near->hashes[near->singles[i]]) + 1]++;
    for (uint32_t b = 0; b < n_buckets; b++)
        near->buckets[b + 1] += near->buckets[b];
    for (uint32_t i = near->n_singles; i-- > 0;) { /* from behind: ends become beginnings */
        uint64_t hash = near->hashes[near->singles[i]];
        uint32_t at = --near->buckets[key_of(part, hash) + 1];
        near->values[at] = hash;
        near->indices[at] = near->singles[i];
    }
    /* Each bucket's beginning now stands one place too far. */
    memmove(near->buckets, near->buckets + 1, n_buckets * sizeof(*near->buckets));
    near->buckets[n_buckets] = near->n_singles;
}

/* Compares all hashes of one bucket with all of another, or of one with each other. */
static inline __attribute__((always_inline)) void compare(struct near *near, uint32_t a, uint32_t b)
{
    for (uint32_t i = near->buckets[a]; i < near->buckets[a + 1]; i++)
        for (uint32_t k = a == b ? i + 1 : near->buckets[b]; k < near->buckets[b + 1]; k++)
            if ((unsigned)__builtin_popcountll(near->values[i] ^ near->values[k]) <= near->distance)
                join(near, near->indices[i], near->indices[k]);
}

static inline __attribute__((always_inline)) void search_part(struct near *near,
                                                              const struct part *part)
{
    for (uint32_t b = 0; b <= part->mask; b++) {
        compare(near, b, b);
        for (unsigned bit = 0; bit < part->n_bits; bit++)
            if ((b ^ 1u << bit) > b)
                compare(near, b, b ^ 1u << bit);
    }
}

static void search_plain(struct near *near, const struct part *part)
{
    search_part(near, part);
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static void search_popcnt(struct near *near,
                                                            const struct part *part)
{
    search_part(near, part);
}
#endif

static void search(struct near *near, const struct part *part)
{
    fill_buckets(near, part);
#ifdef __x86_64__
    if (__builtin_cpu_supports("popcnt")) {
        search_popcnt(near, part);
        return;
    }
#endif
    search_plain(near, part);
}

enum gm_status gm_near_groups(const uint64_t *hashes, size_t n, unsigned distance,
                              uint32_t *first_of, struct gm_err *err)
{
    GM_ASSERT(n < UINT32_MAX && distance <= GM_NEAR_MAX_DISTANCE);
    struct near near = {.hashes = hashes, .parents = first_of, .distance = distance};
    near.singles = calloc(n + 1, sizeof(*near.singles));
    near.values = calloc(n + 1, sizeof(*near.values));
    near.indices = calloc(n + 1, sizeof(*near.indices));
    near.buckets = calloc(((size_t)1 << MAX_KEY_BITS) + 2, sizeof(*near.buckets));
    bool good = near.singles && near.values && near.indices && near.buckets;
    if (good)
        join_equal(&near, (uint32_t)n);
    unsigned n_parts = distance / 2 + 1;
    for (unsigned k = 0; good && distance > 0 && k < n_parts; k++) {
        struct part part = part_of(k, n_parts, near.n_singles);
        search(&near, &part);
    }
    for (uint32_t i = 0; good && i < n; i++)
        first_of[i] = root_of(first_of, i);
    free(near.singles);
    free(near.values);
    free(near.indices);
    free(near.buckets);
    return good ? GM_OK : gm_err_set(err, GM_NOMEM, "no memory for %zu hashes", n);
}
