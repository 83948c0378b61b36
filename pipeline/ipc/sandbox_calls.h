/* The part of the sandbox that filters system calls (seccomp). Part of sandbox.c, for nobody else.
 */
#ifndef GM_IPC_SANDBOX_CALLS_H
#define GM_IPC_SANDBOX_CALLS_H

#include "ipc/sandbox.h"

/* GM_SYSTEM if this kernel has no filters that can kill a process. Changes nothing. */
enum gm_status gm_sandbox_probe_calls(struct gm_err *err);
/* Loads the profile's filter into all threads of this process. The mode may not be OFF. */
enum gm_status gm_sandbox_filter_calls(const struct gm_sandbox *sandbox, struct gm_err *err);

#endif
