/* What the stages of a chain tell the sinks behind them, after their files have been read and
 * before the first fork: "input_ids.n_ids" = 128256. The engine only carries it. */
#ifndef GM_FACTS_H
#define GM_FACTS_H

#include "base/assert.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gm_fact {
    const char *name; /* COLUMN.WHAT; static */
    uint64_t number;
    const char *text; /* or NULL; as long-lived as the stage's options and what it has prepared */
};

#define GM_MAX_FACTS 16
struct gm_facts {
    struct gm_fact facts[GM_MAX_FACTS];
    uint32_t n_facts;
};

static inline void gm_fact_add(struct gm_facts *facts, const char *name, uint64_t number,
                               const char *text)
{
    GM_ASSERT(facts->n_facts < GM_MAX_FACTS);
    facts->facts[facts->n_facts++] = (struct gm_fact){name, number, text};
}

/* The last one of that name, or NULL. */
static inline const struct gm_fact *gm_fact_find(const struct gm_facts *facts, const char *name)
{
    for (uint32_t i = facts->n_facts; i-- > 0;)
        if (strcmp(facts->facts[i].name, name) == 0)
            return &facts->facts[i];
    return NULL;
}

#endif
