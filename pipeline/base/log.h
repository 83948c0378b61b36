/* Log lines: one write(2) per line, to standard error or another descriptor, so that lines of
 * several processes never mix. Control characters (C0 except tab, DEL, C1, bidi controls) are
 * escaped, because the text may come from URLs and file names. Lines are cut at 2,000 bytes.
 *
 * State is one small struct per process, set up before the first fork: a child that inherits it
 * may redirect it to its control pipe. Thread-safe (no shared buffer). Writing never blocks: when
 * the descriptor is full the line is counted as dropped (gm_log_dropped). */
#ifndef GM_BASE_LOG_H
#define GM_BASE_LOG_H

#include "base/assert.h"
#include <stdint.h>

enum gm_log_level { GM_LOG_ERROR, GM_LOG_WARN, GM_LOG_INFO, GM_LOG_DEBUG };
enum gm_log_format { GM_LOG_TEXT, GM_LOG_JSON };

/* Where lines go from now on in this process. name is copied (at most 31 bytes): "gristmill" in
 * the supervisor, "gristmill text.3" in a worker. */
void gm_log_setup(int fd, enum gm_log_level level, enum gm_log_format format, const char *name);

/* Lets a caller take over delivery (the control pipe of a child, the progress line that must be
 * redrawn). emit gets the finished line without a newline. NULL restores the descriptor. */
typedef void gm_log_emit(void *context, enum gm_log_level level, const char *line, size_t n_bytes);
void gm_log_redirect(gm_log_emit *emit, void *context);

void gm_log(enum gm_log_level level, const char *format, ...) GM_PRINTF(2, 3);
/* Lines that were not delivered; an emitter that gives one up counts it itself. */
uint64_t gm_log_dropped(void);
void gm_log_count_dropped(void);

/* "error", "warn", "info", "debug". */
const char *gm_log_level_name(enum gm_log_level level);

#endif
