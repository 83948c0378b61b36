/* The run folder: which generation is current, who may be in it, what goes and comes. */
#include "run/folder.h"

#include "base/fs.h"
#include "run/manifest.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64], path[128];

static int make_base(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/test_folder.XXXXXX");
    if (!mkdtemp(base))
        return -1;
    snprintf(path, sizeof path, "%s/deep/er/out", base);
    return 0;
}

static int drop_base(void **state)
{
    (void)state;
    return gm_remove_tree(AT_FDCWD, base, NULL) == GM_OK ? 0 : -1;
}

static void put(int dir_fd, const char *name)
{
    int fd = -1;
    assert_int_equal(gm_open_at(dir_fd, name, O_WRONLY | O_CREAT, &fd, NULL), GM_OK);
    gm_close(&fd);
}

static void open_ok(struct gm_folder *folder, uint32_t generation, bool complete)
{
    struct gm_err err;
    assert_int_equal(gm_folder_open(path, folder, &err), GM_OK);
    assert_int_equal(folder->generation, generation);
    assert_int_equal(folder->complete, complete);
}

static void generations_have_names(void **state)
{
    char name[GM_GENERATION_NAME_BYTES];
    (void)state;
    assert_string_equal(gm_generation_name(0, name), ".");
    assert_string_equal(gm_generation_name(1, name), ".");
    assert_string_equal(gm_generation_name(2, name), "gen-00002");
    assert_string_equal(gm_generation_name(123456, name), "gen-123456");
    assert_string_equal(gm_generation_name(UINT32_MAX, name), "gen-4294967295");
}

static void a_folder_goes_through_its_generations(void **state)
{
    struct gm_folder folder;
    (void)state;
    open_ok(&folder, 0, false); /* made, with its parents */
    gm_folder_close(&folder);
    open_ok(&folder, 0, false);
    put(folder.generation_fd, "inputs.snapshot");
    gm_folder_close(&folder);
    open_ok(&folder, 1, false); /* begun */
    put(folder.generation_fd, GM_MANIFEST_NAME);
    gm_folder_close(&folder);
    open_ok(&folder, 1, true);
    assert_int_equal(gm_folder_next(&folder, NULL), GM_OK);
    assert_int_equal(folder.generation, 2);
    assert_false(folder.complete);
    gm_folder_close(&folder);
    open_ok(&folder, 2, false);
    put(folder.generation_fd, GM_MANIFEST_NAME);
    assert_int_equal(gm_folder_next(&folder, NULL), GM_OK);
    put(folder.generation_fd, "half");
    assert_int_equal(gm_folder_drop(&folder, NULL), GM_OK); /* nothing was new */
    assert_int_equal(folder.generation, 2);
    assert_true(folder.complete);
    gm_folder_close(&folder);
    open_ok(&folder, 2, true);
    assert_int_not_equal(faccessat(folder.fd, "gen-00003", F_OK, 0), 0);
    assert_int_equal(faccessat(folder.fd, "gen-00002/" GM_MANIFEST_NAME, F_OK, 0), 0);
    gm_folder_close(&folder);
}

static void two_cannot_be_in_it(void **state)
{
    struct gm_folder first, second;
    struct gm_err err;
    (void)state;
    open_ok(&first, 0, false);
    assert_int_equal(gm_folder_open(path, &second, &err), GM_BUSY);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(second.fd, -1);
    gm_folder_close(&first);
    open_ok(&second, 0, false);
    gm_folder_close(&second);
    gm_folder_close(&second);
}

static void a_file_in_its_place_is_told(void **state)
{
    struct gm_folder folder;
    struct gm_err err = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/file", base);
    put(AT_FDCWD, path);
    assert_int_not_equal(gm_folder_open(path, &folder, &err), GM_OK);
    assert_non_null(strstr(err.text, "file"));
    assert_int_equal(folder.lock_fd, -1);
}

static void scratch_files_have_no_name_and_the_spool_goes(void **state)
{
    struct gm_folder folder;
    struct stat about;
    int fd = -1;
    (void)state;
    open_ok(&folder, 0, false);
    assert_int_equal(gm_folder_spool(&folder, NULL), GM_OK);
    assert_int_equal(gm_folder_spool(&folder, NULL), GM_OK);
    assert_int_equal(gm_folder_scratch(&folder, "hold", &fd, NULL), GM_OK);
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_nlink, 0);
    assert_int_equal(about.st_size, 0);
    assert_int_equal(gm_write_full(fd, "x", 1, "hold", NULL), GM_OK);
    put(folder.spool_fd, "item-1.part");
    gm_folder_remove_spool(&folder);
    assert_int_equal(folder.spool_fd, -1);
    assert_int_not_equal(faccessat(folder.fd, "spool", F_OK, 0), 0);
    gm_close(&fd);
    gm_folder_close(&folder);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_base, drop_base)
    const struct CMUnitTest tests[] = {
        TEST(generations_have_names),
        TEST(a_folder_goes_through_its_generations),
        TEST(two_cannot_be_in_it),
        TEST(a_file_in_its_place_is_told),
        TEST(scratch_files_have_no_name_and_the_spool_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
