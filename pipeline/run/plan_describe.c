/* The plan in words, for `gristmill check`: what goes in, which way it goes, what each record
 * will hold, and where the memory goes. Plain ASCII, at most 100 columns where names allow it. */
#include "run/plan.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

static void print_bytes(struct gm_buf *text, const char *label, uint64_t bytes, const char *note)
{
    char amount[GM_NUM_TEXT_BYTES];
    gm_buf_printf(text, "  %-22s %10s%s%s\n", label, gm_format_bytes(bytes, amount),
                  *note ? "   " : "", note);
}

static void describe_head(const struct gm_plan *plan, struct gm_buf *text)
{
    char hex[GM_SHA256_HEX_BYTES];
    gm_buf_printf(text, "job        %s (%s)\n", plan->job.job, plan->file);
    gm_buf_printf(text, "out        %s\n", plan->job.out);
    gm_buf_printf(text, "digest     %.16s\n", gm_sha256_hex(plan->config_digest, hex));
}

static void print_scalar_option(struct gm_buf *text, const struct gm_opt *opt, const void *values)
{
    const void *field = (const char *)values + opt->offset;
    if (opt->type == GM_OPT_STRING) {
        const char *value = *(char *const *)field;
        gm_buf_text(text, value ? value : "");
    } else if (opt->type == GM_OPT_LIST) {
        const struct gm_opt_list *list = field;
        for (size_t i = 0; i < list->n_items; i++)
            gm_buf_printf(text, "%s%s", i ? ", " : "", list->items[i]);
    }
}

static void describe_sources(const struct gm_plan *plan, struct gm_buf *text)
{
    for (uint32_t i = 0; i < plan->n_sources; i++) {
        const struct gm_plan_source *source = &plan->sources[i];
        gm_buf_printf(text, "%-10s %s: ", i == 0 ? "sources" : "", source->lister->name);
        print_scalar_option(text, &source->lister->opts[0], source->opts);
        gm_buf_char(text, '\n');
    }
}

static void describe_chain(const struct gm_plan *plan, const struct gm_plan_route *route,
                           struct gm_buf *text)
{
    for (uint32_t k = 0; k < route->n_stages; k++)
        gm_buf_printf(text, "%s%s%s", k ? " > " : "", route->stages[k].stage->name,
                      (int)k == route->gate_stage ? " (in order)" : "");
    gm_buf_printf(text, "%s-->", route->n_stages ? " " : "");
    for (uint32_t k = 0; k < route->n_sinks; k++)
        gm_buf_printf(text, "%s %s", k ? "," : "", plan->sinks[route->sinks[k]].sink->name);
}

/*    fetch -+-> unpack x1   members go to text, image
 *           +-> text   x2   extract > utf8 > stats --> records   */
static void describe_routes(const struct gm_plan *plan, struct gm_buf *text)
{
    gm_buf_text(text, "\nroutes\n");
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *route = &plan->routes[i];
        const char *stem = plan->n_routes == 1 ? "fetch --->"
                           : i == 0            ? "fetch -+->"
                                               : "       +->";
        gm_buf_printf(text, "  %s %-6s x%-3u ", stem, route->family, route->n_workers);
        if (route->kind == GM_ROUTE_SPLIT)
            gm_buf_text(text, "archives and JSON Lines; members go to the routes above");
        else
            describe_chain(plan, route, text);
        gm_buf_char(text, '\n');
    }
}

static void describe_media(const struct gm_plan *plan, struct gm_buf *text)
{
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const char *separator = "";
        gm_buf_printf(text, "  %-6s takes ", plan->routes[i].family);
        for (int media = 0; media < GM_MEDIA_COUNT; media++) {
            if (plan->route_of_media[media] != (int)i)
                continue;
            gm_buf_printf(text, "%s%s", separator, gm_media_name((enum gm_media)media));
            separator = " ";
        }
        gm_buf_char(text, '\n');
    }
}

/* Hidden, or shadowed by a later column of the same name. */
static bool is_unseen(const struct gm_plan_route *route, uint32_t column)
{
    for (uint32_t k = column + 1; k < route->n_columns; k++)
        if (strcmp(route->columns[k]->name, route->columns[column]->name) == 0)
            return true;
    return route->columns[column]->flags & GM_COLUMN_HIDDEN;
}

