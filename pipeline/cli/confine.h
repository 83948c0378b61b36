/* The sandbox of commands that parse files themselves and only print: they may open files for
 * reading and write to what is open already (sandbox.h: LISTER). */
#ifndef GM_CLI_CONFINE_H
#define GM_CLI_CONFINE_H

#include "ipc/sandbox.h"

/* ON where the kernel can; else OFF, with a warning. */
enum gm_sandbox_mode gm_cli_sandbox(void);
/* For the rest of this process. */
enum gm_status gm_cli_enter_sandbox(struct gm_err *err);

#endif
