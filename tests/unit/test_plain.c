/* gristmill's own HTTP client over pairs of sockets: the test is the server, and the one who makes
 * the connections. */
#include "fetch/plain.h"

#include "fetch/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SLOTS 4

struct client {
    struct gm_fetch_opts opts;
    struct gm_fetch_settings settings;
    struct gm_spool spool;
    struct gm_schedule *schedule; /* for the jobs' hosts */
    struct gm_transfer transfers[N_SLOTS];
    struct gm_plain *plain;
    int epoll_fd;
};

static void client_init(struct client *client, const char *header)
{
    static const struct gm_schedule_limits limits = {
        .n_threads = 1, .per_host = N_SLOTS, .max_idle_hosts = 8};
    struct gm_err err;
    memset(client, 0, sizeof *client);
    gm_opts_init(gm_fetch_opt_table, &client->opts, sizeof client->opts);
    assert_int_equal(gm_fetch_settings_init(&client->settings, &client->opts, &err), GM_OK);
    if (header)
        client->settings.headers = curl_slist_append(NULL, header);
    client->settings.inline_bytes = 1 << 20;
    client->spool.dir_fd = -1;
    client->schedule = gm_schedule_new(&limits);
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < N_SLOTS; i++)
        assert_int_equal(
            gm_transfer_init(&client->transfers[i], &client->settings, &client->spool, &err),
            GM_OK);
    assert_int_equal(
        gm_plain_new(client->epoll_fd, N_SLOTS, &client->settings, &client->plain, &err), GM_OK);
}

static void client_fini(struct client *client)
{
    for (int i = 0; i < N_SLOTS; i++) {
        struct gm_transfer *transfer = &client->transfers[i];
        if (transfer->job) {
            gm_plain_stop(client->plain, transfer);
            gm_schedule_release(client->schedule, transfer->job, 0, 1000);
            gm_job_free(gm_transfer_abandon(transfer));
        }
        gm_transfer_fini(transfer);
    }
    gm_plain_free(client->plain);
    gm_schedule_free(client->schedule);
    close(client->epoll_fd);
    gm_fetch_settings_fini(&client->settings);
    gm_opts_free(gm_fetch_opt_table, &client->opts);
}

/* Begins a request; what is needed then is a connection or a look at one that was kept. */
static struct gm_transfer *begin(struct client *client, int slot, const char *url)
{
    struct gm_item item = {.locator = url, .expected_bytes = UINT64_MAX};
    struct gm_transfer *transfer = &client->transfers[slot];
    assert_true(gm_schedule_add(client->schedule, gm_job_new(&item)));
    struct gm_job *job = gm_schedule_take(client->schedule, 0, 1000);
    assert_int_equal(gm_transfer_start(transfer, job, 1000), GM_TRANSFER_RUNNING);
    assert_true(gm_plain_speaks(client->plain, transfer));
    gm_plain_start(client->plain, transfer);
    assert_true(gm_plain_is_waiting(client->plain));
    gm_plain_begin(client->plain, 1000);
    return transfer;
}

/* Gives it a connection; returns the server's end. */
static int serve(struct client *client, const struct gm_transfer *transfer)
{
    int fds[2], bytes = 4096;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    struct gm_transfer *wanting = gm_plain_next_connect(client->plain);
    assert_ptr_equal(wanting, transfer);
    gm_plain_connected(client->plain, wanting, fds[0]);
    return fds[1];
}

static void run_events(struct client *client)
{
    struct epoll_event events[8];
    int n = epoll_wait(client->epoll_fd, events, 8, 0);
    for (int i = 0; i < n; i++)
        if (gm_plain_owns(client->plain, events[i].data.fd))
            gm_plain_event(client->plain, events[i].data.fd, events[i].events, 1000);
}

static void answer(struct client *client, int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    run_events(client);
}

