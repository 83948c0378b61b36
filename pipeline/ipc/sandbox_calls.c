/* The system calls of each profile, as two tables: calls that are allowed whatever their arguments,
 * and calls whose arguments decide. What is in neither kills the process.
 *
 * A filter sees the words that are passed and not the memory behind them. Hence clone3, openat2 and
 * the like are refused as unknown (libc then takes the older call), and a path cannot be looked at:
 * which files may be opened is Landlock's part. Where one library call in a worker opens a file
 * behind our back (a time zone, a character set), the open is refused with EACCES instead of
 * killing, since such a library goes on without the file. */
#include "ipc/sandbox_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define W            (1u << GM_SANDBOX_WORKER)
#define L            (1u << GM_SANDBOX_LISTER)
#define F            (1u << GM_SANDBOX_FETCH)
#define O            (1u << GM_SANDBOX_WRITER)
#define ALL          (W | L | F | O)
#define TABLE(array) array, GM_ARRAY_LEN(array)

/* ---- allowed, whatever the arguments ---- */

static const int calls_on_descriptors[] = {
    SCMP_SYS(read),        SCMP_SYS(write),     SCMP_SYS(readv),    SCMP_SYS(writev),
    SCMP_SYS(pread64),     SCMP_SYS(pwrite64),  SCMP_SYS(preadv),   SCMP_SYS(pwritev),
    SCMP_SYS(lseek),       SCMP_SYS(fstat),     SCMP_SYS(close),    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),     SCMP_SYS(sendto),    SCMP_SYS(recvfrom), SCMP_SYS(poll),
    SCMP_SYS(ppoll),       SCMP_SYS(select),    SCMP_SYS(pselect6), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
};

static const int calls_for_memory[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
};

static const int calls_for_time[] = {
    SCMP_SYS(futex),           SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),    SCMP_SYS(time),          SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(sched_yield),   SCMP_SYS(restart_syscall),
};

static const int calls_about_oneself[] = {
    SCMP_SYS(getpid),  SCMP_SYS(getppid),   SCMP_SYS(gettid),  SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid),    SCMP_SYS(getegid), SCMP_SYS(getrusage),
    SCMP_SYS(times),   SCMP_SYS(sysinfo),   SCMP_SYS(uname),   SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),  SCMP_SYS(getrandom),
};

static const int calls_for_signals_and_the_end[] = {
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),  SCMP_SYS(exit),           SCMP_SYS(exit_group),
};

static const int calls_by_name[] = {
    SCMP_SYS(stat),       SCMP_SYS(lstat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(statfs),    SCMP_SYS(fstatfs),    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),     SCMP_SYS(fadvise64), SCMP_SYS(dup),        SCMP_SYS(flock),
};

static const int calls_to_change_files[] = {
    SCMP_SYS(open),   SCMP_SYS(openat),    SCMP_SYS(ftruncate),       SCMP_SYS(fallocate),
    SCMP_SYS(fsync),  SCMP_SYS(fdatasync), SCMP_SYS(syncfs),          SCMP_SYS(sync_file_range),
    SCMP_SYS(msync),  SCMP_SYS(rename),    SCMP_SYS(renameat),        SCMP_SYS(renameat2),
    SCMP_SYS(link),   SCMP_SYS(linkat),    SCMP_SYS(unlink),          SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir),  SCMP_SYS(mkdir),     SCMP_SYS(mkdirat),         SCMP_SYS(fchmod),
    SCMP_SYS(fchown), SCMP_SYS(umask),     SCMP_SYS(copy_file_range), SCMP_SYS(sendfile),
};

static const int calls_for_the_network[] = {
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(socketpair),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
};

/* And clone, see below. */
static const int calls_for_threads[] = {SCMP_SYS(set_robust_list), SCMP_SYS(rseq)};

static const int calls_about_scheduling[] = {SCMP_SYS(sched_getparam),
                                             SCMP_SYS(sched_getscheduler)};

