/* The split of the budget. Two things are weighed against each other: how many workers, and how
 * much private memory each may use. Three levels of comfort say what one worker needs; `workers:
 * auto` takes as many as fit at the middle level and then the best level that still fits, an
 * explicit number takes the best level that fits it.
 *
 *      total = fixed + fetch heap + writer            processes that every run has
 *            + heaps                                  workers x what each may use
 *            + fetch arena + unpack and worker arenas  blocks of 256 and 384 KB, from the start
 *            + large                                  larger blocks, lent to whoever needs one
 */
#include "run/plan_parts.h"

#include "block.h"
#include "out.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MB ((uint64_t)1 << 20)

enum level { ROOMY, NORMAL, TIGHT, N_LEVELS };

#define UNPACK_BLOCKS    6
#define FETCH_BLOCKS_MIN 8
#define FETCH_BLOCKS_MAX 256
#define LARGE_MAX        (512 * MB) /* more would only be mapped, never used */
#define WORKERS_MAX      256

/* A decoded picture of 25 million pixels takes 100 MB with its gray copy; xz and 7z need their
 * dictionary, 64 MB at most in usual archives. What one worker gets at most decides which records
 * come out, so it hangs on max_record only, and never on the level. Of a chain's workers only one
 * at a time may have more than its share, and the others nothing meanwhile: dispatch.c. */
static const struct {
    const char *family;
    uint64_t heap_bytes[N_LEVELS];
    uint64_t most_bytes; /* and for each byte of max_record: */
    unsigned most_per_byte;
} heap_table[] = {
    {"text", {64 * MB, 32 * MB, 16 * MB}, 48 * MB, 26},
    {"image", {112 * MB, 64 * MB, 40 * MB}, 136 * MB, 4},
    {"unpack", {88 * MB, 40 * MB, 24 * MB}, 88 * MB, 2},
    {"files", {8 * MB, 8 * MB, 8 * MB}, 16 * MB, 4},
};

/* worker_blocks: what a worker can finish while the writer waits for a disk to sync; with six of
 * them all workers stood still in each commit. */
static const struct {
    uint64_t fixed, fetch_heap, writer, large_min;
    uint32_t worker_blocks;
} process_table[N_LEVELS] = {
    [ROOMY] = {10 * MB, 48 * MB, 16 * MB, 32 * MB, 24},
    [NORMAL] = {10 * MB, 40 * MB, 16 * MB, 32 * MB, 12},
    [TIGHT] = {8 * MB, 20 * MB, 8 * MB, 8 * MB, 6},
};

static const uint64_t block_classes[] = {GM_BLOCK_MAX_BYTES, 16 * MB, 4 * MB, 1 * MB};

static size_t heap_row(const char *family)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(heap_table); i++)
        if (strcmp(heap_table[i].family, family) == 0)
            return i;
    return 0;
}

/* What the stages of a route ask for, summed. */
struct stages_memory {
    uint64_t shared_bytes, worker_bytes;
};

static struct stages_memory stages_of(const struct gm_plan_route *route)
{
    struct stages_memory sum = {0, 0};
    for (uint32_t i = 0; i < route->n_stages; i++) {
        const struct gm_plan_stage *planned = &route->stages[i];
        sum.shared_bytes += planned->prepared.n_bytes;
        if (planned->stage->worker_bytes)
            sum.worker_bytes += planned->stage->worker_bytes(planned->opts);
    }
    return sum;
}

/* Private memory of one worker. */
static uint64_t heap_of(const struct gm_plan_route *route, enum level level)
{
    return heap_table[heap_row(route->family)].heap_bytes[level] + stages_of(route).worker_bytes;
}

static uint64_t limit_of(const struct gm_plan_route *route, uint64_t max_record_bytes)
{
    size_t row = heap_row(route->family);
    return heap_table[row].most_bytes + heap_table[row].most_per_byte * max_record_bytes +
           stages_of(route).worker_bytes;
}

/* Workers of one route when the chains have n: unpacking is cheaper than what follows, and keeping
 * files as they are is hardly any work. */
