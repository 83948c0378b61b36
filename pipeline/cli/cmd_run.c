/* gristmill run JOB.yaml */
#include "cli/commands.h"
#include "cli/job.h"

static const struct gm_opt table[] = {GM_OPT_END};
static const struct gm_short shorts[] = {{'o', "out"}, {'\0', NULL}};
static const char *const sections[] = {"", NULL};

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    struct gm_plan *plan;
    (void)opts;
    enum gm_status status = gm_job_load(cli, cli->arguments[0], &plan, err);
    if (status == GM_OK && cli->common.dry_run)
        gm_plan_describe(plan, &cli->out);
    else if (status == GM_OK)
        status = gm_job_run(cli, plan, err);
    gm_plan_free(plan);
    return status;
}

const struct gm_command gm_cmd_run = {
    .name = "run",
    .arguments = "JOB.yaml",
    .summary = "run a job, or go on with one that was stopped",
    .details = "Reads the sources, runs every record through the stages and writes the outputs "
               "below the job's run folder. Stopped by Ctrl-C or SIGTERM it finishes what is under "
               "way and exits with 75; a second signal stops it at once. Whatever stopped it, the "
               "same command goes on where it was. A finished job looks for new and changed "
               "sources and does only those.",
    .examples = "  gristmill run job.yaml\n"
                "  gristmill run job.yaml --memory 1GB --set fetch.connections=16\n",
    .min_arguments = 1,
    .max_arguments = 1,
    .opts = table,
    .shorts = shorts,
    .sections = sections,
    .run = run,
};
