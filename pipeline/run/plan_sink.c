/* The output side: the sinks, which route each of them ends, and which route takes which kind of
 * file.
 *
 * A sink of the family "files" (bodies) takes everything as it came: such a job has one route and
 * neither unpacks nor looks inside. Otherwise containers go to the route "unpack", whose members
 * come back to the chains, and every chain ends at least in `records`, or in a sink that holds them
 * in another form. */
#include "run/plan_parts.h"

#include <stdio.h>
#include <string.h>

#define FILES_FAMILY  "files"
#define UNPACK_FAMILY "unpack"
#define DEFAULT_SINK  "records"

static const struct gm_sink *find_sink(const char *name)
{
    for (size_t i = 0; gm_sinks[i]; i++)
        if (strcmp(gm_sinks[i]->name, name) == 0)
            return gm_sinks[i];
    return NULL;
}

static int find_route(const struct gm_plan *plan, const char *family)
{
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (strcmp(plan->routes[i].family, family) == 0)
            return (int)i;
    return -1;
}

static struct gm_plan_route *add_route(struct gm_plan *plan, const char *family,
                                       enum gm_route_kind kind)
{
    GM_ASSERT(plan->n_routes < GM_MAX_ROUTES);
    struct gm_plan_route *route = &plan->routes[plan->n_routes++];
    *route =
        (struct gm_plan_route){.kind = kind, .gate_stage = -1, .gate_key_column = GM_NO_COLUMN};
    snprintf(route->family, sizeof route->family, "%s", family);
    for (int i = 0; i < GM_IN_COUNT; i++)
        route->columns[route->n_columns++] = &gm_input_columns[i];
    return route;
}

static bool is_chain_route(const struct gm_plan_route *route)
{
    return route->kind == GM_ROUTE_CHAIN && strcmp(route->family, FILES_FAMILY) != 0;
}

static bool fits(const struct gm_sink *sink, const struct gm_plan_route *route)
{
    if (route->kind != GM_ROUTE_CHAIN)
        return false;
    if (*sink->family == '\0')
        return is_chain_route(route);
    return strcmp(sink->family, route->family) == 0;
}

static bool has_column(const struct gm_plan_route *route, const char *name)
{
    for (uint32_t i = 0; i < route->n_columns; i++)
        if (strcmp(route->columns[i]->name, name) == 0)
            return true;
    return false;
}

static void check_columns(struct gm_planner *planner, const struct gm_sink *sink,
                          const struct gm_plan_route *route, const struct gm_place *place)
{
    for (const char *const *column = sink->columns; column && *column; column++) {
        if (has_column(route, *column))
            continue;
        const char *stage = NULL;
        for (size_t i = 0; gm_stages[i] && !stage; i++)
            for (const struct gm_column_def *def = gm_stages[i]->out; def->name && !stage; def++)
                if (strcmp(gm_stages[i]->family, route->family) == 0 &&
                    strcmp(def->name, *column) == 0)
                    stage = gm_stages[i]->name;
        char hint[128];
        snprintf(hint, sizeof hint, "add \"- %s\" to %s", stage ? stage : "", route->family);
        gm_plan_mistake(planner, place, stage ? hint : NULL,
                        "sink.%s needs the column \"%s\", which no stage of %s adds", sink->name,
                        *column, route->family);
    }
}

/* Hangs the sink onto every route that it ends. */
static void connect_sink(struct gm_planner *planner, uint32_t number, const struct gm_place *place)
{
    struct gm_plan *plan = planner->plan;
    const struct gm_sink *sink = plan->sinks[number].sink;
    bool connected = false;
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        struct gm_plan_route *route = &plan->routes[i];
        if (!fits(sink, route))
            continue;
        connected = true;
        route->sinks[route->n_sinks++] = number;
        check_columns(planner, sink, route, place);
    }
    /* Whole files beside a chain have been told before. */
    if (!connected && strcmp(sink->family, FILES_FAMILY) != 0)
        gm_plan_mistake(planner, place, NULL,
                        "sink.%s writes what \"%s:\" makes, and the job has none", sink->name,
                        *sink->family ? sink->family : "text:\" or \"image");
}

