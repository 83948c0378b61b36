/* Files. Whatever is final (a failed sync) is reported as final; whatever is transient (EINTR, a
 * short transfer, a descriptor somebody made non-blocking) is handled here and nowhere else.
 *
 * gm_write_file_durable uses the fixed temporary name PATH.tmp, so that a crash leaves at most one
 * file behind and the next write takes it over. Two writers of one path must exclude each other
 * (gm_lock_file). Whether a folder is durable is the caller's business (gm_sync_dir), except for
 * the one a durable file is renamed in. */
#include "base/fs.h"

#include "base/huge_pages.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE        0666 /* less the umask */
#define DIR_MODE         0777
#define READ_BYTES       (64 * 1024)
#define TEMPORARY_SUFFIX ".tmp"

enum gm_status gm_open_at(int dir_fd, const char *path, int flags, int *fd, struct gm_err *err)
{
    int opened;
    do
        opened = openat(dir_fd, path, flags | O_CLOEXEC, FILE_MODE);
    while (opened < 0 && errno == EINTR);
    if (opened < 0)
        return gm_err_sys(err, GM_IO, errno, "unable to %s %s", flags & O_CREAT ? "create" : "open",
                          path);
    *fd = opened;
    return GM_OK;
}

void gm_close(int *fd)
{
    if (!fd || *fd < 0)
        return;
    int saved_errno = errno;
    /* Never repeated: on Linux the descriptor is gone even after EINTR. */
    close(*fd);
    *fd = -1;
    errno = saved_errno;
}

static void wait_ready(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    poll(&poll_fd, 1, -1);
}

/* Whether a transfer that failed with errno is worth another try (after waiting if need be). */
static bool is_transient(int fd, short events)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    wait_ready(fd, events);
    return true;
}

enum gm_status gm_read_full(int fd, void *data, size_t n_bytes, size_t *n_read, struct gm_err *err)
{
    *n_read = 0;
    while (*n_read < n_bytes) {
        ssize_t n = read(fd, (char *)data + *n_read, n_bytes - *n_read);
        if (n == 0)
            break;
        if (n > 0)
            *n_read += (size_t)n;
        else if (!is_transient(fd, POLLIN))
            return gm_err_sys(err, GM_IO, errno, "unable to read");
    }
    return GM_OK;
}

enum gm_status gm_pread_full(int fd, void *data, size_t n_bytes, uint64_t offset, size_t *n_read,
                             struct gm_err *err)
{
    *n_read = 0;
    while (*n_read < n_bytes) {
        ssize_t n = pread(fd, (char *)data + *n_read, n_bytes - *n_read, (off_t)(offset + *n_read));
        if (n == 0)
            break;
        if (n > 0)
            *n_read += (size_t)n;
        else if (!is_transient(fd, POLLIN))
            return gm_err_sys(err, GM_IO, errno, "unable to read at byte %llu",
                              (unsigned long long)(offset + *n_read));
    }
    return GM_OK;
}

enum gm_status gm_write_full(int fd, const void *data, size_t n_bytes, const char *name,
                             struct gm_err *err)
{
    size_t n_written = 0;
    while (n_written < n_bytes) {
        ssize_t n = write(fd, (const char *)data + n_written, n_bytes - n_written);
        if (n == 0)
            return gm_err_sys(err, GM_IO, EIO, "unable to write %s", name);
        if (n > 0)
            n_written += (size_t)n;
        else if (!is_transient(fd, POLLOUT))
            return gm_err_sys(err, GM_IO, errno, "unable to write %s", name);
    }
    return GM_OK;
}

