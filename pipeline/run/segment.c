/* Cutting a complete task into segments and packing them into blocks; see feed.h.
 *
 * A segment in its block:   [ content: rows for one route | output part: items.jsonl, rejects.jsonl
 * ]
 *
 * The output part is a finished output block of its own that goes straight to the writer, in front
 * of the content's results. Cuts are decided before anything is written: first measure, then
 * fill, so that a missing block means "later" and never half a segment. */
#include "base/assert.h"
#include "base/fs.h"
#include "base/hash.h"
#include "ipc/control.h"
#include "run/feed.h"
#include "run/item_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_BYTES     (64u * 1024u) /* of a block, kept for the output part */
#define ROW_SLACK_BYTES 256u          /* at least what a row takes in the tables */
#define NO_ROUTE        (-1)

/* Rows [first, end) of the task and what becomes of them. */
struct segment {
    uint32_t first, end;
    int route;         /* of the content; NO_ROUTE: none */
    size_t body_bytes; /* block capacity that the content needs */
};

static struct gm_view view_of(const char *text)
{
    return (struct gm_view){(const uint8_t *)text, text ? strlen(text) : 0};
}

static void reject(struct gm_feed_item *item, enum gm_reason reason, const char *message)
{
    item->fetched.reason = reason;
    snprintf(item->fetched.message, sizeof item->fetched.message, "%s", message);
}

/* Paths may hold any bytes; block columns are UTF-8. */
static char *as_utf8(struct gm_buf *scratch, char *text)
{
    if (!text || gm_item_is_utf8(text))
        return text;
    char *converted = strdup(gm_item_utf8(scratch, text));
    free(text);
    return converted;
}

/* What the row is made of; hex holds its hash, if the route wants it. */
static struct gm_row row_of(const struct gm_feed *feed, const struct gm_feed_item *item, int route,
                            char hex[GM_SHA256_HEX_BYTES])
{
    struct gm_row row = {.item = item->fetched.number,
                         .member = UINT64_MAX,
                         .media = item->fetched.media,
                         .source = view_of(item->locator),
                         .name = view_of(item->name),
                         .meta = view_of(item->meta)};
    if (feed->plan->routes[route].reads_sha256 && item->fetched.has_sha256)
        row.sha256 = view_of(gm_sha256_hex(item->fetched.sha256, hex));
    return row;
}

static bool is_inline(const struct gm_feed *feed, const struct gm_feed_item *item, int route)
{
    return feed->plan->routes[route].kind == GM_ROUTE_CHAIN || item->fetched.fd < 0;
}

/* Bytes that this row adds to a content block; the first one pays for the block's tables too. */
static size_t row_bytes(const struct gm_feed *feed, const struct gm_feed_item *item, int route,
                        bool first)
{
    char hex[GM_SHA256_HEX_BYTES];
    struct gm_row row = row_of(feed, item, route, hex);
    size_t n_bytes =
        gm_block_need_bytes(&row, is_inline(feed, item, route) ? item->fetched.n_bytes : 0);
    if (feed->plan->routes[route].reads_sha256 && !row.sha256.data)
        n_bytes += sizeof(struct gm_block_span); /* null, in a column that others may make */
    const struct gm_row empty = {0};
    return first ? n_bytes : n_bytes - gm_block_need_bytes(&empty, 0) + ROW_SLACK_BYTES;
}

/* Route of an item's body, or NO_ROUTE; says so in the item where the job has no use for it. */
static int route_of(struct gm_feed *feed, struct gm_feed_item *item)
{
    struct gm_fetched *fetched = &item->fetched;
    char message[GM_NO_ROUTE_BYTES];
    if (fetched->reason != GM_REASON_NONE || fetched->unchanged)
        return NO_ROUTE;
    int route = feed->plan->route_of_media[fetched->media];
    if (route < 0) {
        bool empty = fetched->media == GM_MEDIA_EMPTY;
        gm_item_no_route(fetched->media, message);
        reject(item, empty ? GM_REASON_MEDIA_EMPTY : GM_REASON_MEDIA_UNSUPPORTED,
               empty ? "the file has no bytes" : message);
        return NO_ROUTE;
    }
    bool too_large = feed->plan->routes[route].kind == GM_ROUTE_CHAIN &&
                     fetched->n_bytes > feed->plan->job.max_record_bytes;
    if (too_large ||
        row_bytes(feed, item, route, true) + LINES_BYTES > feed->plan->memory.max_block_bytes) {
        reject(item, GM_REASON_LIMIT_RECORD_BYTES, "the file is larger than max_record");
        return NO_ROUTE;
    }
    return route;
}