/* Resolver plug-ins are shared libraries; the other profiles map nothing executable. */
static const int calls_to_load_libraries[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

#if GM_SANITIZED
static const int calls_of_sanitizers[] = {
    SCMP_SYS(mincore), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(prctl), SCMP_SYS(set_robust_list),
};
#endif

static const struct {
    unsigned profiles;
    const int *calls;
    size_t n_calls;
} allowed[] = {
    {ALL, TABLE(calls_on_descriptors)},
    {ALL, TABLE(calls_for_memory)},
    {ALL, TABLE(calls_for_time)},
    {ALL, TABLE(calls_about_oneself)},
    {ALL, TABLE(calls_for_signals_and_the_end)},
    {L | F | O, TABLE(calls_by_name)},
    {F | O, TABLE(calls_to_change_files)},
    {F, TABLE(calls_for_the_network)},
    {L | F, TABLE(calls_for_threads)},
    {F, TABLE(calls_about_scheduling)},
    {F, TABLE(calls_to_load_libraries)},
#if GM_SANITIZED
    {ALL, TABLE(calls_of_sanitizers)},
#endif
};

/* ---- refused, whatever the arguments ---- */

static const struct {
    unsigned profiles;
    int call;
    int error;
} refused[] = {
    {ALL, SCMP_SYS(clone3), ENOSYS},   {ALL, SCMP_SYS(openat2), ENOSYS},
    {W, SCMP_SYS(open), EACCES},       {W, SCMP_SYS(openat), EACCES},
    {W, SCMP_SYS(stat), EACCES},       {W, SCMP_SYS(lstat), EACCES},
    {W, SCMP_SYS(access), EACCES},     {W, SCMP_SYS(faccessat), EACCES},
    {W, SCMP_SYS(faccessat2), EACCES}, {W, SCMP_SYS(readlink), EACCES},
    {W, SCMP_SYS(readlinkat), EACCES}, {W, SCMP_SYS(statx), EACCES},
};

/* ---- the arguments decide ---- */

#define FLAGS_THAT_WRITE (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))
#define THREAD_FLAGS     (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACE_FLAGS                                                                            \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |     \
     CLONE_NEWCGROUP)
#define SOCKET_KIND 0xf /* without SOCK_NONBLOCK and SOCK_CLOEXEC */

/* Argument n equals value; the bits of mask in argument n are those of value. */
#define IS(n, value) .arg = (n), .op = SCMP_CMP_EQ, .datum_a = (value)
#define HAS(n, mask, value)                                                                        \
    .arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value)

static const struct condition {
    unsigned profiles;
    int call;
    int error; /* 0: allowed; else refused with this errno */
    unsigned n_tests;
    struct scmp_arg_cmp tests[2];
} conditions[] = {
    {W | L | O, SCMP_SYS(mmap), 0, 1, {{HAS(2, PROT_EXEC, 0)}}},
    {W | L | O, SCMP_SYS(mprotect), 0, 1, {{HAS(2, PROT_EXEC, 0)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_GETFL)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_SETFL)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_GETFD)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_SETFD)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_DUPFD)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_DUPFD_CLOEXEC)}}},
    {ALL, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_GET_SEALS)}}},
    {F | O, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_GETLK)}}},
    {F | O, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_SETLK)}}},
    {F | O, SCMP_SYS(fcntl), 0, 1, {{IS(1, F_SETLKW)}}},
    {ALL, SCMP_SYS(ioctl), 0, 1, {{IS(1, TCGETS)}}}, /* isatty, by stdio */
    {F, SCMP_SYS(ioctl), 0, 1, {{IS(1, FIONREAD)}}},
    {F, SCMP_SYS(ioctl), 0, 1, {{IS(1, FIONBIO)}}},
    {ALL, SCMP_SYS(prlimit64), 0, 2, {{IS(0, 0)}, {IS(2, 0)}}}, /* reads this process's limits */
    {W, SCMP_SYS(prlimit64), 0, 2, {{IS(0, 0)}, {IS(1, RLIMIT_AS)}}}, /* below the hard one */
#if !GM_SANITIZED
    {F, SCMP_SYS(prctl), 0, 1, {{IS(0, PR_SET_NAME)}}},
