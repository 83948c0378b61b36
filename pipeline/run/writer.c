/* See writer.h. One message is one step; between messages it sleeps, but never longer than a group
 * of appended blocks may wait for its commit. */
#include "run/writer.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "block.h"
#include "ipc/control.h"
#include "ipc/sandbox.h"
#include "ipc/wake.h"
#include "run/list.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_MS 1000
#define IDLE_MS  500

/* The supervisor hears of so many blocks at once, or of fewer after this time: what it needs to
 * know is which blocks are free again, and each message of its own would wake it up. */
#define ANSWERS   8
#define ANSWER_MS 2

struct writer {
    const struct gm_writer_setup *setup;
    struct gm_port port;
    struct gm_output *output;
    uint64_t group_since_ms; /* first append of the group; 0: nothing waits */
    unsigned n_answers;      /* of blocks, not published yet */
    uint64_t spill_end;
    uint32_t n_spilled;
    struct gm_buf spilled; /* a block on its way back */
    struct gm_batch batch; /* for quarantine */
    bool finished;
};

static enum gm_status answer(struct writer *writer, enum gm_desc_kind kind, uint64_t id,
                             uint64_t task, struct gm_err *err)
{
    struct gm_desc desc = {.kind = (uint16_t)kind, .lease = id, .task = task};
    return gm_port_send(&writer->port, &desc, err);
}

static void publish_answers(struct writer *writer)
{
    writer->n_answers = 0;
    gm_port_publish(&writer->port);
}

static enum gm_status answer_written(struct writer *writer, uint64_t id, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_WRITTEN, .lease = id};
    enum gm_status status = gm_port_send_later(&writer->port, &desc, err);
    if (++writer->n_answers >= ANSWERS)
        publish_answers(writer);
    return status;
}

/* The supervisor makes it again. */
static enum gm_status refuse(struct writer *writer, const struct gm_desc *write, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_WRITTEN, .flags = GM_DESC_BAD, .lease = write->lease};
    gm_log(GM_LOG_WARN, "%s", err->text);
    gm_err_clear(err);
    return gm_port_send(&writer->port, &desc, err);
}

static void publish_counts(struct writer *writer)
{
    const struct gm_output_state *state = gm_output_state(writer->output);
    struct gm_link_shared *shared = writer->port.shared;
    uint64_t rejected = 0, failed = 0;
    for (uint32_t i = 1; i < GM_REASON_COUNT; i++)
        *(gm_reason_outcome(i) == GM_OUTCOME_REJECTED ? &rejected : &failed) += state->reasons[i];
    atomic_store_explicit(&shared->n_items, state->n_written, memory_order_relaxed);
    atomic_store_explicit(&shared->n_retries, rejected, memory_order_relaxed);
    atomic_store_explicit(&shared->n_failed, failed, memory_order_relaxed);
}

static enum gm_status commit(struct writer *writer, struct gm_err *err)
{
    publish_answers(writer); /* a disk may take its time */
    enum gm_status status = gm_output_commit(writer->output, err);
    writer->group_since_ms = 0;
    if (status != GM_OK)
        return status;
    return answer(writer, GM_DESC_COMMITTED, 0, gm_output_state(writer->output)->next.task, err);
}

static enum gm_status append(struct writer *writer, const struct gm_desc *desc, const uint8_t *data,
                             struct gm_err *err)
{
    struct gm_order_key next = {
        .task = desc->task, .segment = desc->segment, .sub = desc->sub, .rows = desc->row_first};
    uint64_t before = gm_output_uncommitted_bytes(writer->output);
    gm_output_expect(writer->output, (uint64_t)desc->out_bytes << 32 | desc->out_page);
    enum gm_status status = gm_output_append(writer->output, data, desc->in_bytes, &next, err);
    if (status == GM_INTERNAL && gm_output_is_whole(writer->output))
        return refuse(writer, desc, err);
    if (status != GM_OK)
        return status;
    uint64_t after = gm_output_uncommitted_bytes(writer->output);
    if (after > before)
        atomic_fetch_add_explicit(&writer->port.shared->n_bytes, after - before,
                                  memory_order_relaxed);
    publish_counts(writer);
    if (writer->group_since_ms == 0)
        writer->group_since_ms = gm_now_ms();
    status = answer_written(writer, desc->lease, err);
    if (status == GM_OK && after >= GM_OUTPUT_GROUP_BYTES)
        status = commit(writer, err);
    return status;
}

