/* The manual page, as troff man(7) source. `make man` writes it to docs/man/gristmill.1; a test
 * compares the two. */
#include "cli/help.h"

#include "cli/args.h"
#include "run/plan.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

/* Text as troff wants it: no line starts a request, '-' and '\' are themselves. */
static void put(struct gm_buf *page, const char *words)
{
    bool line_start = true;
    for (; *words; words++) {
        if (line_start && (*words == '.' || *words == '\''))
            gm_buf_text(page, "\\&");
        if (*words == '\\')
            gm_buf_text(page, "\\e");
        else if (*words == '-')
            gm_buf_text(page, "\\-");
        else
            gm_buf_char(page, *words);
        line_start = *words == '\n';
    }
}

static void heading(struct gm_buf *page, const char *request, const char *title)
{
    gm_buf_printf(page, "%s \"", request);
    put(page, title);
    gm_buf_text(page, "\"\n");
}

static void paragraph(struct gm_buf *page, const char *words)
{
    gm_buf_text(page, ".PP\n");
    put(page, words);
    gm_buf_char(page, '\n');
}

/* Blank lines in a text separate paragraphs. */
static void paragraphs(struct gm_buf *page, const char *words)
{
    gm_buf_text(page, ".PP\n");
    for (const char *gap; (gap = strstr(words, "\n\n")); words = gap + 2) {
        struct gm_buf part = GM_BUF_INIT;
        gm_buf_append(&part, words, (size_t)(gap - words));
        put(page, gm_buf_cstr(&part));
        gm_buf_text(page, "\n.PP\n");
        gm_buf_free(&part);
    }
    put(page, words);
    gm_buf_char(page, '\n');
}

static void example(struct gm_buf *page, const char *lines)
{
    gm_buf_text(page, ".PP\n.nf\n");
    put(page, lines);
    gm_buf_text(page, ".fi\n");
}

static void options(struct gm_buf *page, const struct gm_opt *table, const char *dashes)
{
    char name[64], type[256];
    for (const struct gm_opt *opt = table; opt->name; opt++) {
        gm_buf_text(page, ".TP\n\\fB");
        put(page, dashes);
        put(page, *dashes ? gm_args_name(opt->name, name) : opt->name);
        gm_buf_text(page, "\\fR");
        if (!*dashes || opt->type != GM_OPT_BOOL) {
            gm_buf_text(page, " (");
            put(page, gm_opt_type_text(opt, type, sizeof type));
            gm_buf_char(page, ')');
        }
        gm_buf_char(page, '\n');
        put(page, opt->help);
        if (opt->default_text && (!*dashes || opt->type != GM_OPT_BOOL)) {
            gm_buf_text(page, ". Default: ");
            put(page, opt->default_text);
        }
        gm_buf_text(page, ".\n");
    }
}

static void commands(struct gm_buf *page)
{
    gm_buf_text(page, ".SH COMMANDS\n");
    for (size_t i = 0; gm_commands[i]; i++) {
        const struct gm_command *command = gm_commands[i];
        char title[128];
        snprintf(title, sizeof title, "gristmill %s %s", command->name, command->arguments);
        heading(page, ".SS", title);
        gm_buf_text(page, ".PP\n");
        put(page, command->summary);
        gm_buf_text(page, ".\n");
        if (command->details)
            paragraphs(page, command->details);
        if (command->examples)
            example(page, command->examples);
        options(page, command->opts, "--");
    }
    heading(page, ".SS", "Options of every command");
    options(page, gm_common_opts, "--");
    heading(page, ".SS", "Options of run, check, fetch and gray");
    paragraph(page, "Besides these, run and check take every option of the job itself as "
                    "--NAME, fetch and gray also those of the section fetch.");
    options(page, gm_common_job_opts, "--");
}

static void section(struct gm_buf *page, const char *title, const char *summary,
                    const struct gm_opt *table)
{
    heading(page, ".SS", title);
    paragraph(page, summary);
    options(page, table, "");
}

