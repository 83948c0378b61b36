/* Arguments by table: --name value, --name=value, -o value, -ovalue, flags, "--" and "-".
 * Options and arguments may stand in any order. '_' in a table's name is '-' on the command line.
 */
#ifndef GM_CLI_ARGS_H
#define GM_CLI_ARGS_H

#include "cli/cli.h"

/* Fills cli (command is set, the rest empty) and opts (initialised here) from argv[0..argc), which
 * starts behind the command's name. Positional arguments are moved to the front of argv and
 * counted. GM_USAGE with a text that names the option and, if one is near, the one that was meant.
 */
enum gm_status gm_args_parse(struct gm_cli *cli, void *opts, int argc, char **argv,
                             struct gm_err *err);
void gm_args_free(struct gm_cli *cli, void *opts);

/* "dry_run" -> "dry-run"; text holds at least 64 bytes; returns text. */
const char *gm_args_name(const char *name, char *text);

#endif
