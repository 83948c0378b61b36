/* The reason table as arrays. */
#include "reason.h"

#include "base/assert.h"
#include <string.h>

static const struct {
    const char *code;
    enum gm_outcome outcome;
    const char *advice;
} reasons[] = {
#define X(name, code, outcome, advice) {code, GM_OUTCOME_##outcome, advice},
    GM_REASON_TABLE(X)
#undef X
};

_Static_assert(GM_ARRAY_LEN(reasons) == GM_REASON_COUNT, "one row per reason");

const char *gm_reason_code(enum gm_reason reason)
{
    GM_ASSERT((unsigned)reason < GM_REASON_COUNT);
    return reasons[reason].code;
}

enum gm_outcome gm_reason_outcome(enum gm_reason reason)
{
    GM_ASSERT((unsigned)reason < GM_REASON_COUNT);
    return reasons[reason].outcome;
}

const char *gm_reason_advice(enum gm_reason reason)
{
    GM_ASSERT((unsigned)reason < GM_REASON_COUNT);
    return reasons[reason].advice;
}

enum gm_reason gm_reason_find(const char *code)
{
    for (unsigned i = 1; i < GM_REASON_COUNT; i++)
        if (strcmp(reasons[i].code, code) == 0)
            return (enum gm_reason)i;
    return GM_REASON_NONE;
}
