/* The splitter over archives that are what they should be: every format, nesting, names, what is
 * not a regular file, and what a sandbox allows. */
#include "fake_emit.h"
#include "archive_dir.h"
#include "ipc/sandbox.h"

#include <fcntl.h>
#include <malloc.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UMLAUT "d/n\xc3\xa4me.txt"

static struct gm_emit split(const char *name, const char *const *settings)
{
    struct gm_err err;
    struct gm_emit emit;
    char path[256];
    gm_fake_init(&emit);
    enum gm_status status =
        gm_fake_split_file(&emit, archive_path(path, sizeof(path), name), settings, &err);
    if (status != GM_OK)
        fail_msg("%s: %s", name, err.text);
    return emit;
}

static void expect_body(const struct gm_emit *emit, const char *name, const char *body)
{
    const struct gm_fake_row *row = gm_fake_find(emit, name);
    if (!row)
        fail_msg("there is no member %s", name);
    assert_int_equal(row->kind, GM_FAKE_MEMBER);
    assert_string_equal((const char *)row->body, body);
}

/* The five files that most archives hold, below a prefix; the three lines are not looked for. */
static void expect_five(const struct gm_emit *emit, const char *prefix)
{
    static const char *const files[][2] = {{"d/a.txt", "hello\n"},
                                           {"d/b.txt", "more text\n"},
                                           {"d/empty", ""},
                                           {UMLAUT, "gr\xc3\xbc\xc3\x9f"
                                                    "e\n"}};
    char name[256];
    for (size_t i = 0; i < GM_ARRAY_LEN(files); i++) {
        snprintf(name, sizeof(name), "%s%s", prefix, files[i][0]);
        expect_body(emit, name, files[i][1]);
    }
}

static void every_format_gives_the_same_members(void **state)
{
    (void)state;
    static const char *const names[] = {"p.tar",    "p.zip",     "stored.zip", "p.7z",
                                        "p.tar.gz", "p.tar.bz2", "p.tar.xz",   "p.tar.zst",
                                        "p.zip.gz", "p.tgz"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct gm_emit emit = split(names[i], NULL);
        assert_int_equal(emit.n_members, 7);
        assert_int_equal(emit.n_rows, 7);
        expect_five(&emit, "");
        assert_int_equal(gm_fake_find(&emit, "d/empty")->media, GM_MEDIA_EMPTY);
        assert_int_equal(gm_fake_find(&emit, "d/a.txt")->media, GM_MEDIA_TEXT);
        size_t line = 0;
        static const char *const lines[] = {"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"};
        for (size_t row = 0; row < emit.n_rows; row++)
            if (emit.rows[row].media == GM_MEDIA_JSON_LINE)
                assert_string_equal((const char *)emit.rows[row].body, lines[line++]);
        assert_int_equal(line, 3);
        gm_fake_free(&emit);
    }
}

static void memory_and_file_give_the_same_members(void **state)
{
    (void)state;
    static const char *const names[] = {"p.tar", "p.zip", "p.7z", "p.tar.zst", "x.jsonl.gz"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct gm_emit from_file = split(names[i], NULL), from_memory;
        struct gm_buf bytes = GM_BUF_INIT;
        struct gm_err err;
        archive_read_all(names[i], &bytes);
        gm_fake_init(&from_memory);
        struct gm_container container = {
            .fd = -1,
            .data = bytes.data,
            .n_bytes = bytes.n_bytes,
            .media = gm_media_sniff(bytes.data, bytes.n_bytes, names[i], strlen(names[i])),
            .name = names[i]};
        assert_int_equal(gm_fake_split(&from_memory, &container, NULL, &err), GM_OK);
        assert_int_equal(from_memory.n_rows, from_file.n_rows);
        for (size_t row = 0; row < from_file.n_rows; row++)
            assert_true(from_memory.rows[row].hash == from_file.rows[row].hash);
        gm_fake_free(&from_memory);
        gm_fake_free(&from_file);
        gm_buf_free(&bytes);
    }
}