/* Gives the sink its streams and counters; false: there is no room for more. */
static bool number_sink(struct gm_planner *planner, struct gm_plan_sink *planned,
                        const struct gm_place *place)
{
    struct gm_plan *plan = planner->plan;
    const struct gm_sink *sink = planned->sink;
    bool writes = sink->mode(planned->opts) != GM_STREAM_NOTHING;
    struct gm_shard_extras extras = {0};
    if (writes && sink->extras)
        sink->extras(planned->opts, &extras);
    bool has_sizes = extras.unit_bytes > 0;
    while (sink->counters && sink->counters[planned->n_counters].name)
        planned->n_counters++;
    if (plan->n_streams + writes + has_sizes > GM_MAX_STREAMS ||
        plan->n_counters + planned->n_counters > GM_COUNTER_SLOTS) {
        gm_plan_mistake(planner, place, "make two jobs of it", "too many sinks");
        return false;
    }
    planned->stream = writes ? plan->n_streams++ : 0;
    planned->sizes_stream = has_sizes ? plan->n_streams++ : 0;
    planned->first_counter = plan->n_counters;
    plan->n_counters += planned->n_counters;
    return true;
}

/* What the stages in front of a sink know. */
static void collect_facts(const struct gm_plan *plan, const struct gm_sink *sink,
                          struct gm_facts *facts)
{
    for (uint32_t i = 0; i < plan->n_routes; i++)
        for (uint32_t k = 0; fits(sink, &plan->routes[i]) && k < plan->routes[i].n_stages; k++) {
            const struct gm_plan_stage *planned = &plan->routes[i].stages[k];
            if (planned->stage->facts && planned->prepared.data)
                planned->stage->facts(planned->opts, &planned->prepared, facts);
        }
}

static void configure_sink(struct gm_planner *planner, struct gm_plan_sink *planned,
                           const struct gm_node *options, const struct gm_place *place)
{
    const struct gm_sink *sink = planned->sink;
    char path[64];
    snprintf(path, sizeof path, "sink.%s", sink->name);
    struct gm_opts_target target = {sink->opts, planned->opts, path, NULL};
    uint32_t n_before = gm_report_count(planner->report);
    gm_plan_fill(planner, &target, options);
    struct gm_err err = {0};
    struct gm_facts facts = {.n_facts = 0};
    collect_facts(planner->plan, sink, &facts);
    if (gm_report_count(planner->report) != n_before)
        return;
    if ((sink->check && sink->check(planned->opts, &err) != GM_OK) ||
        (sink->settle && sink->settle(planned->opts, &facts, &err) != GM_OK))
        gm_plan_check_failed(planner, &target, options, place, &err);
}

static void add_sink(struct gm_planner *planner, const struct gm_sink *sink,
                     const struct gm_node *options, const struct gm_place *place)
{
    struct gm_plan *plan = planner->plan;
    if (plan->n_sinks == GM_MAX_STREAMS) {
        gm_plan_mistake(planner, place, "make two jobs of it", "too many sinks");
        return;
    }
    void *opts = gm_plan_new_opts(planner, sink->opts, sink->opts_bytes);
    if (!opts)
        return;
    uint32_t number = plan->n_sinks++;
    plan->sinks[number] = (struct gm_plan_sink){.sink = sink, .opts = opts};
    configure_sink(planner, &plan->sinks[number], options, place);
    if (number_sink(planner, &plan->sinks[number], place))
        connect_sink(planner, number, place);
}

