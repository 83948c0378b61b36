/* Memory is one mapping, advised to be huge pages before it is touched: the probes are spread over
 * all of it, and with small pages each would miss the TLB. Sizes are fixed at the start; what does
 * not fit replaces what is there, so that no input makes it grow. */
#include "tokenize/word_cache.h"

#include "base/huge_pages.h"
#include <string.h>
#include <sys/mman.h>

#define MIN_BYTES ((size_t)16384)
#define MAX_STEPS 28u /* buckets that are looked at to make room for an entry */
#define MAX_SCORE 255u

/* 14 parts of 64 for records, four for the index, the rest for words: measured on texts that come
 * again. With less, 20 MB of Arabic and Hindi do not fit; with more, mixed text loses words. */
bool gm_word_cache_init(struct gm_word_cache *cache, size_t max_bytes)
{
    size_t index_bytes, words_bytes, records_bytes;

    memset(cache, 0, sizeof *cache);
    max_bytes = max_bytes < MIN_BYTES ? MIN_BYTES : max_bytes;
    records_bytes = max_bytes / 64 * 14;
    cache->n_records = records_bytes / sizeof(uint32_t);
    cache->n_index = max_bytes / 16 / sizeof(struct gm_index_bucket);
    index_bytes = cache->n_index * sizeof(struct gm_index_bucket);
    cache->n_words = (max_bytes - records_bytes - index_bytes) / sizeof(struct gm_word_bucket);
    words_bytes = cache->n_words * sizeof(struct gm_word_bucket);
    cache->head = 2 * (uint64_t)cache->n_records;
    cache->n_bytes = words_bytes + index_bytes + records_bytes + GM_HUGE_PAGE_BYTES;
    cache->memory =
        mmap(NULL, cache->n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache->memory == MAP_FAILED) {
        cache->memory = NULL;
        return false;
    }
    uint8_t *at = cache->memory;
    at += -(uintptr_t)at % GM_HUGE_PAGE_BYTES;
    madvise(at, words_bytes + index_bytes + records_bytes, MADV_HUGEPAGE);
    cache->words = (void *)at;
    cache->index = (void *)(at + words_bytes);
    cache->records = (void *)(at + words_bytes + index_bytes);
    return true;
}

void gm_word_cache_fini(struct gm_word_cache *cache)
{
    if (cache->memory)
        munmap(cache->memory, cache->n_bytes);
    memset(cache, 0, sizeof *cache);
}

void gm_word_key(const uint8_t *word, size_t n_bytes, uint64_t key[2])
{
    key[0] = key[1] = 0;
    memcpy(key, word, n_bytes);
    key[1] |= (uint64_t)n_bytes << GM_WORD_LENGTH_SHIFT;
}

/* A place for n numbers in a row. */
static uint32_t *new_record(struct gm_word_cache *cache, size_t n, uint64_t *place)
{
    size_t offset = cache->head % cache->n_records;
    if (offset + n > cache->n_records) {
        cache->head += cache->n_records - offset;
        offset = 0;
    }
    *place = cache->head;
    cache->head += n;
    return cache->records + offset;
}

/* NULL: overwritten since. */
static const uint32_t *record_at(const struct gm_word_cache *cache, uint64_t place)
{
    if (cache->head - place > cache->n_records)
        return NULL;
    return cache->records + place % cache->n_records;
}

static uint64_t *key_of(struct gm_word_ids *entry)
{
    return (void *)((uint8_t *)entry - offsetof(struct gm_word_bucket, ids));
}

static struct gm_word_bucket *bucket_of(struct gm_word_ids *entry)
{
    return (void *)((uintptr_t)entry & ~(uintptr_t)(sizeof(struct gm_word_bucket) - 1));
}

static bool has_key(const struct gm_word_bucket *bucket, unsigned i, const uint64_t key[2])
{
    return bucket->keys[i][0] == key[0] && (bucket->keys[i][1] & ~GM_WORD_IN_RECORD) == key[1];
}

static struct gm_word_ids *entry_of(struct gm_word_bucket *bucket, const uint64_t key[2])
{
    return has_key(bucket, 0, key)   ? &bucket->ids[0]
           : has_key(bucket, 1, key) ? &bucket->ids[1]
                                     : NULL;
}

static struct gm_word_ids *empty_entry(struct gm_word_bucket *bucket)
{
    return bucket->keys[0][1] == 0   ? &bucket->ids[0]
           : bucket->keys[1][1] == 0 ? &bucket->ids[1]
                                     : NULL;
}

static void clear_entry(struct gm_word_ids *entry)
{
    key_of(entry)[0] = key_of(entry)[1] = 0;
    memset(entry, 0, sizeof *entry);
}

static void move_entry(struct gm_word_ids *to, struct gm_word_ids *from)
{
    memcpy(key_of(to), key_of(from), 2 * sizeof(uint64_t));
    *to = *from;
    clear_entry(from);
}

