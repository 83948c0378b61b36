/* What changes the tree before it is read: the stages that a chain has without being named, and
 * --set a.b=c. Both put nodes into the tree that look like any other, so that everything behind
 * this file checks them like the job's own text.
 *
 *      fetch.connections=8      option of a section
 *      text.stats.x=y           option of a stage, by the stage's name
 *      source.urls.column=url   option of a source, by its lister's name; or source.0.column
 *      sink.records.format=...  option of a sink (added if the job does not name it)
 *
 * Given twice, the last one holds, but for an option that is a list: it gets all of them.
 */
#include "run/plan_parts.h"

#include <string.h>

/* Stages that every chain of a family begins with, in this order. */
static const struct {
    const char *family;
    const char *stages[3];
} implicit[] = {
    {"text", {"extract", "utf8", NULL}},
};

/* Is `entry` the stage `name`, as "name" or {name: ...}? */
static bool is_stage_entry(const struct gm_node *entry, const char *name)
{
    if (entry->kind == GM_NODE_SCALAR)
        return strcmp(entry->value, name) == 0;
    return gm_node_find(entry, name) != NULL;
}

static struct gm_node *find_entry(const struct gm_node *list, const char *name)
{
    for (struct gm_node *entry = list->first; entry; entry = entry->next)
        if (is_stage_entry(entry, name))
            return entry;
    return NULL;
}

static void add_stages(struct gm_planner *planner, struct gm_node *list, const char *family,
                       const char *const *names)
{
    struct gm_node *after = NULL;
    for (; *names; names++) {
        struct gm_node *entry = find_entry(list, *names);
        if (!entry && gm_stage_find(family, *names)) {
            entry = gm_config_node(planner->config, GM_NODE_SCALAR, NULL, *names, &list->key_place);
            if (!entry) {
                planner->out_of_memory = true;
                return;
            }
            gm_node_insert(list, after, entry);
        }
        after = entry ? entry : after;
    }
}

void gm_plan_add_implicit(struct gm_planner *planner)
{
    for (size_t i = 0; gm_chain_families[i]; i++) {
        struct gm_node *list = gm_node_find(planner->root, gm_chain_families[i]);
        if (list && list->is_empty) { /* `text:` alone is a chain without further stages */
            list->kind = GM_NODE_LIST;
            list->is_empty = false;
        }
        for (size_t k = 0; list && list->kind == GM_NODE_LIST && k < GM_ARRAY_LEN(implicit); k++)
            if (strcmp(implicit[k].family, gm_chain_families[i]) == 0)
                add_stages(planner, list, implicit[k].family, implicit[k].stages);
    }
}

/* ---- settings ---- */

#define MAX_SEGMENTS      8
#define MAX_SEGMENT_BYTES 64

struct setting {
    const struct gm_origin *origin;
    unsigned n_segments;
    char segments[MAX_SEGMENTS][MAX_SEGMENT_BYTES];
    struct gm_place places[MAX_SEGMENTS];
    const char *value;
    struct gm_place value_place;
};

static uint32_t n_code_points(const char *text, size_t n_bytes)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += ((uint8_t)text[i] & 0xc0) != 0x80;
    return n;
}

/* Cuts "a.b.c=value" up; false after a mistake. */
static bool parse_setting(struct gm_planner *planner, struct setting *setting)
{
    const char *text = setting->origin->data;
    const char *equals = strchr(text, '=');
    struct gm_place all = {setting->origin, 1, 1, n_code_points(text, strlen(text))};
    if (!equals) {
        gm_plan_mistake(planner, &all, "write it as fetch.connections=8", "expected NAME=VALUE");
        return false;
    }
    for (const char *at = text;;) {
        size_t n = strcspn(at, ".=");
        if (n == 0 || n >= MAX_SEGMENT_BYTES || setting->n_segments == MAX_SEGMENTS) {
            gm_plan_mistake(planner, &all, "write it as fetch.connections=8",
                            "\"%.*s\" is not the name of an option", (int)(equals - text), text);
            return false;
        }
        unsigned i = setting->n_segments++;
        memcpy(setting->segments[i], at, n);
        setting->places[i] = (struct gm_place){
            setting->origin, 1, n_code_points(text, (size_t)(at - text)) + 1, n_code_points(at, n)};
        at += n;
        if (*at++ == '=')
            break;
    }
    setting->value = equals + 1;
    setting->value_place =
        (struct gm_place){setting->origin, 1, n_code_points(text, (size_t)(equals + 1 - text)) + 1,
                          n_code_points(setting->value, strlen(setting->value))};
    return true;
}

/* A mapping, where one may stand: what is empty becomes one. */
static struct gm_node *as_mapping(struct gm_node *node)
{
    if (node->is_empty) {
        node->kind = GM_NODE_MAPPING;
        node->is_empty = false;
    }
    return node;
}

static struct gm_node *child_mapping(struct gm_planner *planner, struct gm_node *parent,
                                     const char *key, const struct gm_place *place)
{
    struct gm_node *child = gm_node_find(parent, key);
    if (!child) {
        child = gm_config_node(planner->config, GM_NODE_MAPPING, key, NULL, place);
        if (!child) {
            planner->out_of_memory = true;
            return NULL;
        }
        gm_node_append(parent, child);
    }
    return as_mapping(child);
}

