/* Arenas, links and processes. Everything that is shared is mapped here, before the first fork;
 * a child gives up at once what is not its business: a worker can write to its own output blocks
 * and its own link, and to nothing else that others see. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "block.h"
#include "out.h"
#include "run/engine.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define STOP_WAIT_MS     2000
#define WORKER_OOM_SCORE 500

/* What a child needs to know before it becomes its role. */
struct start {
    struct gm_engine *engine;
    struct gm_link *link; /* its own */
    uint32_t own_arena;   /* UINT32_MAX: none */
    enum { SEES_NOTHING, SEES_INPUTS, SEES_ALL } sees;
    int (*main)(void *setup);
    void *setup;
};

static bool is_input(const struct gm_engine *engine, uint32_t arena)
{
    if (arena == GM_ARENA_FETCH)
        return true;
    const struct gm_slot *slot = &engine->slots[arena - 1];
    return engine->plan->routes[slot->route].kind == GM_ROUTE_SPLIT;
}

static enum gm_status give_up_the_rest(const struct start *start, struct gm_err *err)
{
    struct gm_engine *engine = start->engine;
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < engine->n_arenas && status == GM_OK; i++) {
        bool sees = start->sees == SEES_ALL || (start->sees == SEES_INPUTS && is_input(engine, i));
        if (i == start->own_arena)
            continue;
        if (sees)
            status = gm_shm_make_readonly(&engine->arenas[i]->shm, err);
        else
            gm_shm_drop(&engine->arenas[i]->shm);
    }
    for (uint32_t i = 0; i < engine->n_slots; i++)
        if (&engine->slots[i].link != start->link)
            gm_shm_drop(&engine->slots[i].link.shm);
    if (start->link != &engine->fetch_link)
        gm_shm_drop(&engine->fetch_link.shm);
    if (start->link != &engine->writer_link)
        gm_shm_drop(&engine->writer_link.shm);
    return status;
}

static int child_main(void *context)
{
    const struct start *start = context;
    struct gm_err err = {0};
    signal(SIGTERM, SIG_IGN); /* a service manager tells the whole group; the supervisor decides */
    sigprocmask(SIG_SETMASK, &start->engine->old_mask, NULL);
    if (give_up_the_rest(start, &err) != GM_OK)
        return gm_status_exit_code(err.status);
    return start->main(start->setup);
}

static enum gm_status watch(struct gm_engine *engine, int fd, enum gm_event_kind kind,
                            uint32_t index, struct gm_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | index};
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return gm_err_set(err, GM_SYSTEM, "unable to watch a descriptor");
    return GM_OK;
}

static enum gm_status start_child(struct gm_engine *engine, struct gm_child_spec *spec,
                                  struct start *start, uint32_t index, struct gm_child *child,
                                  struct gm_err *err)
{
    int keep[8] = {start->link->bell_down, start->link->bell_up, start->link->child_control_fd};
    GM_ASSERT(spec->n_keep_fds <= GM_ARRAY_LEN(keep) - 3);
    if (spec->n_keep_fds > 0)
        memcpy(keep + 3, spec->keep_fds, spec->n_keep_fds * sizeof keep[0]);
    spec->keep_fds = keep;
    spec->n_keep_fds += 3;
    spec->main = child_main;
    spec->context = start;
    enum gm_status status = gm_child_start(spec, child, err);
    gm_close(&start->link->child_control_fd);
    if (status == GM_OK)
        status = watch(engine, child->pidfd, GM_EVENT_DEATH, index, err);
    if (status == GM_OK)
        status = watch(engine, start->link->parent.control_fd, GM_EVENT_CONTROL, index, err);
    return status;
}

enum gm_status gm_spawn_slot(struct gm_engine *engine, struct gm_slot *slot, struct gm_err *err)
{
    struct start start = {.engine = engine,
                          .link = &slot->link,
                          .own_arena = slot->arena,
                          .sees = SEES_INPUTS,
                          .main = gm_worker_main,
                          .setup = &slot->setup};
    struct gm_child_spec spec = {.title = slot->title, .oom_score_adj = WORKER_OOM_SCORE};
    enum gm_status status = slot->link_used ? gm_link_renew(&slot->link, err) : GM_OK;
    slot->link_used = true;
    if (status == GM_OK)
        status = start_child(engine, &spec, &start, slot->index, &slot->child, err);
    if (status != GM_OK) {
        gm_err_add(err, "unable to start %s", slot->title);
        return status;
    }
    slot->state = GM_SLOT_UP;
    slot->seen_ms = gm_now_ms();
    return GM_OK;
}

