/* Units to workers. Oldest first over all chain routes, containers after them, so that what is
 * already unpacked is finished before more is unpacked.
 *
 * Depth: a worker gets several leases ahead if its blocks are quick (so that it never sleeps
 * between two) and only one if they are slow (so that the last blocks spread over all workers).
 * CPU tokens: at most n_cpus workers hold leases at once, whatever the number of processes. */
#include "base/assert.h"
#include "base/clock.h"
#include "block.h"
#include "run/engine.h"

#include <string.h>

#define AHEAD_NS     4e6 /* work that should lie in front of a worker */
#define PLENTY_UNITS 8u  /* ready for each worker: then no large block is filled ahead of them */

struct gm_unit *gm_slot_unit(const struct gm_slot *slot, uint64_t lease)
{
    for (uint32_t i = 0; i < slot->n_leases; i++)
        if (slot->leases[i]->lease == lease)
            return slot->leases[i];
    return NULL;
}

void gm_slot_forget(struct gm_slot *slot, struct gm_unit *unit)
{
    for (uint32_t i = 0; i < slot->n_leases; i++)
        if (slot->leases[i] == unit) {
            memmove(&slot->leases[i], &slot->leases[i + 1],
                    (slot->n_leases - i - 1) * sizeof slot->leases[0]);
            slot->n_leases--;
            unit->lease = 0;
            unit->slot = NULL;
            return;
        }
    GM_UNREACHABLE();
}

static bool is_busy(const struct gm_slot *slot)
{
    return slot->n_leases > 0 && !slot->needs;
}

uint32_t gm_busy_slots(const struct gm_engine *engine)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < engine->n_slots; i++)
        n += is_busy(&engine->slots[i]);
    return n;
}

static uint32_t depth_of(const struct gm_slot *slot)
{
    if (slot->block_ns <= 0)
        return 2;
    double depth = 1 + AHEAD_NS / slot->block_ns;
    return depth >= GM_MAX_LEASES ? GM_MAX_LEASES : (uint32_t)depth;
}

static bool can_take(const struct gm_engine *engine, const struct gm_slot *slot,
                     const struct gm_unit *unit, uint32_t n_busy)
{
    bool chain = engine->plan->routes[slot->route].kind == GM_ROUTE_CHAIN;
    if (slot->state != GM_SLOT_UP || slot->broken || slot->retiring ||
        (int)slot->route != unit->route)
        return false;
    /* One free block is enough to go on, also for a container: what it emits is the oldest, passes
     * the gate and gives its block back. None could be for ever, if all wait for that gate. A
     * splitter may have one at hand. */
    if (slot->n_leases == 0)
        return n_busy < engine->plan->n_cpus &&
               (engine->arenas[slot->arena]->n_free > 0 || slot->n_granted > 0);
    return chain && !unit->probe && !slot->leases[0]->probe && !slot->needs &&
           slot->n_leases < depth_of(slot) && engine->arenas[slot->arena]->n_free > 0;
}

static struct gm_slot *choose_slot(struct gm_engine *engine, const struct gm_unit *unit)
{
    struct gm_slot *best = NULL;
    uint32_t n_busy = gm_busy_slots(engine);
    for (uint32_t i = 0; i < engine->n_slots; i++) {
        struct gm_slot *slot = &engine->slots[i];
        if (can_take(engine, slot, unit, n_busy) && (!best || slot->n_leases < best->n_leases))
            best = slot;
    }
    return best;
}

static unsigned lease_flags(const struct gm_engine *engine, const struct gm_unit *unit)
{
    unsigned flags = 0;
    if (unit->probe && !unit->container)
        flags |= GM_DESC_PROBE;
    if (engine->plan->routes[unit->route].gate_stage >= 0)
        flags |= unit->gated ? GM_DESC_HOP2 : GM_DESC_HOP1;
    if (unit->container && unit->fd >= 0)
        flags |= GM_DESC_FD;
    if (unit->wants_heap)
        flags |= GM_DESC_HEAP;
    return flags;
}

