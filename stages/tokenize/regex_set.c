/* Sets of code points as sorted ranges. Classes of real expressions have at most some hundred
 * ranges, so that everything here is a merge of two lists. */
#include "tokenize/regex_set.h"
#include "base/assert.h"
#include <stdlib.h>
#include <string.h>

void gm_code_set_init(struct gm_code_set *set)
{
    *set = (struct gm_code_set){NULL, 0, 0, false};
}

void gm_code_set_free(struct gm_code_set *set)
{
    free(set->ranges);
    gm_code_set_init(set);
}

void gm_code_set_add(struct gm_code_set *set, uint32_t first, uint32_t last)
{
    GM_ASSERT(first <= last && last <= GM_LAST_CODE_POINT);
    if (set->n == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 8;
        void *ranges = realloc(set->ranges, capacity * sizeof(*set->ranges));
        if (!ranges) {
            set->failed = true;
            return;
        }
        set->ranges = ranges;
        set->capacity = capacity;
    }
    set->ranges[set->n++] = (struct gm_code_range){first, last};
}

static int compare_ranges(const void *a, const void *b)
{
    const struct gm_code_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

void gm_code_set_tidy(struct gm_code_set *set)
{
    size_t n = 0;
    if (set->n == 0)
        return;
    qsort(set->ranges, set->n, sizeof(*set->ranges), compare_ranges);
    for (size_t i = 1; i < set->n; i++) {
        struct gm_code_range *last = &set->ranges[n];
        if (set->ranges[i].first <= last->last + 1)
            last->last = set->ranges[i].last > last->last ? set->ranges[i].last : last->last;
        else
            set->ranges[++n] = set->ranges[i];
    }
    set->n = n + 1;
}

void gm_code_set_unite(struct gm_code_set *set, const struct gm_code_set *other)
{
    for (size_t i = 0; i < other->n; i++)
        gm_code_set_add(set, other->ranges[i].first, other->ranges[i].last);
    set->failed |= other->failed;
    gm_code_set_tidy(set);
}

void gm_code_set_negate(struct gm_code_set *set)
{
    struct gm_code_set result;
    uint32_t next = 0;
    gm_code_set_init(&result);
    for (size_t i = 0; i < set->n; i++) {
        if (set->ranges[i].first > next)
            gm_code_set_add(&result, next, set->ranges[i].first - 1);
        next = set->ranges[i].last + 1;
    }
    if (next <= GM_LAST_CODE_POINT)
        gm_code_set_add(&result, next, GM_LAST_CODE_POINT);
    result.failed |= set->failed;
    free(set->ranges);
    *set = result;
}

void gm_code_set_intersect(struct gm_code_set *set, const struct gm_code_set *other)
{
    struct gm_code_set result;
    size_t i = 0, j = 0;
    gm_code_set_init(&result);
    while (i < set->n && j < other->n) {
        const struct gm_code_range *a = &set->ranges[i], *b = &other->ranges[j];
        uint32_t first = a->first > b->first ? a->first : b->first;
        uint32_t last = a->last < b->last ? a->last : b->last;
        if (first <= last)
            gm_code_set_add(&result, first, last);
        if (a->last < b->last)
            i++;
        else
            j++;
    }
    result.failed |= set->failed | other->failed;
    free(set->ranges);
    *set = result;
}

bool gm_code_set_has(const struct gm_code_set *set, uint32_t code_point)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code_point > set->ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && code_point >= set->ranges[low].first;
}

bool gm_code_set_equal(const struct gm_code_set *a, const struct gm_code_set *b)
{
    return a->n == b->n &&
           (a->n == 0 || memcmp(a->ranges, b->ranges, a->n * sizeof(*a->ranges)) == 0);
}
