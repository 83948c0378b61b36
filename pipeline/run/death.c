/* What a dead worker held, and who is to blame.
 *
 * A death by a fault or by our own deadline points at the record that was in work. That record is
 * then tried alone (a probe, whose output is thrown away): three deaths alone, and it is marked in
 * its block as lost, its bytes go to quarantine, and the block runs again without it. Deaths from
 * outside (kill -9, the OOM killer) blame nobody. All leases go back to the front with new ids.
 *
 * A container cannot be tried alone from the middle: it runs again from its start, and after three
 * deaths at one member it is read up to that member only. */
#include "base/clock.h"
#include "base/log.h"
#include "block.h"
#include "run/engine.h"

#include <signal.h>
#include <stdatomic.h>

#define MAX_EARLY_DEATHS 5
#define MAX_PROBE_PASSES 3
#define FIRST_WAIT_MS    10u

static enum gm_status declare_poison(struct gm_engine *engine, struct gm_unit *unit,
                                     struct gm_err *err)
{
    enum gm_reason reason =
        unit->by_deadline ? GM_REASON_WORKER_DEADLINE : GM_REASON_WORKER_CRASHED;
    enum gm_status status = GM_OK;
    gm_log(GM_LOG_WARN, "record %llu of task %llu, block %u.%u %s again and again: left out",
           (unsigned long long)unit->suspect, (unsigned long long)unit->task, unit->segment,
           unit->sub, unit->by_deadline ? "passed its deadline" : "crashed its worker");
    if (unit->container) {
        unit->stop_at = (uint32_t)unit->suspect;
    } else {
        gm_block_mark(gm_pool_data(engine->arenas[unit->in.arena], unit->in.page), unit->in.n_bytes,
                      (uint32_t)unit->suspect, reason);
        status = gm_quarantine(engine, unit, err);
    }
    unit->solo_deaths = unit->probe_passes = 0;
    unit->probe = unit->searching;
    return status;
}

/* Deaths outside of any record (while a block is opened or its output encoded) cannot be pinned on
 * one: after three the whole block is given up, and true returned. */
static bool blame_block(struct gm_engine *engine, struct gm_unit *unit)
{
    if (unit->container || ++unit->blind_deaths < GM_SOLO_DEATHS)
        return false;
    uint8_t *data = gm_pool_data(engine->arenas[unit->in.arena], unit->in.page);
    uint32_t n_rows = gm_block_rows(data, unit->in.n_bytes);
    gm_log(GM_LOG_WARN, "task %llu, block %u.%u crashes its worker: its %u records are left out",
           (unsigned long long)unit->task, unit->segment, unit->sub, n_rows);
    for (uint32_t row = 0; row < n_rows; row++)
        gm_block_mark(data, unit->in.n_bytes, row, GM_REASON_WORKER_CRASHED);
    unit->blind_deaths = 0;
    return true;
}

/* solo_deaths counts deaths alone; the death that made it a suspect is not one of them. */
static enum gm_status blame(struct gm_engine *engine, struct gm_unit *unit, uint64_t row,
                            bool by_deadline, struct gm_err *err)
{
    bool alone = unit->probe || unit->container;
    if (!unit->has_suspect || unit->suspect != row) {
        unit->suspect = row;
        unit->has_suspect = true;
        unit->solo_deaths = unit->probe_passes = 0;
    }
    unit->by_deadline = by_deadline;
    unit->solo_deaths += alone;
    unit->probe = !unit->container;
    if (unit->solo_deaths >= GM_SOLO_DEATHS || unit->probe_passes >= MAX_PROBE_PASSES)
        return declare_poison(engine, unit, err);
    return GM_OK;
}

static uint32_t rows_of(const struct gm_engine *engine, const struct gm_unit *unit)
{
    return gm_block_rows(gm_pool_data(engine->arenas[unit->in.arena], unit->in.page),
                         unit->in.n_bytes);
}

/* The next row is to be tried alone; behind the last one the block runs as a whole again. */
static void search_on(struct gm_engine *engine, struct gm_unit *unit)
{
    unit->solo_deaths = unit->probe_passes = 0;
    unit->probe = ++unit->suspect < rows_of(engine, unit);
    unit->searching = unit->has_suspect = unit->probe;
}

enum gm_status gm_probe_passed(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    if (unit->searching) {
        search_on(engine, unit);
    } else {
        unit->probe = false;
        unit->probe_passes++;
    }
    return gm_requeue(engine, unit, err);
}

/* The worker died by its own doing and left no word, or a false one, about where it was. Its oldest
 * lease was in work. A probe has one row only; otherwise every row is tried alone, and a block that
 * goes on killing its workers is given up as a whole. A container is read no further. */
static enum gm_status blame_unknown(struct gm_engine *engine, struct gm_unit *unit,
                                    bool by_deadline, struct gm_err *err)
{
    if (unit->probe || unit->container)
        return blame(engine, unit, unit->has_suspect ? unit->suspect : 0, by_deadline, err);
    if (blame_block(engine, unit))
        return GM_OK;
    unit->searching = unit->probe = unit->has_suspect = true;
    unit->solo_deaths = unit->probe_passes = 0;
    unit->suspect = 0;
    return GM_OK;
}

/* Blocks that were granted for a container and never came back. */
static void reclaim_grants(struct gm_engine *engine, struct gm_slot *slot)
{
    for (uint32_t i = 0; i < slot->n_granted; i++)
        gm_pool_give(engine->arenas[slot->arena], slot->granted[i]);
    slot->n_granted = 0;
}

