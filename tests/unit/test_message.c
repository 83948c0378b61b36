/* Responses as bytes: what comes out is the same in one piece, byte by byte and in any other
 * pieces; what is ambiguous or without end is refused. */
#include "fetch/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
    const char *problem; /* NULL: none */
    bool done, keeps;
    enum gm_message_end end; /* if the connection ended then */
    unsigned status;
    size_t n_left; /* bytes behind the message */
    struct gm_buf body;
};

/* piece_bytes 0: all at once. */
static struct outcome read_pieces(const void *data, size_t n_bytes, size_t piece_bytes)
{
    struct outcome outcome = {0};
    struct gm_message message = {0};
    struct gm_response response = {0};
    const uint8_t *bytes = data;
    gm_response_reset(&response);
    gm_message_begin(&message, &response);
    size_t at = 0;
    while (at < n_bytes && !outcome.problem && message.at != GM_MESSAGE_DONE) {
        size_t n = piece_bytes && piece_bytes < n_bytes - at ? piece_bytes : n_bytes - at;
        uint8_t *piece = malloc(n); /* so that ASan sees who reads beyond it */
        memcpy(piece, bytes + at, n);
        for (size_t used = 0; used < n && message.at != GM_MESSAGE_DONE && !outcome.problem;) {
            struct gm_message_step step;
            outcome.problem = gm_message_take(&message, piece + used, n - used, &step);
            assert_true(outcome.problem || step.n_bytes > 0);
            gm_buf_append(&outcome.body, step.body, step.body_bytes);
            used += step.n_bytes;
            at += step.n_bytes;
        }
        free(piece);
    }
    outcome.done = !outcome.problem && message.at == GM_MESSAGE_DONE;
    outcome.keeps = outcome.done && gm_message_keeps(&message);
    outcome.end = gm_message_end(&message);
    outcome.status = response.status;
    outcome.n_left = n_bytes - at;
    gm_response_reset(&response);
    gm_message_fini(&message);
    return outcome;
}

/* In one piece, after it was found to be the same in pieces of all sizes. */
static struct outcome read_bytes(const void *data, size_t n_bytes)
{
    struct outcome whole = read_pieces(data, n_bytes, 0);
    for (size_t piece = 1; piece < n_bytes && piece < 200; piece++) {
        struct outcome other = read_pieces(data, n_bytes, piece);
        assert_int_equal(whole.problem != NULL, other.problem != NULL);
        assert_int_equal(whole.done, other.done);
        assert_int_equal(whole.keeps, other.keeps);
        assert_int_equal(whole.body.n_bytes, other.body.n_bytes);
        if (whole.body.n_bytes)
            assert_memory_equal(whole.body.data, other.body.data, whole.body.n_bytes);
        if (!whole.problem) {
            assert_int_equal(whole.end, other.end);
            assert_int_equal(whole.n_left, other.n_left);
            assert_int_equal(whole.status, other.status);
        }
        gm_buf_free(&other.body);
    }
    return whole;
}

static struct outcome read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static void expect_body(const char *text, const char *body, bool keeps, size_t n_left)
{
    struct outcome outcome = read_text(text);
    if (outcome.problem)
        fail_msg("%s: %s", text, outcome.problem);
    assert_true(outcome.done);
    assert_int_equal(outcome.keeps, keeps);
    assert_int_equal(outcome.n_left, n_left);
    assert_string_equal(gm_buf_cstr(&outcome.body), body);
    gm_buf_free(&outcome.body);
}

static void expect_problem(const char *text, const char *word)
{
    struct outcome outcome = read_text(text);
    if (!outcome.problem || !strstr(outcome.problem, word))
        fail_msg("%s: %s instead of %s", text, outcome.problem ? outcome.problem : "good", word);
    gm_buf_free(&outcome.body);
}

static void expect_end(const char *text, enum gm_message_end end)
{
    struct outcome outcome = read_text(text);
    assert_null(outcome.problem);
    assert_false(outcome.done);
    assert_int_equal(outcome.end, end);
    gm_buf_free(&outcome.body);
}

#define OK "HTTP/1.1 200 OK\r\n"

