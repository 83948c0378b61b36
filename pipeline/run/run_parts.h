/* What the files that make up a run share: begin.c, everything before the engine; run.c, the engine
 * and what comes after it. */
#ifndef GM_RUN_RUN_PARTS_H
#define GM_RUN_RUN_PARTS_H

#include "run/engine.h"
#include "run/folder.h"
#include "run/indexer.h"
#include "run/list.h"
#include "run/output.h"
#include "run/plan.h"
#include "run/run.h"
#include "run/spoiled.h"

struct gm_run {
    const struct gm_plan *plan;
    struct gm_progress *progress;
    struct gm_run_summary *summary;
    struct gm_folder folder;
    struct gm_listing listing; /* of a first run */
    struct gm_snapshot_info info;
    bool is_first; /* the folder is empty: nothing is listed, nothing committed */
    int snapshot_fd, hold_fd, spill_fd;
    struct gm_output_stream streams[GM_MAX_STREAMS];
    struct gm_output_config output;
    struct gm_output_state state; /* as of the last look */
    struct gm_indexer indexer;
    struct gm_engine *engine; /* the last one, for its memory */
    struct gm_spoiled spoiled;
    bool has_previous;
    uint8_t previous_sha256[GM_SHA256_BYTES];
};

/* Opens the folder: a first run, one that goes on, or a next generation, which is listed at once.
 * The sources of a first run are not listed yet. GM_END: nothing to do. */
enum gm_status gm_run_begin(struct gm_run *run, struct gm_err *err);
/* A first run: starts to list, and waits for its end. */
enum gm_status gm_run_list(struct gm_run *run, struct gm_err *err);
enum gm_status gm_run_listed(struct gm_run *run, struct gm_err *err);
/* When there is a list: what the engine's children are given. */
enum gm_status gm_run_prepare_output(struct gm_run *run, struct gm_err *err);
/* Cuts the output back to its last commit and tells where to go on (run->state). */
enum gm_status gm_run_look_at_output(struct gm_run *run, struct gm_err *err);
/* Brings run.db up to the generations that are there. */
enum gm_status gm_run_update_index(struct gm_run *run, struct gm_err *err);

#endif
