/* The supervisor's loop. Sleep until a bell rings, a child dies or speaks, a signal comes or the
 * tick is due; then take every message, move what can be moved, and sleep again. Nothing here
 * blocks, and no state changes anywhere else. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "ipc/stop.h"
#include "ipc/wake.h"
#include "run/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_MS          100
#define TIGHT_TICK_MS    10
#define STALL_MS         20 /* the head has not moved for so long: what waits behind it is spilled */
#define RESTART_DRAIN_MS 3000
#define SAMPLE_MS        500
#define MAX_EVENTS       64

static enum gm_status open_signals(struct gm_engine *engine, struct gm_err *err)
{
    sigset_t mask;
    gm_stop_signals(&mask);
    sigprocmask(SIG_BLOCK, &mask, &engine->old_mask);
    engine->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)GM_EVENT_SIGNAL << 32};
    if (engine->signal_fd < 0 || engine->epoll_fd < 0 ||
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->signal_fd, &event) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to wait for signals");
    return GM_OK;
}

static void close_signals(struct gm_engine *engine)
{
    gm_close(&engine->signal_fd);
    gm_close(&engine->epoll_fd);
    /* After a drain the end is near: a second signal must not change the exit code. */
    if (engine->drain_deadline_ms == 0)
        sigprocmask(SIG_SETMASK, &engine->old_mask, NULL);
}

static enum gm_status on_signal(struct gm_engine *engine, struct gm_err *err)
{
    struct signalfd_siginfo info;
    const struct gm_desc stop = {.kind = GM_DESC_STOP};
    while (read(engine->signal_fd, &info, sizeof info) == sizeof info) {
        if (engine->phase == GM_ENGINE_RUNNING || engine->restart) {
            engine->restart = false;
            gm_log(GM_LOG_WARN, "stopping: what is under way is finished; again to stop at once");
            engine->phase = GM_ENGINE_DRAINING;
            engine->drain_deadline_ms = gm_now_ms() + engine->plan->job.drain_deadline_ms;
            gm_port_push(&engine->fetch_link.parent, &stop, NULL);
            gm_port_publish(&engine->fetch_link.parent);
        } else {
            return gm_err_set(err, GM_STOPPED, "stopped at once; run again to resume");
        }
    }
    return GM_OK;
}

/* fetch and writer hold state that others depend on: their death takes everything down, and the
 * run goes on from the journal. */
static enum gm_status on_keeper_death(struct gm_engine *engine, struct gm_child *child,
                                      const char *title, struct gm_err *err)
{
    struct gm_obituary obituary;
    if (!gm_child_reap(child, &obituary))
        return GM_OK;
    engine->cpu_ns += obituary.cpu_ns;
    bool fetch = child == &engine->fetch;
    bool needed = fetch ? !engine->fetch_ended && engine->phase == GM_ENGINE_RUNNING
                        : engine->phase != GM_ENGINE_OVER;
    if (!needed || engine->failed)
        return GM_OK;
    engine->n_deaths++;
    engine->restart = true;
    engine->restart_external = obituary.death == GM_DEATH_EXTERNAL;
    gm_log(GM_LOG_WARN, "%s %s; going on from the journal", title, obituary.text);
    if (!fetch)
        return gm_err_set(err, GM_AGAIN, "%s %s", title, obituary.text);
    engine->phase = GM_ENGINE_DRAINING; /* what has been fetched is not thrown away */
    engine->drain_deadline_ms = gm_now_ms() + RESTART_DRAIN_MS;
    return GM_OK;
}

static enum gm_status on_event(struct gm_engine *engine, uint64_t data, struct gm_err *err)
{
    uint32_t index = (uint32_t)data;
    struct gm_slot *slot = index < engine->n_slots ? &engine->slots[index] : NULL;
    bool fetch = index == GM_EVENT_FETCH;
    struct gm_link *link = slot ? &slot->link : fetch ? &engine->fetch_link : &engine->writer_link;
    const char *title = slot ? slot->title : fetch ? "fetch" : "write";
    switch ((enum gm_event_kind)(data >> 32)) {
    case GM_EVENT_SIGNAL:
        return on_signal(engine, err);
    case GM_EVENT_BELL:
        gm_wake_drain(link->bell_up);
        return GM_OK;
    case GM_EVENT_CONTROL:
        /* A closed channel stays readable for ever: watched on, it would keep us from sleeping. */
        if (!gm_take_control(engine, &link->parent, title))
            epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, link->parent.control_fd, NULL);
        return GM_OK;
    case GM_EVENT_DEATH:
        break;
    }
    bool any;
    gm_take_control(engine, &link->parent, title);
    enum gm_status status = gm_take_messages(engine, &any, err); /* published before it died */
    if (status != GM_OK || engine->failed)
        return status;
    if (slot)
        return gm_slot_died(engine, slot, err);
    return on_keeper_death(engine, fetch ? &engine->fetch : &engine->writer, title, err);
}

