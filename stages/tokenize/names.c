/* Open addressing with linear probing, at most half full. A slot carries part of the hash, so that
 * a name's bytes are touched only when it is very likely the right one. */
#include "tokenize/names.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/huge_pages.h"
#include <stdlib.h>
#include <string.h>

struct gm_name_slot {
    uint32_t tag;
    uint32_t place; /* in the list, plus 1; 0: free */
};

bool gm_names_init(struct gm_names *names, size_t capacity)
{
    memset(names, 0, sizeof *names);
    size_t n_slots = 16;
    while (n_slots < capacity * 2)
        n_slots *= 2;
    names->list = calloc(capacity ? capacity : 1, sizeof *names->list);
    names->slots = calloc(n_slots, sizeof *names->slots);
    names->capacity = capacity;
    names->n_slots = n_slots;
    if (!names->list || !names->slots) {
        gm_names_free(names);
        return false;
    }
    gm_huge_pages(names->list, capacity * sizeof *names->list);
    gm_huge_pages(names->slots, n_slots * sizeof *names->slots);
    return true;
}

void gm_names_free(struct gm_names *names)
{
    free(names->list);
    free(names->slots);
    memset(names, 0, sizeof *names);
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static size_t first_slot(const struct gm_names *names, uint64_t hash)
{
    return hash & (names->n_slots - 1);
}

/* From slot i on: the first that is free or very likely holds the name. */
static size_t likely_slot(const struct gm_names *names, size_t i, uint32_t tag)
{
    while (names->slots[i].place != 0 && names->slots[i].tag != tag)
        i = (i + 1) & (names->n_slots - 1);
    return i;
}

/* From a likely slot on: the slot of the name, or the free one where it belongs. */
static size_t sure_slot(const struct gm_names *names, size_t i, uint32_t tag, const char *text,
                        size_t n_bytes)
{
    for (;;) {
        const struct gm_name_slot *slot = &names->slots[i];
        if (slot->place == 0)
            return i;
        const struct gm_name *name = &names->list[slot->place - 1];
        if (name->n_bytes == n_bytes && (n_bytes == 0 || memcmp(name->text, text, n_bytes) == 0))
            return i;
        i = likely_slot(names, (i + 1) & (names->n_slots - 1), tag);
    }
}

static struct gm_name_slot *find_slot(const struct gm_names *names, const char *text,
                                      size_t n_bytes, uint32_t *tag)
{
    uint64_t hash = gm_xxh64(text, n_bytes, 0);
    *tag = tag_of(hash);
    size_t i = likely_slot(names, first_slot(names, hash), *tag);
    return &names->slots[sure_slot(names, i, *tag, text, n_bytes)];
}

bool gm_names_add(struct gm_names *names, const char *text, size_t n_bytes, uint32_t id)
{
    GM_ASSERT(names->n < names->capacity);
    uint32_t tag;
    struct gm_name_slot *slot = find_slot(names, text, n_bytes, &tag);
    if (slot->place != 0)
        return false;
    names->list[names->n++] = (struct gm_name){text, (uint32_t)n_bytes, id};
    slot->tag = tag;
    slot->place = (uint32_t)names->n;
    return true;
}

void gm_names_prefetch(const struct gm_names *names, const char *text, size_t n_bytes)
{
    __builtin_prefetch(&names->slots[first_slot(names, gm_xxh64(text, n_bytes, 0))]);
}

const struct gm_name *gm_names_find(const struct gm_names *names, const char *text, size_t n_bytes)
{
    uint32_t tag;
    const struct gm_name_slot *slot = find_slot(names, text, n_bytes, &tag);
    return slot->place ? &names->list[slot->place - 1] : NULL;
}

void gm_names_find_many(const struct gm_names *names, struct gm_name_query *queries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        queries[i].hash = gm_xxh64(queries[i].text, queries[i].n_bytes, 0);
        __builtin_prefetch(&names->slots[first_slot(names, queries[i].hash)]);
    }
    for (size_t i = 0; i < n; i++) {
        struct gm_name_query *query = &queries[i];
        query->slot = likely_slot(names, first_slot(names, query->hash), tag_of(query->hash));
        if (names->slots[query->slot].place != 0)
            __builtin_prefetch(&names->list[names->slots[query->slot].place - 1]);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t place = names->slots[queries[i].slot].place;
        if (place != 0)
            __builtin_prefetch(names->list[place - 1].text);
    }
    for (size_t i = 0; i < n; i++) {
        struct gm_name_query *query = &queries[i];
        size_t slot =
            sure_slot(names, query->slot, tag_of(query->hash), query->text, query->n_bytes);
        uint32_t place = names->slots[slot].place;
        query->found = place ? &names->list[place - 1] : NULL;
    }
}
