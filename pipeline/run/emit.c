/* A lease of the split route: the splitter reads one container and calls gm_emit_*; this file packs
 * what it emits into blocks of this worker's arena and hands them to the supervisor one by one.
 *
 * Waiting for the next empty block is the back-pressure. Blocks that an earlier, dead attempt
 * already delivered are built again and not sent: the same container gives the same blocks. */
#include "base/assert.h"
#include "base/fs.h"
#include "block.h"
#include "run/item_line.h"
#include "run/worker.h"
#include "split.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gm_emit {
    struct gm_worker *worker;
    void *splitter;        /* its context */
    struct gm_batch batch; /* the container's own row */
    struct gm_block_builder builder;
    struct gm_span block; /* being filled; n_bytes 0: none */
    struct gm_buf carry;  /* an unfinished body on its way to a larger block */
    const struct gm_desc *lease;
    struct gm_row row;
    struct gm_buf name; /* of the open member */
    int route;          /* of the block being filled */
    uint32_t n_blocks;  /* finished, sent or skipped */
    uint64_t n_members;
    bool given_up; /* the block that is lost has been told */
};

static uint32_t chain_route(const struct gm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (plan->routes[i].kind == GM_ROUTE_CHAIN)
            return i;
    GM_UNREACHABLE();
}

/* -1: nobody here wants it; a container inside a container has been opened by now, or is not. */
static int route_of(const struct gm_plan *plan, enum gm_media media)
{
    int route = plan->route_of_media[media];
    return route >= 0 && plan->routes[route].kind == GM_ROUTE_CHAIN ? route : -1;
}

static void restart_block(struct gm_emit *emit)
{
    const struct gm_worker_setup *setup = emit->worker->setup;
    gm_block_start(&emit->builder, gm_pool_data(setup->arenas[setup->own_arena], emit->block.page),
                   emit->block.n_bytes);
}

static enum gm_status tell_lost_block(struct gm_emit *emit, struct gm_err *err);

/* Hands the block being filled to the supervisor, or drops it if it was delivered before. */
static enum gm_status send_block(struct gm_emit *emit, struct gm_err *err)
{
    if (emit->builder.n_rows == 0)
        return GM_OK;
    if (emit->n_blocks + 1 == emit->lease->row_first && !emit->given_up)
        return tell_lost_block(emit, err);
    uint32_t n_rows = emit->builder.n_rows;
    size_t n_bytes = gm_block_seal(&emit->builder);
    emit->n_blocks++;
    if (emit->n_blocks <= emit->lease->value) {
        restart_block(emit);
        return GM_OK;
    }
    struct gm_desc desc = {.kind = GM_DESC_EMIT,
                           .value = (uint32_t)emit->route,
                           .lease = emit->lease->lease,
                           .sub = emit->n_blocks,
                           .out_page = emit->block.page,
                           .out_bytes = (uint32_t)n_bytes,
                           .row_count = n_rows};
    emit->block.n_bytes = 0;
    emit->builder.n_rows = 0;
    return gm_port_send_later(&emit->worker->port, &desc, err); /* NEED or DONE follow at once */
}

/* Gives back a block that will not be used. */
static enum gm_status return_block(struct gm_emit *emit, struct gm_span block, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_EMIT,
                           .value = GM_NO_LIMIT,
                           .lease = emit->lease->lease,
                           .out_page = block.page};
    return gm_port_send(&emit->worker->port, &desc, err);
}

static enum gm_status take_block(struct gm_emit *emit, size_t n_bytes, struct gm_err *err)
{
    uint8_t *data;
    enum gm_status status = gm_worker_next_block(emit->worker, emit->lease->lease,
                                                 (uint32_t)n_bytes, &emit->block, err);
    if (status == GM_OK)
        status = gm_worker_block(emit->worker, emit->worker->setup->own_arena, emit->block.page,
                                 emit->block.n_bytes, &data, err);
    if (status == GM_OK)
        gm_block_start(&emit->builder, data, emit->block.n_bytes);
    else
        emit->block.n_bytes = 0;
    return status;
}

