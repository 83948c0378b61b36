/* Requests as bytes, and which URLs are plain enough to be spoken without libcurl. */
#include "fetch/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *request_of(struct gm_buf *text, const char *url,
                              const struct curl_slist *headers, const struct curl_slist *extra)
{
    struct gm_buf common = GM_BUF_INIT;
    struct gm_target target;
    assert_true(gm_target_parse(url, &target));
    gm_request_common(&common, "gristmill/1", headers);
    gm_buf_clear(text);
    gm_request_write(text, &target, extra, extra ? 1 : 0, &common);
    gm_buf_free(&common);
    return gm_buf_cstr(text);
}

#define COMMON "User-Agent: gristmill/1\r\nAccept: */*\r\n\r\n"

static void a_request_has_the_fields_of_libcurl(void **state)
{
    (void)state;
    struct gm_buf text = GM_BUF_INIT;
    assert_string_equal(request_of(&text, "http://a.example/x/y?z=1&q#top", NULL, NULL),
                        "GET /x/y?z=1&q HTTP/1.1\r\nHost: a.example\r\n" COMMON);
    assert_string_equal(request_of(&text, "http://a.example", NULL, NULL),
                        "GET / HTTP/1.1\r\nHost: a.example\r\n" COMMON);
    assert_string_equal(request_of(&text, "HTTP://A.example:80#x", NULL, NULL),
                        "GET / HTTP/1.1\r\nHost: A.example\r\n" COMMON);
    assert_string_equal(request_of(&text, "http://10.1.2.3:8080?a/../b", NULL, NULL),
                        "GET /?a/../b HTTP/1.1\r\nHost: 10.1.2.3:8080\r\n" COMMON);
    struct curl_slist range = {(char *)"Range: bytes=5-", NULL};
    assert_string_equal(request_of(&text, "http://a/b", NULL, &range),
                        "GET /b HTTP/1.1\r\nHost: a\r\nRange: bytes=5-\r\n" COMMON);
    gm_buf_free(&text);
}

static void the_users_fields_win(void **state)
{
    (void)state;
    struct gm_buf text = GM_BUF_INIT;
    struct curl_slist third = {(char *)"X-Empty:  ", NULL};
    struct curl_slist second = {(char *)"accept: text/plain", &third};
    struct curl_slist first = {(char *)"USER-AGENT: other", &second};
    assert_string_equal(
        request_of(&text, "http://a/", &first, NULL),
        "GET / HTTP/1.1\r\nHost: a\r\nUSER-AGENT: other\r\naccept: text/plain\r\n\r\n");
    struct curl_slist none = {(char *)"Accept:", NULL};
    assert_string_equal(request_of(&text, "http://a/", &none, NULL),
                        "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: gristmill/1\r\n\r\n");
    gm_buf_free(&text);
}

static void urls_that_need_thought_are_left_to_libcurl(void **state)
{
    (void)state;
    static const char *const others[] = {
        "https://a/",         "http://[::1]/",     "http://a/b/../c",   "http://a/./b",
        "http://a/.hidden",   "http://127.1/",     "http://0x7f000001", "http://2130706433/",
        "http://0177.0.0.1/", "http://1.2.3.4.5/", "http://a.1/",       "http://a./",
        "http://.a/",         "http://%61/",       "http://a/\xc3\xa9", "http://\xc3\xa9/",
        "http://a:0/",        "http://a:65536/",   "http://a:/",        "http://a:080/",
        "http://a:8a/",       "http://a:1:2/",     "http://u@a/",       "http://a/?\xe9",
        "http://a\\b/",       "http://256.1.1.1/", "http://1.2.3.04/"};
    struct gm_target target;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (gm_target_parse(others[i], &target))
            fail_msg("%s is taken", others[i]);
    char url[400];
    snprintf(url, sizeof url, "http://%0254d/", 0);
    assert_false(gm_target_parse(url, &target));
}

static void keys_are_the_same_for_the_same_place(void **state)
{
    (void)state;
    struct gm_target target;
    char key[GM_TARGET_KEY_BYTES], other[GM_TARGET_KEY_BYTES];
    assert_true(gm_target_parse("http://A.Example/x", &target));
    gm_target_key(&target, key);
    assert_true(gm_target_parse("http://a.example:80/y", &target));
    gm_target_key(&target, other);
    assert_string_equal(key, other);
    assert_true(gm_target_parse("http://a.example:443/y", &target));
    gm_target_key(&target, other);
    assert_string_equal(other, "a.example:443");
    char url[400];
    snprintf(url, sizeof url, "http://x%0252d:65535/", 0);
    assert_true(gm_target_parse(url, &target));
    gm_target_key(&target, key);
    assert_string_equal(key + 250, "000:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_the_fields_of_libcurl),
        cmocka_unit_test(the_users_fields_win),
        cmocka_unit_test(urls_that_need_thought_are_left_to_libcurl),
        cmocka_unit_test(keys_are_the_same_for_the_same_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
