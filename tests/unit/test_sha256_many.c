/* Many digests at once are the digests one by one: every length around the ends of blocks in both
 * lanes, lanes that end at different times, data at odd addresses. Without SHA instructions both
 * sides of each comparison are libcrypto: then this is no test, and says so. */
#include "base/sha256_many.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGES 40
#define DATA_BYTES   70000u

static uint8_t *data;

static int make_data(void **state)
{
    (void)state;
    data = malloc(DATA_BYTES);
    uint32_t x = 1;
    for (size_t i = 0; data && i < DATA_BYTES; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (uint8_t)(x >> 24);
    }
    return data ? 0 : -1;
}

static int free_data(void **state)
{
    (void)state;
    free(data);
    return 0;
}

/* Messages of these lengths, each at an address of its own, against libcrypto. */
static void check(const size_t *lengths, size_t n)
{
    struct gm_sha256_message messages[MAX_MESSAGES] = {0};
    uint8_t digests[MAX_MESSAGES][GM_SHA256_BYTES + 1];
    memset(digests, 0xEE, sizeof digests);
    for (size_t i = 0; i < n; i++)
        messages[i] = (struct gm_sha256_message){data + i, lengths[i], digests[i]};
    gm_sha256_many(messages, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t expected[GM_SHA256_BYTES];
        gm_sha256(data + i, lengths[i], expected);
        assert_memory_equal(digests[i], expected, GM_SHA256_BYTES);
        assert_int_equal(digests[i][GM_SHA256_BYTES], 0xEE);
    }
}

static void every_pair_of_short_lengths(void **state)
{
    (void)state;
    for (size_t a = 0; a <= 130; a++)
        for (size_t b = 0; b <= 130; b++)
            check((const size_t[]){a, b}, 2);
}

static void every_length_beside_others(void **state)
{
    (void)state;
    for (size_t n = 0; n < 400; n++)
        check((const size_t[]){1000, n, 3 * n, 0, 64}, 5);
}

static void any_number_of_messages(void **state)
{
    size_t lengths[MAX_MESSAGES] = {0};
    uint32_t x = 7;
    (void)state;
    for (size_t n = 0; n <= MAX_MESSAGES; n++) {
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525 + 1013904223;
            lengths[i] = (x >> 8) % (n % 3 == 0 ? 200 : 60000);
        }
        check(lengths, n);
    }
}

static void no_data_at_all(void **state)
{
    uint8_t digests[2][GM_SHA256_BYTES], expected[GM_SHA256_BYTES];
    const struct gm_sha256_message messages[] = {{NULL, 0, digests[0]}, {NULL, 0, digests[1]}};
    (void)state;
    gm_sha256("", 0, expected);
    gm_sha256_many(messages, 2);
    assert_memory_equal(digests[0], expected, sizeof expected);
    assert_memory_equal(digests[1], expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_short_lengths),
        cmocka_unit_test(every_length_beside_others),
        cmocka_unit_test(any_number_of_messages),
        cmocka_unit_test(no_data_at_all),
    };
    if (!gm_sha256_many_is_faster()) {
        puts("this CPU has no SHA instructions, the two lanes are not tested");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_data, free_data);
}