/* What an item's lines take at most, in items.jsonl and, with its name, in rejects.jsonl. */
static size_t lines_bytes(const struct gm_feed *feed, const struct gm_feed_task *task, uint32_t row)
{
    const struct gm_feed_item *item = &task->items[row];
    size_t name_bytes = item->name ? strlen(item->name) : 0;
    if (name_bytes > GM_ITEM_SHOWN_BYTES / GM_ITEM_WORST_BYTES)
        name_bytes = GM_ITEM_SHOWN_BYTES;
    else
        name_bytes *= GM_ITEM_WORST_BYTES;
    return 2 * (feed->line_of[row].most_bytes + sizeof ",\"name\":\"\"" + name_bytes);
}

/* The next segment of the task from row `first`; a pure function of the items. */
static void measure(struct gm_feed *feed, struct gm_feed_task *task, uint32_t first,
                    struct segment *segment)
{
    size_t lines = 0;
    *segment = (struct segment){first, first, NO_ROUTE, 0};
    for (uint32_t row = first; row < task->n_expected; row++) {
        struct gm_feed_item *item = &task->items[row];
        int route = route_of(feed, item);
        lines += lines_bytes(feed, task, row);
        if (row > first && lines > LINES_BYTES - 4096)
            return;
        if (route != NO_ROUTE) {
            bool container = feed->plan->routes[route].kind == GM_ROUTE_SPLIT;
            size_t n_bytes = row_bytes(feed, item, route, segment->route == NO_ROUTE);
            bool fits = segment->body_bytes + n_bytes <= GM_BLOCK_BYTES - LINES_BYTES;
            if (segment->route != NO_ROUTE && (container || route != segment->route || !fits))
                return;
            segment->route = route;
            segment->body_bytes += n_bytes;
            if (container || !fits) {
                segment->end = row + 1;
                return;
            }
        }
        segment->end = row + 1;
    }
}

static enum gm_status fill_from(struct gm_feed *feed, int fd, uint64_t offset,
                                struct gm_feed_item *item, struct gm_err *err)
{
    size_t room, n_read = 0;
    uint8_t *space = gm_block_row_space(&feed->builder, &room);
    GM_ASSERT(room >= item->fetched.n_bytes);
    enum gm_status status = gm_pread_full(fd, space, item->fetched.n_bytes, offset, &n_read, err);
    if (status == GM_OK && n_read == item->fetched.n_bytes) {
        gm_block_row_filled(&feed->builder, n_read);
        return GM_OK;
    }
    reject(item, status == GM_OK ? GM_REASON_SOURCE_CHANGED : GM_REASON_FETCH_IO,
           status == GM_OK ? "the file became shorter while it was read" : "reading failed");
    return GM_AGAIN;
}

static void add_row(struct gm_feed *feed, struct gm_feed_item *item, int route, struct gm_err *err)
{
    char hex[GM_SHA256_HEX_BYTES];
    struct gm_row row = row_of(feed, item, route, hex);
    enum gm_status status = gm_block_row_begin(&feed->builder, &row);
    GM_ASSERT(status == GM_OK); /* measured before */
    if (!is_inline(feed, item, route))
        status = GM_OK;
    else if (item->fetched.fd >= 0)
        status = fill_from(feed, item->fetched.fd, 0, item, err);
    else if (item->held)
        status = fill_from(feed, feed->setup->hold_fd, item->hold_offset, item, err);
    else
        status = gm_block_row_body(&feed->builder, item->fetched.body, item->fetched.n_bytes);
    if (status != GM_OK) {
        gm_block_row_abort(&feed->builder);
        item->lost_late = true;
        return;
    }
    status = gm_block_row_end(&feed->builder, GM_REASON_NONE, NULL);
    GM_ASSERT(status == GM_OK);
}

static void remember_spooled(struct gm_feed *feed, const struct gm_feed_item *item)
{
    if (!item->is_url || item->fetched.fd < 0)
        return;
    if (feed->n_spooled == feed->spooled_capacity) {
        uint32_t capacity = feed->spooled_capacity ? 2 * feed->spooled_capacity : 256;
        uint64_t *grown = realloc(feed->spooled, capacity * sizeof *grown);
        if (!grown)
            return; /* removed with the folder at the end of the run instead */
        feed->spooled = grown;
        feed->spooled_capacity = capacity;
    }
    feed->spooled[feed->n_spooled++] = item->fetched.number;
}

