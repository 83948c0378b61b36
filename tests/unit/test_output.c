/* The output folder: what an undisturbed run leaves in it, and what it refuses. Crashes are in
 * test_output_crash.c. */
#include "run/output.h"

#include "base/fs.h"
#include "open_output.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cmocka.h>

static size_t read_small(const struct job_folder *folder, const char *name, char *data,
                         size_t capacity)
{
    struct gm_buf buf = GM_BUF_INIT;
    assert_int_equal(gm_read_file(folder->fd, name, capacity - 1, &buf, NULL), GM_OK);
    memcpy(data, gm_buf_cstr(&buf), buf.n_bytes + 1);
    size_t n = buf.n_bytes;
    gm_buf_free(&buf);
    return n;
}

/* ---- what an undisturbed run leaves ---- */

static void groups_do_not_show_in_the_files(void **state)
{
    (void)state;
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_WITH_FILES, 40, want);
    for (uint64_t group = 1; group < 40; group += 6) {
        struct job_folder folder;
        struct gm_err err = {0};
        job_folder_make(&folder);
        struct gm_output_config config = job_config(folder.fd, folder.path, JOB_WITH_FILES);
        assert_ok(job_run(&config, 40, group, &err), &err);
        job_digest(folder.path, have);
        assert_string_equal(have, want);
        job_folder_drop(&folder);
    }
}

static void finished_files_are_listed_with_their_hashes(void **state)
{
    (void)state;
    struct job_folder folder;
    struct gm_err err = {0};
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_WITH_FILES);
    assert_ok(job_run(&config, 30, 7, &err), &err);
    struct gm_output *output;
    assert_ok(gm_output_open(&output, &config, &err), &err);
    assert_true(gm_output_state(output)->finished && gm_output_state(output)->resumed);
    size_t n_files;
    const struct gm_frame_file *files = gm_output_files(output, &n_files);
    assert_true(n_files > 6);
    uint64_t n_records = 0;
    for (size_t i = 0; i < n_files; i++) {
        struct gm_buf name = GM_BUF_INIT, data = GM_BUF_INIT;
        uint8_t sha256[GM_SHA256_BYTES];
        gm_output_file_name(&job_streams[files[i].stream], &files[i], &name);
        assert_int_equal(gm_read_file(folder.fd, gm_buf_cstr(&name), 1 << 20, &data, NULL), GM_OK);
        assert_int_equal(data.n_bytes, files[i].n_bytes);
        gm_sha256(data.n_bytes ? data.data : (const uint8_t *)"", data.n_bytes, sha256);
        assert_memory_equal(sha256, files[i].sha256, sizeof sha256);
        if (files[i].stream == JOB_RECORDS) {
            assert_true(files[i].n_bytes <= 3000 + 16);
            assert_memory_equal(data.data + data.n_bytes - 16, "end of the shard", 16);
            n_records += files[i].n_records;
        }
        gm_buf_free(&name);
        gm_buf_free(&data);
    }
    assert_int_equal(n_records, 30);
    gm_output_close(output);
    job_folder_drop(&folder);
}

static void clashing_names_get_suffixes_in_order(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_WITH_FILES);
    static const char *const names[] = {"a", "a/x.jpg", "a/x.jpg", "d/y", "d", "a/x.jpg", "d/y/z"};
    static const char *const want[] = {"a",   "a~2/x.jpg",   "a~2/x~2.jpg", "d/y",
                                       "d~2", "a~2/x~3.jpg", "d/y~2/z"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        gm_out_reset(&open.out);
        open.out.stream = JOB_IMAGES;
        gm_out_part(&open.out, names[i], &"0123456789"[i], 1, 1, NULL);
        gm_out_count(&open.out, GM_REASON_NONE);
        gm_out_finish(&open.out, NULL);
        assert_ok(open_output_append(&open, i + 1), &open.err);
        if (i % 3 == 1)
            assert_ok(gm_output_commit(open.output, &open.err), &open.err);
    }
    open_output_finish(&open);
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        char path[64], data[16];
        snprintf(path, sizeof path, "images/%s", want[i]);
        assert_int_equal(read_small(&open.folder, path, data, sizeof data), 1);
        assert_int_equal(data[0], "0123456789"[i]);
    }
    assert_int_equal(faccessat(open.folder.fd, ".tmp", F_OK, 0), -1);
    assert_int_equal(faccessat(open.folder.fd, "files.pending", F_OK, 0), -1);
    open_output_drop(&open);
}

