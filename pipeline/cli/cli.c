/* From argv to a command and back to an exit code. Errors are printed here, once. */
#include "cli/cli.h"

#include "base/fs.h"
#include "base/log.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "ipc/stop.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const progress_choices[] = {"auto", "plain", "json", "none", NULL};

#define FIELD(name) offsetof(struct gm_common_opts, name)
const struct gm_opt gm_common_opts[] = {
    {"help", GM_OPT_BOOL, FIELD(help), "false", 0, 0, NULL, NULL, "say how the command is used"},
    {"version", GM_OPT_BOOL, FIELD(version), "false", 0, 0, NULL, NULL, "print the version"},
    {"json", GM_OPT_BOOL, FIELD(json), "false", 0, 0, NULL, NULL,
     "results, progress and messages as JSON"},
    {"quiet", GM_OPT_BOOL, FIELD(quiet), "false", 0, 0, NULL, NULL,
     "nothing on standard error but warnings and errors"},
    {"verbose", GM_OPT_BOOL, FIELD(verbose), "false", 0, 0, NULL, NULL,
     "more on standard error than usual"},
    GM_OPT_END};

const struct gm_opt gm_common_job_opts[] = {
    {"set", GM_OPT_LIST, FIELD(set), NULL, 0, 0, NULL, NULL,
     "change one option of the job, as in --set fetch.connections=8; may be given many times"},
    {"progress", GM_OPT_ENUM, FIELD(progress), "auto", 0, 0, progress_choices, NULL,
     "how progress is shown on standard error; auto: a line that is redrawn if it is a terminal"},
    {"dry_run", GM_OPT_BOOL, FIELD(dry_run), "false", 0, 0, NULL, NULL,
     "only show what would be done"},
    GM_OPT_END};
#undef FIELD

const struct gm_command *const gm_commands[] = {&gm_cmd_run,
                                                &gm_cmd_check,
                                                &gm_cmd_fetch,
                                                &gm_cmd_gray,
                                                &gm_cmd_tokenize,
                                                &gm_cmd_status,
                                                &gm_cmd_inspect,
                                                &gm_cmd_verify,
                                                &gm_cmd_tokenizer,
                                                &gm_cmd_stages,
                                                &gm_cmd_help,
                                                &gm_cmd_completion,
                                                NULL};

const struct gm_command *gm_command_find(const char *name)
{
    for (size_t i = 0; gm_commands[i]; i++)
        if (strcmp(gm_commands[i]->name, name) == 0)
            return gm_commands[i];
    return NULL;
}

static const struct gm_opt *list_opts(const char *name)
{
    for (size_t i = 0; gm_listers[i]; i++)
        if (strcmp(gm_listers[i]->name, name) == 0)
            return gm_listers[i]->opts;
    return NULL;
}

static const struct gm_opt *sink_opts(const char *name)
{
    for (size_t i = 0; gm_sinks[i]; i++)
        if (strcmp(gm_sinks[i]->name, name) == 0)
            return gm_sinks[i]->opts;
    return NULL;
}

const struct gm_opt *gm_section_opts(const char *section)
{
    char family[64];
    const char *dot = strchr(section, '.');
    if (*section == '\0')
        return gm_job_opts;
    if (strcmp(section, "fetch") == 0)
        return gm_fetch.opts;
    if (strcmp(section, "unpack") == 0)
        return gm_unpack.opts;
    if (!dot || (size_t)(dot - section) >= sizeof family)
        return NULL;
    snprintf(family, sizeof family, "%.*s", (int)(dot - section), section);
    if (strcmp(family, "source") == 0)
        return list_opts(dot + 1);
    if (strcmp(family, "sink") == 0)
        return sink_opts(dot + 1);
    const struct gm_stage *stage = gm_stage_find(family, dot + 1);
    return stage ? stage->opts : NULL;
}

