/* A worker process: takes leases from its ring, works on them in private memory, hands back output
 * blocks. What it does with a lease is the route's kind:
 *
 *   chain.c  GM_ROUTE_CHAIN: rows through the stages, then into the sinks' encoders
 *   emit.c   GM_ROUTE_SPLIT: one container into many input blocks for other routes
 *
 * Everything here runs in the child. */
#ifndef GM_RUN_WORKER_H
#define GM_RUN_WORKER_H

#include "base/err.h"
#include "ipc/sandbox.h"
#include "run/link.h"
#include "run/plan.h"
#include "run/pool.h"
#include <stdint.h>

#define GM_WORKER_PENDING 16

/* What a worker inherits; lives in the supervisor's memory at the time of the fork. */
struct gm_worker_setup {
    const struct gm_plan *plan;
    uint32_t route;
    struct gm_link *link;
    struct gm_pool **arenas; /* all of the run, by arena index */
    uint32_t n_arenas;
    uint32_t own_arena;
};

struct gm_worker {
    const struct gm_plan *plan;
    const struct gm_plan_route *route;
    const struct gm_worker_setup *setup;
    struct gm_port port;
    struct gm_desc pending[GM_WORKER_PENDING]; /* leases that came while waiting for a grant */
    uint32_t n_pending;
    struct gm_span ahead; /* granted before it is needed; n_bytes 0: none */
    bool asked_ahead;     /* ... and not yet granted */
    void *context;        /* struct gm_chain or struct gm_emit */
    enum gm_sandbox_state sandbox;
};

/* main of a worker process, for gm_child_spec; context is a struct gm_worker_setup. */
int gm_worker_main(void *setup);

/* Start of a block, bounds-checked: GM_INTERNAL for what is outside the arena. */
enum gm_status gm_worker_block(const struct gm_worker *worker, uint32_t arena, uint32_t page,
                               uint32_t n_bytes, uint8_t **data, struct gm_err *err);
/* worker_blocks.c */

/* Takes care of a message that nobody waits for now. */
void gm_worker_keep(struct gm_worker *worker, const struct gm_desc *desc);
/* Asks for an output block and waits for it; leases that come meanwhile are kept. */
enum gm_status gm_worker_need(struct gm_worker *worker, uint64_t lease, uint32_t n_bytes,
                              struct gm_span *span, struct gm_err *err);
/* The same for what a container emits, but without waiting if it can be helped: a second block is
 * asked for ahead. It stays with the worker until it is used. */
enum gm_status gm_worker_next_block(struct gm_worker *worker, uint64_t lease, uint32_t n_bytes,
                                    struct gm_span *span, struct gm_err *err);

/* Says what is being worked on; index is 0-based, GM_WORKER_NOTHING between records. */
#define GM_WORKER_NOTHING UINT64_MAX
void gm_worker_publish(struct gm_worker *worker, uint64_t index);

/* Once, by open below: first of all where hostile data is at hand already (what a stage has
 * prepared), last where libraries need files of the system to open (character sets). */
enum gm_status gm_worker_enter_sandbox(struct gm_worker *worker, struct gm_err *err);

/* chain.c and emit.c */
enum gm_status gm_chain_open(struct gm_worker *worker, struct gm_err *err);
enum gm_status gm_chain_lease(struct gm_worker *worker, const struct gm_desc *lease,
                              struct gm_err *err);
void gm_chain_close(struct gm_worker *worker);
enum gm_status gm_splitter_open(struct gm_worker *worker, struct gm_err *err);
enum gm_status gm_splitter_lease(struct gm_worker *worker, const struct gm_desc *lease,
                                 struct gm_err *err);
void gm_splitter_close(struct gm_worker *worker);

#endif