static uint32_t workers_of(const struct gm_plan_route *route, uint32_t n)
{
    if (route->kind == GM_ROUTE_SPLIT)
        return (n + 1) / 2;
    if (strcmp(route->family, "files") == 0)
        return n < 2 ? n : 2;
    return n;
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Connections of the fetcher, for the size of what each may hold. */
static uint64_t connections_of(const struct gm_plan *plan)
{
    const struct gm_opt *opt = gm_opt_find(plan->fetcher->opts, "connections");
    if (!opt || opt->type != GM_OPT_U64)
        return 64;
    uint64_t n;
    memcpy(&n, (const char *)plan->fetch_opts + opt->offset, sizeof n);
    return n ? n : 1;
}

/* Everything but the large region; the sum is what this choice needs without it. */
static uint64_t lay_out(const struct gm_plan *plan, uint32_t n, enum level level,
                        struct gm_memory_plan *memory)
{
    uint32_t n_workers = 0, n_unpack = 0;
    *memory = (struct gm_memory_plan){.total = plan->job.memory_bytes,
                                      .fixed = process_table[level].fixed,
                                      .fetch_heap = process_table[level].fetch_heap,
                                      .writer = process_table[level].writer,
                                      .worker_blocks = process_table[level].worker_blocks,
                                      .unpack_blocks = UNPACK_BLOCKS};
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *route = &plan->routes[i];
        uint32_t n_route = workers_of(route, n);
        memory->heaps += n_route * heap_of(route, level);
        memory->fixed += stages_of(route).shared_bytes;
        *(route->kind == GM_ROUTE_SPLIT ? &n_unpack : &n_workers) += n_route;
    }
    memory->fetch_blocks =
        (uint32_t)clamp(memory->total / 32 / GM_BLOCK_BYTES, FETCH_BLOCKS_MIN, FETCH_BLOCKS_MAX);
    memory->fetch_arena = (uint64_t)memory->fetch_blocks * GM_BLOCK_BYTES;
    memory->worker_arena = (uint64_t)memory->worker_blocks * GM_OUT_BLOCK_BYTES;
    memory->unpack_arena = (uint64_t)memory->unpack_blocks * GM_BLOCK_BYTES;
    return memory->fixed + memory->fetch_heap + memory->writer + memory->heaps +
           memory->fetch_arena + n_workers * memory->worker_arena + n_unpack * memory->unpack_arena;
}

/* The class that holds one record of max_record with its tables and names. It hangs on nothing but
 * that option, so that memory and workers do not decide which records come out. */
static uint64_t largest_block(const struct gm_plan *plan)
{
    uint64_t wanted = plan->job.max_record_bytes + plan->job.max_record_bytes / 16;
    for (size_t i = GM_ARRAY_LEN(block_classes); i-- > 0;)
        if (wanted <= block_classes[i])
            return block_classes[i];
    return block_classes[0];
}

/* One such block on its way in and one on its way out. */
static uint64_t large_min(const struct gm_plan *plan, enum level level)
{
    uint64_t two = 2 * largest_block(plan);
    return two > process_table[level].large_min ? two : process_table[level].large_min;
}

/* true: fits, and *memory is complete. */
static bool try_split(const struct gm_plan *plan, uint32_t n, enum level level,
                      struct gm_memory_plan *memory)
{
    uint64_t needed = lay_out(plan, n, level, memory);
    if (needed + large_min(plan, level) > memory->total)
        return false;
    memory->large = memory->total - needed;
    if (memory->large > LARGE_MAX)
        memory->large = LARGE_MAX;
    memory->max_block_bytes = largest_block(plan);
    /* Two thirds of the fetch heap for bodies on their way, one for everything else. */
    memory->inline_bytes =
        clamp(memory->fetch_heap * 2 / 3 / connections_of(plan), 16 * 1024, MB) & ~(uint64_t)4095;
    return true;
}

static uint64_t least_memory(const struct gm_plan *plan, uint32_t n)
{
    struct gm_memory_plan memory;
    uint64_t needed = lay_out(plan, n, TIGHT, &memory) + large_min(plan, TIGHT);
    return (needed + MB - 1) / MB;
}