/* A ring that its worker has spoiled is the worker's end and not ours: what it held comes back with
 * its death. */
static enum gm_status push(struct gm_slot *slot, const struct gm_desc *desc, struct gm_err *err)
{
    enum gm_status status = gm_port_push(&slot->link.parent, desc, err);
    return status == GM_INTERNAL ? gm_slot_corrupt(slot, "a broken ring") : status;
}

/* Output block and a fresh lease id. */
static enum gm_status bind_lease(struct gm_engine *engine, struct gm_slot *slot,
                                 struct gm_unit *unit, struct gm_err *err)
{
    if (!unit->container) {
        struct gm_span span;
        enum gm_status status =
            gm_pool_take(engine->arenas[slot->arena], 1, GM_POOL_OUTPUT, &span, err);
        GM_ASSERT(status != GM_AGAIN); /* can_take looked */
        if (status != GM_OK)
            return status;
        unit->out = (struct gm_block_ref){slot->arena, span.page, span.n_bytes, true};
        unit->out_shared = false;
    }
    unit->lease = ++engine->next_lease;
    unit->slot = slot;
    unit->state = GM_UNIT_LEASED;
    unit->leased_ns = gm_now_ns();
    slot->leases[slot->n_leases++] = unit;
    return GM_OK;
}

static enum gm_status lease(struct gm_engine *engine, struct gm_slot *slot, struct gm_unit *unit,
                            struct gm_err *err)
{
    enum gm_status status = bind_lease(engine, slot, unit, err);
    if (status == GM_OK && unit->container && unit->fd >= 0)
        status = gm_control_send(slot->link.parent.control_fd, GM_CONTROL_FD, unit->lease, NULL, 0,
                                 unit->fd, GM_CONTROL_NOWAIT, err);
    if (status != GM_OK)
        return status == GM_END ? GM_OK : status; /* dead: the lease comes back with its death */
    struct gm_desc desc = {.kind = GM_DESC_LEASE,
                           .flags = (uint16_t)lease_flags(engine, unit),
                           .value = unit->n_emitted,
                           .lease = unit->lease,
                           .task = unit->task,
                           .segment = unit->segment,
                           .sub = unit->sub,
                           .in_arena = unit->in.arena,
                           .in_page = unit->in.page,
                           .in_bytes = unit->in.n_bytes,
                           .out_page = unit->out.page,
                           .out_bytes = unit->container ? 0 : unit->out.n_bytes,
                           .row_first =
                               unit->container ? unit->lost_block : (uint32_t)unit->suspect,
                           .row_count = unit->stop_at};
    return push(slot, &desc, err);
}

enum gm_status gm_requeue(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    gm_units_release_out(engine, unit);
    unit->state = GM_UNIT_READY;
    return gm_heap_push(&engine->ready[unit->route], unit, err);
}

static const struct gm_unit *oldest_of_chains(const struct gm_engine *engine)
{
    const struct gm_unit *oldest = NULL;
    for (uint32_t r = 0; r < engine->plan->n_routes; r++) {
        const struct gm_unit *unit = gm_heap_peek(&engine->ready[r]);
        if (engine->plan->routes[r].kind != GM_ROUTE_CHAIN || !unit)
            continue;
        struct gm_cursor at = {unit->task, unit->segment, unit->sub};
        if (!oldest || gm_cursor_compare(oldest->task, oldest->segment, oldest->sub, &at) > 0)
            oldest = unit;
    }
    return oldest;
}

/* A record that needs more memory than its worker's share borrows the shares of all: while it is in
 * work no other chain is, and when it is the next the others are let run empty. */
static bool chains_may_start(const struct gm_engine *engine)
{
    bool busy = false;
    for (uint32_t i = 0; i < engine->n_slots; i++) {
        const struct gm_slot *slot = &engine->slots[i];
        if (engine->plan->routes[slot->route].kind != GM_ROUTE_CHAIN)
            continue;
        if (slot->retiring || (slot->n_leases > 0 && slot->leases[0]->wants_heap))
            return false;
        busy |= slot->n_leases > 0;
    }
    const struct gm_unit *oldest = oldest_of_chains(engine);
    return !busy || !oldest || !oldest->wants_heap;
}

