/* See link.h. */
#include "run/link.h"

#include "base/fs.h"
#include "ipc/wake.h"

#include <stdatomic.h>
#include <string.h>

/* How long a child sleeps at most before it looks again: an unforeseen lost wake-up then costs
 * latency and is not a hang. */
#define RECHECK_MS 500

static void reset_shared(struct gm_link_shared *shared)
{
    gm_ring_reset(&shared->down);
    gm_ring_reset(&shared->up);
    atomic_store(&shared->cur_lease, 0);
    atomic_store(&shared->cur_row, 0);
    atomic_store(&shared->beat, 0);
}

static void attach_parent(struct gm_link *link)
{
    struct gm_port *port = &link->parent;
    port->shared = (struct gm_link_shared *)(void *)link->shm.data;
    gm_ring_attach(&port->out, &port->shared->down);
    gm_ring_attach(&port->in, &port->shared->up);
    port->bell_out = link->bell_down;
    port->bell_in = link->bell_up;
    port->unpublished = false;
}

enum gm_status gm_link_open(const char *name, struct gm_link *link, struct gm_err *err)
{
    memset(link, 0, sizeof *link);
    link->shm = (struct gm_shm)GM_SHM_INIT;
    link->bell_down = link->bell_up = link->child_control_fd = link->parent.control_fd = -1;
    enum gm_status status = gm_shm_create(name, sizeof(struct gm_link_shared),
                                          sizeof(struct gm_link_shared), &link->shm, err);
    if (status == GM_OK)
        status = gm_wake_open(&link->bell_down, err);
    if (status == GM_OK)
        status = gm_wake_open(&link->bell_up, err);
    if (status == GM_OK)
        status = gm_control_pair(&link->parent.control_fd, &link->child_control_fd, err);
    if (status != GM_OK) {
        gm_link_close(link);
        return status;
    }
    reset_shared((struct gm_link_shared *)(void *)link->shm.data);
    attach_parent(link);
    return GM_OK;
}

void gm_link_close(struct gm_link *link)
{
    if (!link || !link->shm.data)
        return;
    gm_close(&link->bell_down);
    gm_close(&link->bell_up);
    gm_close(&link->parent.control_fd);
    gm_close(&link->child_control_fd);
    gm_shm_destroy(&link->shm);
}

enum gm_status gm_link_renew(struct gm_link *link, struct gm_err *err)
{
    gm_close(&link->parent.control_fd);
    gm_close(&link->child_control_fd);
    gm_wake_drain(link->bell_down);
    gm_wake_drain(link->bell_up);
    reset_shared((struct gm_link_shared *)(void *)link->shm.data);
    attach_parent(link);
    return gm_control_pair(&link->parent.control_fd, &link->child_control_fd, err);
}

void gm_link_attach_child(struct gm_link *link, struct gm_port *port)
{
    memset(port, 0, sizeof *port);
    port->shared = (struct gm_link_shared *)(void *)link->shm.data;
    gm_ring_attach(&port->out, &port->shared->up);
    gm_ring_attach(&port->in, &port->shared->down);
    port->bell_out = link->bell_up;
    port->bell_in = link->bell_down;
    port->control_fd = link->child_control_fd;
}

enum gm_status gm_port_push(struct gm_port *port, const struct gm_desc *desc, struct gm_err *err)
{
    enum gm_status status = gm_ring_push(&port->out, desc, err);
    if (status == GM_OK)
        port->unpublished = true;
    return status;
}

void gm_port_publish(struct gm_port *port)
{
    if (!port->unpublished)
        return;
    port->unpublished = false;
    if (gm_ring_publish(&port->out))
        gm_wake_ring(port->bell_out);
}

enum gm_status gm_port_pop(struct gm_port *port, struct gm_desc *desc, struct gm_err *err)
{
    return gm_ring_pop(&port->in, desc, err);
}

void gm_port_release(struct gm_port *port)
{
    if (gm_ring_release(&port->in))
        gm_wake_ring(port->bell_out);
}

enum gm_status gm_port_send(struct gm_port *port, const struct gm_desc *desc, struct gm_err *err)
{
    enum gm_status status;
    while ((status = gm_port_push(port, desc, err)) == GM_AGAIN) {
        gm_port_publish(port);
        if (gm_ring_producer_sleep(&port->out))
            gm_wake_wait(port->bell_in, -1, RECHECK_MS, NULL);
    }
    gm_port_publish(port);
    return status;
}

enum gm_status gm_port_send_later(struct gm_port *port, const struct gm_desc *desc,
                                  struct gm_err *err)
{
    enum gm_status status = gm_port_push(port, desc, err);
    return status == GM_AGAIN ? gm_port_send(port, desc, err) : status;
}

enum gm_status gm_port_receive(struct gm_port *port, struct gm_desc *desc, struct gm_err *err)
{
    for (;;) {
        enum gm_status status = gm_port_pop(port, desc, err);
        if (status != GM_AGAIN) {
            gm_port_release(port);
            return status;
        }
        gm_port_publish(port);
        if (gm_ring_consumer_sleep(&port->in))
            gm_wake_wait(port->bell_in, -1, RECHECK_MS, NULL);
        gm_ring_awake(&port->in);
    }
}
