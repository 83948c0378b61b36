/* Response heads: what is kept, what is refused. */
#include "fetch/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Feeds lines that are separated by '\n'; the first problem or NULL. */
static const char *feed(struct gm_response *response, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        char line[512];
        snprintf(line, sizeof line, "%.*s\r\n", (int)n, text);
        const char *problem = gm_response_line(response, line, strlen(line));
        if (problem)
            return problem;
        text += n + (text[n] == '\n');
    }
    return NULL;
}

static void headers_are_found_in_any_case(void **state)
{
    (void)state;
    struct gm_response response = {0};
    gm_response_reset(&response);
    assert_null(feed(&response, "HTTP/1.1 206 Partial\nCONTENT-LENGTH:  12 \netag: \"x\"\n"
                                "Last-modified: then\nContent-Type: text/plain; charset=x\n"
                                "Retry-After: 7\nContent-Range: bytes 5-16/17\nX-Etag: no\n"));
    assert_int_equal(response.status, 206);
    assert_int_equal(response.version, 1);
    assert_int_equal(response.content_length, 12);
    assert_string_equal(response.etag, "\"x\"");
    assert_string_equal(response.last_modified, "then");
    assert_string_equal(response.content_type, "text/plain; charset=x");
    assert_string_equal(response.retry_after, "7");
    assert_true(response.has_range);
    assert_int_equal(response.range_first, 5);
    assert_int_equal(response.range_total, 17);
    assert_true(gm_response_is_framed(&response));
    gm_response_reset(&response);
    assert_null(response.etag);
    assert_int_equal(response.content_length, UINT64_MAX);
}

/* What comes back as If-None-Match in a later request must not bring a line of its own. */
static void validators_with_control_characters_are_forgotten(void **state)
{
    (void)state;
    struct gm_response response = {0};
    gm_response_reset(&response);
    assert_null(feed(&response, "HTTP/1.1 200 OK\nETag: \"a\rHost: b\"\nLast-Modified: a\x7f\n"
                                "Content-Type: text/plain;\tcharset=x\n"));
    assert_null(response.etag);
    assert_null(response.last_modified);
    assert_string_equal(response.content_type, "text/plain;\tcharset=x");
    gm_response_reset(&response);
}

static void interim_responses_leave_nothing_behind(void **state)
{
    (void)state;
    struct gm_response response = {0};
    gm_response_reset(&response);
    assert_null(feed(&response, "HTTP/1.1 103 Early\nContent-Length: 5\nETag: \"no\"\n"
                                "HTTP/1.1 200 OK\nContent-Type: a/b\n"));
    assert_int_equal(response.status, 200);
    assert_int_equal(response.n_interim, 1);
    assert_int_equal(response.content_length, UINT64_MAX);
    assert_null(response.etag);
    assert_false(gm_response_is_framed(&response));
    gm_response_reset(&response);
}

static void endless_interim_responses_are_refused(void **state)
{
    (void)state;
    struct gm_response response = {0};
    gm_response_reset(&response);
    for (unsigned i = 0; i < GM_RESPONSE_MAX_INTERIM; i++)
        assert_null(feed(&response, "HTTP/1.1 100 Continue\n"));
    assert_non_null(strstr(feed(&response, "HTTP/1.1 100 Continue\n"), "interim"));
    gm_response_reset(&response);
}

static void conflicting_lengths_are_refused_and_equal_ones_not(void **state)
{
    (void)state;
    struct gm_response response = {0};
    gm_response_reset(&response);
    assert_null(feed(&response, "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5\n"));
    assert_non_null(strstr(feed(&response, "Content-Length: 6\n"), "conflicting"));
    gm_response_reset(&response);
    assert_non_null(strstr(feed(&response, "HTTP/1.1 200 OK\nContent-Length: -1\n"), "no number"));
    gm_response_reset(&response);
}

static void a_flood_of_headers_is_refused(void **state)
{
    (void)state;
    struct gm_response response = {0};
    const char *problem = NULL;
    gm_response_reset(&response);
    for (int i = 0; i < 2000 && !problem; i++)
        problem = feed(&response,
                       "X-Filler: 0123456789012345678901234567890123456789012345678901234567\n");
    assert_non_null(problem);
    assert_in_range(response.head_bytes, GM_RESPONSE_MAX_HEAD_BYTES,
                    GM_RESPONSE_MAX_HEAD_BYTES + 80);
    gm_response_reset(&response);
}

static void ranges_are_read_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {"Content-Range: bytes x-9/10\n",
                                      "Content-Range: 0-9/10\n",
                                      "Content-Range: bytes 0-9\n",
                                      "Content-Range: bytes 9/10\n",
                                      "Content-Range: bytes 0-9/x\n",
                                      "Content-Range: bytes \n",
                                      "Content-Range: \n",
                                      "Content-Range: bytes\n"};
    struct gm_response response = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gm_response_reset(&response);
        assert_null(feed(&response, bad[i]));
        assert_false(response.has_range);
    }
    gm_response_reset(&response);
    assert_null(feed(&response, "Content-Range: bytes */10\n"));
    assert_true(response.has_range && response.range_first == UINT64_MAX);
    gm_response_reset(&response);
    assert_null(feed(&response, "Content-Range: bytes 3-9/*\n"));
    assert_true(response.has_range && response.range_total == UINT64_MAX);
    gm_response_reset(&response);
}

static void chunked_and_http_2_are_framed(void **state)
{
    (void)state;
    struct gm_response response = {0};
    gm_response_reset(&response);
    assert_null(feed(&response, "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, Chunked\n"));
    assert_true(gm_response_is_framed(&response));
    gm_response_reset(&response);
    assert_null(feed(&response, "HTTP/2 200 \n"));
    assert_true(gm_response_is_framed(&response));
    assert_false(response.complete);
    assert_null(gm_response_line(&response, "\r\n", 2));
    assert_true(response.complete);
    assert_null(feed(&response, "HTTP/1.1 204 No Content\n"));
    assert_false(response.complete);
    assert_true(gm_response_is_framed(&response));
    assert_non_null(feed(&response, "HTTP/1.1\n"));
    assert_non_null(feed(&response, "HTTP/1.1 2x0 OK\n"));
    gm_response_reset(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_in_any_case),
        cmocka_unit_test(validators_with_control_characters_are_forgotten),
        cmocka_unit_test(interim_responses_leave_nothing_behind),
        cmocka_unit_test(endless_interim_responses_are_refused),
        cmocka_unit_test(conflicting_lengths_are_refused_and_equal_ones_not),
        cmocka_unit_test(a_flood_of_headers_is_refused),
        cmocka_unit_test(ranges_are_read_strictly),
        cmocka_unit_test(chunked_and_http_2_are_framed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
