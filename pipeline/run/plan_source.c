/* The input side of a job: the list of sources, and the sections `fetch:` and `unpack:`.
 *
 *      source:
 *        - urls: list.csv       the key names the lister, its value is the lister's first option
 *          column: link         the others stand beside it
 */
#include "run/plan_parts.h"

#include <stdio.h>
#include <string.h>

static const struct gm_lister *find_lister(const char *name)
{
    for (size_t i = 0; gm_listers[i]; i++)
        if (strcmp(gm_listers[i]->name, name) == 0)
            return gm_listers[i];
    return NULL;
}

static void list_listers(struct gm_buf *text)
{
    for (size_t i = 0; gm_listers[i]; i++)
        gm_buf_printf(text, "%s\"- %s: ...\"", i ? " or " : "", gm_listers[i]->name);
}

static const char *nearest_lister(const char *name)
{
    const char *names[32] = {NULL};
    for (size_t i = 0; gm_listers[i] && i + 1 < GM_ARRAY_LEN(names); i++)
        names[i] = gm_listers[i]->name;
    return gm_word_nearest(names, name);
}

/* No key of the entry is a lister. */
static void no_lister(struct gm_planner *planner, const struct gm_node *entry)
{
    struct gm_buf hint = GM_BUF_INIT;
    const char *nearest = entry->first ? nearest_lister(entry->first->key) : NULL;
    if (nearest) {
        gm_buf_printf(&hint, "did you mean \"%s\"?", nearest);
    } else {
        gm_buf_text(&hint, "a source is ");
        list_listers(&hint);
    }
    if (entry->first)
        gm_plan_mistake(planner, &entry->first->key_place, gm_buf_cstr(&hint),
                        "unknown kind of source \"%s\"", entry->first->key);
    else
        gm_plan_mistake(planner, &entry->place, gm_buf_cstr(&hint), "this source says nothing");
    gm_buf_free(&hint);
}

/* The entry's lister, or NULL after a mistake; *key gets the node that names it. */
static const struct gm_lister *
lister_of_entry(struct gm_planner *planner, const struct gm_node *entry, const struct gm_node **key)
{
    const struct gm_lister *lister = NULL;
    if (entry->kind != GM_NODE_MAPPING) {
        struct gm_buf hint = GM_BUF_INIT;
        gm_buf_text(&hint, "a source is ");
        list_listers(&hint);
        gm_plan_mistake(planner, &entry->place, gm_buf_cstr(&hint),
                        "expected the kind of the source and where it is");
        gm_buf_free(&hint);
        return NULL;
    }
    for (const struct gm_node *node = entry->first; node; node = node->next) {
        const struct gm_lister *other = find_lister(node->key);
        if (other && lister) {
            gm_plan_mistake(planner, &node->key_place,
                            "put \"- \" in front: each source is an item",
                            "\"%s\" and \"%s\" stand in one source", lister->name, other->name);
            return NULL;
        }
        if (other) {
            lister = other;
            *key = node;
        }
    }
    if (!lister)
        no_lister(planner, entry);
    return lister;
}

static void add_source(struct gm_planner *planner, const struct gm_node *entry)
{
    const struct gm_node *key = NULL;
    const struct gm_lister *lister = lister_of_entry(planner, entry, &key);
    if (!lister)
        return;
    void *opts = gm_plan_new_opts(planner, lister->opts, lister->opts_bytes);
    if (!opts)
        return;
    struct gm_plan *plan = planner->plan;
    plan->sources[plan->n_sources++] = (struct gm_plan_source){lister, opts};
    char path[64];
    snprintf(path, sizeof path, "source.%s", lister->name);
    const char *const names[] = {lister->name, NULL};
    struct gm_opts_target target = {lister->opts, opts, path, names};
    uint32_t n_before = gm_report_count(planner->report);
    gm_plan_fill_one(planner, &target, &lister->opts[0], key);
    gm_plan_fill(planner, &target, entry);
    struct gm_err err = {0};
    if (lister->check && gm_report_count(planner->report) == n_before &&
        lister->check(opts, &err) != GM_OK)
        gm_plan_check_failed(planner, &target, entry, &key->place, &err);
}

static void plan_source_list(struct gm_planner *planner)
{
    struct gm_plan *plan = planner->plan;
    const struct gm_node *list = gm_node_find(planner->root, "source");
    struct gm_place start = gm_plan_start(planner);
    if (!list || (list->kind == GM_NODE_LIST && !list->first) || list->is_empty) {
        struct gm_buf hint = GM_BUF_INIT;
        gm_buf_text(&hint, "add \"source:\" with at least one item: ");
        list_listers(&hint);
        gm_plan_mistake(planner, list ? &list->key_place : &start, gm_buf_cstr(&hint),
                        "the job has no source");
        gm_buf_free(&hint);
        return;
    }
    if (list->kind != GM_NODE_LIST) {
        gm_plan_mistake(planner, &list->place, "put \"- \" in front of each source",
                        "source: expected a list");
        return;
    }
    plan->sources = gm_plan_memory(planner, gm_node_count(list) * sizeof *plan->sources);
    for (const struct gm_node *entry = list->first; entry && plan->sources; entry = entry->next)
        add_source(planner, entry);
}

/* One section whose options belong to a fixed part of the program. */
static void plan_section(struct gm_planner *planner, const struct gm_opts_target *target,
                         enum gm_status (*check)(const void *opts, struct gm_err *err))
{
    if (!target->values)
        return;
    const struct gm_node *section = gm_node_find(planner->root, target->path);
    uint32_t n_before = gm_report_count(planner->report);
    gm_plan_fill(planner, target, section);
    struct gm_err err = {0};
    struct gm_place start = gm_plan_start(planner);
    if (check && gm_report_count(planner->report) == n_before &&
        check(target->values, &err) != GM_OK)
        gm_plan_check_failed(planner, target, section, section ? &section->key_place : &start,
                             &err);
}

void gm_plan_sources(struct gm_planner *planner)
{
    struct gm_plan *plan = planner->plan;
    plan_source_list(planner);
    plan->fetcher = &gm_fetch;
    plan->fetch_opts = gm_plan_new_opts(planner, gm_fetch.opts, gm_fetch.opts_bytes);
    struct gm_opts_target fetch = {gm_fetch.opts, plan->fetch_opts, "fetch", NULL};
    plan_section(planner, &fetch, gm_fetch.check);
    plan->splitter = &gm_unpack;
    plan->unpack_opts = gm_plan_new_opts(planner, gm_unpack.opts, gm_unpack.opts_bytes);
    struct gm_opts_target unpack = {gm_unpack.opts, plan->unpack_opts, "unpack", NULL};
    plan_section(planner, &unpack, gm_unpack.check);
}
