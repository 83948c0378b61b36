/* Buckets are served by size, the largest first, while there is room: for each, pilots are tried
 * from 0 on until all its pairs fall on free slots and not on each other. */
#include "tokenize/pair_table.h"

#include "base/huge_pages.h"
#include <stdlib.h>
#include <string.h>

#define PER_BUCKET  4u  /* pairs in a bucket, on the average */
#define MAX_BUCKET  64u /* where one is fuller, the table is made with more buckets */
#define FULL_FIFTHS 4u  /* how full the table is, in fifths */
#define MAX_TRIES   12u
#define AHEAD       16u /* buckets whose memory is asked for before they are looked at */
#define LATE        32u /* items that wait for their slots */

struct late {
    size_t slot;
    uint64_t item;
};

struct search {
    const uint64_t *items; /* in order of buckets */
    const uint32_t *begins;
    uint64_t *slots;
    uint64_t *taken; /* a bit a slot: they stay in the processor, which the slots do not */
    uint16_t *pilots;
    size_t n_slots, n_buckets, n_pairs;
    struct late late[LATE];
    size_t n_put;
    uint64_t multiplier;
};

static uint64_t hash_of(uint64_t item, uint64_t multiplier)
{
    return gm_pair_hash(item >> GM_PAIR_RANK_BITS, multiplier);
}

static size_t bucket_of(const struct search *search, uint64_t item)
{
    return gm_pair_bucket(hash_of(item, search->multiplier), search->n_buckets);
}

static void flip(uint64_t *taken, size_t slot)
{
    taken[slot / 64] ^= (uint64_t)1 << slot % 64;
}

/* The slots of a bucket's n hashes by a pilot; false: one of them is taken. All are looked at
 * before the choice, which a processor would guess wrong for each of them. */
static bool are_free(const struct search *search, const uint64_t *hashes, size_t n, uint32_t pilot,
                     size_t *slots)
{
    uint64_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        slots[i] = gm_pair_slot(hashes[i], pilot, search->n_slots);
        taken |= search->taken[slots[i] / 64] >> slots[i] % 64;
    }
    return !(taken & 1);
}

/* Takes free slots; false: two are the same, and nothing is taken. */
static bool take(struct search *search, const size_t *slots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bit = (uint64_t)1 << slots[i] % 64;
        if (!(search->taken[slots[i] / 64] & bit)) {
            search->taken[slots[i] / 64] |= bit;
            continue;
        }
        while (i-- > 0)
            flip(search->taken, slots[i]);
        return false;
    }
    return true;
}

/* Writes an item some time after its slot was asked for. */
static void put(struct search *search, size_t slot, uint64_t item)
{
    struct late *late = &search->late[search->n_put++ % LATE];
    search->slots[late->slot] = late->item;
    *late = (struct late){slot, item};
    __builtin_prefetch(&search->slots[slot], 1);
}

static void put_rest(struct search *search)
{
    for (size_t i = 0; i < LATE; i++)
        search->slots[search->late[i].slot] = search->late[i].item;
}

static bool place_bucket(struct search *search, size_t bucket)
{
    const uint64_t *items = search->items + search->begins[bucket];
    size_t n = search->begins[bucket + 1] - search->begins[bucket], slots[MAX_BUCKET];
    uint64_t hashes[MAX_BUCKET];

    for (size_t i = 0; i < n; i++)
        hashes[i] = hash_of(items[i], search->multiplier);
    for (uint32_t pilot = 0; pilot <= UINT16_MAX; pilot++) {
        if (!are_free(search, hashes, n, pilot, slots) || !take(search, slots, n))
            continue;
        search->pilots[bucket] = (uint16_t)pilot;
        for (size_t i = 0; i < n; i++)
            put(search, slots[i], items[i]);
        return true;
    }
    return false;
}

/* Buckets by size, the largest first. NULL: no memory. */
static uint32_t *order_buckets(const struct search *search)
{
    uint32_t *order = malloc((search->n_buckets + 1) * sizeof *order);
    uint32_t begins[MAX_BUCKET + 2] = {0};

    if (!order)
        return NULL;
    for (size_t i = 0; i < search->n_buckets; i++)
        begins[MAX_BUCKET - (search->begins[i + 1] - search->begins[i]) + 1]++;
    for (size_t i = 0; i < MAX_BUCKET; i++)
        begins[i + 1] += begins[i];
    for (size_t i = 0; i < search->n_buckets; i++)
        order[begins[MAX_BUCKET - (search->begins[i + 1] - search->begins[i])]++] = (uint32_t)i;
    return order;
}

static enum gm_status place_all(struct search *search)
{
    uint32_t *order = order_buckets(search);
    enum gm_status status = order ? GM_OK : GM_NOMEM;

    for (size_t i = 0; i < LATE; i++)
        search->late[i] = (struct late){search->n_slots, GM_PAIR_EMPTY};
    for (size_t i = 0; i < search->n_buckets && status == GM_OK; i++) {
        if (i + 2 * AHEAD < search->n_buckets)
            __builtin_prefetch(&search->begins[order[i + 2 * AHEAD]]);
        if (i + AHEAD < search->n_buckets)
            __builtin_prefetch(&search->items[search->begins[order[i + AHEAD]]]);
        status = place_bucket(search, order[i]) ? GM_OK : GM_AGAIN;
    }
    put_rest(search);
    free(order);
    return status;
}

