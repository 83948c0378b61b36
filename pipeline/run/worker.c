/* See worker.h. Order at the start: attach, open what the route works with (which enters the
 * sandbox), hello. */
#include "run/worker.h"

#include "ipc/control.h"
#include "ipc/sandbox.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    enum gm_status (*open)(struct gm_worker *, struct gm_err *);
    enum gm_status (*lease)(struct gm_worker *, const struct gm_desc *, struct gm_err *);
    void (*close)(struct gm_worker *);
} kinds[] = {
    [GM_ROUTE_CHAIN] = {gm_chain_open, gm_chain_lease, gm_chain_close},
    [GM_ROUTE_SPLIT] = {gm_splitter_open, gm_splitter_lease, gm_splitter_close},
};

enum gm_status gm_worker_block(const struct gm_worker *worker, uint32_t arena, uint32_t page,
                               uint32_t n_bytes, uint8_t **data, struct gm_err *err)
{
    const struct gm_worker_setup *setup = worker->setup;
    if (arena >= setup->n_arenas || !setup->arenas[arena]->shm.data ||
        (uint64_t)page * GM_PAGE_BYTES + n_bytes > setup->arenas[arena]->shm.n_bytes)
        return gm_err_set(err, GM_INTERNAL, "block outside arena %u", arena);
    *data = gm_pool_data(setup->arenas[arena], page);
    return GM_OK;
}

void gm_worker_publish(struct gm_worker *worker, uint64_t index)
{
    atomic_store_explicit(&worker->port.shared->cur_row, index == GM_WORKER_NOTHING ? 0 : index + 1,
                          memory_order_release);
}

static enum gm_status next_desc(struct gm_worker *worker, struct gm_desc *desc, struct gm_err *err)
{
    if (worker->n_pending == 0)
        return gm_port_receive(&worker->port, desc, err);
    *desc = worker->pending[0];
    worker->n_pending--;
    memmove(worker->pending, worker->pending + 1, worker->n_pending * sizeof *desc);
    return GM_OK;
}

static enum gm_status serve(struct gm_worker *worker, struct gm_err *err)
{
    for (;;) {
        struct gm_desc desc;
        enum gm_status status = next_desc(worker, &desc, err);
        if (status != GM_OK)
            return status;
        if (desc.kind == GM_DESC_STOP)
            return GM_OK;
        if (desc.kind == GM_DESC_GRANT) {
            gm_worker_keep(worker, &desc); /* asked for ahead; the next container has it */
            continue;
        }
        if (desc.kind != GM_DESC_LEASE)
            return gm_err_set(err, GM_INTERNAL, "unexpected message %u", desc.kind);
        atomic_store_explicit(&worker->port.shared->cur_row, 0, memory_order_release);
        atomic_store_explicit(&worker->port.shared->cur_lease, desc.lease, memory_order_release);
        if (desc.flags & GM_DESC_HEAP)
            gm_sandbox_keep_back(0); /* for good: after this lease a new process takes over */
        status = kinds[worker->route->kind].lease(worker, &desc, err);
        gm_worker_publish(worker, GM_WORKER_NOTHING);
        if (status != GM_OK)
            return status;
    }
}

static enum gm_status say_hello(const struct gm_worker *worker, struct gm_err *err)
{
    return gm_control_send(worker->port.control_fd, GM_CONTROL_HELLO, worker->sandbox, NULL, 0, -1,
                           GM_CONTROL_WAIT, err);
}

int gm_worker_main(void *context)
{
    const struct gm_worker_setup *setup = context;
    struct gm_err err = {0};
    struct gm_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return gm_status_exit_code(GM_NOMEM);
    worker->plan = setup->plan;
    worker->route = &setup->plan->routes[setup->route];
    worker->setup = setup;
    gm_link_attach_child(setup->link, &worker->port);
    gm_control_log_to(worker->port.control_fd);
    enum gm_status status = kinds[worker->route->kind].open(worker, &err);
    if (status == GM_OK)
        status = say_hello(worker, &err);
    if (status == GM_OK)
        status = serve(worker, &err);
    if (status != GM_OK && status != GM_END)
        gm_control_send(worker->port.control_fd, GM_CONTROL_FATAL, 0, &err, sizeof err, -1,
                        GM_CONTROL_WAIT, NULL);
    kinds[worker->route->kind].close(worker);
    free(worker);
    return gm_status_exit_code(status);
}
