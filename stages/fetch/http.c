/* The loop of a network thread.
 *
 * libcurl says which sockets it wants to hear of. Between two requests on a kept connection it
 * stops and starts listening each time, which would cost two epoll_ctl a request; so a socket stays
 * registered with what it had, and only an event that nobody wants takes it out. `sockets[fd]`
 * holds both masks.
 *
 * Works on the thread's own structs only; the exchange is the one meeting place. */
#include "fetch/http.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "fetch/curl_memory.h"
#include "fetch/transfer.h"
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE_SOCKETS 64u /* beyond one in use and one kept for each slot */
#define WATCH_MS      50u /* deadlines are looked at this often while requests run */
#define IDLE_WATCH_MS 1000u

struct socket_state {
    const struct gm_transfer *owner; /* who used it last; NULL: closed */
    uint8_t registered;              /* EPOLLIN | EPOLLOUT as epoll knows it; 0: not at all */
    uint8_t wanted;                  /* as libcurl asks */
    bool plain;                      /* HTTP/1 without TLS: silent between two requests */
};

struct gm_http {
    struct gm_http_place place;
    pthread_t thread;
    CURLM *multi;
    int epoll_fd;
    struct gm_transfer *slots;
    struct gm_transfer **free_slots; /* stack */
    unsigned n_free;
    struct epoll_event *events; /* room for all sockets that there can be */
    unsigned n_events;
    struct socket_state *sockets; /* by descriptor */
    size_t n_sockets;
    uint64_t timer_ms; /* libcurl's; UINT64_MAX: none */
    uint64_t watch_ms; /* when deadlines are looked at next */
    struct gm_turn turn;
    uint64_t n_requests, n_bytes, n_retries; /* not yet counted in the feed */
};

/* ---- sockets ---- */

static bool have_socket(struct gm_http *http, int fd)
{
    if ((size_t)fd < http->n_sockets)
        return true;
    size_t n = 2 * (size_t)fd + 64;
    struct socket_state *sockets = reallocarray(http->sockets, n, sizeof *sockets);
    if (!sockets)
        return false;
    memset(sockets + http->n_sockets, 0, (n - http->n_sockets) * sizeof *sockets);
    http->sockets = sockets;
    http->n_sockets = n;
    return true;
}

static void set_registered(struct gm_http *http, int fd, uint8_t mask)
{
    struct socket_state *state = &http->sockets[fd];
    struct epoll_event event = {.events = mask, .data.fd = fd};
    int op = mask == 0 ? EPOLL_CTL_DEL : state->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int failed = epoll_ctl(http->epoll_fd, op, fd, &event);
    if (failed && errno == ENOENT && mask) /* the number was closed and used again */
        failed = epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    state->registered = failed ? 0 : mask;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct gm_http *http = data;
    struct gm_transfer *transfer = NULL;
    (void)socket_data;
    if (!have_socket(http, fd))
        return -1;
    if (what != CURL_POLL_REMOVE && curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) == 0) {
        transfer->fd = fd;
        http->sockets[fd].owner = transfer;
    }
    uint8_t mask = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        mask |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        mask |= EPOLLOUT;
    http->sockets[fd].wanted = mask;
    if (mask & ~http->sockets[fd].registered)
        set_registered(http, fd, mask);
    return 0;
}

static int on_close_socket(void *data, curl_socket_t fd)
{
    struct gm_http *http = data;
    if ((size_t)fd < http->n_sockets)
        http->sockets[fd] = (struct socket_state){0};
    gm_close(&fd);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct gm_http *http = data;
    (void)multi;
    http->timer_ms = timeout_ms < 0 ? UINT64_MAX : gm_now_ms() + (uint64_t)timeout_ms;
    return 0;
}

/* Bytes that come when none are due would be taken for the answer to the next request on this
 * connection. They are thrown away and the connection with them: libcurl sees its end and does not
 * use it again. */
