/* What a stage loads from disk is parsed in a child that can only read, and reaches the planner
 * whole or as a message. */
#include "run/prepare.h"

#include "base/assert.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum act {
    GIVE,
    GIVE_NOTHING,
    GIVE_TOO_MUCH,
    REFUSE,
    CRASH,
    WRITE_A_FILE,
    OPEN_A_SOCKET,
    ASK_TO_STOP
};
#define DATA_BYTES 5000000u

static enum gm_status give(struct gm_prepared *prepared)
{
    uint8_t *data = malloc(DATA_BYTES);
    GM_ASSERT(data);
    for (size_t i = 0; i < DATA_BYTES; i++)
        data[i] = (uint8_t)(i * 7);
    prepared->data = data;
    prepared->n_bytes = DATA_BYTES;
    prepared->digest[31] = 9;
    prepared->notes[3] = 77;
    return GM_OK;
}

static enum gm_status prepare(const void *opts, struct gm_prepared *prepared, struct gm_err *err)
{
    switch (*(const enum act *)opts) {
    case GIVE:
        return give(prepared);
    case GIVE_NOTHING:
        return GM_OK;
    case GIVE_TOO_MUCH:
        prepared->data = (const uint8_t *)opts;
        prepared->n_bytes = (size_t)5 << 30;
        return GM_OK;
    case REFUSE:
        return gm_err_set(err, GM_INPUT, "file.json: line 3: no");
    case CRASH:
        abort();
    case WRITE_A_FILE:
        open("/tmp/gristmill-test-prepare", O_WRONLY | O_CREAT, 0600);
        break;
    case OPEN_A_SOCKET:
        socket(AF_INET, SOCK_STREAM, 0);
        break;
    case ASK_TO_STOP:
        kill(getppid(), SIGTERM);
        for (;;)
            pause();
    }
    return GM_OK;
}

static const struct gm_stage stage = {.name = "test", .prepare = prepare};

static enum gm_status run(enum act act, enum gm_sandbox_mode mode, struct gm_prepared *prepared,
                          struct gm_err *err)
{
    gm_err_clear(err);
    return gm_prepare(&stage, &act, mode, prepared, err);
}

static void data_and_notes_arrive(void **state)
{
    (void)state;
    struct gm_prepared prepared;
    struct gm_err err;
    assert_int_equal(run(GIVE, GM_SANDBOX_ON, &prepared, &err), GM_OK);
    assert_int_equal(prepared.n_bytes, DATA_BYTES);
    assert_int_equal((uintptr_t)prepared.data % 4096, 0);
    for (size_t i = 0; i < DATA_BYTES; i++)
        assert_int_equal(prepared.data[i], (uint8_t)(i * 7));
    assert_int_equal(prepared.digest[31], 9);
    assert_int_equal(prepared.notes[3], 77);
    gm_prepared_free(&prepared);
    assert_null(prepared.data);
    gm_prepared_free(&prepared);
}

static void no_data_is_not_a_failure(void **state)
{
    (void)state;
    struct gm_prepared prepared;
    struct gm_err err;
    assert_int_equal(run(GIVE_NOTHING, GM_SANDBOX_ON, &prepared, &err), GM_OK);
    assert_non_null(prepared.data);
    assert_int_equal(prepared.n_bytes, 0);
    gm_prepared_free(&prepared);
}

static void failures_are_told(void **state)
{
    (void)state;
    struct gm_prepared prepared;
    struct gm_err err;
    assert_int_equal(run(REFUSE, GM_SANDBOX_ON, &prepared, &err), GM_INPUT);
    assert_string_equal(err.text, "file.json: line 3: no");
    assert_null(prepared.data);
    assert_int_equal(run(CRASH, GM_SANDBOX_ON, &prepared, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "signal"));
    gm_prepared_free(&prepared);
}

static void there_is_a_limit_to_what_is_taken(void **state)
{
    (void)state;
    struct gm_prepared prepared;
    struct gm_err err;
    assert_int_not_equal(run(GIVE_TOO_MUCH, GM_SANDBOX_ON, &prepared, &err), GM_OK);
    assert_null(prepared.data);
    assert_true(err.text[0] != '\0');
}

static void the_child_can_only_read(void **state)
{
    (void)state;
    static const enum act acts[] = {WRITE_A_FILE, OPEN_A_SOCKET};
    struct gm_prepared prepared;
    struct gm_err err;
    for (size_t i = 0; i < GM_ARRAY_LEN(acts); i++) {
        assert_int_equal(run(acts[i], GM_SANDBOX_OFF, &prepared, &err), GM_OK);
        gm_prepared_free(&prepared);
        unlink("/tmp/gristmill-test-prepare");
        assert_int_equal(run(acts[i], GM_SANDBOX_ON, &prepared, &err), GM_INTERNAL);
        assert_non_null(strstr(err.text, "Bad system call"));
        assert_int_equal(access("/tmp/gristmill-test-prepare", F_OK), -1);
    }
}

static void a_signal_ends_the_child(void **state)
{
    (void)state;
    struct gm_prepared prepared;
    struct gm_err err;
    assert_int_equal(run(ASK_TO_STOP, GM_SANDBOX_OFF, &prepared, &err), GM_STOPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_and_notes_arrive),
        cmocka_unit_test(no_data_is_not_a_failure),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(there_is_a_limit_to_what_is_taken),
        cmocka_unit_test(the_child_can_only_read),
        cmocka_unit_test(a_signal_ends_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
