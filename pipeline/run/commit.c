/* Finished units to the writer, in order. What has finished behind something slow waits in its
 * worker's arena while there is room, and past that in the writer's spill file, so that neither
 * workers nor downloads stop. The ordered gate sits in front of it. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "block.h"
#include "out.h"
#include "run/engine.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WRITING 40u /* unanswered WRITE messages; leaves ring slots for spills */
#define MIN_FREE    2u  /* output blocks of a worker; below that its results are spilled */

static struct gm_unit **writer_slot(struct gm_engine *engine, uint64_t id)
{
    return &engine->in_writer[id % GM_ARRAY_LEN(engine->in_writer)];
}

static bool needs_gate(const struct gm_engine *engine, const struct gm_unit *unit)
{
    return unit->route >= 0 && engine->plan->routes[unit->route].gate_stage >= 0 && !unit->gated;
}

enum gm_status gm_take_keys(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    const uint8_t *data = gm_pool_data(engine->arenas[unit->out.arena], unit->out.page);
    const uint8_t *name, *keys = NULL;
    struct gm_out_header header;
    struct gm_out_part part = {0};
    size_t offset = sizeof header;
    enum gm_status status = gm_out_check(data, unit->out.n_bytes, &header, err);
    if (status == GM_OK)
        status = gm_out_next(data, unit->out.n_bytes, &offset, &part, &name, &keys, err);
    if (status == GM_OK && part.stream == GM_STREAM_KEYS) {
        unit->keys = malloc(part.n_bytes + 1u);
        if (!unit->keys)
            return gm_err_set(err, GM_NOMEM, "no memory for the keys of a block");
        memcpy(unit->keys, keys, part.n_bytes);
        unit->n_keys = part.n_bytes / GM_GATE_KEY_BYTES;
    }
    gm_units_release_out(engine, unit);
    return status == GM_END ? GM_OK : status;
}

/* Rows that are out already have a key of zeros. */
static enum gm_status pass_gate(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    static const uint8_t none[GM_GATE_KEY_BYTES] = {0};
    const struct gm_plan_route *route = &engine->plan->routes[unit->route];
    enum gm_reason reason = route->stages[route->gate_stage].stage->gate_reason;
    uint8_t *block = gm_pool_data(engine->arenas[unit->in.arena], unit->in.page);
    enum gm_status status = GM_OK;
    for (uint32_t row = 0; row < unit->n_keys && status == GM_OK; row++) {
        const uint8_t *key = unit->keys + (size_t)row * GM_GATE_KEY_BYTES;
        bool is_new = true;
        if (memcmp(key, none, sizeof none) != 0)
            status = gm_gate_pass(&engine->gate, key, &is_new, err);
        if (!is_new)
            gm_block_mark(block, unit->in.n_bytes, row, reason);
    }
    if (status != GM_OK)
        return status;
    unit->gated = true;
    free(unit->keys);
    unit->keys = NULL;
    return gm_requeue(engine, unit, err);
}

static enum gm_status advance_gate(struct gm_engine *engine, struct gm_err *err)
{
    struct gm_unit *unit;
    while ((unit = gm_units_at(engine, &engine->gate_at))) {
        if (needs_gate(engine, unit)) {
            if (unit->state != GM_UNIT_GATED)
                return GM_OK;
            enum gm_status status = pass_gate(engine, unit, err);
            if (status != GM_OK)
                return status;
        }
        engine->gate_at.sub = unit->sub + 1;
    }
    return GM_OK;
}

/* The key behind this unit: where a resumed run would go on. */
static void set_next_key(const struct gm_unit *unit, struct gm_desc *desc)
{
    const struct gm_segment *segment = unit->owner;
    bool last = !segment->container && unit->sub + 1 >= segment->n_subs;
    desc->task = unit->task;
    desc->segment = unit->segment;
    desc->sub = unit->sub + 1;
    desc->row_first = segment->row_first;
    if (!last)
        return;
    desc->sub = 0;
    desc->segment++;
    desc->row_first += segment->row_count;
    if (segment->last) {
        desc->task++;
        desc->segment = desc->row_first = 0;
    }
}

static enum gm_status send_unit(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_WRITE,
                           .lease = unit->id,
                           .in_arena = unit->out.arena,
                           .in_page = unit->out.page,
                           .in_bytes = unit->out.n_bytes,
                           .out_page = (uint32_t)unit->out_checksum,
                           .out_bytes = (uint32_t)(unit->out_checksum >> 32)};
    if (unit->state == GM_UNIT_SPILLED) {
        desc.kind = GM_DESC_WRITE_SPILLED;
        desc.in_arena = (uint32_t)(unit->spill_offset >> 32);
        desc.in_page = (uint32_t)unit->spill_offset;
    }
    set_next_key(unit, &desc);
    enum gm_status status = gm_port_push(&engine->writer_link.parent, &desc, err);
    if (status != GM_OK)
        return status;
    unit->state = GM_UNIT_WRITING;
    *writer_slot(engine, unit->id) = unit;
    engine->n_writing++;
    engine->sent.sub = unit->sub + 1;
    return GM_OK;
}

/* Over finished segments, which the last cursor frees: the others must have left them by then. */
static void step_cursors(struct gm_engine *engine)
{
    gm_units_at(engine, &engine->gate_at);
    gm_units_at(engine, &engine->sent);
    gm_units_at(engine, &engine->committed);
}

