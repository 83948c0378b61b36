/* A splitter that does what the first byte of its container says: many small members, one that
 * grows, all kinds of media, losses, crashes. For the tests of emit.c; runs in a worker. */
#ifndef GM_TESTS_FAKE_SPLITTER_H
#define GM_TESTS_FAKE_SPLITTER_H

#include "split.h"

#define FAKE_GIANT_BYTES 2900000u

extern uint8_t fake_giant[4u << 20]; /* the body of large members; the test fills it */

/* For struct gm_splitter.split. */
enum gm_status fake_split(void *ctx, const struct gm_container *container, struct gm_emit *emit,
                          struct gm_err *err);

#endif
