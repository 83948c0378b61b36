/* Progress on standard error: a line that is redrawn on a terminal, a plain line every few seconds
 * elsewhere, JSON lines for machines. The supervisor calls gm_progress_update on its tick; all
 * rates, the ETA and the drawing are made here. */
#ifndef GM_RUN_PROGRESS_H
#define GM_RUN_PROGRESS_H

#include "base/log.h"
#include <stdbool.h>
#include <stdint.h>

enum gm_progress_mode {
    GM_PROGRESS_AUTO,
    GM_PROGRESS_TERMINAL,
    GM_PROGRESS_PLAIN,
    GM_PROGRESS_JSON,
    GM_PROGRESS_QUIET
};

struct gm_progress_state {
    uint64_t n_items_total; /* 0: not known yet (listing) */
    uint64_t n_items_listed;
    uint64_t n_items_fetched;
    uint64_t n_items_done; /* committed */
    uint64_t n_written, n_rejected, n_failed;
    uint64_t fetched_bytes, output_bytes;
    uint64_t memory_bytes, memory_budget_bytes;
    uint32_t n_busy_workers, n_workers;
    uint32_t n_deaths;
    const char *bottleneck; /* "fetch", "unpack", "text", "image", "write"; static */
    const char *phase;      /* "listing", "running", "draining", "finishing"; static */
};

struct gm_progress; /* opaque */
/* fd: standard error. use_color false for NO_COLOR, TERM=dumb. NULL: no memory. */
struct gm_progress *gm_progress_new(int fd, enum gm_progress_mode mode, bool use_color);
/* Erases the redrawn line: what comes now says more. NULL allowed. */
void gm_progress_free(struct gm_progress *progress);
/* Draws if it is time (at most 10 times a second on a terminal). */
void gm_progress_update(struct gm_progress *progress, const struct gm_progress_state *state);
/* A log line above the progress line. Usable as gm_log_emit with context = progress. */
void gm_progress_log(void *progress, enum gm_log_level level, const char *line, size_t n_bytes);

#endif
