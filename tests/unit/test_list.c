/* URL lists: what becomes an item, what becomes a bad row, and that nothing is lost in between. */
#include "base/buf.h"
#include "base/fs.h"
#include "fake_feed.h"
#include "source.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

extern const struct gm_lister gm_list_urls;

struct list {
    char folder[64];
    char path[128];
    void *opts;
    struct gm_lister_sink *items;
    struct gm_err err;
};

static void set(struct list *list, const char *name, const char *value)
{
    const struct gm_opt *opt = gm_opt_find(gm_list_urls.opts, name);
    assert_non_null(opt);
    assert_int_equal(gm_opt_apply(opt, list->opts, value, strlen(value), &list->err), GM_OK);
}

static void write_list(struct list *list, const char *name, const char *text, size_t n_bytes)
{
    int fd = -1;
    snprintf(list->path, sizeof list->path, "%s/%s", list->folder, name);
    assert_int_equal(gm_open_at(AT_FDCWD, list->path, O_WRONLY | O_CREAT | O_TRUNC, &fd, NULL),
                     GM_OK);
    assert_int_equal(gm_write_full(fd, text, n_bytes, list->path, NULL), GM_OK);
    gm_close(&fd);
    set(list, "path", list->path);
}

static struct list *setup(const char *name, const char *text)
{
    struct list *list = calloc(1, sizeof *list);
    snprintf(list->folder, sizeof list->folder, "/tmp/test_list.XXXXXX");
    assert_non_null(mkdtemp(list->folder));
    list->opts = calloc(1, gm_list_urls.opts_bytes);
    gm_opts_init(gm_list_urls.opts, list->opts, gm_list_urls.opts_bytes);
    list->items = fake_items_new();
    write_list(list, name, text, strlen(text));
    return list;
}

static enum gm_status run(struct list *list)
{
    return gm_list_urls.list(list->opts, -1, list->items, &list->err);
}

static void teardown(struct list *list)
{
    gm_remove_tree(AT_FDCWD, list->folder, NULL);
    gm_opts_free(gm_list_urls.opts, list->opts);
    fake_items_free(list->items);
    free(list->opts);
    free(list);
}

static const struct gm_item *at(const struct list *list, size_t i)
{
    return fake_items_at(list->items, i);
}

static void txt_keeps_commas_and_skips_comments_and_blanks(void **state)
{
    (void)state;
    struct list *list = setup("urls.txt", "\xef\xbb\xbfhttp://a/1,2,3\r\n# comment\n\n  \t\n"
                                          " http://b/x \nhttp://c/#frag\nhttp://d/last");
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(fake_items_count(list->items), 4);
    assert_string_equal(at(list, 0)->locator, "http://a/1,2,3");
    assert_string_equal(at(list, 1)->locator, "http://b/x");
    assert_string_equal(at(list, 2)->locator, "http://c/#frag");
    assert_string_equal(at(list, 3)->locator, "http://d/last");
    assert_null(at(list, 0)->meta_json);
    assert_int_equal(at(list, 0)->expected_bytes, UINT64_MAX);
    teardown(list);
}

static void a_line_over_64_kb_is_one_bad_row(void **state)
{
    (void)state;
    struct list *list = setup("urls.txt", "");
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_text(&text, "http://a/1\n");
    for (int i = 0; i < 500000; i++)
        gm_buf_char(&text, 'x');
    gm_buf_text(&text, "\nhttp://a/2\n");
    write_list(list, "urls.txt", (char *)text.data, text.n_bytes);
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(fake_items_count(list->items), 3);
    assert_int_equal(at(list, 1)->reason, GM_REASON_FETCH_LIST);
    assert_non_null(strstr(at(list, 1)->message, "line 2"));
    assert_non_null(strstr(at(list, 1)->locator, "urls.txt:2"));
    assert_string_equal(at(list, 2)->locator, "http://a/2");
    gm_buf_free(&text);
    teardown(list);
}

static void a_nul_byte_is_a_bad_row(void **state)
{
    (void)state;
    struct list *list = setup("urls.txt", "");
    write_list(list, "urls.txt", "http://a/\0b\nhttp://c/\n", 22);
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(fake_items_count(list->items), 2);
    assert_int_equal(at(list, 0)->reason, GM_REASON_FETCH_LIST);
    assert_int_equal(at(list, 1)->reason, GM_REASON_NONE);
    teardown(list);
}

