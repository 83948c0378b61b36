/* Help texts, the man page and completions, all from the tables. */
#ifndef GM_CLI_HELP_H
#define GM_CLI_HELP_H

#include "cli/cli.h"

void gm_help_overview(struct gm_buf *text);
void gm_help_command(struct gm_buf *text, const struct gm_command *command);
/* Options of a table, one paragraph each, at most 79 columns. dashes: "--" in front of the names
 * for the command line, "" for YAML. shorts may be NULL. */
void gm_help_options(struct gm_buf *text, const struct gm_opt *table, const char *dashes,
                     const struct gm_short *shorts);
/* Appends words with line breaks, each line indented; text may have newlines of its own. */
void gm_help_wrap(struct gm_buf *text, const char *words, unsigned indent);
/* The source of gristmill.1. */
void gm_help_man(struct gm_buf *text);

#endif
