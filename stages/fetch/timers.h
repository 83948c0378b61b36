/* A heap of moments at which a host's pause ends or a job is to be tried again. The earliest comes
 * out first; equal ones come out in any order. Not thread-safe. */
#ifndef GM_FETCH_TIMERS_H
#define GM_FETCH_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_host;
struct gm_job;

struct gm_timer {
    uint64_t due_ms;
    struct gm_host *host;
    struct gm_job *job; /* NULL: the host's pause ends */
};

struct gm_timers { /* all zero: empty */
    struct gm_timer *heap;
    size_t n_timers;
    size_t capacity;
};

bool gm_timers_push(struct gm_timers *timers, const struct gm_timer *timer); /* false: no memory */
/* Takes the earliest timer out if it is due at now_ms; false: none is. */
bool gm_timers_pop(struct gm_timers *timers, uint64_t now_ms, struct gm_timer *timer);
uint64_t gm_timers_next_ms(const struct gm_timers *timers); /* UINT64_MAX: empty */
void gm_timers_free(struct gm_timers *timers);              /* the heap, not hosts and jobs */

#endif
