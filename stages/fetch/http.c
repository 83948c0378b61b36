/* The loop of a network thread: jobs from the exchange, requests by one of two clients (libcurl's
 * multi.h, gristmill's plain.h), deadlines, one epoll for all sockets.
 *
 * Works on the thread's own structs only; the exchange is the one meeting place. */
#include "fetch/http.h"

#include "base/clock.h"
#include "base/fs.h"
#include "fetch/curl_memory.h"
#include "fetch/multi.h"
#include "fetch/plain.h"
#include "fetch/transfer.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define SPARE_SOCKETS 64u /* beyond one in use and one kept by either client for each slot */
#define WATCH_MS      50u /* deadlines are looked at this often while requests run */
#define IDLE_WATCH_MS 1000u

/* Who has computed for so much of so long is as busy as can be. */
#ifndef BUSY_PERCENT
#define BUSY_PERCENT 80u
#define BUSY_MS      200u
#endif

struct gm_http {
    struct gm_http_place place;
    pthread_t thread;
    struct gm_multi *multi;
    struct gm_plain *plain;
    int epoll_fd;
    struct gm_transfer *slots;
    struct gm_transfer **free_slots; /* stack */
    unsigned n_free, n_slots;        /* there; in all */
    struct epoll_event *events;      /* room for all sockets that there can be */
    unsigned n_events;
    uint64_t watch_ms;                   /* when deadlines are looked at next */
    unsigned share;                      /* of all connections */
    bool is_called;                      /* by the exchange */
    uint64_t busy_from_ms, busy_from_ns; /* the clock and our CPU time when BUSY_MS began */
    struct gm_turn turn;
    uint64_t n_requests, n_bytes, n_retries; /* not yet counted in the feed */
};

/* ---- jobs ---- */

/* A slot that is free, for the next request or, if others have its share now, for none. */
static void put_slot(struct gm_http *http, struct gm_transfer *slot)
{
    if (http->n_slots <= http->share) {
        http->free_slots[http->n_free++] = slot;
        return;
    }
    gm_transfer_fini(slot);
    http->n_slots--;
}

static void give_back(struct gm_http *http, struct gm_transfer *transfer, struct gm_job *job)
{
    if (transfer->fatal.status != GM_OK) {
        gm_exchange_fail(http->place.exchange, &transfer->fatal);
        gm_err_clear(&transfer->fatal);
    }
    http->n_retries += job->verdict == GM_JOB_RETRY;
    gm_job_list_push(&http->turn.back, job);
    put_slot(http, transfer);
}

/* Its request has ended and is known to no client any more. */
static void finish(struct gm_http *http, struct gm_transfer *transfer, CURLcode code,
                   uint64_t now_ms)
{
    struct gm_job *job = transfer->job;
    http->n_requests++;
    http->n_bytes += transfer->body_bytes;
    gm_transfer_finish(transfer, code, now_ms);
    give_back(http, transfer, job);
}

static void start(struct gm_http *http, struct gm_job *job, uint64_t now_ms)
{
    struct gm_transfer *transfer = http->free_slots[--http->n_free];
    if (gm_transfer_start(transfer, job, now_ms) == GM_TRANSFER_DONE) {
        give_back(http, transfer, job);
        return;
    }
    transfer->is_plain = gm_plain_speaks(http->plain, transfer);
    if (transfer->is_plain)
        gm_plain_start(http->plain, transfer);
    else if (!gm_multi_start(http->multi, transfer, GM_TRANSFER_SPEAK))
        finish(http, transfer, CURLE_OUT_OF_MEMORY, now_ms);
}

/* What the plain client needs of libcurl: connections. */
static void connect_plain(struct gm_http *http, uint64_t now_ms)
{
    struct gm_transfer *transfer;
    while ((transfer = gm_plain_next_connect(http->plain))) {
        transfer->started_ms = now_ms; /* a kept connection may have failed after a while */
        if (!gm_multi_start(http->multi, transfer, GM_TRANSFER_CONNECT))
            finish(http, transfer, CURLE_OUT_OF_MEMORY, now_ms);
    }
}

/* libcurl is done with a transfer: it ended, or is now connected. */
static void on_multi_done(struct gm_http *http, struct gm_transfer *transfer, CURLcode code,
                          uint64_t now_ms)
{
    if (transfer->is_plain && code == CURLE_OK) {
        int fd = gm_multi_take_socket(http->multi, transfer);
        if (fd >= 0) {
            gm_plain_connected(http->plain, transfer, fd);
            return;
        }
        transfer->is_plain = false; /* a libcurl that keeps its sockets has to speak, too */
        if (gm_multi_start(http->multi, transfer, GM_TRANSFER_SPEAK))
            return;
        code = CURLE_OUT_OF_MEMORY;
    } else {
        if (code == CURLE_OK)
            gm_multi_check_leftover(http->multi, transfer);
        gm_multi_stop(http->multi, transfer);
    }
    finish(http, transfer, code, now_ms);
}

