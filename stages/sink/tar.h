/* A small deterministic tar writer: POSIX ustar members, regular files only, with a PAX header in
 * front where a name does not fit. Every field that could differ from run to run is fixed: mode
 * 0444, owner 0, time 0. What it writes are whole members, so that runs of members may be
 * concatenated; gm_tar_end closes an archive. */
#ifndef GM_SINK_TAR_H
#define GM_SINK_TAR_H

#include "base/buf.h"
#include <stddef.h>

#define GM_TAR_END_BYTES 1024
extern const unsigned char gm_tar_end[GM_TAR_END_BYTES];

/* Appends one member. The name is a relative path without NUL, any bytes, any length; sizes up to
 * 8 GB. A failed allocation shows in buf->failed. */
void gm_tar_put(struct gm_buf *buf, const char *name, size_t name_bytes, const void *data,
                size_t n_bytes);

#endif