static void job(struct gm_buf *page)
{
    char title[96];
    gm_buf_text(page, ".SH JOB FILE\n");
    paragraph(page, "A job is one YAML file. Paths in it are relative to the folder in which "
                    "gristmill is started. Sizes are written like 64KB or 1.5GB (powers of 1024), "
                    "durations like 250ms, 60s or 2h, rates like 20/s or 600/m. Anchors, tags and "
                    "several documents are not used.");
    example(page, "job: example\n"
                  "source:\n"
                  "  - urls: urls.txt\n"
                  "  - files: corpus/**/*.jsonl.gz\n"
                  "fetch: {connections: 64, rate: 20/s}\n"
                  "text:\n"
                  "  - normalize: {form: nfc}\n"
                  "  - stats\n"
                  "sink:\n"
                  "  records: {shard: 256MB}\n");
    section(page, "The job itself", "At the top level of the file.", gm_job_opts);
    for (size_t i = 0; gm_listers[i]; i++) {
        snprintf(title, sizeof title, "source: \\- %s: ...", gm_listers[i]->name);
        gm_buf_printf(page, ".SS \"%s\"\n", title);
        paragraph(page, gm_listers[i]->summary);
        options(page, gm_listers[i]->opts, "");
    }
    section(page, "fetch:", "How sources are read.", gm_fetch.opts);
    section(page, "unpack:", gm_unpack.summary, gm_unpack.opts);
    for (size_t i = 0; gm_stages[i]; i++) {
        snprintf(title, sizeof title, "%s: - %s", gm_stages[i]->family, gm_stages[i]->name);
        section(page, title, gm_stages[i]->summary, gm_stages[i]->opts);
    }
    for (size_t i = 0; gm_sinks[i]; i++) {
        snprintf(title, sizeof title, "sink: %s:", gm_sinks[i]->name);
        section(page, title, gm_sinks[i]->summary, gm_sinks[i]->opts);
    }
}

static void exit_codes(struct gm_buf *page)
{
    static const struct {
        int code;
        const char *meaning;
    } codes[] = {
        {0, "done"},
        {1, "done, but more items failed than max_failed allows"},
        {64, "wrong command line"},
        {65, "input that cannot be used; verify found a difference"},
        {66, "an input file or folder is missing"},
        {70, "a bug in gristmill, or a crashed process that could not be replaced"},
        {71, "out of memory or another resource of the system"},
        {74, "reading or writing failed; the disk is full"},
        {75, "stopped by a signal, or the run folder is in use: run again to resume"},
        {77, "not permitted"},
        {78, "wrong configuration; nothing was started"},
    };
    gm_buf_text(page, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < GM_ARRAY_LEN(codes); i++)
        gm_buf_printf(page, ".TP\n\\fB%d\\fR\n%s.\n", codes[i].code, codes[i].meaning);
}

static void rest(struct gm_buf *page)
{
    gm_buf_text(page, ".SH FILES\n");
    paragraph(page, "Everything is written below the run folder (out): record shards, "
                    "rejects.jsonl with one line for each record that did not come out, "
                    "manifest.json when the run is complete, run.db as an index of items. "
                    "Running a job again goes on where it was stopped; a finished job looks for "
                    "new and changed sources.");
    gm_buf_text(page, ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nNo colors, if set and not empty.\n"
                      ".TP\n\\fBTERM\\fR\nNo colors, if \"dumb\".\n");
}

void gm_help_man(struct gm_buf *page)
{
    gm_buf_printf(page,
                  ".\\\" Made by \"gristmill help --man\"; do not edit.\n"
                  ".TH GRISTMILL 1 \"\" \"gristmill %s\" \"User Commands\"\n"
                  ".SH NAME\ngristmill \\- raw material in, training\\-ready shards out\n"
                  ".SH SYNOPSIS\n\\fBgristmill\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] ...\n"
                  ".SH DESCRIPTION\n",
                  GM_VERSION);
    put(page, "gristmill turns URL lists, folders, archives and JSON Lines into shards of feature "
              "records, texts and grayscale images, on every core, in bounded memory. A run that "
              "was stopped or killed goes on where it was, without losing or repeating a "
              "record.\n");
    commands(page);
    job(page);
    exit_codes(page);
    rest(page);
}
