/* Which files of the sources are the run's own. */
#include "run/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];

static int make_folders(void **state)
{
    static const char *const folders[] = {"in", "in/a", "in/a/out", "in/a/outer",
                                          "in/a/out/images"};
    (void)state;
    snprintf(base, sizeof(base), "/tmp/test_own.XXXXXX");
    if (!mkdtemp(base) || chdir(base) != 0)
        return 1;
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        if (mkdir(folders[i], 0755) != 0)
            return 1;
    return symlink("in/a", "link");
}

static int remove_folders(void **state)
{
    static const char *const folders[] = {"in/a/out/images", "in/a/outer", "in/a/out", "in/a",
                                          "in"};
    (void)state;
    unlink("link");
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        rmdir(folders[i]);
    return chdir("/") != 0 || rmdir(base);
}

/* root is with its '/', as sources give it. */
static bool holds(const char *run_folder, const char *root, const char *name)
{
    static struct gm_own own;
    char path[256];
    snprintf(path, sizeof(path), "%s%s", root, name);
    gm_own_init(&own, run_folder);
    bool first = gm_own_holds(&own, path, path + strlen(root));
    assert_int_equal(gm_own_holds(&own, path, path + strlen(root)), first); /* asked again */
    return first;
}

static void files_below_the_run_folder_are_its_own(void **state)
{
    (void)state;
    assert_true(holds("in/a/out", "in/", "a/out/images/x.png"));
    assert_true(holds("in/a/out", "in/a/", "out/lock"));
    assert_true(holds("in/a/out", "", "in/a/out/lock"));
    assert_true(holds("in/a/out/", "./in//", "a/out/lock"));
    assert_true(holds("in/a/../a/out", "link/", "out/lock"));
    assert_true(holds("link/out", "in/", "a/out/lock"));
}

static void all_other_files_are_input(void **state)
{
    (void)state;
    assert_false(holds("in/a/out", "in/", "a/outer/x.png"));
    assert_false(holds("in/a/out", "in/", "a/out.png"));
    assert_false(holds("in/a/out", "in/", "out/x.png"));
    assert_false(holds("in/a/out", "in/a/outer/", "x.png"));
    assert_false(holds("in/a/missing", "in/", "a/missing/x.png"));
}

static void what_is_named_on_purpose_is_input(void **state)
{
    (void)state;
    assert_false(holds("in/a/out", "in/a/out/", "images/x.png"));
    assert_false(holds("in/a/out", "in/a/out/images/", "x.png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_below_the_run_folder_are_its_own),
        cmocka_unit_test(all_other_files_are_input),
        cmocka_unit_test(what_is_named_on_purpose_is_input),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
