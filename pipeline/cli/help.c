/* Texts for people, made from the tables, so that no option can be missing from them. */
#include "cli/help.h"

#include "cli/args.h"
#include "cli/commands.h"
#include "version.h"

#include <string.h>

#define COLUMNS 79

void gm_help_wrap(struct gm_buf *text, const char *words, unsigned indent)
{
    unsigned column = 0;
    while (*words) {
        size_t n = strcspn(words, " \n");
        if (n > 0) {
            if (column > 0 && column + 1 + n > COLUMNS) {
                gm_buf_char(text, '\n');
                column = 0;
            }
            if (column > 0)
                gm_buf_char(text, ' ');
            else
                gm_buf_printf(text, "%*s", (int)indent, "");
            column += (column > 0 ? 1 : indent) + (unsigned)n;
            gm_buf_append(text, words, n);
        }
        words += n;
        if (*words == '\n') {
            gm_buf_char(text, '\n');
            column = 0;
        }
        words += *words != '\0';
    }
    if (column > 0)
        gm_buf_char(text, '\n');
}

static char letter_of(const struct gm_short *shorts, const char *name)
{
    for (; shorts && shorts->name; shorts++)
        if (strcmp(shorts->name, name) == 0)
            return shorts->letter;
    return '\0';
}

static void option_bounds(struct gm_buf *text, const struct gm_opt *opt)
{
    bool has_default = opt->default_text && opt->type != GM_OPT_BOOL;
    if (opt->unit)
        gm_buf_printf(text, ", %s", opt->unit);
    if (has_default)
        gm_buf_printf(text, ", default %s", opt->default_text);
    else if (opt->type == GM_OPT_BOOL && opt->default_text &&
             strcmp(opt->default_text, "true") == 0)
        gm_buf_text(text, ", default true");
}

void gm_help_options(struct gm_buf *text, const struct gm_opt *table, const char *dashes,
                     const struct gm_short *shorts)
{
    char name[64], type[256];
    for (const struct gm_opt *opt = table; opt->name; opt++) {
        char letter = letter_of(shorts, opt->name);
        bool flag = *dashes && opt->type == GM_OPT_BOOL;
        gm_buf_text(text, "  ");
        if (letter)
            gm_buf_printf(text, "-%c, ", letter);
        gm_buf_printf(text, "%s%s", dashes, *dashes ? gm_args_name(opt->name, name) : opt->name);
        gm_buf_printf(text, "%s%s", flag ? "" : ": ",
                      flag ? "" : gm_opt_type_text(opt, type, sizeof type));
        option_bounds(text, opt);
        gm_buf_char(text, '\n');
        gm_help_wrap(text, opt->help, 8);
    }
}

void gm_help_overview(struct gm_buf *text)
{
    gm_buf_printf(text,
                  "gristmill %s: raw material in, training-ready shards out\n\n"
                  "usage: gristmill COMMAND [OPTIONS] ...\n\n",
                  GM_VERSION);
    for (size_t i = 0; gm_commands[i]; i++)
        gm_buf_printf(text, "  %-11s %s\n", gm_commands[i]->name, gm_commands[i]->summary);
    gm_buf_text(text, "\n\"gristmill help COMMAND\" tells more; \"gristmill stages\" lists what a "
                      "job can do.\n");
}

static void section_options(struct gm_buf *text, const struct gm_command *command)
{
    for (size_t i = 0; command->sections && command->sections[i]; i++) {
        const char *section = command->sections[i];
        const struct gm_opt *table = gm_section_opts(section);
        if (!table || !table->name)
            continue;
        if (*section)
            gm_buf_printf(text, "\nOptions of the job's section %s:\n", section);
        else
            gm_buf_text(text, "\nOptions of the job itself:\n");
        gm_help_options(text, table, "--", command->shorts);
    }
}

void gm_help_command(struct gm_buf *text, const struct gm_command *command)
{
    static const struct gm_short shorts[] = {
        {'h', "help"}, {'V', "version"}, {'q', "quiet"}, {'v', "verbose"}, {'\0', NULL}};
    gm_buf_printf(text, "usage: gristmill %s [OPTIONS] %s\n\n%s.\n", command->name,
                  command->arguments, command->summary);
    if (command->details) {
        gm_buf_char(text, '\n');
        gm_help_wrap(text, command->details, 0);
    }
    if (command->examples)
        gm_buf_printf(text, "\nExamples:\n%s", command->examples);
    gm_buf_text(text, "\nOptions:\n");
    gm_help_options(text, command->opts, "--", command->shorts);
    if (command->sections)
        gm_help_options(text, gm_common_job_opts, "--", command->shorts);
    gm_help_options(text, gm_common_opts, "--", shorts);
    section_options(text, command);
}
