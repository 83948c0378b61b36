/* Who takes a body's SHA-256: the thread that has the body, or later, where that is faster, the
 * main thread. Whether it is faster is not asked of the CPU but said here. */
#include "fetch/digest.h"

#include "base/assert.h"
#include "base/fs.h"
#include "fetch/local.h"
#include "fetch/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_JOBS 130 /* 86 of them due: a batch and a part of one */
#define RIGHT  76  /* the list states this one's digest ... */
#define WRONG  91  /* ... and another one than this one's */

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

static size_t body_bytes(unsigned i)
{
    return i * 37 % 1500;
}

/* Every third has its digest already: bytes of its number, to see that nobody takes it again. */
static bool is_due(unsigned i)
{
    return i % 3 != 0;
}

static struct gm_job *finished_job(unsigned i)
{
    uint8_t digest[GM_SHA256_BYTES];
    struct gm_job *job = make_job("http://host/path", GM_ITEM_URL);
    struct gm_body body = {.data = make_body(i, body_bytes(i)),
                           .fd = -1,
                           .n_bytes = body_bytes(i),
                           .media = GM_MEDIA_TEXT,
                           .digest_due = is_due(i)};
    job->number = i;
    if (i == RIGHT || i == WRONG) {
        job->has_sha256 = true;
        gm_sha256(body.data, (size_t)body.n_bytes, job->expected_sha256);
        job->expected_sha256[GM_SHA256_BYTES - 1] ^= i == WRONG;
    }
    memset(digest, (int)i, sizeof digest);
    if (!is_due(i))
        body.sha256 = digest;
    gm_job_succeed(job, &body);
    return job;
}

static void was_dropped(const struct gm_job *job)
{
    const struct gm_fetched *result = job->result;
    char have[GM_SHA256_HEX_BYTES], want[GM_SHA256_HEX_BYTES], message[256];
    uint8_t *data = make_body(job->number, body_bytes((unsigned)job->number));
    uint8_t digest[GM_SHA256_BYTES];
    gm_sha256(data, body_bytes((unsigned)job->number), digest);
    snprintf(message, sizeof message, "sha256 is %s, but the list states %s",
             gm_sha256_hex(digest, have), gm_sha256_hex(job->expected_sha256, want));
    assert_int_equal(job->verdict, GM_JOB_FINISHED);
    assert_int_equal(result->reason, GM_REASON_FETCH_CHECKSUM);
    assert_string_equal(result->message, message);
    assert_null(result->body);
    assert_int_equal(result->n_bytes, 0);
    assert_int_equal(result->media, GM_MEDIA_UNKNOWN);
    assert_false(result->has_sha256);
    assert_false(job->digest_due);
    free(data);
}

static void was_kept(const struct gm_job *job)
{
    const struct gm_fetched *result = job->result;
    unsigned i = (unsigned)job->number;
    uint8_t *data = make_body(i, body_bytes(i));
    uint8_t given[GM_SHA256_BYTES];
    assert_int_equal(job->verdict, GM_JOB_FINISHED);
    assert_int_equal(result->reason, GM_REASON_NONE);
    assert_int_equal(result->media, GM_MEDIA_TEXT);
    assert_int_equal(result->n_bytes, body_bytes(i));
    assert_memory_equal(result->body, data, body_bytes(i));
    memset(given, (int)i, sizeof given);
    if (is_due(i)) {
        has_digest_of(job, data, body_bytes(i));
    } else {
        assert_true(result->has_sha256);
        assert_memory_equal(result->sha256, given, sizeof given);
    }
    free(data);
}

static void what_is_due_is_computed_and_checked(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 96, 97, 98, 99, N_JOBS}; /* 96: one full batch */
    (void)state;
    for (size_t c = 0; c < GM_ARRAY_LEN(counts); c++) {
        struct gm_job_list list = {0};
        for (unsigned i = 0; i < counts[c]; i++)
            gm_job_list_push(&list, finished_job(i));
        gm_digest_jobs(&list);
        for (unsigned i = 0; i < counts[c]; i++) {
            struct gm_job *job = gm_job_list_pop(&list);
            assert_non_null(job);
            assert_int_equal(job->number, i);
            if (i == WRONG)
                was_dropped(job);
            else
                was_kept(job);
            gm_job_free(job);
        }
        assert_null(list.first);
    }
}

static void failed_jobs_stay_as_they_are(void **state)
{
    struct gm_job_list list = {0};
    struct gm_job *job;
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        job = i % 2 ? finished_job(1) : make_job("http://host/path", GM_ITEM_URL);
        if (i % 2 == 0)
            gm_job_fail(job, GM_REASON_FETCH_IO, "broken");
        gm_job_list_push(&list, job);
    }
    gm_digest_jobs(&list);
    for (unsigned i = 0; (job = gm_job_list_pop(&list)); i++) {
        if (i % 2) {
            was_kept(job);
        } else {
            assert_int_equal(job->result->reason, GM_REASON_FETCH_IO);
            assert_string_equal(job->result->message, "broken");
            assert_false(job->result->has_sha256);
        }
        gm_job_free(job);
    }
}

static void a_digest_is_compared_with_the_stated_one(void **state)
{
    (void)state;
    for (int bit = -1; bit < 8 * GM_SHA256_BYTES; bit++) { /* -1: none is wrong */
        uint8_t digest[GM_SHA256_BYTES];
        struct gm_job *job = finished_job(RIGHT);
        memcpy(digest, job->expected_sha256, sizeof digest);
        if (bit >= 0)
            digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(job->digest_due);
        gm_job_set_digest(job, digest);
        assert_false(job->digest_due);
        assert_int_equal(job->result->reason, bit < 0 ? GM_REASON_NONE : GM_REASON_FETCH_CHECKSUM);
        assert_int_equal(job->result->has_sha256, bit < 0);
        assert_int_equal(job->result->body != NULL, bit < 0);
        gm_job_free(job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(left_for_later_only_if_small_and_faster),
        cmocka_unit_test(what_is_due_is_computed_and_checked),
        cmocka_unit_test(failed_jobs_stay_as_they_are),
        cmocka_unit_test(a_digest_is_compared_with_the_stated_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