static void describe_columns(const struct gm_plan *plan, struct gm_buf *text)
{
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *route = &plan->routes[i];
        if (route->kind == GM_ROUTE_SPLIT)
            continue;
        gm_buf_printf(text, "\ncolumns of %s\n", route->family);
        unsigned n_line = 0;
        for (uint32_t k = 0; k < route->n_columns; k++) {
            if (is_unseen(route, k))
                continue;
            gm_buf_printf(text, "%s%s", n_line ? " " : "  ", route->columns[k]->name);
            n_line += (unsigned)strlen(route->columns[k]->name) + 1;
            if (n_line > 80) {
                gm_buf_char(text, '\n');
                n_line = 0;
            }
        }
        if (n_line)
            gm_buf_char(text, '\n');
    }
}

static void describe_heaps(const struct gm_plan *plan, struct gm_buf *text)
{
    char note[96], amount[GM_NUM_TEXT_BYTES], most[GM_NUM_TEXT_BYTES];
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *route = &plan->routes[i];
        snprintf(note, sizeof note, "%u x %s of private memory, %s for a large record",
                 route->n_workers, gm_format_bytes(route->heap_bytes, amount),
                 gm_format_bytes(route->limit_bytes, most));
        print_bytes(text, route->family, route->n_workers * route->heap_bytes, note);
    }
}

static void count_workers(const struct gm_plan *plan, uint64_t *n_unpack, uint64_t *n_chain)
{
    *n_unpack = *n_chain = 0;
    for (uint32_t i = 0; i < plan->n_routes; i++)
        *(plan->routes[i].kind == GM_ROUTE_SPLIT ? n_unpack : n_chain) += plan->routes[i].n_workers;
}

static void describe_memory(const struct gm_plan *plan, struct gm_buf *text)
{
    const struct gm_memory_plan *memory = &plan->memory;
    char note[96], amount[GM_NUM_TEXT_BYTES];
    uint64_t n_unpack, n_chain;
    count_workers(plan, &n_unpack, &n_chain);
    uint64_t blocks =
        memory->fetch_arena + n_unpack * memory->unpack_arena + n_chain * memory->worker_arena;
    uint64_t used = memory->fixed + memory->fetch_heap + memory->writer + memory->heaps + blocks +
                    memory->large;
    gm_buf_text(text, "\nmemory\n");
    print_bytes(text, "supervisor", memory->fixed, "");
    snprintf(note, sizeof note, "bodies up to %s travel inline",
             gm_format_bytes(memory->inline_bytes, amount));
    print_bytes(text, "fetch", memory->fetch_heap, note);
    describe_heaps(plan, text);
    print_bytes(text, "write", memory->writer, "");
    snprintf(note, sizeof note,
             "of 256 KB: %u from fetch, %u for each unpack; of 384 KB: %u for each worker",
             memory->fetch_blocks, memory->unpack_blocks, memory->worker_blocks);
    print_bytes(text, "blocks", blocks, note);
    snprintf(note, sizeof note, "for larger blocks, up to %s",
             gm_format_bytes(memory->max_block_bytes, amount));
    print_bytes(text, "large", memory->large, note);
    if (memory->total > used)
        print_bytes(text, "not needed", memory->total - used, "");
    snprintf(note, sizeof note, "a record may have %s",
             gm_format_bytes(plan->job.max_record_bytes, amount));
    print_bytes(text, "budget", memory->total, note);
}

/* Says so if the memory and not the CPUs decided how many workers there are. */
static void describe_workers(const struct gm_plan *plan, struct gm_buf *text)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (plan->routes[i].kind == GM_ROUTE_CHAIN && plan->routes[i].n_workers > n)
            n = plan->routes[i].n_workers;
    bool files = plan->n_routes == 1 && strcmp(plan->routes[0].family, "files") == 0;
    gm_buf_printf(text, "workers    %s, %u CPUs usable", plan->job.workers, plan->n_cpus);
    if (strcmp(plan->job.workers, "auto") == 0 && n < plan->n_cpus && !files)
        gm_buf_printf(text, "; the memory carries %u for each chain (raise `memory` for more)", n);
    gm_buf_char(text, '\n');
}

void gm_plan_describe(const struct gm_plan *plan, struct gm_buf *text)
{
    describe_head(plan, text);
    describe_workers(plan, text);
    describe_sources(plan, text);
    describe_routes(plan, text);
    describe_media(plan, text);
    describe_columns(plan, text);
    describe_memory(plan, text);
}