/* The oldest ready unit over all routes of that kind that can be leased now, and to whom. */
static struct gm_slot *choose(struct gm_engine *engine, enum gm_route_kind kind,
                              struct gm_unit **unit)
{
    struct gm_slot *best = NULL;
    if (kind == GM_ROUTE_CHAIN && !chains_may_start(engine))
        return NULL;
    for (uint32_t r = 0; r < engine->plan->n_routes; r++) {
        struct gm_unit *candidate = gm_heap_peek(&engine->ready[r]);
        if (engine->plan->routes[r].kind != kind || !candidate)
            continue;
        struct gm_cursor at = {candidate->task, candidate->segment, candidate->sub};
        if (best && gm_cursor_compare((*unit)->task, (*unit)->segment, (*unit)->sub, &at) < 0)
            continue;
        struct gm_slot *slot = choose_slot(engine, candidate);
        if (slot && candidate->wants_heap && candidate != oldest_of_chains(engine))
            continue;
        if (slot) {
            best = slot;
            *unit = candidate;
        }
    }
    return best;
}

static enum gm_status lease_all(struct gm_engine *engine, struct gm_err *err)
{
    static const enum gm_route_kind kinds[] = {GM_ROUTE_CHAIN, GM_ROUTE_SPLIT};
    for (size_t k = 0; k < GM_ARRAY_LEN(kinds); k++) {
        struct gm_unit *unit = NULL;
        struct gm_slot *slot;
        while ((slot = choose(engine, kinds[k], &unit))) {
            gm_heap_pop(&engine->ready[slot->route]);
            enum gm_status status = lease(engine, slot, unit, err);
            if (status != GM_OK)
                return status;
        }
    }
    return GM_OK;
}

/* A worker that waits for a block: output of a chain, or the next block of a container. */
static enum gm_status grant(struct gm_engine *engine, struct gm_slot *slot, struct gm_err *err)
{
    struct gm_span span;
    struct gm_unit *unit = gm_slot_unit(slot, slot->need_lease);
    bool container = unit && unit->container;
    enum gm_status status = gm_pool_take(engine->arenas[slot->arena], slot->need_bytes,
                                         container ? GM_POOL_INPUT : GM_POOL_OUTPUT, &span, err);
    if (status != GM_OK)
        return status;
    slot->needs = false;
    if (container) {
        GM_ASSERT(slot->n_granted < GM_MAX_GRANTED);
        slot->granted[slot->n_granted++] = span.page;
    } else if (unit) {
        gm_units_release_out(engine, unit);
        unit->out = (struct gm_block_ref){slot->arena, span.page, span.n_bytes, true};
    }
    slot->seen_ms = gm_now_ms();
    struct gm_desc desc = {.kind = GM_DESC_GRANT,
                           .lease = slot->need_lease,
                           .out_page = span.page,
                           .out_bytes = span.n_bytes};
    return push(slot, &desc, err);
}

/* A block that a container will need, if there is another one for somebody who waits. */
static enum gm_status grant_ahead(struct gm_engine *engine, struct gm_slot *slot,
                                  struct gm_err *err)
{
    struct gm_pool *pool = engine->arenas[slot->arena];
    struct gm_span span;
    if (pool->n_free < 2 || slot->n_granted == GM_MAX_GRANTED)
        return GM_OK;
    enum gm_status status = gm_pool_take(pool, GM_BLOCK_BYTES, GM_POOL_INPUT, &span, err);
    if (status != GM_OK)
        return status;
    slot->wants_ahead = false;
    slot->granted[slot->n_granted++] = span.page;
    struct gm_desc desc = {.kind = GM_DESC_GRANT,
                           .flags = GM_DESC_AHEAD,
                           .out_page = span.page,
                           .out_bytes = span.n_bytes};
    return push(slot, &desc, err);
}