static enum gm_status spawn_fetch(struct gm_engine *engine, struct gm_err *err)
{
    struct gm_feed_setup *setup = &engine->feed_setup;
    int keep[] = {setup->snapshot_fd, setup->spool_fd, setup->hold_fd};
    struct gm_child_spec spec = {.title = "fetch", .keep_fds = keep, .n_keep_fds = 3};
    struct start start = {.engine = engine,
                          .link = &engine->fetch_link,
                          .own_arena = GM_ARENA_FETCH,
                          .sees = SEES_NOTHING,
                          .main = gm_feed_main,
                          .setup = setup};
    return start_child(engine, &spec, &start, GM_EVENT_FETCH, &engine->fetch, err);
}

static enum gm_status spawn_writer(struct gm_engine *engine, struct gm_err *err)
{
    struct gm_writer_setup *setup = &engine->writer_setup;
    int keep[] = {setup->output.dir_fd, setup->spill_fd, setup->snapshot_fd};
    struct gm_child_spec spec = {.title = "write", .keep_fds = keep, .n_keep_fds = 2};
    spec.n_keep_fds += setup->snapshot_fd >= 0;
    struct start start = {.engine = engine,
                          .link = &engine->writer_link,
                          .own_arena = UINT32_MAX,
                          .sees = SEES_ALL,
                          .main = gm_writer_main,
                          .setup = setup};
    return start_child(engine, &spec, &start, GM_EVENT_WRITER, &engine->writer, err);
}

static enum gm_status make_arena(struct gm_engine *engine, uint32_t index, const char *name,
                                 struct gm_pool_size size, struct gm_err *err)
{
    size.large_bytes = engine->plan->memory.large;
    engine->arenas[index] = calloc(1, sizeof *engine->arenas[index]);
    if (!engine->arenas[index])
        return gm_err_set(err, GM_NOMEM, "no memory for an arena");
    return gm_pool_create(name, &size, &engine->large, engine->arenas[index], err);
}

static struct gm_pool_size small_blocks(const struct gm_memory_plan *memory,
                                        enum gm_route_kind kind)
{
    if (kind == GM_ROUTE_SPLIT)
        return (struct gm_pool_size){.n_small = memory->unpack_blocks,
                                     .small_bytes = GM_BLOCK_BYTES};
    return (struct gm_pool_size){.n_small = memory->worker_blocks,
                                 .small_bytes = GM_OUT_BLOCK_BYTES};
}

/* Blocks take their memory one after another: what is not there is told before anything is begun.
 */
static enum gm_status check_memory(const struct gm_plan *plan, struct gm_err *err)
{
    uint64_t n_bytes = (uint64_t)plan->memory.fetch_blocks * GM_BLOCK_BYTES;
    for (uint32_t r = 0; r < plan->n_routes; r++) {
        struct gm_pool_size size = small_blocks(&plan->memory, plan->routes[r].kind);
        n_bytes += (uint64_t)plan->routes[r].n_workers * size.n_small * size.small_bytes;
    }
    return gm_shm_check_available(n_bytes, err);
}

static enum gm_status make_slot(struct gm_engine *engine, uint32_t route, uint32_t number,
                                struct gm_err *err)
{
    uint32_t index = engine->n_slots++;
    struct gm_slot *slot = &engine->slots[index];
    const struct gm_plan_route *planned = &engine->plan->routes[route];
    const struct gm_memory_plan *memory = &engine->plan->memory;
    *slot = (struct gm_slot){.route = route, .index = index, .arena = index + 1};
    slot->child = (struct gm_child)GM_CHILD_INIT;
    snprintf(slot->title, sizeof slot->title, "%.12s.%u", planned->family, number);
    slot->setup = (struct gm_worker_setup){.plan = engine->plan,
                                           .route = route,
                                           .link = &slot->link,
                                           .arenas = engine->arenas,
                                           .n_arenas = engine->n_arenas,
                                           .own_arena = slot->arena};
    enum gm_status status =
        make_arena(engine, slot->arena, slot->title, small_blocks(memory, planned->kind), err);
    if (status == GM_OK)
        status = gm_link_open(slot->title, &slot->link, err);
    if (status == GM_OK)
        status = watch(engine, slot->link.bell_up, GM_EVENT_BELL, index, err);
    return status;
}

