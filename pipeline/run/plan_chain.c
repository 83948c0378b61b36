/* The chains: each list of stages becomes a route, and every column that a stage reads is found
 * now, by name and type, among the input's columns and what earlier stages add. */
#include "run/plan_parts.h"
#include "run/prepare.h"

#include <stdio.h>
#include <string.h>

static const char *type_name(enum gm_type type)
{
    static const char *const names[] = {
        [GM_TYPE_U64] = "u64",     [GM_TYPE_I64] = "i64",
        [GM_TYPE_F64] = "f64",     [GM_TYPE_BOOL] = "bool",
        [GM_TYPE_STRING] = "text", [GM_TYPE_BYTES] = "bytes",
        [GM_TYPE_JSON] = "json",   [GM_TYPE_LIST_U32] = "list of u32",
    };
    return names[type];
}

/* One stage of a chain and where it stands. */
struct entry {
    const struct gm_node *node;    /* the list's item */
    const struct gm_node *options; /* or NULL */
    const char *name;
    struct gm_place place; /* of the name */
};

static bool read_entry(struct gm_planner *planner, const struct gm_node *node, struct entry *entry)
{
    *entry = (struct entry){.node = node, .place = node->place};
    if (node->kind == GM_NODE_SCALAR && !node->is_empty) {
        entry->name = node->value;
        return true;
    }
    if (node->kind != GM_NODE_MAPPING || !node->first) {
        gm_plan_mistake(planner, &node->place,
                        "a stage is \"- NAME\" or \"- NAME: {option: value}\"",
                        "expected the name of a stage");
        return false;
    }
    if (node->first->next) {
        gm_plan_mistake(
            planner, &node->first->next->key_place,
            "put \"- \" in front if it is a stage; indent it further if it is an option",
            "one stage for each item of the list: \"%s\" is too much", node->first->next->key);
        return false;
    }
    entry->name = node->first->key;
    entry->place = node->first->key_place;
    entry->options = node->first;
    return true;
}

static void unknown_stage(struct gm_planner *planner, const char *family, const struct entry *entry)
{
    const char *names[128] = {NULL};
    size_t n = 0;
    struct gm_buf hint = GM_BUF_INIT;
    for (size_t i = 0; gm_stages[i]; i++) {
        if (strcmp(gm_stages[i]->family, family) == 0 && n + 1 < GM_ARRAY_LEN(names))
            names[n++] = gm_stages[i]->name;
        else if (strcmp(gm_stages[i]->name, entry->name) == 0)
            gm_buf_printf(&hint, "\"%s\" is a stage of %s", entry->name, gm_stages[i]->family);
    }
    const char *nearest = gm_word_nearest(names, entry->name);
    if (hint.n_bytes == 0 && nearest) {
        gm_buf_printf(&hint, "did you mean \"%s\"?", nearest);
    } else if (hint.n_bytes == 0) {
        gm_buf_printf(&hint, "the stages of %s are ", family);
        for (size_t i = 0; i < n; i++)
            gm_buf_printf(&hint, "%s%s", i ? ", " : "", names[i]);
    }
    gm_plan_mistake(planner, &entry->place, gm_buf_cstr(&hint), "unknown stage \"%s\" in %s",
                    entry->name, family);
    gm_buf_free(&hint);
}

/* ---- columns ---- */

static int find_column(const struct gm_plan_route *route, const char *name)
{
    for (uint32_t i = route->n_columns; i-- > 0;)
        if (strcmp(route->columns[i]->name, name) == 0)
            return (int)i;
    return GM_NO_COLUMN;
}

/* A stage of the family that adds this column, or NULL. */
static const struct gm_stage *provider(const char *family, const char *column)
{
    for (size_t i = 0; gm_stages[i]; i++) {
        if (strcmp(gm_stages[i]->family, family) != 0)
            continue;
        for (const struct gm_column_def *def = gm_stages[i]->out; def->name; def++)
            if (strcmp(def->name, column) == 0)
                return gm_stages[i];
    }
    return NULL;
}

static void missing_column(struct gm_planner *planner, const struct gm_plan_route *route,
                           const struct entry *entry, const char *column)
{
    char hint[128];
    const struct gm_stage *stage = provider(route->family, column);
    if (stage)
        snprintf(hint, sizeof hint, "put \"- %s\" in front of it", stage->name);
    gm_plan_mistake(planner, &entry->place, stage ? hint : NULL,
                    "%s.%s needs the column \"%s\", which no earlier stage adds", route->family,
                    entry->name, column);
}

static bool is_optional(const struct gm_column_def *def)
{
    return def->unit && strcmp(def->unit, "optional") == 0;
}

static int bind_input(struct gm_planner *planner, const struct gm_plan_route *route,
                      const struct entry *entry, const struct gm_column_def *def)
{
    int column = find_column(route, def->name);
    if (column == GM_NO_COLUMN) {
        if (!is_optional(def))
            missing_column(planner, route, entry, def->name);
    } else if (route->columns[column]->type != def->type) {
        gm_plan_mistake(planner, &entry->place, NULL,
                        "%s.%s wants the column \"%s\" as %s, but here it is %s", route->family,
                        entry->name, def->name, type_name(def->type),
                        type_name(route->columns[column]->type));
        column = GM_NO_COLUMN;
    }
    return column;
}

static size_t count_columns(const struct gm_column_def *def)
{
    size_t n = 0;
    while (def[n].name)
        n++;
    return n;
}

