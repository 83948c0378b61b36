/* gristmill check JOB.yaml: the mistakes, or the plan. Starts nothing. */
#include "cli/commands.h"
#include "cli/job.h"

#include <string.h>

static const struct gm_opt table[] = {GM_OPT_END};
static const struct gm_short shorts[] = {{'o', "out"}, {'\0', NULL}};
static const char *const sections[] = {"", NULL};

static void json_text(struct gm_buf *out, const char *key, const char *text)
{
    gm_json_key(out, key);
    gm_json_string(out, text, strlen(text));
}

static void json_route(struct gm_buf *out, const struct gm_plan *plan,
                       const struct gm_plan_route *route)
{
    gm_buf_char(out, '{');
    json_text(out, "name", route->family);
    gm_json_key(out, "workers");
    gm_json_u64(out, route->n_workers);
    gm_json_key(out, "heap_bytes");
    gm_json_u64(out, route->heap_bytes);
    gm_json_key(out, "stages");
    gm_buf_char(out, '[');
    for (uint32_t i = 0; i < route->n_stages; i++) {
        gm_buf_text(out, i ? "," : "");
        gm_json_string(out, route->stages[i].stage->name, strlen(route->stages[i].stage->name));
    }
    gm_buf_char(out, ']');
    gm_json_key(out, "sinks");
    gm_buf_char(out, '[');
    for (uint32_t i = 0; i < route->n_sinks; i++) {
        const char *name = plan->sinks[route->sinks[i]].sink->name;
        gm_buf_text(out, i ? "," : "");
        gm_json_string(out, name, strlen(name));
    }
    gm_buf_text(out, "]}");
}

static void print_json(struct gm_buf *out, const struct gm_plan *plan)
{
    char hex[GM_SHA256_HEX_BYTES];
    gm_buf_char(out, '{');
    json_text(out, "job", plan->job.job);
    json_text(out, "out", plan->job.out);
    json_text(out, "config_sha256", gm_sha256_hex(plan->config_digest, hex));
    gm_json_key(out, "memory_bytes");
    gm_json_u64(out, plan->memory.total);
    gm_json_key(out, "max_record_bytes");
    gm_json_u64(out, plan->job.max_record_bytes);
    gm_json_key(out, "cpus");
    gm_json_u64(out, plan->n_cpus);
    gm_json_key(out, "routes");
    gm_buf_char(out, '[');
    for (uint32_t i = 0; i < plan->n_routes; i++) {
        gm_buf_text(out, i ? "," : "");
        json_route(out, plan, &plan->routes[i]);
    }
    gm_buf_text(out, "]}\n");
}

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    struct gm_plan *plan;
    (void)opts;
    enum gm_status status = gm_job_load(cli, cli->arguments[0], &plan, err);
    if (status == GM_OK && cli->common.json)
        print_json(&cli->out, plan);
    else if (status == GM_OK)
        gm_plan_describe(plan, &cli->out);
    gm_plan_free(plan);
    return status;
}

const struct gm_command gm_cmd_check = {
    .name = "check",
    .arguments = "JOB.yaml",
    .summary = "show a job's plan and memory, or all its mistakes",
    .details = "Every mistake is shown with its place in the file and a hint; the exit code is "
               "then 78. Nothing is read from the sources and nothing is written.",
    .min_arguments = 1,
    .max_arguments = 1,
    .opts = table,
    .shorts = shorts,
    .sections = sections,
    .run = run,
};
