/* gristmill's own HTTP/1.1 over plain TCP: what most small downloads need, for a fraction of what
 * libcurl's generality costs. libcurl still resolves names and connects (with the check of the
 * address); then the socket is ours: a request is one send, and mostly one recv for its response.
 *
 *      start ─> waiting ─begin─┬─ a kept connection ──────────────────> request … response ─> done
 *                              └─ next_connect ─> libcurl ─> connected ─┘          │
 *                                    ^── closed before the first byte of an answer ┘
 *
 * A kept connection that is closed under a request is no failure of the request: it goes on, once,
 * over a new one, and counts as the same try (RFC 9110, section 9.2.2: GET may be repeated).
 *
 * Requests are sent by begin only, which the thread calls after it has looked at what comes on kept
 * connections: bytes left behind one response must not become the answer to the next request.
 *
 * Belongs to one network thread. */
#ifndef GM_FETCH_PLAIN_H
#define GM_FETCH_PLAIN_H

#include "fetch/transfer.h"

struct gm_plain;

/* epoll_fd stays the caller's; events carry descriptors (data.fd). n_slots: requests at once, and
 * how many connections are kept. */
enum gm_status gm_plain_new(int epoll_fd, unsigned n_slots,
                            const struct gm_fetch_settings *settings, struct gm_plain **plain,
                            struct gm_err *err);
void gm_plain_free(struct gm_plain *plain); /* NULL allowed; all transfers have ended */

/* Is this a request for us? Then its target is filled in; otherwise it is libcurl's. */
bool gm_plain_speaks(const struct gm_plain *plain, struct gm_transfer *transfer);
/* Takes a request that is to be sent by the next begin. */
void gm_plain_start(struct gm_plain *plain, struct gm_transfer *transfer);
bool gm_plain_is_waiting(const struct gm_plain *plain);
void gm_plain_begin(struct gm_plain *plain, uint64_t now_ms);
/* The next request that needs a new connection, or NULL; then gm_plain_connected, or its end. */
struct gm_transfer *gm_plain_next_connect(struct gm_plain *plain);
/* fd becomes ours. */
void gm_plain_connected(struct gm_plain *plain, struct gm_transfer *transfer, int fd);
/* The next one that has ended, or NULL; judge it as if libcurl had said CURLE_OK: what went wrong
 * stands in the transfer. */
struct gm_transfer *gm_plain_next_done(struct gm_plain *plain);
/* Ends a request wherever it is, except that libcurl does not forget it. */
void gm_plain_stop(struct gm_plain *plain, struct gm_transfer *transfer);

/* The thread's share of connections is less than it was: n_running requests are under way, and only
 * `share` of their connections may be kept. */
void gm_plain_shrink(struct gm_plain *plain, unsigned share, unsigned n_running);

bool gm_plain_owns(const struct gm_plain *plain, int fd);
/* Nobody waits for anything on this socket, which is one of ours. */
bool gm_plain_is_idle(const struct gm_plain *plain, int fd);
/* What epoll says of a socket of ours. */
void gm_plain_event(struct gm_plain *plain, int fd, uint32_t events, uint64_t now_ms);

#endif
