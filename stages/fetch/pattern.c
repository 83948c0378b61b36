/* See pattern.h. */
#include "fetch/pattern.h"

#include <fnmatch.h>
#include <string.h>

static bool is_any_depth(const char *part)
{
    return strcmp(part, "**") == 0;
}

/* Positions that are reached without eating a name: "**" may stand for no folder. */
static uint32_t close_set(const struct gm_pattern *pattern, uint32_t set)
{
    for (unsigned i = 0; i + 1 < pattern->n_parts; i++)
        if (set & (1u << i) && is_any_depth(pattern->parts[i]))
            set |= 1u << (i + 1);
    return set;
}

static bool name_matches(const struct gm_pattern *pattern, unsigned part, const char *name)
{
    int flags = pattern->flags & GM_GLOB_HIDDEN ? 0 : FNM_PERIOD;
    return fnmatch(pattern->parts[part], name, flags) == 0;
}

uint32_t gm_pattern_start(const struct gm_pattern *pattern)
{
    return close_set(pattern, 1);
}

uint32_t gm_pattern_step(const struct gm_pattern *pattern, uint32_t set, const char *name,
                         bool *matches)
{
    uint32_t next = 0;
    bool hidden = name[0] == '.' && !(pattern->flags & GM_GLOB_HIDDEN);
    *matches = false;
    for (unsigned i = 0; i < pattern->n_parts; i++) {
        if (!(set & (1u << i)))
            continue;
        bool last = i + 1 == pattern->n_parts;
        if (is_any_depth(pattern->parts[i])) {
            if (!hidden)
                next |= 1u << i;
            *matches = *matches || (last && !hidden);
        } else if (name_matches(pattern, i, name)) {
            if (!last)
                next |= 1u << (i + 1);
            *matches = *matches || last;
        }
    }
    return close_set(pattern, next);
}
