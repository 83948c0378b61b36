/* How a worker comes by blocks beyond the one that it was leased. */
#include "base/assert.h"
#include "block.h"
#include "run/worker.h"

#include <unistd.h>

void gm_worker_keep(struct gm_worker *worker, const struct gm_desc *desc)
{
    if (desc->kind == GM_DESC_STOP)
        _exit(0);
    if (desc->kind == GM_DESC_GRANT) {
        worker->ahead = (struct gm_span){desc->out_page, desc->out_bytes};
        worker->asked_ahead = false;
        return;
    }
    GM_ASSERT(worker->n_pending < GM_WORKER_PENDING);
    worker->pending[worker->n_pending++] = *desc;
}

enum gm_status gm_worker_need(struct gm_worker *worker, uint64_t lease, uint32_t n_bytes,
                              struct gm_span *span, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_NEED, .lease = lease, .value = n_bytes};
    enum gm_status status = gm_port_send(&worker->port, &desc, err);
    while (status == GM_OK) {
        status = gm_port_receive(&worker->port, &desc, err);
        if (status != GM_OK)
            return status;
        if (desc.kind == GM_DESC_GRANT && !(desc.flags & GM_DESC_AHEAD)) {
            *span = (struct gm_span){desc.out_page, desc.out_bytes};
            return GM_OK;
        }
        gm_worker_keep(worker, &desc);
    }
    return status;
}

/* Looks for the block that was asked for ahead. */
static enum gm_status hear(struct gm_worker *worker, struct gm_err *err)
{
    struct gm_desc desc;
    enum gm_status status;
    while ((status = gm_port_pop(&worker->port, &desc, err)) == GM_OK) {
        gm_port_release(&worker->port);
        gm_worker_keep(worker, &desc);
    }
    return status == GM_AGAIN ? GM_OK : status;
}

enum gm_status gm_worker_next_block(struct gm_worker *worker, uint64_t lease, uint32_t n_bytes,
                                    struct gm_span *span, struct gm_err *err)
{
    const struct gm_desc ahead = {
        .kind = GM_DESC_NEED, .flags = GM_DESC_AHEAD, .lease = lease, .value = GM_BLOCK_BYTES};
    enum gm_status status = hear(worker, err);
    if (status != GM_OK)
        return status;
    bool is_there = worker->ahead.n_bytes >= n_bytes;
    if (is_there) {
        *span = worker->ahead;
        worker->ahead.n_bytes = 0;
    }
    if (worker->ahead.n_bytes == 0 && !worker->asked_ahead) {
        status = gm_port_push(&worker->port, &ahead, err);
        worker->asked_ahead = status == GM_OK; /* a full ring: there is a wait the next time */
        if (status == GM_INTERNAL)
            return status;
    }
    if (!is_there)
        return gm_worker_need(worker, lease, n_bytes, span, err);
    gm_port_publish(&worker->port);
    return GM_OK;
}
