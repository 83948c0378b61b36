/* Files: the only place that handles EINTR, short reads and short writes, and the only place that
 * knows how to make a file durable. Every descriptor is opened O_CLOEXEC. Paths in messages are
 * given as the caller wrote them. Any process. */
#ifndef GM_BASE_FS_H
#define GM_BASE_FS_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

/* dir_fd may be AT_FDCWD in each. On success *fd is >= 0 and the caller closes it. */
enum gm_status gm_open_at(int dir_fd, const char *path, int flags, int *fd, struct gm_err *err);
void gm_close(int *fd); /* NULL or -1 allowed; sets -1 */

/* Reads until n_bytes or end of file; *n_read tells. */
enum gm_status gm_read_full(int fd, void *data, size_t n_bytes, size_t *n_read, struct gm_err *err);
enum gm_status gm_pread_full(int fd, void *data, size_t n_bytes, uint64_t offset, size_t *n_read,
                             struct gm_err *err);
/* Writes everything or fails. name is for the message. */
enum gm_status gm_write_full(int fd, const void *data, size_t n_bytes, const char *name,
                             struct gm_err *err);
/* Appends the whole file to buf; GM_LIMIT if it is larger than max_bytes. */
enum gm_status gm_read_file(int dir_fd, const char *path, size_t max_bytes, struct gm_buf *buf,
                            struct gm_err *err);

/* fdatasync / fsync. A failure is final: the caller must stop, never retry (the kernel may have
 * dropped the pages). */
enum gm_status gm_sync_data(int fd, const char *name, struct gm_err *err);
enum gm_status gm_sync_dir(int dir_fd, const char *path, struct gm_err *err);

/* Temporary file beside it + fsync + rename + fsync of the folder: old or new, never half. */
enum gm_status gm_write_file_durable(int dir_fd, const char *path, const void *data, size_t n_bytes,
                                     struct gm_err *err);
/* mkdir -p below dir_fd; "" and "." are no-ops. */
enum gm_status gm_make_dirs(int dir_fd, const char *path, struct gm_err *err);
/* Removes a folder's tree or a file; a missing one is fine. Never follows symbolic links. */
enum gm_status gm_remove_tree(int dir_fd, const char *path, struct gm_err *err);

/* flock(LOCK_EX|LOCK_NB) on a file that is created if missing. GM_BUSY if somebody holds it. The
 * lock lives as long as *fd and dies with the process. */
enum gm_status gm_lock_file(int dir_fd, const char *path, int *fd, struct gm_err *err);

#endif