/* Lines of all rows of the segment as a finished output block. */
static enum gm_status encode_lines(struct gm_feed *feed, struct gm_feed_task *task,
                                   const struct segment *segment, struct gm_err *err)
{
    gm_out_reset(&feed->out);
    gm_buf_clear(&feed->items);
    gm_buf_clear(&feed->rejects);
    for (uint32_t row = segment->first; row < segment->end; row++) {
        const struct gm_feed_item *item = &task->items[row];
        const struct gm_feed_line *line = &feed->line_of[row];
        if (item->lost_late)
            gm_item_line(&feed->items, item);
        else
            gm_buf_append(&feed->items, feed->lines.data + line->at, line->n_bytes);
        if (item->fetched.reason == GM_REASON_NONE || item->repeated)
            continue;
        struct gm_reject lost = {.item = item->fetched.number,
                                 .member = UINT64_MAX,
                                 .source = gm_item_text_shown(item->locator),
                                 .name = gm_item_text_shown(item->name),
                                 .stage = "fetch",
                                 .reason = item->fetched.reason,
                                 .message = view_of(item->fetched.message)};
        gm_reject_encode(&feed->rejects, &lost);
        gm_out_count(&feed->out, item->fetched.reason);
    }
    if (feed->lines.failed || feed->items.failed || feed->rejects.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the lines of a segment");
    feed->out.stream = GM_STREAM_ITEMS;
    enum gm_status status = gm_out_part(&feed->out, NULL, feed->items.data, feed->items.n_bytes,
                                        segment->end - segment->first, err);
    feed->out.stream = GM_STREAM_REJECTS;
    if (status == GM_OK && feed->rejects.n_bytes > 0)
        status = gm_out_part(&feed->out, NULL, feed->rejects.data, feed->rejects.n_bytes, 0, err);
    return status == GM_OK ? gm_out_finish(&feed->out, err) : status;
}

/* Takes a granted block of that size, or asks for one. */
static enum gm_status take_block(struct gm_feed *feed, size_t n_bytes, struct gm_span *block,
                                 struct gm_err *err)
{
    if (n_bytes <= GM_BLOCK_BYTES) {
        if (feed->n_blocks == 0)
            return GM_AGAIN;
        *block = feed->blocks[--feed->n_blocks];
        return GM_OK;
    }
    if (feed->large.n_bytes >= n_bytes) {
        *block = feed->large;
        feed->large.n_bytes = 0;
        return GM_OK;
    }
    if (!feed->large_asked) {
        struct gm_desc desc = {.kind = GM_DESC_NEED, .value = (uint32_t)n_bytes};
        enum gm_status status = gm_port_push(&feed->port, &desc, err);
        if (status != GM_OK)
            return status;
        feed->large_asked = true;
    }
    return GM_AGAIN;
}

static enum gm_status send_fd(struct gm_feed *feed, struct gm_feed_task *task,
                              const struct segment *segment, struct gm_desc *desc,
                              struct gm_err *err)
{
    struct gm_feed_item *item = &task->items[segment->end - 1];
    if (segment->route == NO_ROUTE || is_inline(feed, item, segment->route))
        return GM_OK;
    desc->flags |= GM_DESC_FD;
    desc->lease = ++feed->next_fd_key;
    return gm_control_send(feed->port.control_fd, GM_CONTROL_FD, desc->lease, NULL, 0,
                           item->fetched.fd, GM_CONTROL_WAIT, err);
}

static enum gm_status pack(struct gm_feed *feed, struct gm_feed_task *task,
                           const struct segment *segment, struct gm_span block, struct gm_err *err)
{
    uint8_t *data = gm_pool_data(feed->setup->arena, block.page);
    size_t content_bytes = 0;
    if (segment->route != NO_ROUTE) {
        gm_block_start(&feed->builder, data, block.n_bytes - LINES_BYTES);
        for (uint32_t row = segment->first; row < segment->end; row++)
            if (route_of(feed, &task->items[row]) == segment->route)
                add_row(feed, &task->items[row], segment->route, err);
        if (feed->builder.n_rows > 0)
            content_bytes = gm_block_seal(&feed->builder);
    }
    enum gm_status status = encode_lines(feed, task, segment, err);
    if (status != GM_OK)
        return status;
    uint32_t lines_at = (uint32_t)((content_bytes + GM_PAGE_BYTES - 1) / GM_PAGE_BYTES);
    const struct gm_buf *lines = &feed->out.bytes;
    if ((size_t)lines_at * GM_PAGE_BYTES + lines->n_bytes > block.n_bytes)
        return gm_err_set(err, GM_INTERNAL, "segment lines do not fit");
    memcpy(data + (size_t)lines_at * GM_PAGE_BYTES, lines->data, lines->n_bytes);
    struct gm_desc desc = {.kind = GM_DESC_SEGMENT,
                           .flags = (content_bytes > 0 ? GM_DESC_CONTENT : 0) |
                                    (segment->end == task->n_expected ? GM_DESC_LAST : 0),
                           .value = segment->route < 0 ? 0 : (uint32_t)segment->route,
                           .task = task->number,
                           .segment = feed->cut_segment,
                           .in_page = block.page,
                           .in_bytes = (uint32_t)content_bytes,
                           .out_page = block.page + lines_at,
                           .out_bytes = (uint32_t)lines->n_bytes,
                           .row_first = segment->first,
                           .row_count = segment->end - segment->first};
    if (content_bytes > 0)
        status = send_fd(feed, task, segment, &desc, err);
    return status == GM_OK ? gm_port_push(&feed->port, &desc, err) : status;
}

static void close_task(struct gm_feed *feed, struct gm_feed_task *task)
{
    for (uint32_t row = 0; row < task->n_expected; row++)
        gm_feed_item_free(feed, &task->items[row]);
    free(task->items);
    memset(task, 0, sizeof *task);
    feed->cut_task = UINT64_MAX;
    feed->n_tasks_out++;
    feed->next_task_out++;
}

/* Everything that is decided before the first cut; what is lost is known from here on. */
static void prepare_task(struct gm_feed *feed, struct gm_feed_task *task)
{
    gm_buf_clear(&feed->lines);
    for (uint32_t row = feed->cut_row; row < task->n_expected; row++) {
        struct gm_feed_item *item = &task->items[row];
        if (item->locator && !gm_item_key(&feed->scratch, item->locator))
            item->key = strdup(gm_buf_cstr(&feed->scratch));
        item->locator = as_utf8(&feed->scratch, item->locator);
        item->name = as_utf8(&feed->scratch, item->name);
        route_of(feed, item);
        feed->line_of[row] = gm_item_line(&feed->lines, item);
    }
}

/* The next complete task that may go out; false: none. */
static bool choose_task(struct gm_feed *feed)
{
    for (uint32_t i = 0; i < feed->n_complete; i++) {
        if (feed->setup->in_order && feed->complete[i] != feed->next_task_out)
            continue;
        const struct gm_feed_start *start = &feed->setup->start;
        feed->cut_task = feed->complete[i];
        feed->cut_row = feed->cut_task == start->task ? start->row : 0;
        feed->cut_segment = feed->cut_task == start->task ? start->segment : 0;
        memmove(&feed->complete[i], &feed->complete[i + 1],
                (--feed->n_complete - i) * sizeof feed->complete[0]);
        prepare_task(feed, &feed->tasks[feed->cut_task % GM_TASK_WINDOW]);
        return true;
    }
    return false;
}

enum gm_status gm_feed_cut(struct gm_feed *feed, struct gm_err *err)
{
    while (feed->cut_task != UINT64_MAX || choose_task(feed)) {
        struct gm_feed_task *task = &feed->tasks[feed->cut_task % GM_TASK_WINDOW];
        struct segment segment;
        struct gm_span block;
        if (gm_ring_free_slots(&feed->port.out) == 0)
            return GM_AGAIN; /* with a slot and a block, nothing can stop a segment half-way */
        measure(feed, task, feed->cut_row, &segment);
        enum gm_status status = take_block(feed, segment.body_bytes + LINES_BYTES, &block, err);
        if (status == GM_OK)
            status = pack(feed, task, &segment, block, err);
        if (status != GM_OK)
            return status;
        for (uint32_t row = feed->cut_row; row < segment.end; row++) {
            remember_spooled(feed, &task->items[row]);
            gm_feed_item_free(feed, &task->items[row]);
        }
        feed->cut_row = segment.end;
        feed->cut_segment++;
        if (feed->cut_row == task->n_expected)
            close_task(feed, task);
    }
    return GM_OK;
}
