/* Open addressing with linear probing. A slot is half of a cache line and holds a short name as a
 * whole, so that most look-ups touch one line of memory; of a long name it holds the hash, the
 * length and the place in the list. */
#include "tokenize/names.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/huge_pages.h"
#include <stdlib.h>
#include <string.h>

#define SOME        16u /* names that are asked for together */
#define SHORT_BYTES (8u * GM_NAME_KEY_WORDS)

#define FREE        0u
#define LONG        (SHORT_BYTES + 2)

struct gm_name_slot {
    uint64_t key[GM_NAME_KEY_WORDS]; /* the bytes, or the hash and the length */
    uint32_t value;                  /* the id, or the place in the list */
    uint32_t kind;                   /* FREE, LONG, or the number of bytes plus 1 */
};
_Static_assert(sizeof(struct gm_name_slot) == 32, "two in a cache line");

/* With the list in place. */
static bool make_slots(struct gm_names *names, size_t capacity)
{
    names->capacity = capacity;
    names->n_slots = capacity + capacity / 2 + 16; /* two thirds full, at most */
    names->slots = calloc(names->n_slots, sizeof *names->slots);
    if (!names->list || !names->slots) {
        gm_names_free(names);
        return false;
    }
    gm_huge_pages(names->slots, names->n_slots * sizeof *names->slots);
    return true;
}

bool gm_names_init(struct gm_names *names, size_t capacity)
{
    memset(names, 0, sizeof *names);
    names->list = malloc((capacity + 1) * sizeof *names->list);
    if (names->list)
        gm_huge_pages(names->list, capacity * sizeof *names->list);
    return make_slots(names, capacity);
}

void gm_names_free(struct gm_names *names)
{
    free(names->list);
    free(names->slots);
    memset(names, 0, sizeof *names);
}

static uint64_t load(const char *text, size_t n_bytes)
{
    uint64_t word = 0;
    memcpy(&word, text, n_bytes);
    return word;
}

/* Up to eight bytes, the others zero, without reading any other byte. */
static uint64_t load_some(const char *text, size_t n_bytes)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");
    if (n_bytes >= 8)
        return load(text, 8);
    if (n_bytes >= 4)
        return load(text, 4) | load(text + n_bytes - 4, 4) << 8 * (n_bytes - 4);
    if (n_bytes >= 2)
        return load(text, 2) | load(text + n_bytes - 2, 2) << 8 * (n_bytes - 2);
    return n_bytes ? (uint8_t)*text : 0;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t kind_of(size_t n_bytes)
{
    return n_bytes > SHORT_BYTES ? LONG : (uint32_t)n_bytes + 1;
}

/* The seed is where the table stands, which whoever wrote the names cannot know: names that were
 * chosen to collide would make loading quadratic. */
static void set_key(const struct gm_names *names, struct gm_name_query *query)
{
    uint64_t seed = (uintptr_t)names->slots * 0x9FB21C651E98DF25u;
    size_t n_bytes = query->n_bytes;

    if (n_bytes > SHORT_BYTES) {
        query->hash = gm_xxh64(query->text, n_bytes, seed);
        query->key[0] = query->hash;
        query->key[1] = n_bytes;
        query->key[2] = 0;
        return;
    }
    for (size_t i = 0; i < GM_NAME_KEY_WORDS; i++)
        query->key[i] = 8 * i < n_bytes ? load_some(query->text + 8 * i, n_bytes - 8 * i) : 0;
    query->hash = fold(query->key[0] ^ seed, query->key[1] ^ 0xE7037ED1A0B428DBu ^ seed << 1) ^
                  fold(query->key[2] ^ 0x8EBC6AF09C88C6E3u ^ seed, n_bytes ^ 0x589965CC75374CC3u);
    query->hash *= 0x9E3779B97F4A7C15u;
}

static size_t first_slot(const struct gm_names *names, uint64_t hash)
{
    return (size_t)((unsigned __int128)hash * names->n_slots >> 64);
}

void gm_names_ask(const struct gm_names *names, struct gm_name_query *query)
{
    set_key(names, query);
    __builtin_prefetch(&names->slots[first_slot(names, query->hash)]);
}

static bool is_slot_of(const struct gm_names *names, const struct gm_name_slot *slot,
                       const struct gm_name_query *query)
{
    uint64_t differences = (query->key[0] ^ slot->key[0]) | (query->key[1] ^ slot->key[1]) |
                           (query->key[2] ^ slot->key[2]);
    if (differences || slot->kind != kind_of(query->n_bytes))
        return false;
    return slot->kind != LONG ||
           memcmp(names->list[slot->value].text, query->text, query->n_bytes) == 0;
}

/* The slot of the name, or the free one where it belongs. */
static struct gm_name_slot *find_slot(const struct gm_names *names,
                                      const struct gm_name_query *query)
{
    size_t i = first_slot(names, query->hash);
    while (names->slots[i].kind != FREE && !is_slot_of(names, &names->slots[i], query))
        i = i + 1 == names->n_slots ? 0 : i + 1;
    return &names->slots[i];
}

uint32_t gm_names_answer(const struct gm_names *names, const struct gm_name_query *query)
{
    const struct gm_name_slot *slot = find_slot(names, query);
    if (slot->kind == FREE)
        return GM_NAME_NONE;
    return slot->kind == LONG ? names->list[slot->value].id : slot->value;
}

bool gm_names_add_asked(struct gm_names *names, const struct gm_name_query *query, uint32_t id)
{
    GM_ASSERT(names->n < names->capacity);
    struct gm_name_slot *slot = find_slot(names, query);
    if (slot->kind != FREE)
        return false;
    memcpy(slot->key, query->key, sizeof slot->key);
    slot->kind = kind_of(query->n_bytes);
    slot->value = slot->kind == LONG ? (uint32_t)names->n : id;
    names->list[names->n++] = (struct gm_name){query->text, (uint32_t)query->n_bytes, id};
    return true;
}

uint32_t gm_names_find(const struct gm_names *names, const char *text, size_t n_bytes)
{
    struct gm_name_query query = {.text = text, .n_bytes = n_bytes};
    set_key(names, &query);
    return gm_names_answer(names, &query);
}

bool gm_names_add(struct gm_names *names, const char *text, size_t n_bytes, uint32_t id)
{
    struct gm_name_query query = {.text = text, .n_bytes = n_bytes};
    set_key(names, &query);
    return gm_names_add_asked(names, &query, id);
}

bool gm_names_index(struct gm_names *names, struct gm_name *list, size_t n)
{
    struct gm_name_query queries[SOME];
    bool are_new = true;

    memset(names, 0, sizeof *names);
    names->list = list;
    if (!make_slots(names, n))
        return false;
    for (size_t i = 0; i < n && are_new; i += SOME) {
        size_t n_asked = n - i < SOME ? n - i : SOME;
        for (size_t j = 0; j < n_asked; j++) {
            queries[j].text = list[i + j].text;
            queries[j].n_bytes = list[i + j].n_bytes;
            gm_names_ask(names, &queries[j]);
        }
        for (size_t j = 0; j < n_asked && are_new; j++)
            are_new = gm_names_add_asked(names, &queries[j], list[i + j].id);
    }
    if (!are_new)
        gm_names_free(names);
    return are_new;
}
