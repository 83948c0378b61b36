/* A failed assertion says where and aborts; a true one evaluates its expression once. */
#include "base/assert.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_true_expression_is_evaluated_once(void **state)
{
    int n = 0;
    (void)state;
    GM_ASSERT(++n);
    assert_int_equal(n, 1);
}

static void a_false_expression_aborts_with_its_place(void **state)
{
    int ends[2];
    char text[512] = "";
    int status = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        GM_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_memory_equal(text, "gristmill: BUG: ", 16);
    assert_non_null(strstr(text, "test_assert.c:"));
    assert_non_null(strstr(text, ": 1 + 1 == 3\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_true_expression_is_evaluated_once),
        cmocka_unit_test(a_false_expression_aborts_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
