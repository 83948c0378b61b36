/* libcurl's part of a network thread: a multi handle in the thread's epoll. Transfers go in, come
 * back when they have ended; in between events and the clock are passed on. It also makes the
 * connections that plain.h speaks on. Belongs to one network thread. */
#ifndef GM_FETCH_MULTI_H
#define GM_FETCH_MULTI_H

#include "fetch/transfer.h"

struct gm_multi;

/* epoll_fd stays the caller's; events carry descriptors (data.fd). n_slots: requests at once. */
enum gm_status gm_multi_new(int epoll_fd, unsigned n_slots, struct gm_multi **multi,
                            struct gm_err *err);
void gm_multi_free(struct gm_multi *multi); /* NULL allowed; after all transfers' easy handles */
/* For each transfer, before its first request. */
void gm_multi_adopt(struct gm_multi *multi, struct gm_transfer *transfer);

/* Begins a request, or (GM_TRANSFER_CONNECT) only makes its connection. false: no memory. */
bool gm_multi_start(struct gm_multi *multi, struct gm_transfer *transfer, enum gm_transfer_use use);
/* The next transfer that has ended, and how. false: none. It is in the multi handle until
 * gm_multi_stop or gm_multi_take_socket. */
bool gm_multi_next_done(struct gm_multi *multi, struct gm_transfer **transfer, CURLcode *code);
/* Takes a transfer out, ended or not. */
void gm_multi_stop(struct gm_multi *multi, struct gm_transfer *transfer);
/* The same for one that was to connect and did: the socket becomes the caller's, and is in no
 * epoll. -1: libcurl keeps it. */
int gm_multi_take_socket(struct gm_multi *multi, struct gm_transfer *transfer);
/* The response has been taken whole: drops the connection if more comes than it said. */
void gm_multi_check_leftover(struct gm_multi *multi, const struct gm_transfer *transfer);

/* Keeps at most n connections; those that are too many are closed when requests end. */
void gm_multi_shrink(struct gm_multi *multi, unsigned n);

/* Nobody waits for anything on this socket: what comes is no answer to a request. */
bool gm_multi_is_idle(const struct gm_multi *multi, int fd);
/* fd may be closed by now. */
void gm_multi_event(struct gm_multi *multi, int fd, uint32_t events);
/* When gm_multi_run_timer has something to do; UINT64_MAX: not by itself. */
uint64_t gm_multi_timer_ms(const struct gm_multi *multi);
void gm_multi_run_timer(struct gm_multi *multi, uint64_t now_ms);

#endif
