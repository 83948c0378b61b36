/* What is to be done, in input order: a window of tasks, each a list of segments, each a list of
 * units. Units of a segment: its lines (sub 0), then the content: one unit for a chain route, or
 * one for every block that a container emits. */
#include "base/assert.h"
#include "base/fs.h"
#include "out.h"
#include "run/engine.h"

#include <stdlib.h>

#define N_TASK_SLOTS (GM_TASK_WINDOW + 1)

int gm_cursor_compare(uint64_t task, uint32_t segment, uint32_t sub, const struct gm_cursor *at)
{
    if (task != at->task)
        return task < at->task ? -1 : 1;
    if (segment != at->segment)
        return segment < at->segment ? -1 : 1;
    return sub < at->sub ? -1 : sub > at->sub;
}

static bool before(const struct gm_unit *a, const struct gm_unit *b)
{
    struct gm_cursor at = {b->task, b->segment, b->sub};
    return gm_cursor_compare(a->task, a->segment, a->sub, &at) < 0;
}

enum gm_status gm_heap_push(struct gm_unit_heap *heap, struct gm_unit *unit, struct gm_err *err)
{
    if (heap->n_units == heap->capacity) {
        uint32_t capacity = heap->capacity ? 2 * heap->capacity : 256;
        struct gm_unit **units = realloc(heap->units, capacity * sizeof *units);
        if (!units)
            return gm_err_set(err, GM_NOMEM, "no memory for the queue of blocks");
        heap->units = units;
        heap->capacity = capacity;
    }
    uint32_t i = heap->n_units++;
    for (; i > 0 && before(unit, heap->units[(i - 1) / 2]); i = (i - 1) / 2)
        heap->units[i] = heap->units[(i - 1) / 2];
    heap->units[i] = unit;
    return GM_OK;
}

struct gm_unit *gm_heap_peek(const struct gm_unit_heap *heap)
{
    return heap->n_units ? heap->units[0] : NULL;
}

struct gm_unit *gm_heap_pop(struct gm_unit_heap *heap)
{
    if (heap->n_units == 0)
        return NULL;
    struct gm_unit *top = heap->units[0];
    struct gm_unit *moved = heap->units[--heap->n_units];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->n_units)
            break;
        if (child + 1 < heap->n_units && before(heap->units[child + 1], heap->units[child]))
            child++;
        if (!before(heap->units[child], moved))
            break;
        heap->units[i] = heap->units[child];
        i = child;
    }
    heap->units[i] = moved;
    return top;
}

static struct gm_unit *unit_new(struct gm_engine *engine, struct gm_segment *segment, uint64_t task,
                                uint32_t sub)
{
    struct gm_unit *unit = calloc(1, sizeof *unit);
    if (!unit)
        return NULL;
    unit->id = ++engine->next_unit;
    unit->task = task;
    unit->segment = segment->number;
    unit->sub = sub;
    unit->owner = segment;
    unit->route = -1;
    unit->fd = -1;
    unit->stop_at = GM_NO_LIMIT;
    engine->n_units++;
    return unit;
}

/* The container is not in the list: only what it emits is committed. */
static void append(struct gm_segment *segment, struct gm_unit *unit)
{
    if (segment->last_unit)
        segment->last_unit->next = unit;
    else
        segment->first = unit;
    segment->last_unit = unit;
    segment->n_subs = unit->sub + 1;
}

static void segment_block_unref(struct gm_engine *engine, struct gm_segment *segment)
{
    GM_ASSERT(segment->block_refs > 0);
    if (--segment->block_refs == 0)
        gm_pool_give(engine->arenas[GM_ARENA_FETCH], segment->block_page);
}

static void release(struct gm_engine *engine, struct gm_block_ref *block, bool shared,
                    struct gm_segment *segment)
{
    if (!block->held)
        return;
    block->held = false;
    if (shared)
        segment_block_unref(engine, segment);
    else
        gm_pool_give(engine->arenas[block->arena], block->page);
}

void gm_units_release_in(struct gm_engine *engine, struct gm_unit *unit)
{
    release(engine, &unit->in, unit->in_shared, unit->owner);
}

void gm_units_release_out(struct gm_engine *engine, struct gm_unit *unit)
{
    release(engine, &unit->out, unit->out_shared, unit->owner);
}

static struct gm_task *task_open(struct gm_engine *engine, uint64_t number)
{
    struct gm_task *task = &engine->tasks[number % N_TASK_SLOTS];
    if (!task->used)
        *task = (struct gm_task){.number = number, .used = true};
    return task->number == number ? task : NULL;
}