static void a_compressed_file_is_one_member_without_its_suffix(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a.txt.gz", "a.txt", "hello\n"},
        {"a.txt.xz", "a.txt", "hello\n"},
        {"a.txt.zstd", "a.txt", "hello\n"},
        {"a.txt.bzip2", "a.txt.bzip2", "hello\n"},
        {"twice.txt.gz", "twice.txt", "hello\nhello\n"},
        {"twice.txt.bz2", "twice.txt", "hello\nhello\n"},
        {"twice.txt.xz", "twice.txt", "hello\nhello\n"},
        {"twice.txt.zst", "twice.txt", "hello\nhello\n"},
        {"padded.txt.gz", "padded.txt", "hello\n"},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        struct gm_emit emit = split(cases[i][0], NULL);
        assert_int_equal(emit.n_rows, 1);
        expect_body(&emit, cases[i][1], cases[i][2]);
        gm_fake_free(&emit);
    }
}

static void compressed_lines_are_lines(void **state)
{
    (void)state;
    static const char *const names[] = {"x.jsonl.gz", "x.jsonl.xz"};
    static const char *const off[] = {"jsonl=false", NULL};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct gm_emit emit = split(names[i], NULL);
        assert_int_equal(emit.n_members, 3);
        assert_string_equal((const char *)emit.rows[2].body, "{\"c\":3}");
        gm_fake_free(&emit);
        emit = split(names[i], off);
        assert_int_equal(emit.n_members, 1);
        assert_int_equal(emit.rows[0].media, GM_MEDIA_TEXT);
        expect_body(&emit, "x.jsonl", "{\"a\":1}\n\n{\"b\":2}\r\n{\"c\":3}");
        gm_fake_free(&emit);
    }
}

static void concatenated_tars_are_read_on(void **state)
{
    (void)state;
    struct gm_emit emit = split("concatenated.tar", NULL);
    assert_int_equal(emit.n_members, 14);
    assert_int_equal(emit.n_rows, 14);
    gm_fake_free(&emit);
}

static void nested_containers_are_opened_one_level_deep(void **state)
{
    (void)state;
    static const char *const names[] = {"nested.tar", "nested.tar.gz"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct gm_emit emit = split(names[i], NULL);
        assert_int_equal(emit.n_members, 4 * 7 + 3 + 1);
        assert_int_equal(emit.n_rows, emit.n_members);
        expect_five(&emit, "p.zip/");
        expect_five(&emit, "p.7z/");
        expect_five(&emit, "p.tar.gz/");
        expect_five(&emit, "p.tar/");
        gm_fake_free(&emit);
    }
}

static void deeper_containers_are_rejected_one_by_one(void **state)
{
    (void)state;
    static const char *const zero[] = {"max_depth=0", NULL};
    static const char *const two[] = {"max_depth=2", NULL};
    struct gm_emit emit = split("deeper.zip", NULL);
    expect_body(&emit, "d/a.txt", "hello\n");
    assert_int_equal(emit.n_rejects, 6);
    assert_int_equal(gm_fake_find(&emit, "nested.tar.gz/p.zip")->reason, GM_REASON_LIMIT_DEPTH);
    gm_fake_free(&emit);

    emit = split("deeper.zip", two);
    assert_int_equal(emit.n_rejects, 0);
    expect_five(&emit, "nested.tar.gz/p.7z/");
    gm_fake_free(&emit);

    emit = split("nested.tar", zero);
    assert_int_equal(emit.n_members, 0);
    assert_int_equal(emit.n_rejects, 6);
    gm_fake_free(&emit);

    emit = split("a.txt.gz.gz", NULL);
    expect_body(&emit, "a.txt.gz", "hello\n");
    gm_fake_free(&emit);

    emit = split("a.txt.gz.gz.gz", NULL);
    assert_int_equal(emit.n_rows, 1);
    assert_int_equal(gm_fake_container(&emit)->reason, GM_REASON_LIMIT_DEPTH);
    gm_fake_free(&emit);
}