static void collect_finished(struct gm_http *http, uint64_t now_ms)
{
    struct gm_transfer *transfer;
    CURLcode code;
    while (gm_multi_next_done(http->multi, &transfer, &code))
        on_multi_done(http, transfer, code, now_ms);
    while ((transfer = gm_plain_next_done(http->plain)))
        finish(http, transfer, CURLE_OK, now_ms);
    connect_plain(http, now_ms);
}

/* Takes a request that runs out of its client's hands. */
static void stop_request(struct gm_http *http, struct gm_transfer *transfer)
{
    if (transfer->is_plain)
        gm_plain_stop(http->plain, transfer);
    gm_multi_stop(http->multi, transfer); /* unknown there: no harm */
}

/* A thread more than needed is no gain: each would be woken up for the answers of fewer
 * connections, more often in all. */
static void watch_load(struct gm_http *http, uint64_t now_ms)
{
    uint64_t elapsed_ms = now_ms - http->busy_from_ms;
    if (!http->place.asks || elapsed_ms < BUSY_MS)
        return;
    uint64_t ns = gm_thread_cpu_ns();
    /* What lies far back began with a pause. */
    if (elapsed_ms < 2 * BUSY_MS &&
        (ns - http->busy_from_ns) / 1000000u * 100 >= elapsed_ms * BUSY_PERCENT)
        gm_exchange_ask_for_thread(http->place.exchange);
    http->busy_from_ms = now_ms;
    http->busy_from_ns = ns;
}

static void watch(struct gm_http *http, uint64_t now_ms)
{
    if (now_ms < http->watch_ms)
        return;
    http->watch_ms = now_ms + WATCH_MS;
    watch_load(http, now_ms);
    for (unsigned i = 0; i < http->place.n_slots; i++)
        if (http->slots[i].job && gm_transfer_is_late(&http->slots[i], now_ms)) {
            stop_request(http, &http->slots[i]);
            finish(http, &http->slots[i], CURLE_OK, now_ms);
        }
}

static void count(struct gm_http *http)
{
    if (http->n_requests)
        gm_feed_count(http->place.feed, http->n_requests, http->n_bytes, http->n_retries);
    http->n_requests = http->n_bytes = http->n_retries = 0;
}

/* Others have come, who get some of our connections. */
static void shrink(struct gm_http *http)
{
    unsigned n_running = http->n_slots - http->n_free;
    http->share = http->turn.share;
    while (http->n_free > 0 && http->n_slots > http->share)
        put_slot(http, http->free_slots[--http->n_free]);
    gm_plain_shrink(http->plain, http->share, n_running);
    gm_multi_shrink(http->multi, http->share);
}

/* Gives back and takes until neither brings anything new. false: stop. */
static bool exchange_jobs(struct gm_http *http)
{
    struct gm_job *job;
    do {
        if (!http->turn.back.first && http->n_free == 0 && !http->is_called)
            return true;
        http->is_called = false;
        uint64_t now_ms = gm_now_ms();
        http->turn.wanted = http->n_free;
        count(http);
        if (!gm_exchange_turn(http->place.exchange, http->place.thread, now_ms, &http->turn))
            return false;
        if (http->turn.share > 0 && http->turn.share < http->share)
            shrink(http);
        while ((job = gm_job_list_pop(&http->turn.jobs)))
            start(http, job, now_ms);
    } while (http->turn.back.first);
    return true;
}

/* ---- the loop ---- */

