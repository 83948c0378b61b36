/* Every level of a cgroup's path may have a quota of its own, so all are looked at and the least
 * wins. Inside a container the path of /proc/self/cgroup may not exist below the mount: the walk
 * goes up to the mount's root, which then is the container's own group. What cannot be read is no
 * limit. */
#include "run/cpus.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096
#define FILE_BYTES 65536

/* Reads a small file as text; false if that is not possible. */
static bool read_text(const char *path, struct gm_buf *buf)
{
    gm_buf_clear(buf);
    return gm_read_file(AT_FDCWD, path, FILE_BYTES, buf, NULL) == GM_OK && !buf->failed;
}

static uint32_t cpus_of(uint64_t quota_us, uint64_t period_us)
{
    if (period_us == 0 || quota_us == 0)
        return UINT32_MAX;
    uint64_t n_cpus = quota_us / period_us + (quota_us % period_us != 0);
    return n_cpus < UINT32_MAX ? (uint32_t)n_cpus : UINT32_MAX;
}

/* One number in a file of its own; "-1" (no quota) does not parse. */
static bool read_number(const char *path, struct gm_buf *buf, uint64_t *value)
{
    if (!read_text(path, buf))
        return false;
    size_t n = buf->n_bytes;
    while (n > 0 && buf->data[n - 1] == '\n')
        n--;
    return gm_parse_u64((const char *)buf->data, n, value, NULL) == GM_OK;
}

/* cpu.max: "QUOTA PERIOD" or "max PERIOD". */
static uint32_t quota_v2(const char *dir, struct gm_buf *buf)
{
    char path[PATH_BYTES];
    unsigned long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (!read_text(path, buf) || sscanf(gm_buf_cstr(buf), "%llu %llu", &quota, &period) != 2)
        return UINT32_MAX;
    return cpus_of(quota, period);
}

static uint32_t quota_v1(const char *dir, struct gm_buf *buf)
{
    char path[PATH_BYTES];
    uint64_t quota, period;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
    if (!read_number(path, buf, &quota))
        return UINT32_MAX;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    if (!read_number(path, buf, &period))
        return UINT32_MAX;
    return cpus_of(quota, period);
}

typedef uint32_t quota_of(const char *dir, struct gm_buf *buf);

/* The least quota of mount/path and every folder above it, down to mount itself. */
static uint32_t least_quota(const char *mount, const char *path, quota_of *quota)
{
    char dir[PATH_BYTES];
    uint32_t least = UINT32_MAX;
    struct gm_buf buf = GM_BUF_INIT;
    int n = snprintf(dir, sizeof dir, "%s%s", mount, path);
    if (n < 0 || (size_t)n >= sizeof dir)
        return least;
    for (size_t mount_bytes = strlen(mount);;) {
        uint32_t n_cpus = quota(dir, &buf);
        least = n_cpus < least ? n_cpus : least;
        char *slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < mount_bytes)
            break;
        *slash = '\0';
    }
    gm_buf_free(&buf);
    return least;
}

/* Is "cpu" one of the comma-separated controllers? */
static bool has_cpu(const char *controllers)
{
    for (const char *at = controllers; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == 3 && memcmp(at, "cpu", 3) == 0)
            return true;
    return false;
}

/* line: "0::/user.slice" (version 2) or "4:cpu,cpuacct:/docker/x" (version 1). */
static uint32_t quota_of_line(char *line, const char *cgroup_dir)
{
    char mount[PATH_BYTES];
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return UINT32_MAX;
    *path++ = '\0';
    controllers++;
    if (*controllers == '\0')
        return least_quota(cgroup_dir, path, quota_v2);
    if (!has_cpu(controllers))
        return UINT32_MAX;
    snprintf(mount, sizeof mount, "%s/cpu", cgroup_dir);
    return least_quota(mount, path, quota_v1);
}

uint32_t gm_cpus_quota(const char *proc_dir, const char *cgroup_dir)
{
    char path[PATH_BYTES];
    uint32_t least = UINT32_MAX;
    struct gm_buf buf = GM_BUF_INIT;
    snprintf(path, sizeof path, "%s/self/cgroup", proc_dir);
    if (read_text(path, &buf) && buf.n_bytes > 0) {
        gm_buf_char(&buf, '\0');
        char *rest = buf.failed ? NULL : (char *)buf.data;
        for (char *line; (line = strsep(&rest, "\n"));) {
            uint32_t n_cpus = quota_of_line(line, cgroup_dir);
            least = n_cpus < least ? n_cpus : least;
        }
    }
    gm_buf_free(&buf);
    return least;
}

static uint32_t affinity(void)
{
    /* The kernel refuses a mask that is too small for its CPUs: grow until it fits. */
    for (int n_cpus = CPU_SETSIZE; n_cpus <= 1 << 20; n_cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(n_cpus);
        if (!set)
            return 1;
        size_t n_bytes = CPU_ALLOC_SIZE(n_cpus);
        int failed = sched_getaffinity(0, n_bytes, set);
        int count = failed ? 0 : CPU_COUNT_S(n_bytes, set);
        CPU_FREE(set);
        if (!failed)
            return count > 0 ? (uint32_t)count : 1;
        if (errno != EINVAL)
            return 1;
    }
    return 1;
}

uint32_t gm_cpus_usable(void)
{
    uint32_t allowed = affinity();
    uint32_t quota = gm_cpus_quota("/proc", "/sys/fs/cgroup");
    return allowed < quota ? allowed : quota;
}