static void only_regular_files_are_members(void **state)
{
    (void)state;
    struct gm_emit emit = split("kinds.tar", NULL);
    assert_int_equal(emit.n_members, 1);
    assert_int_equal(emit.n_rejects, 3);
    assert_non_null(strstr(gm_fake_find(&emit, "d/symbolic")->message, "symbolic link"));
    assert_non_null(strstr(gm_fake_find(&emit, "d/hard")->message, "hard link"));
    assert_non_null(strstr(gm_fake_find(&emit, "d/pipe")->message, "pipe"));
    gm_fake_free(&emit);
    emit = split("links.zip", NULL);
    assert_int_equal(emit.n_members, 1);
    assert_int_equal(gm_fake_find(&emit, "d/symbolic")->kind, GM_FAKE_REJECT);
    gm_fake_free(&emit);
}

static void names_are_data(void **state)
{
    (void)state;
    static const char *const names[] = {"slip.tar", "slip.zip"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct gm_emit emit = split(names[i], NULL);
        assert_int_equal(emit.n_members, 7);
        expect_body(&emit, "../../up.txt", "body\n");
        expect_body(&emit, "/abs.txt", "body\n");
        expect_body(&emit, "new\nline.txt", "body\n");
        gm_fake_free(&emit);
    }
    struct gm_emit emit = split("names.tar", NULL);
    assert_int_equal(emit.n_members, 3);
    expect_body(&emit, "bad\xef\xbf\xbd\xef\xbf\xbd.txt", "1\n");
    assert_int_equal(strlen(emit.rows[1].name), 4096);
    assert_int_equal(strlen(emit.rows[2].name), 4096);
    gm_fake_free(&emit);
    emit = split("pax.tar", NULL);
    expect_body(&emit,
                "\xd0\xb7\xd0\xb4\xd1\x80\xd0\xb0\xd0\xb2\xd1\x81\xd1\x82\xd0\xb2\xd1\x83\xd0\xb9"
                ".txt",
                "1\n");
    gm_fake_free(&emit);
}

static void the_engine_may_end_it_at_any_member(void **state)
{
    (void)state;
    static const char *const names[] = {"p.tar.gz", "p.zip", "p.7z", "nested.tar"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++)
        for (uint64_t n = 1; n < 7; n++) {
            struct gm_err err;
            struct gm_emit emit;
            char path[256];
            gm_fake_init(&emit);
            emit.end_after = n;
            archive_path(path, sizeof(path), names[i]);
            assert_int_equal(gm_fake_split_file(&emit, path, NULL, &err), GM_OK);
            assert_int_equal(emit.n_rows, n);
            gm_fake_free(&emit);
        }
}

static void a_member_over_max_record_costs_only_itself(void **state)
{
    (void)state;
    static const char *const names[] = {"p.tar.gz", "p.zip", "p.7z"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct gm_err err;
        struct gm_emit emit;
        char path[256];
        gm_fake_init(&emit);
        emit.max_record_bytes = 7; /* b.txt and the name with an umlaut are longer */
        archive_path(path, sizeof(path), names[i]);
        assert_int_equal(gm_fake_split_file(&emit, path, NULL, &err), GM_OK);
        assert_int_equal(emit.n_members, 5);
        assert_int_equal(emit.n_rejects, 2);
        gm_fake_free(&emit);
    }
}

