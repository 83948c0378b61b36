/* JSON Lines: what a line is, however the stream is cut into pieces, and how little of it is held.
 */
#include "fake_emit.h"
#include "unpack/lines.h"
#include "unpack/stream.h"
#include "unpack/unpacking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

/* A stream that gives a text in pieces, or one line of n_left bytes 'x', and may break at its end.
 */
struct cut_stream {
    struct gm_stream stream;
    const uint8_t *text;
    uint64_t n_left;
    size_t piece_bytes;
    bool is_endless;
    bool breaks;
    uint8_t *piece; /* a fresh copy each time, so that a sanitizer sees stale use */
};

static enum gm_status cut_read(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                               struct gm_err *err)
{
    struct cut_stream *cut = (struct cut_stream *)stream;
    size_t n = cut->n_left < cut->piece_bytes ? (size_t)cut->n_left : cut->piece_bytes;
    *n_bytes = n;
    if (n == 0 && cut->breaks)
        return gm_unpacking_fail(stream->unpacking, GM_REASON_UNPACK_BROKEN, err, "cut off");
    cut->n_left -= n;
    if (cut->is_endless) {
        *data = cut->piece;
        return GM_OK;
    }
    free(cut->piece);
    cut->piece = malloc(n ? n : 1);
    memcpy(cut->piece, cut->text, n);
    cut->text += n;
    *data = cut->piece;
    return GM_OK;
}

static enum gm_status split(struct gm_emit *emit, const char *text, size_t n_bytes,
                            size_t piece_bytes, bool breaks)
{
    struct gm_err err;
    static const struct gm_unpack_opts opts = {.max_ratio = 200, .max_total_bytes = UINT64_MAX};
    struct gm_unpacking unpacking = {.opts = &opts, .emit = emit};
    struct cut_stream cut = {.stream = {.read = cut_read, .unpacking = &unpacking},
                             .text = (const uint8_t *)text,
                             .n_left = n_bytes,
                             .piece_bytes = piece_bytes,
                             .breaks = breaks};
    enum gm_status status = gm_lines_split(&unpacking, &cut.stream, &err);
    free(cut.piece);
    return status;
}

#define MAX_LINES 5
static const struct {
    const char *text;
    const char *lines[MAX_LINES];
} cases[] = {
    {"", {NULL}},
    {"\n", {NULL}},
    {"\r\n\n \t\r\n", {NULL}},
    {" \t ", {NULL}},
    {"a", {"a"}},
    {"a\n", {"a"}},
    {"a\r\n", {"a"}},
    {"a\r", {"a"}},
    {"a\nb", {"a", "b"}},
    {"a\n\nb\r\n\r\nc", {"a", "b", "c"}},
    {"a\rb\n", {"a\rb"}},
    {"a\r\r\n", {"a\r"}},
    {"{\"a\": 1}  \n{\"b\":\t2}\r\n", {"{\"a\": 1}  ", "{\"b\":\t2}"}},
    {"\xef\xbb\xbf{}\n{}", {"{}", "{}"}},
    {"\xef\xbb\xbf\r\nx", {"x"}},
    {"\xef\xbb\xbf", {NULL}},
    {"x\n\xef\xbb\xbfy\n", {"x", "\xef\xbb\xbfy"}},
    {"\xff\xfe\x01\n\x80", {"\xff\xfe\x01", "\x80"}},
};

static void lines_are_the_same_however_the_stream_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < GM_ARRAY_LEN(cases); i++) {
        size_t n_text = strlen(cases[i].text);
        for (size_t piece = 1; piece <= n_text + 1; piece++) {
            struct gm_emit emit;
            gm_fake_init(&emit);
            assert_int_equal(split(&emit, cases[i].text, n_text, piece, false), GM_OK);
            size_t n_lines = 0;
            while (n_lines < MAX_LINES && cases[i].lines[n_lines])
                n_lines++;
            if (emit.n_rows != n_lines)
                fail_msg("case %zu in pieces of %zu: %zu lines", i, piece, emit.n_rows);
            for (size_t line = 0; line < n_lines; line++) {
                assert_int_equal(emit.rows[line].kind, GM_FAKE_MEMBER);
                assert_int_equal(emit.rows[line].media, GM_MEDIA_JSON_LINE);
                assert_false(emit.rows[line].has_name);
                assert_string_equal((const char *)emit.rows[line].body, cases[i].lines[line]);
            }
            gm_fake_free(&emit);
        }
    }
}

