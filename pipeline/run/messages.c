/* What children say: descriptors in their rings, lines on their control channels. Everything is
 * checked against the private tables; a worker that says something impossible is killed and
 * handled like any other death, since its output can be made again. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "block.h"
#include "out.h"
#include "run/engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SMOOTHING 0.2

enum gm_status gm_slot_corrupt(struct gm_slot *slot, const char *what)
{
    if (!slot->broken)
        gm_log(GM_LOG_WARN, "%s sent %s; it is replaced", slot->title, what);
    slot->broken = true;
    gm_child_signal(&slot->child, SIGKILL);
    return GM_OK;
}

enum gm_status gm_start_over(struct gm_engine *engine, const char *title, const char *what,
                             struct gm_err *err)
{
    gm_log(GM_LOG_WARN, "%s %s; all go on from the journal", title, what);
    engine->n_deaths++;
    engine->restart = true;
    engine->restart_external = false;
    return gm_err_set(err, GM_AGAIN, "%s %s", title, what);
}

/* A worker complains about its input. It is looked at here, too: a worker that was taken over could
 * stop the run with complaints. What a container's worker has spoiled cannot be made again alone:
 * its other blocks may be with others, or gone. */
static enum gm_status bad_input(struct gm_engine *engine, struct gm_slot *slot,
                                struct gm_unit *unit, struct gm_err *err)
{
    struct gm_batch batch;
    struct gm_err why = {0};
    gm_batch_init(&batch);
    enum gm_status status =
        gm_block_open(gm_pool_data(engine->arenas[unit->in.arena], unit->in.page), unit->in.n_bytes,
                      &batch, &why);
    gm_batch_free(&batch);
    if (status != GM_INTERNAL) {
        status = gm_requeue(engine, unit, err);
        return status == GM_OK ? gm_slot_corrupt(slot, "a complaint about a good block") : status;
    }
    bool split = unit->in.arena != GM_ARENA_FETCH;
    if (split)
        engine->bad = (struct gm_cursor){unit->task, unit->segment, unit->sub};
    gm_log(GM_LOG_WARN, "%s", why.text);
    return gm_start_over(engine, split ? engine->slots[unit->in.arena - 1].title : "fetch",
                         "handed over a malformed block", err);
}

static void measure_block(struct gm_slot *slot, const struct gm_unit *unit)
{
    uint64_t now = gm_now_ns();
    uint64_t since = unit->leased_ns > slot->last_done_ns ? unit->leased_ns : slot->last_done_ns;
    double block_ns = (double)(now - since);
    slot->last_done_ns = now;
    slot->block_ns =
        slot->block_ns > 0 ? slot->block_ns + SMOOTHING * (block_ns - slot->block_ns) : block_ns;
}

static enum gm_status chain_done(struct gm_engine *engine, struct gm_slot *slot,
                                 struct gm_unit *unit, const struct gm_desc *desc,
                                 struct gm_err *err)
{
    uint32_t base;
    if (desc->flags & GM_DESC_BAD)
        return bad_input(engine, slot, unit, err);
    if (desc->flags & GM_DESC_HEAP && !(unit->wants_heap)) {
        unit->wants_heap = true;
        return gm_requeue(engine, unit, err);
    }
    if (unit->probe)
        return gm_probe_passed(engine, unit, err);
    if (!gm_pool_holds(engine->arenas[slot->arena], desc->out_page, desc->out_bytes, &base) ||
        desc->out_page != unit->out.page) {
        enum gm_status status = gm_requeue(engine, unit, err);
        return status == GM_OK ? gm_slot_corrupt(slot, "an impossible output block") : status;
    }
    unit->out.n_bytes = desc->out_bytes;
    unit->out_checksum =
        gm_out_checksum(gm_pool_data(engine->arenas[slot->arena], desc->out_page), desc->out_bytes);
    if (engine->plan->routes[unit->route].gate_stage >= 0 && !unit->gated) {
        unit->state = GM_UNIT_GATED;
        enum gm_status status = gm_take_keys(engine, unit, err);
        if (status != GM_INTERNAL)
            return status;
        status = gm_requeue(engine, unit, err);
        return status == GM_OK ? gm_slot_corrupt(slot, "a malformed output block") : status;
    }
    unit->state = GM_UNIT_DONE;
    if (!unit->keep_in)
        gm_units_release_in(engine, unit);
    return GM_OK;
}