static enum gm_status block_of(struct writer *writer, const struct gm_desc *desc,
                               const uint8_t **data, struct gm_err *err)
{
    const struct gm_writer_setup *setup = writer->setup;
    if (desc->in_arena >= setup->n_arenas ||
        (uint64_t)desc->in_page * GM_PAGE_BYTES + desc->in_bytes >
            setup->arenas[desc->in_arena]->shm.n_bytes)
        return gm_err_set(err, GM_INTERNAL, "block outside of arena %u", desc->in_arena);
    *data = gm_pool_data(setup->arenas[desc->in_arena], desc->in_page);
    return GM_OK;
}

static enum gm_status on_write(struct writer *writer, const struct gm_desc *desc,
                               struct gm_err *err)
{
    const uint8_t *data = NULL;
    enum gm_status status = block_of(writer, desc, &data, err);
    return status == GM_OK ? append(writer, desc, data, err) : status;
}

static enum gm_status on_spill(struct writer *writer, const struct gm_desc *desc,
                               struct gm_err *err)
{
    const uint8_t *data = NULL;
    uint64_t offset = writer->spill_end;
    enum gm_status status = block_of(writer, desc, &data, err);
    if (status == GM_OK && lseek(writer->setup->spill_fd, (off_t)offset, SEEK_SET) < 0)
        status = gm_err_set(err, GM_IO, "unable to seek in the spill file");
    if (status == GM_OK)
        status = gm_write_full(writer->setup->spill_fd, data, desc->in_bytes,
                               "the spill file in spool/", err);
    if (status != GM_OK)
        return gm_err_add(err, "%s", writer->setup->output.folder);
    writer->spill_end += desc->in_bytes;
    writer->n_spilled++;
    return answer(writer, GM_DESC_SPILLED, desc->lease, offset, err);
}

static enum gm_status on_write_spilled(struct writer *writer, const struct gm_desc *desc,
                                       struct gm_err *err)
{
    uint64_t offset = (uint64_t)desc->in_arena << 32 | desc->in_page;
    size_t n_read;
    gm_buf_clear(&writer->spilled);
    if (!gm_buf_reserve(&writer->spilled, desc->in_bytes))
        return gm_err_set(err, GM_NOMEM, "no memory for a spilled block");
    enum gm_status status = gm_pread_full(writer->setup->spill_fd, writer->spilled.data,
                                          desc->in_bytes, offset, &n_read, err);
    if (status == GM_OK && n_read != desc->in_bytes)
        status = gm_err_set(err, GM_IO, "the spill file is cut off");
    if (status == GM_OK)
        status = append(writer, desc, writer->spilled.data, err);
    if (--writer->n_spilled == 0) {
        writer->spill_end = 0;
        if (ftruncate(writer->setup->spill_fd, 0) != 0)
            return gm_err_set(err, GM_IO, "unable to empty the spill file");
    }
    return status;
}

/* Copies a poison record's bytes to quarantine/, named by its place in the order. */
static enum gm_status on_quarantine(struct writer *writer, const struct gm_desc *desc,
                                    struct gm_err *err)
{
    const uint8_t *data = NULL;
    char name[96];
    int dir_fd = writer->setup->output.dir_fd;
    enum gm_status status = block_of(writer, desc, &data, err);
    if (status == GM_OK)
        status = gm_block_open(data, desc->in_bytes, &writer->batch, err);
    if (status == GM_INTERNAL) {
        gm_log(GM_LOG_WARN, "not copied to quarantine/: %s", err->text);
        gm_err_clear(err);
        return GM_OK;
    }
    if (status == GM_OK && desc->row_first < writer->batch.n_rows) {
        struct gm_view body = gm_batch_view(&writer->batch, GM_IN_BODY, desc->row_first);
        uint64_t item = gm_batch_u64(&writer->batch, GM_IN_ITEM, desc->row_first);
        bool member = !gm_batch_is_null(&writer->batch, GM_IN_MEMBER, desc->row_first);
        int n = snprintf(name, sizeof name, "quarantine/item-%09llu", (unsigned long long)item);
        if (member)
            n += snprintf(
                name + n, sizeof name - (size_t)n, ".%07llu",
                (unsigned long long)gm_batch_u64(&writer->batch, GM_IN_MEMBER, desc->row_first));
        snprintf(name + n, sizeof name - (size_t)n, ".bin");
        status = gm_make_dirs(dir_fd, "quarantine", err);
        if (status == GM_OK)
            status = gm_write_file_durable(dir_fd, name, body.data, body.n_bytes, err);
    }
    gm_batch_reset(&writer->batch);
    return status;
}

static enum gm_status on_finish(struct writer *writer, const struct gm_desc *desc,
                                struct gm_err *err)
{
    enum gm_status status =
        desc->flags & GM_DESC_DRAIN ? commit(writer, err) : gm_output_finish(writer->output, err);
    if (status == GM_OK)
        publish_counts(writer);
    if (status == GM_OK)
        status = answer(writer, GM_DESC_FINISHED, 0, 0, err);
    return status;
}