static int wait_ms(const struct gm_http *http, uint64_t now_ms)
{
    uint64_t until_ms = now_ms + IDLE_WATCH_MS;
    if (gm_plain_is_waiting(http->plain))
        return 0;
    if (http->n_free < http->n_slots && http->watch_ms < until_ms)
        until_ms = http->watch_ms;
    if (gm_multi_timer_ms(http->multi) < until_ms)
        until_ms = gm_multi_timer_ms(http->multi);
    if (http->n_free && http->turn.next_ms < until_ms)
        until_ms = http->turn.next_ms;
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static bool is_idle(const struct gm_http *http, int fd)
{
    if (gm_plain_owns(http->plain, fd))
        return gm_plain_is_idle(http->plain, fd);
    return gm_multi_is_idle(http->multi, fd);
}

static void on_event(struct gm_http *http, int fd, uint32_t events, uint64_t now_ms)
{
    if (gm_plain_owns(http->plain, fd))
        gm_plain_event(http->plain, fd, events, now_ms);
    else
        gm_multi_event(http->multi, fd, events);
}

/* What comes on idle sockets, and the bell. Returns how many other events are left, in front. */
static int handle_idle(struct gm_http *http, int n, uint64_t now_ms)
{
    int wake_fd = gm_exchange_thread_fd(http->place.exchange, http->place.thread);
    int n_left = 0;
    for (int i = 0; i < n; i++) {
        const struct epoll_event event = http->events[i];
        if (event.data.fd == wake_fd) {
            gm_exchange_drain_fd(wake_fd);
            http->is_called = true;
        } else if (is_idle(http, event.data.fd)) {
            on_event(http, event.data.fd, event.events, now_ms);
        } else {
            http->events[n_left++] = event;
        }
    }
    return n_left;
}

/* The order keeps new requests off connections with something left behind the last response: first
 * these are found, then the requests that were added are begun, and only then others end. */
static void run(struct gm_http *http)
{
    while (exchange_jobs(http)) {
        int n = epoll_wait(http->epoll_fd, http->events, (int)http->n_events,
                           wait_ms(http, gm_now_ms()));
        uint64_t now_ms = gm_now_ms();
        n = handle_idle(http, n, now_ms);
        gm_plain_begin(http->plain, now_ms);
        if (gm_multi_timer_ms(http->multi) <= now_ms)
            gm_multi_run_timer(http->multi, now_ms);
        for (int i = 0; i < n; i++)
            on_event(http, http->events[i].data.fd, http->events[i].events, now_ms);
        now_ms = gm_now_ms(); /* a round may be long, and what ended in it is measured */
        collect_finished(http, now_ms);
        watch(http, now_ms);
    }
}

static void abandon_all(struct gm_http *http)
{
    for (unsigned i = 0; i < http->place.n_slots; i++) {
        if (!http->slots[i].job)
            continue;
        stop_request(http, &http->slots[i]);
        gm_job_free(gm_transfer_abandon(&http->slots[i]));
    }
    gm_job_list_free(&http->turn.back);
}

static void *thread_main(void *data)
{
    struct gm_http *http = data;
    gm_curl_memory_keep();
    run(http);
    abandon_all(http);
    count(http);
    gm_curl_memory_release();
    return NULL;
}

static void http_free(struct gm_http *http)
{
    for (unsigned i = 0; http->slots && i < http->place.n_slots; i++)
        if (http->slots[i].easy)
            gm_transfer_fini(&http->slots[i]);
    gm_plain_free(http->plain);
    gm_multi_free(http->multi);
    gm_close(&http->epoll_fd);
    free(http->events);
    free(http->free_slots);
    free(http->slots);
    free(http);
}

static enum gm_status set_up_clients(struct gm_http *http, struct gm_err *err)
{
    unsigned n = http->place.n_slots;
    int wake_fd = gm_exchange_thread_fd(http->place.exchange, http->place.thread);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = wake_fd};
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (http->epoll_fd < 0 || epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to set up a network thread");
    enum gm_status status = gm_multi_new(http->epoll_fd, n, &http->multi, err);
    if (status == GM_OK)
        status = gm_plain_new(http->epoll_fd, n, http->place.settings, &http->plain, err);
    return status;
}

static enum gm_status set_up_slots(struct gm_http *http, struct gm_err *err)
{
    unsigned n = http->place.n_slots;
    http->slots = calloc(n, sizeof *http->slots);
    http->free_slots = calloc(n, sizeof *http->free_slots);
    http->n_events = 3 * n + SPARE_SOCKETS;
    http->events = calloc(http->n_events, sizeof *http->events);
    if (!http->slots || !http->free_slots || !http->events)
        return gm_err_set(err, GM_NOMEM, "no memory for %u connections", n);
    for (unsigned i = 0; i < n; i++) {
        struct gm_transfer *slot = &http->slots[i];
        enum gm_status status =
            gm_transfer_init(slot, http->place.settings, http->place.spool, err);
        if (status != GM_OK)
            return status;
        slot->random = gm_now_ns() + i;
        gm_multi_adopt(http->multi, slot);
        http->free_slots[n - 1 - i] = slot;
        http->n_free++;
        http->n_slots++;
    }
    return GM_OK;
}

static int start_thread(struct gm_http *http)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = pthread_create(&http->thread, NULL, thread_main, http);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

enum gm_status gm_http_start(const struct gm_http_place *place, struct gm_http **http,
                             struct gm_err *err)
{
    struct gm_http *made = calloc(1, sizeof *made);
    if (!made)
        return gm_err_set(err, GM_NOMEM, "no memory for a network thread");
    made->place = *place;
    made->share = place->n_slots;
    made->epoll_fd = -1;
    enum gm_status status = set_up_clients(made, err);
    if (status == GM_OK)
        status = set_up_slots(made, err);
    if (status == GM_OK) {
        int code = start_thread(made);
        if (code)
            status = gm_err_sys(err, GM_SYSTEM, code, "unable to start a network thread");
    }
    if (status != GM_OK)
        http_free(made);
    else
        *http = made;
    return status;
}

void gm_http_join(struct gm_http *http)
{
    if (!http)
        return;
    pthread_join(http->thread, NULL);
    http_free(http);
}