/* A second --set of the same option: both are kept, for an option that is a list. */
static void join(struct gm_planner *planner, struct gm_node *node, struct gm_node *value)
{
    if (node->kind == GM_NODE_SCALAR) {
        struct gm_node *first =
            gm_config_node(planner->config, GM_NODE_SCALAR, NULL, node->value, &node->place);
        if (!first) {
            planner->out_of_memory = true;
            return;
        }
        node->kind = GM_NODE_LIST;
        gm_node_append(node, first);
    }
    gm_node_append(node, value);
}

/* Sets parent.key = value, replacing what the file says. */
static void put(struct gm_planner *planner, struct gm_node *parent, const char *key,
                const struct setting *setting)
{
    struct gm_node *node = gm_node_find(parent, key);
    struct gm_node *value =
        gm_config_node(planner->config, GM_NODE_SCALAR, key, setting->value, &setting->value_place);
    if (!value) {
        planner->out_of_memory = true;
        return;
    }
    value->key_place = setting->places[setting->n_segments - 1];
    if (!node) {
        gm_node_append(parent, value);
        return;
    }
    if (node->place.origin->rank > 0 && node->kind != GM_NODE_MAPPING) {
        join(planner, node, value);
        return;
    }
    value->next = node->next;
    *node = *value;
}

/* The entry of a list that a segment means: by number or by name. NULL after a mistake. */
static struct gm_node *pick_entry(struct gm_planner *planner, struct gm_node *list,
                                  const struct setting *setting)
{
    const char *name = setting->segments[1];
    struct gm_node *found = NULL;
    size_t n_found = 0, number = 0;
    uint64_t wanted;
    bool by_number = gm_parse_u64(name, strlen(name), &wanted, NULL) == GM_OK;
    for (struct gm_node *entry = list->first; entry; entry = entry->next, number++) {
        if (by_number ? number == wanted : is_stage_entry(entry, name)) {
            found = entry;
            n_found++;
        }
    }
    if (n_found == 1)
        return found;
    if (n_found > 1)
        gm_plan_mistake(planner, &setting->places[1], "change it in the job, or use its number",
                        "\"%s\" stands %zu times in %s", name, n_found, setting->segments[0]);
    else
        gm_plan_mistake(planner, &setting->places[1],
                        "--set changes what is there; add it in the job",
                        "the job has no \"%s\" in %s", name, setting->segments[0]);
    return NULL;
}

/* {name: options} of a chain's entry; "name" alone becomes that. */
static struct gm_node *stage_options(struct gm_planner *planner, struct gm_node *entry,
                                     const char *name)
{
    if (entry->kind == GM_NODE_SCALAR) {
        const char *stage = entry->value;
        entry->kind = GM_NODE_MAPPING;
        entry->value = NULL;
        return child_mapping(planner, entry, stage, &entry->place);
    }
    struct gm_node *options = gm_node_find(entry, name);
    if (!options && entry->kind == GM_NODE_MAPPING) /* by number */
        options = entry->first;
    return options ? as_mapping(options) : NULL;
}

static bool is_chain(const char *section)
{
    for (size_t i = 0; gm_chain_families[i]; i++)
        if (strcmp(gm_chain_families[i], section) == 0)
            return true;
    return false;
}

/* text.stats.x=y and source.urls.column=x; source.urls=x sets the source itself. */
static void set_in_list(struct gm_planner *planner, struct gm_node *list,
                        const struct setting *setting)
{
    bool chain = is_chain(setting->segments[0]);
    if (setting->n_segments > 3 || (chain && setting->n_segments != 3) ||
        list->kind != GM_NODE_LIST) {
        gm_plan_mistake(planner, &setting->places[0], NULL, "expected %s.NAME.OPTION=VALUE",
                        setting->segments[0]);
        return;
    }
    struct gm_node *entry = pick_entry(planner, list, setting);
    if (!entry)
        return;
    struct gm_node *target = chain ? stage_options(planner, entry, setting->segments[1]) : entry;
    if (target && target->kind == GM_NODE_MAPPING)
        put(planner, target, setting->segments[setting->n_segments - 1], setting);
}

static void set_in_mapping(struct gm_planner *planner, const struct setting *setting)
{
    struct gm_node *node = planner->root;
    for (unsigned i = 0; node && i + 1 < setting->n_segments; i++) {
        node = child_mapping(planner, node, setting->segments[i], &setting->places[i]);
        if (node && node->kind != GM_NODE_MAPPING) {
            gm_plan_mistake(planner, &setting->places[i], NULL, "\"%s\" has no options",
                            setting->segments[i]);
            return;
        }
    }
    if (node)
        put(planner, node, setting->segments[setting->n_segments - 1], setting);
}

void gm_plan_apply_setting(struct gm_planner *planner, const char *text)
{
    struct setting setting = {.origin =
                                  gm_config_origin(planner->config, "--set", text, strlen(text))};
    if (!setting.origin) {
        planner->out_of_memory = true;
        return;
    }
    if (!parse_setting(planner, &setting))
        return;
    const char *section = setting.segments[0];
    bool list_section = is_chain(section) || strcmp(section, "source") == 0;
    struct gm_node *list = gm_node_find(planner->root, section);
    if (list_section && setting.n_segments > 1 && !list)
        gm_plan_mistake(planner, &setting.places[0],
                        "--set changes what is there; add it in the job",
                        "the job has no %s section", section);
    else if (list_section && setting.n_segments > 1)
        set_in_list(planner, list, &setting);
    else
        set_in_mapping(planner, &setting);
}
