/* The splitter over archives that are damaged, encrypted, cut off or built to hurt: members in
 * front of the damage are kept, what is lost has a row, every limit has its reason. */
#include "archive_dir.h"
#include "fake_emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gm_emit split(const char *name, const char *const *settings)
{
    struct gm_err err;
    struct gm_emit emit;
    char path[256];
    gm_fake_init(&emit);
    enum gm_status status =
        gm_fake_split_file(&emit, archive_path(path, sizeof(path), name), settings, &err);
    if (status != GM_OK)
        fail_msg("%s: %s", name, err.text);
    return emit;
}

/* Container that cannot be used to its end: members kept, members rejected, reason, part of the
 * message. */
static const struct {
    const char *name;
    uint64_t n_members, n_rejects;
    enum gm_reason reason; /* NONE: the container as such is fine */
    const char *message;
} bad[] = {
    {"no-directory.zip", 7, 0, GM_REASON_UNPACK_BROKEN, "its directory is missing"},
    {"bad-directory.zip", 7, 0, GM_REASON_UNPACK_BROKEN, "damaged from byte"},
    {"bad-crc.zip", 6, 1, GM_REASON_NONE, NULL},
    {"bad-crc.tar.gz", 7, 0, GM_REASON_UNPACK_BROKEN, "incorrect data check"},
    {"garbage.txt.gz", 1, 0, GM_REASON_UNPACK_BROKEN, "bytes from 26 on are not part"},
    {"garbage2.txt.gz", 1, 0, GM_REASON_UNPACK_BROKEN, "bytes from 26 on are not part"},
    {"inner-broken.tar", 3, 1, GM_REASON_NONE, NULL},
    {"encrypted.zip", 1, 1, GM_REASON_NONE, NULL},
    {"encrypted.7z", 0, 1, GM_REASON_NONE, NULL},
    {"hidden.7z", 0, 0, GM_REASON_UNPACK_ENCRYPTED, "encrypted"},
    {"deflate64.zip", 1, 1, GM_REASON_NONE, NULL},
};

static void damage_costs_what_is_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(bad); i++) {
        struct gm_emit emit = split(bad[i].name, NULL);
        const struct gm_fake_row *row = gm_fake_container(&emit);
        if (emit.n_members != bad[i].n_members || emit.n_rejects != bad[i].n_rejects)
            fail_msg("%s: %d members, %d rejects", bad[i].name, (int)emit.n_members,
                     (int)emit.n_rejects);
        assert_int_equal(row != NULL, bad[i].reason != GM_REASON_NONE);
        if (row && row->reason != bad[i].reason)
            fail_msg("%s: %s", bad[i].name, gm_reason_code(row->reason));
        if (row && !strstr(row->message, bad[i].message))
            fail_msg("%s: %s", bad[i].name, row->message);
        gm_fake_free(&emit);
    }
}

static enum gm_reason reason_of(const char *archive, const char *member)
{
    struct gm_emit emit = split(archive, NULL);
    const struct gm_fake_row *row = gm_fake_find(&emit, member);
    enum gm_reason reason = row ? row->reason : GM_REASON_NONE;
    gm_fake_free(&emit);
    return reason;
}

static void lost_members_name_their_reason(void **state)
{
    (void)state;
    assert_int_equal(reason_of("bad-crc.zip", "d/b.txt"), GM_REASON_UNPACK_BROKEN);
    assert_int_equal(reason_of("inner-broken.tar", "cut.tar.gz"), GM_REASON_UNPACK_BROKEN);
    assert_int_equal(reason_of("inner-broken.tar", "after.txt"), GM_REASON_NONE);
    assert_int_equal(reason_of("encrypted.zip", "d/a.txt"), GM_REASON_UNPACK_ENCRYPTED);
    assert_int_equal(reason_of("encrypted.7z", "d/a.txt"), GM_REASON_UNPACK_ENCRYPTED);
    assert_int_equal(reason_of("deflate64.zip", "small.txt"), GM_REASON_UNPACK_FORMAT);
}