/* A block of the right route with room for a row with this body. */
static enum gm_status make_room(struct gm_emit *emit, int route, size_t body_bytes,
                                struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (emit->builder.n_rows > 0 && route != emit->route)
        status = send_block(emit, err);
    emit->route = route;
    if (status == GM_OK && emit->block.n_bytes > 0) {
        size_t room = gm_block_room_bytes(&emit->builder, &emit->row);
        if (room > 0 && room >= body_bytes)
            return GM_OK;
        status = send_block(emit, err);
        if (status == GM_OK && emit->block.n_bytes > 0) {
            room = gm_block_room_bytes(&emit->builder, &emit->row);
            if (room > 0 && room >= body_bytes)
                return GM_OK;
            status = return_block(emit, emit->block, err);
            emit->block.n_bytes = 0;
        }
    }
    size_t need = gm_block_need_bytes(&emit->row, body_bytes);
    if (status == GM_OK)
        status = take_block(emit, need > GM_BLOCK_BYTES ? need : GM_BLOCK_BYTES, err);
    return status;
}

static void set_row(struct gm_emit *emit, const struct gm_member *member)
{
    gm_buf_clear(&emit->name);
    emit->row.name = gm_batch_view(&emit->batch, GM_IN_NAME, 0);
    emit->row.member = UINT64_MAX;
    emit->row.media = GM_MEDIA_UNKNOWN;
    if (!member)
        return;
    emit->row.member = emit->n_members;
    emit->row.media = member->media;
    emit->row.name = (struct gm_view){NULL, 0};
    if (member->name) {
        gm_buf_append(&emit->name, member->name, member->name_bytes);
        emit->row.name =
            (struct gm_view){(const uint8_t *)gm_buf_cstr(&emit->name), emit->name.n_bytes};
    }
}

/* A row that is listed as dropped. */
static enum gm_status add_dropped(struct gm_emit *emit, enum gm_reason reason, const char *message,
                                  struct gm_err *err)
{
    int route = emit->builder.n_rows > 0 ? emit->route : (int)chain_route(emit->worker->plan);
    enum gm_status status = make_room(emit, route, strlen(message) + 64, err);
    if (status == GM_OK)
        status = gm_block_row_begin(&emit->builder, &emit->row);
    if (status == GM_OK)
        status = gm_block_row_end(&emit->builder, reason, message);
    return status;
}

/* Three times this block came out spoiled: one row stands in its place, for it and the rest. */
static enum gm_status tell_lost_block(struct gm_emit *emit, struct gm_err *err)
{
    const struct gm_row row = emit->row;
    emit->given_up = true;
    restart_block(emit);
    emit->row.name = gm_batch_view(&emit->batch, GM_IN_NAME, 0);
    emit->row.member = UINT64_MAX;
    emit->row.media = GM_MEDIA_UNKNOWN;
    enum gm_status status = add_dropped(emit, GM_REASON_WORKER_CRASHED,
                                        "the unpacker spoiled its output here three times; what "
                                        "follows in the container is lost",
                                        err);
    if (status == GM_OK)
        status = send_block(emit, err);
    emit->row = row;
    return status == GM_OK ? GM_END : status;
}

static bool at_the_end(const struct gm_emit *emit)
{
    return emit->given_up || emit->n_members >= emit->lease->row_count;
}

/* From here on a crash is the next member's doing: its header is read before it begins. */
static enum gm_status next_member(struct gm_emit *emit)
{
    emit->n_members++;
    gm_worker_publish(emit->worker, emit->n_members);
    return at_the_end(emit) ? GM_END : GM_OK;
}

enum gm_status gm_emit_begin(struct gm_emit *emit, const struct gm_member *member,
                             struct gm_err *err)
{
    if (at_the_end(emit))
        return GM_END;
    set_row(emit, member);
    gm_worker_publish(emit->worker, emit->n_members);
    uint64_t expected = member->size_hint_bytes;
    uint64_t max = emit->worker->plan->job.max_record_bytes;
    int route = route_of(emit->worker->plan, member->media);
    if (route < 0)
        route = (int)chain_route(emit->worker->plan);
    enum gm_status status = make_room(emit, route, expected < max ? expected : max, err);
    return status == GM_OK ? gm_block_row_begin(&emit->builder, &emit->row) : status;
}

