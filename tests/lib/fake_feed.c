/* The stand-ins. The feed's descriptor is an eventfd that becomes readable when an item can be
 * taken again after GM_AGAIN, and when everything is done. */
#include "fake_feed.h"

#include "base/assert.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gm_feed {
    uint64_t inline_bytes;
    int spool_fd;
    int event_fd;
    uint64_t n_taken, n_done, window;
    bool ended, blocked;
    fake_feed_source *source;
    void *source_context;
    fake_feed_sink *sink;
    void *sink_context;
    atomic_ulong n_requests, n_retries;
};

struct gm_feed *fake_feed_new(uint64_t inline_bytes, int spool_fd)
{
    struct gm_feed *feed = calloc(1, sizeof *feed);
    GM_ASSERT(feed);
    feed->inline_bytes = inline_bytes;
    feed->spool_fd = spool_fd;
    feed->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    GM_ASSERT(feed->event_fd >= 0);
    return feed;
}

void fake_feed_free(struct gm_feed *feed)
{
    close(feed->event_fd);
    free(feed);
}

void fake_feed_set_source(struct gm_feed *feed, fake_feed_source *source, void *context)
{
    feed->source = source;
    feed->source_context = context;
}

void fake_feed_set_sink(struct gm_feed *feed, fake_feed_sink *sink, void *context)
{
    feed->sink = sink;
    feed->sink_context = context;
}

void fake_feed_set_window(struct gm_feed *feed, uint64_t n_items)
{
    feed->window = n_items;
}

uint64_t fake_feed_n_done(const struct gm_feed *feed)
{
    return feed->n_done;
}

uint64_t fake_feed_n_requests(const struct gm_feed *feed)
{
    return atomic_load(&feed->n_requests);
}

uint64_t fake_feed_n_retries(const struct gm_feed *feed)
{
    return atomic_load(&feed->n_retries);
}

static void wake(struct gm_feed *feed)
{
    uint64_t one = 1;
    GM_ASSERT(write(feed->event_fd, &one, sizeof one) == sizeof one);
}

__attribute__((weak)) enum gm_status gm_feed_next(struct gm_feed *feed, struct gm_item *item,
                                                  struct gm_err *err)
{
    if (feed->window && feed->n_taken - feed->n_done >= feed->window) {
        feed->blocked = true;
        return GM_AGAIN;
    }
    *item = (struct gm_item){.expected_bytes = UINT64_MAX};
    enum gm_status status = feed->source(feed->source_context, item, err);
    if (status == GM_OK)
        item->number = feed->n_taken++;
    feed->ended = status == GM_END;
    if (feed->ended && feed->n_taken == feed->n_done)
        wake(feed);
    return status;
}

__attribute__((weak)) enum gm_status gm_feed_done(struct gm_feed *feed, struct gm_fetched *fetched,
                                                  struct gm_err *err)
{
    (void)err;
    feed->n_done++;
    feed->sink(feed->sink_context, fetched);
    free(fetched->body);
    if (fetched->fd >= 0)
        close(fetched->fd);
    free(fetched->final_url);
    free(fetched->etag);
    free(fetched->last_modified);
    free(fetched->content_type);
    *fetched = (struct gm_fetched)GM_FETCHED_INIT;
    if (feed->blocked || (feed->ended && feed->n_taken == feed->n_done))
        wake(feed);
    feed->blocked = false;
    return GM_OK;
}

__attribute__((weak)) int gm_feed_fd(const struct gm_feed *feed)
{
    return feed->event_fd;
}

__attribute__((weak)) enum gm_status gm_feed_pump(struct gm_feed *feed, struct gm_err *err)
{
    uint64_t count;
    ssize_t n = read(feed->event_fd, &count, sizeof count);
    (void)n, (void)err;
    return feed->ended && feed->n_taken == feed->n_done ? GM_END : GM_OK;
}

__attribute__((weak)) uint64_t gm_feed_inline_bytes(const struct gm_feed *feed)
{
    return feed->inline_bytes;
}

__attribute__((weak)) int gm_feed_spool_fd(const struct gm_feed *feed)
{
    return feed->spool_fd;
}

__attribute__((weak)) void gm_feed_count(struct gm_feed *feed, uint64_t requests, uint64_t bytes,
                                         uint64_t retries)
{
    (void)bytes;
    atomic_fetch_add(&feed->n_requests, requests);
    atomic_fetch_add(&feed->n_retries, retries);
}

/* ---- items ---- */

struct gm_lister_sink {
    struct gm_item *items;
    size_t n_items, capacity;
    bool drop;
};

struct gm_lister_sink *fake_items_new(void)
{
    struct gm_lister_sink *items = calloc(1, sizeof *items);
    GM_ASSERT(items);
    return items;
}

void fake_items_free(struct gm_lister_sink *items)
{
    for (size_t i = 0; !items->drop && i < items->n_items; i++) {
        free((char *)items->items[i].locator);
        free((char *)items->items[i].name);
        free((char *)items->items[i].meta_json);
        free((char *)items->items[i].message);
    }
    free(items->items);
    free(items);
}

size_t fake_items_count(const struct gm_lister_sink *items)
{
    return items->n_items;
}

const struct gm_item *fake_items_at(const struct gm_lister_sink *items, size_t i)
{
    GM_ASSERT(i < items->n_items);
    return &items->items[i];
}

void fake_items_set_keep(struct gm_lister_sink *items, bool keep)
{
    items->drop = !keep;
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

__attribute__((weak)) enum gm_status gm_lister_add(struct gm_lister_sink *sink,
                                                   const struct gm_item *item, struct gm_err *err)
{
    (void)err;
    sink->n_items++;
    if (sink->drop)
        return GM_OK;
    if (sink->n_items > sink->capacity) {
        sink->capacity = 2 * sink->n_items;
        sink->items = reallocarray(sink->items, sink->capacity, sizeof *sink->items);
        GM_ASSERT(sink->items);
    }
    struct gm_item *kept = &sink->items[sink->n_items - 1];
    *kept = *item;
    kept->number = sink->n_items - 1;
    kept->locator = copy(item->locator);
    kept->name = copy(item->name);
    kept->meta_json = copy(item->meta_json);
    kept->message = copy(item->message);
    return GM_OK;
}
