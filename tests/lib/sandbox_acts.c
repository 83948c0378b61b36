/* See sandbox_acts.h. Each act returns whether it worked; what it opens is the child's, which ends
 * behind it. */
#include "sandbox_acts.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NOWHERE "/nonexistent/gristmill"

static bool opened(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool outside_path(const struct place *place, const char *name, char *path, size_t n_bytes)
{
    return (size_t)snprintf(path, n_bytes, "%s/outside/%s", place->root, name) < n_bytes;
}

/* ---- files ---- */

static bool read_file(void *context)
{
    char path[128];
    return outside_path(context, "precious", path, sizeof path) && opened(open(path, O_RDONLY));
}

static bool look_up_file(void *context)
{
    char path[128];
    struct stat stat_of;
    return outside_path(context, "precious", path, sizeof path) && stat(path, &stat_of) == 0;
}

static bool list_folder(void *context)
{
    char path[128];
    char entries[1024];
    if (!outside_path(context, "", path, sizeof path))
        return false;
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    return fd >= 0 && syscall(SYS_getdents64, fd, entries, sizeof entries) > 0;
}

static bool create_inside(void *context)
{
    struct place *place = context;
    return opened(openat(place->inside_fd, "made", O_WRONLY | O_CREAT | O_TRUNC, 0600));
}

static bool rename_inside(void *context)
{
    struct place *place = context;
    int fd = openat(place->inside_fd, "part", O_WRONLY | O_CREAT, 0600);
    return fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 && ftruncate(fd, 0) == 0 &&
           fchmod(fd, 0644) == 0 && mkdirat(place->inside_fd, "sub", 0700) == 0 &&
           renameat(place->inside_fd, "part", place->inside_fd, "sub/whole") == 0 &&
           syncfs(fd) == 0 && unlinkat(place->inside_fd, "sub/whole", 0) == 0 &&
           unlinkat(place->inside_fd, "sub", AT_REMOVEDIR) == 0;
}

static bool create_outside(void *context)
{
    char path[128];
    return outside_path(context, "made", path, sizeof path) &&
           opened(open(path, O_WRONLY | O_CREAT, 0600));
}

static bool creat_outside(void *context)
{
    char path[128];
    return outside_path(context, "made", path, sizeof path) && opened(creat(path, 0600));
}

static bool create_by_dots(void *context)
{
    struct place *place = context;
    return opened(openat(place->inside_fd, "../outside/made", O_WRONLY | O_CREAT, 0600));
}

static bool overwrite_through_link(void *context)
{
    struct place *place = context;
    return opened(openat(place->inside_fd, "link", O_WRONLY | O_TRUNC));
}

static bool make_folder_outside(void *context)
{
    struct place *place = context;
    return mkdirat(place->inside_fd, "../outside/made", 0700) == 0;
}

static bool unlink_outside(void *context)
{
    char path[128];
    return outside_path(context, "precious", path, sizeof path) && unlink(path) == 0;
}

static bool rename_to_outside(void *context)
{
    struct place *place = context;
    return renameat(place->inside_fd, "seed", place->inside_fd, "../outside/made") == 0;
}

static bool make_link(void *context)
{
    (void)context;
    return symlink("x", NOWHERE) == 0;
}

static bool make_device(void *context)
{
    (void)context;
    return mknod(NOWHERE, S_IFIFO | 0600, 0) == 0;
}

static bool change_mode(void *context)
{
    (void)context;
    return chmod(NOWHERE, 0777) == 0;
}

static bool change_owner(void *context)
{
    (void)context;
    return chown(NOWHERE, getuid(), getgid()) == 0;
}

static bool truncate_by_name(void *context)
{
    (void)context;
    return truncate(NOWHERE, 0) == 0;
}

static bool change_root(void *context)
{
    (void)context;
    return chroot(NOWHERE) == 0;
}

static bool mount_something(void *context)
{
    (void)context;
    return mount("none", NOWHERE, "tmpfs", 0, NULL) == 0;
}

static bool open_by_handle(void *context)
{
    (void)context;
    return opened((int)syscall(SYS_open_by_handle_at, -1, NULL, O_RDONLY));
}

static bool open_by_new_call(void *context)
{
    uint64_t how[3] = {O_RDONLY, 0, 0};
    (void)context;
    return opened((int)syscall(SYS_openat2, AT_FDCWD, "/", how, sizeof how));
}

/* ---- processes ---- */

static bool execute(void *context)
{
    char *const none[] = {NULL};
    (void)context;
    return execve(NOWHERE, none, none) == 0;
}

static bool fork_child(void *context)
{
    (void)context;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static void *do_nothing(void *argument)
{
    return argument;
}

static bool start_thread(void *context)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, do_nothing, context) == 0 &&
           pthread_join(thread, NULL) == 0;
}

