/* libcurl says which sockets it wants to hear of. Between two requests on a kept connection it
 * stops and starts listening each time, which would cost two epoll_ctl a request; so a socket stays
 * registered with what it had, and only an event that nobody wants takes it out. `sockets[fd]`
 * holds both masks. Before a request is connected there is nothing to keep: then a socket that is
 * let go is a lookup's, which libcurl closes without a word. */
#include "fetch/multi.h"

#include "base/clock.h"
#include "base/fs.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct socket_state {
    const struct gm_transfer *owner; /* who used it last; NULL: closed */
    uint8_t registered;              /* EPOLLIN | EPOLLOUT as epoll knows it; 0: not at all */
    uint8_t wanted;                  /* as libcurl asks */
    bool plain;                      /* HTTP/1 without TLS: silent between two requests */
};

struct gm_multi {
    CURLM *handle;
    CURLSH *share; /* TLS sessions, which would go with the easy handles */
    int epoll_fd;
    struct socket_state *sockets; /* by descriptor */
    size_t n_sockets;
    uint64_t timer_ms; /* libcurl's; UINT64_MAX: none */
    int wanted_fd;     /* a socket that is not to be closed: it gets another owner; -1 */
    bool got_wanted;
};

static bool have_socket(struct gm_multi *multi, int fd)
{
    if ((size_t)fd < multi->n_sockets)
        return true;
    size_t n = 2 * (size_t)fd + 64;
    struct socket_state *sockets = reallocarray(multi->sockets, n, sizeof *sockets);
    if (!sockets)
        return false;
    memset(sockets + multi->n_sockets, 0, (n - multi->n_sockets) * sizeof *sockets);
    multi->sockets = sockets;
    multi->n_sockets = n;
    return true;
}

