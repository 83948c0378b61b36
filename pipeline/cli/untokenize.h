/* gristmill tokenize --decode: from token files back to text. */
#ifndef GM_CLI_UNTOKENIZE_H
#define GM_CLI_UNTOKENIZE_H

#include "cli/cli.h"

/* Prints {"text": ...} for each document of the files and run folders among the arguments, in their
 * order. A reader that closes its end is no failure. */
enum gm_status gm_untokenize(struct gm_cli *cli, const char *tokenizer, bool skip_special,
                             struct gm_err *err);

#endif
