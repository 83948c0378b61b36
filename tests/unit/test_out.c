/* The output block: parts come out as they went in, damage is found, a reject is one line. */
#include "out.h"

#include "base/hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void build_sample(struct gm_out *out)
{
    gm_out_reset(out);
    out->stream = GM_STREAM_FIRST_SINK;
    assert_int_equal(gm_out_part(out, NULL, "payload", 7, 2, NULL), GM_OK);
    out->stream = GM_STREAM_FIRST_SINK + 1;
    assert_int_equal(gm_out_part(out, "a/b.jpg", "image", 5, 1, NULL), GM_OK);
    out->stream = GM_STREAM_REJECTS;
    assert_int_equal(gm_out_part(out, NULL, NULL, 0, 0, NULL), GM_OK);
    gm_out_count(out, GM_REASON_NONE);
    gm_out_count(out, GM_REASON_NONE);
    gm_out_count(out, GM_REASON_TEXT_UTF8);
    assert_int_equal(gm_out_finish(out, NULL), GM_OK);
}

static void parts_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct gm_out out;
    gm_out_init(&out);
    build_sample(&out);
    struct gm_out_header header;
    struct gm_err err = {0};
    assert_int_equal(gm_out_check(out.bytes.data, out.bytes.n_bytes, &header, &err), GM_OK);
    assert_int_equal(header.n_in, 3);
    assert_int_equal(header.n_written, 2);
    assert_int_equal(header.reasons[GM_REASON_TEXT_UTF8], 1);
    assert_int_equal(header.n_parts, 3);
    size_t offset = sizeof header;
    struct gm_out_part part;
    const uint8_t *name, *payload;
    const uint8_t *data = out.bytes.data;
    assert_int_equal(gm_out_next(data, header.n_bytes, &offset, &part, &name, &payload, &err),
                     GM_OK);
    assert_int_equal(part.stream, GM_STREAM_FIRST_SINK);
    assert_int_equal(part.n_records, 2);
    assert_int_equal(part.name_bytes, 0);
    assert_memory_equal(payload, "payload", part.n_bytes);
    assert_int_equal(gm_out_next(data, header.n_bytes, &offset, &part, &name, &payload, &err),
                     GM_OK);
    assert_int_equal(part.name_bytes, 7);
    assert_memory_equal(name, "a/b.jpg", 7);
    assert_memory_equal(payload, "image", 5);
    assert_int_equal(gm_out_next(data, header.n_bytes, &offset, &part, &name, &payload, &err),
                     GM_OK);
    assert_int_equal(part.n_bytes, 0);
    assert_int_equal(gm_out_next(data, header.n_bytes, &offset, &part, &name, &payload, &err),
                     GM_END);
    gm_out_free(&out);
}

static void every_changed_byte_of_a_block_is_found(void **state)
{
    (void)state;
    struct gm_out out;
    gm_out_init(&out);
    build_sample(&out);
    struct gm_out_header header;
    size_t n = out.bytes.n_bytes;
    for (size_t at = 0; at < n; at++) {
        if (at >= offsetof(struct gm_out_header, reserved) &&
            at < offsetof(struct gm_out_header, checksum))
            continue;
        uint8_t *bad = malloc(n);
        assert_non_null(bad);
        memcpy(bad, out.bytes.data, n);
        bad[at] ^= 0x41;
        assert_int_equal(gm_out_check(bad, n, &header, NULL), GM_INTERNAL);
        free(bad);
    }
    for (size_t shorter = 0; shorter < n; shorter++)
        assert_int_equal(gm_out_check(out.bytes.data, shorter, &header, NULL), GM_INTERNAL);
    gm_out_free(&out);
}

