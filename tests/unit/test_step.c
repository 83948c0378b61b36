/* One step of a run in a process of its own: what it returns, how it may end, and signals. */
#include "run/step.h"

#include "base/fs.h"
#include "base/log.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static enum gm_status run(enum gm_status (*main_of_step)(void *, struct gm_err *), void *context,
                          struct gm_err *err)
{
    const struct gm_step step = {"test", NULL, 0, main_of_step, context};
    memset(err, 0, sizeof *err);
    return gm_step_run(&step, err);
}

static enum gm_status succeed(void *context, struct gm_err *err)
{
    (void)context;
    (void)err;
    return GM_OK;
}

static enum gm_status fail_with(void *context, struct gm_err *err)
{
    const enum gm_status *status = context;
    return gm_err_set(err, *status, "this is why");
}

static enum gm_status crash(void *context, struct gm_err *err)
{
    (void)context;
    (void)err;
    abort();
}

static enum gm_status leave(void *context, struct gm_err *err)
{
    (void)err;
    _exit(*(int *)context);
}

static enum gm_status write_to(void *context, struct gm_err *err)
{
    return gm_write_full(*(int *)context, "kept", 4, "a file", err);
}

static void what_the_step_returns_is_returned(void **state)
{
    static enum gm_status statuses[] = {GM_INPUT, GM_IO, GM_NOMEM, GM_CONFIG};
    struct gm_err err;
    (void)state;
    assert_int_equal(run(succeed, NULL, &err), GM_OK);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        assert_int_equal(run(fail_with, &statuses[i], &err), statuses[i]);
        assert_int_equal(err.status, statuses[i]);
        assert_string_equal(err.text, "this is why");
    }
}

static void a_crash_is_told(void **state)
{
    struct gm_err err;
    int code = 3;
    (void)state;
    assert_int_equal(run(crash, NULL, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "signal 6"));
    assert_int_equal(run(leave, &code, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "3"));
}

static void it_sees_the_descriptors_on_its_list_only(void **state)
{
    struct gm_err err;
    (void)state;
    int fd = memfd_create("step", MFD_CLOEXEC);
    const struct gm_step with = {"test", &fd, 1, write_to, &fd};
    assert_int_equal(gm_step_run(&with, &err), GM_OK);
    assert_int_equal(lseek(fd, 0, SEEK_END), 4);
    assert_int_equal(run(write_to, &fd, &err), GM_IO);
    assert_int_equal(lseek(fd, 0, SEEK_END), 4);
    gm_close(&fd);
}

static void count_line(void *context, enum gm_log_level level, const char *line, size_t n_bytes)
{
    (void)level;
    *(int *)context += memmem(line, n_bytes, "from the step", 13) != NULL;
}

static enum gm_status log_some(void *context, struct gm_err *err)
{
    (void)context;
    (void)err;
    for (int i = 0; i < 20; i++)
        gm_log(GM_LOG_WARN, "line %d from the step", i);
    return GM_OK;
}

static void its_log_lines_come_through(void **state)
{
    struct gm_err err;
    int n_lines = 0;
    (void)state;
    gm_log_redirect(count_line, &n_lines);
    assert_int_equal(run(log_some, NULL, &err), GM_OK);
    gm_log_redirect(NULL, NULL);
    assert_int_equal(n_lines, 20);
}

static enum gm_status signal_parent_and_wait(void *context, struct gm_err *err)
{
    (void)err;
    kill(getppid(), *(int *)context);
    sleep(20); /* the test is over long before */
    return GM_OK;
}

/* In a child, whose end tells: 0 means that the step was stopped, and that the signal, which has
 * been answered, did nothing more. */
static int stopped_by(int signal_number)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct gm_err err;
        signal(signal_number, SIG_DFL);
        alarm(20);
        bool stopped = run(signal_parent_and_wait, &signal_number, &err) == GM_STOPPED;
        _exit(stopped && strstr(err.text, "resume") ? 0 : 1);
    }
    int wait_status = -1;
    assert_int_equal(waitpid(pid, &wait_status, 0), pid);
    return wait_status;
}

static void a_signal_ends_the_step_and_not_us(void **state)
{
    (void)state;
    assert_int_equal(stopped_by(SIGTERM), 0);
    assert_int_equal(stopped_by(SIGINT), 0);
    assert_int_equal(stopped_by(SIGHUP), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_step_returns_is_returned),
        cmocka_unit_test(a_crash_is_told),
        cmocka_unit_test(it_sees_the_descriptors_on_its_list_only),
        cmocka_unit_test(its_log_lines_come_through),
        cmocka_unit_test(a_signal_ends_the_step_and_not_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
