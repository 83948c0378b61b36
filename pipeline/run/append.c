/* See append.h. */
#include "run/append.h"

#include "base/assert.h"
#include "base/fs.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define RESERVE_BYTES (8u * 1024u * 1024u)
#define PLENTY        64u /* times as much is free: what we take ahead is missed by nobody */
#define START_BYTES   (8u * 1024u * 1024u)
#define UNIT_BYTES    (64u * 1024u)

/* ---- blocks ahead ---- */

/* ext4 only: others look ahead themselves (XFS), write twice for it (Btrfs) or have to fill memory
 * with zeros (tmpfs). */
static bool may_reserve(int fd)
{
    struct statfs info;
    return fstatfs(fd, &info) == 0 && info.f_type == EXT4_SUPER_MAGIC && info.f_bsize > 0 &&
           (uint64_t)info.f_bavail > (uint64_t)PLENTY * RESERVE_BYTES / (uint64_t)info.f_bsize;
}

/* Before the file grows to `size`. Only a hint: it may fail. */
static void reserve(struct gm_append *append, int fd, uint64_t size)
{
    if (!append->ways.reserves || append->refused || size < RESERVE_BYTES ||
        size <= append->reserved)
        return;
    uint64_t from = append->reserved > 0 ? append->reserved : size;
    if (may_reserve(fd) &&
        fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(size - from + RESERVE_BYTES)) == 0)
        append->reserved = size + RESERVE_BYTES;
    else
        append->refused = true;
}

void gm_append_release(struct gm_append *append, int fd)
{
    struct stat info;
    if (append->reserved == 0 || fd < 0)
        return;
    append->reserved = 0;
    if (fstat(fd, &info) == 0 && ftruncate(fd, info.st_size) != 0)
        append->refused = true; /* they stay: no harm but to the disk's free space */
}

/* ---- whole units ---- */

static bool can_hold(struct gm_append *append)
{
    if (append->ways.holds && !append->held)
        append->held = malloc(UNIT_BYTES);
    return append->ways.holds && append->held;
}

static enum gm_status write_held(struct gm_append *append, const struct gm_direct_file *file,
                                 struct gm_err *err)
{
    size_t n_held = append->n_held;
    append->n_held = 0;
    return n_held > 0 ? gm_write_full(file->fd, append->held, n_held, file->name, err) : GM_OK;
}

/* What is held and what follows it, with one call if all goes well. */
static enum gm_status write_both(struct gm_append *append, const struct gm_direct_file *file,
                                 struct gm_view data, struct gm_err *err)
{
    struct iovec parts[] = {{append->held, append->n_held},
                            {(void *)(uintptr_t)data.data, data.n_bytes}};
    ssize_t n = append->n_held > 0 ? writev(file->fd, parts, 2) : 0;
    size_t done = n > 0 ? (size_t)n : 0; /* why it failed is told below */
    size_t of_held = done < append->n_held ? done : append->n_held;
    enum gm_status status = GM_OK;
    if (of_held < append->n_held)
        status = gm_write_full(file->fd, append->held + of_held, append->n_held - of_held,
                               file->name, err);
    append->n_held = 0;
    done -= of_held;
    if (status == GM_OK)
        status = gm_write_full(file->fd, data.data + done, data.n_bytes - done, file->name, err);
    return status;
}

static enum gm_status append_units(struct gm_append *append, const struct gm_direct_file *file,
                                   uint64_t size, struct gm_view data, struct gm_err *err)
{
    uint64_t written = size - append->n_held;
    uint64_t until = size + data.n_bytes;
    until -= until % UNIT_BYTES;
    enum gm_status status = GM_OK;
    size_t n_out = 0;
    if (until > written) { /* what is held lies within one unit, so this is behind it */
        n_out = (size_t)(until - size);
        status = write_both(append, file, (struct gm_view){data.data, n_out}, err);
    }
    size_t n_rest = data.n_bytes - n_out;
    GM_ASSERT(append->n_held + n_rest <= UNIT_BYTES);
    if (n_rest > 0)
        memcpy(append->held + append->n_held, data.data + n_out, n_rest);
    append->n_held += n_rest;
    return status;
}

/* ---- all of it ---- */

static void start_disk(struct gm_append *append, int fd, uint64_t written)
{
    if (!append->ways.starts || written < append->started + START_BYTES)
        return;
    sync_file_range(fd, (off_t)append->started, (off_t)(written - append->started),
                    SYNC_FILE_RANGE_WRITE);
    append->started = written;
}

enum gm_status gm_append(struct gm_append *append, const struct gm_direct_file *file, uint64_t size,
                         struct gm_view data, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (append->ways.piece_bytes > 0) {
        append->direct.piece_bytes = append->ways.piece_bytes;
        status = write_held(append, file, err);
        if (status == GM_OK)
            status = gm_direct_append(&append->direct, file, size, data, err);
    } else {
        reserve(append, file->fd, size + data.n_bytes);
        status = can_hold(append)
                     ? append_units(append, file, size, data, err)
                     : gm_write_full(file->fd, data.data, data.n_bytes, file->name, err);
    }
    if (status == GM_OK && !append->direct.buffer)
        start_disk(append, file->fd, size + data.n_bytes - append->n_held);
    return status;
}

enum gm_status gm_append_flush(struct gm_append *append, const struct gm_direct_file *file,
                               struct gm_err *err)
{
    enum gm_status status = write_held(append, file, err);
    return status == GM_OK ? gm_direct_flush(&append->direct, file, err) : status;
}

void gm_append_restart(struct gm_append *append, uint64_t size)
{
    gm_direct_restart(&append->direct);
    append->n_held = 0;
    append->reserved = 0;
    append->started = size;
    append->refused = false;
}

void gm_append_free(struct gm_append *append)
{
    gm_direct_free(&append->direct);
    free(append->held);
    append->held = NULL;
    append->n_held = 0;
}