static enum gm_status add_lines(struct gm_engine *engine, struct gm_segment *segment,
                                const struct gm_desc *desc, struct gm_err *err)
{
    if (gm_cursor_compare(desc->task, desc->segment, 0, &engine->resume) < 0) {
        segment->n_subs = 1;
        return GM_OK;
    }
    struct gm_unit *unit = unit_new(engine, segment, desc->task, 0);
    if (!unit)
        return gm_err_set(err, GM_NOMEM, "no memory for a block's state");
    unit->state = GM_UNIT_DONE;
    unit->out = (struct gm_block_ref){GM_ARENA_FETCH, desc->out_page, desc->out_bytes, true};
    unit->out_checksum = gm_out_checksum(
        gm_pool_data(engine->arenas[GM_ARENA_FETCH], desc->out_page), desc->out_bytes);
    unit->out_shared = true;
    segment->block_refs++;
    append(segment, unit);
    return GM_OK;
}

static uint32_t lost_block(const struct gm_engine *engine, const struct gm_desc *desc)
{
    for (uint32_t i = 0; i < engine->n_lost; i++)
        if (engine->lost[i].task == desc->task && engine->lost[i].segment == desc->segment)
            return engine->lost[i].sub;
    return 0;
}

static enum gm_status add_content(struct gm_engine *engine, struct gm_segment *segment,
                                  const struct gm_desc *desc, int fd, struct gm_err *err)
{
    const struct gm_cursor *resume = &engine->resume;
    bool split = engine->plan->routes[desc->value].kind == GM_ROUTE_SPLIT;
    if (!split && gm_cursor_compare(desc->task, desc->segment, 1, resume) < 0) {
        segment->n_subs = 2;
        return GM_OK;
    }
    struct gm_unit *unit = unit_new(engine, segment, desc->task, 1);
    if (!unit)
        return gm_err_set(err, GM_NOMEM, "no memory for a block's state");
    unit->route = (int)desc->value;
    unit->fd = fd;
    engine->n_files += fd >= 0;
    unit->in = (struct gm_block_ref){GM_ARENA_FETCH, desc->in_page, desc->in_bytes, true};
    unit->in_shared = true;
    segment->block_refs++;
    if (split) {
        unit->lost_block = lost_block(engine, desc);
        unit->container = true;
        segment->container = unit;
        segment->n_subs = 1;
        if (desc->task == resume->task && desc->segment == resume->segment && resume->sub > 1) {
            unit->n_emitted = resume->sub - 1;
            segment->n_subs = resume->sub;
        }
    } else {
        append(segment, unit);
    }
    return gm_heap_push(&engine->ready[unit->route], unit, err);
}

/* Segments of a task come in order, from the first that is not committed on. */
static bool is_next_segment(const struct gm_engine *engine, const struct gm_desc *desc)
{
    const struct gm_task *task = &engine->tasks[desc->task % N_TASK_SLOTS];
    const struct gm_cursor *at = &engine->committed;
    if (task->used && task->last)
        return !task->last->last && desc->segment == task->last->number + 1;
    return desc->segment == (desc->task == at->task ? at->segment : 0);
}

/* A block that fetch was given, and has not sent before; it is ours again. */
static bool take_back(struct gm_engine *engine, uint32_t page)
{
    for (uint32_t i = 0; i < engine->n_fetch_granted; i++)
        if (engine->fetch_granted[i] == page) {
            engine->fetch_granted[i] = engine->fetch_granted[--engine->n_fetch_granted];
            return true;
        }
    return false;
}

static bool has_sane_content(const struct gm_engine *engine, const struct gm_desc *desc)
{
    if (!(desc->flags & GM_DESC_CONTENT))
        return !(desc->flags & GM_DESC_FD);
    return desc->value < engine->plan->n_routes &&
           (!(desc->flags & GM_DESC_FD) ||
            engine->plan->routes[desc->value].kind == GM_ROUTE_SPLIT);
}

static bool segment_is_sane(const struct gm_engine *engine, const struct gm_desc *desc,
                            uint32_t *base)
{
    const struct gm_pool *pool = engine->arenas[GM_ARENA_FETCH];
    uint32_t lines_base;
    return desc->task >= engine->committed.task &&
           desc->task < engine->committed.task + N_TASK_SLOTS && is_next_segment(engine, desc) &&
           has_sane_content(engine, desc) &&
           gm_pool_holds(pool, desc->out_page, desc->out_bytes, &lines_base) &&
           gm_pool_holds(pool, desc->in_page, desc->in_bytes, base) && lines_base == *base &&
           desc->in_page == *base;
}

