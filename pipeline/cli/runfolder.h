/* A run folder as status, inspect and verify see it: read-only, also while a run is in progress.
 *
 *      RUN/             generation 1; RUN/gen-00002/ ... what was new or changed later
 *      manifest.json    in a generation: it is complete
 *      journal          how far it is otherwise
 *      lock             held while a run is in progress
 */
#ifndef GM_CLI_RUNFOLDER_H
#define GM_CLI_RUNFOLDER_H

#include "base/err.h"
#include "run/journal.h"
#include "run/manifest.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_generation {
    uint32_t number;
    char name[24]; /* "." or "gen-00002" */
    char path[4096];
    int dir_fd;
    bool complete; /* then manifest is filled, else journal as far as there is one */
    bool started;  /* there is a journal */
    struct gm_manifest manifest;
    uint8_t manifest_sha256[GM_SHA256_BYTES];
    struct gm_journal journal;
};

struct gm_runfolder {
    const char *path; /* not owned */
    bool running;
    uint32_t n_generations;
    struct gm_generation *generations;
};

/* GM_MISSING: no such folder. GM_INPUT: not a run folder, or a damaged manifest or journal. */
enum gm_status gm_runfolder_open(struct gm_runfolder *folder, const char *path, struct gm_err *err);
void gm_runfolder_close(struct gm_runfolder *folder);

#endif
