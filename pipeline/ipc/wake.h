/* Bells: an eventfd each. A ring is kept by the kernel until it is heard, so none is lost. Any
 * process; never blocks except gm_wake_wait. */
#ifndef GM_IPC_WAKE_H
#define GM_IPC_WAKE_H

#include <stdbool.h>

#include "base/err.h"

enum gm_status gm_wake_open(int *fd, struct gm_err *err); /* non-blocking, close-on-exec */
void gm_wake_ring(int fd);
void gm_wake_drain(int fd);
/* Blocks until rung, another descriptor (extra_fd, or -1) is readable or hung up, or timeout_ms
 * passed (-1: no limit). Returns true if the bell rang (drained). *extra_ready (may be NULL) tells
 * about extra_fd.
 */
bool gm_wake_wait(int fd, int extra_fd, int timeout_ms, bool *extra_ready);

#endif