static void a_counted_body_ends_where_it_says(void **state)
{
    (void)state;
    expect_body(OK "Content-Length: 5\r\n\r\nhello", "hello", true, 0);
    expect_body(OK "Content-Length: 5\r\n\r\nhello, and more", "hello", true, 10);
    expect_body(OK "content-length:5\r\ncontent-length: 5\r\n\r\nhello", "hello", true, 0);
    expect_body(OK "Content-Length: 0\r\n\r\n", "", true, 0);
    expect_end(OK "Content-Length: 6\r\n\r\nhello", GM_MESSAGE_END_IN_BODY);
    expect_end(OK "Content-Length: 6\r\n\r\n", GM_MESSAGE_END_IN_BODY);
    expect_end(OK "Content-Length: 0\r\n", GM_MESSAGE_END_IN_HEAD);
    expect_end("HTTP/1.1 20", GM_MESSAGE_END_IN_HEAD);
    expect_end("", GM_MESSAGE_END_NOTHING);
    expect_problem(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "conflicting");
    expect_problem(OK "Content-Length: 5, 6\r\n\r\n", "no number");
    expect_problem(OK "Content-Length: +5\r\n\r\n", "no number");
    expect_problem(OK "Content-Length: 0x5\r\n\r\n", "no number");
    expect_problem(OK "Content-Length: 18446744073709551616\r\n\r\n", "no number");
    expect_problem(OK "Content-Length:\r\n\r\n", "no number");
}

