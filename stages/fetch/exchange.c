/* The monitor. Everything under the mutex is short: pointer moves and at most a few eventfd writes.
 */
#include "fetch/exchange.h"

#include "base/fs.h"
#include "fetch/fetch_opts.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH_JOBS         64
#define MAX_FINISHED_BYTES (4u * 1024u * 1024u) /* bodies that wait for the main thread */

struct waiter {
    int fd;
    bool hungry;        /* got less than it wanted and may be asleep */
    unsigned n_running; /* requests */
    uint64_t sleeps_until_ms;
};

struct gm_exchange {
    pthread_mutex_t mutex;
    pthread_cond_t files_changed;
    struct gm_schedule *schedule;
    unsigned max_threads;
    unsigned n_threads; /* that get jobs */
    unsigned n_connections;
    unsigned n_running; /* requests of all threads */
    bool wants_thread;
    struct waiter threads[GM_FETCH_MAX_THREADS];
    struct gm_job_list files;
    struct gm_job_list finished;
    unsigned n_finished;
    size_t finished_bytes;
    int fd;
    unsigned wake_at; /* finished jobs that wake the main thread; 0: it is awake */
    bool stopping;
    struct gm_err failure;
};

enum gm_status gm_exchange_new(const struct gm_schedule_limits *limits, unsigned max_threads,
                               unsigned n_connections, struct gm_exchange **exchange,
                               struct gm_err *err)
{
    struct gm_exchange *x = calloc(1, sizeof *x);
    if (!x)
        return gm_err_set(err, GM_NOMEM, "no memory for the downloader");
    pthread_mutex_init(&x->mutex, NULL);
    pthread_cond_init(&x->files_changed, NULL);
    x->n_threads = limits->n_threads;
    x->max_threads = max_threads;
    x->n_connections = n_connections;
    x->schedule = gm_schedule_new(limits);
    x->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bool ok = x->schedule && x->fd >= 0;
    for (unsigned t = 0; t < GM_FETCH_MAX_THREADS; t++) {
        x->threads[t].fd = ok && t < max_threads ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
        ok = ok && (t >= max_threads || x->threads[t].fd >= 0);
    }
    if (!ok) {
        int code = x->schedule ? errno : ENOMEM;
        gm_exchange_free(x);
        return gm_err_sys(err, GM_SYSTEM, code, "unable to set up the downloader's threads");
    }
    *exchange = x;
    return GM_OK;
}

void gm_exchange_free(struct gm_exchange *exchange)
{
    if (!exchange)
        return;
    gm_schedule_free(exchange->schedule);
    gm_job_list_free(&exchange->files);
    gm_job_list_free(&exchange->finished);
    gm_close(&exchange->fd);
    for (unsigned t = 0; t < GM_FETCH_MAX_THREADS; t++)
        gm_close(&exchange->threads[t].fd);
    pthread_cond_destroy(&exchange->files_changed);
    pthread_mutex_destroy(&exchange->mutex);
    free(exchange);
}

/* An eventfd counter cannot fill up here, and a full one is readable anyway: nothing to check. */
static void signal_fd(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n;
}

void gm_exchange_drain_fd(int fd)
{
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
}

/* The main thread does not keep up: nothing is started until it has taken what is there. */
static bool is_full(const struct gm_exchange *x)
{
    return x->finished_bytes > MAX_FINISHED_BYTES;
}

static unsigned share_of(const struct gm_exchange *x, unsigned thread)
{
    if (thread >= x->n_threads)
        return 0; /* it is about to begin */
    return x->n_connections / x->n_threads + (thread < x->n_connections % x->n_threads);
}

/* Wakes the threads that could do something now or must set an earlier alarm. */
static void wake_threads(struct gm_exchange *x, unsigned self)
{
    uint64_t next_ms = gm_schedule_next_ms(x->schedule);
    if (x->n_running >= x->n_connections)
        return;
    for (unsigned t = 0; t < x->n_threads; t++) {
        struct waiter *waiter = &x->threads[t];
        if (t == self || !waiter->hungry)
            continue;
        if (gm_schedule_is_ready(x->schedule, t) || next_ms < waiter->sleeps_until_ms) {
            waiter->hungry = false;
            signal_fd(waiter->fd);
        }
    }
}

