/* Shards with record sizes: index files and heads are what the sizes say, whatever was killed;
 * counters are exact; sizes that do not fit their part are a corrupt worker's. */

#include "base/fs.h"
#include "open_output.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void read_file(const struct job_folder *folder, const char *name, struct gm_buf *data)
{
    struct gm_err err = {0};
    gm_buf_init(data);
    assert_ok(gm_read_file(folder->fd, name, 1 << 24, data, &err), &err);
}

static unsigned count_files(const struct job_folder *folder, const char *ending)
{
    unsigned n = 0;
    DIR *dir = opendir(folder->path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        size_t n_name = strlen(entry->d_name), n_end = strlen(ending);
        n += n_name >= n_end && strcmp(entry->d_name + n_name - n_end, ending) == 0;
    }
    closedir(dir);
    return n;
}

/* Head, parts and index files of one shard agree; adds up its items. */
static void check_shard(const struct job_folder *folder, uint32_t shard, uint64_t *n_items)
{
    struct gm_buf data, ends, info;
    char name[64], text[64];
    snprintf(name, sizeof name, "sized-%05u.bin", shard);
    read_file(folder, name, &data);
    snprintf(name, sizeof name, "sized-%05u.ends", shard);
    read_file(folder, name, &ends);
    snprintf(name, sizeof name, "sized-%05u.info", shard);
    read_file(folder, name, &info);
    struct job_head head;
    memcpy(&head, data.data, sizeof head);
    assert_int_equal(data.n_bytes, sizeof head + head.n_bytes);
    assert_int_equal(ends.n_bytes, 8 * head.n_items);
    uint64_t last;
    memcpy(&last, ends.data + ends.n_bytes - 8, 8);
    assert_int_equal(last * JOB_UNIT_BYTES, head.n_bytes);
    snprintf(text, sizeof text, "%llu items\n", (unsigned long long)head.n_items);
    assert_string_equal(gm_buf_cstr(&info), text);
    *n_items += head.n_items;
    gm_buf_free(&data);
    gm_buf_free(&ends);
    gm_buf_free(&info);
}

static void every_shard_has_its_head_and_index_files(void **state)
{
    (void)state;
    struct job_folder folder;
    struct gm_err err = {0};
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_WITH_FILES);
    assert_ok(job_run(&config, 30, 7, &err), &err);
    unsigned n_shards = count_files(&folder, ".ends");
    uint64_t n_items = 0;
    assert_true(n_shards > 3);
    for (uint32_t i = 0; i < n_shards; i++)
        check_shard(&folder, i, &n_items);
    assert_int_equal(count_files(&folder, ".sizes"), 0);
    struct gm_output *output;
    assert_ok(gm_output_open(&output, &config, &err), &err);
    assert_int_equal(gm_output_state(output)->counters[JOB_COUNTER], n_items);
    size_t n_files, n_listed = 0;
    const struct gm_frame_file *files = gm_output_files(output, &n_files);
    for (size_t i = 0; i < n_files; i++)
        n_listed += files[i].stream == JOB_ITEMS;
    assert_int_equal(n_listed, 3 * n_shards);
    gm_output_close(output);
    job_folder_drop(&folder);
}

static void sizes_of_a_shard_stay_until_it_is_committed(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_WITH_FILES);
    uint64_t n = 0, committed_items = 0;
    for (; count_files(&open.folder, ".ends") == 0; n++) {
        job_block(&open.out, n, JOB_WITH_FILES);
        assert_ok(open_output_append(&open, n + 1), &open.err);
        if (n == 0) {
            assert_ok(gm_output_commit(open.output, &open.err), &open.err);
            committed_items = gm_output_state(open.output)->counters[JOB_COUNTER];
        }
    }
    assert_true(n > 1);
    assert_int_equal(count_files(&open.folder, ".sizes"), 2);
    gm_output_close(
        open.output); /* taken back to the commit: the index is gone, the sizes are there */
    assert_int_equal(count_files(&open.folder, ".ends"), 0);
    assert_int_equal(count_files(&open.folder, ".sizes"), 1);
    assert_ok(gm_output_open(&open.output, &open.config, &open.err), &open.err);
    assert_int_equal(gm_output_state(open.output)->counters[JOB_COUNTER], committed_items);
    open_output_close(&open);
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_WITH_FILES, 20, want);
    assert_ok(job_run(&open.config, 20, 3, &open.err), &open.err);
    job_digest(open.folder.path, have);
    assert_string_equal(have, want);
    open_output_drop(&open);
}

