/* Sets of code points, as sorted ranges: what a character class of an expression means.
 *
 * A failed allocation sets `failed`, and the set is then not to be used; check once at the end. */
#ifndef GM_TOKENIZE_REGEX_SET_H
#define GM_TOKENIZE_REGEX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_LAST_CODE_POINT 0x10FFFFu

struct gm_code_range {
    uint32_t first, last;
};
struct gm_code_set {
    struct gm_code_range *ranges; /* after gm_code_set_tidy: sorted, with gaps between them */
    size_t n, capacity;
    bool failed;
};

void gm_code_set_init(struct gm_code_set *set);
void gm_code_set_free(struct gm_code_set *set);
/* Any order, overlaps allowed; tidy before anything but add is called. */
void gm_code_set_add(struct gm_code_set *set, uint32_t first, uint32_t last);
void gm_code_set_tidy(struct gm_code_set *set);
void gm_code_set_unite(struct gm_code_set *set, const struct gm_code_set *other);
void gm_code_set_negate(struct gm_code_set *set);
void gm_code_set_intersect(struct gm_code_set *set, const struct gm_code_set *other);
bool gm_code_set_has(const struct gm_code_set *set, uint32_t code_point);
bool gm_code_set_equal(const struct gm_code_set *a, const struct gm_code_set *b);

/* Adds the code points with a property, by its name as \p{NAME} has it (case, spaces, - and _ do
 * not matter): general categories, long and short, scripts, Any, ASCII, Space, Digit, and Word
 * as Rust has it. The
 * name may be a prefix of more text: n_bytes counts. false: no such property here. Tidy. */
bool gm_code_set_property(struct gm_code_set *set, const char *name, size_t n_bytes);

#endif
