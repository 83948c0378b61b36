/* Landlock by system call, because libc has no wrappers. A rule grants rights below a folder;
 * whatever a right stands for and no rule grants is refused with EACCES, however the path was
 * spelled. Descriptors that were open before keep working.
 *
 * Every right that the kernel knows is handled, so that a newer kernel restricts more and an older
 * one less. Before version 2 no file could be renamed into another folder at all, not even below
 * write_dir_fd; such a kernel counts as one without Landlock. */
#include "ipc/sandbox_files.h"

#include "base/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* version 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#endif

#define OLDEST_VERSION 2
#define RIGHTS_TO_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_TO_WRITE                                                                            \
    (RIGHTS_TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |              \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE)

/* Which folder a profile may read below (NULL: none), and whether it has a folder to write in. */
static const struct {
    const char *read_below;
    bool writes;
} grants[] = {
    [GM_SANDBOX_WORKER] = {NULL, false},
    [GM_SANDBOX_LISTER] = {"/", false},
    [GM_SANDBOX_FETCH] = {"/", true},
    [GM_SANDBOX_WRITER] = {NULL, true},
};

static uint64_t rights_of_version(long version)
{
    uint64_t rights = 2 * LANDLOCK_ACCESS_FS_REFER - 1; /* all up to version 2 */
    if (version >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (version >= 5)
        rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return rights;
}

static enum gm_status grant(int ruleset_fd, int dir_fd, uint64_t rights, struct gm_err *err)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = dir_fd};
    if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to grant a folder to the sandbox");
    return GM_OK;
}

static enum gm_status grant_path(int ruleset_fd, const char *path, uint64_t rights,
                                 struct gm_err *err)
{
    int fd;
    enum gm_status status = gm_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, &fd, err);
    if (status != GM_OK)
        return status;
    status = grant(ruleset_fd, fd, rights, err);
    gm_close(&fd);
    return status;
}

enum gm_status gm_sandbox_restrict_files(const struct gm_sandbox *sandbox, bool *restricted,
                                         struct gm_err *err)
{
    enum gm_status status = GM_OK;
    *restricted = false;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < OLDEST_VERSION)
        return GM_OK;
    uint64_t handled = rights_of_version(version);
    struct landlock_ruleset_attr ruleset = {.handled_access_fs = handled};
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    if (fd < 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to make a Landlock ruleset");
    if (grants[sandbox->profile].read_below)
        status = grant_path(fd, grants[sandbox->profile].read_below, RIGHTS_TO_READ, err);
    if (status == GM_OK && grants[sandbox->profile].writes && sandbox->write_dir_fd >= 0)
        status = grant(fd, sandbox->write_dir_fd, RIGHTS_TO_WRITE & handled, err);
    if (status == GM_OK && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        status = gm_err_sys(err, GM_SYSTEM, errno, "unable to restrict files with Landlock");
    gm_close(&fd);
    *restricted = status == GM_OK;
    return status;
}