static void csv_takes_the_named_column_and_passes_the_others(void **state)
{
    (void)state;
    struct list *list =
        setup("urls.csv", "id,url,caption\r\n1,http://a/1,\"x, \"\"y\"\"\nz\"\r\n"
                          "2,\"http://b/2,3\",\n3\n\n4,http://d/,\"a\"b\n5,http://e/,ok\n");
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(fake_items_count(list->items), 5);
    assert_string_equal(at(list, 0)->locator, "http://a/1");
    assert_string_equal(at(list, 0)->meta_json, "{\"id\":\"1\",\"caption\":\"x, \\\"y\\\"\\nz\"}");
    assert_string_equal(at(list, 1)->locator, "http://b/2,3");
    assert_string_equal(at(list, 1)->meta_json, "{\"id\":\"2\",\"caption\":\"\"}");
    assert_int_equal(at(list, 2)->reason, GM_REASON_FETCH_LIST);
    assert_non_null(strstr(at(list, 2)->message, "line 5: the row has too few fields"));
    assert_int_equal(at(list, 3)->reason, GM_REASON_FETCH_LIST);
    assert_non_null(strstr(at(list, 3)->message, "line 7"));
    assert_string_equal(at(list, 4)->locator, "http://e/");
    teardown(list);
}

static void an_unclosed_quote_costs_at_most_64_kb(void **state)
{
    (void)state;
    struct list *list = setup("urls.csv", "");
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_text(&text, "url\n\"http://a/never closed\n");
    for (int i = 0; i < 20000; i++)
        gm_buf_printf(&text, "http://b/%d\n", i);
    write_list(list, "urls.csv", (char *)text.data, text.n_bytes);
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(at(list, 0)->reason, GM_REASON_FETCH_LIST);
    size_t n = fake_items_count(list->items);
    assert_in_range(n, 20000 - 65536 / 12, 20001 - 65536 / 18);
    assert_string_equal(at(list, n - 1)->locator, "http://b/19999");
    gm_buf_free(&text);
    teardown(list);
}

static void tsv_has_no_quotes(void **state)
{
    (void)state;
    struct list *list = setup("urls.tsv", "name\turl\n\"a\thttp://a/,\"\n");
    assert_int_equal(run(list), GM_OK);
    assert_string_equal(at(list, 0)->locator, "http://a/,\"");
    assert_string_equal(at(list, 0)->meta_json, "{\"name\":\"\\\"a\"}");
    teardown(list);
}

static void a_missing_column_is_found_by_check_and_lists_what_is_there(void **state)
{
    (void)state;
    struct list *list = setup("urls.csv", "id,link\n1,http://a/\n");
    assert_int_equal(gm_list_urls.check(list->opts, &list->err), GM_INPUT);
    assert_non_null(strstr(list->err.text, "no column 'url'"));
    assert_non_null(strstr(list->err.text, "id, link"));
    assert_int_equal(run(list), GM_INPUT);
    set(list, "column", "link");
    assert_int_equal(gm_list_urls.check(list->opts, &list->err), GM_OK);
    assert_int_equal(fake_items_count(list->items), 0);
    teardown(list);
}

static void check_names_a_missing_file(void **state)
{
    (void)state;
    struct list *list = setup("urls.txt", "");
    set(list, "path", "/nonexistent/urls.txt");
    assert_int_equal(gm_list_urls.check(list->opts, &list->err), GM_MISSING);
    assert_non_null(strstr(list->err.text, "/nonexistent/urls.txt"));
    set(list, "path", list->folder);
    assert_int_equal(gm_list_urls.check(list->opts, &list->err), GM_MISSING);
    teardown(list);
}

static void sha256_and_size_columns_are_read_and_judged(void **state)
{
    (void)state;
    static const char hex[] = "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    char text[512];
    snprintf(text, sizeof text, "url,sum,n\nhttp://a,%s,4\nhttp://b,,\nhttp://c,12,\nhttp://d,,x\n",
             hex);
    struct list *list = setup("urls.csv", text);
    set(list, "sha256_column", "sum");
    set(list, "size_column", "n");
    assert_int_equal(run(list), GM_OK);
    assert_true(at(list, 0)->has_sha256);
    assert_int_equal(at(list, 0)->expected_sha256[0], 0x9f);
    assert_int_equal(at(list, 0)->expected_sha256[31], 0x08);
    assert_int_equal(at(list, 0)->expected_bytes, 4);
    assert_null(at(list, 0)->meta_json);
    assert_false(at(list, 1)->has_sha256);
    assert_int_equal(at(list, 1)->expected_bytes, UINT64_MAX);
    assert_int_equal(at(list, 2)->reason, GM_REASON_FETCH_LIST);
    assert_int_equal(at(list, 3)->reason, GM_REASON_FETCH_LIST);
    teardown(list);
}

