/* What a child may still do once its work begins. Order inside: rlimits, no_new_privs, Landlock,
 * seccomp last.
 *
 *   WORKER  no open, no socket, no exec, no fork or thread, no ptrace, no signals to others; read,
 * write on open descriptors, memory, futex, clock LISTER  may open for reading, write to open
 * descriptors; no socket, exec, fork FETCH   threads and connect; may open for reading and write
 * only below write_dir_fd WRITER  may touch files only below write_dir_fd; no socket, exec, fork
 *
 * A forbidden act kills the process with SIGSYS (an obituary names it). Landlock is used where
 * the kernel has it; its absence is told in the state, and is not a failure as long as seccomp
 * works. */
#ifndef GM_IPC_SANDBOX_H
#define GM_IPC_SANDBOX_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum gm_sandbox_profile {
    GM_SANDBOX_WORKER,
    GM_SANDBOX_LISTER,
    GM_SANDBOX_FETCH,
    GM_SANDBOX_WRITER
};
enum gm_sandbox_mode {
    GM_SANDBOX_ON,
    GM_SANDBOX_LOG /* forbidden calls are logged by the kernel, not killed */,
    GM_SANDBOX_OFF
};
enum gm_sandbox_state { GM_SANDBOX_STATE_OFF, GM_SANDBOX_STATE_SECCOMP, GM_SANDBOX_STATE_FULL };

struct gm_sandbox {
    enum gm_sandbox_profile profile;
    enum gm_sandbox_mode mode;
    uint64_t memory_bytes; /* RLIMIT_AS on top of what is mapped now; 0: none. Ignored in sanitizer
                              builds */
    uint64_t max_file_bytes; /* RLIMIT_FSIZE; 0 for WORKER means no file may grow at all;
                                UINT64_MAX: no limit */
    int write_dir_fd;        /* FETCH, WRITER: folder below which files may be made; -1: none */
};

/* Can this kernel do it? Supervisor, before the first fork; GM_SYSTEM with what is missing and the
 * hint "sandbox: off". */
enum gm_status gm_sandbox_probe(struct gm_err *err);
/* In the child; cannot be undone. *state tells what was had. */
enum gm_status gm_sandbox_enter(const struct gm_sandbox *sandbox, enum gm_sandbox_state *state,
                                struct gm_err *err);

#endif
