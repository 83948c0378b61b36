/* A lease of a chain route: open the block as a batch, run every row through the stages, let the
 * sinks encode what is left, list the rest as rejects, copy the result into the leased output
 * block. Nothing but that block leaves the process.
 *
 * With an ordered gate the chain runs twice: hop 1 stops at the gate's stage, when the key is
 * known, and hands out one 16-byte key a row; the supervisor marks duplicates in the
 * input block; hop 2 runs the whole chain over what is left. */
#include "base/assert.h"
#include "block.h"
#include "out.h"
#include "run/worker.h"

#include <stdlib.h>
#include <string.h>

#define GATE_KEY_BYTES 16
#define NOT_BY_STAGE   UINT32_MAX
#define BY_SINK        (UINT32_MAX - 1)

struct gm_chain {
    void *stages[GM_MAX_CHAIN];
    struct gm_bind binds[GM_MAX_CHAIN]; /* stages keep pointers to theirs */
    bool out_read[GM_MAX_CHAIN][GM_MAX_COLUMNS];
    void *sinks[GM_MAX_STREAMS];
    struct gm_batch schema; /* no rows; what sinks see at open */
    struct gm_batch batch;
    struct gm_out out;
    struct gm_buf rejects;
    struct gm_buf keys;
    uint32_t *rejected_by; /* stage index per row */
    uint32_t rejected_capacity;
};

static const struct gm_plan_sink *sink_of(const struct gm_worker *worker, uint32_t i)
{
    return &worker->plan->sinks[worker->route->sinks[i]];
}

static bool reads(const struct gm_plan_stage *reader, int column)
{
    for (uint32_t i = 0; reader->stage->in && reader->stage->in[i].name; i++)
        if (reader->in[i] == column)
            return true;
    return false;
}

/* Which columns of stage i a later stage reads. */
static void find_readers(const struct gm_plan_route *route, uint32_t i, bool *out_read)
{
    const struct gm_column_def *out = route->stages[i].stage->out;
    for (uint32_t k = 0; out && out[k].name; k++)
        for (uint32_t later = i + 1; later < route->n_stages; later++)
            out_read[k] |= reads(&route->stages[later], route->stages[i].out[k]);
}

static enum gm_status open_stages(struct gm_worker *worker, struct gm_chain *chain,
                                  struct gm_err *err)
{
    for (uint32_t i = 0; i < worker->route->n_stages; i++) {
        const struct gm_plan_stage *planned = &worker->route->stages[i];
        find_readers(worker->route, i, chain->out_read[i]);
        chain->binds[i] = (struct gm_bind){planned->in, planned->out, chain->out_read[i]};
        chain->stages[i] = calloc(1, planned->stage->ctx_bytes + 1);
        if (!chain->stages[i])
            return gm_err_set(err, GM_NOMEM, "no memory for stage %s", planned->stage->name);
        if (!planned->stage->open)
            continue;
        enum gm_status status = planned->stage->open(chain->stages[i], planned->opts,
                                                     &planned->prepared, &chain->binds[i], err);
        if (status != GM_OK) {
            gm_err_add(err, "stage %s", planned->stage->name);
            return status;
        }
    }
    return GM_OK;
}

static bool add_columns(const struct gm_plan_route *route, struct gm_batch *batch, uint32_t first)
{
    for (uint32_t i = first; i < route->n_columns; i++)
        if (gm_batch_add_column(batch, route->columns[i]) == GM_NO_COLUMN)
            return false;
    return true;
}

static enum gm_status open_sinks(struct gm_worker *worker, struct gm_chain *chain,
                                 struct gm_err *err)
{
    for (uint32_t i = 0; i < worker->route->n_sinks; i++) {
        const struct gm_sink *sink = sink_of(worker, i)->sink;
        chain->sinks[i] = calloc(1, sink->ctx_bytes + 1);
        if (!chain->sinks[i])
            return gm_err_set(err, GM_NOMEM, "no memory for sink %s", sink->name);
        enum gm_status status =
            sink->open ? sink->open(chain->sinks[i], sink_of(worker, i)->opts, &chain->schema, err)
                       : GM_OK;
        if (status != GM_OK) {
            gm_err_add(err, "sink %s", sink->name);
            return status;
        }
    }
    return GM_OK;
}

