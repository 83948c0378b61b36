/* See fake_fetch.h. */
#include "fake_fetch.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/hash.h"
#include "ipc/wake.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- in the child: the fetcher ---- */

struct work {
    const struct fake_fetch *fetch;
    struct gm_feed *feed;
    uint64_t *open; /* numbers of the items in work */
    uint32_t n_open;
    uint32_t random;
};

static uint32_t next_random(struct work *work)
{
    work->random = work->random * 1664525u + 1013904223u;
    return work->random >> 8;
}

void fake_body(uint64_t number, uint8_t *body, uint64_t n_bytes)
{
    for (uint64_t i = 0; i < n_bytes; i++)
        body[i] = (uint8_t)('a' + (number * 31 + i * i % 251) % 26);
}

static enum gm_status finish_one(struct work *work, struct gm_err *err)
{
    const struct fake_fetch *fetch = work->fetch;
    uint32_t i = fetch->seed ? next_random(work) % work->n_open : 0;
    if (fetch->hold_back && work->open[i] == fetch->hold_back && work->n_open > 1)
        i = (i + 1) % work->n_open;
    struct gm_fetched fetched = GM_FETCHED_INIT;
    fetched.number = work->open[i];
    memmove(&work->open[i], &work->open[i + 1], (--work->n_open - i) * sizeof *work->open);
    fetched.media = GM_MEDIA_TEXT;
    fetch->finish(fetched.number, &fetched);
    /* What differs from run to run. */
    fetched.elapsed_ms = fetch->seed ? next_random(work) % 1000000 : 0;
    fetched.n_tries = fetch->seed ? next_random(work) % 1000 : 1;
    fetched.wire_bytes = fetch->seed ? next_random(work) : 1;
    if (fetched.fd < 0 && fetched.reason == GM_REASON_NONE) {
        fetched.body = malloc(fetched.n_bytes + 1);
        GM_ASSERT(fetched.body);
        fake_body(fetched.number, fetched.body, fetched.n_bytes);
    }
    return gm_feed_done(work->feed, &fetched, err);
}

/* As the real one: takes what it gets, hands back what is ready, pumps, sleeps. */
static enum gm_status work_through(struct work *work, struct gm_err *err)
{
    const struct fake_fetch *fetch = work->fetch;
    uint32_t most = fetch->n_open ? fetch->n_open : UINT32_MAX;
    for (;;) {
        enum gm_status status = GM_OK;
        struct gm_item item;
        while (work->n_open < most && (status = gm_feed_next(work->feed, &item, err)) == GM_OK) {
            struct gm_item wanted = {0};
            fetch->describe(item.number, &wanted);
            GM_ASSERT(strcmp(item.locator, wanted.locator) == 0);
            work->open[work->n_open++] = item.number;
        }
        if (status != GM_OK && status != GM_AGAIN && status != GM_END)
            return status;
        bool worked = work->n_open > 0;
        if (worked)
            status = finish_one(work, err);
        if (worked && status != GM_OK)
            return status;
        status = gm_feed_pump(work->feed, err);
        if (status != GM_OK)
            return status == GM_END ? GM_OK : status;
        if (!worked)
            gm_wake_wait(gm_feed_fd(work->feed), -1, 500, NULL);
    }
}

static enum gm_status run_fetcher(const void *opts, struct gm_feed *feed, struct gm_err *err)
{
    struct work work = {.fetch = opts, .feed = feed};
    work.random = work.fetch->seed;
    work.open = calloc(work.fetch->n_items + 1, sizeof *work.open);
    GM_ASSERT(work.open);
    enum gm_status status = work_through(&work, err);
    free(work.open);
    return status;
}

/* ---- in the test: the supervisor ---- */

static int make_list(const struct fake_fetch *fetch)
{
    struct gm_lister_sink sink;
    int fd = memfd_create("list", MFD_CLOEXEC);
    GM_ASSERT(fd >= 0);
    GM_ASSERT(gm_snapshot_begin(&sink, fd, NULL, NULL, NULL) == GM_OK);
    for (uint64_t i = 0; i < fetch->n_items; i++) {
        struct gm_item item = {.expected_bytes = UINT64_MAX};
        fetch->describe(i, &item);
        GM_ASSERT(gm_lister_add(&sink, &item, NULL) == GM_OK);
    }
    GM_ASSERT(gm_snapshot_end(&sink, NULL) == GM_OK);
    return fd;
}