static void sample_memory(struct gm_engine *engine)
{
    uint64_t bytes = gm_process_private_bytes(getpid());
    for (uint32_t i = 0; i < engine->n_slots; i++)
        bytes += gm_process_private_bytes(engine->slots[i].child.pid);
    bytes += gm_process_private_bytes(engine->fetch.pid);
    bytes += gm_process_private_bytes(engine->writer.pid);
    if (engine->index_pid > 0)
        bytes += gm_process_private_bytes(engine->index_pid);
    for (uint32_t i = 0; i < engine->n_arenas; i++)
        bytes += gm_shm_resident_bytes(&engine->arenas[i]->shm);
    bytes += (uint64_t)(engine->n_slots + 2) * sizeof(struct gm_link_shared);
    engine->shown.memory_bytes = bytes;
    if (bytes > engine->peak_memory_bytes)
        engine->peak_memory_bytes = bytes;
}

/* Where the work piles up. */
static const char *bottleneck(const struct gm_engine *engine)
{
    if (engine->n_writing > GM_RING_SLOTS / 4)
        return "write";
    for (uint32_t r = 0; r < engine->plan->n_routes; r++)
        if (engine->ready[r].n_units > 0)
            return engine->plan->routes[r].family;
    return "fetch";
}

static void show_progress(struct gm_engine *engine)
{
    static const char *const phases[] = {"running", "draining", "finishing", "finishing"};
    struct gm_progress_state *shown = &engine->shown;
    const struct gm_link_shared *fetch = engine->fetch_link.parent.shared;
    const struct gm_link_shared *writer = engine->writer_link.parent.shared;
    uint64_t done = engine->committed.task * GM_TASK_ITEMS;
    shown->n_items_total = engine->feed_setup.n_items;
    shown->n_items_done = done < shown->n_items_total ? done : shown->n_items_total;
    shown->n_items_fetched = engine->resume.task * GM_TASK_ITEMS + atomic_load(&fetch->n_items);
    shown->fetched_bytes = atomic_load(&fetch->n_bytes);
    shown->n_written = atomic_load(&writer->n_items);
    shown->n_rejected = atomic_load(&writer->n_retries);
    shown->n_failed = atomic_load(&writer->n_failed);
    shown->output_bytes = atomic_load(&writer->n_bytes);
    shown->memory_budget_bytes = engine->plan->job.memory_bytes;
    shown->n_busy_workers = gm_busy_slots(engine);
    shown->n_workers = engine->n_slots;
    shown->n_deaths = engine->n_deaths;
    shown->bottleneck = bottleneck(engine);
    shown->phase = phases[engine->phase];
    if (engine->progress)
        gm_progress_update(engine->progress, shown);
}

static enum gm_status tick(struct gm_engine *engine, struct gm_err *err)
{
    uint64_t now = gm_now_ms();
    enum gm_status status = gm_check_deadlines(engine, now, err);
    if (status == GM_OK && now - engine->moved_ms > STALL_MS)
        status = gm_spill_waiting(engine, err);
    if (now >= engine->next_sample_ms) {
        engine->next_sample_ms = now + SAMPLE_MS;
        sample_memory(engine);
        show_progress(engine);
    }
    return status;
}

static bool chain_is_busy(const struct gm_engine *engine)
{
    for (uint32_t i = 0; i < engine->n_slots; i++)
        if (engine->plan->routes[engine->slots[i].route].kind == GM_ROUTE_CHAIN &&
            engine->slots[i].state == GM_SLOT_UP && engine->slots[i].n_leases > 0)
            return true;
    return false;
}

/* All is written, and no block in use: the memory goes back while the writer waits for the disk,
 * not behind it, when everybody would wait for that. */
static enum gm_status finish(struct gm_engine *engine, struct gm_err *err)
{
    enum gm_status status = gm_finish_writer(engine, 0, err);
    if (status != GM_OK || engine->phase != GM_ENGINE_FINISHING)
        return status;
    gm_port_publish(&engine->writer_link.parent);
    sample_memory(engine);
    for (uint32_t i = 0; i < engine->n_arenas; i++)
        gm_shm_decommit(&engine->arenas[i]->shm, 0, engine->arenas[i]->shm.n_bytes);
    return GM_OK;
}

/* Is it time for the writer to finish? */
static enum gm_status check_end(struct gm_engine *engine, struct gm_err *err)
{
    if (engine->phase == GM_ENGINE_RUNNING && engine->committed.task >= engine->n_tasks &&
        engine->n_units == 0)
        return finish(engine, err);
    if (engine->phase != GM_ENGINE_DRAINING)
        return GM_OK;
    bool late = gm_now_ms() >= engine->drain_deadline_ms;
    if ((engine->n_writing == 0 && !chain_is_busy(engine)) || late)
        return gm_finish_writer(engine, GM_DESC_DRAIN, err);
    return GM_OK;
}

/* Takes and moves until nothing moves any more. */
static enum gm_status work(struct gm_engine *engine, struct gm_err *err)
{
    bool any = true;
    enum gm_status status = GM_OK;
    while (any && status == GM_OK && engine->phase != GM_ENGINE_OVER) {
        status = gm_take_messages(engine, &any, err);
        if (status == GM_OK && engine->phase <= GM_ENGINE_DRAINING)
            status = gm_commit(engine, err);
        if (status == GM_OK)
            status = gm_dispatch(engine, err);
        if (status == GM_OK)
            status = check_end(engine, err);
        gm_port_publish(&engine->writer_link.parent);
    }
    return status;
}

