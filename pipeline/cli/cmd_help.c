/* gristmill help [COMMAND] [--man]; also what `gristmill --help` and `--version` are. */
#include "cli/commands.h"
#include "cli/help.h"

struct opts {
    bool man;
};

static const struct gm_opt table[] = {{"man", GM_OPT_BOOL, offsetof(struct opts, man), "false", 0,
                                       0, NULL, NULL, "print the manual page as troff source"},
                                      GM_OPT_END};

static enum gm_status run(struct gm_cli *cli, const void *options, struct gm_err *err)
{
    const struct opts *opts = options;
    if (opts->man) {
        gm_help_man(&cli->out);
        return GM_OK;
    }
    if (cli->n_arguments == 0) {
        gm_help_overview(&cli->out);
        return GM_OK;
    }
    const struct gm_command *command = gm_command_find(cli->arguments[0]);
    if (!command)
        return gm_err_set(err, GM_USAGE, "there is no command \"%s\"", cli->arguments[0]);
    gm_help_command(&cli->out, command);
    return GM_OK;
}

const struct gm_command gm_cmd_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "say what the program or one command does",
    .max_arguments = 1,
    .opts = table,
    .opts_bytes = sizeof(struct opts),
    .run = run,
};
