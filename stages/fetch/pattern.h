/* A file pattern behind its fixed root, as an automaton over names. A set holds the positions in
 * the pattern (one bit a part) that a folder is at: "**" stays where it is and lets the next part
 * try, too. So a file is reported once, however many ways there are to match it. Read only once
 * filled: any thread. */
#ifndef GM_FETCH_PATTERN_H
#define GM_FETCH_PATTERN_H

#include "fetch/glob.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_pattern {
    const char *parts[GM_GLOB_MAX_PARTS]; /* not owned; filled by the caller */
    unsigned n_parts;
    unsigned flags; /* enum gm_glob_flags */
};

/* The set of the fixed root. */
uint32_t gm_pattern_start(const struct gm_pattern *pattern);
/* The set inside the folder `name`, 0: nothing in there can match. *matches: a file of that name
 * is wanted. */
uint32_t gm_pattern_step(const struct gm_pattern *pattern, uint32_t set, const char *name,
                         bool *matches);

#endif
