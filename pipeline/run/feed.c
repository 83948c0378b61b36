/* See feed.h: the window of tasks and the process around it. */
#include "run/feed.h"

#include "base/assert.h"
#include "base/fs.h"
#include "ipc/control.h"
#include "ipc/sandbox.h"
#include "ipc/wake.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL_AHEAD 6 /* empty blocks to have or to have asked for */

/* Bodies come and go by the megabyte in the heaps of several threads; given back to the kernel each
 * time, their pages would be faulted in again and again. Setting one of these takes the C library's
 * own way of moving the last one from it: above it memory is mapped and unmapped. */
#define KEEP_FREE_BYTES (4 * 1024 * 1024)
#define MAPPED_BYTES    (1024 * 1024)

/* Local files are not read far ahead: that hides no waiting, and what does not fit the memory would
 * have to be written to the hold file and read again. */
static void count_file(struct gm_feed *feed, struct gm_feed_item *item, uint64_t n_bytes)
{
    feed->file_bytes = feed->file_bytes - item->file_bytes + n_bytes;
    item->file_bytes = n_bytes;
}

void gm_feed_item_free(struct gm_feed *feed, struct gm_feed_item *item)
{
    struct gm_fetched *fetched = &item->fetched;
    count_file(feed, item, 0);
    if (fetched->body)
        feed->body_bytes -= fetched->n_bytes;
    if (item->state == GM_FEED_DONE && fetched->fd >= 0)
        feed->n_files--;
    free(fetched->body);
    gm_close(&fetched->fd);
    free(fetched->final_url);
    free(fetched->etag);
    free(fetched->last_modified);
    free(fetched->content_type);
    free(item->locator);
    free(item->key);
    free(item->name);
    free(item->meta);
    if (item->held && --feed->n_held == 0)
        feed->hold_end = 0; /* the file is written again from its start */
    memset(item, 0, sizeof *item);
    fetched->fd = -1;
}

static struct gm_feed_task *task_slot(struct gm_feed *feed, uint64_t task)
{
    return &feed->tasks[task % GM_TASK_WINDOW];
}

static enum gm_status open_task(struct gm_feed *feed, uint64_t number, struct gm_err *err)
{
    struct gm_feed_task *task = task_slot(feed, number);
    if (task->items && task->number == number)
        return GM_OK;
    GM_ASSERT(!task->items);
    uint64_t left = feed->setup->n_items - number * GM_TASK_ITEMS;
    task->items = calloc(GM_TASK_ITEMS, sizeof *task->items);
    if (!task->items)
        return gm_err_set(err, GM_NOMEM, "no memory for a task");
    task->number = number;
    task->n_expected = left < GM_TASK_ITEMS ? (uint32_t)left : GM_TASK_ITEMS;
    task->n_items = task->n_done = 0;
    return GM_OK;
}

static void complete_item(struct gm_feed *feed, struct gm_feed_task *task,
                          struct gm_feed_item *item)
{
    item->state = GM_FEED_DONE;
    if (++task->n_done == task->n_expected) {
        feed->complete[feed->n_complete++] = task->number;
        gm_wake_ring(feed->port.bell_in); /* there is something to pump */
    }
    atomic_fetch_add_explicit(&feed->port.shared->n_items, 1, memory_order_relaxed);
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        *failed = true;
    return copy;
}

/* Takes one item from the snapshot into its task. */
static enum gm_status admit(struct gm_feed *feed, struct gm_item *item, struct gm_err *err)
{
    struct gm_snapshot_previous previous = {0};
    uint64_t number = feed->next_item;
    bool failed = false;
    enum gm_status status = open_task(feed, number / GM_TASK_ITEMS, err);
    if (status == GM_OK)
        status = gm_snapshot_next(&feed->snapshot, item, &previous, err);
    if (status != GM_OK)
        return status == GM_END ? gm_err_set(err, GM_INPUT, "the list of items is too short")
                                : status;
    struct gm_feed_task *task = task_slot(feed, number / GM_TASK_ITEMS);
    struct gm_feed_item *kept = &task->items[number % GM_TASK_ITEMS];
    kept->fetched.fd = -1;
    kept->fetched.number = number;
    kept->is_url = item->kind == GM_ITEM_URL;
    kept->file_mtime_ns = item->file_mtime_ns;
    kept->locator = copy_text(item->locator, &failed);
    kept->name = copy_text(item->name, &failed);
    kept->meta = copy_text(item->meta_json, &failed);
    if (failed)
        return gm_err_set(err, GM_NOMEM, "no memory for an item");
    kept->previous_reason = previous.reason;
    kept->previous_http = previous.http_status;
    if (previous.sha256) {
        kept->has_previous = true;
        memcpy(kept->previous_sha256, previous.sha256, GM_SHA256_BYTES);
    }
    feed->next_item++;
    task->n_items++;
    return GM_OK;
}