/* Counting sort by bucket. */
static void sort_items(const struct search *search, const uint64_t *items, size_t n,
                       uint64_t *sorted, uint32_t *begins)
{
    size_t n_buckets = search->n_buckets;

    memset(begins, 0, (n_buckets + 2) * sizeof *begins);
    for (size_t i = 0; i < n; i++)
        begins[bucket_of(search, items[i]) + 2]++;
    for (size_t i = 0; i < n_buckets; i++)
        begins[i + 2] += begins[i + 1];
    for (size_t i = 0; i < n; i++) {
        uint64_t ahead = items[i + AHEAD < n ? i + AHEAD : i];
        __builtin_prefetch(&sorted[begins[bucket_of(search, ahead) + 1]], 1);
        sorted[begins[bucket_of(search, items[i]) + 1]++] = items[i];
    }
}

/* Removes items with the same key, inside of each bucket; the higher rank stays. false: a bucket is
 * too full. */
static bool drop_doubles(uint64_t *sorted, uint32_t *begins, size_t n_buckets)
{
    size_t n = 0;
    for (size_t bucket = 0; bucket < n_buckets; bucket++) {
        size_t begin = n;
        for (size_t i = begins[bucket]; i < begins[bucket + 1]; i++) {
            size_t at = begin;
            while (at < n && sorted[at] >> GM_PAIR_RANK_BITS != sorted[i] >> GM_PAIR_RANK_BITS)
                at++;
            if (at == n)
                sorted[n++] = sorted[i];
            else if (sorted[i] > sorted[at])
                sorted[at] = sorted[i];
            if (n - begin > MAX_BUCKET)
                return false;
        }
        begins[bucket] = (uint32_t)begin;
    }
    begins[n_buckets] = (uint32_t)n;
    return true;
}

static bool new_buf(struct gm_buf *buf, size_t n_bytes, int fill)
{
    gm_buf_clear(buf);
    if (!gm_buf_reserve(buf, n_bytes))
        return false;
    gm_huge_pages(buf->data, n_bytes);
    memset(buf->data, fill, n_bytes);
    buf->n_bytes = n_bytes;
    return true;
}

/* GM_AGAIN: no table with these buckets and this hash. */
static enum gm_status try_build(struct search *search, const uint64_t *items, size_t n_items,
                                struct gm_buf *slots, struct gm_buf *pilots)
{
    uint64_t *sorted = malloc((n_items + 1) * sizeof *sorted);
    uint32_t *begins = malloc((search->n_buckets + 3) * sizeof *begins);
    enum gm_status status = GM_NOMEM;

    search->taken = calloc(search->n_slots / 64 + 1, sizeof(uint64_t));
    if (!sorted || !begins || !search->taken ||
        !new_buf(slots, (search->n_slots + 1) * sizeof(uint64_t), 0xFF) ||
        !new_buf(pilots, search->n_buckets * sizeof(uint16_t), 0))
        goto out;
    slots->n_bytes -= sizeof(uint64_t); /* where what waits at the beginning goes to */
    gm_huge_pages(sorted, (n_items + 1) * sizeof *sorted);
    gm_huge_pages(begins, (search->n_buckets + 3) * sizeof *begins);
    search->items = sorted;
    search->begins = begins;
    search->slots = (void *)slots->data;
    search->pilots = (void *)pilots->data;
    sort_items(search, items, n_items, sorted, begins);
    status = drop_doubles(sorted, begins, search->n_buckets) ? place_all(search) : GM_AGAIN;
    search->n_pairs = begins[search->n_buckets];
out:
    free(search->taken);
    free(sorted);
    free(begins);
    return status;
}

enum gm_status gm_pair_table_build(const uint64_t *items, size_t n_items, struct gm_buf *slots,
                                   struct gm_buf *pilots, struct gm_pair_table *table)
{
    struct search search = {.n_slots = n_items * (FULL_FIFTHS + 1) / FULL_FIFTHS + 1,
                            .n_buckets = n_items / PER_BUCKET + 1,
                            .multiplier = 0x9E3779B97F4A7C15u};
    enum gm_status status = GM_AGAIN;

    gm_buf_init(slots);
    gm_buf_init(pilots);
    for (unsigned i = 0; i < MAX_TRIES && status == GM_AGAIN; i++) {
        status = try_build(&search, items, n_items, slots, pilots);
        *table = (struct gm_pair_table){.slots = (void *)slots->data,
                                        .pilots = (void *)pilots->data,
                                        .n_slots = search.n_slots,
                                        .n_pilots = search.n_buckets,
                                        .n_pairs = search.n_pairs,
                                        .multiplier = search.multiplier};
        search.n_buckets += search.n_buckets / 4 + 1;
        search.multiplier = (search.multiplier ^ search.multiplier >> 29) * 0xBF58476D1CE4E5B9u | 1;
    }
    return status == GM_AGAIN ? GM_INPUT : status;
}
