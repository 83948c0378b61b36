/* A part of the engine in a process of its own, and a test that plays its supervisor: it hears what
 * the child says in its ring, gives it blocks from real pools, and sees how it ends. Everything
 * that waits has a deadline; a child that hangs is killed and fails the test. */
#ifndef GM_TEST_FAKE_SUPERVISOR_H
#define GM_TEST_FAKE_SUPERVISOR_H

#include "ipc/child.h"
#include "run/link.h"
#include "run/plan.h"
#include "run/pool.h"

enum { ROUTE_TEXT, ROUTE_UNPACK, ROUTE_IMAGE, N_FAKE_ROUTES };
enum { ARENA_FETCH, ARENA_OWN, N_FAKE_ARENAS };

/* A plan by hand: text and JSON lines to ROUTE_TEXT, PNG to ROUTE_IMAGE, archives to ROUTE_UNPACK;
 * no stages, no sinks, no sandbox. Free with free(). */
struct gm_plan *fake_plan(void);

struct fake_supervisor {
    struct gm_plan *plan; /* owned; may be changed before the start */
    struct gm_large_budget budget;
    struct gm_pool pools[N_FAKE_ARENAS];
    struct gm_pool *arenas[N_FAKE_ARENAS];
    struct gm_link link;
    struct gm_child child;
};

/* large_bytes: budget for blocks above 256 KB. */
void fake_supervisor_open(struct fake_supervisor *fake, uint32_t n_small, uint64_t large_bytes);
void fake_supervisor_close(struct fake_supervisor *fake);
/* main(context) in a child that keeps these descriptors and the link's. */
void fake_supervisor_start(struct fake_supervisor *fake, int (*main)(void *), void *context,
                           const int *keep_fds, unsigned n_keep_fds);
/* The child's next message; false: it has ended and all that it said was heard. */
bool fake_supervisor_hear(struct fake_supervisor *fake, struct gm_desc *desc);
void fake_supervisor_say(struct fake_supervisor *fake, const struct gm_desc *desc);
/* Takes a block of the arena and grants it; false: none is free. */
bool fake_supervisor_grant(struct fake_supervisor *fake, uint32_t arena, uint32_t n_bytes,
                           uint64_t lease);
/* The descriptor that was sent under key, or -1. */
int fake_supervisor_take_fd(struct fake_supervisor *fake, uint64_t key);
/* Waits for the child's end. */
struct gm_obituary fake_supervisor_wait(struct fake_supervisor *fake);

#endif