static enum gm_status grant_fetch(struct gm_engine *engine, uint32_t n_bytes, struct gm_err *err)
{
    struct gm_span span;
    if (engine->n_fetch_granted == GM_ARRAY_LEN(engine->fetch_granted))
        return GM_AGAIN;
    enum gm_status status =
        gm_pool_take(engine->arenas[GM_ARENA_FETCH], n_bytes, GM_POOL_INPUT, &span, err);
    if (status != GM_OK)
        return status;
    engine->fetch_granted[engine->n_fetch_granted++] = span.page;
    struct gm_desc desc = {.kind = GM_DESC_GRANT, .out_page = span.page, .out_bytes = span.n_bytes};
    return gm_port_push(&engine->fetch_link.parent, &desc, err);
}

static enum gm_status grant_workers(struct gm_engine *engine, struct gm_err *err)
{
    for (uint32_t i = 0; i < engine->n_slots; i++) {
        struct gm_slot *slot = &engine->slots[i];
        enum gm_status status = GM_OK;
        if (slot->state != GM_SLOT_UP)
            continue;
        if (slot->needs)
            status = grant(engine, slot, err);
        else if (slot->wants_ahead)
            status = grant_ahead(engine, slot, err);
        if (status != GM_OK && status != GM_AGAIN)
            return status;
    }
    return GM_OK;
}

/* Work for a while is waiting already. What fetch sends is younger than all of it, so nothing waits
 * for that. Memory that is not taken need not be zeroed, nor given back at the end of the run. */
static bool has_plenty(const struct gm_engine *engine)
{
    uint32_t n_ready = 0, n_workers = 0;
    for (uint32_t r = 0; r < engine->plan->n_routes; r++)
        if (engine->plan->routes[r].kind == GM_ROUTE_CHAIN) {
            n_ready += engine->ready[r].n_units;
            n_workers += engine->plan->routes[r].n_workers;
        }
    return n_ready > n_workers * PLENTY_UNITS;
}

static enum gm_status grant_all(struct gm_engine *engine, struct gm_err *err)
{
    enum gm_status status = grant_workers(engine, err);
    while (status == GM_OK && engine->fetch_needs_small > 0) {
        status = grant_fetch(engine, GM_BLOCK_BYTES, err);
        engine->fetch_needs_small -= status == GM_OK;
    }
    if (engine->fetch_needs_large > 0 && !has_plenty(engine) &&
        (status == GM_OK || status == GM_AGAIN)) {
        status = grant_fetch(engine, engine->fetch_needs_large, err);
        if (status == GM_OK)
            engine->fetch_needs_large = 0;
    }
    return status == GM_AGAIN ? GM_OK : status;
}

/* Tells fetch how far its window may reach and which spool files are no longer needed. */
static enum gm_status send_head(struct gm_engine *engine, struct gm_err *err)
{
    if (engine->fetch_ended || (engine->committed.task == engine->head_sent &&
                                engine->durable_task == engine->durable_sent))
        return GM_OK;
    struct gm_desc desc = {
        .kind = GM_DESC_HEAD, .task = engine->committed.task, .lease = engine->durable_task};
    enum gm_status status = gm_port_push(&engine->fetch_link.parent, &desc, err);
    if (status == GM_OK) {
        engine->head_sent = engine->committed.task;
        engine->durable_sent = engine->durable_task;
    }
    return status == GM_AGAIN ? GM_OK : status;
}

enum gm_status gm_dispatch(struct gm_engine *engine, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (engine->phase == GM_ENGINE_RUNNING) {
        status = lease_all(engine, err);
        if (status == GM_OK)
            status = grant_all(engine, err);
        if (status == GM_OK)
            status = send_head(engine, err);
    }
    for (uint32_t i = 0; i < engine->n_slots; i++)
        if (engine->slots[i].state == GM_SLOT_UP)
            gm_port_publish(&engine->slots[i].link.parent);
    gm_port_publish(&engine->fetch_link.parent);
    gm_port_publish(&engine->writer_link.parent);
    return status;
}