static void a_plan_becomes_its_streams(void **state)
{
    (void)state;
    extern const struct gm_sink gm_sink_records, gm_sink_images;
    const struct gm_sink *sinks[] = {&gm_sink_records, &gm_sink_images, &gm_sink_images};
    struct gm_plan *plan = calloc(1, sizeof *plan);
    assert_non_null(plan);
    for (uint32_t i = 0; i < GM_ARRAY_LEN(sinks); i++) {
        void *opts = calloc(1, sinks[i]->opts_bytes);
        gm_opts_init(sinks[i]->opts, opts, sinks[i]->opts_bytes);
        plan->sinks[i] = (struct gm_plan_sink){
            .sink = sinks[i], .opts = opts, .stream = GM_STREAM_FIRST_SINK + i};
    }
    plan->n_sinks = 3;
    assert_int_equal(gm_opt_apply(gm_opt_find(gm_sink_images.opts, "layout"), plan->sinks[2].opts,
                                  "tar", 3, NULL),
                     GM_OK);
    plan->n_routes = 2;
    plan->routes[0].gate_stage = -1;
    plan->routes[1].gate_stage = 2;
    struct gm_output_stream streams[GM_MAX_STREAMS];
    assert_int_equal(gm_output_streams(plan, streams), GM_STREAM_FIRST_SINK + 3);
    assert_string_equal(streams[GM_STREAM_REJECTS].name, "rejects");
    assert_string_equal(streams[GM_STREAM_KEYS].name, "gate");
    const struct gm_output_stream *sink = &streams[GM_STREAM_FIRST_SINK];
    assert_int_equal(sink[0].mode, GM_OUTPUT_SHARDS);
    assert_string_equal(sink[0].extension, ".jsonl.zst");
    assert_int_equal(sink[0].shard_bytes, 256u << 20);
    assert_int_equal(sink[0].trailer_bytes, 0);
    assert_int_equal(sink[1].mode, GM_OUTPUT_FILES);
    assert_int_equal(sink[2].trailer_bytes, 1024);
    plan->routes[1].gate_stage = -1;
    gm_output_streams(plan, streams);
    assert_null(streams[GM_STREAM_KEYS].name);
    for (uint32_t i = 0; i < 3; i++) {
        gm_opts_free(sinks[i]->opts, plan->sinks[i].opts);
        free(plan->sinks[i].opts);
    }
    free(plan);
}

static void record_durability_commits_each_block(void **state)
{
    (void)state;
    struct job_folder folder;
    struct gm_err err = {0};
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
    config.durability = GM_DURABILITY_RECORD;
    struct gm_output *output;
    struct gm_out out;
    gm_out_init(&out);
    assert_ok(gm_output_open(&output, &config, &err), &err);
    for (uint64_t i = 0; i < 3; i++) {
        job_block(&out, i, JOB_SHARDS_ONLY);
        struct gm_order_key key = {.task = i + 1, .segment = 7, .sub = 1, .rows = 3};
        assert_ok(gm_output_append(output, out.bytes.data, out.bytes.n_bytes, &key, &err), &err);
        assert_int_equal(gm_output_uncommitted_bytes(output), 0);
    }
    gm_output_close(output);
    assert_ok(gm_output_open(&output, &config, &err), &err);
    const struct gm_output_state *now = gm_output_state(output);
    assert_true(now->resumed && !now->finished);
    assert_int_equal(now->next.task, 3);
    assert_int_equal(now->next.segment, 7);
    assert_int_equal(now->next.sub, 1);
    assert_int_equal(now->next.rows, 3);
    assert_int_equal(now->n_in, 4);
    assert_int_equal(now->n_written, 3);
    assert_int_equal(now->reasons[GM_REASON_TEXT_EMPTY], 1);
    gm_output_close(output);
    gm_out_free(&out);
    job_folder_drop(&folder);
}

