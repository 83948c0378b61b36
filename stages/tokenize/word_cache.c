/* Memory is one mapping, advised to be huge pages before it is touched: the probes are spread over
 * all of it, and with small pages each would miss the TLB. Sizes are fixed at the start; what does
 * not fit replaces what is there, so that no input makes it grow. */
#include "tokenize/word_cache.h"

#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)
#define MIN_BYTES  ((size_t)16384)

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
    cache->n_words =
        (max_bytes - records_bytes - index_bytes) / sizeof(struct gm_word_bucket) & ~(size_t)1;
    words_bytes = cache->n_words * sizeof(struct gm_word_bucket);
    cache->head = 2 * (uint64_t)cache->n_records;
    cache->n_bytes = words_bytes + index_bytes + records_bytes + HUGE_BYTES;
    cache->memory =
        mmap(NULL, cache->n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache->memory == MAP_FAILED) {
        cache->memory = NULL;
        return false;
    }
    uint8_t *at = cache->memory;
    at += -(uintptr_t)at % HUGE_BYTES;
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

static struct gm_word_bucket *neighbour(const struct gm_word_cache *cache,
                                        const struct gm_word_bucket *bucket)
{
    return &cache->words[(size_t)(bucket - cache->words) ^ 1];
}

void gm_word_cache_prefetch(const struct gm_word_cache *cache, const struct gm_word_bucket *bucket)
{
    __builtin_prefetch(neighbour(cache, bucket));
}

/* An empty entry of the bucket or its neighbour, else one of the bucket in turn. */
static struct gm_word_entry *new_entry(struct gm_word_cache *cache, struct gm_word_bucket *bucket)
{
    struct gm_word_bucket *beside = neighbour(cache, bucket);
    for (int i = 0; i < 2; i++)
        if (bucket->entries[i].key[1] == 0)
            return &bucket->entries[i];
    for (int i = 0; i < 2; i++)
        if (beside->entries[i].key[1] == 0)
            return &beside->entries[i];
    return &bucket->entries[cache->turn++ & 1];
}

void gm_word_cache_put(struct gm_word_cache *cache, const uint64_t key[2], const uint32_t *ids,
                       size_t n_ids)
{
    struct gm_word_entry *entry = new_entry(cache, gm_word_cache_bucket(cache, key));
    uint64_t place;

    entry->key[0] = key[0];
    entry->key[1] = key[1];
    memset(entry->ids, 0, sizeof entry->ids);
    if (n_ids <= GM_WORD_INLINE_IDS) {
        memcpy(entry->ids, ids, n_ids * sizeof *ids);
        entry->ids[3] |= (uint32_t)n_ids << GM_WORD_N_IDS_SHIFT;
        return;
    }
    entry->key[1] |= GM_WORD_IN_RECORD;
    memcpy(new_record(cache, n_ids, &place), ids, n_ids * sizeof *ids);
    memcpy(entry->ids, &place, sizeof place);
    entry->ids[2] = (uint32_t)n_ids;
}

/* SIZE_MAX: another word, or the record is gone. */
static size_t copy_ids(const struct gm_word_cache *cache, const struct gm_word_entry *entry,
                       const uint64_t key[2], uint32_t *ids)
{
    uint64_t place;

    if (entry->key[0] != key[0] || (entry->key[1] & ~GM_WORD_IN_RECORD) != key[1])
        return SIZE_MAX;
    if (!(entry->key[1] & GM_WORD_IN_RECORD)) {
        size_t n_ids = entry->ids[3] >> GM_WORD_N_IDS_SHIFT;
        for (size_t i = 0; i < n_ids; i++)
            ids[i] = entry->ids[i] & GM_WORD_ID_MASK;
        return n_ids;
    }
    memcpy(&place, entry->ids, sizeof place);
    const uint32_t *record = record_at(cache, place);
    if (!record)
        return SIZE_MAX;
    memcpy(ids, record, entry->ids[2] * sizeof *ids);
    return entry->ids[2];
}

size_t gm_word_cache_get(const struct gm_word_cache *cache, const struct gm_word_bucket *bucket,
                         const uint64_t key[2], uint32_t *ids)
{
    const struct gm_word_bucket *buckets[] = {bucket, neighbour(cache, bucket)};

    for (int i = 0; i < 4; i++) {
        size_t n_ids = copy_ids(cache, &buckets[i / 2]->entries[i % 2], key, ids);
        if (n_ids != SIZE_MAX)
            return n_ids;
    }
    return SIZE_MAX;
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
