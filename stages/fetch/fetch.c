/* The fetcher's main thread: takes items from the feed, queues them, hands outcomes back.
 *
 *      feed ──next──> jobs ──add──> exchange ──> threads ──> exchange ──collect──> done ──> feed
 *
 * It looks far ahead in the list (LOOK_AHEAD items), so that hosts behind a slow one are found and
 * kept busy; what that may cost in memory is bounded. While outcomes flow it lets them gather for a
 * millisecond instead of waking up for each. */
#include "base/assert.h"
#include "base/log.h"
#include "fetch/curl_memory.h"
#include "fetch/digest.h"
#include "fetch/exchange.h"
#include "fetch/fetch_opts.h"
#include "fetch/http.h"
#include "fetch/local.h"
#include "fetch/spool.h"
#include "fetch/url.h"
#include "source.h"
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define LOOK_AHEAD       16384u
#define LOOK_AHEAD_BYTES (12u * 1024u * 1024u)
#define PULL_AT_ONCE     256u
#define MAX_IDLE_HOSTS   4096u
#define FILE_THREADS     2u
#define GATHER_MS        1

struct fetcher {
    struct gm_feed *feed;
    struct gm_fetch_settings settings;
    struct gm_spool spool;
    struct gm_exchange *exchange;
    struct gm_http *threads[GM_FETCH_MAX_THREADS];
    unsigned n_threads;     /* of them, that run */
    unsigned max_threads;   /* that there may be */
    struct gm_local *local; /* started with the first file */
    uint64_t n_out;         /* items taken and not handed back */
    size_t n_out_bytes;
    bool ended;   /* the feed has no more items */
    bool full;    /* ... or none now */
    bool blocked; /* ... and it has been pumped since */
    bool stopping;
};

/* The next thread, which gets its share when the exchange knows of it. */
static enum gm_status start_thread(struct fetcher *f, unsigned n_sharers, struct gm_err *err)
{
    uint64_t n_connections = f->settings.opts->connections;
    struct gm_http_place place = {.thread = f->n_threads,
                                  .n_slots =
                                      (unsigned)((n_connections + n_sharers - 1) / n_sharers),
                                  .settings = &f->settings,
                                  .spool = &f->spool,
                                  .exchange = f->exchange,
                                  .asks = f->settings.as_many_as_it_takes,
                                  .feed = f->feed};
    enum gm_status status = gm_http_start(&place, &f->threads[f->n_threads], err);
    f->n_threads += status == GM_OK;
    return status;
}

/* One network thread has more to do than it can. Without memory for another it stays alone. */
static void add_thread(struct fetcher *f)
{
    struct gm_err err;
    if (f->n_threads == f->max_threads)
        return;
    if (start_thread(f, f->n_threads + 1, &err) == GM_OK) {
        gm_exchange_set_threads(f->exchange, f->n_threads);
        return;
    }
    gm_log(GM_LOG_WARN, "fetch: %s", err.text);
    f->max_threads = f->n_threads;
}

static enum gm_status start(struct fetcher *f, const struct gm_fetch_opts *opts, struct gm_err *err)
{
    enum gm_status status = gm_fetch_settings_init(&f->settings, opts, err);
    if (status != GM_OK)
        return status;
    for (size_t i = 0; i < opts->insecure_hosts.n_items; i++)
        gm_log(GM_LOG_WARN, "fetch: the TLS certificate of %s is not verified (insecure_hosts)",
               opts->insecure_hosts.items[i]);
    f->settings.inline_bytes = gm_feed_inline_bytes(f->feed);
    status = gm_spool_init(&f->spool, gm_feed_spool_fd(f->feed), err);
    if (status != GM_OK)
        return status;
    f->max_threads = f->settings.n_threads;
    unsigned n_threads = f->settings.as_many_as_it_takes ? 1 : f->max_threads;
    uint64_t per_host = opts->per_host < opts->connections ? opts->per_host : opts->connections;
    struct gm_schedule_limits limits = {.n_threads = n_threads,
                                        .per_host = (unsigned)per_host,
                                        .rate = opts->rate,
                                        .give_up_after = (unsigned)opts->give_up_after,
                                        .robots = opts->robots,
                                        .max_idle_hosts = MAX_IDLE_HOSTS};
    status =
        gm_exchange_new(&limits, f->max_threads, (unsigned)opts->connections, &f->exchange, err);
    while (status == GM_OK && f->n_threads < n_threads)
        status = start_thread(f, n_threads, err);
    return status;
}