static enum gm_status make_shared(struct gm_engine *engine, struct gm_err *err)
{
    const struct gm_plan *plan = engine->plan;
    uint32_t n_slots = 0;
    for (uint32_t r = 0; r < plan->n_routes; r++)
        n_slots += plan->routes[r].n_workers;
    engine->n_arenas = n_slots + 1;
    engine->arenas = calloc(engine->n_arenas, sizeof *engine->arenas);
    engine->slots = calloc(n_slots, sizeof *engine->slots);
    if (!engine->arenas || !engine->slots)
        return gm_err_set(err, GM_NOMEM, "no memory for %u workers", n_slots);
    engine->large = (struct gm_large_budget){.limit_bytes = plan->memory.large,
                                             .reserve_bytes = plan->memory.max_block_bytes,
                                             .pools = engine->arenas,
                                             .n_pools = engine->n_arenas};
    const struct gm_pool_size size = {.n_small = plan->memory.fetch_blocks,
                                      .small_bytes = GM_BLOCK_BYTES};
    enum gm_status status = check_memory(plan, err);
    if (status == GM_OK)
        status = make_arena(engine, GM_ARENA_FETCH, "fetch", size, err);
    for (uint32_t r = 0; r < plan->n_routes && status == GM_OK; r++)
        for (uint32_t i = 0; i < plan->routes[r].n_workers && status == GM_OK; i++)
            status = make_slot(engine, r, i, err);
    if (status == GM_OK)
        status = gm_link_open("fetch", &engine->fetch_link, err);
    if (status == GM_OK)
        status = watch(engine, engine->fetch_link.bell_up, GM_EVENT_BELL, GM_EVENT_FETCH, err);
    if (status == GM_OK)
        status = gm_link_open("write", &engine->writer_link, err);
    if (status == GM_OK)
        status = watch(engine, engine->writer_link.bell_up, GM_EVENT_BELL, GM_EVENT_WRITER, err);
    return status;
}

enum gm_status gm_spawn_workers(struct gm_engine *engine, struct gm_err *err)
{
    enum gm_status status = make_shared(engine, err);
    for (uint32_t i = 0; i < engine->n_slots && status == GM_OK; i++)
        status = gm_spawn_slot(engine, &engine->slots[i], err);
    return status;
}

enum gm_status gm_spawn_keepers(struct gm_engine *engine, struct gm_err *err)
{
    engine->feed_setup.link = &engine->fetch_link;
    engine->feed_setup.arena = engine->arenas[GM_ARENA_FETCH];
    engine->writer_setup.link = &engine->writer_link;
    engine->writer_setup.arenas = engine->arenas;
    engine->writer_setup.n_arenas = engine->n_arenas;
    enum gm_status status = spawn_fetch(engine, err); /* its first answers take longest */
    return status == GM_OK ? spawn_writer(engine, err) : status;
}

static void reap(struct gm_engine *engine, struct gm_child *child, uint64_t deadline_ms)
{
    struct gm_obituary obituary = {0};
    if (child->pid == 0)
        return;
    uint64_t now = gm_now_ms();
    struct pollfd polled = {.fd = child->pidfd, .events = POLLIN};
    if (now < deadline_ms)
        poll(&polled, 1, (int)(deadline_ms - now));
    if (!gm_child_reap(child, &obituary))
        gm_child_kill(child, &obituary);
    engine->cpu_ns += obituary.cpu_ns;
}

static void reap_all(struct gm_engine *engine, uint64_t deadline_ms)
{
    for (uint32_t i = 0; i < engine->n_slots; i++)
        reap(engine, &engine->slots[i].child, deadline_ms);
    reap(engine, &engine->fetch, deadline_ms);
    reap(engine, &engine->writer, deadline_ms);
}

void gm_kill_all(struct gm_engine *engine)
{
    for (uint32_t i = 0; i < engine->n_slots; i++)
        gm_child_signal(&engine->slots[i].child, SIGKILL);
    gm_child_signal(&engine->fetch, SIGKILL);
    gm_child_signal(&engine->writer, SIGKILL);
    reap_all(engine, 0);
}

void gm_stop_all(struct gm_engine *engine)
{
    const struct gm_desc stop = {.kind = GM_DESC_STOP};
    struct gm_port *ports[] = {&engine->fetch_link.parent, &engine->writer_link.parent};
    for (uint32_t i = 0; i < engine->n_slots; i++) {
        gm_port_push(&engine->slots[i].link.parent, &stop, NULL);
        gm_port_publish(&engine->slots[i].link.parent);
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(ports); i++) {
        gm_port_push(ports[i], &stop, NULL);
        gm_port_publish(ports[i]);
    }
    reap_all(engine, gm_now_ms() + STOP_WAIT_MS);
}

void gm_engine_free_shared(struct gm_engine *engine)
{
    for (uint32_t i = 0; i < engine->n_slots; i++)
        gm_link_close(&engine->slots[i].link);
    gm_link_close(&engine->fetch_link);
    gm_link_close(&engine->writer_link);
    for (uint32_t i = 0; i < engine->n_arenas && engine->arenas; i++) {
        gm_pool_destroy(engine->arenas[i]);
        free(engine->arenas[i]);
    }
    free(engine->arenas);
    free(engine->slots);
    engine->arenas = NULL;
    engine->slots = NULL;
    engine->n_arenas = engine->n_slots = 0;
}
