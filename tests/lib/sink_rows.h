/* Rows with awkward values, and a sink run over them as a worker does; for tests and helpers. */
#ifndef GM_TEST_SINK_ROWS_H
#define GM_TEST_SINK_ROWS_H

#include "out.h"
#include "sink.h"

enum { SINK_ROWS = 12 };

/* Columns behind the input columns. "text" comes twice: the first is shadowed. */
enum sink_column {
    SINK_TEXT_SHADOWED = GM_IN_COUNT,
    SINK_COUNT,
    SINK_DELTA,
    SINK_RATIO,
    SINK_FLAG,
    SINK_TEXT,
    SINK_IDS,
    SINK_HIDDEN,
    SINK_FILE,
    SINK_IMAGE,
    SINK_COLUMNS
};

/* Fills an initialised batch; row 5 is dropped. The values live as long as the batch. */
void sink_rows_fill(struct gm_batch *batch);

struct sink_run {
    const struct gm_sink *sink;
    void *opts, *ctx;
};

/* settings: "option=value" words, or NULL; a list option may stand several times. Returns what
 * open returned. */
enum gm_status sink_run_open(struct sink_run *run, const struct gm_sink *sink, const char *settings,
                             const struct gm_batch *schema, struct gm_err *err);
void sink_run_close(struct sink_run *run);
/* Encodes the batch into out, which is reset first and finished then. */
void sink_run_encode(struct sink_run *run, const struct gm_batch *batch, struct gm_out *out);

#endif
