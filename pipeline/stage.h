/* The contract of a stage: a const struct in one file, named in stages/table.def.
 *
 * A worker process runs the chain of its family over each row of a block:
 *
 *      open once -> for each block: process(row 0), process(row 1) ... flush -> ... -> close
 *
 * Rules, all tested by tests/conformance/:
 *  - process is a pure function of (row, options): no time, no randomness, no state carried from
 *    row to row that changes a result, no locale. Caches are fine.
 *  - It runs sandboxed: no file, socket, process or new thread can be opened there. Whatever it
 * needs from disk is loaded by `prepare`, which runs once in the supervisor's planner before the
 * fork.
 *  - Bad data is not an error: call gm_batch_reject and return GM_OK. GM_NOMEM turns the row into
 *    limit.memory; any other status is a bug and stops the run.
 *  - It may leave output columns null. */
#ifndef GM_STAGE_H
#define GM_STAGE_H

#include "base/err.h"
#include "base/hash.h"
#include "base/opt.h"
#include "batch.h"
#include "facts.h"
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
    /* Loads files named in options into memory that is inherited by the fork (*prepared). Planner,
     * once per stage of the chain; the next four are called after it, and only if it succeeded. */
    enum gm_status (*prepare)(const void *opts, void **prepared, struct gm_err *err);
    void (*discard)(void *prepared); /* frees it, with the plan */
    /* SHA-256 of the contents of the files that options name: a changed file makes another job.
     * Names of files are part of a job's identity anyway. */
    void (*digest)(const void *prepared, uint8_t sha256[GM_SHA256_BYTES]);
    void (*facts)(const void *opts, const void *prepared, struct gm_facts *facts);
    /* Memory beside what every chain takes: loaded for all workers, and held by each. */
    void (*memory)(const void *opts, const void *prepared, uint64_t *shared_bytes,
                   uint64_t *worker_bytes);
    /* Options that can change no output byte, ended by NULL: no part of a job's identity. */
    const char *const *free_opts;
    /* Once per worker process, before the sandbox closes. bind stays valid until close. */
    enum gm_status (*open)(void *ctx, const void *opts, const void *prepared,
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
