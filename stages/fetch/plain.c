/* Sockets are registered with epoll once, level-triggered, so that there is no epoll_ctl a request;
 * only one that cannot take a request whole is registered to tell when it can go on.
 *
 * All responses are received into one buffer: its bytes are used up before the next recv, either
 * into the body's own memory (store.h) or, a line that is cut, into the message's. */
#include "fetch/plain.h"

#include "base/assert.h"
#include "base/fs.h"
#include "fetch/connection.h"
#include "fetch/request.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define RECEIVE_BYTES   65536u
#define RECEIVE_AT_ONCE 4 /* full buffers from one connection before the others' turn */

/* Transfers in the order in which they came; each is in at most one. */
struct queue {
    struct gm_transfer **items;
    unsigned first, n, n_slots;
};

struct gm_plain {
    int epoll_fd;
    const struct gm_fetch_settings *settings;
    struct gm_connections connections;
    struct queue waiting, connecting, done;
    unsigned n_too_many; /* connections to be closed as soon as they are free: others' share */
    struct gm_buf common, safe_common; /* fields of all requests; without credentials */
    uint8_t *received;
};

/* ---- queues ---- */

static bool queue_init(struct queue *queue, unsigned n_slots)
{
    *queue =
        (struct queue){.items = calloc(n_slots, sizeof(struct gm_transfer *)), .n_slots = n_slots};
    return queue->items != NULL;
}

static void push(struct queue *queue, struct gm_transfer *transfer)
{
    GM_ASSERT(queue->n < queue->n_slots);
    queue->items[(queue->first + queue->n++) % queue->n_slots] = transfer;
}

static struct gm_transfer *pop(struct queue *queue)
{
    if (queue->n == 0)
        return NULL;
    struct gm_transfer *transfer = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->n_slots;
    queue->n--;
    return transfer;
}

static void take_out(struct queue *queue, const struct gm_transfer *transfer)
{
    for (unsigned i = queue->n; i > 0; i--) {
        struct gm_transfer *other = pop(queue);
        if (other != transfer)
            push(queue, other);
    }
}

/* ---- the end of an exchange ---- */

static void close_connection(struct gm_plain *plain, struct gm_connection *connection)
{
    if (connection->transfer)
        connection->transfer->connection = NULL;
    gm_connection_close(&plain->connections, connection);
}

/* Its transfer has the outcome. */
static void end_by_closing(struct gm_plain *plain, struct gm_connection *connection)
{
    push(&plain->done, connection->transfer);
    close_connection(plain, connection);
}

static void end_whole(struct gm_plain *plain, struct gm_connection *connection, uint64_t now_ms)
{
    struct gm_transfer *transfer = connection->transfer;
    if (plain->n_too_many > 0) {
        plain->n_too_many--;
        end_by_closing(plain, connection);
        return;
    }
    push(&plain->done, transfer);
    transfer->connection = NULL;
    connection->transfer = NULL;
    connection->used_before = true;
    gm_buf_clear(&connection->request);
    gm_connection_keep(&plain->connections, connection, now_ms);
}

/* A kept connection that ends before it has answered at all was closed for its age. */
static bool try_afresh(struct gm_plain *plain, struct gm_connection *connection)
{
    struct gm_transfer *transfer = connection->transfer;
    if (!connection->used_before || connection->message.any)
        return false;
    close_connection(plain, connection);
    transfer->connected = false;
    push(&plain->connecting, transfer);
    return true;
}

static void on_broken(struct gm_plain *plain, struct gm_connection *connection, const char *what,
                      int code)
{
    if (try_afresh(plain, connection))
        return;
    gm_transfer_give_up(connection->transfer, GM_REASON_FETCH_CONNECT, true, "%s: %s", what,
                        strerrordesc_np(code));
    end_by_closing(plain, connection);
}

static void say_truncated(struct gm_transfer *transfer)
{
    const struct gm_response *response = &transfer->response;
    if (response->chunked)
        gm_transfer_give_up(transfer, GM_REASON_FETCH_TRUNCATED, true,
                            "the connection ended inside the body, after %llu bytes of it",
                            (unsigned long long)transfer->body_bytes);
    else
        gm_transfer_give_up(transfer, GM_REASON_FETCH_TRUNCATED, true,
                            "the connection ended inside the body, after %llu bytes of %llu",
                            (unsigned long long)transfer->body_bytes,
                            (unsigned long long)response->content_length);
}