/* Appends up to the end of the file, and at most one byte more than max_bytes. */
static enum gm_status read_to_end(int fd, size_t max_bytes, struct gm_buf *buf, struct gm_err *err)
{
    size_t total = 0;
    size_t limit = max_bytes < SIZE_MAX ? max_bytes + 1 : max_bytes;
    struct stat info;
    size_t step = READ_BYTES;
    if (fstat(fd, &info) == 0 && info.st_size > 0 && (uint64_t)info.st_size < limit)
        step = (size_t)info.st_size + 1; /* the byte more sees the end without another growth */
    for (;;) {
        size_t wanted = step < limit - total ? step : limit - total;
        size_t n_read;
        if (!gm_buf_reserve(buf, wanted))
            return gm_err_set(err, GM_NOMEM, "unable to read: out of memory");
        gm_huge_pages(buf->data + buf->n_bytes, wanted);
        enum gm_status status = gm_read_full(fd, buf->data + buf->n_bytes, wanted, &n_read, err);
        if (status != GM_OK)
            return status;
        buf->n_bytes += n_read;
        total += n_read;
        if (total > max_bytes)
            return gm_err_set(err, GM_LIMIT, "larger than the %zu bytes allowed here", max_bytes);
        if (n_read < wanted || wanted == 0)
            return GM_OK;
    }
}

enum gm_status gm_read_file(int dir_fd, const char *path, size_t max_bytes, struct gm_buf *buf,
                            struct gm_err *err)
{
    int fd = -1;
    size_t n_before = buf->n_bytes;
    enum gm_status status = gm_open_at(dir_fd, path, O_RDONLY, &fd, err);
    if (status != GM_OK)
        return status;
    status = read_to_end(fd, max_bytes, buf, err);
    gm_close(&fd);
    if (status != GM_OK) {
        buf->n_bytes = n_before;
        gm_err_add(err, "%s", path);
    }
    return status;
}

enum gm_status gm_sync_data(int fd, const char *name, struct gm_err *err)
{
    if (fdatasync(fd) < 0)
        return gm_err_sys(err, GM_IO, errno, "unable to sync %s", name);
    return GM_OK;
}

