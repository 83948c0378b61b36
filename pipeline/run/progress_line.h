/* The progress line as text: what is worth saying about a state, as much of it as fits. Pure, so
 * that it can be tested without a terminal or a clock. */
#ifndef GM_RUN_PROGRESS_LINE_H
#define GM_RUN_PROGRESS_LINE_H

#include "base/buf.h"
#include "run/progress.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_progress_view {
    const struct gm_progress_state *state;
    uint64_t elapsed_ms;
    uint64_t eta_ms; /* UINT64_MAX: unknown */
    double items_per_s, bytes_per_s;
};

/* Appends at most n_columns characters (ASCII, one column each), not counting colors. Returns how
 * many it took. The most important parts stay when there is little room. */
unsigned gm_progress_line(const struct gm_progress_view *view, unsigned n_columns, bool use_color,
                          struct gm_buf *line);
/* The same as one JSON object, without a newline. */
void gm_progress_json(const struct gm_progress_view *view, struct gm_buf *line);

#endif