static void on_end_of_input(struct gm_plain *plain, struct gm_connection *connection)
{
    struct gm_transfer *transfer = connection->transfer;
    switch (gm_message_end(&connection->message)) {
    case GM_MESSAGE_END_NOTHING:
        if (try_afresh(plain, connection))
            return;
        gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, true,
                            "the connection closed without an answer");
        break;
    case GM_MESSAGE_END_IN_HEAD:
        gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, true,
                            "the connection closed inside the response head");
        break;
    case GM_MESSAGE_END_IN_BODY:
        say_truncated(transfer);
        break;
    case GM_MESSAGE_END_WHOLE:
        break;
    }
    end_by_closing(plain, connection);
}

/* ---- receiving ---- */

static void refuse(struct gm_connection *connection, const char *problem)
{
    if (connection->message.line.failed)
        gm_transfer_give_up(connection->transfer, GM_REASON_LIMIT_MEMORY, false,
                            "no memory for a response head");
    else
        gm_transfer_refuse(connection->transfer, problem);
}

/* Also where a body begins without a byte: its stated size may be too much. */
static bool take_body(const struct gm_connection *connection, const struct gm_message_step *step)
{
    struct gm_transfer *transfer = connection->transfer;
    if (step->body_bytes)
        return gm_transfer_take_body(transfer, step->body, step->body_bytes);
    return transfer->body_started || !gm_message_in_body(&connection->message) ||
           gm_transfer_take_body(transfer, "", 0);
}

/* Bytes of a response. true: the exchange goes on. */
static bool take(struct gm_plain *plain, struct gm_connection *connection, size_t n_bytes,
                 uint64_t now_ms)
{
    struct gm_message *message = &connection->message;
    const uint8_t *data = plain->received;
    const uint8_t *end = data + n_bytes;
    while (data < end && message->at != GM_MESSAGE_DONE) {
        struct gm_message_step step;
        const char *problem = gm_message_take(message, data, (size_t)(end - data), &step);
        data += step.n_bytes;
        if (problem)
            refuse(connection, problem);
        if (problem || !take_body(connection, &step)) {
            end_by_closing(plain, connection);
            return false;
        }
    }
    if (message->at != GM_MESSAGE_DONE)
        return true;
    bool sent = connection->n_sent == connection->request.n_bytes;
    if (sent && data == end && gm_message_keeps(message))
        end_whole(plain, connection, now_ms);
    else
        end_by_closing(plain, connection);
    return false;
}

