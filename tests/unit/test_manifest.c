/* The manifest: reads back as it was written, and verify finds every changed byte. */
#include "run/manifest.h"

#include "base/fs.h"
#include "open_output.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { N_BLOCKS = 25, HIDDEN = 1u << GM_STREAM_ITEMS };

struct fixture {
    char path[64];
    int fd;
    struct gm_manifest written;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct gm_err err = {0};
    struct gm_output *output;
    *state = f;
    snprintf(f->path, sizeof f->path, "/tmp/gm-manifest-XXXXXX");
    if (!mkdtemp(f->path) ||
        gm_open_at(AT_FDCWD, f->path, O_RDONLY | O_DIRECTORY, &f->fd, NULL) != GM_OK)
        return 1;
    struct gm_output_config config = job_config(f->fd, f->path, JOB_WITH_FILES);
    assert_ok(job_run(&config, N_BLOCKS, 5, &err), &err);
    assert_ok(gm_output_open(&output, &config, &err), &err);
    assert_ok(gm_manifest_fill(&f->written, output, &config, HIDDEN, &err), &err);
    gm_output_close(output);
    f->written.job = gm_manifest_text("test \"job\"");
    f->written.order = gm_manifest_text("input");
    f->written.n_items = 25;
    f->written.has_previous = true;
    f->written.previous_sha256[3] = 9;
    assert_ok(gm_manifest_add_quarantine(&f->written, "quarantine/000000017", &err), &err);
    assert_ok(gm_manifest_add_counter(&f->written, "sized.items", 1ull << 60, &err), &err);
    assert_ok(gm_manifest_add_counter(&f->written, "sized.none", 0, &err), &err);
    assert_ok(gm_manifest_write(&f->written, f->fd, f->path, &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    gm_manifest_free(&f->written);
    gm_close(&f->fd);
    gm_remove_tree(AT_FDCWD, f->path, NULL);
    free(f);
    return 0;
}

static void it_reads_back_as_it_was_written(void **state)
{
    struct fixture *f = *state;
    struct gm_err err = {0};
    struct gm_manifest read;
    uint8_t sha256[GM_SHA256_BYTES], again[GM_SHA256_BYTES];
    assert_ok(gm_manifest_read(&read, f->fd, f->path, sha256, &err), &err);
    assert_string_equal(read.job, "test \"job\"");
    assert_null(read.sandbox);
    assert_int_equal(read.generation, 1);
    assert_true(read.has_previous && read.previous_sha256[3] == 9);
    assert_memory_equal(read.config_sha256, f->written.config_sha256, GM_SHA256_BYTES);
    assert_int_equal(read.n_items, 25);
    assert_int_equal(read.n_in, f->written.n_in);
    assert_int_equal(read.n_rejected, 9);
    assert_int_equal(read.n_counters, 1);
    assert_string_equal(read.counters[0].name, "sized.items");
    assert_true(read.counters[0].value == 1ull << 60);
    assert_int_equal(read.reasons[GM_REASON_TEXT_EMPTY], 9);
    assert_int_equal(read.n_files, f->written.n_files);
    for (size_t i = 0; i < read.n_files; i++) {
        assert_string_equal(read.files[i].name, f->written.files[i].name);
        assert_string_not_equal(read.files[i].name, "items.jsonl"); /* hidden */
        assert_int_equal(read.files[i].n_listed, f->written.files[i].n_listed);
    }
    assert_int_equal(read.n_quarantine, 1);
    assert_true(gm_manifest_adds_up(&read));
    /* Written again it is the same file. */
    assert_ok(gm_manifest_write(&read, f->fd, f->path, &err), &err);
    gm_manifest_free(&read);
    assert_ok(gm_manifest_read(&read, f->fd, f->path, again, &err), &err);
    assert_memory_equal(again, sha256, sizeof again);
    gm_manifest_free(&read);
}

static void counts_that_do_not_add_up_are_seen(void **state)
{
    struct fixture *f = *state;
    struct gm_manifest *m = &f->written;
    assert_true(gm_manifest_adds_up(m));
    m->n_written++;
    assert_false(gm_manifest_adds_up(m));
    m->n_written--;
    m->reasons[GM_REASON_FETCH_DNS]++;
    assert_false(gm_manifest_adds_up(m));
    m->reasons[GM_REASON_FETCH_DNS]--;
    m->n_rejected--;
    m->n_failed++;
    assert_false(gm_manifest_adds_up(m));
    m->n_rejected++;
    m->n_failed--;
}

static uint64_t n_problems(struct fixture *f, const char *must_name)
{
    struct gm_err err = {0};
    struct gm_verify_result result;
    assert_ok(gm_manifest_verify(&f->written, f->fd, &result, &err), &err);
    if (must_name)
        assert_non_null(strstr(gm_buf_cstr(&result.problems), must_name));
    uint64_t n = result.n_problems;
    gm_buf_free(&result.problems);
    return n;
}

static void flip(struct fixture *f, const char *name, off_t at)
{
    int fd = openat(f->fd, name, O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x20;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void verify_finds_every_changed_byte(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(n_problems(f, NULL), 0);
    for (size_t i = 0; i < f->written.n_files; i++) {
        const char *name = f->written.files[i].name;
        for (off_t at = 0; at < (off_t)f->written.files[i].n_bytes; at += 177) {
            flip(f, name, at);
            assert_true(n_problems(f, name) > 0);
            flip(f, name, at);
        }
    }
    flip(f, "images/x.y", 2);
    assert_int_equal(n_problems(f, "images/x.y"), 1);
    flip(f, "images/x.y", 2);
    assert_int_equal(renameat(f->fd, "images/x.y", f->fd, "images/gone"), 0);
    assert_int_equal(n_problems(f, "images/x.y"), 1);
    assert_int_equal(renameat(f->fd, "images/gone", f->fd, "images/x.y"), 0);
    assert_int_equal(n_problems(f, NULL), 0);
}

static void a_changed_manifest_is_refused_or_read_but_never_crashes(void **state)
{
    struct fixture *f = *state;
    struct gm_buf text = GM_BUF_INIT;
    assert_int_equal(gm_read_file(f->fd, GM_MANIFEST_NAME, 1 << 20, &text, NULL), GM_OK);
    struct gm_manifest manifest;
    struct gm_err err = {0};
    for (size_t at = 0; at < text.n_bytes; at += 7) {
        text.data[at] ^= 0x11;
        int fd = openat(f->fd, GM_MANIFEST_NAME, O_RDWR | O_TRUNC);
        assert_int_equal(write(fd, text.data, text.n_bytes), text.n_bytes);
        if (gm_manifest_read(&manifest, f->fd, f->path, NULL, &err) == GM_OK)
            gm_manifest_free(&manifest);
        text.data[at] ^= 0x11;
        assert_int_equal(ftruncate(fd, (off_t)at), 0);
        assert_int_equal(gm_manifest_read(&manifest, f->fd, f->path, NULL, &err), GM_INPUT);
        close(fd);
    }
    assert_int_equal(unlinkat(f->fd, GM_MANIFEST_NAME, 0), 0);
    assert_int_equal(gm_manifest_read(&manifest, f->fd, f->path, NULL, &err), GM_MISSING);
    gm_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_back_as_it_was_written),
        cmocka_unit_test(counts_that_do_not_add_up_are_seen),
        cmocka_unit_test(verify_finds_every_changed_byte),
        cmocka_unit_test(a_changed_manifest_is_refused_or_read_but_never_crashes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
