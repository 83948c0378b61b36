/* See spoiled.h. */
#include "run/spoiled.h"

#include "base/log.h"

void gm_spoiled_note(struct gm_spoiled *spoiled, const struct gm_cursor *bad)
{
    if (bad->sub == 0)
        return;
    bool again = gm_cursor_compare(bad->task, bad->segment, bad->sub, &spoiled->last) == 0;
    spoiled->n_times = again ? spoiled->n_times + 1 : 1;
    spoiled->last = *bad;
    if (spoiled->n_times < GM_SOLO_DEATHS || spoiled->n_lost == GM_MAX_LOST)
        return;
    spoiled->lost[spoiled->n_lost++] = *bad;
    spoiled->n_times = 0;
    gm_log(GM_LOG_WARN, "task %llu, block %u.%u comes out malformed again and again: left out",
           (unsigned long long)bad->task, bad->segment, bad->sub);
}
