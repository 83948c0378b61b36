/* File patterns: what matches, in which order, with which names. */
#include "fetch/glob.h"

#include "base/buf.h"
#include "base/fs.h"
#include "fake_feed.h"
#include "source.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct gm_lister gm_list_files;

static char root[64];

static void make_file(const char *path)
{
    char full[512];
    int fd = -1;
    snprintf(full, sizeof full, "%s/%s", root, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    assert_int_equal(gm_make_dirs(AT_FDCWD, full, NULL), GM_OK);
    *slash = '/';
    assert_int_equal(gm_open_at(AT_FDCWD, full, O_WRONLY | O_CREAT, &fd, NULL), GM_OK);
    assert_int_equal(gm_write_full(fd, path, strlen(path), full, NULL), GM_OK);
    gm_close(&fd);
}

static int set_up(void **state)
{
    static const char *const files[] = {
        "a.txt",     "a/b.txt",    "a/b/c.txt",   "a/b/c.json",         "a-b/x.txt", "B.txt",
        "a/.hidden", ".git/x.txt", "a/z/b/y.txt", "deep/1/2/3/4/f.txt", "odd[1].txt"};
    (void)state;
    snprintf(root, sizeof root, "/tmp/test_glob.XXXXXX");
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        make_file(files[i]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gm_remove_tree(AT_FDCWD, root, NULL);
    return 0;
}

struct seen {
    struct gm_buf names;
    int n_problems;
};

static enum gm_status see(void *context, const struct gm_glob_entry *entry, struct gm_err *err)
{
    struct seen *seen = context;
    (void)err;
    seen->n_problems += entry->problem != 0;
    gm_buf_printf(&seen->names, "%s ", entry->name);
    if (!entry->problem && entry->n_bytes == 0)
        fail_msg("%s has no size", entry->path);
    return GM_OK;
}

static void expect(const char *pattern, unsigned flags, const char *names)
{
    char full[512];
    struct seen seen = {GM_BUF_INIT, 0};
    struct gm_err err = {0};
    snprintf(full, sizeof full, "%s/%s", root, pattern);
    if (gm_glob_walk(full, flags, see, &seen, &err) != GM_OK)
        fail_msg("%s: %s", pattern, err.text);
    assert_string_equal(gm_buf_cstr(&seen.names), names);
    gm_buf_free(&seen.names);
}

static void a_folder_means_all_files_below_it(void **state)
{
    (void)state;
    static const char all[] = "B.txt a-b/x.txt a.txt a/b.txt a/b/c.json a/b/c.txt a/z/b/y.txt "
                              "deep/1/2/3/4/f.txt odd[1].txt ";
    expect("", 0, all);
    expect("**", 0, all);
    expect("a", 0, "b.txt b/c.json b/c.txt z/b/y.txt ");
    expect("a/", 0, "b.txt b/c.json b/c.txt z/b/y.txt ");
}

static void the_order_is_bytewise_over_whole_paths(void **state)
{
    (void)state;
    expect("**/*.txt", 0,
           "B.txt a-b/x.txt a.txt a/b.txt a/b/c.txt a/z/b/y.txt deep/1/2/3/4/f.txt odd[1].txt ");
}

static void two_stars_take_any_number_of_folders_once(void **state)
{
    (void)state;
    expect("**/b/**/*.txt", 0, "a/b/c.txt a/z/b/y.txt ");
    expect("**/**/c.txt", 0, "a/b/c.txt ");
    expect("a/**/b/*", 0, "b/c.json b/c.txt z/b/y.txt ");
    expect("deep/**", 0, "1/2/3/4/f.txt ");
}

static void one_star_stays_within_a_name(void **state)
{
    (void)state;
    expect("*.txt", 0, "B.txt a.txt odd[1].txt ");
    expect("*/*.txt", 0, "a-b/x.txt a/b.txt ");
    expect("?.txt", 0, "B.txt a.txt ");
    expect("[ab].txt", 0, "a.txt ");
    expect("a/b/c.*", 0, "c.json c.txt ");
    expect("odd\\[1\\].txt", 0, "odd[1].txt ");
}

static void one_file_is_named_by_itself(void **state)
{
    (void)state;
    expect("a/b/c.json", 0, "c.json ");
    expect("./a//b.txt", 0, "b.txt ");
}

static void dot_files_are_taken_only_if_asked_for(void **state)
{
    (void)state;
    expect("a/*", 0, "b.txt ");
    expect("a/*", GM_GLOB_HIDDEN, ".hidden b.txt ");
    expect("a/.*", 0, ".hidden ");
    expect("**/x.txt", 0, "a-b/x.txt ");
    expect("**/x.txt", GM_GLOB_HIDDEN, ".git/x.txt a-b/x.txt ");
    expect(".git/*.txt", 0, "x.txt ");
}

static void links_to_files_are_followed_and_to_folders_if_asked_for(void **state)
{
    (void)state;
    char link[128];
    snprintf(link, sizeof link, "%s/a-b/link.txt", root);
    assert_int_equal(symlink("x.txt", link), 0);
    snprintf(link, sizeof link, "%s/a-b/loop", root);
    assert_int_equal(symlink("..", link), 0);
    snprintf(link, sizeof link, "%s/a-b/pipe.txt", root);
    assert_int_equal(mkfifo(link, 0600), 0);
    expect("a-b/**/*.txt", 0, "link.txt x.txt ");
    snprintf(link, sizeof link, "%s/a-b/loop", root);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("../deep", link), 0);
    expect("a-b/**/f.txt", 0, "");
    expect("a-b/**/f.txt", GM_GLOB_FOLLOW, "loop/1/2/3/4/f.txt ");
    assert_int_equal(unlink(link), 0);
    snprintf(link, sizeof link, "%s/a-b/pipe.txt", root);
    assert_int_equal(unlink(link), 0);
    snprintf(link, sizeof link, "%s/a-b/link.txt", root);
    assert_int_equal(unlink(link), 0);
}

/* Each way into a loop is told once, and no file comes twice because of it. */
static void a_loop_of_links_ends(void **state)
{
    static const char *const links[][2] = {
        {".", "deep/self"}, {"../..", "deep/1/2/3/back"}, {".", "deep/1/2/here"}};
    char name[512];
    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(name, sizeof name, "%s/%s", root, links[i][1]);
        assert_int_equal(symlink(links[i][0], name), 0);
    }
    struct seen seen = {GM_BUF_INIT, 0};
    char full[512];
    snprintf(full, sizeof full, "%s/deep", root);
    assert_int_equal(gm_glob_walk(full, GM_GLOB_FOLLOW, see, &seen, NULL), GM_OK);
    assert_string_equal(gm_buf_cstr(&seen.names), "1/2/3/4/f.txt 1/2/3/back/ 1/2/here/ self/ ");
    assert_int_equal(seen.n_problems, 3);
    gm_buf_free(&seen.names);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(name, sizeof name, "%s/%s", root, links[i][1]);
        assert_int_equal(unlink(name), 0);
    }
}

