/* gristmill completion bash|zsh|fish: scripts with every command, option and --set name in them,
 * printed from the tables. They are static, so completing starts no process. */
#include "cli/args.h"
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static const struct gm_opt table[] = {GM_OPT_END};

/* Calls visit for each table whose options the command takes. */
typedef void visit_table(struct gm_buf *out, const struct gm_command *command,
                         const struct gm_opt *opts);

static void each_table(struct gm_buf *out, const struct gm_command *command, visit_table *visit)
{
    visit(out, command, command->opts);
    visit(out, command, gm_common_opts);
    if (!command->sections)
        return;
    visit(out, command, gm_common_job_opts);
    for (size_t i = 0; command->sections[i]; i++) {
        const struct gm_opt *opts = gm_section_opts(command->sections[i]);
        if (opts)
            visit(out, command, opts);
    }
}

static void set_names_of(struct gm_buf *out, const char *section)
{
    const struct gm_opt *opts = gm_section_opts(section);
    for (; opts && opts->name; opts++)
        gm_buf_printf(out, " %s%s%s=", section, *section ? "." : "", opts->name);
}

/* " memory= fetch.rate= ..." */
static void set_names(struct gm_buf *out)
{
    char section[128];
    set_names_of(out, "");
    set_names_of(out, "fetch");
    set_names_of(out, "unpack");
    for (size_t i = 0; gm_stages[i]; i++) {
        snprintf(section, sizeof section, "%s.%s", gm_stages[i]->family, gm_stages[i]->name);
        set_names_of(out, section);
    }
    for (size_t i = 0; gm_sinks[i]; i++) {
        snprintf(section, sizeof section, "sink.%s", gm_sinks[i]->name);
        set_names_of(out, section);
    }
}

static void command_names(struct gm_buf *out)
{
    for (size_t i = 0; gm_commands[i]; i++)
        gm_buf_printf(out, "%s%s", i ? " " : "", gm_commands[i]->name);
}

/* ---- bash ---- */

static void bash_options(struct gm_buf *out, const struct gm_command *command,
                         const struct gm_opt *opts)
{
    char name[64];
    (void)command;
    for (; opts->name; opts++)
        gm_buf_printf(out, " --%s", gm_args_name(opts->name, name));
}

static void bash_choices(struct gm_buf *out, const struct gm_command *command,
                         const struct gm_opt *opts)
{
    char name[64];
    for (; opts->name; opts++) {
        if (opts->type != GM_OPT_ENUM)
            continue;
        gm_buf_printf(out, "    %s:--%s) words=\"", command->name, gm_args_name(opts->name, name));
        for (size_t i = 0; opts->choices[i]; i++)
            gm_buf_printf(out, "%s%s", i ? " " : "", opts->choices[i]);
        gm_buf_text(out, "\" ;;\n");
    }
}

static void print_bash(struct gm_buf *out)
{
    gm_buf_text(out, "# bash completion of gristmill; made by \"gristmill completion bash\"\n"
                     "_gristmill() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local command=${COMP_WORDS[1]} words=\n"
                     "    COMPREPLY=()\n"
                     "    [ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                     "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                     "        COMPREPLY=($(compgen -W \"");
    command_names(out);
    gm_buf_text(out, "\" -- \"$cur\"))\n"
                     "        return\n"
                     "    fi\n"
                     "    case \"$command:$prev\" in\n"
                     "    *:--set) compopt -o nospace; words=\"");
    set_names(out);
    gm_buf_text(out, "\" ;;\n    completion:*) words=\"bash zsh fish\" ;;\n    help:*) words=\"");
    command_names(out);
    gm_buf_text(out, "\" ;;\n    stages:*) words=\"");
    for (size_t i = 0; gm_stages[i]; i++)
        gm_buf_printf(out, "%s%s.%s", i ? " " : "", gm_stages[i]->family, gm_stages[i]->name);
    gm_buf_text(out, "\" ;;\n");
    for (size_t i = 0; gm_commands[i]; i++)
        each_table(out, gm_commands[i], bash_choices);
    gm_buf_text(out, "    esac\n"
                     "    if [ -z \"$words\" ] && [ \"${cur#-}\" != \"$cur\" ]; then\n"
                     "        case \"$command\" in\n");
    for (size_t i = 0; gm_commands[i]; i++) {
        gm_buf_printf(out, "        %s) words=\"", gm_commands[i]->name);
        each_table(out, gm_commands[i], bash_options);
        gm_buf_text(out, "\" ;;\n");
    }
    gm_buf_text(out, "        esac\n"
                     "    fi\n"
                     "    if [ -n \"$words\" ]; then\n"
                     "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                     "    else\n"
                     "        compopt -o filenames\n"
                     "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                     "    fi\n"
                     "}\n"
                     "complete -F _gristmill gristmill\n");
}

/* ---- zsh and fish ---- */

