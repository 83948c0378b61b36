/* A table from names to ids, for loading: every name once. Names are not copied, so their bytes
 * must outlive the table. One thread.
 *
 * Memory is waited for where a table is large. So a look-up is in two steps, and the steps of many
 * can be taken together:
 *
 *      gm_names_ask(names, &query)  for some, then  gm_names_answer(names, &query)  for each
 */
#ifndef GM_TOKENIZE_NAMES_H
#define GM_TOKENIZE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_NAME_NONE UINT32_MAX

struct gm_name {
    const char *text;
    uint32_t n_bytes;
    uint32_t id; /* not GM_NAME_NONE */
};

struct gm_names {
    struct gm_name *list; /* in the order of adding */
    size_t n, capacity;
    struct gm_name_slot *slots;
    size_t n_slots; /* a power of two */
};

#define GM_NAME_KEY_WORDS 3
struct gm_name_query {
    const char *text;
    size_t n_bytes;
    uint64_t hash, key[GM_NAME_KEY_WORDS]; /* the table's own */
};

/* Room for exactly `capacity` names. false: no memory. */
bool gm_names_init(struct gm_names *names, size_t capacity);
/* The names of a list, which becomes the table's, allocated with room for n + 1. false: no memory,
 * or one is there twice. */
bool gm_names_index(struct gm_names *names, struct gm_name *list, size_t n);
void gm_names_free(struct gm_names *names);

/* text and n_bytes are set; has the memory brought to the processor that the answer is in. */
void gm_names_ask(const struct gm_names *names, struct gm_name_query *query);
/* The id; GM_NAME_NONE: no such name. */
uint32_t gm_names_answer(const struct gm_names *names, const struct gm_name_query *query);
/* Adds what was asked for. false: the name is there already, and nothing changes. n < capacity. */
bool gm_names_add_asked(struct gm_names *names, const struct gm_name_query *query, uint32_t id);

/* Both steps. */
uint32_t gm_names_find(const struct gm_names *names, const char *text, size_t n_bytes);
bool gm_names_add(struct gm_names *names, const char *text, size_t n_bytes, uint32_t id);

#endif
