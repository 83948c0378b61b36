/* URLs before the first socket: what is refused, and what counts as one host. */
#include "fetch/url.h"

#include "base/assert.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void bad_urls_are_refused_with_their_reason(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum gm_reason reason;
    } table[] = {
        {"", GM_REASON_FETCH_URL},
        {"example.com/x", GM_REASON_FETCH_URL},
        {"http:/example.com", GM_REASON_FETCH_URL},
        {"://example.com", GM_REASON_FETCH_URL},
        {"http://", GM_REASON_FETCH_URL},
        {"http:///x", GM_REASON_FETCH_URL},
        {"http://:80/", GM_REASON_FETCH_URL},
        {"http://a b/", GM_REASON_FETCH_URL},
        {"http://a/b c", GM_REASON_FETCH_URL},
        {"http://a/\r\nHost: evil", GM_REASON_FETCH_URL},
        {"http://a/\tx", GM_REASON_FETCH_URL},
        {"http://a/\x7f", GM_REASON_FETCH_URL},
        {"http://user@a/", GM_REASON_FETCH_URL},
        {"http://user:secret@a/", GM_REASON_FETCH_URL},
        {"http://good.example@evil.example/", GM_REASON_FETCH_URL},
        {"http://a\\@b/", GM_REASON_FETCH_URL},
        {"http://a\\b", GM_REASON_FETCH_URL},
        {"file:///etc/passwd", GM_REASON_FETCH_SCHEME},
        {"ftp://a/b", GM_REASON_FETCH_SCHEME},
        {"gopher://127.0.0.1:6379/_x", GM_REASON_FETCH_SCHEME},
        {"dict://a:11211/", GM_REASON_FETCH_SCHEME},
        {"httpx://a/", GM_REASON_FETCH_SCHEME},
        {"javascript://a/", GM_REASON_FETCH_SCHEME},
    };
    struct gm_url parts;
    const char *problem;
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++) {
        enum gm_reason reason = gm_url_split(table[i].url, &parts, &problem);
        if (reason != table[i].reason || !problem)
            fail_msg("'%s' gets %s", table[i].url, gm_reason_code(reason));
    }
}

static void a_url_over_8_kb_is_refused(void **state)
{
    (void)state;
    char url[GM_URL_MAX_BYTES + 2];
    struct gm_url parts;
    const char *problem;
    memset(url, 'a', sizeof url - 1);
    memcpy(url, "http://", 7);
    url[sizeof url - 1] = '\0';
    assert_int_equal(gm_url_split(url, &parts, &problem), GM_REASON_FETCH_URL);
    url[sizeof url - 2] = '\0';
    assert_int_equal(gm_url_split(url, &parts, &problem), GM_REASON_NONE);
}

static void the_path_has_no_query_and_no_fragment(void **state)
{
    (void)state;
    static const char *const table[][2] = {{"http://a/b/c.jsonl?x=/y", "/b/c.jsonl"},
                                           {"HTTPS://a/b#c", "/b"},
                                           {"http://a?x", ""},
                                           {"http://a", ""},
                                           {"http://a/@user", "/@user"},
                                           {"http://a/1,2,3", "/1,2,3"}};
    struct gm_url parts;
    const char *problem;
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++) {
        assert_int_equal(gm_url_split(table[i][0], &parts, &problem), GM_REASON_NONE);
        assert_int_equal(parts.path_bytes, strlen(table[i][1]));
        assert_memory_equal(parts.path, table[i][1], parts.path_bytes);
    }
}

static void one_host_is_one_key(void **state)
{
    (void)state;
    static const char *const table[][2] = {{"http://Example.COM/x", "example.com"},
                                           {"https://example.com:443/", "example.com"},
                                           {"http://example.com:80?x", "example.com"},
                                           {"http://example.com:", "example.com"},
                                           {"http://example.com:8080/", "example.com:8080"},
                                           {"http://[::1]:80/", "[::1]"},
                                           {"http://[2001:db8::80]/", "[2001:db8::80]"}};
    char key[64];
    struct gm_url parts;
    const char *problem;
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++) {
        assert_int_equal(gm_url_split(table[i][0], &parts, &problem), GM_REASON_NONE);
        assert_int_equal(gm_url_host_key(&parts, key, sizeof key), strlen(table[i][1]));
        assert_string_equal(key, table[i][1]);
    }
    assert_int_equal(gm_url_host_key(&parts, key, 5), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_urls_are_refused_with_their_reason),
        cmocka_unit_test(a_url_over_8_kb_is_refused),
        cmocka_unit_test(the_path_has_no_query_and_no_fragment),
        cmocka_unit_test(one_host_is_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
