/* The gate's set of keys: the first of equal ones is new, at any size, and after a resume. */
#include "run/gate.h"

#include "base/fs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MB ((uint64_t)1 << 20)

static void make_key(uint64_t number, uint8_t key[GM_GATE_KEY_BYTES])
{
    uint64_t words[2] = {number * 0x9e3779b97f4a7c15u, number};
    memcpy(key, words, GM_GATE_KEY_BYTES);
}

static bool pass(struct gm_gate *gate, const uint8_t *key)
{
    bool is_new;
    struct gm_err err;
    assert_int_equal(gm_gate_pass(gate, key, &is_new, &err), GM_OK);
    return is_new;
}

static void only_the_first_of_equal_keys_is_new(void **state)
{
    enum { N = 200000 }; /* the table grows twice on the way */
    struct gm_gate gate;
    uint8_t key[GM_GATE_KEY_BYTES];
    (void)state;
    gm_gate_init(&gate, 64 * MB);
    for (uint64_t i = 1; i <= N; i++) {
        make_key(i, key);
        assert_true(pass(&gate, key));
        make_key(i / 2 + 1, key);
        assert_int_equal(pass(&gate, key), i / 2 + 1 > i);
    }
    assert_int_equal(gate.n_keys, N);
    for (uint64_t i = 1; i <= N; i++) {
        make_key(i, key);
        assert_false(pass(&gate, key));
    }
    gm_gate_free(&gate);
}

static void keys_that_share_a_half_are_different(void **state)
{
    struct gm_gate gate;
    static const uint64_t keys[][2] = {{7, 1}, {7, 2}, {8, 1}, {0, 1}, {7, 0}, {0, 7}, {0, 0}};
    (void)state;
    gm_gate_init(&gate, 64 * MB);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            assert_int_equal(pass(&gate, (const uint8_t *)keys[i]), round == 0);
    gm_gate_free(&gate);
}

static void the_key_of_zeros_is_a_key(void **state)
{
    struct gm_gate gate;
    const uint8_t zeros[GM_GATE_KEY_BYTES] = {0};
    uint8_t key[GM_GATE_KEY_BYTES];
    (void)state;
    gm_gate_init(&gate, 64 * MB);
    assert_true(pass(&gate, zeros));
    for (uint64_t i = 1; i < 100000; i++) {
        make_key(i, key);
        pass(&gate, key);
    }
    assert_false(pass(&gate, zeros)); /* not lost by growing */
    gm_gate_free(&gate);
}

static void the_limit_is_kept_and_told(void **state)
{
    struct gm_gate gate;
    struct gm_err err = {0};
    uint8_t key[GM_GATE_KEY_BYTES];
    bool is_new;
    (void)state;
    gm_gate_init(&gate, 2 * MB); /* the first table takes 1 MB, growing would take 3 */
    uint64_t n = 1;
    enum gm_status status;
    do {
        make_key(n++, key);
        status = gm_gate_pass(&gate, key, &is_new, &err);
    } while (status == GM_OK && n < 1000000);
    assert_int_equal(status, GM_NOMEM);
    assert_non_null(strstr(err.text, "memory"));
    assert_true(gate.n_slots * GM_GATE_KEY_BYTES <= 2 * MB);
    assert_true(gate.n_keys > 40000);
    gm_gate_free(&gate);
}

static void a_resumed_run_knows_the_keys_of_the_file(void **state)
{
    enum { N = 3000 };
    struct gm_gate gate;
    struct gm_err err;
    uint8_t key[GM_GATE_KEY_BYTES];
    (void)state;
    int fd = memfd_create("keys", MFD_CLOEXEC);
    for (uint64_t i = 1; i <= N; i++) {
        make_key(i, key);
        assert_int_equal(write(fd, key, sizeof key), sizeof key);
    }
    gm_gate_init(&gate, 64 * MB);
    assert_int_equal(gm_gate_load(&gate, fd, (N - 100) * sizeof key, &err), GM_OK);
    for (uint64_t i = 1; i <= N; i++) {
        make_key(i, key);
        assert_int_equal(pass(&gate, key), i > N - 100); /* no more than was asked for */
    }
    assert_int_equal(gm_gate_load(&gate, fd, 0, &err), GM_OK);
    gm_gate_free(&gate);
    gm_close(&fd);
}

static void a_torn_file_is_refused(void **state)
{
    static const uint64_t sizes[] = {1, 15, 17, 16 * 1000 + 8, 16 * 1024 + 1};
    struct gm_gate gate;
    struct gm_err err;
    (void)state;
    int fd = memfd_create("keys", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 16 * 2000), 0);
    gm_gate_init(&gate, 64 * MB);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(gm_gate_load(&gate, fd, sizes[i], &err), GM_INPUT);
    assert_int_equal(gm_gate_load(&gate, fd, 16 * 2001, &err), GM_INPUT);
    assert_non_null(strstr(err.text, "gate.keys"));
    gm_gate_free(&gate);
    gm_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_first_of_equal_keys_is_new),
        cmocka_unit_test(keys_that_share_a_half_are_different),
        cmocka_unit_test(the_key_of_zeros_is_a_key),
        cmocka_unit_test(the_limit_is_kept_and_told),
        cmocka_unit_test(a_resumed_run_knows_the_keys_of_the_file),
        cmocka_unit_test(a_torn_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
