/* The command line: one struct gm_command a command, in a file of its own, named in cli.c's table.
 * A command's option table drives parsing, help, the man page and the shell completions, like the
 * tables of the stages do for a job. */
#ifndef GM_CLI_CLI_H
#define GM_CLI_CLI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "run/plan.h"
#include <stdbool.h>
#include <stddef.h>

/* What every command understands. */
struct gm_common_opts {
    bool help, version;
    bool json, quiet, verbose;
    /* of the commands that run or check a job */
    struct gm_opt_list set;
    int progress; /* enum gm_progress_choice */
    bool dry_run;
};
extern const struct gm_opt gm_common_opts[];     /* all commands */
extern const struct gm_opt gm_common_job_opts[]; /* commands with sections */

struct gm_cli {
    const struct gm_command *command;
    struct gm_common_opts common;
    struct gm_opt_list settings; /* "a.b=c" of --set and of section options, in order */
    char **arguments;            /* not owned */
    unsigned n_arguments;
    struct gm_buf out; /* what goes to standard output when the command ends, or at gm_cli_flush */
};

struct gm_short {
    char letter;      /* 'o' */
    const char *name; /* of the option: "out"; the list ends with NULL */
};

struct gm_command {
    const char *name;
    const char *arguments; /* "JOB.yaml", as in the usage line */
    const char *summary;   /* one line, no full stop */
    const char *details;   /* paragraphs for help and man page; may be NULL */
    const char *examples;  /* lines; may be NULL */
    unsigned min_arguments, max_arguments;
    const struct gm_opt *opts;     /* own options; never NULL */
    const struct gm_short *shorts; /* NULL: none but the common ones */
    size_t opts_bytes;
    /* Sections of a job whose options may be given as --NAME too ("" for the job's own), ended by
     * NULL; NULL: the command has no job, and no --set, --progress, --dry-run. */
    const char *const *sections;
    /* opts: own options, filled. May print to cli->out. GM_END: done, the process's exit code is
     * that of the last error printed. */
    enum gm_status (*run)(struct gm_cli *cli, const void *opts, struct gm_err *err);
};

extern const struct gm_command *const gm_commands[];        /* ended by NULL */
const struct gm_command *gm_command_find(const char *name); /* or NULL */

/* The option table of a section of a job: "", "fetch", "unpack", "source.urls", "text.stats",
 * "sink.records". NULL: there is no such section. */
const struct gm_opt *gm_section_opts(const char *section);

/* Everything but what main is: returns the process's exit code. */
int gm_cli_main(int argc, char **argv);
/* Writes cli->out to standard output and empties it. GM_END: the reader has closed its end, which
 * is no failure; stop printing. */
enum gm_status gm_cli_flush(struct gm_cli *cli, struct gm_err *err);

#endif