/* A closed standard descriptor would be reused by the next file that is opened, and messages
 * would end up in it. The stand-in fails when it is used the usual way. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 1 ? O_RDONLY : O_WRONLY) != fd)
            _exit(gm_status_exit_code(GM_SYSTEM));
}

enum gm_status gm_cli_flush(struct gm_cli *cli, struct gm_err *err)
{
    const uint8_t *data = cli->out.data;
    size_t left = cli->out.n_bytes;
    enum gm_status status = GM_OK;
    if (cli->out.failed)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    while (left > 0 && status == GM_OK) {
        ssize_t n = write(STDOUT_FILENO, data, left);
        if (n >= 0) {
            data += n;
            left -= (size_t)n;
        } else if (errno == EPIPE) {
            status = GM_END;
        } else if (errno != EINTR) {
            status = gm_err_sys(err, GM_IO, errno, "unable to write to standard output");
        }
    }
    gm_buf_clear(&cli->out);
    return status;
}

static void set_up_log(const struct gm_common_opts *common)
{
    enum gm_log_level level = GM_LOG_INFO;
    if (common->quiet)
        level = GM_LOG_WARN;
    else if (common->verbose)
        level = GM_LOG_DEBUG;
    gm_log_setup(STDERR_FILENO, level, common->json ? GM_LOG_JSON : GM_LOG_TEXT, "gristmill");
}

static enum gm_status run_parsed(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    if (cli->common.version) {
        gm_buf_printf(&cli->out, "gristmill %s\n", GM_VERSION);
        return GM_OK;
    }
    if (cli->common.help && cli->command == &gm_cmd_help && cli->n_arguments == 0) {
        gm_help_overview(&cli->out);
        return GM_OK;
    }
    if (cli->common.help) {
        gm_help_command(&cli->out, cli->command);
        return GM_OK;
    }
    if (cli->command->sections)
        gm_stop_handle(cli->common.json);
    return cli->command->run(cli, opts, err);
}

static int run_command(const struct gm_command *command, int argc, char **argv)
{
    struct gm_cli cli = {.command = command};
    struct gm_err err = {0};
    void *opts = calloc(1, command->opts_bytes ? command->opts_bytes : 1);
    enum gm_status status = GM_NOMEM;
    if (opts)
        status = gm_args_parse(&cli, opts, argc, argv, &err);
    else
        gm_err_set(&err, GM_NOMEM, "out of memory");
    set_up_log(&cli.common);
    if (status == GM_OK)
        status = run_parsed(&cli, opts, &err);
    struct gm_err flush_err = {0};
    enum gm_status flushed = gm_cli_flush(&cli, &flush_err);
    if (status != GM_OK && status != GM_END && err.text[0])
        gm_log(GM_LOG_ERROR, "%s%s%s", status == GM_USAGE ? command->name : "",
               status == GM_USAGE ? ": " : "", err.text);
    if (status == GM_OK && flushed != GM_OK && flushed != GM_END) {
        gm_log(GM_LOG_ERROR, "%s", flush_err.text);
        status = flushed;
    }
    if (opts)
        gm_args_free(&cli, opts);
    free(opts);
    gm_buf_free(&cli.out);
    return gm_status_exit_code(status);
}

static int unknown_command(const char *name)
{
    const char *names[32] = {NULL};
    for (size_t i = 0; gm_commands[i] && i + 1 < GM_ARRAY_LEN(names); i++)
        names[i] = gm_commands[i]->name;
    const char *nearest = gm_word_nearest(names, name);
    size_t n = strlen(name);
    if (nearest)
        gm_log(GM_LOG_ERROR, "there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
    else if (n > 5 && strcmp(name + n - 5, ".yaml") == 0)
        gm_log(GM_LOG_ERROR, "\"%s\" is not a command; to run the job: gristmill run %s", name,
               name);
    else
        gm_log(GM_LOG_ERROR, "there is no command \"%s\"; \"gristmill help\" lists them", name);
    return gm_status_exit_code(GM_USAGE);
}

int gm_cli_main(int argc, char **argv)
{
    open_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, and no reason to die */
    gm_log_setup(STDERR_FILENO, GM_LOG_INFO, GM_LOG_TEXT, "gristmill");
    if (argc < 2) {
        struct gm_buf text = GM_BUF_INIT;
        gm_help_overview(&text);
        gm_write_full(STDERR_FILENO, text.data, text.n_bytes, "standard error", NULL);
        gm_buf_free(&text);
        return gm_status_exit_code(GM_USAGE);
    }
    if (argv[1][0] == '-') /* gristmill --help, --version */
        return run_command(&gm_cmd_help, argc - 1, argv + 1);
    const struct gm_command *command = gm_command_find(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    return run_command(command, argc - 2, argv + 2);
}