/* Bombs and limits: the container's reason, or NONE and the reason of the member. */
static const struct {
    const char *name;
    const char *setting;
    enum gm_reason container, member;
    const char *member_name;
} limits[] = {
    {"aaa.txt.gz", NULL, GM_REASON_LIMIT_RATIO, GM_REASON_LIMIT_RATIO, "aaa.txt"},
    {"aaa.txt.zst", NULL, GM_REASON_LIMIT_RATIO, GM_REASON_LIMIT_RATIO, "aaa.txt"},
    {"bomb.zip", NULL, GM_REASON_LIMIT_RATIO, GM_REASON_LIMIT_RATIO, "aaa.txt"},
    {"bomb.7z", NULL, GM_REASON_LIMIT_RATIO, GM_REASON_LIMIT_RATIO, "aaa.txt"},
    {"sparse.tar", NULL, GM_REASON_LIMIT_RATIO, GM_REASON_NONE, NULL},
    {"many.tar.gz", NULL, GM_REASON_LIMIT_RATIO, GM_REASON_NONE, NULL},
    {"small.txt.gz", NULL, GM_REASON_NONE, GM_REASON_NONE, "small.txt"},
    {"aaa.txt.gz", "max_ratio=2000", GM_REASON_NONE, GM_REASON_NONE, "aaa.txt"},
    {"small.txt.gz", "max_total=1MB", GM_REASON_LIMIT_TOTAL_BYTES, GM_REASON_LIMIT_TOTAL_BYTES,
     "small.txt"},
    {"small.txt.gz", "max_entry=1MB", GM_REASON_NONE, GM_REASON_LIMIT_ENTRY_BYTES, "small.txt"},
    {"large.tar", "max_entry=1MB", GM_REASON_NONE, GM_REASON_LIMIT_ENTRY_BYTES, "small.txt"},
    {"large.tar", "max_entry=1MB", GM_REASON_NONE, GM_REASON_NONE, "d/a.txt"},
    {"nested.tar", "max_entry=100B", GM_REASON_NONE, GM_REASON_LIMIT_ENTRY_BYTES, "p.zip"},
    {"p.zip.gz", "max_entry=100B", GM_REASON_LIMIT_ENTRY_BYTES, GM_REASON_NONE, NULL},
    {"p.tar", "max_entries=2", GM_REASON_LIMIT_ENTRIES, GM_REASON_NONE, "d/b.txt"},
    {"nested.tar", "max_entries=9", GM_REASON_LIMIT_ENTRIES, GM_REASON_NONE, NULL},
};

static void every_limit_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(limits); i++) {
        const char *const settings[] = {limits[i].setting, NULL};
        struct gm_emit emit = split(limits[i].name, settings);
        const struct gm_fake_row *row = gm_fake_container(&emit);
        enum gm_reason reason = row ? row->reason : GM_REASON_NONE;
        if (reason != limits[i].container || emit.n_container_rejects > 1)
            fail_msg("%s, %s: %s", limits[i].name, limits[i].setting, gm_reason_code(reason));
        if (limits[i].member_name) {
            row = gm_fake_find(&emit, limits[i].member_name);
            assert_non_null(row);
            if (row->reason != limits[i].member)
                fail_msg("%s, %s: member %s", limits[i].name, limits[i].setting,
                         gm_reason_code(row->reason));
        }
        gm_fake_free(&emit);
    }
}

static void members_before_a_limit_are_kept(void **state)
{
    (void)state;
    static const char *const settings[] = {"max_entries=2", NULL};
    struct gm_emit emit = split("p.tar", settings);
    assert_int_equal(emit.n_members, 2);
    gm_fake_free(&emit);
    emit = split("many.tar.gz", NULL);
    assert_int_equal(emit.n_members, 4); /* of 4 MB each: the fifth goes over 16 MB */
    gm_fake_free(&emit);
}

/* ---- every cut and many flips of small archives ---- */

struct whole {
    const char *name;
    struct gm_buf bytes;
    struct gm_emit emit;
    enum gm_media media;
    const char *const *settings;
};

static void split_bytes(struct whole *whole, const uint8_t *data, size_t n_bytes,
                        struct gm_emit *emit)
{
    struct gm_err err;
    /* An exact copy, so that a sanitizer sees reads behind it. */
    uint8_t *copy = malloc(n_bytes + 1);
    memcpy(copy + 1, data, n_bytes);
    struct gm_container container = {
        .fd = -1, .data = copy + 1, .n_bytes = n_bytes, .media = whole->media, .name = whole->name};
    gm_fake_init(emit);
    emit->keep_bytes = 0;
    enum gm_status status = gm_fake_split(emit, &container, whole->settings, &err);
    if (status != GM_OK)
        fail_msg("%s: %s: %s", whole->name, gm_status_name(status), err.text);
    free(copy);
}

static void open_whole(struct whole *whole, const char *name, const char *const *settings)
{
    memset(whole, 0, sizeof(*whole));
    whole->settings = settings;
    whole->name = name;
    archive_read_all(name, &whole->bytes);
    whole->media = gm_media_sniff(whole->bytes.data, whole->bytes.n_bytes, name, strlen(name));
    split_bytes(whole, whole->bytes.data, whole->bytes.n_bytes, &whole->emit);
}

static void close_whole(struct whole *whole)
{
    gm_fake_free(&whole->emit);
    gm_buf_free(&whole->bytes);
}

static bool same_member(const struct gm_fake_row *a, const struct gm_fake_row *b)
{
    return a->kind == b->kind && a->n_bytes == b->n_bytes && a->hash == b->hash &&
           strcmp(a->name, b->name) == 0;
}

/* Members of the damaged archive must be those of the whole one, in order, up to a reject. */
static bool is_prefix(const struct gm_emit *part, const struct gm_emit *whole)
{
    for (size_t i = 0; i < part->n_rows && part->rows[i].kind == GM_FAKE_MEMBER; i++)
        if (i >= whole->n_rows || !same_member(&part->rows[i], &whole->rows[i]))
            return false;
    return true;
}

