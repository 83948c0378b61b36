/* From the text of a job to its plan: read the tree, change it by --set, let every part of the
 * planner look at it, and give out either a complete plan or all mistakes. */
#include "run/plan.h"

#include "base/fs.h"
#include "run/cpus.h"
#include "run/plan_parts.h"
#include "run/prepare.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

void gm_plan_free(struct gm_plan *plan)
{
    if (!plan)
        return;
    gm_opts_free(gm_job_opts, &plan->job);
    free(plan->file);
    for (uint32_t i = 0; i < plan->n_sources; i++) {
        gm_opts_free(plan->sources[i].lister->opts, plan->sources[i].opts);
        free(plan->sources[i].opts);
    }
    free(plan->sources);
    if (plan->fetch_opts)
        gm_opts_free(plan->fetcher->opts, plan->fetch_opts);
    free(plan->fetch_opts);
    if (plan->unpack_opts)
        gm_opts_free(plan->splitter->opts, plan->unpack_opts);
    free(plan->unpack_opts);
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        for (uint32_t k = 0; k < plan->routes[i].n_stages; k++) {
            struct gm_plan_stage *stage = &plan->routes[i].stages[k];
            gm_prepared_free(&stage->prepared);
            gm_opts_free(stage->stage->opts, stage->opts);
            free(stage->opts);
            free(stage->in);
            free(stage->out);
        }
    }
    for (uint32_t i = 0; i < plan->n_sinks; i++) {
        gm_opts_free(plan->sinks[i].sink->opts, plan->sinks[i].opts);
        free(plan->sinks[i].opts);
    }
    free(plan);
}

struct request {
    const char *yaml;
    size_t n_bytes;
    const char *file_name;
    const struct gm_setting *settings;
    unsigned n_settings;
};

static void change_tree(struct gm_planner *planner, const struct request *request)
{
    gm_plan_add_implicit(planner);
    for (unsigned i = 0; i < request->n_settings; i++)
        gm_plan_apply_setting(planner, request->settings[i].text);
}

static void plan_parts(struct gm_planner *planner, const struct request *request)
{
    change_tree(planner, request);
    gm_plan_job(planner);
    gm_plan_sources(planner);
    gm_plan_chains(planner);
    gm_plan_sinks(planner);
    gm_plan_split_memory(planner);
}

static enum gm_status read_tree(struct gm_planner *planner, const struct request *request,
                                struct gm_err *err)
{
    planner->origin =
        gm_config_origin(planner->config, request->file_name, request->yaml, request->n_bytes);
    if (!planner->origin)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    return gm_config_parse(planner->config, planner->origin, planner->report, &planner->root, err);
}

static enum gm_status make_plan(struct gm_planner *planner, const struct request *request,
                                struct gm_err *err)
{
    planner->plan->file = strdup(request->file_name);
    planner->plan->n_cpus = gm_cpus_usable();
    if (!planner->plan->file)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    enum gm_status status = read_tree(planner, request, err);
    if (status != GM_OK)
        return status;
    if (planner->root)
        plan_parts(planner, request);
    if (planner->stopped)
        return gm_err_set(err, GM_STOPPED, "stopped; nothing was started");
    if (planner->out_of_memory)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    return GM_OK;
}

static enum gm_status give_mistakes(struct gm_report *report, const char *file_name,
                                    struct gm_mistakes *mistakes, struct gm_err *err)
{
    gm_buf_free(&mistakes->text);
    enum gm_status status = gm_report_render(report, mistakes);
    return gm_err_set(err, status, "%u mistake%s in %s; nothing was started", mistakes->n_mistakes,
                      mistakes->n_mistakes == 1 ? "" : "s", file_name);
}

static enum gm_status parse(const struct request *request, struct gm_plan **plan,
                            struct gm_mistakes *mistakes, struct gm_err *err)
{
    enum gm_status status;
    *plan = NULL;
    *mistakes = (struct gm_mistakes){0, GM_BUF_INIT};
    struct gm_planner planner = {.config = gm_config_new(),
                                 .report = gm_report_new(),
                                 .plan = calloc(1, sizeof(struct gm_plan))};
    if (!planner.config || !planner.report || !planner.plan) {
        status = gm_err_set(err, GM_NOMEM, "out of memory");
        goto out;
    }
    status = make_plan(&planner, request, err);
    if (status != GM_OK)
        goto out;
    if (gm_report_count(planner.report) > 0) {
        status = give_mistakes(planner.report, request->file_name, mistakes, err);
        goto out;
    }
    gm_plan_digest(planner.plan);
    *plan = planner.plan;
    planner.plan = NULL;
out:
    gm_report_free(planner.report);
    gm_config_free(planner.config);
    gm_plan_free(planner.plan);
    return status;
}

enum gm_status gm_plan_parse(const char *yaml, size_t n_bytes, const char *file_name,
                             const struct gm_setting *settings, unsigned n_settings,
                             struct gm_plan **plan, struct gm_mistakes *mistakes,
                             struct gm_err *err)
{
    struct request request = {yaml, n_bytes, file_name, settings, n_settings};
    return parse(&request, plan, mistakes, err);
}

enum gm_status gm_plan_print(const char *yaml, size_t n_bytes, const struct gm_setting *settings,
                             unsigned n_settings, struct gm_buf *text, struct gm_err *err)
{
    struct request request = {yaml, n_bytes, "", settings, n_settings};
    struct gm_planner planner = {.config = gm_config_new(), .report = gm_report_new()};
    enum gm_status status = GM_NOMEM;
    if (planner.config && planner.report)
        status = read_tree(&planner, &request, err);
    if (status == GM_OK) {
        GM_ASSERT(planner.root);
        change_tree(&planner, &request);
        gm_config_print(planner.root, text);
    }
    if (status == GM_NOMEM || planner.out_of_memory || text->failed)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    gm_report_free(planner.report);
    gm_config_free(planner.config);
    return status;
}

enum gm_status gm_plan_load(const char *path, const struct gm_setting *settings,
                            unsigned n_settings, struct gm_plan **plan,
                            struct gm_mistakes *mistakes, struct gm_err *err)
{
    struct gm_buf yaml = GM_BUF_INIT;
    *plan = NULL;
    *mistakes = (struct gm_mistakes){0, GM_BUF_INIT};
    enum gm_status status = gm_read_file(AT_FDCWD, path, GM_CONFIG_MAX_BYTES, &yaml, err);
    if (status == GM_OK && yaml.failed)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    if (status == GM_OK) {
        struct request request = {(const char *)yaml.data, yaml.n_bytes, path, settings,
                                  n_settings};
        if (!request.yaml)
            request.yaml = "";
        status = parse(&request, plan, mistakes, err);
    }
    gm_buf_free(&yaml);
    return status;
}