enum gm_status gm_chain_open(struct gm_worker *worker, struct gm_err *err)
{
    struct gm_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return gm_err_set(err, GM_NOMEM, "no memory for a worker");
    worker->context = chain;
    gm_batch_init(&chain->schema);
    gm_batch_init(&chain->batch);
    gm_out_init(&chain->out);
    gm_buf_init(&chain->rejects);
    gm_buf_init(&chain->keys);
    if (!add_columns(worker->route, &chain->schema, 0))
        return gm_err_set(err, GM_NOMEM, "no memory for the schema");
    enum gm_status status = gm_worker_enter_sandbox(worker, err);
    if (status == GM_OK)
        status = open_stages(worker, chain, err);
    return status == GM_OK ? open_sinks(worker, chain, err) : status;
}

void gm_chain_close(struct gm_worker *worker)
{
    struct gm_chain *chain = worker->context;
    if (!chain)
        return;
    for (uint32_t i = 0; i < worker->route->n_stages; i++) {
        if (chain->stages[i] && worker->route->stages[i].stage->close)
            worker->route->stages[i].stage->close(chain->stages[i]);
        free(chain->stages[i]);
    }
    for (uint32_t i = 0; i < worker->route->n_sinks; i++) {
        if (chain->sinks[i] && sink_of(worker, i)->sink->close)
            sink_of(worker, i)->sink->close(chain->sinks[i]);
        free(chain->sinks[i]);
    }
    gm_batch_free(&chain->schema);
    gm_batch_free(&chain->batch);
    gm_out_free(&chain->out);
    gm_buf_free(&chain->rejects);
    gm_buf_free(&chain->keys);
    free(chain->rejected_by);
    free(chain);
}

/* Memory ran out, and there is more to be had: for a lease that has the machine to itself. */
static bool wants_heap(const struct gm_worker *worker, const struct gm_desc *lease)
{
    return !(lease->flags & GM_DESC_HEAP) && gm_plan_spare_bytes(worker->route) > 0;
}

/* One row through stages [0, n_stages). */
static enum gm_status run_row(struct gm_worker *worker, struct gm_chain *chain, uint32_t row,
                              uint32_t n_stages, struct gm_err *err)
{
    struct gm_batch *batch = &chain->batch;
    for (uint32_t i = 0; i < n_stages; i++) {
        const struct gm_stage *stage = worker->route->stages[i].stage;
        if (!stage->process)
            continue;
        enum gm_status status = stage->process(chain->stages[i], batch, row, err);
        if (status == GM_NOMEM)
            gm_batch_reject(batch, row, GM_REASON_LIMIT_MEMORY, "%s",
                            "needs more memory than one worker has");
        else if (status != GM_OK)
            return gm_err_add(err, "stage %s", stage->name);
        if (batch->reasons[row] != GM_REASON_NONE) {
            chain->rejected_by[row] = i;
            return GM_OK;
        }
    }
    return GM_OK;
}

static enum gm_status run_rows(struct gm_worker *worker, const struct gm_desc *lease,
                               struct gm_err *err)
{
    struct gm_chain *chain = worker->context;
    struct gm_batch *batch = &chain->batch;
    const struct gm_plan_route *route = worker->route;
    uint32_t first = lease->flags & GM_DESC_PROBE ? lease->row_first : 0;
    uint32_t end = lease->flags & GM_DESC_PROBE ? first + 1 : batch->n_rows;
    uint32_t n_stages =
        lease->flags & GM_DESC_HOP1 ? (uint32_t)route->gate_stage + 1 : route->n_stages;
    for (uint32_t row = first; row < end && row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        gm_worker_publish(worker, row);
        enum gm_status status = run_row(worker, chain, row, n_stages, err);
        if (status != GM_OK)
            return status;
        if (batch->reasons[row] == GM_REASON_LIMIT_MEMORY && wants_heap(worker, lease))
            return GM_AGAIN;
    }
    gm_worker_publish(worker, GM_WORKER_NOTHING);
    for (uint32_t i = 0; i < n_stages; i++)
        if (route->stages[i].stage->flush) {
            enum gm_status status = route->stages[i].stage->flush(chain->stages[i], batch, err);
            if (status != GM_OK)
                return status;
        }
    return GM_OK;
}

