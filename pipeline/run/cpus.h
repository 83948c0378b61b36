/* How many CPUs this process may use: what its affinity mask and its cgroups' CPU quota leave. */
#ifndef GM_RUN_CPUS_H
#define GM_RUN_CPUS_H

#include <stdint.h>

/* At least 1. A quota of 1.5 CPUs counts as 2. */
uint32_t gm_cpus_usable(void);

/* The quota alone, for tests: reads PROC_DIR/self/cgroup and the files below CGROUP_DIR (usually
 * "/proc" and "/sys/fs/cgroup"), version 1 and 2. UINT32_MAX: none. */
uint32_t gm_cpus_quota(const char *proc_dir, const char *cgroup_dir);

#endif