static size_t read_request(int fd, char *text, size_t n_bytes)
{
    ssize_t n = recv(fd, text, n_bytes - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* It has ended like this. */
static void expect_done(struct client *client, struct gm_transfer *transfer, enum gm_reason reason,
                        const char *body_or_message)
{
    struct gm_transfer *done = gm_plain_next_done(client->plain);
    assert_ptr_equal(done, transfer);
    assert_null(transfer->connection);
    struct gm_job *job = transfer->job;
    gm_transfer_finish(transfer, CURLE_OK, 1000);
    assert_int_equal(job->verdict,
                     job->n_tries && transfer->retry ? GM_JOB_RETRY : GM_JOB_FINISHED);
    if (job->verdict == GM_JOB_RETRY) {
        assert_int_equal(transfer->reason, reason);
        assert_non_null(strstr(transfer->problem, body_or_message));
    } else {
        assert_int_equal(job->result->reason, reason);
        if (reason == GM_REASON_NONE) {
            assert_int_equal(job->result->n_bytes, strlen(body_or_message));
            assert_memory_equal(job->result->body, body_or_message, strlen(body_or_message));
        } else {
            assert_non_null(strstr(job->result->message, body_or_message));
        }
    }
    gm_schedule_release(client->schedule, job, 0, 1000);
    gm_job_free(job);
}

#define SHORT "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

static void a_connection_serves_one_request_after_the_other(void **state)
{
    struct client client;
    char text[1000];
    (void)state;
    client_init(&client, NULL);
    struct gm_transfer *transfer = begin(&client, 0, "http://a/1");
    int fd = serve(&client, transfer);
    for (int i = 0; i < 3; i++) {
        assert_true(read_request(fd, text, sizeof text) > 0);
        char path[64];
        snprintf(path, sizeof path, "GET /%d HTTP/1.1\r\nHost: ", 1 + i);
        assert_ptr_equal(strstr(text, path), text);
        answer(&client, fd, SHORT "o");
        assert_null(gm_plain_next_done(client.plain));
        answer(&client, fd, "k");
        expect_done(&client, transfer, GM_REASON_NONE, "ok");
        snprintf(path, sizeof path, "http://A:80/%d", 2 + i);
        transfer = begin(&client, i % N_SLOTS, path);
        assert_null(gm_plain_next_connect(client.plain));
    }
    struct gm_transfer *other = begin(&client, 3, "http://a:81/");
    assert_ptr_equal(gm_plain_next_connect(client.plain), other);
    close(fd);
    client_fini(&client);
}

static void a_kept_connection_that_was_closed_is_no_failure(void **state)
{
    struct client client;
    char text[1000];
    (void)state;
    client_init(&client, NULL);
    struct gm_transfer *transfer = begin(&client, 0, "http://a/1");
    int fd = serve(&client, transfer);
    answer(&client, fd, SHORT "ok");
    expect_done(&client, transfer, GM_REASON_NONE, "ok");
    transfer = begin(&client, 0, "http://a/2");
    assert_false(transfer->connection == NULL);
    close(fd);
    run_events(&client);
    assert_null(gm_plain_next_done(client.plain));
    fd = serve(&client, transfer);
    assert_true(read_request(fd, text, sizeof text) > 0);
    assert_non_null(strstr(text, "GET /2 "));
    answer(&client, fd, SHORT "ok");
    assert_int_equal(transfer->job->n_tries, 1);
    expect_done(&client, transfer, GM_REASON_NONE, "ok");

    /* closed before there is a request for it: it is not used */
    close(fd);
    run_events(&client);
    transfer = begin(&client, 0, "http://a/3");
    assert_null(transfer->connection);
    fd = serve(&client, transfer);
    close(fd); /* a new one that closes is a failure */
    run_events(&client);
    expect_done(&client, transfer, GM_REASON_FETCH_CONNECT, "");
    client_fini(&client);
}

static void what_comes_too_much_ends_the_connection(void **state)
{
    struct client client;
    (void)state;
    client_init(&client, NULL);
    struct gm_transfer *transfer = begin(&client, 0, "http://a/1");
    int fd = serve(&client, transfer);
    answer(&client, fd, SHORT "ok" SHORT);
    expect_done(&client, transfer, GM_REASON_NONE, "ok");
    transfer = begin(&client, 0, "http://a/2");
    assert_null(transfer->connection);
    close(fd);
    fd = serve(&client, transfer);
    answer(&client, fd, SHORT "ok");
    expect_done(&client, transfer, GM_REASON_NONE, "ok");
    answer(&client, fd, SHORT "no"); /* between two requests */
    transfer = begin(&client, 0, "http://a/3");
    assert_null(transfer->connection);
    close(fd);
    client_fini(&client);
}

static bool is_closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* Others get some of the connections: what is idle goes at once, what is too much when it is free.
 */
static void a_smaller_share_keeps_no_more_connections(void **state)
{
    (void)state;
    struct client client;
    struct gm_transfer *transfers[3];
    int fds[3];
    char text[1024];
    client_init(&client, NULL);
    for (int i = 0; i < 3; i++) {
        transfers[i] = begin(&client, i, "http://a.example/x");
        fds[i] = serve(&client, transfers[i]);
        assert_true(read_request(fds[i], text, sizeof text) > 0);
    }
    answer(&client, fds[0], SHORT "ok");
    expect_done(&client, transfers[0], GM_REASON_NONE, "ok");
    assert_false(is_closed(fds[0]));
    gm_plain_shrink(client.plain, 1, 2);
    assert_true(is_closed(fds[0]));
    answer(&client, fds[1], SHORT "ok");
    expect_done(&client, transfers[1], GM_REASON_NONE, "ok");
    assert_true(is_closed(fds[1]));
    answer(&client, fds[2], SHORT "ok");
    expect_done(&client, transfers[2], GM_REASON_NONE, "ok");
    assert_false(is_closed(fds[2]));
    transfers[0] = begin(&client, 0, "http://a.example/y");
    assert_true(read_request(fds[2], text, sizeof text) > 0); /* it is used again */
    answer(&client, fds[2], SHORT "ok");
    expect_done(&client, transfers[0], GM_REASON_NONE, "ok");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    client_fini(&client);
}

static void a_long_request_goes_out_in_pieces(void **state)
{
    struct client client;
    static char header[100008], text[101000];
    (void)state;
    snprintf(header, sizeof header, "X-Big: %0100000d", 1);
    client_init(&client, header);
    struct gm_transfer *transfer = begin(&client, 0, "http://a/");
    int fd = serve(&client, transfer);
    size_t n = 0, n_pieces = 0;
    for (size_t more = 1; more > 0; n += more, n_pieces++) {
        more = read_request(fd, text + n, sizeof text - n);
        run_events(&client);
    }
    assert_in_range(n, 100050, 100200);
    assert_true(n_pieces > 4);
    assert_non_null(strstr(text, "0001\r\n\r\n"));
    answer(&client, fd, SHORT "ok");
    expect_done(&client, transfer, GM_REASON_NONE, "ok");

    /* an answer before the request is out: taken, but the connection is not kept */
    transfer = begin(&client, 0, "http://a/");
    assert_non_null(transfer->connection);
    answer(&client, fd, SHORT "ok");
    expect_done(&client, transfer, GM_REASON_NONE, "ok");
    transfer = begin(&client, 0, "http://a/");
    assert_null(transfer->connection);
    close(fd);
    client_fini(&client);
}

static void a_request_can_be_stopped_wherever_it_is(void **state)
{
    struct client client;
    (void)state;
    client_init(&client, NULL);
    struct gm_transfer *running = begin(&client, 0, "http://a/1");
    int fd = serve(&client, running);
    answer(&client, fd, "HTTP/1.1 200 OK\r\nContent-");
    struct gm_transfer *connecting = begin(&client, 1, "http://b/1");
    gm_plain_stop(client.plain, running);
    gm_plain_stop(client.plain, connecting);
    assert_null(gm_plain_next_connect(client.plain));
    assert_null(gm_plain_next_done(client.plain));
    char byte;
    while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
        continue;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0); /* closed */
    close(fd);
    client_fini(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_one_request_after_the_other),
        cmocka_unit_test(a_kept_connection_that_was_closed_is_no_failure),
        cmocka_unit_test(a_smaller_share_keeps_no_more_connections),
        cmocka_unit_test(what_comes_too_much_ends_the_connection),
        cmocka_unit_test(a_long_request_goes_out_in_pieces),
        cmocka_unit_test(a_request_can_be_stopped_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
