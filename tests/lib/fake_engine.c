/* See fake_engine.h. */
#include "fake_engine.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define LINES_AT (GM_BLOCK_BYTES - 65536u)

static struct gm_pool *make_arena(struct gm_engine *engine, uint32_t n_small)
{
    const struct gm_pool_size size = {n_small, GM_BLOCK_BYTES, engine->plan->memory.large};
    struct gm_pool *pool = calloc(1, sizeof *pool);
    GM_ASSERT(pool && gm_pool_create("fake", &size, &engine->large, pool, NULL) == GM_OK);
    return pool;
}

static void make_slot(struct fake_engine *fake, uint32_t index, uint32_t route)
{
    struct gm_slot *slot = &fake->engine->slots[index];
    *slot = (struct gm_slot){.route = route,
                             .index = index,
                             .arena = index + 1,
                             .state = GM_SLOT_UP,
                             .child = GM_CHILD_INIT};
    snprintf(slot->title, sizeof slot->title, "fake.%u", index);
    slot->setup = (struct gm_worker_setup){.plan = fake->plan,
                                           .route = route,
                                           .link = &slot->link,
                                           .arenas = fake->engine->arenas,
                                           .n_arenas = fake->engine->n_arenas,
                                           .own_arena = slot->arena};
    GM_ASSERT(gm_link_open(slot->title, &slot->link, NULL) == GM_OK);
    gm_link_attach_child(&slot->link, &fake->workers[index]);
}

void fake_engine_open(struct fake_engine *fake, uint32_t n_text, uint32_t n_unpack,
                      uint32_t n_small)
{
    const struct fake_sizes sizes = {n_text, n_unpack, n_small, 64};
    fake_engine_open_sized(fake, &sizes);
}

void fake_engine_open_sized(struct fake_engine *fake, const struct fake_sizes *sizes)
{
    uint32_t n_text = sizes->n_text, n_unpack = sizes->n_unpack;
    memset(fake, 0, sizeof *fake);
    struct gm_engine *engine = fake->engine = calloc(1, sizeof *engine);
    GM_ASSERT(engine && n_text + n_unpack <= FAKE_MAX_SLOTS);
    engine->plan = fake->plan = fake_plan();
    fake->plan->n_cpus = n_text + n_unpack;
    engine->n_slots = n_text + n_unpack;
    engine->n_arenas = engine->n_slots + 1;
    engine->arenas = calloc(engine->n_arenas, sizeof *engine->arenas);
    engine->slots = calloc(engine->n_slots, sizeof *engine->slots);
    GM_ASSERT(engine->arenas && engine->slots);
    engine->large = (struct gm_large_budget){.limit_bytes = fake->plan->memory.large,
                                             .reserve_bytes = fake->plan->memory.max_block_bytes,
                                             .pools = engine->arenas,
                                             .n_pools = engine->n_arenas};
    for (uint32_t i = 0; i < engine->n_arenas; i++)
        engine->arenas[i] =
            make_arena(engine, i == GM_ARENA_FETCH ? sizes->n_fetch : sizes->n_small);
    for (uint32_t i = 0; i < engine->n_slots; i++)
        make_slot(fake, i, i < n_text ? ROUTE_TEXT : ROUTE_UNPACK);
    GM_ASSERT(gm_link_open("fetch", &engine->fetch_link, NULL) == GM_OK);
    GM_ASSERT(gm_link_open("write", &engine->writer_link, NULL) == GM_OK);
    gm_link_attach_child(&engine->fetch_link, &fake->fetch);
    gm_link_attach_child(&engine->writer_link, &fake->writer);
    gm_gate_init(&engine->gate, 64u << 20);
    engine->n_tasks = UINT64_MAX;
    engine->signal_fd = -1;
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    engine->fetch = engine->writer = (struct gm_child)GM_CHILD_INIT;
    engine->moved_ms = gm_now_ms();
}

void fake_engine_resume(struct fake_engine *fake, uint64_t task, uint32_t segment, uint32_t sub)
{
    struct gm_engine *engine = fake->engine;
    engine->resume = (struct gm_cursor){task, segment, sub};
    engine->gate_at = engine->sent = engine->committed = engine->resume;
    engine->durable_task = engine->head_sent = engine->durable_sent = task;
}

