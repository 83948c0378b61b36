/* The link to one child: a ring pair, a bell each way, the control channel and the word in which
 * the child says what it is working on. Made in the supervisor before the fork; both ends use it,
 * each through its own struct gm_port. */
#ifndef GM_RUN_LINK_H
#define GM_RUN_LINK_H

#include "base/err.h"
#include "ipc/control.h"
#include "ipc/ring.h"
#include "ipc/shm.h"
#include "run/proto.h"
#include <stdbool.h>
#include <stdint.h>

/* In shared memory. */
struct gm_link_shared {
    struct gm_ring_shared down, up;
    _Atomic uint64_t cur_lease; /* lease in work */
    _Atomic uint64_t cur_row;   /* record in work + 1; 0 between records */
    _Atomic uint64_t beat;      /* moves while long work without records goes on */
    /* For progress. fetch: items finished, bytes, retries; writer: records, bytes, rejected */
    _Atomic uint64_t n_items;
    _Atomic uint64_t n_bytes;
    _Atomic uint64_t n_retries; /* writer: rejected */
    _Atomic uint64_t n_failed;
};

/* One end. */
struct gm_port {
    struct gm_link_shared *shared;
    struct gm_ring out;    /* producer */
    struct gm_ring in;     /* consumer */
    int bell_out, bell_in; /* eventfds: the peer's to ring, ours to hear */
    int control_fd;
    bool unpublished; /* pushed, not yet published */
};

struct gm_link {
    struct gm_shm shm;
    struct gm_port parent;
    int bell_down, bell_up;
    int child_control_fd; /* closed in the parent after the fork */
};

enum gm_status gm_link_open(const char *name, struct gm_link *link, struct gm_err *err);
void gm_link_close(struct gm_link *link); /* NULL or zeroed-by-close allowed */
/* After the child's death and before the next fork: rings zeroed, bells drained, new control pair.
 */
enum gm_status gm_link_renew(struct gm_link *link, struct gm_err *err);
/* In the child. */
void gm_link_attach_child(struct gm_link *link, struct gm_port *port);

/* Queues one descriptor. GM_AGAIN: the ring is full. */
enum gm_status gm_port_push(struct gm_port *port, const struct gm_desc *desc, struct gm_err *err);
/* Publishes what was pushed and rings the bell if the peer sleeps. */
void gm_port_publish(struct gm_port *port);
/* GM_AGAIN: empty. GM_INTERNAL: corrupt. */
enum gm_status gm_port_pop(struct gm_port *port, struct gm_desc *desc, struct gm_err *err);
/* Gives popped slots back, waking the peer if it waits for room. */
void gm_port_release(struct gm_port *port);

/* ---- for children: they may block ---- */
/* Pushes and publishes, waiting for room. A child whose supervisor is gone dies in the wait. */
enum gm_status gm_port_send(struct gm_port *port, const struct gm_desc *desc, struct gm_err *err);
/* Pushes, and publishes only if there is no room otherwise: for what the supervisor need not know
 * before the next message. Each wake-up of it costs a switch of processes. */
enum gm_status gm_port_send_later(struct gm_port *port, const struct gm_desc *desc,
                                  struct gm_err *err);
/* Next descriptor, publishing first and sleeping if there is none. */
enum gm_status gm_port_receive(struct gm_port *port, struct gm_desc *desc, struct gm_err *err);

#endif