/* The best level that fits n workers; N_LEVELS: none. */
static enum level best_level(const struct gm_plan *plan, uint32_t n, struct gm_memory_plan *memory)
{
    enum level level = ROOMY;
    while (level < N_LEVELS && !try_split(plan, n, level, memory))
        level++;
    return level;
}

static void too_little(struct gm_planner *planner, uint32_t n, bool is_auto)
{
    char hint[96];
    const char *key = !is_auto && gm_node_find(planner->root, "workers") ? "workers" : "memory";
    const struct gm_node *node = gm_node_find(planner->root, key);
    struct gm_place start = gm_plan_start(planner);
    snprintf(hint, sizeof hint, "set memory: %lluMB%s, or a smaller max_record",
             (unsigned long long)least_memory(planner->plan, n), n > 1 ? ", or fewer workers" : "");
    char bytes[GM_NUM_TEXT_BYTES];
    gm_plan_mistake(planner, node ? &node->place : &start, hint,
                    "%s of memory cannot carry %u worker%s for each chain of this job",
                    gm_format_bytes(planner->plan->job.memory_bytes, bytes), n, n == 1 ? "" : "s");
}

/* Number of workers; 0 after a mistake. */
static uint32_t wanted_workers(struct gm_planner *planner, bool *is_auto)
{
    const char *text = planner->plan->job.workers;
    const struct gm_node *node = gm_node_find(planner->root, "workers");
    uint64_t n = 0;
    *is_auto = !text || strcmp(text, "auto") == 0;
    if (*is_auto)
        return planner->plan->n_cpus < WORKERS_MAX ? planner->plan->n_cpus : WORKERS_MAX;
    if (gm_parse_u64(text, strlen(text), &n, NULL) == GM_OK && n >= 1 && n <= WORKERS_MAX)
        return (uint32_t)n;
    GM_ASSERT(node); /* the default is auto */
    if (node->kind == GM_NODE_SCALAR)
        gm_plan_mistake(planner, &node->place, NULL,
                        "workers: expected auto or a number from 1 to %d, not \"%s\"", WORKERS_MAX,
                        text);
    return 0;
}

static void check_machine(struct gm_planner *planner)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    const struct gm_node *node = gm_node_find(planner->root, "memory");
    if (pages <= 0 || page_bytes <= 0)
        return;
    uint64_t machine = (uint64_t)pages * (uint64_t)page_bytes;
    if (planner->plan->job.memory_bytes <= machine)
        return;
    char wanted[GM_NUM_TEXT_BYTES], has[GM_NUM_TEXT_BYTES];
    struct gm_place start = gm_plan_start(planner);
    gm_plan_mistake(planner, node ? &node->place : &start, "leave some for the system",
                    "memory: %s is more than the %s of this machine",
                    gm_format_bytes(planner->plan->job.memory_bytes, wanted),
                    gm_format_bytes(machine, has));
}

static void finish(struct gm_plan *plan, uint32_t n, enum level level)
{
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        plan->routes[i].n_workers = workers_of(&plan->routes[i], n);
        plan->routes[i].heap_bytes = heap_of(&plan->routes[i], level);
        plan->routes[i].limit_bytes = limit_of(&plan->routes[i], plan->job.max_record_bytes);
    }
}

void gm_plan_split_memory(struct gm_planner *planner)
{
    struct gm_plan *plan = planner->plan;
    bool is_auto;
    uint32_t n = wanted_workers(planner, &is_auto);
    check_machine(planner);
    if (n == 0 || plan->n_routes == 0 || !plan->fetch_opts)
        return;
    while (is_auto && n > 1 && !try_split(plan, n, NORMAL, &plan->memory))
        n--;
    enum level level = best_level(plan, n, &plan->memory);
    if (level == N_LEVELS)
        too_little(planner, n, is_auto);
    else
        finish(plan, n, level);
}

uint64_t gm_plan_spare_bytes(const struct gm_plan_route *route)
{
    return route->kind == GM_ROUTE_CHAIN && route->limit_bytes > route->heap_bytes
               ? route->limit_bytes - route->heap_bytes
               : 0;
}
