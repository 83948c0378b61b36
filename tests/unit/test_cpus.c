/* CPU quotas out of invented /proc and /sys/fs/cgroup folders. */
#include "run/cpus.h"

#include "base/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
    char dir[64], proc[80], cgroup[80];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    snprintf(fixture.dir, sizeof fixture.dir, "/tmp/gm-cpus-XXXXXX");
    if (!mkdtemp(fixture.dir))
        return -1;
    snprintf(fixture.proc, sizeof fixture.proc, "%s/proc", fixture.dir);
    snprintf(fixture.cgroup, sizeof fixture.cgroup, "%s/cgroup", fixture.dir);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    return gm_remove_tree(AT_FDCWD, fixture->dir, NULL) == GM_OK ? 0 : -1;
}

static void put(const char *dir, const char *path, const char *text)
{
    char full[256], parent[256];
    snprintf(full, sizeof full, "%s/%s", dir, path);
    snprintf(parent, sizeof parent, "%s", full);
    *strrchr(parent, '/') = '\0';
    assert_int_equal(gm_make_dirs(AT_FDCWD, parent, NULL), GM_OK);
    assert_int_equal(gm_write_file_durable(AT_FDCWD, full, text, strlen(text), NULL), GM_OK);
}

static uint32_t quota(const struct fixture *fixture)
{
    return gm_cpus_quota(fixture->proc, fixture->cgroup);
}

static void without_cgroups_there_is_no_quota(void **state)
{
    assert_int_equal(quota(*state), UINT32_MAX);
    put(((struct fixture *)*state)->proc, "self/cgroup", "");
    assert_int_equal(quota(*state), UINT32_MAX);
    assert_true(gm_cpus_usable() >= 1);
}

static void version_2_takes_the_least_of_all_levels(void **state)
{
    const struct fixture *fixture = *state;
    put(fixture->proc, "self/cgroup", "0::/a/b\n");
    put(fixture->cgroup, "a/b/cpu.max", "max 100000\n");
    assert_int_equal(quota(fixture), UINT32_MAX);
    put(fixture->cgroup, "a/cpu.max", "150000 100000\n");
    assert_int_equal(quota(fixture), 2); /* one and a half */
    put(fixture->cgroup, "a/b/cpu.max", "50000 100000\n");
    assert_int_equal(quota(fixture), 1);
}

static void a_container_sees_its_own_group_at_the_root(void **state)
{
    const struct fixture *fixture = *state;
    put(fixture->proc, "self/cgroup", "0::/kubepods/pod1/not/mounted/here\n");
    put(fixture->cgroup, "cpu.max", "300000 100000\n");
    assert_int_equal(quota(fixture), 3);
}

static void version_1_reads_quota_and_period(void **state)
{
    const struct fixture *fixture = *state;
    put(fixture->proc, "self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/\n");
    put(fixture->cgroup, "cpu/docker/1/cpu.cfs_quota_us", "-1\n");
    put(fixture->cgroup, "cpu/docker/1/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(fixture), UINT32_MAX);
    put(fixture->cgroup, "cpu/docker/1/cpu.cfs_quota_us", "400000\n");
    assert_int_equal(quota(fixture), 4);
}

static void nonsense_is_no_limit(void **state)
{
    const struct fixture *fixture = *state;
    put(fixture->proc, "self/cgroup", "0::\nxyz\n::\n0::/a\n");
    put(fixture->cgroup, "a/cpu.max", "0 0\n");
    put(fixture->cgroup, "cpu.max", "many\n");
    assert_int_equal(quota(fixture), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_cgroups_there_is_no_quota, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_2_takes_the_least_of_all_levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_container_sees_its_own_group_at_the_root, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(version_1_reads_quota_and_period, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_no_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
