/* The deflate encoder of photographs and its Huffman codes: every stream is read back by zlib,
 * which refuses codes that are not complete. */
#include "image/deflate_rle.h"

#include "image/huffman.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

static uint32_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* Returns the size of the stream. */
static size_t check_round_trip(const uint8_t *data, size_t n_bytes)
{
    size_t bound = gm_deflate_rle_bound(n_bytes);
    uint8_t *packed = malloc(bound), *back = malloc(n_bytes + 1);
    assert_non_null(packed);
    assert_non_null(back);
    size_t packed_bytes = gm_deflate_rle(data, n_bytes, packed);
    assert_true(packed_bytes <= bound);
    assert_int_equal(gm_deflate_rle_size(data, n_bytes), packed_bytes);
    uLongf back_bytes = n_bytes + 1;
    assert_int_equal(uncompress(back, &back_bytes, packed, packed_bytes), Z_OK);
    assert_int_equal(back_bytes, n_bytes);
    assert_memory_equal(back, data, n_bytes);
    free(packed);
    free(back);
    return packed_bytes;
}

/* Noise, runs of all lengths, skewed values, steps, one value. */
static uint8_t byte_of_kind(unsigned kind, uint8_t before)
{
    uint32_t random = next_random();
    switch (kind) {
    case 0:
        return (uint8_t)random;
    case 1:
        return random % 7 ? before : (uint8_t)(random >> 8);
    case 2:
        return (uint8_t)(random & random >> 5 & random >> 11);
    case 3:
        return random % 300 ? before : (uint8_t)(random >> 8);
    case 4:
        return (uint8_t)(before + (random % 64 == 0));
    default:
        return 0;
    }
}

static void streams_come_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        size_t n_bytes = 1 + next_random() % (i % 100 == 0 ? 300000 : 2000);
        uint8_t *data = malloc(n_bytes), before = 0;
        assert_non_null(data);
        for (size_t k = 0; k < n_bytes; k++)
            data[k] = before = byte_of_kind(i % 6, before);
        check_round_trip(data, n_bytes);
        free(data);
    }
}

/* Each side of what a match, a step of 16 and a block hold. */
static void runs_at_every_limit_come_back(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 4, 5, 15, 16, 17, 257, 258, 259, 260, 261, 262, 600};
    static const size_t starts[] = {0, 1, 13, 14, 15, 16, 131066, 131070, 131072};
    size_t n_bytes = 132000;
    uint8_t *data = malloc(n_bytes);
    assert_non_null(data);
    (void)state;
    for (size_t s = 0; s < sizeof(starts) / sizeof(*starts); s++)
        for (size_t l = 0; l < sizeof(lengths) / sizeof(*lengths); l++) {
            for (size_t i = 0; i < n_bytes; i++)
                data[i] = (uint8_t)(i * 7);
            memset(data + starts[s], 200, lengths[l]);
            check_round_trip(data, n_bytes);
        }
    free(data);
}

static void a_flat_picture_becomes_almost_nothing(void **state)
{
    uint8_t *data = calloc(1, 1 << 20);
    assert_non_null(data);
    (void)state;
    assert_true(check_round_trip(data, 1 << 20) < 2500);
    free(data);
}

static void noise_grows_by_less_than_a_percent(void **state)
{
    uint8_t *data = malloc(1 << 18);
    assert_non_null(data);
    (void)state;
    for (size_t i = 0; i < 1 << 18; i++)
        data[i] = (uint8_t)next_random();
    assert_true(check_round_trip(data, 1 << 18) < (1 << 18) + 2600);
    free(data);
}

/* Fibonacci counts ask for the longest codes there are. */
static void limited_codes_stay_complete(void **state)
{
    uint32_t counts[40] = {1, 1};
    uint8_t lengths[40];
    (void)state;
    for (size_t i = 2; i < 40; i++)
        counts[i] = counts[i - 1] + counts[i - 2];
    for (unsigned limit = 6; limit <= 15; limit++)
        for (size_t n = 2; n <= 40; n++) {
            uint32_t used = 0;
            gm_huffman_lengths(counts, n, limit, lengths);
            for (size_t i = 0; i < n; i++) {
                assert_in_range(lengths[i], 1, limit);
                used += 1u << (limit - lengths[i]);
            }
            assert_int_equal(used, 1u << limit);
        }
}

static void unused_symbols_have_no_code(void **state)
{
    static const uint32_t counts[5] = {0, 9, 0, 4, 0}, single[3] = {0, 0, 7};
    uint8_t lengths[5];
    (void)state;
    gm_huffman_lengths(counts, 5, 15, lengths);
    assert_memory_equal(lengths, ((uint8_t[5]){0, 1, 0, 1, 0}), 5);
    gm_huffman_lengths(single, 3, 15, lengths);
    assert_memory_equal(lengths, ((uint8_t[3]){0, 0, 1}), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_come_back),
        cmocka_unit_test(runs_at_every_limit_come_back),
        cmocka_unit_test(a_flat_picture_becomes_almost_nothing),
        cmocka_unit_test(noise_grows_by_less_than_a_percent),
        cmocka_unit_test(limited_codes_stay_complete),
        cmocka_unit_test(unused_symbols_have_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
