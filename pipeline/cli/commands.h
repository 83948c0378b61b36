/* The commands, one file each: cmd_NAME.c. */
#ifndef GM_CLI_COMMANDS_H
#define GM_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct gm_command gm_cmd_run, gm_cmd_check, gm_cmd_fetch, gm_cmd_gray, gm_cmd_tokenize,
    gm_cmd_status, gm_cmd_inspect, gm_cmd_verify, gm_cmd_tokenizer, gm_cmd_stages, gm_cmd_help,
    gm_cmd_completion;

#endif
