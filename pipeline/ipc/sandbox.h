/* What a child may still do once its work begins. Order inside: rlimits, root (WORKER becomes
 * nobody), no_new_privs, Landlock, seccomp last.
 *
 *   WORKER   no open, no socket, no exec, no fork or thread, no ptrace, no signals to others;
 *            read and write on open descriptors, memory, futex, clock
 *   LISTER   may open for reading, write to open descriptors, start threads; no socket, exec, fork
 *   FETCH    threads and connect; may open for reading, and write only below write_dir_fd
 *   WRITER   may touch files only below write_dir_fd; no socket, exec, fork
 *
 * A forbidden act kills the process with SIGSYS (an obituary names it). Two are refused instead:
 * WORKER gets EACCES for opening or looking up a file by name, because C libraries do that behind
 * one's back and go on without the file; and Landlock says EACCES. Landlock is used where the
 * kernel has it; its absence is told in the state, and is not a failure as long as seccomp works.
 * Without it LISTER and FETCH can read, and FETCH and WRITER can write, what their user can. */
#ifndef GM_IPC_SANDBOX_H
#define GM_IPC_SANDBOX_H

#include "base/err.h"
#include <stdint.h>

/* 1 in builds with AddressSanitizer or ThreadSanitizer, whose runtimes map terabytes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GM_SANITIZED 1
#endif
#endif
#ifndef GM_SANITIZED
#define GM_SANITIZED 0
#endif

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
    uint64_t max_file_bytes; /* RLIMIT_FSIZE; 0: WORKER may not write to files at all, the
                                others have no limit; UINT64_MAX: no limit */
    int write_dir_fd;        /* FETCH, WRITER: folder below which files may be made; -1: none */
};

/* Can this kernel do it? Supervisor, before the first fork; GM_SYSTEM with what is missing and the
 * hint "sandbox: off". */
enum gm_status gm_sandbox_probe(struct gm_err *err);
/* In the child, before its first thread; cannot be undone. *state tells what was had. With mode OFF
 * only the limits are set; LOG refuses and kills nothing, so it does without Landlock too. */
enum gm_status gm_sandbox_enter(const struct gm_sandbox *sandbox, enum gm_sandbox_state *state,
                                struct gm_err *err);

/* Of the memory that the sandbox allows, so many bytes cannot be had for now; 0: all can. In the
 * process itself, before or after gm_sandbox_enter. No limit: no effect. */
void gm_sandbox_keep_back(uint64_t n_bytes);

#endif
