/* The search for near hashes against every pair compared. */
#include "cli/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Clusters: some centers, with some bits flipped. */
static void fill(uint64_t *hashes, size_t n, unsigned most_flips)
{
    uint64_t centers[16];
    for (size_t i = 0; i < 16; i++)
        centers[i] = next_random();
    for (size_t i = 0; i < n; i++) {
        hashes[i] = i % 3 ? centers[next_random() % 16] : next_random();
        for (uint64_t k = next_random() % (most_flips + 1); k > 0; k--)
            hashes[i] ^= 1ull << next_random() % 64;
    }
}

static void by_all_pairs(const uint64_t *hashes, uint32_t n, unsigned distance, uint32_t *first_of)
{
    for (uint32_t i = 0; i < n; i++)
        first_of[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < n; k++)
                if ((unsigned)__builtin_popcountll(hashes[i] ^ hashes[k]) <= distance &&
                    first_of[k] < first_of[i]) {
                    first_of[i] = first_of[k];
                    changed = true;
                }
    }
}

static void groups_are_those_of_all_pairs(void **state)
{
    enum { MAX = 400 };
    static uint64_t hashes[MAX];
    static uint32_t found[MAX], wanted[MAX];
    struct gm_err err = {0};
    (void)state;
    for (unsigned distance = 0; distance <= GM_NEAR_MAX_DISTANCE; distance++)
        for (unsigned round = 0; round < 4; round++) {
            uint32_t n = 1 + (uint32_t)(next_random() % MAX);
            fill(hashes, n, distance + round);
            assert_int_equal(gm_near_groups(hashes, n, distance, found, &err), GM_OK);
            by_all_pairs(hashes, n, distance, wanted);
            assert_memory_equal(found, wanted, n * sizeof(*found));
        }
}

/* Every way in which two hashes can differ in so many bits, at the borders of the parts. */
static void no_place_of_the_bits_is_missed(void **state)
{
    struct gm_err err = {0};
    uint32_t first_of[2];
    (void)state;
    for (unsigned distance = 1; distance <= GM_NEAR_MAX_DISTANCE; distance++)
        for (unsigned round = 0; round < 200; round++) {
            uint64_t hashes[2] = {next_random(), 0};
            uint64_t flips = 0;
            while ((unsigned)__builtin_popcountll(flips) < distance)
                flips |=
                    1ull << (round < 100 ? next_random() % 64
                                         : (round + (unsigned)__builtin_popcountll(flips)) % 64);
            hashes[1] = hashes[0] ^ flips;
            assert_int_equal(gm_near_groups(hashes, 2, distance, first_of, &err), GM_OK);
            assert_int_equal(first_of[1], 0);
            assert_int_equal(gm_near_groups(hashes, 2, distance - 1, first_of, &err), GM_OK);
            assert_int_equal(first_of[1], 1);
        }
}

static void nothing_and_equal_ones_are_handled(void **state)
{
    enum { N = 100000 };
    uint64_t *hashes = calloc(N, sizeof(*hashes));
    uint32_t *first_of = calloc(N, sizeof(*first_of));
    struct gm_err err = {0};
    (void)state;
    assert_non_null(hashes);
    assert_non_null(first_of);
    assert_int_equal(gm_near_groups(hashes, 0, 4, first_of, &err), GM_OK);
    assert_int_equal(gm_near_groups(hashes, N, 16, first_of, &err), GM_OK);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(first_of[i], 0);
    free(hashes);
    free(first_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_those_of_all_pairs),
        cmocka_unit_test(no_place_of_the_bits_is_missed),
        cmocka_unit_test(nothing_and_equal_ones_are_handled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