static void drop_leftover(int fd)
{
    char bytes[4096];
    bool any = false;
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        any = true;
    if (any)
        shutdown(fd, SHUT_RDWR);
}

/* After a response: is there more on the socket than it said? A socket that epoll watches tells in
 * time (see run). A transfer that never had to wait has not told its socket; libcurl knows
 * it as long as the connection is open. If somebody listens on it, it is another transfer's by
 * now. */
static void check_leftover(struct gm_http *http, const struct gm_transfer *transfer)
{
    curl_socket_t fd = transfer->fd;
    if (fd >= 0 && http->sockets[fd].owner != transfer)
        return;
    if (fd < 0 && (curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
                   fd < 0 || !have_socket(http, fd)))
        return;
    if (http->sockets[fd].wanted != 0)
        return;
    http->sockets[fd].plain = transfer->response.version == 1 && transfer->job->url[4] == ':';
    if (http->sockets[fd].plain && !(http->sockets[fd].registered & EPOLLIN))
        drop_leftover(fd);
}

static void on_event(struct gm_http *http, int fd, uint32_t events)
{
    struct socket_state state = http->sockets[fd];
    int running, mask = 0;
    if (state.registered == 0)
        return; /* closed by an earlier event of this round */
    if (events & (EPOLLERR | EPOLLHUP))
        events |= state.wanted;
    if ((events & (EPOLLIN | EPOLLOUT) & ~(uint32_t)state.wanted) || state.wanted == 0)
        set_registered(http, fd, state.wanted);
    if (state.wanted == 0 && state.plain)
        drop_leftover(fd);
    if (events & state.wanted & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & state.wanted & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (mask)
        curl_multi_socket_action(http->multi, fd, mask, &running);
}

/* ---- jobs ---- */

static void give_back(struct gm_http *http, struct gm_transfer *transfer, struct gm_job *job)
{
    if (transfer->fatal.status != GM_OK) {
        gm_exchange_fail(http->place.exchange, &transfer->fatal);
        gm_err_clear(&transfer->fatal);
    }
    http->n_retries += job->verdict == GM_JOB_RETRY;
    gm_job_list_push(&http->turn.back, job);
    http->free_slots[http->n_free++] = transfer;
}

static void finish(struct gm_http *http, struct gm_transfer *transfer, CURLcode code)
{
    struct gm_job *job = transfer->job;
    if (code == CURLE_OK)
        check_leftover(http, transfer);
    curl_multi_remove_handle(http->multi, transfer->easy);
    http->n_requests++;
    http->n_bytes += transfer->body_bytes;
    gm_transfer_finish(transfer, code, gm_now_ms());
    give_back(http, transfer, job);
}

static void start(struct gm_http *http, struct gm_job *job, uint64_t now_ms)
{
    struct gm_transfer *transfer = http->free_slots[--http->n_free];
    if (gm_transfer_start(transfer, job, now_ms) == GM_TRANSFER_DONE) {
        give_back(http, transfer, job);
        return;
    }
    CURLMcode code = curl_multi_add_handle(http->multi, transfer->easy);
    if (code != CURLM_OK) {
        gm_transfer_finish(transfer, CURLE_OUT_OF_MEMORY, now_ms);
        give_back(http, transfer, job);
    }
}

static void collect_finished(struct gm_http *http)
{
    CURLMsg *message;
    int n_left;
    while ((message = curl_multi_info_read(http->multi, &n_left))) {
        struct gm_transfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(http, transfer, code);
    }
}

static void watch(struct gm_http *http, uint64_t now_ms)
{
    if (now_ms < http->watch_ms)
        return;
    http->watch_ms = now_ms + WATCH_MS;
    for (unsigned i = 0; i < http->place.n_slots; i++)
        if (http->slots[i].job && gm_transfer_is_late(&http->slots[i], now_ms))
            finish(http, &http->slots[i], CURLE_OK);
}

static void count(struct gm_http *http)
{
    if (http->n_requests)
        gm_feed_count(http->place.feed, http->n_requests, http->n_bytes, http->n_retries);
    http->n_requests = http->n_bytes = http->n_retries = 0;
}

/* Gives back and takes until neither brings anything new. false: stop. */
static bool exchange_jobs(struct gm_http *http)
{
    struct gm_job *job;
    do {
        if (!http->turn.back.first && http->n_free == 0)
            return true;
        uint64_t now_ms = gm_now_ms();
        http->turn.wanted = http->n_free;
        count(http);
        if (!gm_exchange_turn(http->place.exchange, http->place.thread, now_ms, &http->turn))
            return false;
        while ((job = gm_job_list_pop(&http->turn.jobs)))
            start(http, job, now_ms);
    } while (http->turn.back.first);
    return true;
}

/* ---- the loop ---- */

static int wait_ms(const struct gm_http *http, uint64_t now_ms)
{
    uint64_t until_ms = now_ms + IDLE_WATCH_MS;
    if (http->n_free < http->place.n_slots && http->watch_ms < until_ms)
        until_ms = http->watch_ms;
    if (http->timer_ms < until_ms)
        until_ms = http->timer_ms;
    if (http->n_free && http->turn.next_ms < until_ms)
        until_ms = http->turn.next_ms;
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void run_timer(struct gm_http *http, uint64_t now_ms)
{
    int running;
    if (http->timer_ms > now_ms)
        return;
    http->timer_ms = UINT64_MAX;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* What comes on idle sockets, and the bell. Returns how many other events are left, in front. */
static int handle_idle(struct gm_http *http, int n)
{
    int wake_fd = gm_exchange_thread_fd(http->place.exchange, http->place.thread);
    int n_left = 0;
    for (int i = 0; i < n; i++) {
        const struct epoll_event event = http->events[i];
        if (event.data.fd == wake_fd)
            gm_exchange_drain_fd(wake_fd);
        else if (http->sockets[event.data.fd].wanted == 0)
            on_event(http, event.data.fd, event.events);
        else
            http->events[n_left++] = event;
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
        n = handle_idle(http, n);
        run_timer(http, now_ms);
        for (int i = 0; i < n; i++)
            on_event(http, http->events[i].data.fd, http->events[i].events);
        collect_finished(http);
        watch(http, now_ms);
    }
}

static void abandon_all(struct gm_http *http)
{
    for (unsigned i = 0; i < http->place.n_slots; i++) {
        if (!http->slots[i].job)
            continue;
        curl_multi_remove_handle(http->multi, http->slots[i].easy);
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
    if (http->multi)
        curl_multi_cleanup(http->multi);
    gm_close(&http->epoll_fd);
    free(http->events);
    free(http->sockets);
    free(http->free_slots);
    free(http->slots);
    free(http);
}

static enum gm_status set_up_multi(struct gm_http *http, struct gm_err *err)
{
    int wake_fd = gm_exchange_thread_fd(http->place.exchange, http->place.thread);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = wake_fd};
    http->multi = curl_multi_init();
    if (!http->multi)
        return gm_err_set(err, GM_NOMEM, "no memory for a network thread");
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->place.n_slots);
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (http->epoll_fd < 0 || epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) != 0)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to set up a network thread");
    return GM_OK;
}

static enum gm_status set_up_slots(struct gm_http *http, struct gm_err *err)
{
    unsigned n = http->place.n_slots;
    http->slots = calloc(n, sizeof *http->slots);
    http->free_slots = calloc(n, sizeof *http->free_slots);
    http->n_events = 2 * n + SPARE_SOCKETS;
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
        curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
        curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETDATA, http);
        http->free_slots[n - 1 - i] = slot;
        http->n_free++;
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
    made->epoll_fd = -1;
    made->timer_ms = UINT64_MAX;
    enum gm_status status = set_up_multi(made, err);
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