void fake_fetch_open(struct fake_fetch *fetch)
{
    memset(fetch, 0, sizeof *fetch);
    fake_supervisor_open(&fetch->supervisor, 16, 16u << 20);
    fetch->setup.snapshot_fd = fetch->setup.spool_fd = fetch->setup.hold_fd = -1;
}

void fake_fetch_close(struct fake_fetch *fetch)
{
    fake_supervisor_close(&fetch->supervisor);
    gm_close(&fetch->setup.snapshot_fd);
    gm_close(&fetch->setup.hold_fd);
    free(fetch->segments);
}

static void read_content(struct fake_fetch *fetch, const struct gm_desc *desc,
                         struct fake_segment *segment)
{
    struct gm_batch batch;
    gm_batch_init(&batch);
    const uint8_t *data = gm_pool_data(&fetch->supervisor.pools[ARENA_FETCH], desc->in_page);
    GM_ASSERT(gm_block_open(data, desc->in_bytes, &batch, NULL) == GM_OK);
    segment->n_rows = batch.n_rows;
    for (uint32_t row = 0; row < batch.n_rows; row++) {
        struct gm_view body = gm_batch_view(&batch, GM_IN_BODY, row);
        struct gm_view source = gm_batch_view(&batch, GM_IN_SOURCE, row);
        uint64_t numbers[] = {segment->content_hash, gm_batch_u64(&batch, GM_IN_ITEM, row),
                              gm_xxh64(body.data, body.n_bytes, 1),
                              gm_xxh64(source.data, source.n_bytes, 2), batch.reasons[row]};
        GM_ASSERT(numbers[1] / GM_TASK_ITEMS == desc->task);
        segment->content_hash = gm_xxh64(numbers, sizeof numbers, 3);
    }
    gm_batch_free(&batch);
}

static void read_item_lines(const char *text, size_t n_bytes, struct fake_segment *segment)
{
    const char *end = text + n_bytes;
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        GM_ASSERT(line_end);
        const char *times = memmem(text, (size_t)(line_end - text), ",\"wire_bytes\"", 13);
        GM_ASSERT(times);
        segment->n_lines++;
        segment->lines_hash = gm_xxh64(text, (size_t)(times - text), segment->lines_hash);
        text = line_end + 1;
    }
}

static void read_lines(struct fake_fetch *fetch, const struct gm_desc *desc,
                       struct fake_segment *segment)
{
    const uint8_t *data = gm_pool_data(&fetch->supervisor.pools[ARENA_FETCH], desc->out_page);
    struct gm_out_header header;
    struct gm_out_part part;
    const uint8_t *name, *payload;
    size_t offset = sizeof header;
    GM_ASSERT(gm_out_check(data, desc->out_bytes, &header, NULL) == GM_OK);
    segment->n_in = header.n_in;
    while (gm_out_next(data, desc->out_bytes, &offset, &part, &name, &payload, NULL) == GM_OK) {
        if (part.stream == GM_STREAM_ITEMS)
            read_item_lines((const char *)payload, part.n_bytes, segment);
        for (uint32_t i = 0; part.stream == GM_STREAM_REJECTS && i < part.n_bytes; i++)
            segment->n_rejects += payload[i] == '\n';
    }
}

static void keep_segment(struct fake_fetch *fetch, const struct gm_desc *desc)
{
    struct gm_pool *pool = &fetch->supervisor.pools[ARENA_FETCH];
    uint32_t base;
    fetch->segments = realloc(fetch->segments, (fetch->n_segments + 1) * sizeof *fetch->segments);
    GM_ASSERT(fetch->segments);
    struct fake_segment *segment = &fetch->segments[fetch->n_segments++];
    memset(segment, 0, sizeof *segment); /* compared as bytes */
    *segment = (struct fake_segment){.task = desc->task,
                                     .segment = desc->segment,
                                     .row_first = desc->row_first,
                                     .row_count = desc->row_count,
                                     .route = -1,
                                     .last = (desc->flags & GM_DESC_LAST) != 0,
                                     .fd_bytes = UINT64_MAX};
    GM_ASSERT(gm_pool_holds(pool, desc->out_page, desc->out_bytes, &base));
    GM_ASSERT(gm_pool_holds(pool, desc->in_page, desc->in_bytes, &base) && base == desc->in_page);
    GM_ASSERT(desc->out_page * (uint64_t)GM_PAGE_BYTES >=
              desc->in_page * (uint64_t)GM_PAGE_BYTES + desc->in_bytes);
    if (desc->flags & GM_DESC_CONTENT) {
        segment->route = (int)desc->value;
        read_content(fetch, desc, segment);
    }
    if (desc->flags & GM_DESC_FD) {
        struct stat about = {0};
        int fd = fake_supervisor_take_fd(&fetch->supervisor, desc->lease);
        GM_ASSERT(fd >= 0 && fstat(fd, &about) == 0);
        segment->fd_bytes = (uint64_t)about.st_size;
        gm_close(&fd);
    }
    read_lines(fetch, desc, segment);
    gm_pool_give(pool, base);
}