/* The open row does not fit: finished rows go out, the open one moves to a larger block. */
static enum gm_status move_to_larger(struct gm_emit *emit, size_t extra_bytes, struct gm_err *err)
{
    struct gm_view body = gm_block_row_view(&emit->builder);
    size_t wanted = body.n_bytes + extra_bytes;
    uint64_t max = emit->worker->plan->job.max_record_bytes;
    if (wanted < 4 * body.n_bytes)
        wanted = 4 * body.n_bytes < max ? 4 * body.n_bytes : max;
    gm_buf_clear(&emit->carry);
    gm_buf_append(&emit->carry, body.data, body.n_bytes);
    if (emit->carry.failed) {
        emit->carry.failed = false;
        return gm_err_set(err, GM_LIMIT, "no memory to move a record of %zu bytes", body.n_bytes);
    }
    gm_block_row_abort(&emit->builder);
    enum gm_status status = make_room(emit, emit->route, wanted, err);
    if (status == GM_OK)
        status = gm_block_row_begin(&emit->builder, &emit->row);
    if (status == GM_OK)
        status = gm_block_row_body(&emit->builder, emit->carry.data, emit->carry.n_bytes);
    return status;
}

static enum gm_status drop_too_large(struct gm_emit *emit, struct gm_err *err)
{
    char message[96];
    uint64_t max = emit->worker->plan->job.max_record_bytes;
    snprintf(message, sizeof message, "larger than max_record, %llu bytes",
             (unsigned long long)max);
    if (emit->builder.in_row)
        gm_block_row_abort(&emit->builder);
    enum gm_status status = add_dropped(emit, GM_REASON_LIMIT_RECORD_BYTES, message, err);
    if (status == GM_OK)
        status = next_member(emit);
    return status == GM_OK ? gm_err_set(err, GM_LIMIT, "%s", message) : status;
}

enum gm_status gm_emit_data(struct gm_emit *emit, const void *data, size_t n_bytes,
                            struct gm_err *err)
{
    uint64_t size = gm_block_row_view(&emit->builder).n_bytes + n_bytes;
    if (size > emit->worker->plan->job.max_record_bytes)
        return drop_too_large(emit, err);
    if (gm_block_row_body(&emit->builder, data, n_bytes) == GM_OK)
        return GM_OK;
    enum gm_status status = move_to_larger(emit, n_bytes, err);
    if (status == GM_LIMIT)
        return drop_too_large(emit, err);
    return status == GM_OK ? gm_block_row_body(&emit->builder, data, n_bytes) : status;
}

enum gm_status gm_emit_end(struct gm_emit *emit, struct gm_err *err)
{
    char message[GM_NO_ROUTE_BYTES];
    (void)err;
    enum gm_reason reason = GM_REASON_NONE;
    if (route_of(emit->worker->plan, emit->row.media) < 0) {
        bool empty = emit->row.media == GM_MEDIA_EMPTY;
        reason = empty ? GM_REASON_MEDIA_EMPTY : GM_REASON_MEDIA_UNSUPPORTED;
        if (empty)
            snprintf(message, sizeof message, "the member has no bytes");
        else
            gm_item_no_route(emit->row.media, message);
    }
    enum gm_status status =
        gm_block_row_end(&emit->builder, reason, reason == GM_REASON_NONE ? NULL : message);
    return status == GM_OK ? next_member(emit) : status;
}

enum gm_status gm_emit_abort(struct gm_emit *emit, enum gm_reason reason, const char *message,
                             struct gm_err *err)
{
    gm_block_row_abort(&emit->builder);
    enum gm_status status = add_dropped(emit, reason, message, err);
    return status == GM_OK ? next_member(emit) : status;
}

