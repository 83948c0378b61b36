/* Lines of a file, plain or zstd-compressed (told by its first bytes), one at a time. Memory is
 * bounded by the longest line and GM_SHARD_MAX_BYTES. A file that breaks off in the middle, because
 * a run is still writing it, ends at its last whole line. */
#ifndef GM_CLI_SHARD_H
#define GM_CLI_SHARD_H

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>

#define GM_SHARD_MAX_BYTES (256u << 20)

struct gm_shard; /* opaque */

enum gm_status gm_shard_open(struct gm_shard **shard, int dir_fd, const char *path,
                             struct gm_err *err);
void gm_shard_close(struct gm_shard *shard); /* NULL allowed */
/* The next line without its newline; lives until the next call. GM_END after the last. */
enum gm_status gm_shard_next(struct gm_shard *shard, const char **line, size_t *n_bytes,
                             struct gm_err *err);

#endif
