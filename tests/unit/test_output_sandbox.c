/* The output folder and the sinks work behind the sandbox that they run in: the writer's may only
 * touch its folder, the workers' may open nothing. */
#include "ipc/sandbox.h"
#include "output_job.h"
#include "sink_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

extern const struct gm_sink gm_sink_records, gm_sink_images, gm_sink_bodies;

static void enter(enum gm_sandbox_profile profile, int write_dir_fd)
{
    struct gm_err err = {0};
    enum gm_sandbox_state state;
    struct gm_sandbox sandbox = {.profile = profile,
                                 .mode = GM_SANDBOX_ON,
                                 .memory_bytes = 256u << 20,
                                 .write_dir_fd = write_dir_fd};
    if (gm_sandbox_enter(&sandbox, &state, &err) != GM_OK) {
        fprintf(stderr, "sandbox: %s\n", err.text);
        _exit(77);
    }
}

/* Exit status of a child that runs the function; fails the test if it was killed. */
static int in_child(void (*run)(void *context), void *context)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        run(context);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        fail_msg("killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

struct job {
    struct job_folder folder;
    uint64_t n_blocks;
};

static void write_job(void *context)
{
    struct job *job = context;
    struct gm_err err = {0};
    enter(GM_SANDBOX_WRITER, job->folder.fd);
    struct gm_output_config config = job_config(job->folder.fd, job->folder.path, JOB_WITH_FILES);
    struct gm_output *output;
    struct gm_out out;
    /* Half of the job without finishing, then the rest: resuming is sandboxed, too. */
    gm_out_init(&out);
    enum gm_status status = gm_output_open(&output, &config, &err);
    for (uint64_t i = 0; i < job->n_blocks / 2 && status == GM_OK; i++) {
        job_block(&out, i, JOB_WITH_FILES);
        struct gm_order_key key = {.task = i + 1};
        status = gm_output_append(output, out.bytes.data, out.bytes.n_bytes, &key, &err);
        if (status == GM_OK && i % 4 == 3)
            status = gm_output_commit(output, &err);
    }
    gm_output_close(output);
    gm_out_free(&out);
    if (status == GM_OK)
        status = job_run(&config, job->n_blocks, 4, &err);
    if (status != GM_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
}

static void the_writer_works_in_its_sandbox(void **state)
{
    (void)state;
    struct job job = {.n_blocks = 30};
    char want[GM_SHA256_HEX_BYTES], have[GM_SHA256_HEX_BYTES];
    job_reference(JOB_WITH_FILES, job.n_blocks, want);
    job_folder_make(&job.folder);
    int code = in_child(write_job, &job);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
    job_digest(job.folder.path, have);
    assert_string_equal(have, want);
    job_folder_drop(&job.folder);
}

static void encode_all(void *context)
{
    (void)context;
    static const struct {
        const struct gm_sink *sink;
        const char *settings;
    } cases[] = {
        {&gm_sink_records, NULL},        {&gm_sink_records, "level=19"},
        {&gm_sink_images, "layout=tar"}, {&gm_sink_images, NULL},
        {&gm_sink_bodies, "layout=tar"}, {&gm_sink_bodies, "layout=folder"},
    };
    struct sink_run runs[GM_ARRAY_LEN(cases)];
    struct gm_batch batch;
    struct gm_out out;
    gm_batch_init(&batch);
    gm_out_init(&out);
    sink_rows_fill(&batch);
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++)
        GM_ASSERT(sink_run_open(&runs[i], cases[i].sink, cases[i].settings, &batch, NULL) == GM_OK);
    enter(GM_SANDBOX_WORKER, -1);
    /* A text of some megabytes, so that buffers grow. */
    enum { TEXT_BYTES = 5 << 20 };
    uint8_t *text = malloc(TEXT_BYTES);
    GM_ASSERT(text);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (uint8_t)('a' + gm_xxh64(&i, sizeof i, 0) % 26);
    gm_batch_set_view(&batch, SINK_TEXT, 0, text, TEXT_BYTES);
    gm_batch_set_view(&batch, SINK_IMAGE, 0, text, TEXT_BYTES);
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++)
        sink_run_encode(&runs[i], &batch, &out);
}

static void the_sinks_work_in_the_workers_sandbox(void **state)
{
    (void)state;
    int code = in_child(encode_all, NULL);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_works_in_its_sandbox),
        cmocka_unit_test(the_sinks_work_in_the_workers_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