static bool new_namespace(void *context)
{
    (void)context;
    return unshare(0) == 0;
}

static bool trace(void *context)
{
    (void)context;
    return ptrace(PTRACE_ATTACH, getpid(), NULL, NULL) == 0; /* nobody can trace himself */
}

static bool read_memory_of_process(void *context)
{
    (void)context;
    return process_vm_readv(getpid(), NULL, 0, NULL, 0, 0) == 0;
}

static bool signal_parent(void *context)
{
    (void)context;
    return kill(getppid(), 0) == 0; /* 0 is no signal: only the right to send one is checked */
}

static bool signal_thread_of_parent(void *context)
{
    (void)context;
    return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

static bool signal_own_thread(void *context)
{
    (void)context;
    return syscall(SYS_tgkill, getpid(), gettid(), 0) == 0;
}

static bool open_process(void *context)
{
    (void)context;
    return opened((int)syscall(SYS_pidfd_open, getpid(), 0));
}

static bool own_signals_of_descriptor(void *context)
{
    (void)context;
    return fcntl(STDIN_FILENO, F_SETOWN, getpid()) == 0;
}

static bool change_user(void *context)
{
    (void)context;
    return setuid(getuid()) == 0;
}

static bool set_limit(void *context)
{
    const struct rlimit none = {0, 0};
    (void)context;
    return setrlimit(RLIMIT_CORE, &none) == 0;
}

static bool read_limit(void *context)
{
    struct rlimit limit;
    (void)context;
    return getrlimit(RLIMIT_AS, &limit) == 0;
}

/* ---- memory and the kernel ---- */

static bool map_executable(void *context)
{
    (void)context;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool make_executable(void *context)
{
    (void)context;
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool make_memfd(void *context)
{
    (void)context;
    return opened(memfd_create("test", MFD_CLOEXEC));
}

static bool load_bpf(void *context)
{
    (void)context;
    return syscall(SYS_bpf, -1, NULL, 0) == 0;
}

static bool count_events(void *context)
{
    (void)context;
    return opened((int)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static bool set_up_io_uring(void *context)
{
    (void)context;
    return opened((int)syscall(SYS_io_uring_setup, 0, NULL));
}

static bool handle_page_faults(void *context)
{
    (void)context;
    return opened((int)syscall(SYS_userfaultfd, -1));
}

static bool load_module(void *context)
{
    (void)context;
    return syscall(SYS_finit_module, -1, "", 0) == 0;
}

static bool type_for_the_user(void *context)
{
    (void)context;
    return ioctl(STDIN_FILENO, TIOCSTI, "x") == 0; /* standard input is /dev/null */
}

static bool call_with_other_numbers(void *context)
{
    (void)context;
    return syscall(0x40000000L | SYS_getpid) == 0; /* x32 */
}

/* ---- the network ---- */

static bool make_socket(void *context)
{
    (void)context;
    return opened(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) ||
           opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static bool connect_to_loopback(void *context)
{
    struct place *place = context;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&place->listener, sizeof place->listener) == 0;
}

static bool resolve_name(void *context)
{
    struct addrinfo *found = NULL;
    (void)context;
    return getaddrinfo("localhost", NULL, NULL, &found) == 0;
}

static bool make_raw_socket(void *context)
{
    (void)context;
    return opened(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

static bool make_packet_socket(void *context)
{
    (void)context;
    return opened(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static bool be_a_server(void *context)
{
    (void)context;
    return listen(-1, 1) == 0;
}

/* ---- the matrix ---- */

const struct sandbox_act sandbox_acts[] = {
    {read_file, "read a file", {REFUSED, WORKS, WORKS, REFUSED}, true},
    {look_up_file, "look up a file", {REFUSED, WORKS, WORKS, WORKS}, false},
    {list_folder, "list a folder", {REFUSED, WORKS, WORKS, REFUSED}, true},
    {create_inside, "create a file inside", {REFUSED, DIES, WORKS, WORKS}, false},
    {rename_inside, "work on files inside", {REFUSED, DIES, WORKS, WORKS}, false},
    {create_outside, "create a file outside", {REFUSED, DIES, REFUSED, REFUSED}, true},
    {creat_outside, "creat a file outside", {DIES, DIES, DIES, DIES}, false},
    {create_by_dots, "create a file by ../", {REFUSED, DIES, REFUSED, REFUSED}, true},
    {overwrite_through_link, "follow a link", {REFUSED, DIES, REFUSED, REFUSED}, true},
    {make_folder_outside, "mkdir outside", {DIES, DIES, REFUSED, REFUSED}, true},
    {unlink_outside, "unlink outside", {DIES, DIES, REFUSED, REFUSED}, true},
    {rename_to_outside, "rename to outside", {DIES, DIES, REFUSED, REFUSED}, true},
    {make_link, "symlink", {DIES, DIES, DIES, DIES}, false},
    {make_device, "mknod", {DIES, DIES, DIES, DIES}, false},
    {change_mode, "chmod", {DIES, DIES, DIES, DIES}, false},
    {change_owner, "chown", {DIES, DIES, DIES, DIES}, false},
    {truncate_by_name, "truncate", {DIES, DIES, DIES, DIES}, false},
    {change_root, "chroot", {DIES, DIES, DIES, DIES}, false},
    {mount_something, "mount", {DIES, DIES, DIES, DIES}, false},
    {open_by_handle, "open_by_handle_at", {DIES, DIES, DIES, DIES}, false},
    {open_by_new_call, "openat2", {REFUSED, REFUSED, REFUSED, REFUSED}, false},
    {execute, "execve", {DIES, DIES, DIES, DIES}, false},
    {fork_child, "fork", {DIES, DIES, DIES, DIES}, false},
    {start_thread, "start a thread", {DIES, WORKS, WORKS, DIES}, false},
    {new_namespace, "unshare", {DIES, DIES, DIES, DIES}, false},
    {trace, "ptrace", {DIES, DIES, DIES, DIES}, false},
    {read_memory_of_process, "process_vm_readv", {DIES, DIES, DIES, DIES}, false},
    {signal_parent, "signal the parent", {DIES, DIES, DIES, DIES}, false},
    {signal_thread_of_parent, "tgkill the parent", {DIES, DIES, DIES, DIES}, false},
    {signal_own_thread, "tgkill itself", {WORKS, WORKS, WORKS, WORKS}, false},
    {open_process, "pidfd_open", {DIES, DIES, DIES, DIES}, false},
    {own_signals_of_descriptor, "F_SETOWN", {DIES, DIES, DIES, DIES}, false},
    {change_user, "setuid", {DIES, DIES, DIES, DIES}, false},
    {set_limit, "setrlimit", {DIES, DIES, DIES, DIES}, false},
    {read_limit, "getrlimit", {WORKS, WORKS, WORKS, WORKS}, false},
    {map_executable, "map code", {DIES, DIES, WORKS, DIES}, false},
    {make_executable, "make code", {DIES, DIES, WORKS, DIES}, false},
    {make_memfd, "memfd_create", {DIES, DIES, DIES, DIES}, false},
    {load_bpf, "bpf", {DIES, DIES, DIES, DIES}, false},
    {count_events, "perf_event_open", {DIES, DIES, DIES, DIES}, false},
    {set_up_io_uring, "io_uring_setup", {DIES, DIES, DIES, DIES}, false},
    {handle_page_faults, "userfaultfd", {DIES, DIES, DIES, DIES}, false},
    {load_module, "finit_module", {DIES, DIES, DIES, DIES}, false},
    {type_for_the_user, "ioctl TIOCSTI", {DIES, DIES, DIES, DIES}, false},
    {call_with_other_numbers, "x32 calls", {DIES, DIES, DIES, DIES}, false},
    {make_socket, "socket", {DIES, DIES, WORKS, DIES}, false},
    {connect_to_loopback, "connect", {DIES, DIES, WORKS, DIES}, false},
    {resolve_name, "getaddrinfo", {DIES, DIES, WORKS, DIES}, false},
    {make_raw_socket, "raw socket", {DIES, DIES, DIES, DIES}, false},
    {make_packet_socket, "packet socket", {DIES, DIES, DIES, DIES}, false},
    {be_a_server, "listen", {DIES, DIES, DIES, DIES}, false},
    {NULL, NULL, {0}, false},
};