/* The bucket in which an entry of this bucket may be, too. */
static struct gm_word_bucket *way_out(const struct gm_word_cache *cache, struct gm_word_ids *entry,
                                      const struct gm_word_bucket *bucket)
{
    uint64_t key[2] = {key_of(entry)[0], key_of(entry)[1] & ~GM_WORD_IN_RECORD};
    struct gm_word_bucket *first = gm_word_cache_bucket(cache, key);
    return first == bucket ? gm_word_cache_other(cache, key) : first;
}

static uint32_t score_of(const struct gm_word_ids *entry)
{
    return entry->ids[2] >> GM_WORD_SCORE_SHIFT;
}

static void set_score(struct gm_word_ids *entry, uint32_t score)
{
    entry->ids[2] = (entry->ids[2] & GM_WORD_ID_MASK) | score << GM_WORD_SCORE_SHIFT;
}

static struct gm_word_ids *colder_entry(struct gm_word_bucket *bucket)
{
    return &bucket->ids[score_of(&bucket->ids[1]) < score_of(&bucket->ids[0])];
}

/* Buckets that are looked at for an empty entry, breadth first: what moves where, to make room. */
struct search {
    struct {
        struct gm_word_bucket *bucket;
        struct gm_word_ids *from; /* the entry that can go there */
        unsigned parent; /* the place of the bucket of that entry; NO_PARENT: a first one */
    } steps[MAX_STEPS];
    unsigned n;
};
#define NO_PARENT MAX_STEPS

static void add_step(const struct gm_word_cache *cache, struct search *search,
                     struct gm_word_bucket *bucket, unsigned i, unsigned parent)
{
    struct gm_word_ids *from = &bucket->ids[i];
    struct gm_word_bucket *to = way_out(cache, from, bucket);

    if (search->n == MAX_STEPS || to == bucket)
        return;
    __builtin_prefetch(to);
    search->steps[search->n].bucket = to;
    search->steps[search->n].from = from;
    search->steps[search->n++].parent = parent;
}

/* Moves entries along the steps that lead to an empty entry. Returns the entry that is free by
 * that; NULL: steps met each other. */
static struct gm_word_ids *go_back(const struct gm_word_cache *cache, const struct search *search,
                                   unsigned at, struct gm_word_ids *empty)
{
    for (; at != NO_PARENT; at = search->steps[at].parent) {
        struct gm_word_ids *from = search->steps[at].from;
        if (way_out(cache, from, bucket_of(from)) != search->steps[at].bucket)
            return NULL;
        move_entry(empty, from);
        empty = from;
    }
    return empty;
}

/* Makes one of the entries free from which the search starts. NULL: no empty entry is near. */
static struct gm_word_ids *make_room(const struct gm_word_cache *cache, struct search *search)
{
    for (unsigned at = 0; at < search->n; at++) {
        struct gm_word_bucket *bucket = search->steps[at].bucket;
        struct gm_word_ids *empty = empty_entry(bucket);
        if (empty)
            return go_back(cache, search, at, empty);
        add_step(cache, search, bucket, 0, at);
        add_step(cache, search, bucket, 1, at);
    }
    return NULL;
}

/* An entry for a new word: an empty one, or one that is made free, or the coldest, which is lost.
 * Then the others lose half of their score, so that no word stays for ever. */
static struct gm_word_ids *new_entry(struct gm_word_cache *cache, const uint64_t key[2])
{
    struct gm_word_bucket *buckets[2] = {gm_word_cache_bucket(cache, key),
                                         gm_word_cache_other(cache, key)};
    struct gm_word_ids *entry = entry_of(buckets[0], key), *coldest;
    struct search search;

    entry = entry ? entry : entry_of(buckets[1], key);
    entry = entry ? entry : empty_entry(buckets[0]);
    entry = entry ? entry : empty_entry(buckets[1]);
    if (entry)
        return entry;
    search.n = 0;
    for (unsigned i = 0; i < 4; i++)
        add_step(cache, &search, buckets[1 - i / 2], i % 2, NO_PARENT);
    entry = make_room(cache, &search);
    if (entry)
        return entry;
    coldest = colder_entry(buckets[1]);
    for (unsigned i = 0; i < 4; i++) {
        struct gm_word_ids *one = &buckets[i / 2]->ids[i % 2];
        coldest = score_of(one) < score_of(coldest) ? one : coldest;
        set_score(one, score_of(one) / 2);
    }
    return coldest;
}

void gm_word_cache_put(struct gm_word_cache *cache, const uint64_t key[2], const uint32_t *ids,
                       size_t n_ids)
{
    struct gm_word_ids *entry = new_entry(cache, key);
    uint64_t place;

    memcpy(key_of(entry), key, 2 * sizeof(uint64_t));
    memset(entry, 0, sizeof *entry);
    if (n_ids <= GM_WORD_INLINE_IDS) {
        memcpy(entry->ids, ids, n_ids * sizeof *ids);
        entry->ids[3] |= (uint32_t)n_ids << GM_WORD_N_IDS_SHIFT;
        return;
    }
    key_of(entry)[1] |= GM_WORD_IN_RECORD;
    memcpy(new_record(cache, n_ids, &place), ids, n_ids * sizeof *ids);
    memcpy(entry->ids, &place, sizeof place);
    entry->ids[2] = (uint32_t)n_ids;
    entry->ids[3] = GM_WORD_RECORD << GM_WORD_N_IDS_SHIFT;
}

