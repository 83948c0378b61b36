/* Shared memory: what is taken when, what children see, and that nobody can shrink it. */
#include "ipc/shm.h"

#include "ipc/child.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#define MB      (1024u * 1024u)
#define HANG_MS 20000 /* nothing here takes this long unless it hangs */

static struct gm_obituary run_in_child(int (*main)(void *), struct gm_shm *shm)
{
    struct gm_child child = GM_CHILD_INIT;
    struct gm_obituary obituary = {0};
    struct gm_child_spec spec = {.title = "test", .main = main, .context = shm};
    assert_int_equal(gm_child_start(&spec, &child, NULL), GM_OK);
    struct pollfd polled = {.fd = child.pidfd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, HANG_MS), 1);
    assert_true(gm_child_reap(&child, &obituary));
    return obituary;
}

static void only_the_committed_part_takes_memory(void **state)
{
    (void)state;
    struct gm_shm shm = GM_SHM_INIT;
    assert_int_equal(gm_shm_create("test", 8 * MB, 1 * MB, &shm, NULL), GM_OK);
    assert_int_equal(shm.n_bytes, 8 * MB);
    assert_int_equal(gm_shm_resident_bytes(&shm), 1 * MB);
    gm_shm_destroy(&shm);
    assert_int_equal(shm.fd, -1);
    assert_null(shm.data);
    gm_shm_destroy(&shm);
    gm_shm_destroy(NULL);
}

static void sizes_are_rounded_up_to_pages(void **state)
{
    (void)state;
    struct gm_shm shm = GM_SHM_INIT;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(gm_shm_create("test", page + 1, 1, &shm, NULL), GM_OK);
    assert_int_equal(shm.n_bytes, 2 * page);
    assert_int_equal(gm_shm_resident_bytes(&shm), page);
    shm.data[2 * page - 1] = 1;
    gm_shm_destroy(&shm);
}

static void commit_takes_memory_and_decommit_gives_it_back(void **state)
{
    (void)state;
    struct gm_shm shm = GM_SHM_INIT;
    assert_int_equal(gm_shm_create("test", 8 * MB, 0, &shm, NULL), GM_OK);
    assert_int_equal(gm_shm_resident_bytes(&shm), 0);
    assert_int_equal(gm_shm_commit(&shm, 4 * MB, 2 * MB, NULL), GM_OK);
    assert_int_equal(gm_shm_resident_bytes(&shm), 2 * MB);
    memset(shm.data + 4 * MB, 7, 2 * MB);
    assert_int_equal(gm_shm_resident_bytes(&shm), 2 * MB);
    gm_shm_decommit(&shm, 4 * MB, 1 * MB);
    assert_int_equal(gm_shm_resident_bytes(&shm), 1 * MB);
    assert_int_equal(shm.data[4 * MB], 0);
    assert_int_equal(shm.data[5 * MB], 7);
    gm_shm_destroy(&shm);
}

/* Whether or not the kernel has huge pages to give: ranges that lie across them are what they are.
 */
static void ranges_of_any_place_and_size_can_be_taken_and_given_back(void **state)
{
    (void)state;
    static const struct {
        size_t first_mb, n_mb;
    } ranges[] = {{1, 6}, {9, 1}, {12, 4}, {17, 15}};
    struct gm_shm shm = GM_SHM_INIT;
    size_t taken = 0;
    assert_int_equal(gm_shm_create("test", 32 * MB, 0, &shm, NULL), GM_OK);
    for (size_t i = 0; i < GM_ARRAY_LEN(ranges); i++) {
        size_t at = ranges[i].first_mb * MB, n_bytes = ranges[i].n_mb * MB;
        assert_int_equal(gm_shm_commit(&shm, at, n_bytes, NULL), GM_OK);
        taken += n_bytes;
        assert_int_equal(gm_shm_resident_bytes(&shm), taken);
        for (size_t b = at; b < at + n_bytes; b += 1000)
            assert_int_equal(shm.data[b], 0);
        memset(shm.data + at, 'a' + (int)i, n_bytes);
    }
    assert_int_equal(gm_shm_resident_bytes(&shm), taken);
    gm_shm_decommit(&shm, 20 * MB, 3 * MB);
    assert_int_equal(gm_shm_resident_bytes(&shm), taken - 3 * MB);
    assert_int_equal(shm.data[20 * MB - 1], 'd');
    assert_int_equal(shm.data[23 * MB], 'd');
    assert_int_equal(gm_shm_commit(&shm, 20 * MB, 3 * MB, NULL), GM_OK);
    for (size_t b = 20 * MB; b < 23 * MB; b++)
        assert_int_equal(shm.data[b], 0);
    for (size_t i = 0; i + 1 < GM_ARRAY_LEN(ranges); i++)
        for (size_t b = 0; b < ranges[i].n_mb * MB; b += 1000)
            assert_int_equal(shm.data[ranges[i].first_mb * MB + b], 'a' + (int)i);
    gm_shm_destroy(&shm);
}