/* Has this row passed the gate, whatever became of it behind? */
static bool is_behind_gate(const struct gm_worker *worker, uint32_t row)
{
    const struct gm_chain *chain = worker->context;
    uint32_t by = chain->rejected_by[row];
    return chain->batch.reasons[row] == GM_REASON_NONE ||
           (by != NOT_BY_STAGE && by > (uint32_t)worker->route->gate_stage);
}

/* Keys of all rows (hop 1: zeros for dropped ones), or of those that passed the gate (hop 2), so
 * that a resumed run's gate knows what this one's knows. */
static void collect_keys(struct gm_worker *worker, bool all)
{
    static const uint8_t none[GATE_KEY_BYTES] = {0};
    struct gm_chain *chain = worker->context;
    gm_buf_clear(&chain->keys);
    for (uint32_t row = 0; row < chain->batch.n_rows; row++) {
        bool in = is_behind_gate(worker, row);
        struct gm_view key = {none, sizeof none};
        if (in)
            key = gm_batch_view(&chain->batch, worker->route->gate_key_column, row);
        if ((all || in) && key.n_bytes == GATE_KEY_BYTES)
            gm_buf_append(&chain->keys, key.data, key.n_bytes);
        else if (all)
            gm_buf_append(&chain->keys, none, sizeof none);
    }
}

static const char *reject_stage(const struct gm_worker *worker, const struct gm_chain *chain,
                                uint32_t row, char *text, size_t text_bytes)
{
    uint32_t by = chain->rejected_by[row];
    uint16_t reason = chain->batch.reasons[row];
    if (by == BY_SINK)
        snprintf(text, text_bytes, "sink");
    else if (by != NOT_BY_STAGE)
        snprintf(text, text_bytes, "%s.%s", worker->route->family,
                 worker->route->stages[by].stage->name);
    else if (reason == GM_REASON_WORKER_CRASHED || reason == GM_REASON_WORKER_DEADLINE ||
             reason == GM_REASON_TEXT_DUPLICATE)
        snprintf(text, text_bytes, "%s", worker->route->family);
    else /* fetch puts good rows only into its blocks */
        snprintf(text, text_bytes, "unpack");
    return text;
}

static void collect_rejects(struct gm_worker *worker)
{
    struct gm_chain *chain = worker->context;
    const struct gm_batch *batch = &chain->batch;
    gm_buf_clear(&chain->rejects);
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        gm_out_count(&chain->out, batch->reasons[row]);
        if (batch->reasons[row] == GM_REASON_NONE)
            continue;
        char stage[2 * GM_COLUMN_NAME_BYTES];
        struct gm_reject reject = {
            .item = gm_batch_u64(batch, GM_IN_ITEM, row),
            .member = gm_batch_is_null(batch, GM_IN_MEMBER, row)
                          ? UINT64_MAX
                          : gm_batch_u64(batch, GM_IN_MEMBER, row),
            .source = gm_batch_view(batch, GM_IN_SOURCE, row),
            .name = gm_batch_view(batch, GM_IN_NAME, row),
            .stage = reject_stage(worker, chain, row, stage, sizeof stage),
            .reason = batch->reasons[row],
            .message = batch->messages[row],
        };
        gm_reject_encode(&chain->rejects, &reject);
    }
}

