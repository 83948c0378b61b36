/* The set's cold half: sizing and collisions. */
#include "text/wordset.h"

#include <stdlib.h>

#define MIN_SLOTS ((size_t)1 << 11)
#define MAX_SLOTS ((size_t)2 * GM_WORDSET_MAX_WORDS)

void gm_wordset_init(struct gm_wordset *set)
{
    *set = (struct gm_wordset){NULL, 0, 0, 0, 0};
}

void gm_wordset_fini(struct gm_wordset *set)
{
    free(set->slots);
    gm_wordset_init(set);
}

bool gm_wordset_begin(struct gm_wordset *set, size_t text_bytes)
{
    /* Distinct words need two bytes each on average, so the table is never more than half full. */
    size_t n_slots = MIN_SLOTS;
    while (n_slots < text_bytes && n_slots < MAX_SLOTS)
        n_slots *= 2;
    if (n_slots > set->n_slots) {
        free(set->slots);
        set->slots = calloc(n_slots, sizeof *set->slots);
        set->n_slots = set->slots ? n_slots : 0;
        set->text = 0;
        if (!set->slots)
            return false;
    }
    set->text++;
    if (set->text == 0) { /* came round: old entries would look new */
        memset(set->slots, 0, set->n_slots * sizeof *set->slots);
        set->text = 1;
    }
    set->mask = n_slots - 1;
    set->n_words = 0;
    return true;
}

void gm_wordset_add_far(struct gm_wordset *set, uint64_t hash)
{
    const uint64_t entry = gm_wordset_entry(set->text, hash);
    if (set->n_words >= GM_WORDSET_MAX_WORDS)
        return; /* and so the table is never searched full */
    uint64_t at = hash & set->mask;
    while (set->slots[at] >> GM_WORDSET_HASH_BITS == set->text) {
        if (set->slots[at] == entry)
            return;
        at = (at + 1) & set->mask;
    }
    set->slots[at] = entry;
    set->n_words++;
}