static void receive(struct gm_plain *plain, struct gm_connection *connection, uint64_t now_ms)
{
    for (unsigned i = 0; i < RECEIVE_AT_ONCE; i++) {
        ssize_t n = recv(connection->fd, plain->received, RECEIVE_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return; /* epoll tells again */
        if (n < 0) {
            on_broken(plain, connection, "the connection broke", errno);
            return;
        }
        if (n == 0) {
            on_end_of_input(plain, connection);
            return;
        }
        if (!take(plain, connection, (size_t)n, now_ms) || (size_t)n < RECEIVE_BYTES)
            return;
    }
}

/* ---- sending ---- */

static bool watch_socket(struct gm_plain *plain, const struct gm_connection *connection, int op)
{
    uint32_t events = EPOLLIN | (connection->waits_to_send ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data.fd = connection->fd};
    return epoll_ctl(plain->epoll_fd, op, connection->fd, &event) == 0;
}

/* As much as the socket takes. */
static void send_more(struct gm_plain *plain, struct gm_connection *connection)
{
    const struct gm_buf *request = &connection->request;
    size_t left = request->n_bytes - connection->n_sent;
    ssize_t n =
        send(connection->fd, request->data + connection->n_sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        on_broken(plain, connection, "sending the request failed", errno);
        return;
    }
    connection->n_sent += n > 0 ? (size_t)n : 0;
    bool waits = connection->n_sent < request->n_bytes;
    if (waits == connection->waits_to_send)
        return;
    connection->waits_to_send = waits;
    if (!watch_socket(plain, connection, EPOLL_CTL_MOD))
        on_broken(plain, connection, "waiting for the socket failed", errno);
}

static void send_request(struct gm_plain *plain, struct gm_transfer *transfer,
                         struct gm_connection *connection)
{
    const struct gm_fetch_settings *settings = plain->settings;
    struct gm_buf *request = &connection->request;
    connection->transfer = transfer;
    transfer->connection = connection;
    transfer->connected = true;
    gm_message_begin(&connection->message, &transfer->response);
    connection->n_sent = 0;
    gm_buf_clear(request);
    gm_request_write(request, &transfer->target, transfer->extra, transfer->n_extra,
                     transfer->base_headers == settings->headers ? &plain->common
                                                                 : &plain->safe_common);
    if (request->failed) {
        gm_transfer_give_up(transfer, GM_REASON_LIMIT_MEMORY, false, "no memory for a request");
        end_by_closing(plain, connection);
        return;
    }
    send_more(plain, connection);
}

/* ---- the ways in ---- */

bool gm_plain_speaks(const struct gm_plain *plain, struct gm_transfer *transfer)
{
    const struct gm_fetch_opts *opts = plain->settings->opts;
    return opts->client == GM_FETCH_CLIENT_OWN && !opts->proxy &&
           gm_target_parse(transfer->job->url, &transfer->target);
}

void gm_plain_start(struct gm_plain *plain, struct gm_transfer *transfer)
{
    push(&plain->waiting, transfer);
}

bool gm_plain_is_waiting(const struct gm_plain *plain)
{
    return plain->waiting.n > 0;
}

void gm_plain_begin(struct gm_plain *plain, uint64_t now_ms)
{
    struct gm_transfer *transfer;
    while ((transfer = pop(&plain->waiting))) {
        char key[GM_TARGET_KEY_BYTES];
        gm_target_key(&transfer->target, key);
        struct gm_connection *connection = gm_connection_take(&plain->connections, key, now_ms);
        if (connection)
            send_request(plain, transfer, connection);
        else
            push(&plain->connecting, transfer);
    }
}

struct gm_transfer *gm_plain_next_connect(struct gm_plain *plain)
{
    return pop(&plain->connecting);
}

void gm_plain_connected(struct gm_plain *plain, struct gm_transfer *transfer, int fd)
{
    char key[GM_TARGET_KEY_BYTES];
    gm_target_key(&transfer->target, key);
    struct gm_connection *connection = gm_connection_open(&plain->connections, fd, key);
    if (!connection || !watch_socket(plain, connection, EPOLL_CTL_ADD)) {
        gm_transfer_give_up(transfer, GM_REASON_LIMIT_MEMORY, false, "no memory for a connection");
        if (connection)
            gm_connection_close(&plain->connections, connection);
        else
            gm_close(&fd);
        push(&plain->done, transfer);
        return;
    }
    send_request(plain, transfer, connection);
}

struct gm_transfer *gm_plain_next_done(struct gm_plain *plain)
{
    return pop(&plain->done);
}

void gm_plain_stop(struct gm_plain *plain, struct gm_transfer *transfer)
{
    take_out(&plain->waiting, transfer);
    take_out(&plain->connecting, transfer);
    take_out(&plain->done, transfer);
    if (transfer->connection)
        close_connection(plain, transfer->connection);
}

void gm_plain_shrink(struct gm_plain *plain, unsigned share, unsigned n_running)
{
    gm_connections_shrink(&plain->connections, share);
    plain->n_too_many = n_running > share ? n_running - share : 0;
}

bool gm_plain_owns(const struct gm_plain *plain, int fd)
{
    return gm_connection_find(&plain->connections, fd) != NULL;
}

bool gm_plain_is_idle(const struct gm_plain *plain, int fd)
{
    return gm_connection_find(&plain->connections, fd)->is_kept;
}

void gm_plain_event(struct gm_plain *plain, int fd, uint32_t events, uint64_t now_ms)
{
    struct gm_connection *connection = gm_connection_find(&plain->connections, fd);
    if (connection->is_kept) { /* closed by the server, or bytes that nobody asked for */
        close_connection(plain, connection);
        return;
    }
    if (connection->waits_to_send && (events & EPOLLOUT)) {
        send_more(plain, connection);
        connection = gm_connection_find(&plain->connections, fd);
    }
    if (connection && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        receive(plain, connection, now_ms);
}

/* ---- making and freeing ---- */

enum gm_status gm_plain_new(int epoll_fd, unsigned n_slots,
                            const struct gm_fetch_settings *settings, struct gm_plain **plain,
                            struct gm_err *err)
{
    struct gm_plain *made = calloc(1, sizeof *made);
    bool good = made && gm_connections_init(&made->connections, n_slots) &&
                queue_init(&made->waiting, n_slots) && queue_init(&made->connecting, n_slots) &&
                queue_init(&made->done, n_slots) && (made->received = malloc(RECEIVE_BYTES));
    if (good) {
        made->epoll_fd = epoll_fd;
        made->settings = settings;
        gm_request_common(&made->common, settings->user_agent, settings->headers);
        gm_request_common(&made->safe_common, settings->user_agent, settings->safe_headers);
        good = !made->common.failed && !made->safe_common.failed;
    }
    if (!good) {
        gm_plain_free(made);
        return gm_err_set(err, GM_NOMEM, "no memory for a network thread");
    }
    *plain = made;
    return GM_OK;
}

void gm_plain_free(struct gm_plain *plain)
{
    if (!plain)
        return;
    gm_connections_fini(&plain->connections);
    free(plain->waiting.items);
    free(plain->connecting.items);
    free(plain->done.items);
    gm_buf_free(&plain->common);
    gm_buf_free(&plain->safe_common);
    free(plain->received);
    free(plain);
}
