/* The order in which a child gives up what it has: root, limits, new privileges, files, system
 * calls. Which calls and files remain is said by the tables of sandbox_calls.c and sandbox_files.c.
 *
 * Memory is limited as address space, because that is what makes malloc fail; the limit counts what
 * is mapped already (the arenas) on top of the child's own share. Sanitizers map terabytes, so
 * their builds have no such limit. */
#include "ipc/sandbox.h"

#include "base/fs.h"
#include "base/num.h"
#include "ipc/sandbox_calls.h"
#include "ipc/sandbox_files.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534 /* the user and group that own nothing, by convention */

enum gm_status gm_sandbox_probe(struct gm_err *err)
{
    return gm_sandbox_probe_calls(err);
}

/* ---- limits ---- */

static enum gm_status read_mapped_bytes(uint64_t *mapped_bytes, struct gm_err *err)
{
    char text[128];
    size_t n_read = 0;
    uint64_t n_pages = 0;
    int fd;
    enum gm_status status = gm_open_at(AT_FDCWD, "/proc/self/statm", O_RDONLY, &fd, err);
    if (status != GM_OK)
        return status;
    status = gm_read_full(fd, text, sizeof text - 1, &n_read, err);
    gm_close(&fd);
    text[n_read] = '\0';
    if (status == GM_OK)
        status = gm_parse_u64(text, strspn(text, "0123456789"), &n_pages, err);
    *mapped_bytes = n_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return status;
}

/* Lowers a limit; where it is lower already, it stays. */
static enum gm_status lower_limit(int resource, const char *name, uint64_t value,
                                  struct gm_err *err)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to read the limit on %s", name);
    if (value >= limit.rlim_max)
        value = limit.rlim_max;
    limit = (struct rlimit){value, value};
    if (setrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to limit %s", name);
    return GM_OK;
}

static enum gm_status limit_memory(uint64_t memory_bytes, struct gm_err *err)
{
    uint64_t mapped_bytes;
    if (memory_bytes == 0 || GM_SANITIZED)
        return GM_OK;
    enum gm_status status = read_mapped_bytes(&mapped_bytes, err);
    if (status != GM_OK)
        return status;
    uint64_t total =
        mapped_bytes > UINT64_MAX - memory_bytes ? UINT64_MAX : mapped_bytes + memory_bytes;
    return lower_limit(RLIMIT_AS, "memory", total, err);
}

static enum gm_status set_limits(const struct gm_sandbox *sandbox, struct gm_err *err)
{
    enum gm_status status;
    bool any_size = sandbox->max_file_bytes == 0 && sandbox->profile != GM_SANDBOX_WORKER;
    if ((status = limit_memory(sandbox->memory_bytes, err)) != GM_OK)
        return status;
    if (!any_size && (status = lower_limit(RLIMIT_FSIZE, "the size of files",
                                           sandbox->max_file_bytes, err)) != GM_OK)
        return status;
    return lower_limit(RLIMIT_CORE, "core dumps", 0, err);
}

/* ---- root ---- */

/* A change of user takes the death signal away and may allow core dumps again. */
static enum gm_status rearm(pid_t parent, struct gm_err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to die with the parent");
    if (getppid() != parent)
        return gm_err_set(err, GM_SYSTEM, "the parent died meanwhile");
    return GM_OK;
}

static enum gm_status give_up_root(struct gm_err *err)
{
    pid_t parent = getppid();
    if (geteuid() != 0)
        return GM_OK;
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        /* The root of a container that knows no other user, or may not become one. */
        if (errno == EPERM || errno == EINVAL)
            return rearm(parent, err);
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to give up root");
    }
    return rearm(parent, err);
}

/* ---- all of it ---- */

static enum gm_status enter(const struct gm_sandbox *sandbox, enum gm_sandbox_state *state,
                            struct gm_err *err)
{
    enum gm_status status;
    bool restricted = false;
    tzset(); /* libc reads the time zone's file at its first use, which may be inside */
    if ((status = set_limits(sandbox, err)) != GM_OK || sandbox->mode == GM_SANDBOX_OFF)
        return status;
    if (sandbox->mode == GM_SANDBOX_ON && sandbox->profile == GM_SANDBOX_WORKER &&
        (status = give_up_root(err)) != GM_OK)
        return status;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to give up new privileges");
    if (sandbox->mode == GM_SANDBOX_ON &&
        (status = gm_sandbox_restrict_files(sandbox, &restricted, err)) != GM_OK)
        return status;
    if ((status = gm_sandbox_filter_calls(sandbox, err)) != GM_OK)
        return status;
    *state = restricted ? GM_SANDBOX_STATE_FULL : GM_SANDBOX_STATE_SECCOMP;
    return GM_OK;
}

enum gm_status gm_sandbox_enter(const struct gm_sandbox *sandbox, enum gm_sandbox_state *state,
                                struct gm_err *err)
{
    *state = GM_SANDBOX_STATE_OFF;
    enum gm_status status = enter(sandbox, state, err);
    if (status != GM_OK)
        gm_err_add(err, "sandbox");
    return status;
}

void gm_sandbox_keep_back(uint64_t n_bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_max == RLIM_INFINITY ||
        limit.rlim_max <= n_bytes)
        return;
    limit.rlim_cur = limit.rlim_max - n_bytes;
    setrlimit(RLIMIT_AS, &limit); /* below the hard limit nothing can refuse it */
}