static void wake_main(struct gm_exchange *x)
{
    if (x->wake_at && x->n_finished >= x->wake_at) {
        x->wake_at = 0;
        signal_fd(x->fd);
    }
}

static void finish(struct gm_exchange *x, struct gm_job *job)
{
    gm_job_list_push(&x->finished, job);
    x->n_finished++;
    if (job->result->body)
        x->finished_bytes += job->result->n_bytes;
}

void gm_exchange_add(struct gm_exchange *exchange, struct gm_job_list *jobs)
{
    struct gm_job *job;
    bool files = false;
    pthread_mutex_lock(&exchange->mutex);
    while ((job = gm_job_list_pop(jobs))) {
        if (job->kind == GM_JOB_FILE) {
            gm_job_list_push(&exchange->files, job);
            files = true;
        } else if (!gm_schedule_add(exchange->schedule, job)) {
            gm_job_fail(job, GM_REASON_LIMIT_MEMORY, "no memory to queue the request");
            finish(exchange, job);
        }
    }
    if (files)
        pthread_cond_broadcast(&exchange->files_changed);
    wake_threads(exchange, GM_FETCH_MAX_THREADS);
    wake_main(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}

struct gm_job_list gm_exchange_collect(struct gm_exchange *exchange, enum gm_patience patience)
{
    struct gm_job_list jobs = {0};
    pthread_mutex_lock(&exchange->mutex);
    gm_job_list_join(&jobs, &exchange->finished);
    exchange->n_finished = 0;
    bool was_full = is_full(exchange);
    exchange->finished_bytes = 0;
    if (was_full) {
        pthread_cond_broadcast(&exchange->files_changed);
        wake_threads(exchange, GM_FETCH_MAX_THREADS);
    }
    exchange->wake_at = jobs.first ? 0 : patience == GM_WAKE_BATCHED ? BATCH_JOBS : 1;
    pthread_mutex_unlock(&exchange->mutex);
    return jobs;
}

int gm_exchange_fd(const struct gm_exchange *exchange)
{
    return exchange->fd;
}

enum gm_status gm_exchange_failure(struct gm_exchange *exchange, struct gm_err *err)
{
    pthread_mutex_lock(&exchange->mutex);
    enum gm_status status = exchange->failure.status;
    if (status != GM_OK && err)
        *err = exchange->failure;
    pthread_mutex_unlock(&exchange->mutex);
    return status;
}

void gm_exchange_fail(struct gm_exchange *exchange, const struct gm_err *err)
{
    pthread_mutex_lock(&exchange->mutex);
    if (exchange->failure.status == GM_OK)
        exchange->failure = *err;
    exchange->wake_at = 0;
    signal_fd(exchange->fd);
    pthread_mutex_unlock(&exchange->mutex);
}

bool gm_exchange_wants_thread(struct gm_exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    bool wants = exchange->wants_thread;
    exchange->wants_thread = false;
    pthread_mutex_unlock(&exchange->mutex);
    return wants;
}

void gm_exchange_ask_for_thread(struct gm_exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    if (exchange->n_threads < exchange->max_threads && !exchange->wants_thread) {
        exchange->wants_thread = true;
        exchange->wake_at = 0;
        signal_fd(exchange->fd);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

void gm_exchange_set_threads(struct gm_exchange *exchange, unsigned n_threads)
{
    pthread_mutex_lock(&exchange->mutex);
    gm_schedule_set_threads(exchange->schedule, n_threads);
    exchange->n_threads = n_threads;
    for (unsigned t = 0; t < n_threads; t++) /* shares have changed */
        signal_fd(exchange->threads[t].fd);
    pthread_mutex_unlock(&exchange->mutex);
}

void gm_exchange_stop(struct gm_exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange->stopping = true;
    pthread_cond_broadcast(&exchange->files_changed);
    for (unsigned t = 0; t < exchange->max_threads; t++)
        signal_fd(exchange->threads[t].fd);
    pthread_mutex_unlock(&exchange->mutex);
}

/* A redirected robots.txt goes on counting against the host that it belongs to. */
static bool requeue(struct gm_exchange *x, struct gm_job *job)
{
    if (job->verdict == GM_JOB_REDIRECT && job->kind == GM_JOB_URL)
        return gm_schedule_add(x->schedule, job);
    return gm_schedule_retry(x->schedule, job);
}

static void take_back(struct gm_exchange *x, struct gm_job *job, unsigned thread, uint64_t now_ms)
{
    x->threads[thread].n_running--;
    x->n_running--;
    gm_schedule_release(x->schedule, job, thread, now_ms);
    if (job->verdict != GM_JOB_FINISHED) {
        if (requeue(x, job))
            return;
        gm_job_fail(job, GM_REASON_LIMIT_MEMORY, "no memory to queue the request");
    }
    if (job->kind == GM_JOB_ROBOTS) {
        gm_schedule_set_robots(x->schedule, job);
        gm_job_free(job);
    } else {
        finish(x, job);
    }
}

static void hand_out(struct gm_exchange *x, unsigned thread, uint64_t now_ms, struct gm_turn *turn)
{
    struct gm_job *job;
    struct waiter *self = &x->threads[thread];
    unsigned most = turn->share > self->n_running ? turn->share - self->n_running : 0;
    most = most < turn->wanted ? most : turn->wanted;
    while (!is_full(x) && turn->n_jobs < most && x->n_running < x->n_connections &&
           (job = gm_schedule_take(x->schedule, thread, now_ms))) {
        gm_job_list_push(&turn->jobs, job);
        turn->n_jobs++;
        self->n_running++;
        x->n_running++;
    }
    self->hungry = turn->n_jobs < most;
    /* Timers bring something to those only who may take it. */
    if (self->hungry && !is_full(x) && x->n_running < x->n_connections)
        turn->next_ms = gm_schedule_next_ms(x->schedule);
}

bool gm_exchange_turn(struct gm_exchange *exchange, unsigned thread, uint64_t now_ms,
                      struct gm_turn *turn)
{
    struct gm_job *job;
    struct waiter *self = &exchange->threads[thread];
    turn->jobs = (struct gm_job_list){0};
    turn->n_jobs = 0;
    pthread_mutex_lock(&exchange->mutex);
    while ((job = gm_job_list_pop(&turn->back)))
        take_back(exchange, job, thread, now_ms);
    bool going_on = !exchange->stopping;
    turn->share = share_of(exchange, thread);
    turn->next_ms = UINT64_MAX;
    if (going_on)
        hand_out(exchange, thread, now_ms, turn);
    self->sleeps_until_ms = turn->next_ms;
    wake_threads(exchange, thread);
    wake_main(exchange);
    pthread_mutex_unlock(&exchange->mutex);
    return going_on;
}

int gm_exchange_thread_fd(const struct gm_exchange *exchange, unsigned thread)
{
    return exchange->threads[thread].fd;
}

struct gm_job *gm_exchange_take_file(struct gm_exchange *exchange)
{
    struct gm_job *job = NULL;
    pthread_mutex_lock(&exchange->mutex);
    while (!exchange->stopping && (is_full(exchange) || !(job = gm_job_list_pop(&exchange->files))))
        pthread_cond_wait(&exchange->files_changed, &exchange->mutex);
    pthread_mutex_unlock(&exchange->mutex);
    return job;
}

void gm_exchange_finish_file(struct gm_exchange *exchange, struct gm_job *job)
{
    pthread_mutex_lock(&exchange->mutex);
    finish(exchange, job);
    wake_main(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}