#endif
    {L | F, SCMP_SYS(clone), 0, 1, {{HAS(0, THREAD_FLAGS | NAMESPACE_FLAGS, THREAD_FLAGS)}}},
    {F, SCMP_SYS(socket), 0, 2, {{IS(0, AF_INET)}, {HAS(1, SOCKET_KIND, SOCK_STREAM)}}},
    {F, SCMP_SYS(socket), 0, 2, {{IS(0, AF_INET)}, {HAS(1, SOCKET_KIND, SOCK_DGRAM)}}},
    {F, SCMP_SYS(socket), 0, 2, {{IS(0, AF_INET6)}, {HAS(1, SOCKET_KIND, SOCK_STREAM)}}},
    {F, SCMP_SYS(socket), 0, 2, {{IS(0, AF_INET6)}, {HAS(1, SOCKET_KIND, SOCK_DGRAM)}}},
    {F, SCMP_SYS(socket), 0, 1, {{IS(0, AF_UNIX)}}}, /* nscd, systemd-resolved */
    /* getaddrinfo asks for its own addresses (NETLINK_ROUTE is 0). */
    {F, SCMP_SYS(socket), 0, 2, {{IS(0, AF_NETLINK)}, {IS(2, 0)}}},
    {L, SCMP_SYS(open), 0, 1, {{HAS(1, FLAGS_THAT_WRITE, 0)}}},
    {L, SCMP_SYS(openat), 0, 1, {{HAS(2, FLAGS_THAT_WRITE, 0)}}},
    /* fstat, which is a look-up of the empty name, and others. */
    {W, SCMP_SYS(newfstatat), 0, 1, {{HAS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)}}},
    {W, SCMP_SYS(newfstatat), EACCES, 1, {{HAS(3, AT_EMPTY_PATH, 0)}}},
};

/* ---- loading ---- */

static enum gm_status filter_failed(const char *what, int rc, struct gm_err *err)
{
    return gm_err_sys(err, GM_SYSTEM, -rc, "unable to %s the filter of system calls", what);
}

static int add_allowed(scmp_filter_ctx filter, unsigned profile)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(allowed); i++) {
        if (!(allowed[i].profiles & profile))
            continue;
        for (size_t k = 0; k < allowed[i].n_calls; k++) {
            int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].calls[k], 0);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int add_refused(scmp_filter_ctx filter, unsigned profile)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(refused); i++) {
        if (!(refused[i].profiles & profile))
            continue;
        uint32_t action = SCMP_ACT_ERRNO((uint32_t)refused[i].error);
        int rc = seccomp_rule_add(filter, action, refused[i].call, 0);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int add_conditions(scmp_filter_ctx filter, unsigned profile, enum gm_sandbox_mode mode)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(conditions); i++) {
        const struct condition *c = &conditions[i];
        if (!(c->profiles & profile) || (c->error != 0 && mode == GM_SANDBOX_LOG))
            continue;
        uint32_t action = c->error != 0 ? SCMP_ACT_ERRNO((uint32_t)c->error) : SCMP_ACT_ALLOW;
        int rc = seccomp_rule_add_array(filter, action, c->call, c->n_tests, c->tests);
        if (rc != 0)
            return rc;
    }
    /* abort() and raise(): signals to itself. */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            (struct scmp_arg_cmp){IS(0, (scmp_datum_t)getpid())});
}

static int set_attributes(scmp_filter_ctx filter, uint32_t forbidden)
{
    const struct {
        enum scmp_filter_attr attribute;
        uint32_t value;
    } attributes[] = {
        {SCMP_FLTATR_ACT_BADARCH, forbidden}, /* 32-bit and x32 calls */
        {SCMP_FLTATR_CTL_TSYNC, 1},
        {SCMP_FLTATR_CTL_OPTIMIZE, 2}, /* a tree: read and write do not wait behind the rest */
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(attributes); i++) {
        int rc = seccomp_attr_set(filter, attributes[i].attribute, attributes[i].value);
        if (rc != 0)
            return rc;
    }
    return 0;
}

enum gm_status gm_sandbox_filter_calls(const struct gm_sandbox *sandbox, struct gm_err *err)
{
    unsigned profile = 1u << sandbox->profile;
    uint32_t forbidden = sandbox->mode == GM_SANDBOX_LOG ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS;
    enum gm_status status = GM_OK;
    scmp_filter_ctx filter = seccomp_init(forbidden);
    if (!filter)
        return filter_failed("make", -ENOMEM, err);
    int rc = set_attributes(filter, forbidden);
    if (rc == 0)
        rc = add_allowed(filter, profile);
    if (rc == 0)
        rc = add_conditions(filter, profile, sandbox->mode);
    if (rc == 0 && sandbox->mode != GM_SANDBOX_LOG) /* there nothing is refused, but logged */
        rc = add_refused(filter, profile);
    if (rc != 0)
        status = filter_failed("make", rc, err);
    else if ((rc = seccomp_load(filter)) != 0)
        status = filter_failed("load", rc, err);
    seccomp_release(filter);
    return status;
}

enum gm_status gm_sandbox_probe_calls(struct gm_err *err)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
        return GM_OK;
    return gm_err_sys(err, GM_SYSTEM, errno,
                      "this kernel cannot filter system calls (seccomp); "
                      "`sandbox: off` runs without protection");
}