enum gm_status gm_commit(struct gm_engine *engine, struct gm_err *err)
{
    struct gm_unit *unit;
    enum gm_status status = advance_gate(engine, err);
    while (status == GM_OK && engine->n_writing < MAX_WRITING &&
           (unit = gm_units_at(engine, &engine->sent)) &&
           (unit->state == GM_UNIT_DONE || unit->state == GM_UNIT_SPILLED) &&
           !*writer_slot(engine, unit->id))
        status = send_unit(engine, unit, err);
    step_cursors(engine);
    return status == GM_AGAIN ? GM_OK : status;
}

static enum gm_status spill(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_SPILL,
                           .lease = unit->id,
                           .in_arena = unit->out.arena,
                           .in_page = unit->out.page,
                           .in_bytes = unit->out.n_bytes};
    if (*writer_slot(engine, unit->id))
        return GM_AGAIN;
    enum gm_status status = gm_port_push(&engine->writer_link.parent, &desc, err);
    if (status != GM_OK)
        return status;
    unit->state = GM_UNIT_SPILLING;
    *writer_slot(engine, unit->id) = unit;
    return GM_OK;
}

/* The lines of a segment stand behind its content, and keep all of a large block from whoever waits
 * for one; that may be the very first segment. */
static bool holds_large(const struct gm_engine *engine, const struct gm_unit *unit)
{
    const struct gm_pool *arena = engine->arenas[unit->out.arena];
    return unit->out_shared && unit->owner->block_page >= arena->n_small * arena->small_pages;
}

static bool arena_is_tight(const struct gm_engine *engine, const struct gm_unit *unit)
{
    const struct gm_pool *arena = engine->arenas[unit->out.arena];
    return holds_large(engine, unit) || unit->out.n_bytes > arena->small_bytes ||
           arena->n_free < MIN_FREE;
}

/* Every finished unit that cannot be written yet and sits in a tight arena. */
enum gm_status gm_spill_waiting(struct gm_engine *engine, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    for (uint32_t t = 0; t < GM_ARRAY_LEN(engine->tasks); t++)
        for (struct gm_segment *segment = engine->tasks[t].first; segment; segment = segment->next)
            for (struct gm_unit *unit = segment->first; unit; unit = unit->next) {
                if (unit->state == GM_UNIT_DONE && unit->out.held && arena_is_tight(engine, unit))
                    status = spill(engine, unit, err);
                if (status != GM_OK)
                    return status == GM_AGAIN ? GM_OK : status;
            }
    return GM_OK;
}

enum gm_status gm_quarantine(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_QUARANTINE,
                           .in_arena = unit->in.arena,
                           .in_page = unit->in.page,
                           .in_bytes = unit->in.n_bytes,
                           .row_first = (uint32_t)unit->suspect};
    enum gm_status status = gm_port_push(&engine->writer_link.parent, &desc, err);
    if (status == GM_OK)
        unit->keep_in = true;
    else
        gm_log(GM_LOG_WARN, "the writer is busy: a poison record was not copied to quarantine/");
    return status == GM_AGAIN ? GM_OK : status;
}

static enum gm_status on_written(struct gm_engine *engine, struct gm_unit *unit, struct gm_err *err)
{
    if (unit->state != GM_UNIT_WRITING ||
        gm_cursor_compare(unit->task, unit->segment, unit->sub, &engine->committed) != 0)
        return gm_err_set(err, GM_INTERNAL, "the writer answered out of order");
    engine->committed = (struct gm_cursor){unit->task, unit->segment, unit->sub + 1};
    engine->moved_ms = gm_now_ms();
    engine->n_writing--;
    gm_units_free(engine, unit);
    step_cursors(engine);
    return GM_OK;
}

static const char *arena_title(const struct gm_engine *engine, uint32_t arena)
{
    return arena == GM_ARENA_FETCH ? "fetch" : engine->slots[arena - 1].title;
}

enum gm_status gm_writer_message(struct gm_engine *engine, const struct gm_desc *desc,
                                 struct gm_err *err)
{
    struct gm_unit *unit = *writer_slot(engine, desc->lease);
    if (desc->kind == GM_DESC_COMMITTED) {
        engine->durable_task = desc->task;
        return GM_OK;
    }
    if (desc->kind == GM_DESC_FINISHED) {
        engine->phase = GM_ENGINE_OVER;
        return GM_OK;
    }
    if (!unit || unit->id != desc->lease)
        return gm_err_set(err, GM_INTERNAL, "the writer answered for an unknown block");
    *writer_slot(engine, desc->lease) = NULL;
    if (desc->kind == GM_DESC_WRITTEN && desc->flags & GM_DESC_BAD)
        return gm_start_over(engine, arena_title(engine, unit->out.arena),
                             "changed a block that it had handed over", err);
    if (desc->kind == GM_DESC_WRITTEN)
        return on_written(engine, unit, err);
    if (desc->kind != GM_DESC_SPILLED || unit->state != GM_UNIT_SPILLING)
        return gm_err_set(err, GM_INTERNAL, "unexpected message %u from the writer", desc->kind);
    unit->spill_offset = desc->task;
    unit->state = GM_UNIT_SPILLED;
    gm_units_release_out(engine, unit);
    return GM_OK;
}

enum gm_status gm_finish_writer(struct gm_engine *engine, unsigned flags, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_FINISH, .flags = (uint16_t)flags};
    enum gm_status status = gm_port_push(&engine->writer_link.parent, &desc, err);
    if (status == GM_OK)
        engine->phase = GM_ENGINE_FINISHING;
    return status == GM_AGAIN ? GM_OK : status;
}