enum gm_status gm_units_segment(struct gm_engine *engine, const struct gm_desc *desc, int fd,
                                struct gm_err *err)
{
    uint32_t base;
    if (!segment_is_sane(engine, desc, &base) || !take_back(engine, base)) {
        gm_close(&fd);
        return gm_err_set(err, GM_INTERNAL, "the fetch process sent a malformed segment");
    }
    struct gm_task *task = task_open(engine, desc->task);
    struct gm_segment *segment = calloc(1, sizeof *segment);
    if (!task || !segment) {
        free(segment);
        return gm_err_set(err, task ? GM_NOMEM : GM_INTERNAL, "segment of task %llu out of place",
                          (unsigned long long)desc->task);
    }
    *segment = (struct gm_segment){.number = desc->segment,
                                   .row_first = desc->row_first,
                                   .row_count = desc->row_count,
                                   .last = (desc->flags & GM_DESC_LAST) != 0,
                                   .block_page = base,
                                   .block_refs = 1};
    if (task->last)
        task->last->next = segment;
    else
        task->first = segment;
    task->last = segment;
    enum gm_status status = add_lines(engine, segment, desc, err);
    if (status == GM_OK && desc->flags & GM_DESC_CONTENT)
        status = add_content(engine, segment, desc, fd, err);
    segment_block_unref(engine, segment);
    return status;
}

enum gm_status gm_units_emit(struct gm_engine *engine, struct gm_unit *container,
                             const struct gm_desc *desc, uint32_t arena, struct gm_err *err)
{
    uint32_t base;
    if (!gm_pool_holds(engine->arenas[arena], desc->out_page, desc->out_bytes, &base) ||
        base != desc->out_page || desc->value >= engine->plan->n_routes ||
        engine->plan->routes[desc->value].kind != GM_ROUTE_CHAIN ||
        desc->sub != container->n_emitted + 1)
        return gm_err_set(err, GM_INTERNAL, "a worker sent a malformed block");
    struct gm_unit *unit = unit_new(engine, container->owner, container->task, desc->sub);
    if (!unit)
        return gm_err_set(err, GM_NOMEM, "no memory for a block's state");
    container->n_emitted++;
    unit->route = (int)desc->value;
    unit->in = (struct gm_block_ref){arena, desc->out_page, desc->out_bytes, true};
    append(container->owner, unit);
    return gm_heap_push(&engine->ready[unit->route], unit, err);
}

void gm_units_container_done(struct gm_engine *engine, struct gm_unit *container)
{
    container->owner->container = NULL;
    gm_units_release_in(engine, container);
    engine->n_files -= container->fd >= 0;
    gm_close(&container->fd);
    engine->n_units--;
    free(container);
}

static void segment_free(struct gm_task *task)
{
    struct gm_segment *segment = task->first;
    GM_ASSERT(segment->block_refs == 0 && !segment->first && !segment->container);
    task->first = segment->next;
    if (!task->first)
        task->last = NULL;
    free(segment);
}

/* Steps the cursor over segments that have nothing more; frees them when it is the commit cursor.
 */
static bool step_over(struct gm_engine *engine, struct gm_cursor *cursor, struct gm_task *task,
                      struct gm_segment *segment)
{
    bool last = segment->last;
    if (segment->container || cursor->sub < segment->n_subs)
        return false;
    if (cursor == &engine->committed) {
        segment_free(task);
        if (last)
            *task = (struct gm_task){0};
    }
    *cursor = last ? (struct gm_cursor){cursor->task + 1, 0, 0}
                   : (struct gm_cursor){cursor->task, cursor->segment + 1, 0};
    return true;
}

struct gm_unit *gm_units_at(struct gm_engine *engine, struct gm_cursor *cursor)
{
    for (;;) {
        struct gm_task *task = &engine->tasks[cursor->task % N_TASK_SLOTS];
        if (!task->used || task->number != cursor->task)
            return NULL;
        struct gm_segment *segment = task->first;
        while (segment && segment->number < cursor->segment)
            segment = segment->next;
        if (!segment)
            return NULL;
        struct gm_unit *unit = segment->first;
        while (unit && unit->sub < cursor->sub)
            unit = unit->next;
        if (unit)
            return unit;
        if (!step_over(engine, cursor, task, segment))
            return NULL;
    }
}

void gm_units_free(struct gm_engine *engine, struct gm_unit *unit)
{
    struct gm_segment *segment = unit->owner;
    GM_ASSERT(segment->first == unit);
    gm_units_release_in(engine, unit);
    gm_units_release_out(engine, unit);
    segment->first = unit->next;
    if (!segment->first)
        segment->last_unit = NULL;
    engine->n_units--;
    free(unit->keys);
    free(unit);
}

void gm_units_fini(struct gm_engine *engine)
{
    for (uint32_t i = 0; i < N_TASK_SLOTS; i++) {
        struct gm_task *task = &engine->tasks[i];
        while (task->first) {
            struct gm_segment *segment = task->first;
            while (segment->first)
                gm_units_free(engine, segment->first);
            if (segment->container)
                gm_units_container_done(engine, segment->container);
            segment_free(task);
        }
    }
    for (uint32_t i = 0; i < GM_MAX_ROUTES; i++)
        free(engine->ready[i].units);
}
