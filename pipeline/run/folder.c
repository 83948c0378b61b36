/* See folder.h. */
#include "run/folder.h"

#include "base/fs.h"
#include "run/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const char *gm_generation_name(uint32_t generation, char name[GM_GENERATION_NAME_BYTES])
{
    if (generation <= 1)
        snprintf(name, GM_GENERATION_NAME_BYTES, ".");
    else
        snprintf(name, GM_GENERATION_NAME_BYTES, "gen-%05u", generation);
    return name;
}

bool gm_folder_has(int dir_fd, const char *name)
{
    return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum gm_status enter(struct gm_folder *folder, uint32_t generation, struct gm_err *err)
{
    char name[GM_GENERATION_NAME_BYTES];
    gm_close(&folder->generation_fd);
    enum gm_status status = gm_open_at(folder->fd, gm_generation_name(generation, name),
                                       O_RDONLY | O_DIRECTORY, &folder->generation_fd, err);
    if (status != GM_OK)
        return status;
    folder->generation = generation;
    folder->complete = gm_folder_has(folder->generation_fd, GM_MANIFEST_NAME);
    return GM_OK;
}

static enum gm_status find_last(struct gm_folder *folder, struct gm_err *err)
{
    char name[GM_GENERATION_NAME_BYTES];
    uint32_t last = 1;
    while (gm_folder_has(folder->fd, gm_generation_name(last + 1, name)))
        last++;
    enum gm_status status = enter(folder, last, err);
    if (status == GM_OK && !folder->complete &&
        !gm_folder_has(folder->generation_fd, GM_SNAPSHOT_NAME) && last == 1)
        folder->generation = 0;
    return status;
}

static enum gm_status open_locked(struct gm_folder *folder, struct gm_err *err)
{
    enum gm_status status = gm_lock_file(folder->fd, "lock", &folder->lock_fd, err);
    if (status == GM_BUSY)
        status = gm_err_set(err, GM_BUSY, "another gristmill is running in this folder");
    if (status == GM_OK)
        status = find_last(folder, err);
    if (status != GM_OK)
        gm_err_add(err, "%s", folder->path);
    return status;
}

enum gm_status gm_folder_open(const char *path, struct gm_folder *folder, struct gm_err *err)
{
    *folder = (struct gm_folder)GM_FOLDER_INIT;
    folder->path = path;
    enum gm_status status = gm_make_dirs(AT_FDCWD, path, err);
    if (status == GM_OK)
        status = gm_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, &folder->fd, err);
    if (status == GM_OK)
        status = open_locked(folder, err);
    if (status != GM_OK)
        gm_folder_close(folder);
    return status;
}

void gm_folder_close(struct gm_folder *folder)
{
    gm_close(&folder->generation_fd);
    gm_close(&folder->spool_fd);
    gm_close(&folder->lock_fd);
    gm_close(&folder->fd);
}

enum gm_status gm_folder_next(struct gm_folder *folder, struct gm_err *err)
{
    char name[GM_GENERATION_NAME_BYTES];
    uint32_t next = folder->generation + 1;
    enum gm_status status = gm_make_dirs(folder->fd, gm_generation_name(next, name), err);
    if (status == GM_OK)
        status = gm_sync_dir(folder->fd, ".", err);
    if (status == GM_OK)
        status = enter(folder, next, err);
    if (status != GM_OK)
        gm_err_add(err, "%s", folder->path);
    return status;
}

enum gm_status gm_folder_drop(struct gm_folder *folder, struct gm_err *err)
{
    char name[GM_GENERATION_NAME_BYTES];
    enum gm_status status = GM_OK;
    if (folder->generation > 1)
        status = gm_remove_tree(folder->fd, gm_generation_name(folder->generation, name), err);
    return status == GM_OK ? enter(folder, folder->generation - 1, err) : status;
}

enum gm_status gm_folder_spool(struct gm_folder *folder, struct gm_err *err)
{
    enum gm_status status = gm_make_dirs(folder->fd, "spool", err);
    if (status == GM_OK && folder->spool_fd < 0)
        status = gm_open_at(folder->fd, "spool", O_RDONLY | O_DIRECTORY, &folder->spool_fd, err);
    if (status != GM_OK)
        gm_err_add(err, "%s", folder->path);
    return status;
}

enum gm_status gm_folder_scratch(struct gm_folder *folder, const char *name, int *fd,
                                 struct gm_err *err)
{
    enum gm_status status = gm_open_at(folder->spool_fd, name, O_RDWR | O_CREAT | O_TRUNC, fd, err);
    if (status == GM_OK && unlinkat(folder->spool_fd, name, 0) != 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to remove %s", name);
    if (status != GM_OK)
        gm_err_add(err, "%s/spool", folder->path);
    return status;
}

void gm_folder_remove_spool(struct gm_folder *folder)
{
    gm_close(&folder->spool_fd);
    gm_remove_tree(folder->fd, "spool", NULL);
}