/* Pages of a file that the system's cache holds. */
static size_t cached_pages(const struct job_folder *folder, const char *name, size_t n_bytes)
{
    size_t n_pages = n_bytes / 4096, n = 0;
    int fd = openat(folder->fd, name, O_RDONLY);
    assert_true(fd >= 0);
    void *data = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char *pages = malloc(n_pages);
    assert_true(data != MAP_FAILED && pages);
    assert_int_equal(mincore(data, n_pages * 4096, pages), 0);
    for (size_t i = 0; i < n_pages; i++)
        n += pages[i] & 1;
    free(pages);
    munmap(data, n_bytes);
    close(fd);
    return n;
}

enum { LARGE = 100 * 1024, CACHED = 20 * 1024, PIECE = 8 * 1024 };

/* Blocks of 1 to 40,000 bytes for shards of 100 KB, commits after some, and after others the output
 * is closed without one and opened again, from the first block that was not committed on. */
static void write_large(const struct gm_output_config *config, bool stumbles)
{
    struct gm_output *output;
    struct gm_out out;
    struct gm_err err = {0};
    uint8_t *bytes = malloc(40000);
    assert_non_null(bytes);
    gm_out_init(&out);
    assert_ok(gm_output_open(&output, config, &err), &err);
    for (uint64_t i = 0, round = 0; i < 60; i++, round++) {
        size_t n_bytes = (size_t)(i * 2654435761u % 40000) + 1;
        for (size_t k = 0; k < n_bytes; k++)
            bytes[k] = (uint8_t)(k * (i + 1) >> 3);
        gm_out_reset(&out);
        out.stream = JOB_RECORDS;
        gm_out_count(&out, GM_REASON_NONE);
        assert_ok(gm_out_part(&out, NULL, bytes, n_bytes, 1, &err), &err);
        assert_ok(gm_out_finish(&out, &err), &err);
        struct gm_order_key key = {.task = i + 1};
        assert_ok(gm_output_append(output, out.bytes.data, out.bytes.n_bytes, &key, &err), &err);
        if (stumbles && round % 7 == 3)
            assert_ok(gm_output_commit(output, &err), &err);
        if (stumbles && round % 11 == 5) {
            gm_output_close(output);
            assert_ok(gm_output_open(&output, config, &err), &err);
            i = gm_output_state(output)->next.task - 1;
        }
    }
    assert_ok(gm_output_finish(output, &err), &err);
    gm_output_close(output);
    gm_out_free(&out);
    free(bytes);
}

/* What is written past the cache, and over the tail that a commit has flushed, is what is written
 * in the plain way. */
static void large_streams_are_the_same_bytes_past_the_cache(void **state)
{
    (void)state;
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    struct job_folder folder;
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
    struct gm_output_stream streams[GM_MAX_STREAMS];
    memcpy(streams, config.streams, config.n_streams * sizeof *streams);
    streams[JOB_RECORDS].shard_bytes = LARGE;
    config.streams = streams;
    config.piece_bytes = 0;
    write_large(&config, false);
    job_digest(folder.path, want);
    config.cached_bytes = CACHED;
    config.piece_bytes = PIECE;
    for (int stumbles = 0; stumbles < 2; stumbles++) {
        job_folder_empty(&folder);
        write_large(&config, stumbles);
        job_digest(folder.path, have);
        assert_string_equal(have, want);
    }
    job_folder_drop(&folder);
}