static void retire(struct gm_slot *slot)
{
    const struct gm_desc stop = {.kind = GM_DESC_STOP};
    slot->retiring = true;
    if (gm_port_push(&slot->link.parent, &stop, NULL) != GM_OK)
        gm_child_signal(&slot->child, SIGKILL);
}

static enum gm_status on_done(struct gm_engine *engine, struct gm_slot *slot,
                              const struct gm_desc *desc, struct gm_err *err)
{
    struct gm_unit *unit = gm_slot_unit(slot, desc->lease);
    if (!unit || (slot->needs && slot->need_lease == desc->lease))
        return gm_slot_corrupt(slot,
                               "a result for a lease that it does not have, or still works on");
    measure_block(slot, unit);
    bool had_all = unit->wants_heap;
    gm_slot_forget(slot, unit);
    slot->n_early_deaths = 0;
    if (had_all)
        retire(slot);
    if (!unit->container)
        return chain_done(engine, slot, unit, desc, err);
    gm_units_container_done(engine, unit);
    return GM_OK;
}

static enum gm_status on_need(struct gm_engine *engine, struct gm_slot *slot,
                              const struct gm_desc *desc, struct gm_err *err)
{
    (void)err;
    if (!gm_slot_unit(slot, desc->lease) || slot->needs || desc->value == 0 ||
        desc->value > engine->plan->memory.max_block_bytes ||
        slot->n_granted == GM_ARRAY_LEN(slot->granted))
        return gm_slot_corrupt(slot, "an impossible wish for a block");
    if (desc->flags & GM_DESC_AHEAD) {
        if (!gm_slot_unit(slot, desc->lease)->container)
            return gm_slot_corrupt(slot, "a wish for a block that it has no use for");
        slot->wants_ahead = true;
        return GM_OK;
    }
    slot->needs = true;
    slot->need_lease = desc->lease;
    slot->need_bytes = desc->value;
    return GM_OK;
}

static bool take_back(struct gm_slot *slot, uint32_t page)
{
    for (uint32_t i = 0; i < slot->n_granted; i++)
        if (slot->granted[i] == page) {
            slot->granted[i] = slot->granted[--slot->n_granted];
            return true;
        }
    return false;
}

static enum gm_status on_emit(struct gm_engine *engine, struct gm_slot *slot,
                              const struct gm_desc *desc, struct gm_err *err)
{
    struct gm_unit *unit = gm_slot_unit(slot, desc->lease);
    if (!unit || !unit->container || !take_back(slot, desc->out_page))
        return gm_slot_corrupt(slot, "a block that it was not given");
    if (desc->value == GM_NO_LIMIT) {
        gm_pool_give(engine->arenas[slot->arena], desc->out_page);
        return GM_OK;
    }
    enum gm_status status = gm_units_emit(engine, unit, desc, slot->arena, err);
    if (status != GM_INTERNAL)
        return status;
    gm_pool_give(engine->arenas[slot->arena], desc->out_page);
    return gm_slot_corrupt(slot, "a malformed block");
}

static enum gm_status slot_message(struct gm_engine *engine, struct gm_slot *slot,
                                   const struct gm_desc *desc, struct gm_err *err)
{
    switch (desc->kind) {
    case GM_DESC_DONE:
        return on_done(engine, slot, desc, err);
    case GM_DESC_NEED:
        return on_need(engine, slot, desc, err);
    case GM_DESC_EMIT:
        return on_emit(engine, slot, desc, err);
    default:
        return gm_slot_corrupt(slot, "an unknown message");
    }
}