static void size_is_sealed(void **state)
{
    (void)state;
    struct gm_shm shm = GM_SHM_INIT;
    assert_int_equal(gm_shm_create("test", 1 * MB, 0, &shm, NULL), GM_OK);
    assert_int_equal(ftruncate(shm.fd, 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(shm.fd, 2 * MB), -1);
    assert_int_equal(fcntl(shm.fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* seals are final too */
    assert_true(fcntl(shm.fd, F_GETFD) & FD_CLOEXEC);
    gm_shm_destroy(&shm);
}

/* Runs in a child that may make no file above 1 MB, so that even a broken check takes no memory: a
 * kernel gives what it has and then kills whom it finds. */
static int want_more_than_there_is(void *context)
{
    struct gm_shm shm = GM_SHM_INIT;
    struct gm_err err;
    const struct rlimit small = {MB, MB};
    size_t huge = (size_t)1 << 45;
    (void)context;
    if (setrlimit(RLIMIT_FSIZE, &small) != 0)
        return 1;
    if (gm_shm_create("blocks", huge, huge, &shm, &err) != GM_NOMEM)
        return 2;
    if (!strstr(err.text, "blocks: 32.0 TB of shared memory are wanted, "))
        return 3;
    return shm.fd == -1 && !shm.data ? 0 : 4;
}

static void shortage_is_an_error_that_names_the_size(void **state)
{
    (void)state;
    assert_string_equal(run_in_child(want_more_than_there_is, NULL).text, "exited with 0");
}

static void more_than_addresses_is_an_error_too(void **state)
{
    (void)state;
    struct gm_shm shm = GM_SHM_INIT;
    struct gm_err err;
    size_t huge = (size_t)1 << 48; /* sparse, but nothing can map it */
    assert_int_equal(gm_shm_create("blocks", huge, 0, &shm, &err), GM_NOMEM);
    assert_non_null(strstr(err.text, "blocks: unable to map 256.0 TB of shared memory"));
    assert_int_equal(gm_shm_create("blocks", SIZE_MAX, 0, &shm, &err), GM_NOMEM);
    assert_int_equal(shm.fd, -1);
}

/* ---- in a child ---- */

static int child_shares(void *context)
{
    struct gm_shm *shm = context;
    memcpy(shm->data, "from the child", 15);
    return fcntl(shm->fd, F_GETFD) == -1 ? 0 : 1; /* the mapping stays, the descriptor does not */
}

static int child_writes_readonly(void *context)
{
    struct gm_shm *shm = context;
    signal(SIGSEGV, SIG_DFL); /* not a sanitizer's report: this death is wanted */
    if (gm_shm_make_readonly(shm, NULL) != GM_OK || shm->fd != -1 || shm->data[0] != 9)
        return 1;
    *(volatile uint8_t *)shm->data = 1;
    return 0;
}

static int child_reads_dropped(void *context)
{
    struct gm_shm *shm = context;
    volatile uint8_t *data = shm->data;
    signal(SIGSEGV, SIG_DFL);
    gm_shm_drop(shm);
    if (shm->data || shm->fd != -1)
        return 1;
    return data[0] ? 2 : 3;
}

static void children_share_restrict_and_drop_the_mapping(void **state)
{
    (void)state;
    struct gm_shm shm = GM_SHM_INIT;
    assert_int_equal(gm_shm_create("test", 1 * MB, 0, &shm, NULL), GM_OK);
    assert_string_equal(run_in_child(child_shares, &shm).text, "exited with 0");
    assert_string_equal((char *)shm.data, "from the child");
    shm.data[0] = 9;
    assert_int_equal(run_in_child(child_writes_readonly, &shm).code, SIGSEGV);
    assert_int_equal(shm.data[0], 9);
    assert_int_equal(run_in_child(child_reads_dropped, &shm).code, SIGSEGV);
    shm.data[0] = 10; /* still writable here */
    gm_shm_destroy(&shm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_committed_part_takes_memory),
        cmocka_unit_test(sizes_are_rounded_up_to_pages),
        cmocka_unit_test(commit_takes_memory_and_decommit_gives_it_back),
        cmocka_unit_test(ranges_of_any_place_and_size_can_be_taken_and_given_back),
        cmocka_unit_test(size_is_sealed),
        cmocka_unit_test(shortage_is_an_error_that_names_the_size),
        cmocka_unit_test(more_than_addresses_is_an_error_too),
        cmocka_unit_test(children_share_restrict_and_drop_the_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