/* A failure that was there the last time, and is no other now. */
static bool is_repeated(const struct gm_feed_item *item)
{
    return item->fetched.reason != GM_REASON_NONE &&
           item->fetched.reason == item->previous_reason &&
           item->fetched.http_status == item->previous_http;
}

/* A task that was begun goes on: nothing is cut before it is complete. */
static bool must_wait(const struct gm_feed *feed)
{
    if (feed->next_item / GM_TASK_ITEMS >= feed->head_task + GM_TASK_WINDOW)
        return true;
    return feed->next_item % GM_TASK_ITEMS == 0 &&
           (feed->n_files + feed->n_files_asked >= GM_FEED_FILES ||
            feed->file_bytes > feed->plan->memory.fetch_heap / 4);
}

enum gm_status gm_feed_next(struct gm_feed *feed, struct gm_item *item, struct gm_err *err)
{
    while (!feed->stopping && feed->next_item < feed->setup->n_items) {
        uint64_t number = feed->next_item;
        if (must_wait(feed))
            return GM_AGAIN;
        enum gm_status status = admit(feed, item, err);
        if (status != GM_OK)
            return status;
        struct gm_feed_task *task = task_slot(feed, number / GM_TASK_ITEMS);
        struct gm_feed_item *kept = &task->items[number % GM_TASK_ITEMS];
        bool committed = task->number == feed->setup->start.task &&
                         number % GM_TASK_ITEMS < feed->setup->start.row;
        if (item->reason == GM_REASON_NONE && !committed) {
            feed->n_files_asked += !kept->is_url;
            if (!kept->is_url && item->file_bytes <= feed->plan->memory.inline_bytes)
                count_file(feed, kept, item->file_bytes);
            return GM_OK;
        }
        kept->fetched.reason = item->reason;
        kept->repeated = is_repeated(kept);
        if (item->message)
            snprintf(kept->fetched.message, sizeof kept->fetched.message, "%s", item->message);
        complete_item(feed, task, kept);
    }
    return GM_END;
}

/* Moves a body out of memory. The hold file is private and unlinked; what it holds is fetched
 * again after a crash. */
static enum gm_status hold_body(struct gm_feed *feed, struct gm_feed_item *item, struct gm_err *err)
{
    struct gm_fetched *fetched = &item->fetched;
    if (lseek(feed->setup->hold_fd, (off_t)feed->hold_end, SEEK_SET) < 0)
        return gm_err_set(err, GM_IO, "unable to seek in the hold file");
    enum gm_status status = gm_write_full(feed->setup->hold_fd, fetched->body, fetched->n_bytes,
                                          "the hold file in spool/", err);
    if (status != GM_OK)
        return status;
    item->held = true;
    item->hold_offset = feed->hold_end;
    feed->hold_end += fetched->n_bytes;
    feed->n_held++;
    feed->body_bytes -= fetched->n_bytes;
    count_file(feed, item, 0);
    free(fetched->body);
    fetched->body = NULL;
    return GM_OK;
}

static bool same_as_before(const struct gm_feed_item *item)
{
    return item->has_previous && item->fetched.has_sha256 &&
           memcmp(item->previous_sha256, item->fetched.sha256, GM_SHA256_BYTES) == 0;
}

