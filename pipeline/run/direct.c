/* See direct.h. The flag is set around each piece only, so that the descriptor is an ordinary one
 * at all other times; its offset is of no account meanwhile. */
#include "run/direct.h"

#include "base/assert.h"
#include "base/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void gm_direct_restart(struct gm_direct *direct)
{
    direct->at = 0;
    direct->n_bytes = direct->n_flushed = 0;
}

void gm_direct_free(struct gm_direct *direct)
{
    free(direct->buffer);
    direct->buffer = NULL;
}

static enum gm_status write_at(const struct gm_direct_file *file, uint64_t at, const uint8_t *data,
                               size_t n_bytes, struct gm_err *err)
{
    if (lseek(file->fd, (off_t)at, SEEK_SET) != (off_t)at)
        return gm_err_sys(err, GM_IO, errno, "unable to write %s", file->name);
    return gm_write_full(file->fd, data, n_bytes, file->name, err);
}

/* The whole buffer, directly; false: not done, or not all of it. */
static bool write_directly(struct gm_direct *direct, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (direct->refused || flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) != 0) {
        direct->refused = true;
        return false;
    }
    ssize_t n = -1;
    if (lseek(fd, (off_t)direct->at, SEEK_SET) == (off_t)direct->at)
        n = write(fd, direct->buffer, direct->piece_bytes);
    if (n < 0)
        direct->refused = errno == EINVAL || errno == EOPNOTSUPP;
    return fcntl(fd, F_SETFL, flags) == 0 && n == (ssize_t)direct->piece_bytes;
}

static enum gm_status write_piece(struct gm_direct *direct, const struct gm_direct_file *file,
                                  struct gm_err *err)
{
    if (!write_directly(direct, file->fd)) {
        enum gm_status status =
            write_at(file, direct->at, direct->buffer, direct->piece_bytes, err);
        if (status != GM_OK)
            return status;
    }
    direct->at += direct->piece_bytes;
    direct->n_bytes = direct->n_flushed = 0;
    return GM_OK;
}

/* Gets the buffer, for the file from the next unit on, which n_plain bytes lead to. */
static bool begin(struct gm_direct *direct, uint64_t size, size_t n_bytes, size_t *n_plain)
{
    *n_plain = -size % GM_DIRECT_UNIT;
    if (direct->refused || n_bytes < *n_plain)
        return false;
    direct->buffer = aligned_alloc(GM_DIRECT_UNIT, direct->piece_bytes);
    direct->refused = !direct->buffer;
    direct->at = size + *n_plain;
    return direct->buffer != NULL;
}

enum gm_status gm_direct_append(struct gm_direct *direct, const struct gm_direct_file *file,
                                uint64_t size, struct gm_view data, struct gm_err *err)
{
    size_t done = 0;
    enum gm_status status = GM_OK;
    GM_ASSERT(direct->piece_bytes > 0 && direct->piece_bytes % GM_DIRECT_UNIT == 0);
    if (!direct->buffer) {
        bool begun = begin(direct, size, data.n_bytes, &done);
        if (!begun)
            done = data.n_bytes;
        status = gm_write_full(file->fd, data.data, done, file->name, err);
    }
    while (status == GM_OK && done < data.n_bytes) {
        size_t n = direct->piece_bytes - direct->n_bytes;
        if (n > data.n_bytes - done)
            n = data.n_bytes - done;
        memcpy(direct->buffer + direct->n_bytes, data.data + done, n);
        direct->n_bytes += n;
        done += n;
        if (direct->n_bytes == direct->piece_bytes)
            status = write_piece(direct, file, err);
    }
    return status;
}

enum gm_status gm_direct_flush(struct gm_direct *direct, const struct gm_direct_file *file,
                               struct gm_err *err)
{
    size_t n_flushed = direct->n_flushed;
    if (direct->n_bytes == n_flushed)
        return GM_OK;
    enum gm_status status = write_at(file, direct->at + n_flushed, direct->buffer + n_flushed,
                                     direct->n_bytes - n_flushed, err);
    if (status == GM_OK)
        direct->n_flushed = direct->n_bytes;
    return status;
}