static void set_registered(struct gm_multi *multi, int fd, uint8_t mask)
{
    struct socket_state *state = &multi->sockets[fd];
    struct epoll_event event = {.events = mask, .data.fd = fd};
    int op = mask == 0 ? EPOLL_CTL_DEL : state->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int failed = epoll_ctl(multi->epoll_fd, op, fd, &event);
    if (failed && errno == ENOENT && mask) /* the number was closed and used again */
        failed = epoll_ctl(multi->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    state->registered = failed ? 0 : mask;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct gm_multi *multi = data;
    struct gm_transfer *transfer = NULL;
    (void)socket_data;
    if (!have_socket(multi, fd))
        return -1;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    if (what != CURL_POLL_REMOVE && transfer) {
        transfer->fd = fd;
        multi->sockets[fd].owner = transfer;
    }
    uint8_t mask = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        mask |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        mask |= EPOLLOUT;
    multi->sockets[fd].wanted = mask;
    uint8_t registered = multi->sockets[fd].registered;
    bool ends = mask == 0 && !(transfer && transfer->connected);
    if ((mask & ~registered) || (ends && registered))
        set_registered(multi, fd, mask);
    return 0;
}

static int on_close_socket(void *data, curl_socket_t fd)
{
    struct gm_multi *multi = data;
    bool is_wanted = fd == multi->wanted_fd;
    if ((size_t)fd < multi->n_sockets) {
        if (is_wanted && multi->sockets[fd].registered)
            set_registered(multi, fd, 0);
        multi->sockets[fd] = (struct socket_state){0};
    }
    multi->got_wanted = multi->got_wanted || is_wanted;
    if (!is_wanted)
        gm_close(&fd);
    return 0;
}

static int on_timer(CURLM *handle, long timeout_ms, void *data)
{
    struct gm_multi *multi = data;
    (void)handle;
    multi->timer_ms = timeout_ms < 0 ? UINT64_MAX : gm_now_ms() + (uint64_t)timeout_ms;
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
 * time (gm_multi_is_idle). A transfer that never had to wait has not told its socket; libcurl knows
 * it as long as the connection is open. If somebody listens on it, it is another transfer's by
 * now. */
void gm_multi_check_leftover(struct gm_multi *multi, const struct gm_transfer *transfer)
{
    curl_socket_t fd = transfer->fd;
    if (fd >= 0 && multi->sockets[fd].owner != transfer)
        return;
    if (fd < 0 && (curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
                   fd < 0 || !have_socket(multi, fd)))
        return;
    if (multi->sockets[fd].wanted != 0)
        return;
    multi->sockets[fd].plain = transfer->response.version == 1 && transfer->job->url[4] == ':';
    if (multi->sockets[fd].plain && !(multi->sockets[fd].registered & EPOLLIN))
        drop_leftover(fd);
}

void gm_multi_event(struct gm_multi *multi, int fd, uint32_t events)
{
    int running, mask = 0;
    if ((size_t)fd >= multi->n_sockets)
        return;
    struct socket_state state = multi->sockets[fd];
    if (state.registered == 0)
        return; /* closed by an earlier event of this round */
    if (events & (EPOLLERR | EPOLLHUP))
        events |= state.wanted;
    if ((events & (EPOLLIN | EPOLLOUT) & ~(uint32_t)state.wanted) || state.wanted == 0)
        set_registered(multi, fd, state.wanted);
    if (state.wanted == 0 && state.plain)
        drop_leftover(fd);
    if (events & state.wanted & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & state.wanted & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (mask)
        curl_multi_socket_action(multi->handle, fd, mask, &running);
}

void gm_multi_shrink(struct gm_multi *multi, unsigned n)
{
    curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, (long)n);
}

bool gm_multi_is_idle(const struct gm_multi *multi, int fd)
{
    return (size_t)fd >= multi->n_sockets || multi->sockets[fd].wanted == 0;
}

uint64_t gm_multi_timer_ms(const struct gm_multi *multi)
{
    return multi->timer_ms;
}

void gm_multi_run_timer(struct gm_multi *multi, uint64_t now_ms)
{
    int running;
    if (multi->timer_ms > now_ms)
        return;
    multi->timer_ms = UINT64_MAX;
    curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* ---- transfers ---- */

/* An easy handle speaks once. libcurl 7.88 keeps a pointer to the last header of the last response,
 * which is freed, and joins to it a folded line (RFC 9112, section 5.2) that comes before all
 * headers: with a used handle a server can write into our memory. Nor does it forget how many kept
 * connections were closed under the handle, and it gives up after the fifth. */
static bool make_fresh(struct gm_multi *multi, struct gm_transfer *transfer)
{
    if (transfer->has_spoken) {
        if (!gm_transfer_renew_easy(transfer))
            return false;
        gm_multi_adopt(multi, transfer);
    }
    transfer->has_spoken = true;
    return true;
}

bool gm_multi_start(struct gm_multi *multi, struct gm_transfer *transfer, enum gm_transfer_use use)
{
    if (use == GM_TRANSFER_SPEAK && !make_fresh(multi, transfer))
        return false;
    gm_transfer_set_easy(transfer, use);
    return curl_multi_add_handle(multi->handle, transfer->easy) == CURLM_OK;
}

bool gm_multi_next_done(struct gm_multi *multi, struct gm_transfer **transfer, CURLcode *code)
{
    int n_left;
    CURLMsg *message = curl_multi_info_read(multi->handle, &n_left);
    if (!message)
        return false;
    *code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, transfer);
    return true;
}

void gm_multi_stop(struct gm_multi *multi, struct gm_transfer *transfer)
{
    curl_multi_remove_handle(multi->handle, transfer->easy);
}

/* A connection that was only to be made is closed by libcurl when its handle leaves; but we are who
 * closes sockets, and do not. */
int gm_multi_take_socket(struct gm_multi *multi, struct gm_transfer *transfer)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK)
        fd = CURL_SOCKET_BAD;
    multi->wanted_fd = fd;
    multi->got_wanted = false;
    gm_multi_stop(multi, transfer);
    multi->wanted_fd = -1;
    return multi->got_wanted ? fd : -1;
}

void gm_multi_adopt(struct gm_multi *multi, struct gm_transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(transfer->easy, CURLOPT_CLOSESOCKETDATA, multi);
    curl_easy_setopt(transfer->easy, CURLOPT_SHARE, multi->share);
}

enum gm_status gm_multi_new(int epoll_fd, unsigned n_slots, struct gm_multi **multi,
                            struct gm_err *err)
{
    struct gm_multi *made = calloc(1, sizeof *made);
    CURLM *handle = made ? curl_multi_init() : NULL;
    CURLSH *share = handle ? curl_share_init() : NULL;
    if (!share || curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != 0) {
        curl_share_cleanup(share); /* NULL is fine, here and below */
        curl_multi_cleanup(handle);
        free(made);
        return gm_err_set(err, GM_NOMEM, "no memory for a network thread");
    }
    *made = (struct gm_multi){.handle = handle,
                              .share = share,
                              .epoll_fd = epoll_fd,
                              .timer_ms = UINT64_MAX,
                              .wanted_fd = -1};
    curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, made);
    curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(handle, CURLMOPT_TIMERDATA, made);
    curl_multi_setopt(handle, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(handle, CURLMOPT_MAXCONNECTS, (long)n_slots);
    *multi = made;
    return GM_OK;
}

void gm_multi_free(struct gm_multi *multi)
{
    if (!multi)
        return;
    curl_multi_cleanup(multi->handle);
    curl_share_cleanup(multi->share);
    free(multi->sockets);
    free(multi);
}
