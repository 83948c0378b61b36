/* Fuzz target: the supervisor's messages. The input is a row of descriptors from workers, fetch and
 * the writer, with numbers that are likely to mean something, over a state made by hand. Whatever a
 * worker says is survived; fetch and the writer may end the run with an error, and nobody may crash
 * it, lose a block or free one twice. */
#include "fake_engine.h"

#include "base/log.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

enum { N_TEXT = 1, N_UNPACK = 1, MAX_MESSAGES = 200 };

struct input {
    const uint8_t *data;
    size_t n_bytes, at;
};

static uint32_t next(struct input *input)
{
    return input->at < input->n_bytes ? input->data[input->at++] : 0;
}

/* One of the numbers that mean something, or near it. */
static uint64_t pick(struct input *input, const uint64_t *numbers, size_t n)
{
    static const uint64_t edges[] = {
        0, 1, 2, GM_BLOCK_BYTES, UINT32_MAX, UINT64_MAX, 1ull << 31, 4u << 20, 100};
    uint32_t choice = next(input);
    if (choice < 160 && n > 0)
        return numbers[choice % n];
    if (choice < 224)
        return edges[choice % GM_ARRAY_LEN(edges)];
    return next(input) | next(input) << 8;
}

/* Pages of blocks that somebody was given. */
static size_t known_pages(const struct fake_engine *fake, uint32_t who, uint64_t pages[40])
{
    const struct gm_engine *engine = fake->engine;
    size_t n = 0;
    for (uint32_t i = 0; who < engine->n_slots && i < engine->slots[who].n_granted; i++)
        pages[n++] = engine->slots[who].granted[i];
    for (uint32_t i = 0; who < engine->n_slots && i < engine->slots[who].n_leases; i++)
        pages[n++] = engine->slots[who].leases[i]->out.page;
    for (uint32_t i = 0; who >= engine->n_slots && i < engine->n_fetch_granted; i++)
        pages[n++] = engine->fetch_granted[i];
    return n;
}

static size_t known_leases(const struct fake_engine *fake, uint64_t leases[40])
{
    const struct gm_engine *engine = fake->engine;
    size_t n = 0;
    for (uint32_t s = 0; s < engine->n_slots; s++)
        for (uint32_t i = 0; i < engine->slots[s].n_leases; i++)
            leases[n++] = engine->slots[s].leases[i]->lease;
    for (size_t i = 0; i < GM_ARRAY_LEN(engine->in_writer) && n < 36; i++)
        if (engine->in_writer[i])
            leases[n++] = engine->in_writer[i]->id;
    return n;
}

static struct gm_desc make_desc(struct fake_engine *fake, struct input *input, uint32_t who)
{
    static const uint64_t kinds[] = {GM_DESC_DONE,    GM_DESC_NEED,      GM_DESC_EMIT,
                                     GM_DESC_SEGMENT, GM_DESC_END,       GM_DESC_WRITTEN,
                                     GM_DESC_SPILLED, GM_DESC_COMMITTED, GM_DESC_FINISHED};
    static const uint64_t values[] = {ROUTE_TEXT, ROUTE_UNPACK, GM_NO_LIMIT, GM_BLOCK_BYTES,
                                      300000};
    uint64_t pages[40], leases[40], small[] = {0, 1, 2, fake->engine->committed.segment};
    const struct gm_cursor *at = &fake->engine->committed;
    uint64_t tasks[] = {at->task, at->task + 1, at->task + GM_TASK_WINDOW};
    size_t n_pages = known_pages(fake, who, pages);
    struct gm_desc desc = {.kind = (uint16_t)pick(input, kinds, GM_ARRAY_LEN(kinds)),
                           .flags = (uint16_t)(next(input) & 0x3f)};
    desc.value = (uint32_t)pick(input, values, GM_ARRAY_LEN(values));
    desc.lease = pick(input, leases, known_leases(fake, leases));
    desc.task = pick(input, tasks, GM_ARRAY_LEN(tasks));
    desc.segment = (uint32_t)pick(input, small, GM_ARRAY_LEN(small));
    desc.sub = (uint32_t)pick(input, small, GM_ARRAY_LEN(small));
    desc.in_page = desc.out_page = (uint32_t)pick(input, pages, n_pages);
    desc.in_bytes = desc.out_bytes = (uint32_t)pick(input, values, GM_ARRAY_LEN(values));
    return desc;
}