void fake_engine_close(struct fake_engine *fake)
{
    struct gm_engine *engine = fake->engine;
    gm_units_fini(engine);
    GM_ASSERT(gm_pool_in_use(engine->arenas[GM_ARENA_FETCH]) == engine->n_fetch_granted);
    for (uint32_t i = 0; i < engine->n_slots; i++) {
        gm_child_kill(&engine->slots[i].child, NULL);
        GM_ASSERT(gm_pool_in_use(engine->arenas[engine->slots[i].arena]) ==
                  engine->slots[i].n_granted);
    }
    for (uint32_t i = 0; i < engine->n_received; i++)
        gm_close(&engine->received[i].fd);
    gm_engine_free_shared(engine);
    gm_gate_free(&engine->gate);
    gm_close(&engine->epoll_fd);
    free(engine);
    free(fake->plan);
}

enum gm_status fake_engine_turn(struct fake_engine *fake)
{
    struct gm_engine *engine = fake->engine;
    enum gm_status status = GM_OK;
    bool any = true;
    while (any && status == GM_OK) {
        status = gm_take_messages(engine, &any, &fake->err);
        if (status == GM_OK)
            status = gm_commit(engine, &fake->err);
        if (status == GM_OK)
            status = gm_dispatch(engine, &fake->err);
    }
    return status;
}

static uint32_t put_lines(uint8_t *data, uint32_t n_rows)
{
    struct gm_out out;
    gm_out_init(&out);
    gm_out_reset(&out);
    out.stream = GM_STREAM_ITEMS;
    GM_ASSERT(gm_out_part(&out, NULL, "{}\n", 3, n_rows, NULL) == GM_OK &&
              gm_out_finish(&out, NULL) == GM_OK);
    uint32_t n_bytes = (uint32_t)out.bytes.n_bytes;
    memcpy(data, out.bytes.data, n_bytes);
    gm_out_free(&out);
    return n_bytes;
}

static uint32_t put_rows(const struct fake_engine *fake, uint8_t *data, uint32_t n_rows,
                         bool members)
{
    uint64_t item = members ? 0 : fake->next_item;
    struct gm_block_builder builder;
    gm_block_builder_init(&builder);
    gm_block_start(&builder, data, LINES_AT);
    for (uint32_t i = 0; i < n_rows; i++) {
        const struct gm_row row = {.item = members ? item : item + i,
                                   .member = members ? i : UINT64_MAX,
                                   .media = GM_MEDIA_TEXT,
                                   .source = {(const uint8_t *)"src", 3}};
        GM_ASSERT(gm_block_row_begin(&builder, &row) == GM_OK);
        const char *body = fake->bodies ? fake->bodies[i] : "body";
        GM_ASSERT(gm_block_row_body(&builder, body, strlen(body)) == GM_OK);
        GM_ASSERT(gm_block_row_end(&builder, GM_REASON_NONE, NULL) == GM_OK);
    }
    uint32_t n_bytes = (uint32_t)gm_block_seal(&builder);
    gm_block_builder_free(&builder);
    return n_bytes;
}

struct gm_desc fake_segment(struct fake_engine *fake, struct fake_place place, int route,
                            uint32_t n_rows)
{
    struct gm_engine *engine = fake->engine;
    struct gm_pool *pool = engine->arenas[GM_ARENA_FETCH];
    struct gm_span span;
    GM_ASSERT(gm_pool_take(pool, GM_BLOCK_BYTES, GM_POOL_INPUT, &span, NULL) == GM_OK);
    GM_ASSERT(engine->n_fetch_granted < GM_MAX_GRANTED); /* turn the engine in between */
    engine->fetch_granted[engine->n_fetch_granted++] = span.page;
    uint8_t *data = gm_pool_data(pool, span.page);
    struct gm_desc desc = {.kind = GM_DESC_SEGMENT,
                           .task = place.task,
                           .segment = place.segment,
                           .in_page = span.page,
                           .out_page = span.page + LINES_AT / GM_PAGE_BYTES,
                           .row_count = n_rows};
    desc.flags = place.last == LAST ? GM_DESC_LAST : 0;
    desc.out_bytes = put_lines(data + LINES_AT, n_rows);
    if (route != FAKE_NO_ROUTE) {
        desc.flags |= GM_DESC_CONTENT;
        desc.value = (uint32_t)route;
        desc.in_bytes = put_rows(fake, data, n_rows, false);
    }
    fake->next_item += n_rows;
    return desc;
}