static enum gm_status add_part(struct gm_chain *chain, enum gm_stream stream,
                               const struct gm_buf *bytes, struct gm_err *err)
{
    if (bytes->failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the output");
    if (bytes->n_bytes == 0)
        return GM_OK;
    chain->out.stream = stream;
    return gm_out_part(&chain->out, NULL, bytes->data, bytes->n_bytes, 0, err);
}

static enum gm_status encode(struct gm_worker *worker, bool hop1, struct gm_err *err)
{
    struct gm_chain *chain = worker->context;
    enum gm_status status = GM_OK;
    gm_out_reset(&chain->out);
    if (hop1) {
        collect_keys(worker, true);
        status = add_part(chain, GM_STREAM_KEYS, &chain->keys, err);
        return status == GM_OK ? gm_out_finish(&chain->out, err) : status;
    }
    collect_rejects(worker);
    status = add_part(chain, GM_STREAM_REJECTS, &chain->rejects, err);
    for (uint32_t i = 0; status == GM_OK && i < worker->route->n_sinks; i++) {
        const struct gm_plan_sink *planned = sink_of(worker, i);
        chain->out.stream = planned->stream;
        chain->out.sizes_stream = planned->sizes_stream;
        chain->out.first_counter = planned->first_counter;
        status = planned->sink->encode(chain->sinks[i], &chain->batch, &chain->out, err);
    }
    if (status == GM_OK && worker->route->gate_stage >= 0) {
        collect_keys(worker, false);
        status = add_part(chain, GM_STREAM_KEYS, &chain->keys, err);
    }
    return status == GM_OK ? gm_out_finish(&chain->out, err) : status;
}

/* When the output cannot be held, the rows become rejects, which always fit. */
static enum gm_status encode_or_reject(struct gm_worker *worker, const struct gm_desc *lease,
                                       struct gm_err *err)
{
    bool hop1 = (lease->flags & GM_DESC_HOP1) != 0;
    struct gm_chain *chain = worker->context;
    enum gm_status status = encode(worker, hop1, err);
    enum gm_reason reason = GM_REASON_NONE;
    if (status == GM_NOMEM && wants_heap(worker, lease))
        return GM_AGAIN;
    if (status == GM_NOMEM)
        reason = GM_REASON_LIMIT_MEMORY;
    else if (status == GM_OK && chain->out.bytes.n_bytes > worker->plan->memory.max_block_bytes)
        reason = GM_REASON_LIMIT_RECORD_BYTES;
    if (reason == GM_REASON_NONE)
        return status;
    size_t n_bytes = chain->out.bytes.n_bytes;
    for (uint32_t row = 0; row < chain->batch.n_rows; row++) {
        if (chain->batch.reasons[row] == GM_REASON_NONE)
            chain->rejected_by[row] = BY_SINK;
        if (reason == GM_REASON_LIMIT_MEMORY)
            gm_batch_reject(&chain->batch, row, reason,
                            "writing it out needs more memory than one worker has");
        else
            gm_batch_reject(&chain->batch, row, reason,
                            "what comes out of its block, %zu bytes, is more than %zu: raise "
                            "max_record",
                            n_bytes, worker->plan->memory.max_block_bytes);
    }
    return encode(worker, hop1, err);
}

/* The output is built in the leased block. One that has outgrown it is copied into a larger one, or
 * back if what was too large became rejects. */
static enum gm_status copy_out(struct gm_worker *worker, const struct gm_desc *lease,
                               struct gm_span *span, struct gm_err *err)
{
    const struct gm_buf *bytes = &((struct gm_chain *)worker->context)->out.bytes;
    uint8_t *data;
    enum gm_status status = GM_OK;
    if (bytes->n_bytes > span->n_bytes)
        status = gm_worker_need(worker, lease->lease, (uint32_t)bytes->n_bytes, span, err);
    if (status == GM_OK)
        status = gm_worker_block(worker, worker->setup->own_arena, span->page,
                                 (uint32_t)bytes->n_bytes, &data, err);
    if (status == GM_OK)
        memcpy(data, bytes->data, bytes->n_bytes);
    return status;
}

static enum gm_status deliver(struct gm_worker *worker, const struct gm_desc *lease,
                              struct gm_err *err)
{
    struct gm_chain *chain = worker->context;
    const struct gm_buf *bytes = &chain->out.bytes;
    struct gm_span span = {lease->out_page, lease->out_bytes};
    if (!bytes->borrowed) {
        enum gm_status status = copy_out(worker, lease, &span, err);
        if (status != GM_OK)
            return status;
    }
    struct gm_desc done = *lease;
    done.kind = GM_DESC_DONE;
    done.out_page = span.page;
    done.out_bytes = (uint32_t)bytes->n_bytes;
    gm_out_borrow(&chain->out, NULL, 0); /* the block is not ours any more */
    if (worker->route->n_stages > 0)
        return gm_port_send(&worker->port, &done, err);
    /* Nothing here takes long: if another lease waits, the supervisor is told of both at once. */
    return gm_port_send_later(&worker->port, &done, err);
}

static bool prepare_rows(struct gm_chain *chain)
{
    uint32_t n_rows = chain->batch.n_rows;
    if (n_rows > chain->rejected_capacity) {
        uint32_t *grown = realloc(chain->rejected_by, n_rows * sizeof *grown);
        if (!grown)
            return false;
        chain->rejected_by = grown;
        chain->rejected_capacity = n_rows;
    }
    memset(chain->rejected_by, 0xff, n_rows * sizeof *chain->rejected_by);
    return true;
}

/* Gives the lease back undone. BAD: the supervisor finds out who is to blame. */
static enum gm_status give_back(struct gm_worker *worker, const struct gm_desc *lease,
                                enum gm_desc_flags why, struct gm_err *err)
{
    struct gm_chain *chain = worker->context;
    struct gm_desc done = *lease;
    done.kind = GM_DESC_DONE;
    done.flags = (uint16_t)(done.flags | why);
    done.out_bytes = 0;
    gm_err_clear(err);
    gm_batch_reset(&chain->batch);
    return gm_port_send(&worker->port, &done, err);
}

static enum gm_status hand_out(struct gm_worker *worker, const struct gm_desc *lease,
                               struct gm_err *err)
{
    struct gm_chain *chain = worker->context;
    uint8_t *data;
    enum gm_status status = gm_worker_block(worker, worker->setup->own_arena, lease->out_page,
                                            lease->out_bytes, &data, err);
    if (status != GM_OK)
        return status;
    gm_out_borrow(&chain->out, data, lease->out_bytes);
    status = encode_or_reject(worker, lease, err);
    return status == GM_OK ? deliver(worker, lease, err) : status;
}

enum gm_status gm_chain_lease(struct gm_worker *worker, const struct gm_desc *lease,
                              struct gm_err *err)
{
    struct gm_chain *chain = worker->context;
    uint8_t *data = NULL;
    enum gm_status status =
        gm_worker_block(worker, lease->in_arena, lease->in_page, lease->in_bytes, &data, err);
    if (status == GM_OK)
        status = gm_block_open(data, lease->in_bytes, &chain->batch, err);
    if (status == GM_INTERNAL && data)
        return give_back(worker, lease, GM_DESC_BAD, err);
    if (status == GM_OK &&
        (!add_columns(worker->route, &chain->batch, GM_IN_COUNT) || !prepare_rows(chain)))
        status = gm_err_set(err, GM_NOMEM, "no memory for %u rows", chain->batch.n_rows);
    if (status == GM_OK)
        status = run_rows(worker, lease, err);
    if (status == GM_OK && lease->flags & GM_DESC_PROBE) {
        struct gm_desc done = *lease;
        done.kind = GM_DESC_DONE;
        done.out_bytes = 0;
        status = gm_port_send(&worker->port, &done, err);
    } else if (status == GM_OK) {
        status = hand_out(worker, lease, err);
    }
    if (status == GM_AGAIN || (status == GM_NOMEM && wants_heap(worker, lease)))
        return give_back(worker, lease, GM_DESC_HEAP, err);
    gm_batch_reset(&chain->batch);
    return status;
}