static int in_child(int (*act)(const char *name), const char *name)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(act(name));
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* What a sandboxed worker may call while it splits; anything else ends the child with SIGSYS. */
static void close_sandbox(void)
{
    static const int allowed[] = {SCMP_SYS(read),      SCMP_SYS(pread64),  SCMP_SYS(lseek),
                                  SCMP_SYS(mmap),      SCMP_SYS(munmap),   SCMP_SYS(mremap),
                                  SCMP_SYS(brk),       SCMP_SYS(futex),    SCMP_SYS(madvise),
                                  SCMP_SYS(write),     SCMP_SYS(mprotect), SCMP_SYS(clock_gettime),
                                  SCMP_SYS(exit_group)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    for (size_t i = 0; i < GM_ARRAY_LEN(allowed); i++)
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (seccomp_load(filter) != 0)
        _exit(77);
}

static int split_in_sandbox(const char *name)
{
    struct gm_buf bytes = GM_BUF_INIT;
    archive_read_all(name, &bytes);
    struct gm_container container = {
        .fd = -1,
        .data = bytes.data,
        .n_bytes = bytes.n_bytes,
        .media = gm_media_sniff(bytes.data, bytes.n_bytes, name, strlen(name)),
        .name = name};
    struct gm_err err;
    struct gm_emit emit;
    gm_fake_init(&emit);
    void *ctx = calloc(1, gm_unpack.ctx_bytes), *opts = calloc(1, gm_unpack.opts_bytes);
    gm_opts_init(gm_unpack.opts, opts, gm_unpack.opts_bytes);
    if (gm_unpack.open(ctx, opts, &err) != GM_OK)
        return 2;
    close_sandbox();
    if (gm_unpack.split(ctx, &container, &emit, &err) != GM_OK)
        return 3;
    return emit.n_rows > 0 ? 0 : 4;
}

static void splitting_works_in_a_sandbox(void **state)
{
    (void)state;
    if (GM_SANITIZED)
        skip();
    static const char *const names[] = {"p.tar",      "p.zip",     "p.7z",          "p.tar.gz",
                                        "p.tar.bz2",  "p.tar.xz",  "p.tar.zst",     "nested.tar.gz",
                                        "x.jsonl.gz", "pax.tar",   "encrypted.zip", "bad-crc.zip",
                                        "hidden.7z",  "names.tar", "slip.zip"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        int status = in_child(split_in_sandbox, names[i]);
        if (status != 0)
            fail_msg("%s: the child ended with status 0x%x", names[i], (unsigned)status);
    }
}

/* In a child with 5 MB on top of what it has: 0 if all 60,000 members come. */
static int split_in_little_memory(const char *name)
{
    struct gm_err err;
    struct gm_emit emit;
    char path[256], pages[32] = "";
    gm_fake_init(&emit);
    emit.max_rows = 1;
    emit.keep_bytes = 0;
    malloc_trim(0); /* what the tests before have freed would be used first */
    int fd = open("/proc/self/statm", O_RDONLY);
    if (fd < 0 || read(fd, pages, sizeof(pages) - 1) <= 0)
        return 2;
    close(fd);
    rlim_t n_bytes = strtoull(pages, NULL, 10) * 4096 + (5 << 20);
    struct rlimit limit = {n_bytes, n_bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    archive_path(path, sizeof(path), name);
    if (gm_fake_split_file(&emit, path, NULL, &err) != GM_OK)
        return 3;
    return emit.n_members == 60000 && emit.n_rejects + emit.n_container_rejects == 0 ? 0 : 4;
}

static void a_zip_with_a_directory_larger_than_memory_is_read(void **state)
{
    (void)state;
    if (GM_SANITIZED)
        skip();
    assert_int_equal(in_child(split_in_little_memory, "entries.zip"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_the_same_members),
        cmocka_unit_test(memory_and_file_give_the_same_members),
        cmocka_unit_test(a_compressed_file_is_one_member_without_its_suffix),
        cmocka_unit_test(compressed_lines_are_lines),
        cmocka_unit_test(concatenated_tars_are_read_on),
        cmocka_unit_test(nested_containers_are_opened_one_level_deep),
        cmocka_unit_test(deeper_containers_are_rejected_one_by_one),
        cmocka_unit_test(only_regular_files_are_members),
        cmocka_unit_test(names_are_data),
        cmocka_unit_test(the_engine_may_end_it_at_any_member),
        cmocka_unit_test(a_member_over_max_record_costs_only_itself),
        cmocka_unit_test(splitting_works_in_a_sandbox),
        cmocka_unit_test(a_zip_with_a_directory_larger_than_memory_is_read),
    };
    return cmocka_run_group_tests(tests, archive_dir_make, archive_dir_remove);
}