enum gm_status gm_sync_dir(int dir_fd, const char *path, struct gm_err *err)
{
    int fd = -1;
    enum gm_status status = gm_open_at(dir_fd, path, O_RDONLY | O_DIRECTORY, &fd, err);
    if (status != GM_OK)
        return status;
    if (fsync(fd) < 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to sync folder %s", path);
    gm_close(&fd);
    return status;
}

static enum gm_status copy_path(const char *path, const char *suffix, char copy[PATH_MAX],
                                struct gm_err *err)
{
    int n = snprintf(copy, PATH_MAX, "%s%s", path, suffix);
    if (n < 0 || n >= PATH_MAX)
        return gm_err_sys(err, GM_IO, ENAMETOOLONG, "unable to use path %.60s...", path);
    return GM_OK;
}

static enum gm_status write_new_file(int dir_fd, const char *path, const void *data, size_t n_bytes,
                                     struct gm_err *err)
{
    int fd = -1;
    /* A leftover may be a link or belong to somebody else: never write through it. */
    if (unlinkat(dir_fd, path, 0) < 0 && errno != ENOENT)
        return gm_err_sys(err, GM_IO, errno, "unable to remove %s", path);
    enum gm_status status = gm_open_at(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL, &fd, err);
    if (status != GM_OK)
        return status;
    status = gm_write_full(fd, data, n_bytes, path, err);
    if (status == GM_OK && fsync(fd) < 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to sync %s", path);
    gm_close(&fd);
    return status;
}

static enum gm_status sync_parent(int dir_fd, const char *path, struct gm_err *err)
{
    char parent[PATH_MAX];
    enum gm_status status = copy_path(path, "", parent, err);
    if (status != GM_OK)
        return status;
    char *slash = strrchr(parent, '/');
    if (!slash)
        return gm_sync_dir(dir_fd, ".", err);
    slash[slash == parent] = '\0';
    return gm_sync_dir(dir_fd, parent, err);
}

enum gm_status gm_write_file_durable(int dir_fd, const char *path, const void *data, size_t n_bytes,
                                     struct gm_err *err)
{
    char temporary[PATH_MAX];
    enum gm_status status = copy_path(path, TEMPORARY_SUFFIX, temporary, err);
    if (status != GM_OK)
        return status;
    status = write_new_file(dir_fd, temporary, data, n_bytes, err);
    if (status == GM_OK && renameat(dir_fd, temporary, dir_fd, path) < 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to rename %s to %s", temporary, path);
    if (status != GM_OK) {
        unlinkat(dir_fd, temporary, 0);
        return status;
    }
    return sync_parent(dir_fd, path, err);
}

/* One level of mkdir -p: a folder, or a link to one, may be there already. */
static enum gm_status make_dir(int dir_fd, const char *path, struct gm_err *err)
{
    struct stat info;
    if (mkdirat(dir_fd, path, DIR_MODE) == 0)
        return GM_OK;
    int reason = errno;
    if (fstatat(dir_fd, path, &info, 0) == 0) {
        if (S_ISDIR(info.st_mode))
            return GM_OK;
        reason = ENOTDIR;
    }
    return gm_err_sys(err, GM_IO, reason, "unable to create folder %s", path);
}

enum gm_status gm_make_dirs(int dir_fd, const char *path, struct gm_err *err)
{
    char partial[PATH_MAX];
    enum gm_status status = copy_path(path, "", partial, err);
    size_t at = 0;
    while (status == GM_OK) {
        at += strspn(path + at, "/");
        if (path[at] == '\0')
            break;
        at += strcspn(path + at, "/");
        partial[at] = '\0';
        status = make_dir(dir_fd, partial, err);
        partial[at] = path[at];
    }
    return status;
}

static enum gm_status remove_entry(int dir_fd, const char *name, struct gm_err *err);

static enum gm_status remove_entries(DIR *folder, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    while (status == GM_OK) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry && errno)
            return gm_err_sys(err, GM_IO, errno, "unable to list");
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = remove_entry(dirfd(folder), entry->d_name, err);
    }
    return status;
}

static enum gm_status remove_folder(int dir_fd, const char *name, struct gm_err *err)
{
    int fd = -1;
    enum gm_status status = gm_open_at(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err);
    if (status != GM_OK)
        return status;
    DIR *folder = fdopendir(fd);
    if (!folder) {
        status = gm_err_sys(err, GM_IO, errno, "unable to list %s", name);
        gm_close(&fd);
        return status;
    }
    status = remove_entries(folder, err);
    closedir(folder);
    if (status != GM_OK) {
        gm_err_add(err, "%s", name);
        return status;
    }
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return gm_err_sys(err, GM_IO, errno, "unable to remove %s", name);
    return GM_OK;
}

static enum gm_status remove_entry(int dir_fd, const char *name, struct gm_err *err)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return GM_OK;
    if (errno != EISDIR)
        return gm_err_sys(err, GM_IO, errno, "unable to remove %s", name);
    return remove_folder(dir_fd, name, err);
}

enum gm_status gm_remove_tree(int dir_fd, const char *path, struct gm_err *err)
{
    char copy[PATH_MAX];
    enum gm_status status = copy_path(path, "", copy, err);
    if (status != GM_OK)
        return status;
    /* "link/" would follow the link. */
    size_t n = strlen(copy);
    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = '\0';
    return remove_entry(dir_fd, copy, err);
}

enum gm_status gm_lock_file(int dir_fd, const char *path, int *fd, struct gm_err *err)
{
    int opened = -1;
    int result;
    enum gm_status status = gm_open_at(dir_fd, path, O_RDWR | O_CREAT, &opened, err);
    if (status != GM_OK)
        return status;
    do
        result = flock(opened, LOCK_EX | LOCK_NB);
    while (result < 0 && errno == EINTR);
    if (result < 0) {
        status = errno == EWOULDBLOCK
                     ? gm_err_set(err, GM_BUSY, "%s is locked by another process", path)
                     : gm_err_sys(err, GM_IO, errno, "unable to lock %s", path);
        gm_close(&opened);
        return status;
    }
    *fd = opened;
    return GM_OK;
}