/* Help in single quotes; zsh wants ':' and brackets escaped inside of a description. */
static void quoted_help(struct gm_buf *out, const char *help, const char *escaped)
{
    for (; *help; help++) {
        if (*help == '\'')
            gm_buf_text(out, "'\\''");
        else if (strchr(escaped, *help))
            gm_buf_printf(out, "\\%c", *help);
        else
            gm_buf_char(out, *help);
    }
}

static void zsh_options(struct gm_buf *out, const struct gm_command *command,
                        const struct gm_opt *opts)
{
    char name[64];
    (void)command;
    for (; opts->name; opts++) {
        bool many = opts->type == GM_OPT_LIST;
        gm_buf_printf(out, "        '%s--%s%s[", many ? "*" : "", gm_args_name(opts->name, name),
                      opts->type == GM_OPT_BOOL ? "" : "=");
        quoted_help(out, opts->help, ":[]\\");
        gm_buf_char(out, ']');
        if (strcmp(opts->name, "set") == 0) {
            gm_buf_text(out, ":option:(");
            set_names(out);
            gm_buf_char(out, ')');
        } else if (opts->type == GM_OPT_ENUM) {
            gm_buf_text(out, ":choice:(");
            for (size_t i = 0; opts->choices[i]; i++)
                gm_buf_printf(out, "%s%s", i ? " " : "", opts->choices[i]);
            gm_buf_char(out, ')');
        } else if (opts->type != GM_OPT_BOOL) {
            gm_buf_printf(out, ":%s:%s", name, opts->type == GM_OPT_STRING ? "_files" : "");
        }
        gm_buf_text(out, "' \\\n");
    }
}

static void print_zsh(struct gm_buf *out)
{
    gm_buf_text(out, "#compdef gristmill\n"
                     "# made by \"gristmill completion zsh\"\n"
                     "_gristmill() {\n"
                     "    local -a commands\n"
                     "    commands=(\n");
    for (size_t i = 0; gm_commands[i]; i++) {
        gm_buf_printf(out, "        '%s:", gm_commands[i]->name);
        quoted_help(out, gm_commands[i]->summary, ":\\");
        gm_buf_text(out, "'\n");
    }
    gm_buf_text(out, "    )\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        _describe command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    shift words; (( CURRENT-- ))\n"
                     "    case $words[1] in\n");
    for (size_t i = 0; gm_commands[i]; i++) {
        gm_buf_printf(out, "    %s)\n        _arguments \\\n", gm_commands[i]->name);
        each_table(out, gm_commands[i], zsh_options);
        gm_buf_text(out, "        '*:file:_files' ;;\n");
    }
    gm_buf_text(out, "    esac\n}\n_gristmill \"$@\"\n");
}

static void fish_help(struct gm_buf *out, const char *help)
{
    gm_buf_text(out, " -d '");
    for (; *help; help++)
        gm_buf_printf(out, "%s%c", *help == '\'' || *help == '\\' ? "\\" : "", *help);
    gm_buf_text(out, "'\n");
}

static void fish_options(struct gm_buf *out, const struct gm_command *command,
                         const struct gm_opt *opts)
{
    char name[64];
    for (; opts->name; opts++) {
        gm_buf_printf(out, "complete -c gristmill -n '__fish_seen_subcommand_from %s' -l %s%s",
                      command->name, gm_args_name(opts->name, name),
                      opts->type == GM_OPT_BOOL ? "" : " -r");
        if (opts->type == GM_OPT_ENUM || strcmp(opts->name, "set") == 0) {
            gm_buf_text(out, " -f -a '");
            if (opts->type != GM_OPT_ENUM)
                set_names(out);
            for (size_t i = 0; opts->type == GM_OPT_ENUM && opts->choices[i]; i++)
                gm_buf_printf(out, "%s%s", i ? " " : "", opts->choices[i]);
            gm_buf_char(out, '\'');
        }
        fish_help(out, opts->help);
    }
}

static void print_fish(struct gm_buf *out)
{
    gm_buf_text(out, "# fish completion of gristmill; made by \"gristmill completion fish\"\n");
    for (size_t i = 0; gm_commands[i]; i++) {
        gm_buf_printf(out, "complete -c gristmill -n __fish_use_subcommand -f -a %s",
                      gm_commands[i]->name);
        fish_help(out, gm_commands[i]->summary);
    }
    for (size_t i = 0; gm_commands[i]; i++)
        each_table(out, gm_commands[i], fish_options);
}

static const struct {
    const char *shell;
    void (*print)(struct gm_buf *out);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    (void)opts;
    for (size_t i = 0; i < GM_ARRAY_LEN(shells); i++) {
        if (strcmp(cli->arguments[0], shells[i].shell) == 0) {
            shells[i].print(&cli->out);
            return GM_OK;
        }
    }
    return gm_err_set(err, GM_USAGE, "expected bash, zsh or fish, not \"%s\"", cli->arguments[0]);
}

const struct gm_command gm_cmd_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "print a completion script for a shell",
    .details = "make install puts the scripts where the shells look for them. By hand: source "
               "<(gristmill completion bash)",
    .min_arguments = 1,
    .max_arguments = 1,
    .opts = table,
    .run = run,
};