static void large_streams_do_not_stay_in_the_cache(void **state)
{
    (void)state;
    enum { BLOCK = 1 << 20, N_BLOCKS = 16 };
    struct job_folder folder;
    struct gm_err err = {0};
    struct statfs system;
    job_folder_make(&folder);
    assert_int_equal(fstatfs(folder.fd, &system), 0);
    if (system.f_type == TMPFS_MAGIC || system.f_type == OVERLAYFS_SUPER_MAGIC) {
        job_folder_drop(&folder);
        skip(); /* there the cache is the file, or another one's */
    }
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
    struct gm_output_stream streams[GM_MAX_STREAMS];
    memcpy(streams, config.streams, config.n_streams * sizeof *streams);
    streams[JOB_RECORDS].shard_bytes = 1u << 30;
    config.streams = streams;
    config.cached_bytes = 4 * BLOCK - 1;
    config.piece_bytes = BLOCK;
    struct gm_output *output;
    struct gm_out out;
    gm_out_init(&out);
    assert_ok(gm_output_open(&output, &config, &err), &err);
    uint8_t *bytes = calloc(1, BLOCK);
    assert_non_null(bytes);
    for (uint64_t i = 0; i < N_BLOCKS; i++) {
        gm_out_reset(&out);
        out.stream = JOB_RECORDS;
        gm_out_count(&out, GM_REASON_NONE);
        assert_ok(gm_out_part(&out, NULL, bytes, BLOCK, 1, &err), &err);
        assert_ok(gm_out_finish(&out, &err), &err);
        struct gm_order_key key = {.task = i + 1};
        assert_ok(gm_output_append(output, out.bytes.data, out.bytes.n_bytes, &key, &err), &err);
    }
    assert_ok(gm_output_commit(output, &err), &err);
    size_t n_pages =
        cached_pages(&folder, "records-00000.bin", N_BLOCKS * (size_t)BLOCK) / (BLOCK / 4096);
    assert_in_range(n_pages, 4, 5); /* small outputs may well be read next */
    gm_output_close(output);
    free(bytes);
    gm_out_free(&out);
    job_folder_drop(&folder);
}

/* ---- what is refused ---- */

static void names_that_lead_out_are_refused(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_WITH_FILES);
    char long_name[300], long_path[1026];
    memset(long_name, 'n', sizeof long_name);
    long_name[256] = '\0';
    memset(long_path, 'n', sizeof long_path);
    for (size_t i = 100; i < sizeof long_path; i += 100)
        long_path[i] = '/';
    long_path[1025] = '\0';
    const char *const bad[] = {"../x", "a/../../x", "/etc/x", "a//b", "./a",     "a/.",
                               "",     "a/",        "..",     ".",    long_name, long_path};
    for (size_t i = 0; i < GM_ARRAY_LEN(bad); i++) {
        gm_out_reset(&open.out);
        open.out.stream = JOB_IMAGES;
        /* Too long for the builder, as a worker that is taken over would send it. */
        char *name = strdup(bad[i]);
        if (strlen(name) > GM_OUT_NAME_BYTES)
            name[GM_OUT_NAME_BYTES] = '\0';
        gm_out_part(&open.out, name, "x", 1, 1, NULL);
        gm_out_count(&open.out, GM_REASON_NONE);
        gm_out_finish(&open.out, NULL);
        enum gm_status status = open_output_append(&open, 1);
        if (strlen(bad[i]) <= GM_OUT_NAME_BYTES)
            assert_int_equal(status, GM_INTERNAL);
        free(name);
    }
    open_output_finish(&open);
    open_output_drop(&open);
}

/* Whole and with a checksum that fits, but not the one that was handed over. */
static void another_block_than_expected_is_refused_and_nothing_written(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_WITH_FILES);
    open.out.stream = JOB_IMAGES;
    gm_out_part(&open.out, "a.png", "x", 1, 1, NULL);
    gm_out_count(&open.out, GM_REASON_NONE);
    gm_out_finish(&open.out, NULL);
    uint64_t checksum = gm_out_checksum(open.out.bytes.data, open.out.bytes.n_bytes);
    gm_output_expect(open.output, checksum + 1);
    assert_int_equal(open_output_append(&open, 1), GM_INTERNAL);
    assert_true(gm_output_is_whole(open.output));
    assert_int_equal(gm_output_state(open.output)->n_in, 0);
    gm_output_expect(open.output, checksum);
    assert_ok(open_output_append(&open, 1), &open.err);
    assert_int_equal(gm_output_state(open.output)->n_in, 1);
    open_output_finish(&open);
    open_output_drop(&open);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    struct open_output open;
    struct job_folder victim;
    open_output_begin(&open, JOB_WITH_FILES);
    job_folder_make(&victim);
    assert_int_equal(symlinkat(victim.path, open.folder.fd, "images/a"), 0);
    open.out.stream = JOB_IMAGES;
    gm_out_part(&open.out, "a/planted", "x", 1, 1, NULL);
    gm_out_finish(&open.out, NULL);
    enum gm_status status = open_output_append(&open, 1);
    if (status == GM_OK)
        gm_output_finish(open.output, &open.err);
    open_output_close(&open);
    assert_int_equal(faccessat(victim.fd, "planted", F_OK, 0), -1);
    open_output_drop(&open);
    job_folder_drop(&victim);
}