static void stop(struct fetcher *f)
{
    if (f->exchange)
        gm_exchange_stop(f->exchange);
    for (unsigned t = 0; t < GM_FETCH_MAX_THREADS; t++)
        gm_http_join(f->threads[t]);
    gm_local_join(f->local);
    gm_exchange_free(f->exchange);
    gm_spool_fini(&f->spool);
    gm_fetch_settings_fini(&f->settings);
}

static enum gm_status hand_in(struct fetcher *f, struct gm_job *job, struct gm_err *err)
{
    GM_ASSERT(job->result && f->n_out > 0);
    f->n_out--;
    f->n_out_bytes -= job->n_bytes;
    f->full = false;
    enum gm_status status = gm_feed_done(f->feed, job->result, err);
    *job->result = (struct gm_fetched)GM_FETCHED_INIT; /* emptied by the feed */
    gm_job_free(job);
    return status;
}

/* Queues a job, or answers it at once if it cannot be fetched at all. */
static enum gm_status take_item(struct fetcher *f, const struct gm_item *item, struct gm_job *job,
                                struct gm_job_list *jobs, struct gm_err *err)
{
    struct gm_url parts;
    const char *problem;
    enum gm_reason reason = GM_REASON_NONE;
    f->n_out++;
    f->n_out_bytes += job->n_bytes;
    if (item->reason != GM_REASON_NONE)
        gm_job_fail(job, item->reason, "%s", item->message ? item->message : "");
    else if (job->kind == GM_JOB_URL &&
             (reason = gm_url_split(job->url, &parts, &problem)) != GM_REASON_NONE)
        gm_job_fail(job, reason, "%s", problem);
    if (job->result)
        return hand_in(f, job, err);
    if (job->kind == GM_JOB_FILE && !f->local) {
        enum gm_status status =
            gm_local_start(FILE_THREADS, &f->settings, f->exchange, f->feed, &f->local, err);
        if (status != GM_OK) {
            gm_job_free(job);
            return status;
        }
    }
    gm_job_list_push(jobs, job);
    return GM_OK;
}

static bool has_room(const struct fetcher *f)
{
    return !f->ended && !f->full && f->n_out < LOOK_AHEAD && f->n_out_bytes < LOOK_AHEAD_BYTES;
}

/* Takes items from the feed and queues them. *n_taken: calls that may have moved the feed
 * on; its end and the first GM_AGAIN are such, for it may have passed items by on the way. */
static enum gm_status pull(struct fetcher *f, unsigned *n_taken, struct gm_err *err)
{
    struct gm_job_list jobs = {0};
    enum gm_status status = GM_OK;
    for (unsigned n = 0; status == GM_OK && n < PULL_AT_ONCE && has_room(f); n++) {
        struct gm_item item = {.expected_bytes = UINT64_MAX};
        status = gm_feed_next(f->feed, &item, err);
        f->ended = status == GM_END;
        f->full = status == GM_AGAIN;
        *n_taken += !f->full || !f->blocked;
        f->blocked = f->full;
        if (f->ended || f->full) {
            status = GM_OK;
            break;
        }
        if (status != GM_OK)
            break;
        struct gm_job *job = gm_job_new(&item);
        status = job ? take_item(f, &item, job, &jobs, err)
                     : gm_err_set(err, GM_NOMEM, "no memory for item %llu",
                                  (unsigned long long)item.number);
    }
    if (status == GM_OK && jobs.first)
        gm_exchange_add(f->exchange, &jobs);
    gm_job_list_free(&jobs);
    return status;
}

