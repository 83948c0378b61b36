/* The output folder: whatever happens to the writer, the resumed run leaves the files of an
 * undisturbed one. */
#include "run/output.h"

#include "open_output.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void every_truncation_of_the_journal_resumes(void **state)
{
    (void)state;
    enum { N_BLOCKS = 12 };
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_SHARDS_ONLY, N_BLOCKS, want);
    static const off_t places[] = {0, 1, 511, GM_FRAME_BYTES - 1};
    off_t n_bytes = 100 * GM_FRAME_BYTES;
    for (off_t i = 0, cut = 0; cut <= n_bytes;
         i++, cut = i / 4 * (off_t)GM_FRAME_BYTES + places[i % 4]) {
        struct job_folder folder;
        struct gm_err err = {0};
        job_folder_make(&folder);
        struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
        config.durability = GM_DURABILITY_NONE;
        assert_ok(job_run(&config, N_BLOCKS, 2, &err), &err);
        char journal[80];
        snprintf(journal, sizeof journal, "%s/" GM_JOURNAL_NAME, folder.path);
        struct stat info;
        assert_int_equal(stat(journal, &info), 0);
        n_bytes = info.st_size;
        assert_int_equal(truncate(journal, cut), 0);
        assert_ok(job_run(&config, N_BLOCKS, 2, &err), &err);
        job_digest(folder.path, have);
        assert_string_equal(have, want);
        job_folder_drop(&folder);
    }
}

static void a_torn_frame_is_as_if_never_written(void **state)
{
    (void)state;
    enum { N_BLOCKS = 6 };
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_SHARDS_ONLY, N_BLOCKS, want);
    for (off_t at = GM_FRAME_BYTES; at < 8 * (off_t)GM_FRAME_BYTES; at += 331) {
        struct job_folder folder;
        struct gm_err err = {0};
        job_folder_make(&folder);
        struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
        config.durability = GM_DURABILITY_NONE;
        assert_ok(job_run(&config, N_BLOCKS, 1, &err), &err);
        int fd = openat(folder.fd, GM_JOURNAL_NAME, O_RDWR);
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        assert_ok(job_run(&config, N_BLOCKS, 1, &err), &err);
        job_digest(folder.path, have);
        assert_string_equal(have, want);
        job_folder_drop(&folder);
    }
}

static void a_journal_of_another_kind_is_left_alone(void **state)
{
    static const struct {
        char byte; /* in place of the last letter of the magic */
        const char *says;
    } rows[] = {{'2', "another version"}, {'3' ^ 0x40, "another version"}, {0, NULL}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct job_folder folder;
        struct gm_err err = {0};
        job_folder_make(&folder);
        struct gm_output_config config = job_config(folder.fd, folder.path, JOB_SHARDS_ONLY);
        config.durability = GM_DURABILITY_NONE;
        assert_ok(job_run(&config, 4, 1, &err), &err);
        int fd = openat(folder.fd, GM_JOURNAL_NAME, O_RDWR);
        bool damage = !rows[i].says;
        assert_int_equal(pwrite(fd, damage ? "X" : &rows[i].byte, 1, damage ? 0 : 3), 1);
        off_t n_bytes = lseek(fd, 0, SEEK_END);
        assert_int_equal(job_run(&config, 4, 1, &err), GM_INPUT);
        assert_non_null(strstr(err.text, damage ? "damaged" : rows[i].says));
        assert_int_equal(lseek(fd, 0, SEEK_END), n_bytes);
        close(fd);
        job_folder_drop(&folder);
    }
}

/* Runs the job in a child; -1: it was killed, else its exit status. */
static int run_child(const struct gm_output_config *config, uint64_t n_blocks, rlim_t file_bytes,
                     useconds_t kill_after_us)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = {file_bytes, file_bytes};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        struct gm_err err = {0};
        enum gm_status status = job_run(config, n_blocks, 3, &err);
        /* The message names a file of the folder. */
        if (status != GM_OK && !strstr(err.text, config->folder))
            _exit(99);
        _exit(gm_status_exit_code(status));
    }
    if (kill_after_us > 0) {
        usleep(kill_after_us);
        kill(pid, SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_killed_writer_loses_and_repeats_nothing(void **state)
{
    (void)state;
    enum { N_BLOCKS = 60, N_ROUNDS = 12 };
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_WITH_FILES, N_BLOCKS, want);
    unsigned n_kills = 0, seed = 1;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct job_folder folder;
        job_folder_make(&folder);
        struct gm_output_config config = job_config(folder.fd, folder.path, JOB_WITH_FILES);
        /* Synced rounds are slow, so that kills meet the syncs; the others meet the rest. */
        config.durability = round % 2 ? GM_DURABILITY_GROUP : GM_DURABILITY_NONE;
        useconds_t most_us = round % 2 ? 40000 : 4000;
        int result;
        for (int tries = 0;; tries++) {
            result = run_child(&config, N_BLOCKS, RLIM_INFINITY,
                               tries < 40 ? 100 + (useconds_t)rand_r(&seed) % most_us : 0);
            if (result >= 0)
                break;
            n_kills++;
        }
        assert_int_equal(result, 0);
        job_digest(folder.path, have);
        assert_string_equal(have, want);
        job_folder_drop(&folder);
    }
    assert_true(n_kills >= N_ROUNDS);
}

static void a_full_disk_stops_cleanly_and_resumes(void **state)
{
    (void)state;
    enum { N_BLOCKS = 20 };
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_WITH_FILES, N_BLOCKS, want);
    for (rlim_t limit = 1; limit < 12000; limit += limit < 3200 ? 149 : 1777) {
        struct job_folder folder;
        job_folder_make(&folder);
        struct gm_output_config config = job_config(folder.fd, folder.path, JOB_WITH_FILES);
        config.durability = GM_DURABILITY_NONE;
        int result = run_child(&config, N_BLOCKS, limit, 0);
        assert_true(result == 0 || result == 74);
        result = run_child(&config, N_BLOCKS, RLIM_INFINITY, 0);
        assert_int_equal(result, 0);
        job_digest(folder.path, have);
        assert_string_equal(have, want);
        job_folder_drop(&folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_of_another_kind_is_left_alone),
        cmocka_unit_test(every_truncation_of_the_journal_resumes),
        cmocka_unit_test(a_torn_frame_is_as_if_never_written),
        cmocka_unit_test(a_killed_writer_loses_and_repeats_nothing),
        cmocka_unit_test(a_full_disk_stops_cleanly_and_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
