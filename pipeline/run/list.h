/* Listing: all sources of a plan, in order, into the snapshot of a generation; in a process of its
 * own that may read files and nothing else. */
#ifndef GM_RUN_LIST_H
#define GM_RUN_LIST_H

#include "base/err.h"
#include "run/folder.h"
#include "run/plan.h"
#include "run/snapshot.h"

#define GM_SNAPSHOT_NAME "inputs.snapshot"
#define GM_REMOVED_NAME  "removed.jsonl"

/* Writes GM_SNAPSHOT_NAME (durably, whole or not at all) into the current generation's folder; with
 * compare also GM_REMOVED_NAME, and items that have not changed since the last generation are left
 * out. Standard input is read if a source is "-". */
enum gm_status gm_list_sources(const struct gm_plan *plan, struct gm_folder *folder, bool compare,
                               struct gm_snapshot_info *info, struct gm_err *err);

#endif