static void unknown_sink(struct gm_planner *planner, const struct gm_node *node)
{
    const char *names[32] = {NULL};
    struct gm_buf hint = GM_BUF_INIT;
    gm_buf_text(&hint, "the sinks are ");
    for (size_t i = 0; gm_sinks[i] && i + 1 < GM_ARRAY_LEN(names); i++) {
        names[i] = gm_sinks[i]->name;
        gm_buf_printf(&hint, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = gm_word_nearest(names, node->key);
    if (nearest) {
        gm_buf_clear(&hint);
        gm_buf_printf(&hint, "did you mean \"%s\"?", nearest);
    }
    gm_plan_mistake(planner, &node->key_place, gm_buf_cstr(&hint), "unknown sink \"%s\"",
                    node->key);
    gm_buf_free(&hint);
}

/* The configured sink that takes whole files, or NULL. */
static const struct gm_node *files_sink(const struct gm_node *section)
{
    if (!section || section->kind != GM_NODE_MAPPING)
        return NULL;
    for (const struct gm_node *node = section->first; node; node = node->next) {
        const struct gm_sink *sink = find_sink(node->key);
        if (sink && strcmp(sink->family, FILES_FAMILY) == 0)
            return node;
    }
    return NULL;
}

/* A job that keeps files as they are; false if the section has no such sink. */
static bool plan_files_route(struct gm_planner *planner, const struct gm_node *section)
{
    const struct gm_node *sink = files_sink(section);
    if (!sink)
        return false;
    if (planner->plan->n_routes > 0) {
        gm_plan_mistake(planner, &sink->key_place, "make two jobs of it",
                        "sink.%s keeps every file as it came and cannot stand beside \"%s:\"",
                        sink->key, planner->plan->routes[0].family);
        return true;
    }
    add_route(planner->plan, FILES_FAMILY, GM_ROUTE_CHAIN);
    return true;
}

static void plan_sink_section(struct gm_planner *planner, const struct gm_node *section)
{
    if (!section || section->is_empty)
        return;
    if (section->kind != GM_NODE_MAPPING) {
        gm_plan_mistake(planner, &section->place, "write {" DEFAULT_SINK ": {}}",
                        "sink: expected sinks, each as \"name: {options}\"");
        return;
    }
    for (const struct gm_node *node = section->first; node; node = node->next) {
        const struct gm_sink *sink = find_sink(node->key);
        if (sink)
            add_sink(planner, sink, node, &node->key_place);
        else
            unknown_sink(planner, node);
    }
}

/* Whether every chain has a sink already in which its records come out. */
static bool records_are_held(const struct gm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        const struct gm_plan_route *route = &plan->routes[i];
        bool held = !is_chain_route(route);
        for (uint32_t k = 0; k < route->n_sinks; k++)
            held |= plan->sinks[route->sinks[k]].sink->holds_records;
        if (!held)
            return false;
    }
    return true;
}

/* Every chain ends in records, named or not. */
static void add_default_sink(struct gm_planner *planner, const struct gm_node *section)
{
    const struct gm_sink *sink = find_sink(DEFAULT_SINK);
    struct gm_place start = gm_plan_start(planner);
    if (sink && !gm_node_find(section, DEFAULT_SINK) && !records_are_held(planner->plan))
        add_sink(planner, sink, NULL, section ? &section->key_place : &start);
}

static void route_media(struct gm_plan *plan)
{
    int files = find_route(plan, FILES_FAMILY);
    for (int media = 0; media < GM_MEDIA_COUNT; media++) {
        const char *family = gm_media_family((enum gm_media)media);
        plan->route_of_media[media] = files >= 0 ? files : -1;
        if (files < 0 && *family)
            plan->route_of_media[media] = find_route(plan, family);
    }
}

void gm_plan_sinks(struct gm_planner *planner)
{
    struct gm_plan *plan = planner->plan;
    const struct gm_node *section = gm_node_find(planner->root, "sink");
    plan->n_streams = GM_STREAM_FIRST_SINK;
    bool files = plan_files_route(planner, section);
    bool chains = plan->n_routes > 0 && is_chain_route(&plan->routes[0]);
    if (plan->n_routes == 0) {
        struct gm_place start = gm_plan_start(planner);
        gm_plan_mistake(
            planner, &start,
            "add \"text:\" or \"image:\" with their stages, or \"sink: {bodies: {}}\" to keep "
            "the files",
            "the job has nothing to do with its source");
    }
    if (plan->n_routes > 0)
        plan_sink_section(planner, section);
    if (chains && !files) {
        add_default_sink(planner, section);
        add_route(plan, UNPACK_FAMILY, GM_ROUTE_SPLIT);
    }
    route_media(plan);
}