/* The row is set and goes into the block being filled, as most do. GM_AGAIN: not at once. */
static enum gm_status put_record(struct gm_emit *emit, const void *data, size_t n_bytes)
{
    int route = route_of(emit->worker->plan, emit->row.media);
    if (emit->builder.n_rows == 0 || route < 0 || route != emit->route ||
        n_bytes > emit->worker->plan->job.max_record_bytes)
        return GM_AGAIN;
    enum gm_status status = gm_block_row_put(&emit->builder, &emit->row, data, n_bytes);
    return status == GM_OK ? next_member(emit) : GM_AGAIN;
}

enum gm_status gm_emit_record(struct gm_emit *emit, const struct gm_member *member,
                              const void *data, size_t n_bytes, struct gm_err *err)
{
    if (at_the_end(emit))
        return GM_END;
    set_row(emit, member);
    gm_worker_publish(emit->worker, emit->n_members);
    enum gm_status put = put_record(emit, data, n_bytes);
    if (put != GM_AGAIN)
        return put;
    struct gm_member sized = *member;
    sized.size_hint_bytes = n_bytes;
    enum gm_status status = gm_emit_begin(emit, &sized, err);
    if (status == GM_OK)
        status = gm_emit_data(emit, data, n_bytes, err);
    if (status == GM_LIMIT)
        return GM_OK;
    return status == GM_OK ? gm_emit_end(emit, err) : status;
}

enum gm_status gm_emit_reject(struct gm_emit *emit, const struct gm_member *member,
                              enum gm_reason reason, const char *message, struct gm_err *err)
{
    if (at_the_end(emit))
        return GM_END;
    set_row(emit, member);
    enum gm_status status = add_dropped(emit, reason, message, err);
    return status == GM_OK && member ? next_member(emit) : status;
}

void gm_emit_alive(struct gm_emit *emit)
{
    atomic_fetch_add_explicit(&emit->worker->port.shared->beat, 1, memory_order_relaxed);
}

enum gm_status gm_splitter_open(struct gm_worker *worker, struct gm_err *err)
{
    const struct gm_splitter *splitter = worker->plan->splitter;
    struct gm_emit *emit = calloc(1, sizeof *emit);
    if (!emit)
        return gm_err_set(err, GM_NOMEM, "no memory for a worker");
    worker->context = emit;
    emit->worker = worker;
    emit->splitter = calloc(1, splitter->ctx_bytes + 1);
    gm_batch_init(&emit->batch);
    gm_block_builder_init(&emit->builder);
    gm_buf_init(&emit->carry);
    gm_buf_init(&emit->name);
    if (!emit->splitter)
        return gm_err_set(err, GM_NOMEM, "no memory for %s", splitter->name);
    enum gm_status status = GM_OK;
    if (splitter->open)
        status = splitter->open(emit->splitter, worker->plan->unpack_opts, err);
    return status == GM_OK ? gm_worker_enter_sandbox(worker, err) : status;
}

void gm_splitter_close(struct gm_worker *worker)
{
    struct gm_emit *emit = worker->context;
    if (!emit)
        return;
    if (emit->splitter && worker->plan->splitter->close)
        worker->plan->splitter->close(emit->splitter);
    free(emit->splitter);
    gm_batch_free(&emit->batch);
    gm_block_builder_free(&emit->builder);
    gm_buf_free(&emit->carry);
    gm_buf_free(&emit->name);
    free(emit);
}

/* Waits for the descriptor that the supervisor sent under this lease's id. */
static enum gm_status receive_fd(struct gm_worker *worker, uint64_t lease, int *fd,
                                 struct gm_err *err)
{
    struct gm_control_message *message = malloc(sizeof *message);
    enum gm_status status = message ? GM_OK : gm_err_set(err, GM_NOMEM, "no memory for a message");
    *fd = -1;
    while (status == GM_OK && *fd < 0) {
        status = gm_control_receive(worker->port.control_fd, message, GM_CONTROL_WAIT, err);
        if (status != GM_OK || message->kind != GM_CONTROL_FD)
            continue;
        if (message->key == lease)
            *fd = message->fd;
        else
            gm_close(&message->fd);
    }
    free(message);
    return status;
}

