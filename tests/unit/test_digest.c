/* Who takes a body's SHA-256: the thread that has the body, or later, where that is faster, the
 * main thread. Whether it is faster is not asked of the CPU but said here. */
#include "fetch/digest.h"

#include "base/fs.h"
#include "fetch/local.h"
#include "fetch/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool faster;

bool __wrap_gm_sha256_many_is_faster(void);
bool __wrap_gm_sha256_many_is_faster(void)
{
    return faster;
}

static const struct gm_fetch_opts opts = {.sha256 = true};
static const struct gm_fetch_settings settings = {.opts = &opts, .inline_bytes = 1024 * 1024};

static uint8_t *make_body(uint64_t number, size_t n_bytes)
{
    uint8_t *data = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(data);
    for (size_t i = 0; i < n_bytes; i++)
        data[i] = (uint8_t)('a' + (i * 7 + number) % 26);
    return data;
}

static struct gm_job *make_job(const char *locator, enum gm_item_kind kind)
{
    struct gm_item item = {.locator = locator, .kind = kind, .expected_bytes = UINT64_MAX};
    struct gm_job *job = gm_job_new(&item);
    assert_non_null(job);
    return job;
}

static struct gm_job *read_file(const uint8_t *data, size_t n_bytes)
{
    char path[] = "/tmp/gm_test_digest_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(gm_write_full(fd, data, n_bytes, path, NULL), GM_OK);
    gm_close(&fd);
    struct gm_job *job = make_job(path, GM_ITEM_FILE);
    gm_local_read(&settings, job);
    unlink(path);
    return job;
}

static struct gm_job *receive(const uint8_t *data, size_t n_bytes)
{
    struct gm_job *job = make_job("http://host/path", GM_ITEM_URL);
    struct gm_store store;
    gm_store_init(&store, &settings, NULL);
    gm_store_begin(&store, job, UINT64_MAX);
    assert_int_equal(gm_store_append(&store, data, n_bytes, n_bytes, NULL), GM_OK);
    assert_int_equal(gm_store_finish(&store, NULL), GM_OK);
    gm_store_fini(&store);
    return job;
}

static void has_digest_of(const struct gm_job *job, const uint8_t *data, size_t n_bytes)
{
    uint8_t expected[GM_SHA256_BYTES];
    gm_sha256(data, n_bytes, expected);
    assert_false(job->digest_due);
    assert_true(job->result->has_sha256);
    assert_memory_equal(job->result->sha256, expected, sizeof expected);
}

static void left_for_later_only_if_small_and_faster(void **state)
{
    static struct gm_job *(*const get[])(const uint8_t *, size_t) = {read_file, receive};
    static const size_t sizes[] = {1, 1000, GM_DIGEST_LATER_BYTES, GM_DIGEST_LATER_BYTES + 1};
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        size_t n_bytes = sizes[i / 2 % 4];
        uint8_t *data = make_body(i, n_bytes);
        faster = i >= 8;
        struct gm_job *job = get[i % 2](data, n_bytes);
        assert_int_equal(job->result->reason, GM_REASON_NONE);
        assert_int_equal(job->result->n_bytes, n_bytes);
        assert_int_equal(job->digest_due, faster && n_bytes <= GM_DIGEST_LATER_BYTES);
        struct gm_job_list list = {job, job};
        if (job->digest_due)
            gm_digest_jobs(&list);
        has_digest_of(job, data, n_bytes);
        gm_job_list_free(&list);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(left_for_later_only_if_small_and_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
