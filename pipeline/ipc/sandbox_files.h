/* The part of the sandbox that restricts which files may be named (Landlock). Part of sandbox.c,
 * for nobody else. */
#ifndef GM_IPC_SANDBOX_FILES_H
#define GM_IPC_SANDBOX_FILES_H

#include "ipc/sandbox.h"
#include <stdbool.h>

/* Needs no_new_privs. *restricted is false where the kernel has no Landlock; that is no error. */
enum gm_status gm_sandbox_restrict_files(const struct gm_sandbox *sandbox, bool *restricted,
                                         struct gm_err *err);

#endif