enum gm_status gm_feed_done(struct gm_feed *feed, struct gm_fetched *fetched, struct gm_err *err)
{
    struct gm_feed_task *task = task_slot(feed, fetched->number / GM_TASK_ITEMS);
    GM_ASSERT(task->items && task->number == fetched->number / GM_TASK_ITEMS);
    struct gm_feed_item *item = &task->items[fetched->number % GM_TASK_ITEMS];
    GM_ASSERT(item->state == GM_FEED_OPEN);
    item->fetched = *fetched;
    *fetched = (struct gm_fetched)GM_FETCHED_INIT;
    fetched = &item->fetched;
    if (fetched->body)
        feed->body_bytes += fetched->n_bytes;
    feed->n_files += fetched->fd >= 0;
    feed->n_files_asked -= !item->is_url;
    if (fetched->reason == GM_REASON_NONE && same_as_before(item))
        fetched->unchanged = true;
    item->repeated = is_repeated(item);
    if (fetched->body && (fetched->reason != GM_REASON_NONE || fetched->unchanged)) {
        feed->body_bytes -= fetched->n_bytes;
        free(fetched->body);
        fetched->body = NULL;
    }
    if (!fetched->body)
        count_file(feed, item, 0);
    complete_item(feed, task, item);
    if (fetched->body && task->n_done < task->n_expected &&
        feed->body_bytes > feed->plan->memory.fetch_heap / 3)
        return hold_body(feed, item, err);
    return GM_OK;
}

int gm_feed_fd(const struct gm_feed *feed)
{
    return feed->port.bell_in;
}

uint64_t gm_feed_inline_bytes(const struct gm_feed *feed)
{
    return feed->plan->memory.inline_bytes;
}

int gm_feed_spool_fd(const struct gm_feed *feed)
{
    return feed->setup->spool_fd;
}

void gm_feed_count(struct gm_feed *feed, uint64_t requests, uint64_t bytes, uint64_t retries)
{
    (void)requests;
    atomic_fetch_add_explicit(&feed->port.shared->n_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&feed->port.shared->n_retries, retries, memory_order_relaxed);
}

/* Everything below `written` has left the window; below `durable` spool files can go. */
static void move_head(struct gm_feed *feed, uint64_t written, uint64_t durable)
{
    uint32_t kept = 0;
    feed->head_task = written;
    for (uint32_t i = 0; i < feed->n_spooled; i++) {
        static const char *const suffixes[] = {"part", "meta"};
        if (feed->spooled[i] / GM_TASK_ITEMS >= durable) {
            feed->spooled[kept++] = feed->spooled[i];
            continue;
        }
        for (size_t s = 0; s < GM_ARRAY_LEN(suffixes); s++) {
            char name[64];
            snprintf(name, sizeof name, "item-%llu.%s", (unsigned long long)feed->spooled[i],
                     suffixes[s]);
            unlinkat(feed->setup->spool_fd, name, 0);
        }
    }
    feed->n_spooled = kept;
}

static enum gm_status take_messages(struct gm_feed *feed, struct gm_err *err)
{
    struct gm_desc desc;
    enum gm_status status;
    while ((status = gm_port_pop(&feed->port, &desc, err)) == GM_OK) {
        if (desc.kind == GM_DESC_GRANT && desc.out_bytes > GM_BLOCK_BYTES) {
            feed->large = (struct gm_span){desc.out_page, desc.out_bytes};
            feed->large_asked = false;
        } else if (desc.kind == GM_DESC_GRANT) {
            GM_ASSERT(feed->n_blocks < GM_FEED_BLOCKS);
            feed->blocks[feed->n_blocks++] = (struct gm_span){desc.out_page, desc.out_bytes};
            feed->n_asked--;
        } else if (desc.kind == GM_DESC_HEAD) {
            move_head(feed, desc.task, desc.lease);
        } else if (desc.kind == GM_DESC_STOP) {
            feed->stopping = true;
        }
    }
    gm_port_release(&feed->port);
    return status == GM_AGAIN ? GM_OK : status;
}

static enum gm_status ask_for_blocks(struct gm_feed *feed, struct gm_err *err)
{
    bool more = feed->n_complete > 0 || feed->cut_task != UINT64_MAX;
    while (more && feed->n_blocks + feed->n_asked < SMALL_AHEAD) {
        struct gm_desc desc = {.kind = GM_DESC_NEED, .value = GM_BLOCK_BYTES};
        enum gm_status status = gm_port_push(&feed->port, &desc, err);
        if (status != GM_OK)
            return status;
        feed->n_asked++;
    }
    return GM_OK;
}

