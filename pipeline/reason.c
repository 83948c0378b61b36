/* The table of reasons as arrays. */
#include "reason.h"

#include "base/assert.h"

static const struct row {
    const char *code;
    enum gm_outcome outcome;
    const char *advice;
} rows[] = {
#define X(name, code, outcome, advice) {code, GM_OUTCOME_##outcome, advice},
    GM_REASON_TABLE(X)
#undef X
};

const char *gm_reason_code(enum gm_reason reason)
{
    GM_ASSERT(reason < GM_REASON_COUNT);
    return rows[reason].code;
}

enum gm_outcome gm_reason_outcome(enum gm_reason reason)
{
    GM_ASSERT(reason < GM_REASON_COUNT);
    return rows[reason].outcome;
}

const char *gm_reason_advice(enum gm_reason reason)
{
    GM_ASSERT(reason < GM_REASON_COUNT);
    return rows[reason].advice;
}
