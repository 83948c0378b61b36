/* From a mapping of the tree to an options struct, by table; and the table of the job's own
 * options. */
#include "run/plan_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sandbox_choices[] = {"on", "log", "off", NULL};
static const char *const durability_choices[] = {"group", "none", "record", NULL};

#define FIELD(name) offsetof(struct gm_job_opts, name)
const struct gm_opt gm_job_opts[] = {
    {"job", GM_OPT_STRING, FIELD(job), NULL, 0, 0, NULL, NULL,
     "name of the job; the file's name without its extension if not given"},
    {"out", GM_OPT_STRING, FIELD(out), NULL, 0, 0, NULL, NULL,
     "run folder for everything that is written, relative to the current folder; out/JOB if not "
     "given"},
    {"memory", GM_OPT_BYTES, FIELD(memory_bytes), "512MB", 32.0 * 1024 * 1024, 0x1p50, NULL, NULL,
     "what all processes of the run may use together"},
    {"workers", GM_OPT_STRING, FIELD(workers), "auto", 0, 0, NULL, NULL,
     "processes for each of text and image (unpack gets half as many): a number, or auto for the "
     "CPUs that this process may use, as far as the memory carries them"},
    {"sandbox", GM_OPT_ENUM, FIELD(sandbox), "on", 0, 0, sandbox_choices, NULL,
     "whether workers are locked in; log only tells what would be forbidden"},
    {"durability", GM_OPT_ENUM, FIELD(durability), "group", 0, 0, durability_choices, NULL,
     "when outputs are forced to the disk: every 64 MB or second, never, or with every block"},
    {"max_failed", GM_OPT_U64, FIELD(max_failed), NULL, 0, 0, NULL, "items",
     "items that may fail before the exit code is 1; any number if not given"},
    {"record_deadline", GM_OPT_MS, FIELD(record_deadline_ms), "60s", 10, 86400e3, NULL, NULL,
     "a record that is worked on for longer is given up"},
    {"drain_deadline", GM_OPT_MS, FIELD(drain_deadline_ms), "20s", 0, 86400e3, NULL, NULL,
     "after the first SIGTERM or Ctrl-C: time to finish what is under way"},
    {"max_record", GM_OPT_BYTES, FIELD(max_record_bytes), "15MB", 1024, 60.0 * 1024 * 1024, NULL,
     NULL, "a larger record is rejected"},
    GM_OPT_END};
#undef FIELD

const char *const gm_job_sections[] = {"source", "fetch", "unpack", "text", "image", "sink", NULL};
const char *const gm_chain_families[] = {"text", "image", NULL};

void gm_plan_mistake(struct gm_planner *planner, const struct gm_place *place, const char *hint,
                     const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        planner->out_of_memory = true;
        return;
    }
    struct gm_complaint complaint = {*place, GM_CONFIG, hint};
    gm_report_add(planner->report, &complaint, "%s", text);
    free(text);
}

struct gm_place gm_plan_start(const struct gm_planner *planner)
{
    return (struct gm_place){.origin = planner->origin};
}

void *gm_plan_memory(struct gm_planner *planner, size_t n_bytes)
{
    void *memory = calloc(1, n_bytes ? n_bytes : 1);
    if (!memory)
        planner->out_of_memory = true;
    return memory;
}

void *gm_plan_new_opts(struct gm_planner *planner, const struct gm_opt *table, size_t n_bytes)
{
    void *values = gm_plan_memory(planner, n_bytes);
    if (values)
        gm_opts_init(table, values, n_bytes);
    return values;
}