/* Blanks in front of a line may be kept or dropped with the cut; its JSON is the same. */
static void leading_blanks_do_not_matter(void **state)
{
    (void)state;
    static const char text[] = "  {}\n\t\t[]";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        struct gm_emit emit;
        gm_fake_init(&emit);
        assert_int_equal(split(&emit, text, sizeof(text) - 1, piece, false), GM_OK);
        assert_int_equal(emit.n_rows, 2);
        assert_non_null(strstr((const char *)emit.rows[0].body, "{}"));
        assert_non_null(strstr((const char *)emit.rows[1].body, "[]"));
        gm_fake_free(&emit);
    }
}

static void nul_bytes_are_passed_on(void **state)
{
    (void)state;
    struct gm_emit emit;
    gm_fake_init(&emit);
    assert_int_equal(split(&emit, "a\0b\n\0\n", 6, 100, false), GM_OK);
    assert_int_equal(emit.n_rows, 2);
    assert_int_equal(emit.rows[0].n_bytes, 3);
    assert_int_equal(emit.rows[1].n_bytes, 1);
    gm_fake_free(&emit);
}

static void a_line_over_the_limit_costs_only_itself(void **state)
{
    (void)state;
    static const char text[] = "short\nmuch longer than ten\r\nend\nagain longer than ten";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        struct gm_emit emit;
        gm_fake_init(&emit);
        emit.max_record_bytes = 10;
        assert_int_equal(split(&emit, text, sizeof(text) - 1, piece, false), GM_OK);
        assert_int_equal(emit.n_rows, 4);
        assert_string_equal((const char *)emit.rows[0].body, "short");
        assert_int_equal(emit.rows[1].reason, GM_REASON_LIMIT_RECORD_BYTES);
        assert_string_equal((const char *)emit.rows[2].body, "end");
        assert_int_equal(emit.rows[3].reason, GM_REASON_LIMIT_RECORD_BYTES);
        gm_fake_free(&emit);
    }
}

static void a_break_loses_the_line_it_is_in(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo\nthr";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        struct gm_emit emit;
        gm_fake_init(&emit);
        assert_int_equal(split(&emit, text, sizeof(text) - 1, piece, true), GM_INPUT);
        assert_int_equal(emit.n_members, 2);
        assert_int_equal(emit.n_rows, 3);
        assert_int_equal(emit.rows[2].kind, GM_FAKE_REJECT);
        assert_int_equal(emit.rows[2].reason, GM_REASON_UNPACK_BROKEN);
        gm_fake_free(&emit);
    }
}

static void the_engine_may_end_it_at_any_line(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        struct gm_emit emit;
        gm_fake_init(&emit);
        emit.end_after = n;
        assert_int_equal(split(&emit, "a\nb\nc\nd\n", 8, 3, false), GM_END);
        assert_int_equal(emit.n_members, n);
        gm_fake_free(&emit);
    }
}

static void a_huge_line_is_not_held(void **state)
{
    (void)state;
    struct gm_err err;
    struct gm_emit emit;
    gm_fake_init(&emit);
    emit.max_record_bytes = 1 << 20;
    static const struct gm_unpack_opts opts = {.max_ratio = 200, .max_total_bytes = UINT64_MAX};
    struct gm_unpacking unpacking = {.opts = &opts, .emit = &emit};
    struct cut_stream cut = {.stream = {.read = cut_read, .unpacking = &unpacking},
                             .n_left = 10ull << 30,
                             .piece_bytes = GM_STREAM_PIECE_BYTES,
                             .is_endless = true,
                             .piece = malloc(GM_STREAM_PIECE_BYTES)};
    memset(cut.piece, 'x', GM_STREAM_PIECE_BYTES);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    assert_int_equal(gm_lines_split(&unpacking, &cut.stream, &err), GM_OK);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(emit.n_rows, 1);
    assert_int_equal(emit.rows[0].reason, GM_REASON_LIMIT_RECORD_BYTES);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
    gm_fake_free(&emit);
    free(cut.piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_the_stream_is_cut),
        cmocka_unit_test(leading_blanks_do_not_matter),
        cmocka_unit_test(nul_bytes_are_passed_on),
        cmocka_unit_test(a_line_over_the_limit_costs_only_itself),
        cmocka_unit_test(a_break_loses_the_line_it_is_in),
        cmocka_unit_test(the_engine_may_end_it_at_any_line),
        cmocka_unit_test(a_huge_line_is_not_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
