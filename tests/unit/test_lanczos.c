/* The weights of the quick way are those of the exact one, bit for bit. */
#include "image/lanczos.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

static void expect_same(uint32_t n_in, uint32_t n_out)
{
    struct gm_lanczos quick, plain;
    assert_true(gm_lanczos_init(&quick, n_in, n_out));
    assert_true(gm_lanczos_init_plain(&plain, n_in, n_out));
    assert_int_equal(quick.n_slots, plain.n_slots);
    size_t n_bytes = (size_t)n_out * plain.n_slots * sizeof *plain.high;
    if (memcmp(quick.high, plain.high, n_bytes) != 0 ||
        memcmp(quick.low, plain.low, n_bytes) != 0 ||
        memcmp(quick.first, plain.first, n_out * sizeof *plain.first) != 0 ||
        memcmp(quick.n, plain.n, n_out * sizeof *plain.n) != 0)
        fail_msg("%u to %u differs", n_in, n_out);
    gm_lanczos_fini(&quick);
    gm_lanczos_fini(&plain);
}

static void quick_weights_are_the_exact_ones(void **state)
{
    (void)state;
    for (uint32_t n_in = 1; n_in <= 600; n_in++) {
        expect_same(n_in, 8);
        expect_same(n_in, 9);
        expect_same(n_in, 32);
        expect_same(n_in, n_in * 2 / 3 + 1);
        expect_same(n_in, n_in + 7);
    }
    for (uint32_t n_in = 601; n_in < 65536; n_in = n_in * 5 / 4)
        expect_same(n_in, 32);
    expect_same(65535, 1);
    expect_same(1, 5000);
}

/* Whatever is lost in a weight, they must add up: a gray plane stays as gray. */
static void weights_add_up_to_one(void **state)
{
    (void)state;
    for (uint32_t n_in = 2; n_in < 3000; n_in += 13) {
        struct gm_lanczos lanczos;
        assert_true(gm_lanczos_init(&lanczos, n_in, 9));
        for (size_t i = 0; i < 9; i++) {
            int64_t sum = 0;
            for (size_t k = 0; k < lanczos.n_slots; k++)
                sum += gm_lanczos_weight(&lanczos, i * lanczos.n_slots + k);
            assert_true(sum > (1 << GM_LANCZOS_BITS) - 2000);
            assert_true(sum < (1 << GM_LANCZOS_BITS) + 2000);
        }
        gm_lanczos_fini(&lanczos);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_weights_are_the_exact_ones),
        cmocka_unit_test(weights_add_up_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