static bool is_one_of(const char *const *words, const char *word)
{
    for (; words && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

/* "text.stats." or "" */
static void prefix_of(const struct gm_opts_target *target, char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "%s%s", target->path, *target->path ? "." : "");
}

/* For a LIST: the default and what the file says are alternatives, they do not add up. */
static void empty_list(const struct gm_opt *opt, void *values)
{
    struct gm_opt_list *list = (struct gm_opt_list *)((char *)values + opt->offset);
    for (size_t i = 0; i < list->n_items; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct gm_opt_list){NULL, 0};
}

static void fill_scalar(struct gm_planner *planner, const struct gm_opts_target *target,
                        const struct gm_opt *opt, const struct gm_node *node)
{
    char prefix[128], type[256];
    prefix_of(target, prefix, sizeof prefix);
    if (node->kind != GM_NODE_SCALAR || node->is_empty) {
        const struct gm_place *place = node->is_empty ? &node->key_place : &node->place;
        gm_plan_mistake(planner, place, NULL, "%s%s: expected %s%s", prefix, opt->name,
                        gm_opt_type_text(opt, type, sizeof type),
                        node->is_empty ? ", and nothing stands here" : "");
        return;
    }
    struct gm_err err = {0};
    enum gm_status status = gm_opt_apply(opt, target->values, node->value, node->value_bytes, &err);
    if (status == GM_NOMEM)
        planner->out_of_memory = true;
    else if (status != GM_OK)
        gm_plan_mistake(planner, &node->place, NULL, "%s%s", prefix, err.text);
}

void gm_plan_fill_one(struct gm_planner *planner, const struct gm_opts_target *target,
                      const struct gm_opt *opt, const struct gm_node *node)
{
    if (opt->type == GM_OPT_LIST)
        empty_list(opt, target->values);
    bool is_set_twice = node->kind == GM_NODE_LIST && node->place.origin->rank > 0;
    if (opt->type != GM_OPT_LIST || node->kind != GM_NODE_LIST) {
        fill_scalar(planner, target, opt, is_set_twice ? node->last : node);
        return;
    }
    for (const struct gm_node *item = node->first; item; item = item->next)
        fill_scalar(planner, target, opt, item);
}

/* All names of a table and a list of words; ended by NULL. Freed by the caller. */
static const char **all_names(const struct gm_opts_target *target)
{
    size_t n = 0;
    for (const struct gm_opt *opt = target->table; opt->name; opt++)
        n++;
    for (const char *const *word = target->others; word && *word; word++)
        n++;
    const char **names = calloc(n + 1, sizeof *names);
    if (!names)
        return NULL;
    n = 0;
    for (const struct gm_opt *opt = target->table; opt->name; opt++)
        names[n++] = opt->name;
    for (const char *const *word = target->others; word && *word; word++)
        names[n++] = *word;
    return names;
}

static void unknown_option(struct gm_planner *planner, const struct gm_opts_target *target,
                           const struct gm_node *node)
{
    struct gm_buf hint = GM_BUF_INIT;
    const char **names = all_names(target);
    const char *nearest = names ? gm_word_nearest(names, node->key) : NULL;
    if (nearest) {
        gm_buf_printf(&hint, "did you mean \"%s\"?", nearest);
    } else if (names && names[0]) {
        gm_buf_text(&hint, "the options are ");
        for (size_t i = 0; names[i]; i++)
            gm_buf_printf(&hint, "%s%s", i ? ", " : "", names[i]);
    } else {
        gm_buf_text(&hint, "it has no options");
    }
    gm_plan_mistake(planner, &node->key_place, gm_buf_cstr(&hint), "unknown option \"%s\"%s%s",
                    node->key, *target->path ? " in " : "", target->path);
    gm_buf_free(&hint);
    free(names);
}

void gm_plan_fill(struct gm_planner *planner, const struct gm_opts_target *target,
                  const struct gm_node *mapping)
{
    if (!mapping || mapping->is_empty)
        return;
    if (mapping->kind != GM_NODE_MAPPING) {
        char hint[128];
        const struct gm_opt *first = target->table;
        snprintf(hint, sizeof hint, "write {%s: ...}", first->name ? first->name : "");
        gm_plan_mistake(planner, &mapping->place, first->name ? hint : NULL,
                        "%s: expected options, each as \"name: value\"", target->path);
        return;
    }
    for (const struct gm_node *node = mapping->first; node; node = node->next) {
        if (is_one_of(target->others, node->key))
            continue;
        const struct gm_opt *opt = gm_opt_find(target->table, node->key);
        if (opt)
            gm_plan_fill_one(planner, target, opt, node);
        else
            unknown_option(planner, target, node);
    }
}

void gm_plan_check_failed(struct gm_planner *planner, const struct gm_opts_target *target,
                          const struct gm_node *mapping, const struct gm_place *place,
                          const struct gm_err *err)
{
    char name[64], prefix[128];
    const struct gm_node *node = NULL;
    size_t n = strcspn(err->text, ":");
    if (n < sizeof name) {
        memcpy(name, err->text, n);
        name[n] = '\0';
        node = gm_node_find(mapping, name);
    }
    prefix_of(target, prefix, sizeof prefix);
    bool names_option = n < sizeof name && gm_opt_find(target->table, name);
    struct gm_complaint complaint = {node ? node->place : *place, err->status, NULL};
    if (err->status == GM_NOMEM)
        planner->out_of_memory = true;
    else if (names_option || !*target->path)
        gm_report_add(planner->report, &complaint, "%s%s", prefix, err->text);
    else
        gm_report_add(planner->report, &complaint, "%s: %s", target->path, err->text);
}

/* "configs/sft-web.yaml" -> "sft-web" */
static char *name_of_file(const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    return strndup(base, n);
}

static void check_job_name(struct gm_planner *planner)
{
    const struct gm_node *node = gm_node_find(planner->root, "job");
    const char *job = planner->plan->job.job;
    if (node && node->kind == GM_NODE_SCALAR && !node->is_empty && job &&
        (*job == '\0' || strchr(job, '/')))
        gm_plan_mistake(planner, &node->place, NULL, "job: expected a name without \"/\"");
}

void gm_plan_job(struct gm_planner *planner)
{
    struct gm_job_opts *job = &planner->plan->job;
    struct gm_opts_target target = {gm_job_opts, job, "", gm_job_sections};
    gm_opts_init(gm_job_opts, job, sizeof *job);
    job->max_failed = UINT64_MAX;
    gm_plan_fill(planner, &target, planner->root);
    check_job_name(planner);
    if (!job->job && !(job->job = name_of_file(planner->plan->file)))
        planner->out_of_memory = true;
    if (!job->out && asprintf(&job->out, "out/%s", job->job ? job->job : "") < 0) {
        job->out = NULL;
        planner->out_of_memory = true;
    }
}