/* A worker that lies has the right checksum: then the lengths must be caught. */
static void lengths_are_checked_behind_a_right_checksum(void **state)
{
    (void)state;
    struct gm_out out;
    gm_out_init(&out);
    build_sample(&out);
    struct gm_out_header header;
    size_t n = out.bytes.n_bytes;
    static const uint32_t values[] = {0,          1,          8,          1025,
                                      0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    int n_refused = 0;
    for (size_t at = sizeof header; at + 4 <= n; at += 4)
        for (size_t i = 0; i < GM_ARRAY_LEN(values); i++) {
            uint8_t *bad = malloc(n);
            assert_non_null(bad);
            memcpy(bad, out.bytes.data, n);
            memcpy(bad + at, &values[i], 4);
            uint64_t checksum = gm_xxh64(bad + sizeof header, n - sizeof header, 0);
            memcpy(bad + offsetof(struct gm_out_header, checksum), &checksum, 8);
            n_refused += gm_out_check(bad, n, &header, NULL) != GM_OK;
            free(bad);
        }
    assert_true(n_refused > 20);
    gm_out_free(&out);
}

static void counts_must_add_up(void **state)
{
    (void)state;
    struct gm_out out;
    gm_out_init(&out);
    build_sample(&out);
    struct gm_out_header header;
    out.header.n_in++;
    assert_int_equal(gm_out_finish(&out, NULL), GM_OK);
    struct gm_err err = {0};
    assert_int_equal(gm_out_check(out.bytes.data, out.bytes.n_bytes, &header, &err), GM_INTERNAL);
    assert_non_null(strstr(err.text, "4 records in"));
    out.header.reasons[GM_REASON_SLOTS - 1]++;
    assert_int_equal(gm_out_finish(&out, NULL), GM_OK);
    assert_int_equal(gm_out_check(out.bytes.data, out.bytes.n_bytes, &header, &err), GM_INTERNAL);
    gm_out_free(&out);
}

static void reset_starts_an_empty_block(void **state)
{
    (void)state;
    struct gm_out out;
    gm_out_init(&out);
    build_sample(&out);
    gm_out_reset(&out);
    assert_int_equal(gm_out_finish(&out, NULL), GM_OK);
    struct gm_out_header header;
    assert_int_equal(gm_out_check(out.bytes.data, out.bytes.n_bytes, &header, NULL), GM_OK);
    assert_int_equal(header.n_bytes, sizeof header);
    assert_int_equal(header.n_in, 0);
    gm_buf_text(gm_out_scratch(&out), "left over");
    assert_int_equal(gm_out_scratch(&out)->n_bytes, 0);
    gm_out_free(&out);
}

/* The same parts, copied in or built in their place, on the heap or in memory that is lent, and
 * that is outgrown in the middle of a part. */
static void parts_built_in_place_are_the_same_as_copied_ones(void **state)
{
    static uint8_t lent[4][8192];
    static const size_t room[] = {sizeof lent[0], 5000, 1000, 0};
    (void)state;
    struct gm_out copied;
    gm_out_init(&copied);
    for (size_t i = 0; i < 4; i++) {
        struct gm_out out;
        uint8_t data[3000];
        gm_out_init(&out);
        gm_out_reset(&copied);
        gm_out_borrow(&out, room[i] ? lent[i] : NULL, room[i]);
        for (unsigned part = 0; part < 2; part++) {
            memset(data, 'a' + (int)part, sizeof data);
            copied.stream = out.stream = GM_STREAM_FIRST_SINK;
            assert_int_equal(gm_out_part(&copied, NULL, data, 2001 + part, 7, NULL), GM_OK);
            gm_buf_append(gm_out_begin(&out), data, 1000);
            gm_buf_append(&out.bytes, data, 1001 + part);
            assert_int_equal(gm_out_end(&out, 7, NULL), GM_OK);
            gm_out_begin(&out); /* nothing came of it */
            assert_int_equal(gm_out_end(&out, 0, NULL), GM_OK);
        }
        assert_int_equal(gm_out_finish(&copied, NULL), GM_OK);
        assert_int_equal(gm_out_finish(&out, NULL), GM_OK);
        assert_int_equal(out.bytes.n_bytes, copied.bytes.n_bytes);
        assert_memory_equal(out.bytes.data, copied.bytes.data, copied.bytes.n_bytes);
        assert_true(out.bytes.borrowed == (room[i] > out.bytes.n_bytes));
        assert_true(!out.bytes.borrowed || out.bytes.data == lent[i]);
        gm_out_free(&out);
    }
    gm_out_free(&copied);
}

static void a_reject_is_one_line_of_json(void **state)
{
    (void)state;
    struct gm_buf buf = GM_BUF_INIT;
    struct gm_reject reject = {.item = 17,
                               .member = 3,
                               .source = {(const uint8_t *)"http://x/\"\n", 11},
                               .stage = "unpack",
                               .reason = GM_REASON_UNPACK_BROKEN,
                               .message = {(const uint8_t *)"at byte 8", 9}};
    gm_reject_encode(&buf, &reject);
    assert_string_equal(
        gm_buf_cstr(&buf),
        "{\"id\":\"000000017.000003\",\"source\":\"http://x/\\\"\\n\",\"name\":null,"
        "\"stage\":\"unpack\",\"reason\":\"unpack.broken\",\"outcome\":\"failed\","
        "\"message\":\"at byte 8\"}\n");
    gm_buf_clear(&buf);
    reject = (struct gm_reject){.item = 1, .member = UINT64_MAX, .reason = GM_REASON_TEXT_EMPTY};
    gm_reject_encode(&buf, &reject);
    assert_string_equal(gm_buf_cstr(&buf),
                        "{\"id\":\"000000001\",\"source\":null,\"name\":null,\"stage\":null,"
                        "\"reason\":\"text.empty\",\"outcome\":\"rejected\",\"message\":null}\n");
    gm_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_out_as_they_went_in),
        cmocka_unit_test(every_changed_byte_of_a_block_is_found),
        cmocka_unit_test(lengths_are_checked_behind_a_right_checksum),
        cmocka_unit_test(counts_must_add_up),
        cmocka_unit_test(reset_starts_an_empty_block),
        cmocka_unit_test(parts_built_in_place_are_the_same_as_copied_ones),
        cmocka_unit_test(a_reject_is_one_line_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