static enum gm_status requeue_all(struct gm_engine *engine, struct gm_slot *slot,
                                  struct gm_err *err)
{
    enum gm_status status = GM_OK;
    while (slot->n_leases > 0 && status == GM_OK) {
        struct gm_unit *unit = slot->leases[0];
        gm_slot_forget(slot, unit);
        status = gm_requeue(engine, unit, err);
    }
    return status;
}

/* It may have run out of its share of memory in a place that does not expect it. */
static void give_more_memory(const struct gm_engine *engine, const struct gm_slot *slot)
{
    struct gm_unit *unit = gm_slot_unit(slot, atomic_load(&slot->link.parent.shared->cur_lease));
    if (unit && !unit->container)
        unit->wants_heap = gm_plan_spare_bytes(&engine->plan->routes[unit->route]) > 0;
}

static enum gm_status take_the_suspect(struct gm_engine *engine, struct gm_slot *slot,
                                       const struct gm_obituary *obituary, struct gm_err *err)
{
    const struct gm_link_shared *shared = slot->link.parent.shared;
    uint64_t row = atomic_load(&shared->cur_row);
    struct gm_unit *unit = gm_slot_unit(slot, atomic_load(&shared->cur_lease));
    bool own_doing = obituary->death != GM_DEATH_EXTERNAL || slot->deadline_kill || slot->broken;
    bool nobody = slot->n_leases == 0 || (row == 0 && !unit) || row == (uint64_t)UINT32_MAX + 1;
    if (!own_doing || nobody)
        return GM_OK;
    if (unit && row == 0) {
        blame_block(engine, unit);
        return GM_OK;
    }
    if (!unit || unit->probe || (!unit->container && row - 1 >= rows_of(engine, unit)))
        return blame_unknown(engine, unit ? unit : slot->leases[0], slot->deadline_kill, err);
    return blame(engine, unit, row - 1, slot->deadline_kill, err);
}

static enum gm_status respawn(struct gm_engine *engine, struct gm_slot *slot, bool was_idle,
                              bool external, struct gm_err *err)
{
    slot->n_early_deaths = was_idle && !external ? slot->n_early_deaths + 1 : 0;
    if (slot->n_early_deaths >= MAX_EARLY_DEATHS)
        return gm_err_set(err, GM_INTERNAL, "%s died %u times in a row before any work",
                          slot->title, slot->n_early_deaths);
    uint64_t wait_ms = slot->n_early_deaths ? FIRST_WAIT_MS << (2 * slot->n_early_deaths) : 0;
    slot->respawn_ms = gm_now_ms() + wait_ms;
    return wait_ms ? GM_OK : gm_spawn_slot(engine, slot, err);
}

enum gm_status gm_slot_died(struct gm_engine *engine, struct gm_slot *slot, struct gm_err *err)
{
    struct gm_obituary obituary;
    if (!gm_child_reap(&slot->child, &obituary))
        return GM_OK;
    engine->cpu_ns += obituary.cpu_ns;
    slot->state = GM_SLOT_DOWN;
    if (engine->phase >= GM_ENGINE_FINISHING)
        return GM_OK;
    if (slot->retiring && slot->n_leases == 0) {
        slot->retiring = false;
        return gm_spawn_slot(engine, slot, err);
    }
    bool external = obituary.death == GM_DEATH_EXTERNAL && !slot->deadline_kill && !slot->broken;
    /* Leases are handed out before it is ready for them. */
    bool was_idle = slot->n_leases == 0 || atomic_load(&slot->link.parent.shared->cur_lease) == 0;
    engine->n_deaths++;
    gm_log(external ? GM_LOG_INFO : GM_LOG_WARN, "%s %s%s; its work is given to another",
           slot->title, obituary.text, slot->deadline_kill ? " (record deadline)" : "");
    if (!external && !slot->deadline_kill)
        give_more_memory(engine, slot);
    enum gm_status status = take_the_suspect(engine, slot, &obituary, err);
    if (status == GM_OK)
        status = requeue_all(engine, slot, err);
    if (status != GM_OK)
        return status;
    reclaim_grants(engine, slot);
    slot->wants_ahead = false;
    slot->needs = slot->deadline_kill = slot->broken = slot->retiring = false;
    return respawn(engine, slot, was_idle, external, err);
}

/* Has the worker gone on to something else since the last look, or is nothing asked of it? */
static bool has_moved(struct gm_slot *slot)
{
    const struct gm_link_shared *shared = slot->link.parent.shared;
    uint64_t lease = atomic_load(&shared->cur_lease);
    uint64_t row = atomic_load(&shared->cur_row);
    uint64_t beat = atomic_load(&shared->beat);
    bool moved = lease != slot->seen_lease || row != slot->seen_row || beat != slot->seen_beat;
    slot->seen_lease = lease;
    slot->seen_row = row;
    slot->seen_beat = beat;
    return moved || slot->n_leases == 0 || slot->needs;
}

enum gm_status gm_check_deadlines(struct gm_engine *engine, uint64_t now_ms, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < engine->n_slots && status == GM_OK; i++) {
        struct gm_slot *slot = &engine->slots[i];
        if (slot->state == GM_SLOT_DOWN && engine->phase == GM_ENGINE_RUNNING) {
            if (now_ms >= slot->respawn_ms)
                status = gm_spawn_slot(engine, slot, err);
        } else if (slot->state == GM_SLOT_UP) {
            if (has_moved(slot))
                slot->seen_ms = now_ms;
            else if (now_ms - slot->seen_ms > engine->plan->job.record_deadline_ms &&
                     !slot->deadline_kill) {
                slot->deadline_kill = true;
                gm_child_signal(&slot->child, SIGKILL);
            }
        }
    }
    return status;
}
