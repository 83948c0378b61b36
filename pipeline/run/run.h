/* One run of a job, from the lock on its folder to its manifest; what `gristmill run` and the
 * short commands call. */
#ifndef GM_RUN_RUN_H
#define GM_RUN_RUN_H

#include "base/err.h"
#include "run/plan.h"
#include "run/progress.h"

struct gm_run_summary {
    uint32_t generation; /* 1 for the first */
    bool nothing_new;    /* a finished job whose sources have not changed */
    bool resumed;
    uint64_t n_items;     /* source items */
    uint64_t n_unchanged; /* of them, as in the last generation */
    uint64_t n_failing;   /* of them, that fail as they did in the last generation */
    uint64_t n_removed;   /* items of the last generation that are gone */
    uint64_t n_in, n_written, n_rejected, n_failed;
    uint64_t reasons[GM_REASON_SLOTS];
    uint64_t counters[GM_COUNTER_SLOTS]; /* of the sinks, in plan order */
    uint64_t fetched_bytes;
    uint64_t output_bytes;
    uint64_t elapsed_ms;
    uint64_t peak_memory_bytes; /* all processes, as sampled by the supervisor */
    uint64_t cpu_ms;            /* all processes */
    uint32_t n_worker_deaths;
    char folder[512]; /* of this generation's outputs, relative to the run folder's parent as given
                       */
};

/* Runs to the end, to a drain (GM_STOPPED) or to a failure. progress may be NULL. GM_FAILED_ITEMS:
 * finished, above max_failed. The summary is filled as far as the run came. */
enum gm_status gm_run(const struct gm_plan *plan, struct gm_progress *progress,
                      struct gm_run_summary *summary, struct gm_err *err);

#endif
