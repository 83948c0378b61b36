/* Memory for libcurl: what is allocated is the caller's alone, keeps its bytes when it grows, and
 * what a thread frees it gets again, up to a bound; a thread that never asked for that keeps
 * nothing. */
#include "fetch/curl_memory.h"

#include "ipc/sandbox.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define N_CHUNKS 200

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static size_t any_size(uint32_t *random)
{
    static const size_t near[] = {0, 16, 2032, 2048, 32768, 65536, 65552, 100000};
    uint32_t r = next_random(random);
    return r % 4 == 0 ? near[r / 4 % 8] + r / 64 % 3 : r / 4 % 3000;
}

static size_t grown_bytes(size_t before)
{
    size_t now = mallinfo2().uordblks;
    return now > before ? now - before : 0;
}

static void is_filled(const uint8_t *data, size_t n_bytes, uint8_t value)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (data[i] != value)
            fail_msg("byte %zu of %zu was changed", i, n_bytes);
}

static void chunks_do_not_overlap(void **state)
{
    struct {
        uint8_t *data;
        size_t n_bytes;
    } chunks[N_CHUNKS] = {0};
    uint32_t random = 5;
    (void)state;
    gm_curl_memory_keep();
    for (int round = 0; round < 20000; round++) {
        uint32_t i = next_random(&random) % N_CHUNKS;
        size_t n_bytes = any_size(&random);
        if (chunks[i].data)
            is_filled(chunks[i].data, chunks[i].n_bytes, (uint8_t)i);
        if (next_random(&random) % 2) { /* grows or shrinks, or begins */
            uint8_t *data = gm_curl_realloc(chunks[i].data, n_bytes);
            assert_non_null(data);
            is_filled(data, chunks[i].n_bytes < n_bytes ? chunks[i].n_bytes : n_bytes, (uint8_t)i);
            chunks[i].data = data;
        } else {
            gm_curl_free(chunks[i].data);
            chunks[i].data = gm_curl_malloc(n_bytes);
        }
        assert_non_null(chunks[i].data);
        assert_int_equal((uintptr_t)chunks[i].data % 16, 0);
        chunks[i].n_bytes = n_bytes;
        memset(chunks[i].data, (int)i, n_bytes);
    }
    for (int i = 0; i < N_CHUNKS; i++)
        gm_curl_free(chunks[i].data);
    gm_curl_memory_release();
}

static void what_is_freed_is_taken_again(void **state)
{
    static const size_t sizes[] = {1, 100, 2048, 65537};
    (void)state;
    gm_curl_memory_keep();
    for (size_t i = 0; i < 4; i++) {
        uint8_t *first = gm_curl_malloc(sizes[i]);
        memset(first, 0xAA, sizes[i]);
        gm_curl_free(first);
        uint8_t *second = gm_curl_calloc(1, sizes[i]);
        assert_ptr_equal(first, second);
        is_filled(second, sizes[i], 0);
        gm_curl_free(second);
    }
    gm_curl_free(NULL);
    char *copy = gm_curl_strdup("abc");
    assert_string_equal(copy, "abc");
    gm_curl_free(copy);
    gm_curl_memory_release();
}

static void only_so_much_is_kept(void **state)
{
    void *buffers[64];
    (void)state;
    if (GM_SANITIZED) /* the sanitizers' heaps do not count: mallinfo2 says 0 */
        skip();
    gm_curl_memory_keep();
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 64; i++)
        assert_non_null(buffers[i] = gm_curl_malloc(65537));
    for (int i = 0; i < 64; i++)
        gm_curl_free(buffers[i]);
    assert_true(grown_bytes(before) <= 600 * 1024);
    gm_curl_memory_release();
    assert_true(grown_bytes(before) <= 16 * 1024);
}

static void *allocate_and_free(void *passed)
{
    gm_curl_free(passed);
    gm_curl_free(gm_curl_malloc(100));
    gm_curl_free(gm_curl_realloc(gm_curl_malloc(50), 65537));
    return NULL;
}

/* libcurl's resolver threads: they use the hooks, and nobody releases what they would keep. Under
 * AddressSanitizer it is the search for leaks at the end of the program that fails. */
static void threads_that_do_not_ask_keep_nothing(void **state)
{
    (void)state;
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 30; i++) {
        pthread_t thread;
        void *passed = gm_curl_malloc(65537);
        assert_non_null(passed);
        assert_int_equal(pthread_create(&thread, NULL, allocate_and_free, passed), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_true(grown_bytes(before) <= 64 * 1024);
}

static void nothing_is_kept_after_release(void **state)
{
    (void)state;
    if (GM_SANITIZED)
        skip();
    gm_curl_memory_keep();
    gm_curl_memory_release();
    size_t before = mallinfo2().uordblks;
    gm_curl_free(gm_curl_malloc(65537));
    assert_true(grown_bytes(before) <= 16 * 1024);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    assert_null(gm_curl_malloc(SIZE_MAX));
    assert_null(gm_curl_malloc(SIZE_MAX - 15));
    assert_null(gm_curl_calloc(SIZE_MAX / 2, 3));
    uint8_t *data = gm_curl_malloc(100000);
    memset(data, 7, 100000);
    assert_null(gm_curl_realloc(data, SIZE_MAX - 8));
    is_filled(data, 100000, 7); /* still the caller's */
    gm_curl_free(data);
    gm_curl_memory_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_do_not_overlap),
        cmocka_unit_test(what_is_freed_is_taken_again),
        cmocka_unit_test(only_so_much_is_kept),
        cmocka_unit_test(threads_that_do_not_ask_keep_nothing),
        cmocka_unit_test(nothing_is_kept_after_release),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