static void jsonl_takes_the_key_and_passes_the_others(void **state)
{
    (void)state;
    struct list *list = setup(
        "urls.jsonl", "{\"url\": \"http://a/\\u00e9\", \"n\": 1.50, \"t\": [1, {\"a\":null}]}\n"
                      "\n{\"url\": 5}\n{\"x\": 1}\nnot json\n{\"url\":\"http://b/\"}\n");
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(fake_items_count(list->items), 5);
    assert_string_equal(at(list, 0)->locator, "http://a/\xc3\xa9");
    assert_string_equal(at(list, 0)->meta_json, "{\"n\":1.50,\"t\":[1,{\"a\":null}]}");
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(at(list, i)->reason, GM_REASON_FETCH_LIST);
    assert_non_null(strstr(at(list, 3)->message, "line 5"));
    assert_string_equal(at(list, 4)->locator, "http://b/");
    assert_null(at(list, 4)->meta_json);
    teardown(list);
}

static void jsonl_sizes_may_be_numbers(void **state)
{
    (void)state;
    struct list *list = setup("l.jsonl", "{\"url\":\"http://a/\",\"n\":77}\n"
                                         "{\"url\":\"http://a/\",\"n\":\"78\"}\n"
                                         "{\"url\":\"http://a/\",\"n\":-1}\n");
    set(list, "size_column", "n");
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(at(list, 0)->expected_bytes, 77);
    assert_int_equal(at(list, 1)->expected_bytes, 78);
    assert_int_equal(at(list, 2)->reason, GM_REASON_FETCH_LIST);
    teardown(list);
}

static void gzip_lists_are_read_and_a_cut_one_is_an_error(void **state)
{
    (void)state;
    struct list *list = setup("urls.txt.gz", "");
    gzFile file = gzopen(list->path, "wb");
    for (int i = 0; i < 20000; i++)
        gzprintf(file, "http://a/%d\n", i * 7919);
    gzclose(file);
    assert_int_equal(run(list), GM_OK);
    assert_int_equal(fake_items_count(list->items), 20000);
    assert_int_equal(truncate(list->path, 5000), 0);
    assert_int_equal(run(list), GM_INPUT);
    assert_non_null(strstr(list->err.text, "damaged"));
    teardown(list);
}

static void standard_input_is_read_and_left_open(void **state)
{
    (void)state;
    int ends[2];
    struct list *list = setup("urls.txt", "");
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "http://a/\nhttp://b/\n", 20), 20);
    close(ends[1]);
    set(list, "path", "-");
    assert_int_equal(gm_list_urls.check(list->opts, &list->err), GM_OK);
    assert_int_equal(gm_list_urls.list(list->opts, ends[0], list->items, &list->err), GM_OK);
    assert_int_equal(fake_items_count(list->items), 2);
    assert_int_equal(fcntl(ends[0], F_GETFD) >= 0, 1);
    assert_int_equal(gm_list_urls.list(list->opts, -1, list->items, &list->err), GM_MISSING);
    close(ends[0]);
    teardown(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(txt_keeps_commas_and_skips_comments_and_blanks),
        cmocka_unit_test(a_line_over_64_kb_is_one_bad_row),
        cmocka_unit_test(a_nul_byte_is_a_bad_row),
        cmocka_unit_test(csv_takes_the_named_column_and_passes_the_others),
        cmocka_unit_test(an_unclosed_quote_costs_at_most_64_kb),
        cmocka_unit_test(tsv_has_no_quotes),
        cmocka_unit_test(a_missing_column_is_found_by_check_and_lists_what_is_there),
        cmocka_unit_test(check_names_a_missing_file),
        cmocka_unit_test(sha256_and_size_columns_are_read_and_judged),
        cmocka_unit_test(jsonl_takes_the_key_and_passes_the_others),
        cmocka_unit_test(jsonl_sizes_may_be_numbers),
        cmocka_unit_test(gzip_lists_are_read_and_a_cut_one_is_an_error),
        cmocka_unit_test(standard_input_is_read_and_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
