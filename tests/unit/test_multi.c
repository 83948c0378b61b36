/* libcurl's part of a network thread: whether epoll knows the sockets that libcurl waits on. */
#include "fetch/multi.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TRY_MS 20000 /* as good as never */

/* One of libcurl's own sockets tells that a name has been looked up. The next one has the same
 * number, but is another one. (Names that are too long for DNS: nobody is asked.) */
static void each_lookup_of_a_name_is_heard_of(void **state)
{
    struct gm_fetch_opts opts;
    struct gm_fetch_settings settings;
    struct gm_spool spool = {.dir_fd = -1};
    struct gm_transfer transfer, *done;
    struct gm_multi *multi;
    struct gm_err err;
    struct gm_item item = {.expected_bytes = UINT64_MAX};
    char url[100];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    (void)state;
    snprintf(url, sizeof url, "http://%070d.invalid/", 1);
    item.locator = url;
    gm_opts_init(gm_fetch_opt_table, &opts, sizeof opts);
    assert_int_equal(gm_fetch_settings_init(&settings, &opts, &err), GM_OK);
    assert_int_equal(gm_transfer_init(&transfer, &settings, &spool, &err), GM_OK);
    assert_int_equal(gm_multi_new(epoll_fd, 1, &multi, &err), GM_OK);
    gm_multi_adopt(multi, &transfer);
    for (int i = 0; i < 3; i++) {
        CURLcode code = CURLE_OK;
        struct epoll_event event;
        transfer.job = gm_job_new(&item);
        assert_true(gm_multi_start(multi, &transfer, GM_TRANSFER_SPEAK));
        gm_multi_run_timer(multi, gm_now_ms());
        while (!gm_multi_next_done(multi, &done, &code)) {
            if (epoll_wait(epoll_fd, &event, 1, TRY_MS) != 1)
                fail_msg("lookup %d: not heard of", i);
            gm_multi_event(multi, event.data.fd, event.events);
        }
        assert_int_equal(code, CURLE_COULDNT_RESOLVE_HOST);
        gm_multi_stop(multi, &transfer);
        gm_job_free(transfer.job);
    }
    gm_transfer_fini(&transfer);
    gm_multi_free(multi);
    close(epoll_fd);
    gm_fetch_settings_fini(&settings);
    gm_opts_free(gm_fetch_opt_table, &opts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lookup_of_a_name_is_heard_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