/* How far all segments have come: tasks without a gap from the start. */
static uint64_t complete_tasks(const struct fake_fetch *fetch)
{
    uint64_t task = fetch->setup.start.task;
    for (uint32_t i = 0; i < fetch->n_segments; i++)
        if (fetch->segments[i].task == task && fetch->segments[i].last) {
            task++;
            i = UINT32_MAX; /* from the first again */
        }
    return task;
}

static void play(struct fake_fetch *fetch)
{
    struct gm_desc desc;
    uint32_t n_large = 0; /* size of the large block that is waited for */
    uint32_t n_small = 0;
    while (fake_supervisor_hear(&fetch->supervisor, &desc)) {
        if (desc.kind == GM_DESC_END) {
            fetch->n_tasks = desc.task;
            continue;
        }
        if (desc.kind == GM_DESC_NEED) {
            fetch->n_needs++;
            n_small += desc.value <= GM_BLOCK_BYTES;
            n_large = desc.value > GM_BLOCK_BYTES ? desc.value : n_large;
        } else {
            GM_ASSERT(desc.kind == GM_DESC_SEGMENT);
            keep_segment(fetch, &desc);
            desc = (struct gm_desc){.kind = GM_DESC_HEAD, .task = complete_tasks(fetch)};
            desc.lease = desc.task;
            fake_supervisor_say(&fetch->supervisor, &desc);
        }
        while (n_small > 0 &&
               fake_supervisor_grant(&fetch->supervisor, ARENA_FETCH, GM_BLOCK_BYTES, 0))
            n_small--;
        if (n_large > 0 && fake_supervisor_grant(&fetch->supervisor, ARENA_FETCH, n_large, 0))
            n_large = 0;
        if (fetch->stop_after && fetch->n_segments >= fetch->stop_after) {
            desc = (struct gm_desc){.kind = GM_DESC_STOP};
            fake_supervisor_say(&fetch->supervisor, &desc);
            fetch->stop_after = 0;
        }
    }
}

void fake_fetch_run(struct fake_fetch *fetch)
{
    struct fake_supervisor *supervisor = &fetch->supervisor;
    struct gm_feed_start start = fetch->setup.start;
    int spool_fd = fetch->setup.spool_fd;
    bool in_order = fetch->setup.in_order;
    fetch->setup = (struct gm_feed_setup){.plan = supervisor->plan,
                                          .link = &supervisor->link,
                                          .arena = &supervisor->pools[ARENA_FETCH],
                                          .snapshot_fd = make_list(fetch),
                                          .spool_fd = spool_fd,
                                          .hold_fd = memfd_create("hold", MFD_CLOEXEC),
                                          .n_items = fetch->n_items,
                                          .start = start,
                                          .in_order = in_order};
    GM_ASSERT(fetch->setup.hold_fd >= 0);
    fetch->n_tasks = UINT64_MAX;
    fetch->fetcher = (struct gm_fetcher){.name = "fake", .run = run_fetcher};
    supervisor->plan->fetcher = &fetch->fetcher;
    supervisor->plan->fetch_opts = fetch;
    const int keep[] = {fetch->setup.snapshot_fd, fetch->setup.hold_fd, fetch->setup.spool_fd};
    fake_supervisor_start(supervisor, gm_feed_main, &fetch->setup, keep, spool_fd < 0 ? 2 : 3);
    play(fetch);
    fetch->n_items_finished = supervisor->link.parent.shared->n_items;
    fetch->obituary = fake_supervisor_wait(supervisor);
}

static int by_place(const void *a, const void *b)
{
    const struct fake_segment *x = a, *y = b;
    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

void fake_fetch_sort(struct fake_fetch *fetch)
{
    qsort(fetch->segments, fetch->n_segments, sizeof *fetch->segments, by_place);
}