static void a_chunked_body_is_put_together(void **state)
{
    (void)state;
    expect_body(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2;a=b;c=\"d\"\r\n, \r\n"
                   "00A \r\n0123456789\r\n0\r\n\r\n",
                "hello, 0123456789", true, 0);
    expect_body(OK "Transfer-Encoding: CHUNKED\r\n\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\nrest",
                "", true, 4);
    expect_body(OK "transfer-encoding: identity, chunked\r\n\r\n1\nx\n0\n\n", "x", true, 0);
    expect_body(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "",
                true, 0);
    expect_end(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", GM_MESSAGE_END_IN_BODY);
    expect_end(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", GM_MESSAGE_END_IN_BODY);
    expect_end(OK "Transfer-Encoding: chunked\r\n\r\n", GM_MESSAGE_END_IN_BODY);
    static const char *const bad[] = {"x\r\n",
                                      "\r\n",
                                      "5x\r\nhello\r\n",
                                      "-1\r\n",
                                      "0x5\r\n",
                                      " 5\r\nhello",
                                      "5\rhello",
                                      "5\r\r\n",
                                      "5\r\nhello0",
                                      "5\r\nhello\rx",
                                      "5\r\nhello\r\n\r\n",
                                      "00000000000000001\r\nx\r\n",
                                      "8000000000000000\r\n",
                                      "fffffffffffffffff\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[200];
        snprintf(text, sizeof text, OK "Transfer-Encoding: chunked\r\n\r\n%s", bad[i]);
        expect_problem(text, "chunk");
    }
}

static void chunked_counts_more_than_a_length_and_ends_the_connection(void **state)
{
    (void)state;
    expect_body(OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                "hello", false, 0);
    expect_body("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
                "1\r\nx\r\n0\r\n\r\n",
                "x", false, 0);
    expect_problem(OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "nobody asked for");
    expect_problem(OK "Transfer-Encoding: chunked, gzip\r\n\r\n", "nobody asked for");
    expect_problem(OK "Transfer-Encoding: xchunked\r\n\r\n", "nobody asked for");
    expect_problem(OK "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
                   "nobody asked for");
}

static void a_body_without_a_length_goes_on_until_the_end(void **state)
{
    (void)state;
    struct outcome outcome = read_text(OK "\r\nall of it");
    assert_null(outcome.problem);
    assert_int_equal(outcome.end, GM_MESSAGE_END_WHOLE);
    assert_string_equal(gm_buf_cstr(&outcome.body), "all of it");
    gm_buf_free(&outcome.body);
}

static void some_answers_have_no_body(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 204 No Content\r\n\r\n", "", true, 0);
    expect_body("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\nHTTP", "", true, 4);
    expect_body("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "", true, 0);
    expect_body("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nwords", "", false, 5);
    expect_body(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" OK
        "Content-Length: 1\r\n\r\nx",
        "x", true, 0);
    expect_end("HTTP/1.1 100 Continue\r\n\r\n", GM_MESSAGE_END_IN_HEAD);
}

static void connections_are_kept_as_stated(void **state)
{
    (void)state;
    expect_body(OK "Connection: close\r\nContent-Length: 1\r\n\r\nx", "x", false, 0);
    expect_body(OK "Connection: Upgrade ,\tCLOSE\r\nContent-Length: 1\r\n\r\nx", "x", false, 0);
    expect_body(OK "Connection: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", "x", false,
                0);
    expect_body(OK "Connection: closed\r\nContent-Length: 1\r\n\r\nx", "x", true, 0);
    expect_body("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", false, 0);
    expect_body("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", "x",
                true, 0);
    expect_body("HTTP/1.2 200\r\nContent-Length: 1\r\n\r\nx", "x", true, 0);
}

static void lines_are_read_as_the_standard_says(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "x", true, 0);
    expect_body(OK "Content-Length:\r\n 1\r\n\r\nx", "x", true, 0);
    expect_body(OK "A: b\r\n\tc\r\n d\nContent-Length: 1\r\n  \r\n\r\nx", "x", true, 0);
    expect_body(OK "no colon\r\nContent-Length: 1\r\n\r\nx", "x", true, 0);
    expect_body(OK ": no name\r\nContent-Length: 1\r\n\r\nx", "x", true, 0);
    expect_problem(OK " Content-Length: 1\r\n\r\nx", "begins with a space");
    expect_problem(OK "Content-Length : 1\r\n\r\nx", "colon");
    expect_problem(OK "Content-Length\t: 1\r\n\r\nx", "colon");
    expect_problem(OK "A: b\rContent-Length: 1\r\n\r\nx", "CR");
    expect_problem(OK "A: b\r\r\n\r\n", "CR");
    expect_problem(OK OK "\r\n", "second status line");
    static const char nul[] = OK "A: \0b\r\n\r\n";
    struct outcome outcome = read_bytes(nul, sizeof nul - 1);
    assert_non_null(strstr(outcome.problem, "NUL"));
}

static void what_is_no_http_1_is_refused(void **state)
{
    (void)state;
    static const char *const other[] = {"<html>",          "\r\n" OK,         "HTTP/2 200\r\n\r\n",
                                        "HTTP/0.9 200 OK", "http/1.1 200 OK", "HTTP/1.x 200 OK",
                                        "SSH-2.0-x\r\n",   "HTTP/11 200",     "HTTP 200"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        expect_problem(other[i], "no HTTP/1 answer");
    static const char *const bad[] = {
        "HTTP/1.1 abc OK\r\n", "HTTP/1.1\r\n",      "HTTP/1.1 20\r\n",    "HTTP/1.1  200\r\n",
        "HTTP/1.1 2000\r\n",   "HTTP/1.1\t200\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.1 -20 OK\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_problem(bad[i], "status line");
}

/* start, then n times the same; the problem names word. Returns how many bytes were not read. */
static size_t expect_no_end(const char *start, unsigned n, const char *again, size_t piece_bytes,
                            const char *word)
{
    struct gm_buf text = GM_BUF_INIT;
    gm_buf_text(&text, start);
    for (unsigned i = 0; i < n; i++)
        gm_buf_text(&text, again);
    struct outcome outcome = read_pieces(text.data, text.n_bytes, piece_bytes);
    assert_non_null(outcome.problem);
    assert_non_null(strstr(outcome.problem, word));
    gm_buf_free(&outcome.body);
    gm_buf_free(&text);
    return outcome.n_left;
}

#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void what_never_ends_is_refused(void **state)
{
    (void)state;
    expect_no_end(OK "X: ", 20000, "0123456789", 0, "128 KB");
    size_t n_left = expect_no_end(OK "X: ", 20000, "0123456789", 1000, "128 KB");
    assert_in_range(n_left, 200020 - 131072 - 1000, 200020 - 131072 + 1000);
    expect_no_end(CHUNKED, 4000, "1;extension=0123456789\r\nx\r\n", 0, "extensions");
    expect_no_end(CHUNKED "0\r\n", 20000, "Trailer: x\r\n", 100, "128 KB");
    expect_no_end("", 20, "HTTP/1.1 102 Processing\r\n\r\n", 0, "1xx");
}

static void a_message_struct_serves_many(void **state)
{
    (void)state;
    static const char cut[] = OK "Transfer-Encoding: chunked\r\n\r\n5;abc\r\nhe";
    static const char next[] = OK "Content-Length: 2\r\n\r\nok";
    struct gm_message message = {0};
    struct gm_response response = {0};
    struct gm_message_step step;
    gm_response_reset(&response);
    gm_message_begin(&message, &response);
    assert_null(gm_message_take(&message, (const uint8_t *)cut, 10, &step));
    gm_response_reset(&response);
    gm_message_begin(&message, &response);
    assert_null(gm_message_take(&message, (const uint8_t *)next, sizeof next - 1, &step));
    assert_int_equal(step.body_bytes, 2);
    assert_int_equal(message.at, GM_MESSAGE_DONE);
    gm_response_reset(&response);
    gm_message_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counted_body_ends_where_it_says),
        cmocka_unit_test(a_chunked_body_is_put_together),
        cmocka_unit_test(chunked_counts_more_than_a_length_and_ends_the_connection),
        cmocka_unit_test(a_body_without_a_length_goes_on_until_the_end),
        cmocka_unit_test(some_answers_have_no_body),
        cmocka_unit_test(connections_are_kept_as_stated),
        cmocka_unit_test(lines_are_read_as_the_standard_says),
        cmocka_unit_test(what_is_no_http_1_is_refused),
        cmocka_unit_test(what_never_ends_is_refused),
        cmocka_unit_test(a_message_struct_serves_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
