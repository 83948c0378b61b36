/* See list.h. */
#include "run/list.h"

#include "base/fs.h"
#include "ipc/sandbox.h"
#include "run/index.h"
#include "run/own.h"
#include "run/step.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define TEMPORARY GM_SNAPSHOT_NAME ".tmp"

/* What the child knows. */
struct listing {
    const struct gm_plan *plan;
    const char *folder;
    int fd;         /* of the snapshot */
    int removed_fd; /* -1: nothing to compare with */
    int stdin_fd;
    struct gm_own own;
};

static enum gm_status enter_sandbox(const struct listing *listing, struct gm_err *err)
{
    struct gm_sandbox sandbox = {.profile = GM_SANDBOX_LISTER,
                                 .mode = listing->plan->job.sandbox,
                                 .max_file_bytes = UINT64_MAX,
                                 .write_dir_fd = -1};
    enum gm_sandbox_state state;
    return gm_sandbox_enter(&sandbox, &state, err);
}

static enum gm_status list_main(void *context, struct gm_err *err)
{
    struct listing *listing = context;
    const struct gm_plan *plan = listing->plan;
    struct gm_index *index = NULL;
    struct gm_lister_sink sink;
    enum gm_status status = GM_OK;
    if (listing->removed_fd >= 0)
        status = gm_index_open(listing->folder, &index, err);
    if (status == GM_OK)
        status = enter_sandbox(listing, err);
    if (status == GM_OK)
        status = gm_snapshot_begin(&sink, listing->fd, index ? gm_index_lookup : NULL, index, err);
    sink.own = &listing->own;
    for (uint32_t i = 0; i < plan->n_sources && status == GM_OK; i++) {
        sink.source = i + 1;
        status =
            plan->sources[i].lister->list(plan->sources[i].opts, listing->stdin_fd, &sink, err);
        if (status != GM_OK)
            gm_err_add(err, "source %u (%s)", i + 1, plan->sources[i].lister->name);
    }
    if (status == GM_OK && index)
        status = gm_index_removed(index, listing->removed_fd, &sink.n_removed, err);
    if (status == GM_OK)
        status = gm_snapshot_end(&sink, err);
    gm_index_close(index);
    return status;
}

static enum gm_status open_files(const struct gm_folder *folder, bool compare,
                                 struct gm_listing *listing, struct gm_err *err)
{
    const int create = O_RDWR | O_CREAT | O_TRUNC;
    enum gm_status status = gm_open_at(folder->generation_fd, TEMPORARY, create, &listing->fd, err);
    if (status == GM_OK && compare)
        status =
            gm_open_at(folder->generation_fd, GM_REMOVED_NAME, create, &listing->removed_fd, err);
    if (status != GM_OK)
        gm_err_add(err, "%s", folder->path);
    return status;
}

enum gm_status gm_list_start(const struct gm_plan *plan, const struct gm_folder *folder,
                             bool compare, struct gm_listing *listing, struct gm_err *err)
{
    *listing = (struct gm_listing)GM_LISTING_INIT;
    enum gm_status status = open_files(folder, compare, listing, err);
    if (status != GM_OK)
        return status;
    struct listing child = {.plan = plan,
                            .folder = folder->path,
                            .fd = listing->fd,
                            .removed_fd = listing->removed_fd,
                            .stdin_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)};
    gm_own_init(&child.own, folder->path);
    int keep[3];
    unsigned n_keep = 0;
    const int fds[] = {child.fd, child.removed_fd, child.stdin_fd};
    for (size_t i = 0; i < GM_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            keep[n_keep++] = fds[i];
    const struct gm_step step = {"list", keep, n_keep, list_main, &child};
    status = gm_step_start(&step, &listing->step, err);
    gm_close(&child.stdin_fd);
    return status;
}

/* From here on the list is read only, by fetch too. */
static enum gm_status reopen(struct gm_listing *listing, struct gm_err *err)
{
    char path[32];
    int fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", listing->fd);
    enum gm_status status = gm_open_at(AT_FDCWD, path, O_RDONLY, &fd, err);
    if (status != GM_OK)
        return status;
    gm_close(&listing->fd);
    listing->fd = fd;
    return GM_OK;
}

enum gm_status gm_list_finish(struct gm_listing *listing, struct gm_snapshot_info *info,
                              struct gm_err *err)
{
    enum gm_status status = gm_step_wait(&listing->step, err);
    if (status == GM_OK && listing->removed_fd >= 0)
        status = gm_sync_data(listing->removed_fd, GM_REMOVED_NAME, err);
    if (status == GM_OK)
        status = gm_snapshot_info(listing->fd, info, err);
    return status == GM_OK ? reopen(listing, err) : status;
}

enum gm_status gm_list_publish(int generation_fd, int fd, struct gm_err *err)
{
    enum gm_status status = gm_sync_data(fd, GM_SNAPSHOT_NAME, err);
    if (status == GM_OK &&
        renameat(generation_fd, TEMPORARY, generation_fd, GM_SNAPSHOT_NAME) != 0 &&
        errno != ENOENT) /* it has its name already */
        status = gm_err_sys(err, GM_IO, errno, "unable to create %s", GM_SNAPSHOT_NAME);
    return status == GM_OK ? gm_sync_dir(generation_fd, ".", err) : status;
}

void gm_list_drop(struct gm_listing *listing)
{
    gm_step_drop(&listing->step);
    gm_close(&listing->fd);
    gm_close(&listing->removed_fd);
}

enum gm_status gm_list_sources(const struct gm_plan *plan, const struct gm_folder *folder,
                               bool compare, struct gm_snapshot_info *info, struct gm_err *err)
{
    struct gm_listing listing;
    sigset_t old_mask;
    gm_step_hold_signals(&old_mask);
    enum gm_status status = gm_list_start(plan, folder, compare, &listing, err);
    if (status == GM_OK)
        status = gm_list_finish(&listing, info, err);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
    if (status == GM_OK)
        status = gm_list_publish(folder->generation_fd, listing.fd, err);
    if (status == GM_IO)
        gm_err_add(err, "%s", folder->path);
    gm_list_drop(&listing);
    return status;
}
