/* What run, check, fetch, gray and tokenize have in common: from a file or a made text to a plan, a
 * run and its summary. */
#ifndef GM_CLI_JOB_H
#define GM_CLI_JOB_H

#include "cli/cli.h"
#include "run/plan.h"
#include "run/run.h"

/* Mistakes are printed to standard error; err then counts them. *plan: gm_plan_free. */
enum gm_status gm_job_load(struct gm_cli *cli, const char *path, struct gm_plan **plan,
                           struct gm_err *err);
enum gm_status gm_job_parse(struct gm_cli *cli, const struct gm_buf *yaml, struct gm_plan **plan,
                            struct gm_err *err);
/* Runs it with the progress that the common options ask for, and prints the summary: to standard
 * error, or as JSON to standard output. */
enum gm_status gm_job_run(struct gm_cli *cli, const struct gm_plan *plan, struct gm_err *err);
/* The two halves of it: the run with its progress, and the summary of what it came to, as JSON or
 * text appended to `text`. */
enum gm_status gm_job_execute(struct gm_cli *cli, const struct gm_plan *plan,
                              struct gm_run_summary *summary, struct gm_err *err);
void gm_job_report(struct gm_cli *cli, const struct gm_plan *plan,
                   const struct gm_run_summary *summary, enum gm_status status,
                   struct gm_buf *text);
/* A short command: parses the text it stands for; prints it (--dry-run) or runs it. */
enum gm_status gm_job_short(struct gm_cli *cli, struct gm_buf *yaml, struct gm_err *err);

/* The job's `out` as the settings leave it, or the default. */
const char *gm_job_out(const struct gm_cli *cli, const char *default_out);
/* Appends one setting "a.b=c" behind the user's. */
enum gm_status gm_job_set(struct gm_cli *cli, const char *setting, struct gm_err *err);

/* Appends `  KEY: "text"` pieces: text as a YAML string in quotes. */
void gm_job_quote(struct gm_buf *yaml, const char *text);

#endif
