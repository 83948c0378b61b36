/* The run folder: its lock, its generations, its working files.
 *
 *   OUT/                      generation 1 is the folder itself
 *     lock                    flock'ed while a run is in progress
 *     run.db                  index.h
 *     spool/                  partial downloads, gone at the end
 *     inputs.snapshot  journal  items.jsonl  rejects.jsonl  records-00000.jsonl ...  manifest.json
 *     gen-00002/              what was new or changed the next time
 *       inputs.snapshot  removed.jsonl  journal  ...  manifest.json
 *
 * A generation with a manifest is complete. The supervisor alone opens it. */
#ifndef GM_RUN_FOLDER_H
#define GM_RUN_FOLDER_H

#include "base/err.h"
#include "base/hash.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_GENERATION_NAME_BYTES 24

struct gm_folder {
    const char *path; /* as given; not owned */
    int fd, lock_fd;
    int generation_fd; /* of the current generation */
    int spool_fd;
    uint32_t generation; /* 0: none yet */
    bool complete;       /* it has a manifest */
};
#define GM_FOLDER_INIT                                                                             \
    {                                                                                              \
        NULL, -1, -1, -1, -1, 0, false                                                             \
    }

#define GM_SNAPSHOT_NAME "inputs.snapshot"

bool gm_folder_has(int dir_fd, const char *name); /* a link that leads nowhere counts */
/* "." or "gen-00002"; returns name. */
const char *gm_generation_name(uint32_t generation, char name[GM_GENERATION_NAME_BYTES]);

/* Creates it if need be, takes the lock, finds the last generation. GM_BUSY: somebody else runs
 * here. */
enum gm_status gm_folder_open(const char *path, struct gm_folder *folder, struct gm_err *err);
void gm_folder_close(struct gm_folder *folder);
/* Makes the next generation's folder and goes there. */
enum gm_status gm_folder_next(struct gm_folder *folder, struct gm_err *err);
/* Gives up a generation that turned out to be empty: back to the one before. */
enum gm_status gm_folder_drop(struct gm_folder *folder, struct gm_err *err);
/* Opens (creating) spool/, and an unlinked file in it. */
enum gm_status gm_folder_spool(struct gm_folder *folder, struct gm_err *err);
enum gm_status gm_folder_scratch(struct gm_folder *folder, const char *name, int *fd,
                                 struct gm_err *err);
void gm_folder_remove_spool(struct gm_folder *folder);

#endif