void fake_engine_feed(struct fake_engine *fake, struct fake_place place, int route, uint32_t n_rows)
{
    struct gm_desc desc = fake_segment(fake, place, route, n_rows);
    fake_say(&fake->fetch, &desc);
}

bool fake_hear(struct gm_port *port, struct gm_desc *desc)
{
    enum gm_status status = gm_port_pop(port, desc, NULL);
    gm_port_release(port);
    GM_ASSERT(status == GM_OK || status == GM_AGAIN);
    return status == GM_OK;
}

void fake_say(struct gm_port *port, const struct gm_desc *desc)
{
    GM_ASSERT(gm_port_push(port, desc, NULL) == GM_OK);
    gm_port_publish(port);
}

void fake_worker_done(struct fake_engine *fake, uint32_t slot, const struct gm_desc *lease,
                      const uint8_t *keys, uint32_t n_rows)
{
    static const uint8_t zeros[64 * GM_GATE_KEY_BYTES];
    struct gm_engine *engine = fake->engine;
    struct gm_desc done = *lease;
    done.kind = GM_DESC_DONE;
    done.out_bytes = 0;
    if (!(lease->flags & GM_DESC_PROBE) && lease->out_bytes > 0) {
        struct gm_out out;
        bool hop1 = (lease->flags & GM_DESC_HOP1) != 0;
        gm_out_init(&out);
        gm_out_reset(&out);
        for (uint32_t i = 0; i < n_rows && !hop1; i++)
            gm_out_count(&out, GM_REASON_NONE);
        out.stream = hop1 ? GM_STREAM_KEYS : GM_STREAM_FIRST_SINK;
        GM_ASSERT(gm_out_part(&out, NULL, keys ? keys : zeros, n_rows * GM_GATE_KEY_BYTES, 0,
                              NULL) == GM_OK &&
                  gm_out_finish(&out, NULL) == GM_OK);
        uint8_t *data = gm_pool_data(engine->arenas[engine->slots[slot].arena], lease->out_page);
        memcpy(data, out.bytes.data, out.bytes.n_bytes);
        done.out_bytes = (uint32_t)out.bytes.n_bytes;
        gm_out_free(&out);
    }
    fake_say(&fake->workers[slot], &done);
}

void fake_worker_emit(struct fake_engine *fake, uint32_t slot, const struct gm_desc *lease,
                      uint32_t sub, uint32_t n_rows)
{
    struct gm_desc desc = {.kind = GM_DESC_NEED, .lease = lease->lease, .value = GM_BLOCK_BYTES};
    fake_say(&fake->workers[slot], &desc);
    GM_ASSERT(fake_engine_turn(fake) == GM_OK);
    GM_ASSERT(fake_hear(&fake->workers[slot], &desc) && desc.kind == GM_DESC_GRANT);
    struct gm_pool *pool = fake->engine->arenas[fake->engine->slots[slot].arena];
    desc = (struct gm_desc){.kind = GM_DESC_EMIT,
                            .value = ROUTE_TEXT,
                            .lease = lease->lease,
                            .sub = sub,
                            .out_page = desc.out_page,
                            .row_count = n_rows};
    desc.out_bytes = put_rows(fake, gm_pool_data(pool, desc.out_page), n_rows, true);
    fake_say(&fake->workers[slot], &desc);
    GM_ASSERT(fake_engine_turn(fake) == GM_OK);
}

bool fake_writer_write(struct fake_engine *fake, struct gm_desc *desc)
{
    if (!fake_hear(&fake->writer, desc))
        return false;
    GM_ASSERT(desc->kind == GM_DESC_WRITE || desc->kind == GM_DESC_WRITE_SPILLED);
    struct gm_desc written = *desc;
    written.kind = GM_DESC_WRITTEN;
    fake_say(&fake->writer, &written);
    return true;
}