static void bind_columns(struct gm_planner *planner, struct gm_plan_route *route,
                         struct gm_plan_stage *stage, const struct entry *entry)
{
    size_t n_in = count_columns(stage->stage->in), n_out = count_columns(stage->stage->out);
    stage->in = gm_plan_memory(planner, n_in * sizeof(int));
    stage->out = gm_plan_memory(planner, n_out * sizeof(int));
    if (!stage->in || !stage->out)
        return;
    for (size_t i = 0; i < n_in; i++) {
        stage->in[i] = bind_input(planner, route, entry, &stage->stage->in[i]);
        route->reads_sha256 |= stage->in[i] == GM_IN_SHA256;
    }
    if (route->n_columns + n_out > GM_MAX_COLUMNS) {
        gm_plan_mistake(planner, &entry->place, "make two jobs of it",
                        "%s has more than %d columns with this stage", route->family,
                        GM_MAX_COLUMNS);
        return;
    }
    for (size_t i = 0; i < n_out; i++) {
        stage->out[i] = (int)route->n_columns;
        route->columns[route->n_columns++] = &stage->stage->out[i];
    }
}

static bool reads_column(const struct gm_stage *stage, const char *name)
{
    for (const struct gm_column_def *def = stage->in; def->name; def++)
        if (strcmp(def->name, name) == 0)
            return true;
    return false;
}

static void bind_gate(struct gm_planner *planner, struct gm_plan_route *route,
                      const struct entry *entry)
{
    uint32_t number = route->n_stages - 1;
    const struct gm_stage *stage = route->stages[number].stage;
    if (!stage->gate_key)
        return;
    if (route->gate_stage >= 0) {
        gm_plan_mistake(planner, &entry->place, "keep one of them, or make two jobs of it",
                        "\"%s\" and \"%s\" both need all records in order; a chain can have one "
                        "such stage",
                        route->stages[route->gate_stage].stage->name, stage->name);
        return;
    }
    int column = find_column(route, stage->gate_key);
    bool from_stage = column >= GM_IN_COUNT && route->columns[column]->type == GM_TYPE_BYTES;
    if (!from_stage) {
        if (!reads_column(stage, stage->gate_key)) /* else bind_input has told */
            missing_column(planner, route, entry, stage->gate_key);
        return;
    }
    route->gate_stage = (int)number;
    route->gate_key_column = column;
}

/* ---- stages ---- */

static void configure(struct gm_planner *planner, struct gm_plan_route *route,
                      struct gm_plan_stage *stage, const struct entry *entry)
{
    char path[96];
    snprintf(path, sizeof path, "%s.%s", route->family, entry->name);
    struct gm_opts_target target = {stage->stage->opts, stage->opts, path, NULL};
    uint32_t n_before = gm_report_count(planner->report);
    gm_plan_fill(planner, &target, entry->options);
    if (gm_report_count(planner->report) != n_before)
        return;
    struct gm_err err = {0};
    enum gm_status status = GM_OK;
    if (stage->stage->check)
        status = stage->stage->check(stage->opts, &err);
    if (status == GM_OK && stage->stage->prepare)
        status = gm_prepare(stage->stage, stage->opts, planner->plan->job.sandbox, &stage->prepared,
                            &err);
    if (status == GM_OK && stage->stage->save && stage->prepared.data)
        status = stage->stage->save(stage->opts, &stage->prepared, &err);
    if (status == GM_STOPPED)
        planner->stopped = true;
    else if (status != GM_OK)
        gm_plan_check_failed(planner, &target, entry->options, &entry->place, &err);
}

static void add_stage(struct gm_planner *planner, struct gm_plan_route *route,
                      const struct gm_node *node)
{
    struct entry entry;
    if (!read_entry(planner, node, &entry))
        return;
    const struct gm_stage *stage = gm_stage_find(route->family, entry.name);
    if (!stage) {
        unknown_stage(planner, route->family, &entry);
        return;
    }
    if (route->n_stages == GM_MAX_CHAIN) {
        gm_plan_mistake(planner, &entry.place, "make two jobs of it", "%s has more than %d stages",
                        route->family, GM_MAX_CHAIN);
        return;
    }
    void *opts = gm_plan_new_opts(planner, stage->opts, stage->opts_bytes);
    if (!opts)
        return;
    struct gm_plan_stage *place = &route->stages[route->n_stages++];
    *place = (struct gm_plan_stage){.stage = stage, .opts = opts};
    configure(planner, route, place, &entry);
    bind_columns(planner, route, place, &entry);
    bind_gate(planner, route, &entry);
}

static void add_chain(struct gm_planner *planner, const char *family, const struct gm_node *list)
{
    struct gm_plan_route *route = &planner->plan->routes[planner->plan->n_routes++];
    *route = (struct gm_plan_route){
        .kind = GM_ROUTE_CHAIN, .gate_stage = -1, .gate_key_column = GM_NO_COLUMN};
    snprintf(route->family, sizeof route->family, "%s", family);
    for (int i = 0; i < GM_IN_COUNT; i++)
        route->columns[route->n_columns++] = &gm_input_columns[i];
    if (list->kind != GM_NODE_LIST) {
        gm_plan_mistake(planner, &list->place, "put \"- \" in front of each stage",
                        "%s: expected a list of stages", family);
        return;
    }
    for (const struct gm_node *node = list->first; node; node = node->next)
        add_stage(planner, route, node);
}

void gm_plan_chains(struct gm_planner *planner)
{
    for (size_t i = 0; gm_chain_families[i]; i++) {
        const struct gm_node *list = gm_node_find(planner->root, gm_chain_families[i]);
        if (list)
            add_chain(planner, gm_chain_families[i], list);
    }
}
