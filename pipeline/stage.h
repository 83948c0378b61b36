/* The contract of a stage: a const struct in one file, named in stages/table.def.
 *
 * A worker process runs the chain of its family over each row of a block:
 *
 *      open once -> for each block: process(row 0), process(row 1) ... flush -> ... -> close
 *
 * Rules, all tested by tests/conformance/:
 *  - process is a pure function of (row, options): no time, no randomness, no state carried from
 *    row to row that changes a result, no locale. Caches are fine.
 *  - It runs sandboxed, from `open` on: no file, socket, process or new thread can be opened there.
 *    Whatever it needs from disk is loaded by `prepare`, which runs once, before the fork, in a
 *    sandboxed process of its own.
 *  - Bad data is not an error: call gm_batch_reject and return GM_OK. GM_NOMEM turns the row into
 *    limit.memory; any other status is a bug and stops the run.
 *  - It may leave output columns null. */
#ifndef GM_STAGE_H
#define GM_STAGE_H

#include "base/err.h"
#include "base/opt.h"
#include "batch.h"
#include "facts.h"
#include "prepared.h"
#include <stdbool.h>

/* Column indices in the batch, resolved by the engine from the names in `in` and `out`. */
struct gm_bind {
    const int *in;  /* in[i]: column of stage->in[i]; GM_NO_COLUMN if optional and absent */
    const int *out; /* out[i]: column of stage->out[i] */
    /* out_read[i]: a later stage of the chain reads stage->out[i]. What no stage reads and no
     * record shows need not be computed. NULL: not known, take all as read. */
    const bool *out_read;
};

struct gm_stage {
    const char *name;    /* as written in YAML */
    const char *family;  /* "text", "image": which list of the job it may stand in */
    const char *summary; /* one line */

    const struct gm_column_def *in;  /* by name and type; ended by GM_COLUMN_END. An input that may
                                        be absent has  unit "optional" */
    const struct gm_column_def *out; /* ended by GM_COLUMN_END */
    const struct gm_opt *opts;       /* ended by GM_OPT_END; never NULL */
    size_t opts_bytes;               /* size of the options struct */
    size_t ctx_bytes;                /* private state, zeroed before open */

    /* Each may be NULL unless stated. opts is the stage's filled options struct, read-only. */

    /* Checks combinations of options that the table cannot; planner; GM_CONFIG with "option: ...".
     */
    enum gm_status (*check)(const void *opts, struct gm_err *err);
    /* Reads the files that options name, parses them and fills *prepared (zeroed). Once per stage
     * of the chain, in a child of the planner that may open files for reading and do nothing else.
     * data is the stage's own memory, or part of it, and is copied from there; the child ends. */
    enum gm_status (*prepare)(const void *opts, struct gm_prepared *prepared, struct gm_err *err);
    /* The next three: planner, after prepare and only if it succeeded. data came from hostile
     * files: they may keep it, and must not parse it. Saves what makes the next start faster: */
    enum gm_status (*save)(const void *opts, const struct gm_prepared *prepared,
                           struct gm_err *err);
    void (*facts)(const void *opts, const struct gm_prepared *prepared, struct gm_facts *facts);
    /* Memory of each worker beside what every chain takes; data is counted by the planner. */
    uint64_t (*worker_bytes)(const void *opts);
    /* Options that can change no output byte, ended by NULL: no part of a job's identity. */
    const char *const *free_opts;
    /* Once per worker process, sandboxed. prepared and bind stay valid until close. */
    enum gm_status (*open)(void *ctx, const void *opts, const struct gm_prepared *prepared,
                           const struct gm_bind *bind, struct gm_err *err);
    /* Required. The row is still in (reason 0). */
    enum gm_status (*process)(void *ctx, struct gm_batch *batch, uint32_t row, struct gm_err *err);
    /* After the last row of a block. */
    enum gm_status (*flush)(void *ctx, struct gm_batch *batch, struct gm_err *err);
    void (*close)(void *ctx);

    /* Ordered gate: set for a stage that needs to see all records in input order (exact
     * deduplication). Names a BYTES column of 16 bytes, the stage's own or an earlier one's; the
     * engine runs the chain up to and with this stage, passes the keys through the gate in input
     * order, drops each row whose key came earlier with this reason, and runs the whole chain over
     * the rest. An all-zero key passes unseen. NULL for every other stage. */
    const char *gate_key;
    enum gm_reason gate_reason;
};

/* All stages, from stages/table.def; ended by NULL. */
extern const struct gm_stage *const gm_stages[];
/* By family and name, or NULL. */
const struct gm_stage *gm_stage_find(const char *family, const char *name);

#endif