static void another_job_or_foreign_files_are_refused(void **state)
{
    (void)state;
    struct job_folder folder;
    struct gm_err err = {0};
    job_folder_make(&folder);
    struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
    assert_ok(job_run(&config, 3, 1, &err), &err);
    config.config_digest[0] ^= 1;
    assert_int_equal(job_run(&config, 3, 1, &err), GM_CONFIG);
    assert_non_null(strstr(err.text, "another configuration"));
    config.config_digest[0] ^= 1;
    config.input_digest[0] ^= 1;
    assert_int_equal(job_run(&config, 3, 1, &err), GM_CONFIG);
    assert_non_null(strstr(err.text, "other input"));
    job_folder_empty(&folder);
    config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
    static const char *const foreign[] = {"rejects.jsonl", "records-00007.bin"};
    for (size_t i = 0; i < GM_ARRAY_LEN(foreign); i++) {
        assert_int_equal(gm_write_file_durable(folder.fd, foreign[i], "mine", 4, NULL), GM_OK);
        assert_int_equal(job_run(&config, 3, 1, &err), GM_CONFIG);
        char data[8];
        assert_int_equal(read_small(&folder, foreign[i], data, sizeof data), 4);
        assert_int_equal(unlinkat(folder.fd, foreign[i], 0), 0);
    }
    job_folder_drop(&folder);
}

static void changed_committed_bytes_are_found(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_SHARDS_ONLY);
    job_block(&open.out, 0, JOB_SHARDS_ONLY);
    assert_ok(open_output_append(&open, 1), &open.err);
    assert_ok(gm_output_commit(open.output, &open.err), &open.err);
    open_output_close(&open);
    int fd = openat(open.folder.fd, "records-00000.bin", O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, 5), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 5), 1);
    assert_int_equal(gm_output_open(&open.output, &open.config, &open.err), GM_INPUT);
    assert_non_null(strstr(open.err.text, "records-00000.bin"));
    assert_int_equal(ftruncate(fd, 3), 0);
    assert_int_equal(gm_output_open(&open.output, &open.config, &open.err), GM_INPUT);
    assert_non_null(strstr(open.err.text, "shorter"));
    close(fd);
    open_output_drop(&open);
}

/* ---- closing ---- */

static void closing_without_a_commit_leaves_whole_groups(void **state)
{
    (void)state;
    struct open_output open;
    open_output_begin(&open, JOB_SHARDS_ONLY);
    struct stat info;
    off_t committed = 0;
    for (uint64_t i = 0; i < 9; i++) {
        job_block(&open.out, i, JOB_SHARDS_ONLY);
        assert_ok(open_output_append(&open, i + 1), &open.err);
        if (i == 0) {
            assert_ok(gm_output_commit(open.output, &open.err), &open.err);
            assert_int_equal(fstatat(open.folder.fd, "records-00000.bin", &info, 0), 0);
            committed = info.st_size;
        }
    }
    assert_true(gm_output_uncommitted_bytes(open.output) > 0);
    open_output_close(&open);
    assert_int_equal(fstatat(open.folder.fd, "records-00000.bin", &info, 0), 0);
    assert_int_equal(info.st_size, committed);
    assert_int_equal(fstatat(open.folder.fd, "records-00001.bin", &info, 0), -1);
    open_output_drop(&open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_do_not_show_in_the_files),
        cmocka_unit_test(finished_files_are_listed_with_their_hashes),
        cmocka_unit_test(clashing_names_get_suffixes_in_order),
        cmocka_unit_test(a_plan_becomes_its_streams),
        cmocka_unit_test(record_durability_commits_each_block),
        cmocka_unit_test(large_streams_are_the_same_bytes_past_the_cache),
        cmocka_unit_test(large_streams_do_not_stay_in_the_cache),
        cmocka_unit_test(names_that_lead_out_are_refused),
        cmocka_unit_test(another_block_than_expected_is_refused_and_nothing_written),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(another_job_or_foreign_files_are_refused),
        cmocka_unit_test(changed_committed_bytes_are_found),
        cmocka_unit_test(closing_without_a_commit_leaves_whole_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