static const uint32_t *record_of(const struct gm_word_cache *cache, const struct gm_word_ids *entry)
{
    uint64_t place;
    memcpy(&place, entry->ids, sizeof place);
    return record_at(cache, place);
}

const struct gm_word_ids *gm_word_cache_find(const struct gm_word_cache *cache,
                                             const uint64_t key[2])
{
    const struct gm_word_ids *entry = entry_of(gm_word_cache_bucket(cache, key), key);

    entry = entry ? entry : entry_of(gm_word_cache_other(cache, key), key);
    if (!entry || entry->ids[3] >> GM_WORD_N_IDS_SHIFT != GM_WORD_RECORD)
        return entry;
    const uint32_t *record = record_of(cache, entry);
    __builtin_prefetch(record);
    return record ? entry : NULL;
}

void gm_word_cache_count(struct gm_word_cache *cache, const struct gm_word_ids *entry)
{
    uintptr_t offset = (uintptr_t)entry - (uintptr_t)cache->words;
    if (offset >= cache->n_words * sizeof *cache->words)
        return;
    struct gm_word_ids *counted = (void *)((uint8_t *)cache->words + offset);
    if (score_of(counted) < MAX_SCORE)
        set_score(counted, score_of(counted) + 1);
}

void gm_word_cache_promote(struct gm_word_cache *cache, const uint64_t key[2])
{
    struct gm_word_bucket *first = gm_word_cache_bucket(cache, key);
    struct gm_word_bucket *second = gm_word_cache_other(cache, key);
    struct gm_word_ids *here = entry_of(second, key), *there = empty_entry(first);

    if (!here || first == second)
        return;
    if (!there) {
        struct search search = {.n = 0};
        there = colder_entry(first);
        if (score_of(there) + 1 >= score_of(here))
            return;
        add_step(cache, &search, first, there == &first->ids[1], NO_PARENT);
        there = make_room(cache, &search);
    }
    if (there && has_key(second, here == &second->ids[1], key))
        move_entry(there, here);
}

size_t gm_word_cache_get(const struct gm_word_cache *cache, const struct gm_word_ids *entry,
                         uint32_t *ids)
{
    size_t n_ids = entry->ids[3] >> GM_WORD_N_IDS_SHIFT;

    if (n_ids != GM_WORD_RECORD) {
        for (size_t i = 0; i < n_ids; i++)
            ids[i] = entry->ids[i] & GM_WORD_ID_MASK;
        return n_ids;
    }
    const uint32_t *record = record_of(cache, entry);
    if (!record)
        return SIZE_MAX;
    n_ids = entry->ids[2] & GM_WORD_ID_MASK;
    memcpy(ids, record, n_ids * sizeof *ids);
    return n_ids;
}

void gm_word_cache_prefetch_long(const struct gm_word_cache *cache, uint64_t hash)
{
    const struct gm_index_bucket *bucket = gm_word_cache_index(cache, hash);

    for (unsigned i = 0; i < 4; i++)
        if (bucket->slots[i].hash == hash)
            __builtin_prefetch(cache->records + bucket->slots[i].place % cache->n_records);
}

/* A record of a long word: n_bytes | n_ids << 16, the bytes, the ids. */
size_t gm_word_cache_get_long(const struct gm_word_cache *cache, uint64_t hash, const uint8_t *word,
                              size_t n_bytes, uint32_t *ids)
{
    const struct gm_index_bucket *bucket = gm_word_cache_index(cache, hash);

    for (unsigned i = 0; i < 4; i++) {
        if (bucket->slots[i].hash != hash)
            continue;
        const uint32_t *record = record_at(cache, bucket->slots[i].place);
        if (!record || (record[0] & 0xFFFF) != n_bytes || memcmp(record + 1, word, n_bytes) != 0)
            continue;
        size_t n_ids = record[0] >> 16;
        memcpy(ids, record + 1 + (n_bytes + 3) / 4, n_ids * sizeof *ids);
        return n_ids;
    }
    return SIZE_MAX;
}

void gm_word_cache_put_long(struct gm_word_cache *cache, uint64_t hash, const uint8_t *word,
                            size_t n_bytes, const uint32_t *ids, size_t n_ids)
{
    struct gm_index_bucket *bucket = gm_word_cache_index(cache, hash);
    unsigned at = cache->turn++ & 3;

    for (unsigned i = 0; i < 4; i++)
        if (!record_at(cache, bucket->slots[i].place))
            at = i;
    uint32_t *record = new_record(cache, 1 + (n_bytes + 3) / 4 + n_ids, &bucket->slots[at].place);
    bucket->slots[at].hash = hash;
    record[0] = (uint32_t)(n_bytes | n_ids << 16);
    memcpy(record + 1, word, n_bytes);
    memcpy(record + 1 + (n_bytes + 3) / 4, ids, n_ids * sizeof *ids);
}