static enum gm_status hand_in_all(struct fetcher *f, enum gm_patience patience, unsigned *n,
                                  struct gm_err *err)
{
    struct gm_job_list jobs = gm_exchange_collect(f->exchange, patience);
    struct gm_job *job;
    enum gm_status status = gm_exchange_failure(f->exchange, err);
    *n = 0;
    if (status == GM_OK)
        gm_digest_jobs(&jobs);
    while (status == GM_OK && (job = gm_job_list_pop(&jobs))) {
        status = hand_in(f, job, err);
        (*n)++;
    }
    gm_job_list_free(&jobs);
    return status;
}

/* Lets the feed work: it may have something to send after items were taken or handed in, and
 * something to read when its descriptor says so. */
static enum gm_status pump(struct fetcher *f, struct gm_err *err)
{
    enum gm_status status = gm_feed_pump(f->feed, err);
    f->full = false;
    f->stopping = status == GM_END;
    return f->stopping ? GM_OK : status;
}

/* Waits for the supervisor and the threads. */
static enum gm_status wait_events(struct fetcher *f, int timeout_ms, struct gm_err *err)
{
    struct pollfd fds[] = {{.fd = gm_feed_fd(f->feed), .events = POLLIN},
                           {.fd = gm_exchange_fd(f->exchange), .events = POLLIN}};
    int n = poll(fds, GM_ARRAY_LEN(fds), timeout_ms);
    if (n < 0 && errno != EINTR)
        return gm_err_sys(err, GM_SYSTEM, errno, "unable to wait for downloads");
    if (n > 0 && fds[1].revents)
        gm_exchange_drain_fd(fds[1].fd);
    if (n <= 0 || !fds[0].revents)
        return GM_OK;
    f->blocked = false;
    return pump(f, err);
}

static enum gm_status loop(struct fetcher *f, struct gm_err *err)
{
    enum gm_patience patience = GM_WAKE_AT_ONCE;
    enum gm_status status = pump(f, err);
    while (status == GM_OK && !f->stopping) {
        unsigned n_done = 0, n_taken = 0;
        status = pull(f, &n_taken, err);
        if (status == GM_OK)
            status = hand_in_all(f, patience, &n_done, err);
        if (status == GM_OK && (n_done || n_taken))
            status = pump(f, err);
        if (status != GM_OK || f->stopping)
            break;
        if (gm_exchange_wants_thread(f->exchange))
            add_thread(f);
        bool busy = n_done || n_taken;
        int timeout_ms = has_room(f) ? 0 : busy || patience == GM_WAKE_BATCHED ? GATHER_MS : -1;
        patience = busy ? GM_WAKE_BATCHED : GM_WAKE_AT_ONCE;
        status = wait_events(f, timeout_ms, err);
    }
    return status;
}

static enum gm_status fetch_run(const void *values, struct gm_feed *feed, struct gm_err *err)
{
    struct fetcher f = {.feed = feed, .spool.dir_fd = -1};
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, gm_curl_malloc, gm_curl_free, gm_curl_realloc,
                             gm_curl_strdup, gm_curl_calloc) != CURLE_OK)
        return gm_err_set(err, GM_INTERNAL, "libcurl cannot be initialised");
    gm_curl_memory_keep();
    enum gm_status status = start(&f, values, err);
    if (status == GM_OK)
        status = loop(&f, err);
    stop(&f);
    curl_global_cleanup();
    gm_curl_memory_release();
    return status;
}

const struct gm_fetcher gm_fetch = {
    .name = "fetch",
    .opts = gm_fetch_opt_table,
    .opts_bytes = sizeof(struct gm_fetch_opts),
    .check = gm_fetch_opts_check,
    .run = fetch_run,
};
