/* See runfolder.h. */
#include "cli/runfolder.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Asks without waiting and without leaving anything behind. */
static bool is_locked(int dir_fd)
{
    int fd;
    if (gm_open_at(dir_fd, "lock", O_RDONLY, &fd, NULL) != GM_OK)
        return false;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    gm_close(&fd);
    return locked;
}

static bool exists(int dir_fd, const char *name)
{
    struct stat info;
    return fstatat(dir_fd, name, &info, 0) == 0;
}

static enum gm_status read_generation(struct gm_generation *generation, struct gm_err *err)
{
    enum gm_status status = gm_manifest_read(&generation->manifest, generation->dir_fd,
                                             generation->path, generation->manifest_sha256, err);
    generation->complete = status == GM_OK;
    if (status != GM_MISSING)
        return status;
    gm_err_clear(err);
    status = gm_journal_read(&generation->journal, generation->dir_fd, generation->path, err);
    generation->started = status == GM_OK;
    if (status != GM_MISSING)
        return status;
    gm_err_clear(err);
    return GM_OK;
}

/* Opens RUN or RUN/gen-N; GM_END: there is none. */
static enum gm_status add_generation(struct gm_runfolder *folder, struct gm_err *err)
{
    struct gm_generation *all =
        reallocarray(folder->generations, folder->n_generations + 1, sizeof *folder->generations);
    if (!all)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    folder->generations = all;
    struct gm_generation *generation = &all[folder->n_generations];
    *generation =
        (struct gm_generation){.number = folder->n_generations + 1, .journal = GM_JOURNAL_INIT};
    snprintf(generation->name, sizeof generation->name, "gen-%05u", generation->number);
    int n = generation->number == 1
                ? snprintf(generation->path, sizeof generation->path, "%s", folder->path)
                : snprintf(generation->path, sizeof generation->path, "%s/%s", folder->path,
                           generation->name);
    if (generation->number == 1)
        snprintf(generation->name, sizeof generation->name, ".");
    if (n < 0 || (size_t)n >= sizeof generation->path)
        return gm_err_set(err, GM_INPUT, "%s: the path is too long", folder->path);
    enum gm_status status =
        gm_open_at(AT_FDCWD, generation->path, O_RDONLY | O_DIRECTORY, &generation->dir_fd, err);
    if (status == GM_MISSING && generation->number > 1) {
        gm_err_clear(err);
        return GM_END;
    }
    if (status != GM_OK)
        return status;
    folder->n_generations++;
    return read_generation(generation, err);
}

enum gm_status gm_runfolder_open(struct gm_runfolder *folder, const char *path, struct gm_err *err)
{
    enum gm_status status;
    *folder = (struct gm_runfolder){.path = path};
    while ((status = add_generation(folder, err)) == GM_OK)
        ;
    if (status != GM_END) {
        gm_runfolder_close(folder);
        return status;
    }
    struct gm_generation *first = &folder->generations[0];
    folder->running = is_locked(first->dir_fd);
    if (!first->complete && !first->started && !exists(first->dir_fd, "lock")) {
        gm_runfolder_close(folder);
        return gm_err_set(err, GM_INPUT,
                          "%s: this is not a run folder (no manifest.json, no journal)", path);
    }
    return GM_OK;
}

void gm_runfolder_close(struct gm_runfolder *folder)
{
    for (uint32_t i = 0; i < folder->n_generations; i++) {
        gm_manifest_free(&folder->generations[i].manifest);
        gm_journal_close(&folder->generations[i].journal);
        gm_close(&folder->generations[i].dir_fd);
    }
    free(folder->generations);
    *folder = (struct gm_runfolder){0};
}