static enum gm_status send_end(struct gm_feed *feed, struct gm_err *err)
{
    struct gm_desc desc = {.kind = GM_DESC_END, .task = feed->n_tasks};
    if (feed->end_sent || feed->n_tasks_out + feed->setup->start.task < feed->n_tasks)
        return GM_OK;
    enum gm_status status = gm_port_push(&feed->port, &desc, err);
    feed->end_sent = status == GM_OK;
    return status;
}

enum gm_status gm_feed_pump(struct gm_feed *feed, struct gm_err *err)
{
    gm_wake_drain(feed->port.bell_in);
    for (;;) {
        gm_ring_awake(&feed->port.in);
        enum gm_status status = take_messages(feed, err);
        if (status == GM_OK && feed->stopping)
            return GM_END;
        if (status == GM_OK)
            status = gm_feed_cut(feed, err);
        if (status == GM_OK)
            status = send_end(feed, err);
        if (status == GM_OK || status == GM_AGAIN)
            status = ask_for_blocks(feed, err); /* behind the cut, which used some up */
        gm_port_publish(&feed->port);
        if (status != GM_OK && status != GM_AGAIN)
            return status;
        if (feed->end_sent)
            return GM_END;
        bool full = gm_ring_free_slots(&feed->port.out) == 0;
        if (full && !gm_ring_producer_sleep(&feed->port.out))
            continue;
        if (gm_ring_consumer_sleep(&feed->port.in))
            return GM_OK;
    }
}

static enum gm_status open_feed(struct gm_feed *feed, const struct gm_feed_setup *setup,
                                struct gm_err *err)
{
    feed->setup = setup;
    feed->plan = setup->plan;
    feed->head_task = setup->start.task;
    feed->next_task_out = setup->start.task;
    feed->next_item = setup->start.task * GM_TASK_ITEMS;
    feed->n_tasks = (setup->n_items + GM_TASK_ITEMS - 1) / GM_TASK_ITEMS;
    feed->cut_task = UINT64_MAX;
    gm_block_builder_init(&feed->builder);
    gm_out_init(&feed->out);
    gm_link_attach_child(setup->link, &feed->port);
    gm_control_log_to(feed->port.control_fd);
    return gm_snapshot_open(&feed->snapshot, setup->snapshot_fd, feed->next_item, err);
}

static enum gm_status enter_sandbox(struct gm_feed *feed, struct gm_err *err)
{
    struct gm_sandbox sandbox = {.profile = GM_SANDBOX_FETCH,
                                 .mode = feed->plan->job.sandbox,
                                 .max_file_bytes = UINT64_MAX,
                                 .write_dir_fd = feed->setup->spool_fd};
    enum gm_sandbox_state state;
    enum gm_status status = gm_sandbox_enter(&sandbox, &state, err);
    if (status != GM_OK)
        return status;
    return gm_control_send(feed->port.control_fd, GM_CONTROL_HELLO, state, NULL, 0, -1,
                           GM_CONTROL_WAIT, err);
}

int gm_feed_main(void *setup)
{
    struct gm_err err = {0};
    struct gm_feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return gm_status_exit_code(GM_NOMEM);
    mallopt(M_TRIM_THRESHOLD, KEEP_FREE_BYTES);
    mallopt(M_TOP_PAD, KEEP_FREE_BYTES / 4);
    mallopt(M_MXFAST, 0); /* else each large body that is freed sweeps the fast bins */
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    enum gm_status status = open_feed(feed, setup, &err);
    if (status == GM_OK)
        status = enter_sandbox(feed, &err);
    if (status == GM_OK)
        status = feed->plan->fetcher->run(feed->plan->fetch_opts, feed, &err);
    if (status != GM_OK && status != GM_END)
        gm_control_send(feed->port.control_fd, GM_CONTROL_FATAL, 0, &err, sizeof err, -1,
                        GM_CONTROL_WAIT, NULL);
    /* Bodies, blocks and descriptors go with the process. */
    return gm_status_exit_code(status);
}