/* Something that a worker with this lease may well say. */
static void make_proper(const struct gm_slot *slot, struct gm_desc *desc)
{
    static const uint16_t kinds[] = {GM_DESC_DONE, GM_DESC_NEED, GM_DESC_EMIT, GM_DESC_NEED};
    const struct gm_unit *unit = slot->leases[0];
    desc->kind = kinds[desc->sub % GM_ARRAY_LEN(kinds)];
    desc->lease = unit->lease;
    desc->sub = unit->n_emitted + 1;
    desc->out_page = unit->out.page;
    if (desc->kind == GM_DESC_NEED)
        desc->value = desc->value % 8 ? 1000 : 1000000;
    if (desc->kind == GM_DESC_EMIT && slot->n_granted > 0) {
        desc->value = ROUTE_TEXT;
        desc->out_page = slot->granted[0];
    }
}

/* What a child says; most of it by chance, some of it as it should be. */
static void speak(struct fake_engine *fake, struct input *input, uint32_t who)
{
    struct gm_engine *engine = fake->engine;
    struct gm_desc desc = make_desc(fake, input, who);
    bool proper = next(input) % 4 == 0;
    struct gm_port *port = who < engine->n_slots    ? &fake->workers[who]
                           : who == engine->n_slots ? &fake->fetch
                                                    : &fake->writer;
    if (port == &fake->fetch && proper && engine->n_fetch_granted < GM_MAX_GRANTED &&
        engine->arenas[0]->n_free > 0) {
        struct fake_place place = {engine->committed.task, engine->committed.segment,
                                   desc.flags & 1 ? LAST : MORE};
        desc = fake_segment(fake, place, (int)desc.sub % 3 - 1, 1 + desc.flags % 4);
    } else if (proper && who < engine->n_slots && engine->slots[who].n_leases > 0) {
        make_proper(&engine->slots[who], &desc);
    } else if (proper && port == &fake->writer) {
        for (size_t i = 0; i < GM_ARRAY_LEN(engine->in_writer); i++)
            if (engine->in_writer[i])
                desc.lease = engine->in_writer[i]->id;
        desc.kind = GM_DESC_WRITTEN;
    }
    gm_port_push(port, &desc, NULL);
    gm_port_publish(port);
}

/* The children's ears: rings must not stay full. */
static void hear_all(struct fake_engine *fake)
{
    struct gm_desc desc;
    for (uint32_t i = 0; i < fake->engine->n_slots; i++)
        while (fake_hear(&fake->workers[i], &desc))
            continue;
    while (fake_hear(&fake->fetch, &desc) || fake_hear(&fake->writer, &desc))
        continue;
}

static void ignore_line(void *context, enum gm_log_level level, const char *line, size_t n_bytes)
{
    (void)context;
    (void)level;
    (void)line;
    (void)n_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct input input = {data, n_bytes, 0};
    struct fake_engine fake;
    gm_log_redirect(ignore_line, NULL);
    const struct fake_sizes sizes = {N_TEXT, N_UNPACK, GM_MAX_GRANTED + 2, 6};
    fake_engine_open_sized(&fake, &sizes);
    bool all = next(&input) & 1; /* else only workers are beside themselves */
    fake_engine_feed(&fake, (struct fake_place){0, 0, MORE}, ROUTE_UNPACK, 1);
    fake_engine_feed(&fake, (struct fake_place){0, 1, MORE}, ROUTE_TEXT, 3);
    fake_engine_feed(&fake, (struct fake_place){0, 2, LAST}, ROUTE_TEXT, 3);
    enum gm_status status = fake_engine_turn(&fake);
    GM_ASSERT(status == GM_OK);
    for (int i = 0; i < MAX_MESSAGES && input.at < input.n_bytes && status == GM_OK; i++) {
        uint32_t who = next(&input) % (fake.engine->n_slots + (all ? 2 : 0));
        speak(&fake, &input, who);
        if (next(&input) % 4 == 0)
            status = gm_spill_waiting(fake.engine, &fake.err);
        if (status == GM_OK)
            status = fake_engine_turn(&fake);
        hear_all(&fake);
        for (uint32_t slot = 0; slot < fake.engine->n_slots; slot++)
            fake.engine->slots[slot].broken = false; /* as if its successor went on like that */
        GM_ASSERT(status == GM_OK || all);
        GM_ASSERT(status != GM_AGAIN && status != GM_END);
    }
    fake_engine_close(&fake);
    return 0;
}