bool gm_take_control(struct gm_engine *engine, struct gm_port *port, const char *title)
{
    struct gm_control_message *message = &engine->message;
    enum gm_status status;
    while ((status = gm_control_receive(port->control_fd, message, GM_CONTROL_NOWAIT, NULL)) ==
           GM_OK) {
        if (message->kind == GM_CONTROL_LOG && message->n_bytes > 0) {
            gm_log((enum gm_log_level)message->data[0], "%s", (const char *)message->data + 1);
        } else if (message->kind == GM_CONTROL_HELLO && message->key <= GM_SANDBOX_STATE_FULL) {
            engine->sandbox = (enum gm_sandbox_state)message->key;
        } else if (message->kind == GM_CONTROL_FATAL && message->n_bytes == sizeof(struct gm_err) &&
                   !engine->failed) {
            memcpy(&engine->fatal, message->data, sizeof engine->fatal);
            engine->fatal.text[GM_ERR_TEXT_BYTES - 1] = '\0';
            if (engine->fatal.status <= GM_AGAIN || engine->fatal.status >= GM_STATUS_COUNT)
                engine->fatal.status = GM_INTERNAL;
            gm_err_add(&engine->fatal, "%s", title);
            engine->failed = true;
        } else if (message->kind == GM_CONTROL_FD && port == &engine->fetch_link.parent &&
                   engine->n_received < GM_ARRAY_LEN(engine->received)) {
            engine->received[engine->n_received].key = message->key;
            engine->received[engine->n_received++].fd = message->fd;
            continue;
        }
        gm_close(&message->fd);
    }
    return status != GM_END;
}

/* The descriptor of a container was sent before its segment; -1: it was not. */
static int take_fd(struct gm_engine *engine, uint64_t key)
{
    gm_take_control(engine, &engine->fetch_link.parent, "fetch");
    for (uint32_t i = 0; i < engine->n_received; i++) {
        int fd = engine->received[i].fd;
        if (engine->received[i].key != key)
            continue;
        engine->received[i] = engine->received[--engine->n_received];
        return fd;
    }
    return -1;
}

static enum gm_status fetch_message(struct gm_engine *engine, const struct gm_desc *desc,
                                    struct gm_err *err)
{
    int fd = -1;
    switch (desc->kind) {
    case GM_DESC_SEGMENT:
        if (desc->flags & GM_DESC_FD && (fd = take_fd(engine, desc->lease)) < 0)
            return gm_err_set(err, GM_INTERNAL, "fetch did not send a container's descriptor");
        return gm_units_segment(engine, desc, fd, err);
    case GM_DESC_NEED:
        if (desc->value <= GM_BLOCK_BYTES)
            engine->fetch_needs_small++;
        else
            engine->fetch_needs_large = desc->value;
        return GM_OK;
    case GM_DESC_END:
        engine->n_tasks = desc->task;
        engine->fetch_ended = true;
        return GM_OK;
    default:
        return gm_err_set(err, GM_INTERNAL, "unexpected message %u from fetch", desc->kind);
    }
}

static enum gm_status take_slot(struct gm_engine *engine, struct gm_slot *slot, bool *any,
                                struct gm_err *err)
{
    struct gm_desc desc;
    enum gm_status status = GM_AGAIN;
    while (!slot->broken && (status = gm_port_pop(&slot->link.parent, &desc, NULL)) == GM_OK) {
        *any = true;
        status = slot_message(engine, slot, &desc, err);
        if (status != GM_OK)
            return status;
    }
    gm_port_release(&slot->link.parent);
    return status == GM_AGAIN || slot->broken ? GM_OK : gm_slot_corrupt(slot, "a broken ring");
}

static enum gm_status take_port(struct gm_engine *engine, struct gm_port *port,
                                enum gm_status (*act)(struct gm_engine *, const struct gm_desc *,
                                                      struct gm_err *),
                                bool *any, struct gm_err *err)
{
    struct gm_desc desc;
    enum gm_status status;
    while ((status = gm_port_pop(port, &desc, err)) == GM_OK) {
        *any = true;
        status = act(engine, &desc, err);
        if (status != GM_OK)
            return status;
    }
    gm_port_release(port);
    return status == GM_AGAIN ? GM_OK : status;
}

enum gm_status gm_take_messages(struct gm_engine *engine, bool *any, struct gm_err *err)
{
    *any = false;
    enum gm_status status =
        take_port(engine, &engine->writer_link.parent, gm_writer_message, any, err);
    if (status == GM_OK && engine->n_files < GM_MAX_FILES)
        status = take_port(engine, &engine->fetch_link.parent, fetch_message, any, err);
    for (uint32_t i = 0; i < engine->n_slots && status == GM_OK; i++)
        if (engine->slots[i].state == GM_SLOT_UP)
            status = take_slot(engine, &engine->slots[i], any, err);
    return status;
}