static void mistakes_are_told(void **state)
{
    (void)state;
    struct gm_err err = {0};
    struct seen seen = {GM_BUF_INIT, 0};
    char many[256] = "";
    for (int i = 0; i < 40; i++)
        memcpy(many + 3 * i, "a*/", 4);
    assert_int_equal(gm_glob_walk("", 0, see, &seen, &err), GM_CONFIG);
    assert_int_equal(gm_glob_walk(many, 0, see, &seen, &err), GM_CONFIG);
    assert_int_equal(gm_glob_walk("/nonexistent/*.txt", 0, see, &seen, &err), GM_MISSING);
    assert_non_null(strstr(err.text, "/nonexistent"));
    assert_int_equal(gm_glob_walk("/nonexistent", 0, see, &seen, &err), GM_MISSING);
    gm_buf_free(&seen.names);
}

static void the_lister_checks_and_lists(void **state)
{
    (void)state;
    char pattern[128];
    struct gm_err err = {0};
    void *opts = calloc(1, gm_list_files.opts_bytes);
    struct gm_lister_sink *items = fake_items_new();
    gm_opts_init(gm_list_files.opts, opts, gm_list_files.opts_bytes);
    assert_int_equal(gm_list_files.check(opts, &err), GM_CONFIG);
    snprintf(pattern, sizeof pattern, "%s/a/**/*.txt", root);
    gm_opt_apply(&gm_list_files.opts[0], opts, pattern, strlen(pattern), &err);
    assert_int_equal(gm_list_files.check(opts, &err), GM_OK);
    assert_int_equal(gm_list_files.list(opts, -1, items, &err), GM_OK);
    assert_int_equal(fake_items_count(items), 3);
    const struct gm_item *item = fake_items_at(items, 1);
    assert_int_equal(item->kind, GM_ITEM_FILE);
    assert_string_equal(item->name, "b/c.txt");
    assert_int_equal(item->file_bytes, strlen("a/b/c.txt"));
    assert_true(item->file_mtime_ns > 0);
    assert_string_equal(item->locator + strlen(root), "/a/b/c.txt");
    snprintf(pattern, sizeof pattern, "%s/a/*.parquet", root);
    gm_opt_apply(&gm_list_files.opts[0], opts, pattern, strlen(pattern), &err);
    assert_int_equal(gm_list_files.check(opts, &err), GM_MISSING);
    assert_non_null(strstr(err.text, "*.parquet matches no file"));
    fake_items_free(items);
    gm_opts_free(gm_list_files.opts, opts);
    free(opts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_means_all_files_below_it),
        cmocka_unit_test(the_order_is_bytewise_over_whole_paths),
        cmocka_unit_test(two_stars_take_any_number_of_folders_once),
        cmocka_unit_test(one_star_stays_within_a_name),
        cmocka_unit_test(one_file_is_named_by_itself),
        cmocka_unit_test(dot_files_are_taken_only_if_asked_for),
        cmocka_unit_test(links_to_files_are_followed_and_to_folders_if_asked_for),
        cmocka_unit_test(a_loop_of_links_ends),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(the_lister_checks_and_lists),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