static enum gm_status open_container(struct gm_emit *emit, struct gm_container *container,
                                     struct gm_err *err)
{
    const struct gm_desc *lease = emit->lease;
    uint8_t *data;
    *container = (struct gm_container){.fd = -1};
    enum gm_status status =
        gm_worker_block(emit->worker, lease->in_arena, lease->in_page, lease->in_bytes, &data, err);
    if (status == GM_OK)
        status = gm_block_open(data, lease->in_bytes, &emit->batch, err);
    if (status == GM_OK && emit->batch.n_rows != 1)
        status = gm_err_set(err, GM_INTERNAL, "a container block has %u rows", emit->batch.n_rows);
    if (status != GM_OK)
        return status;
    emit->row = (struct gm_row){.item = gm_batch_u64(&emit->batch, GM_IN_ITEM, 0),
                                .source = gm_batch_view(&emit->batch, GM_IN_SOURCE, 0),
                                .meta = gm_batch_view(&emit->batch, GM_IN_META, 0)};
    container->media = (enum gm_media)gm_batch_u64(&emit->batch, GM_IN_MEDIA, 0);
    char *name = gm_batch_alloc(&emit->batch, emit->row.source.n_bytes + 1);
    if (!name)
        return gm_err_set(err, GM_NOMEM, "no memory for a name");
    memcpy(name, emit->row.source.data, emit->row.source.n_bytes);
    name[emit->row.source.n_bytes] = '\0';
    container->name = name;
    struct gm_view body = gm_batch_view(&emit->batch, GM_IN_BODY, 0);
    container->data = body.data;
    container->n_bytes = body.n_bytes;
    if (lease->flags & GM_DESC_FD) {
        container->data = NULL;
        status = receive_fd(emit->worker, lease->lease, &container->fd, err);
        off_t end = status == GM_OK ? lseek(container->fd, 0, SEEK_END) : 0;
        container->n_bytes = end > 0 ? (uint64_t)end : 0;
        if (status == GM_OK)
            lseek(container->fd, 0, SEEK_SET);
    }
    return status;
}

/* The first member that must not be opened is one that killed its worker again and again. */
static enum gm_status name_the_poison(struct gm_emit *emit, struct gm_err *err)
{
    struct gm_member member = {.media = GM_MEDIA_UNKNOWN};
    set_row(emit, &member);
    return add_dropped(emit, GM_REASON_WORKER_CRASHED,
                       "the unpacker crashed here three times; this member and all that follow "
                       "in the container are lost",
                       err);
}

enum gm_status gm_splitter_lease(struct gm_worker *worker, const struct gm_desc *lease,
                                 struct gm_err *err)
{
    struct gm_emit *emit = worker->context;
    struct gm_container container;
    emit->lease = lease;
    emit->n_blocks = 0;
    emit->n_members = 0;
    emit->given_up = false;
    if (emit->block.n_bytes > 0)
        restart_block(emit);
    enum gm_status status = open_container(emit, &container, err);
    gm_worker_publish(worker, 0);
    if (status == GM_OK && lease->row_count > 0)
        status = worker->plan->splitter->split(emit->splitter, &container, emit, err);
    if (status == GM_NOMEM)
        status = gm_emit_reject(emit, NULL, GM_REASON_LIMIT_MEMORY,
                                "unpacking needs more memory than one worker has", err);
    if (status == GM_END)
        status = GM_OK;
    if (status == GM_OK && !emit->given_up && emit->n_members >= lease->row_count)
        status = name_the_poison(emit, err);
    if (status == GM_OK && !emit->given_up)
        status = send_block(emit, err);
    if (status == GM_END)
        status = GM_OK;
    struct gm_desc done = *lease;
    done.kind = GM_DESC_DONE;
    done.flags = 0;
    done.sub = emit->n_blocks;
    done.out_bytes = 0;
    if (status == GM_OK)
        status = gm_port_send(&worker->port, &done, err);
    gm_close(&container.fd);
    gm_batch_reset(&emit->batch);
    return status;
}
