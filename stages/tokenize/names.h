/* A table from names to ids, for loading: every name once. Names are not copied, so their bytes
 * must outlive the table. One thread. */
#ifndef GM_TOKENIZE_NAMES_H
#define GM_TOKENIZE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_name {
    const char *text;
    uint32_t n_bytes;
    uint32_t id;
};

struct gm_names {
    struct gm_name *list; /* in the order of adding */
    size_t n, capacity;
    struct gm_name_slot *slots;
    size_t n_slots; /* a power of two */
};

/* Room for exactly `capacity` names. false: no memory. */
bool gm_names_init(struct gm_names *names, size_t capacity);
void gm_names_free(struct gm_names *names);
/* false: the name is there already, and nothing changes. n < capacity. */
bool gm_names_add(struct gm_names *names, const char *text, size_t n_bytes, uint32_t id);
/* Has the memory brought to the processor that gm_names_add of this name looks at. */
void gm_names_prefetch(const struct gm_names *names, const char *text, size_t n_bytes);
/* NULL: no such name. */
const struct gm_name *gm_names_find(const struct gm_names *names, const char *text, size_t n_bytes);

/* Many at once, which is several times faster than one by one in a large table: while the memory
 * of one is waited for, the others are asked for. found: NULL if there is no such name. */
struct gm_name_query {
    const char *text;
    size_t n_bytes;
    const struct gm_name *found;
    uint64_t hash; /* the table's own */
    size_t slot;
};
void gm_names_find_many(const struct gm_names *names, struct gm_name_query *queries, size_t n);

#endif
