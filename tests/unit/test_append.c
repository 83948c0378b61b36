/* Appended bytes: the same file in every way, and no blocks behind its end. */
#include "run/append.h"

#include "base/buf.h"
#include "base/fs.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define UNIT     (64u * 1024u)
#define TOTAL    (UNIT * 40)
#define MEGABYTE (1024u * 1024u)

struct place {
    char path[64];
    struct gm_direct_file file;
};

static int set_up(void **state)
{
    static struct place place;
    snprintf(place.path, sizeof place.path, "/tmp/gm-append-XXXXXX");
    place.file = (struct gm_direct_file){mkstemp(place.path), "that file"};
    *state = &place;
    return place.file.fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    gm_close(&place->file.fd);
    return unlink(place->path);
}

static uint64_t size_of(const struct place *place)
{
    struct stat info;
    assert_int_equal(fstat(place->file.fd, &info), 0);
    return (uint64_t)info.st_size;
}

static uint64_t disk_bytes_of(const struct place *place)
{
    struct stat info;
    assert_int_equal(fstat(place->file.fd, &info), 0);
    return (uint64_t)info.st_blocks * 512;
}

static void assert_holds(const struct place *place, const uint8_t *bytes, size_t n_bytes)
{
    struct gm_buf have = GM_BUF_INIT;
    assert_int_equal(gm_read_file(AT_FDCWD, place->path, 2 * TOTAL, &have, NULL), GM_OK);
    assert_int_equal(have.n_bytes, n_bytes);
    assert_memory_equal(have.data, bytes, n_bytes);
    gm_buf_free(&have);
}

/* Parts of all sizes, in all ways in turns, flushed now and then. */
static void parts_become_one_file(void **state)
{
    struct place *place = *state;
    uint8_t *bytes = malloc(TOTAL);
    assert_non_null(bytes);
    srand(7);
    for (size_t i = 0; i < TOTAL; i++)
        bytes[i] = (uint8_t)(rand() >> 4);
    for (unsigned ways = 0; ways < 4; ways++) {
        static const size_t sizes[] = {1, UNIT - 1, 3, UNIT, UNIT + 1, 100, 5 * UNIT, 7 * UNIT - 9};
        struct gm_append append = {.ways = {.holds = ways > 0, .starts = ways > 1}};
        struct gm_err err = {0};
        assert_int_equal(ftruncate(place->file.fd, 0), 0);
        assert_int_equal(lseek(place->file.fd, 0, SEEK_SET), 0);
        gm_append_restart(&append, 0);
        size_t done = 0;
        for (size_t i = 0; done < TOTAL; i++) {
            size_t n = sizes[(i * 5 + ways) % GM_ARRAY_LEN(sizes)];
            n = n < TOTAL - done ? n : TOTAL - done;
            if (ways == 3 && done > TOTAL / 2)
                append.ways.piece_bytes = 2 * GM_DIRECT_UNIT;
            assert_int_equal(
                gm_append(&append, &place->file, done, (struct gm_view){bytes + done, n}, &err),
                GM_OK);
            done += n;
            if (ways == 1)
                assert_true(size_of(place) + UNIT > done);
            if (i % 7 == 3) {
                assert_int_equal(gm_append_flush(&append, &place->file, &err), GM_OK);
                assert_holds(place, bytes, done);
            }
        }
        assert_int_equal(gm_append_flush(&append, &place->file, &err), GM_OK);
        assert_holds(place, bytes, TOTAL);
        gm_append_free(&append);
    }
    free(bytes);
}

static void writes_end_at_whole_units(void **state)
{
    struct place *place = *state;
    struct gm_append append = {.ways = {.holds = true}};
    uint8_t *bytes = calloc(3, UNIT);
    assert_non_null(bytes);
    uint64_t size = 0;
    static const size_t sizes[] = {UNIT - 100, 99, 1, 2 * UNIT + 5};
    static const uint64_t want[] = {0, 0, UNIT, 3 * UNIT};
    for (size_t i = 0; i < GM_ARRAY_LEN(sizes); i++) {
        assert_int_equal(
            gm_append(&append, &place->file, size, (struct gm_view){bytes, sizes[i]}, NULL), GM_OK);
        size += sizes[i];
        assert_int_equal(size_of(place), want[i]);
    }
    assert_int_equal(gm_append_flush(&append, &place->file, NULL), GM_OK);
    assert_int_equal(size_of(place), size);
    gm_append_free(&append);
    free(bytes);
}

/* Whoever opens a file that was left with blocks ahead cuts it to its length, too. */
static void blocks_ahead_are_given_back(void **state)
{
    struct place *place = *state;
    struct gm_append append = {.ways = {.reserves = true}};
    uint8_t *bytes = calloc(1, MEGABYTE);
    assert_non_null(bytes);
    for (uint64_t size = 0; size < 20 * MEGABYTE; size += MEGABYTE)
        assert_int_equal(
            gm_append(&append, &place->file, size, (struct gm_view){bytes, MEGABYTE}, NULL), GM_OK);
    free(bytes);
    assert_int_equal(size_of(place), 20 * MEGABYTE);
    if (append.reserved == 0)
        skip();                                 /* another file system, or a full disk */
    assert_int_equal(fsync(place->file.fd), 0); /* now it has blocks for all its bytes, too */
    assert_in_range(disk_bytes_of(place), 20 * MEGABYTE + UNIT, 29 * MEGABYTE);
    gm_append_release(&append, place->file.fd);
    assert_in_range(disk_bytes_of(place), 20 * MEGABYTE, 20 * MEGABYTE + UNIT);
    assert_int_equal(size_of(place), 20 * MEGABYTE);
    gm_append_free(&append);
}

static void small_files_get_no_blocks_ahead(void **state)
{
    struct place *place = *state;
    struct gm_append append = {.ways = {.reserves = true}};
    uint8_t byte = 'x';
    assert_int_equal(gm_append(&append, &place->file, 0, (struct gm_view){&byte, 1}, NULL), GM_OK);
    assert_int_equal(append.reserved, 0);
    gm_append_free(&append);
}

static void a_write_that_fails_says_where(void **state)
{
    struct place *place = *state;
    int fd = open(place->path, O_RDONLY | O_CLOEXEC);
    const struct gm_direct_file file = {fd, "that file"};
    struct gm_append append = {.ways = {.holds = true, .reserves = true, .starts = true}};
    struct gm_err err = {0};
    uint8_t *bytes = calloc(2, UNIT);
    assert_non_null(bytes);
    assert_int_equal(gm_append(&append, &file, 0, (struct gm_view){bytes, 9}, &err), GM_OK);
    assert_int_equal(gm_append(&append, &file, 9, (struct gm_view){bytes, UNIT}, &err), GM_IO);
    assert_non_null(strstr(err.text, "that file"));
    gm_append_restart(&append, 0);
    assert_int_equal(gm_append(&append, &file, 0, (struct gm_view){bytes, 9}, &err), GM_OK);
    assert_int_equal(gm_append_flush(&append, &file, &err), GM_IO);
    gm_append_free(&append);
    free(bytes);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_become_one_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_end_at_whole_units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blocks_ahead_are_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_files_get_no_blocks_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_fails_says_where, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
