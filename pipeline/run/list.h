/* Listing: all sources of a plan, in order, into the snapshot of a generation; in a process of its
 * own that may read files and nothing else. */
#ifndef GM_RUN_LIST_H
#define GM_RUN_LIST_H

#include "base/err.h"
#include "run/folder.h"
#include "run/plan.h"
#include "run/snapshot.h"
#include "run/step.h"

#define GM_REMOVED_NAME "removed.jsonl"

/* Under way. */
struct gm_listing {
    struct gm_step_run step;
    int fd; /* the list, under a temporary name until it is published; the owner of this closes it
             */
    int removed_fd;
};
#define GM_LISTING_INIT                                                                            \
    {                                                                                              \
        GM_STEP_RUN_INIT, -1, -1                                                                   \
    }

/* Starts to list into the current generation's folder. With compare GM_REMOVED_NAME is written,
 * too, and items that have not changed since the last generation are left out. Standard input is
 * read if a source is "-". *listing is gm_list_drop's to end, whatever is returned. */
enum gm_status gm_list_start(const struct gm_plan *plan, const struct gm_folder *folder,
                             bool compare, struct gm_listing *listing, struct gm_err *err);
/* Waits for its end. GM_STOPPED after a signal. */
enum gm_status gm_list_finish(struct gm_listing *listing, struct gm_snapshot_info *info,
                              struct gm_err *err);
/* Makes the list durable and gives it its name, whole or not at all; generation_fd is the folder.
 * Doing it twice is fine. Nothing that depends on the order of the items may be durable before. */
enum gm_status gm_list_publish(int generation_fd, int fd, struct gm_err *err);
/* Kills the process, closes the files. */
void gm_list_drop(struct gm_listing *listing);

/* All of it. */
enum gm_status gm_list_sources(const struct gm_plan *plan, const struct gm_folder *folder,
                               bool compare, struct gm_snapshot_info *info, struct gm_err *err);

#endif
