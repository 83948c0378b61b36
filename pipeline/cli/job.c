/* The road of a job from its text to its summary. */
#include "cli/job.h"

#include "base/fs.h"
#include "base/log.h"
#include "cli/summary.h"
#include "run/progress.h"
#include "run/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_mistakes(struct gm_mistakes *mistakes)
{
    if (mistakes->text.n_bytes > 0)
        gm_write_full(STDERR_FILENO, mistakes->text.data, mistakes->text.n_bytes, "standard error",
                      NULL);
    gm_buf_free(&mistakes->text);
}

/* The settings as the planner takes them; NULL: no memory. */
static struct gm_setting *settings_of(const struct gm_cli *cli)
{
    struct gm_setting *settings = calloc(cli->settings.n_items + 1, sizeof *settings);
    for (size_t i = 0; settings && i < cli->settings.n_items; i++)
        settings[i].text = cli->settings.items[i];
    return settings;
}

enum gm_status gm_job_load(struct gm_cli *cli, const char *path, struct gm_plan **plan,
                           struct gm_err *err)
{
    struct gm_mistakes mistakes;
    struct gm_setting *settings = settings_of(cli);
    *plan = NULL;
    if (!settings)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    enum gm_status status =
        gm_plan_load(path, settings, (unsigned)cli->settings.n_items, plan, &mistakes, err);
    print_mistakes(&mistakes);
    free(settings);
    return status;
}

enum gm_status gm_job_parse(struct gm_cli *cli, const struct gm_buf *yaml, struct gm_plan **plan,
                            struct gm_err *err)
{
    struct gm_mistakes mistakes;
    struct gm_setting *settings = settings_of(cli);
    *plan = NULL;
    if (!settings || yaml->failed) {
        free(settings);
        return gm_err_set(err, GM_NOMEM, "out of memory");
    }
    enum gm_status status =
        gm_plan_parse((const char *)yaml->data, yaml->n_bytes, "(command line)", settings,
                      (unsigned)cli->settings.n_items, plan, &mistakes, err);
    print_mistakes(&mistakes);
    free(settings);
    return status;
}

enum progress_choice { CHOICE_AUTO, CHOICE_PLAIN, CHOICE_JSON, CHOICE_NONE };

static enum gm_progress_mode progress_mode(const struct gm_common_opts *common)
{
    static const enum gm_progress_mode modes[] = {[CHOICE_AUTO] = GM_PROGRESS_AUTO,
                                                  [CHOICE_PLAIN] = GM_PROGRESS_PLAIN,
                                                  [CHOICE_JSON] = GM_PROGRESS_JSON,
                                                  [CHOICE_NONE] = GM_PROGRESS_QUIET};
    if (common->quiet)
        return GM_PROGRESS_QUIET;
    if (common->json && common->progress == CHOICE_AUTO)
        return GM_PROGRESS_JSON;
    return modes[common->progress];
}

static bool wants_color(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

enum gm_status gm_job_execute(struct gm_cli *cli, const struct gm_plan *plan,
                              struct gm_run_summary *summary, struct gm_err *err)
{
    struct gm_progress *progress =
        gm_progress_new(STDERR_FILENO, progress_mode(&cli->common), wants_color());
    if (!progress)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    gm_log_redirect(gm_progress_log, progress);
    enum gm_status status = gm_run(plan, progress, summary, err);
    gm_log_redirect(NULL, NULL);
    gm_progress_free(progress);
    return status;
}

void gm_job_report(struct gm_cli *cli, const struct gm_plan *plan,
                   const struct gm_run_summary *summary, enum gm_status status, struct gm_buf *text)
{
    struct gm_outcome_report report = {summary, plan, status};
    if (cli->common.json)
        gm_summary_json(&report, text);
    else
        gm_summary_text(&report, text);
}

enum gm_status gm_job_run(struct gm_cli *cli, const struct gm_plan *plan, struct gm_err *err)
{
    struct gm_run_summary summary = {0};
    enum gm_status status = gm_job_execute(cli, plan, &summary, err);
    if (cli->common.json) {
        gm_job_report(cli, plan, &summary, status, &cli->out);
    } else if (!cli->common.quiet) {
        struct gm_buf text = GM_BUF_INIT;
        gm_job_report(cli, plan, &summary, status, &text);
        gm_write_full(STDERR_FILENO, text.data, text.n_bytes, "standard error", NULL);
        gm_buf_free(&text);
    }
    return status;
}

const char *gm_job_out(const struct gm_cli *cli, const char *default_out)
{
    for (size_t i = cli->settings.n_items; i-- > 0;)
        if (strncmp(cli->settings.items[i], "out=", 4) == 0)
            return cli->settings.items[i] + 4;
    return default_out;
}

enum gm_status gm_job_set(struct gm_cli *cli, const char *setting, struct gm_err *err)
{
    struct gm_opt_list *list = &cli->settings;
    char **items = reallocarray(list->items, list->n_items + 1, sizeof *items);
    if (items)
        list->items = items;
    char *text = items ? strdup(setting) : NULL;
    if (!text)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    items[list->n_items++] = text;
    return GM_OK;
}

void gm_job_quote(struct gm_buf *yaml, const char *text)
{
    gm_json_string(yaml, text, strlen(text));
}

static enum gm_status print_job(struct gm_cli *cli, const struct gm_buf *yaml, struct gm_err *err)
{
    struct gm_setting *settings = settings_of(cli);
    if (!settings)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    enum gm_status status = gm_plan_print((const char *)yaml->data, yaml->n_bytes, settings,
                                          (unsigned)cli->settings.n_items, &cli->out, err);
    free(settings);
    return status;
}

enum gm_status gm_job_short(struct gm_cli *cli, struct gm_buf *yaml, struct gm_err *err)
{
    struct gm_plan *plan;
    enum gm_status status = gm_job_parse(cli, yaml, &plan, err);
    if (status == GM_OK && cli->common.dry_run)
        status = print_job(cli, yaml, err);
    else if (status == GM_OK)
        status = gm_job_run(cli, plan, err);
    gm_plan_free(plan);
    return status;
}
