/* Bells: kept until heard, and what else ends a wait. */
#include "ipc/wake.h"

#include "base/clock.h"
#include "base/fs.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

static int open_bell(void **state)
{
    static int fd;
    assert_int_equal(gm_wake_open(&fd, NULL), GM_OK);
    *state = &fd;
    return 0;
}

static int close_bell(void **state)
{
    gm_close(*state);
    return 0;
}

static int bell(void **state)
{
    return *(int *)*state;
}

static void bell_is_nonblocking_and_close_on_exec(void **state)
{
    assert_true(fcntl(bell(state), F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(bell(state), F_GETFD) & FD_CLOEXEC);
}

static void rings_before_the_wait_are_heard_once(void **state)
{
    gm_wake_ring(bell(state));
    gm_wake_ring(bell(state));
    gm_wake_ring(bell(state));
    assert_true(gm_wake_wait(bell(state), -1, -1, NULL));
    assert_false(gm_wake_wait(bell(state), -1, 0, NULL));
}

static void drain_takes_all_rings_and_never_blocks(void **state)
{
    gm_wake_drain(bell(state));
    gm_wake_ring(bell(state));
    gm_wake_ring(bell(state));
    gm_wake_drain(bell(state));
    assert_false(gm_wake_wait(bell(state), -1, 0, NULL));
}

static void wait_ends_after_the_timeout(void **state)
{
    uint64_t start_ms = gm_now_ms();
    assert_false(gm_wake_wait(bell(state), -1, 30, NULL));
    assert_true(gm_now_ms() - start_ms >= 29); /* the clocks may round */
}

static void wait_tells_about_the_other_descriptor(void **state)
{
    int pipe_fds[2];
    bool ready = true;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_false(gm_wake_wait(bell(state), pipe_fds[0], 0, &ready));
    assert_false(ready);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    assert_false(gm_wake_wait(bell(state), pipe_fds[0], -1, &ready));
    assert_true(ready);
    gm_wake_ring(bell(state));
    assert_true(gm_wake_wait(bell(state), pipe_fds[0], -1, &ready));
    assert_true(ready); /* both at once */
    char byte;
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    close(pipe_fds[1]);
    assert_false(gm_wake_wait(bell(state), pipe_fds[0], -1, &ready));
    assert_true(ready); /* hung up */
    close(pipe_fds[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bell, close_bell)
    const struct CMUnitTest tests[] = {
        TEST(bell_is_nonblocking_and_close_on_exec),  TEST(rings_before_the_wait_are_heard_once),
        TEST(drain_takes_all_rings_and_never_blocks), TEST(wait_ends_after_the_timeout),
        TEST(wait_tells_about_the_other_descriptor),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