static enum gm_status on_stop(struct writer *writer, const struct gm_desc *desc, struct gm_err *err)
{
    (void)desc;
    (void)err;
    writer->finished = true;
    return GM_OK;
}

static const struct {
    enum gm_desc_kind kind;
    enum gm_status (*act)(struct writer *, const struct gm_desc *, struct gm_err *);
} actions[] = {
    {GM_DESC_WRITE, on_write},
    {GM_DESC_SPILL, on_spill},
    {GM_DESC_WRITE_SPILLED, on_write_spilled},
    {GM_DESC_QUARANTINE, on_quarantine},
    {GM_DESC_FINISH, on_finish},
    {GM_DESC_STOP, on_stop},
};

static enum gm_status act(struct writer *writer, const struct gm_desc *desc, struct gm_err *err)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(actions); i++)
        if (actions[i].kind == desc->kind)
            return actions[i].act(writer, desc, err);
    return gm_err_set(err, GM_INTERNAL, "unexpected message %u", desc->kind);
}

/* Time until the group must be committed, or until we look around anyway. */
static int wait_ms(const struct writer *writer)
{
    if (writer->group_since_ms == 0)
        return IDLE_MS;
    uint64_t passed = gm_now_ms() - writer->group_since_ms;
    return passed >= GROUP_MS ? 0 : (int)(GROUP_MS - passed);
}

static void rest(struct writer *writer)
{
    int ms = wait_ms(writer);
    bool heard = false;
    if (writer->n_answers > 0 && ms > ANSWER_MS)
        ms = ANSWER_MS;
    if (gm_ring_consumer_sleep(&writer->port.in))
        heard = gm_wake_wait(writer->port.bell_in, -1, ms, NULL);
    gm_ring_awake(&writer->port.in);
    if (!heard)
        publish_answers(writer);
}

static enum gm_status serve(struct writer *writer, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    while (status == GM_OK && !writer->finished) {
        struct gm_desc desc;
        status = gm_port_pop(&writer->port, &desc, err);
        if (status == GM_OK) {
            gm_port_release(&writer->port);
            status = act(writer, &desc, err);
        } else if (status == GM_AGAIN) {
            status = GM_OK;
            if (writer->group_since_ms != 0 && wait_ms(writer) == 0)
                status = commit(writer, err);
            else
                rest(writer);
        }
    }
    return status;
}

static enum gm_status enter_sandbox(struct writer *writer, struct gm_err *err)
{
    struct gm_sandbox sandbox = {.profile = GM_SANDBOX_WRITER,
                                 .mode = writer->setup->plan->job.sandbox,
                                 .max_file_bytes = UINT64_MAX,
                                 .write_dir_fd = writer->setup->output.dir_fd};
    enum gm_sandbox_state state;
    enum gm_status status = gm_sandbox_enter(&sandbox, &state, err);
    if (status != GM_OK)
        return status;
    return gm_control_send(writer->port.control_fd, GM_CONTROL_HELLO, state, NULL, 0, -1,
                           GM_CONTROL_WAIT, err);
}

/* A first run: its list of items has no name yet, and must have one before there is a journal. */
static enum gm_status publish_list(const struct gm_writer_setup *setup, struct gm_err *err)
{
    if (setup->snapshot_fd < 0)
        return GM_OK;
    enum gm_status status = gm_list_publish(setup->output.dir_fd, setup->snapshot_fd, err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", setup->output.folder);
}

int gm_writer_main(void *context)
{
    struct gm_err err = {0};
    struct writer writer = {.setup = context};
    gm_batch_init(&writer.batch);
    gm_buf_init(&writer.spilled);
    gm_link_attach_child(writer.setup->link, &writer.port);
    gm_control_log_to(writer.port.control_fd);
    enum gm_status status = enter_sandbox(&writer, &err);
    if (status == GM_OK)
        status = publish_list(writer.setup, &err);
    if (status == GM_OK)
        status = gm_output_open(&writer.output, &writer.setup->output, &err);
    if (status == GM_OK)
        status = serve(&writer, &err);
    if (status == GM_MISSING) /* somebody has removed the folder: the input is not to blame */
        status = err.status = GM_IO;
    if (status != GM_OK)
        gm_control_send(writer.port.control_fd, GM_CONTROL_FATAL, 0, &err, sizeof err, -1,
                        GM_CONTROL_WAIT, NULL);
    gm_output_close(writer.output);
    gm_buf_free(&writer.spilled);
    gm_batch_free(&writer.batch);
    return gm_status_exit_code(status);
}