/* Announces sleep on every ring; false: something has come in meanwhile. */
static bool may_sleep(struct gm_engine *engine)
{
    bool hears_fetch = engine->n_files < GM_MAX_FILES;
    if (!gm_ring_consumer_sleep(&engine->writer_link.parent.in) ||
        (hears_fetch && !gm_ring_consumer_sleep(&engine->fetch_link.parent.in)))
        return false;
    for (uint32_t i = 0; i < engine->n_slots; i++)
        if (engine->slots[i].state == GM_SLOT_UP && !engine->slots[i].broken &&
            !gm_ring_consumer_sleep(&engine->slots[i].link.parent.in))
            return false;
    return true;
}

static void wake_up(struct gm_engine *engine)
{
    gm_ring_awake(&engine->writer_link.parent.in);
    gm_ring_awake(&engine->fetch_link.parent.in);
    for (uint32_t i = 0; i < engine->n_slots; i++)
        gm_ring_awake(&engine->slots[i].link.parent.in);
}

static bool any_tight(const struct gm_engine *engine)
{
    for (uint32_t i = 0; i < engine->n_arenas; i++)
        if (engine->arenas[i]->n_free == 0)
            return true;
    return false;
}

static enum gm_status loop(struct gm_engine *engine, struct gm_err *err)
{
    struct epoll_event events[MAX_EVENTS];
    uint64_t next_tick = gm_now_ms() + TICK_MS;
    enum gm_status status = work(engine, err);
    while (status == GM_OK && engine->phase != GM_ENGINE_OVER && !engine->failed) {
        uint64_t now = gm_now_ms();
        int period = any_tight(engine) ? TIGHT_TICK_MS : TICK_MS;
        next_tick = next_tick > now + (uint64_t)period ? now + (uint64_t)period : next_tick;
        int timeout = now >= next_tick ? 0 : (int)(next_tick - now);
        int n = may_sleep(engine) ? epoll_wait(engine->epoll_fd, events, MAX_EVENTS, timeout)
                                  : epoll_wait(engine->epoll_fd, events, MAX_EVENTS, 0);
        wake_up(engine);
        if (n < 0 && errno != EINTR)
            return gm_err_sys(err, GM_SYSTEM, errno, "unable to wait for children");
        for (int i = 0; i < n && status == GM_OK; i++)
            status = on_event(engine, events[i].data.u64, err);
        if (status == GM_OK)
            status = work(engine, err);
        if (status == GM_OK && gm_now_ms() >= next_tick) {
            next_tick = gm_now_ms() + TICK_MS;
            status = tick(engine, err);
        }
    }
    return status;
}

static void take_down(struct gm_engine *engine)
{
    gm_units_fini(engine);
    for (uint32_t i = 0; i < engine->n_received; i++)
        gm_close(&engine->received[i].fd);
    close_signals(engine);
}

void gm_engine_abandon(struct gm_engine *engine)
{
    gm_kill_all(engine);
    take_down(engine);
}

enum gm_status gm_engine_open(struct gm_engine *engine, struct gm_err *err)
{
    engine->n_tasks = UINT64_MAX;
    engine->signal_fd = engine->epoll_fd = -1;
    engine->fetch = engine->writer = (struct gm_child)GM_CHILD_INIT;
    engine->phase = GM_ENGINE_RUNNING;
    enum gm_status status = open_signals(engine, err);
    if (status != GM_OK)
        gm_engine_abandon(engine);
    return status;
}

enum gm_status gm_engine_staff(struct gm_engine *engine, struct gm_err *err)
{
    enum gm_status status = gm_spawn_workers(engine, err);
    if (status != GM_OK)
        gm_engine_abandon(engine);
    return status;
}

static void start_at(struct gm_engine *engine, const struct gm_cursor *resume)
{
    engine->gate_at = engine->sent = engine->committed = *resume;
    engine->durable_task = engine->head_sent = engine->durable_sent = resume->task;
    engine->moved_ms = gm_now_ms();
}

enum gm_status gm_engine_run(struct gm_engine *engine, struct gm_err *err)
{
    start_at(engine, &engine->resume);
    enum gm_status status = gm_spawn_keepers(engine, err);
    bool spawned = status == GM_OK;
    if (spawned)
        status = loop(engine, err);
    if (engine->failed) {
        *err = engine->fatal;
        status = err->status;
    }
    bool drained = engine->drain_deadline_ms != 0;
    if (spawned) {
        sample_memory(engine);
        show_progress(engine);
    }
    if (status == GM_OK)
        gm_stop_all(engine);
    else
        gm_kill_all(engine);
    take_down(engine);
    if (status == GM_OK && engine->restart)
        return gm_err_set(err, GM_AGAIN, "fetch died");
    if (status == GM_OK && drained)
        return gm_err_set(err, GM_STOPPED, "stopped; run again to resume");
    return status;
}