static void every_cut_keeps_what_is_in_front_of_it(void **state)
{
    (void)state;
    static const char *const names[] = {"p.zip",      "stored.zip", "p.7z",      "p.tar.gz",
                                        "p.tar.bz2",  "p.tar.xz",   "p.tar.zst", "a.txt.gz",
                                        "x.jsonl.gz", "x.jsonl.xz"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct whole whole;
        open_whole(&whole, names[i], NULL);
        uint64_t most = 0;
        for (size_t n = 0; n < whole.bytes.n_bytes; n++) {
            struct gm_emit emit;
            split_bytes(&whole, whole.bytes.data, n, &emit);
            if (emit.n_rejects + emit.n_container_rejects == 0)
                fail_msg("%s cut at %zu: nothing is reported", names[i], n);
            if (!is_prefix(&emit, &whole.emit))
                fail_msg("%s cut at %zu: a member that is not in the whole", names[i], n);
            most = emit.n_members > most ? emit.n_members : most;
            gm_fake_free(&emit);
        }
        if (whole.media == GM_MEDIA_ZIP)
            assert_int_equal(most, whole.emit.n_members);
        close_whole(&whole);
    }
}

/* A tar says by a block of zeros that it is complete; a cut in front of it is reported. */
static void every_cut_of_a_tar_is_reported(void **state)
{
    (void)state;
    struct whole whole;
    open_whole(&whole, "p.tar", NULL);
    size_t n_data = whole.bytes.n_bytes;
    while (whole.bytes.data[n_data - 1] == 0)
        n_data--;
    n_data = (n_data + 511) / 512 * 512;
    for (size_t n = 0; n < whole.bytes.n_bytes; n += n % 512 < 2 || n % 512 == 511 ? 1 : 17) {
        struct gm_emit emit;
        split_bytes(&whole, whole.bytes.data, n, &emit);
        bool is_reported = emit.n_rejects + emit.n_container_rejects > 0;
        bool may_be_either = n > n_data + 512 && n % 512 != 0; /* part of a block of zeros */
        if (!may_be_either && is_reported != (n < n_data + 512))
            fail_msg("cut at %zu of %zu: %d", n, n_data, is_reported);
        assert_true(is_prefix(&emit, &whole.emit));
        gm_fake_free(&emit);
    }
    close_whole(&whole);
}

static bool has_body(const struct gm_emit *emit, const struct gm_fake_row *row)
{
    for (size_t i = 0; i < emit->n_rows; i++)
        if (emit->rows[i].hash == row->hash && emit->rows[i].n_bytes == row->n_bytes)
            return true;
    return false;
}

/* One bit at a time. Formats with checksums never give a body that was not in them, and lose none
 * in silence: as many members as before, or a reject. Names have no checksum in a zip, so they must
 * not decide what is split into lines here. */
static void no_flipped_bit_passes_for_data(void **state)
{
    static const char *const files_only[] = {"jsonl=false", NULL};
    (void)state;
    static const char *const names[] = {"p.tar.gz", "p.tar.bz2",  "p.tar.xz", "p.tar.zst",
                                        "p.zip",    "stored.zip", "p.7z"};
    for (size_t i = 0; i < GM_ARRAY_LEN(names); i++) {
        struct whole whole;
        open_whole(&whole, names[i], files_only);
        for (size_t at = 0; at < whole.bytes.n_bytes; at++) {
            struct gm_emit emit;
            uint8_t bit = (uint8_t)(1u << (at % 8));
            whole.bytes.data[at] ^= bit;
            split_bytes(&whole, whole.bytes.data, whole.bytes.n_bytes, &emit);
            whole.bytes.data[at] ^= bit;
            bool is_reported = emit.n_rejects + emit.n_container_rejects > 0;
            if (!is_reported && emit.n_members != whole.emit.n_members)
                fail_msg("%s, byte %zu: %d members", names[i], at, (int)emit.n_members);
            for (size_t row = 0; row < emit.n_rows; row++)
                if (emit.rows[row].kind == GM_FAKE_MEMBER && !is_reported &&
                    !has_body(&whole.emit, &emit.rows[row]))
                    fail_msg("%s, byte %zu: a body that was not there", names[i], at);
            gm_fake_free(&emit);
        }
        close_whole(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_costs_what_is_damaged),
        cmocka_unit_test(lost_members_name_their_reason),
        cmocka_unit_test(every_limit_has_its_reason),
        cmocka_unit_test(members_before_a_limit_are_kept),
        cmocka_unit_test(every_cut_keeps_what_is_in_front_of_it),
        cmocka_unit_test(every_cut_of_a_tar_is_reported),
        cmocka_unit_test(no_flipped_bit_passes_for_data),
    };
    return cmocka_run_group_tests(tests, archive_dir_make, archive_dir_remove);
}
