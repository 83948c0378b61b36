/* The one way in which functions report failure: they return enum gm_status and fill a
 * struct gm_err. The origin calls gm_err_set, callers on the way up add context in front with
 * gm_err_add, and main prints the whole once: "job.yaml:12: stage gray: quality: 700 is above 100".
 *
 * Any process, any thread; the struct belongs to the caller and holds no pointers. */
#ifndef GM_BASE_ERR_H
#define GM_BASE_ERR_H

#include "base/assert.h"

/* name, process exit code (sysexits), what it means */
#define GM_STATUS_TABLE(X)                                                                         \
    X(OK, 0, "success")                                                                            \
    X(END, 0, "no more input (not an error)")                                                      \
    X(AGAIN, 75, "cannot go on now; call again when there is room or data")                        \
    X(FAILED_ITEMS, 1, "finished, but more items failed than max_failed allows")                   \
    X(USAGE, 64, "wrong command line")                                                             \
    X(INPUT, 65, "input that cannot be used")                                                      \
    X(MISSING, 66, "an input file or folder that does not exist or may not be read")               \
    X(LIMIT, 65, "a configured limit was exceeded")                                                \
    X(INTERNAL, 70, "a bug in gristmill or a crashed child that could not be replaced")            \
    X(SYSTEM, 71, "a system call failed for want of a system resource")                            \
    X(NOMEM, 71, "out of memory (the process's share of the budget)")                              \
    X(IO, 74, "reading or writing failed")                                                         \
    X(NOSPC, 74, "no space left on the device")                                                    \
    X(STOPPED, 75, "stopped by a signal; run again to resume")                                     \
    X(BUSY, 75, "another gristmill is running in this run folder")                                 \
    X(PERMISSION, 77, "not permitted")                                                             \
    X(CONFIG, 78, "wrong configuration")

enum gm_status {
#define X(name, code, text) GM_##name,
    GM_STATUS_TABLE(X)
#undef X
        GM_STATUS_COUNT
};

#define GM_ERR_TEXT_BYTES 1024

struct gm_err {
    enum gm_status status;
    int sys_errno;                /* errno at the origin, 0 if none */
    char text[GM_ERR_TEXT_BYTES]; /* NUL-terminated, UTF-8, truncated with "..." if too long */
};

/* Sets status and text; returns status, so that "return gm_err_set(err, GM_IO, ...)" works.
 * err may be NULL: then only the status is returned. errno is left as it was. */
enum gm_status gm_err_set(struct gm_err *err, enum gm_status status, const char *format, ...)
    GM_PRINTF(3, 4);

/* As gm_err_set, and appends ": ", the text of sys_errno and, of some, what to do. ENOSPC and
 * EDQUOT turn GM_IO into GM_NOSPC, ENOENT into GM_MISSING, EACCES and EPERM into GM_PERMISSION,
 * ENOMEM into GM_NOMEM. */
enum gm_status gm_err_sys(struct gm_err *err, enum gm_status status, int sys_errno,
                          const char *format, ...) GM_PRINTF(4, 5);

/* Puts "context: " in front of the text. err may be NULL. Returns err's status (GM_INTERNAL for
 * NULL), so that "return gm_err_add(err, ...)" passes the failure on. */
enum gm_status gm_err_add(struct gm_err *err, const char *format, ...) GM_PRINTF(2, 3);

/* Resets to GM_OK and an empty text. NULL is allowed. */
void gm_err_clear(struct gm_err *err);

/* The table's name ("NOSPC") and process exit code of a status. Static strings. */
const char *gm_status_name(enum gm_status status);
int gm_status_exit_code(enum gm_status status);

#endif