/* One block with a part of the stream and, if sizes is not NULL, a part of the sizes behind it. */
static enum gm_status append(struct gm_output *output, size_t n_bytes, uint32_t n_records,
                             const uint32_t *sizes, uint32_t n_sizes)
{
    struct gm_out out;
    struct gm_err err = {0};
    uint8_t bytes[64] = {0};
    gm_out_init(&out);
    out.stream = JOB_ITEMS;
    out.sizes_stream = JOB_SIZES;
    gm_out_part(&out, NULL, bytes, n_bytes, n_records, NULL);
    if (sizes)
        gm_out_sizes(&out, sizes, n_sizes, NULL);
    gm_out_finish(&out, NULL);
    struct gm_order_key key = {.task = gm_output_state(output)->next.task + 1};
    enum gm_status status = gm_output_append(output, out.bytes.data, out.bytes.n_bytes, &key, &err);
    gm_out_free(&out);
    return status;
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_WITH_FILES);
    const uint32_t two[] = {1, 2}, wrap[] = {UINT32_MAX, 4}, huge[] = {0x55555556, 0};
    assert_int_equal(append(open.output, 9, 2, NULL, 0), GM_INTERNAL); /* none */
    assert_int_equal(append(open.output, 9, 1, two, 2), GM_INTERNAL);  /* another number */
    assert_int_equal(append(open.output, 12, 2, two, 2), GM_INTERNAL); /* another sum */
    assert_int_equal(append(open.output, 10, 2, two, 2), GM_INTERNAL); /* no whole unit */
    assert_int_equal(append(open.output, 9, 2, wrap, 2), GM_INTERNAL); /* right modulo 2^32 */
    assert_int_equal(append(open.output, 2, 2, huge, 2), GM_INTERNAL); /* times 3 modulo 2^32 */
    assert_int_equal(append(open.output, 0, 0, two, 0), GM_INTERNAL);  /* empty part */
    assert_int_equal(append(open.output, 9, 2, two, 2), GM_OK);
    open.out.stream = JOB_SIZES; /* sizes alone */
    gm_out_part(&open.out, NULL, two, sizeof two, 2, NULL);
    gm_out_finish(&open.out, NULL);
    assert_int_equal(open_output_append(&open, 9), GM_INTERNAL);
    open_output_finish(&open);
    uint64_t n_items = 0;
    check_shard(&open.folder, 0, &n_items);
    assert_int_equal(n_items, 2);
    open_output_drop(&open);
}

static void foreign_index_files_are_not_overwritten(void **state)
{
    (void)state;
    static const char *const foreign[] = {"sized-00000.ends", "sized-00003.info",
                                          "sized-00000.sizes"};
    struct job_folder folder;
    struct gm_err err = {0};
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_WITH_FILES);
    for (size_t i = 0; i < GM_ARRAY_LEN(foreign); i++) {
        assert_ok(gm_write_file_durable(folder.fd, foreign[i], "mine", 4, &err), &err);
        assert_int_equal(job_run(&config, 3, 1, &err), GM_CONFIG);
        assert_int_equal(unlinkat(folder.fd, foreign[i], 0), 0);
    }
    job_folder_drop(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shard_has_its_head_and_index_files),
        cmocka_unit_test(sizes_of_a_shard_stay_until_it_is_committed),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(foreign_index_files_are_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
