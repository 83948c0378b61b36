/* The schedule: a hash table of hosts, one ready list per thread, one heap of timers, and a list of
 * idle hosts in the order in which they fell idle.
 *
 * A host is in the ready list of thread t exactly if it has a job that may start and t has a free
 * slot of it. Every change of a host ends in host_update, which restores this. */
#include "fetch/schedule.h"

#include "base/assert.h"
#include "base/hash.h"
#include "fetch/fetch_opts.h"
#include "fetch/robots.h"
#include "fetch/timers.h"
#include "fetch/url.h"
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS      8192u /* power of two */
#define HOST_KEY_BYTES 256
#define PROBE_MS       60000u

enum robots_state { ROBOTS_KNOWN, ROBOTS_NEEDED, ROBOTS_UNDER_WAY };

struct link {
    struct gm_host *prev, *next;
    bool linked;
};

struct ring {
    struct gm_host *first, *last;
};

struct gm_host {
    struct gm_host *chain; /* hash bucket */
    struct link ready[GM_FETCH_MAX_THREADS];
    struct link idle;
    struct gm_job_list queue;
    struct gm_robots *rules;
    enum robots_state robots_state;
    unsigned in_flight[GM_FETCH_MAX_THREADS];
    unsigned n_in_flight;
    unsigned n_timers;
    unsigned home;          /* modulo threads: who gets the remainder of the slots */
    unsigned n_unreachable; /* tries in a row */
    uint64_t probe_at_ms;   /* of a host that is given up: when it is tried again */
    bool paused;
    uint64_t paused_until_ms;
    double tokens;
    uint64_t tokens_at_ms;
    uint64_t hash;
    size_t key_bytes;
    char key[];
};

struct gm_schedule {
    struct gm_schedule_limits limits;
    struct gm_host *buckets[N_BUCKETS];
    struct ring ready[GM_FETCH_MAX_THREADS];
    struct ring idle;
    struct gm_timers timers;
    unsigned n_idle;
    size_t n_hosts;
    uint64_t n_waiting;
};

/* ---- lists of hosts; `at` says which link of the host is meant ---- */

#define READY(t) (offsetof(struct gm_host, ready) + (t) * sizeof(struct link))
#define IDLE     offsetof(struct gm_host, idle)

static struct link *link_at(struct gm_host *host, size_t at)
{
    return (struct link *)((char *)host + at);
}

static void ring_push(struct ring *ring, struct gm_host *host, size_t at)
{
    struct link *link = link_at(host, at);
    GM_ASSERT(!link->linked);
    *link = (struct link){.prev = ring->last, .linked = true};
    if (ring->last)
        link_at(ring->last, at)->next = host;
    else
        ring->first = host;
    ring->last = host;
}

static void ring_remove(struct ring *ring, struct gm_host *host, size_t at)
{
    struct link *link = link_at(host, at);
    GM_ASSERT(link->linked);
    if (link->prev)
        link_at(link->prev, at)->next = link->next;
    else
        ring->first = link->next;
    if (link->next)
        link_at(link->next, at)->prev = link->prev;
    else
        ring->last = link->prev;
    *link = (struct link){0};
}

/* ---- hosts ---- */

struct gm_schedule *gm_schedule_new(const struct gm_schedule_limits *limits)
{
    GM_ASSERT(limits->n_threads >= 1 && limits->n_threads <= GM_FETCH_MAX_THREADS);
    GM_ASSERT(limits->per_host >= 1);
    struct gm_schedule *schedule = calloc(1, sizeof *schedule);
    if (schedule)
        schedule->limits = *limits;
    return schedule;
}

static void host_free(struct gm_host *host)
{
    gm_job_list_free(&host->queue);
    gm_robots_free(host->rules);
    free(host);
}

void gm_schedule_free(struct gm_schedule *schedule)
{
    if (!schedule)
        return;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        while (schedule->buckets[i]) {
            struct gm_host *host = schedule->buckets[i];
            schedule->buckets[i] = host->chain;
            host_free(host);
        }
    }
    struct gm_timer timer;
    while (gm_timers_pop(&schedule->timers, UINT64_MAX, &timer))
        gm_job_free(timer.job);
    gm_timers_free(&schedule->timers);
    free(schedule);
}

static void host_forget(struct gm_schedule *schedule, struct gm_host *host)
{
    struct gm_host **at = &schedule->buckets[host->hash & (N_BUCKETS - 1)];
    while (*at != host)
        at = &(*at)->chain;
    *at = host->chain;
    ring_remove(&schedule->idle, host, IDLE);
    schedule->n_idle--;
    schedule->n_hosts--;
    host_free(host);
}

static struct gm_host *host_get(struct gm_schedule *schedule, const char *key, size_t key_bytes)
{
    uint64_t hash = gm_xxh64(key, key_bytes, 0);
    struct gm_host **bucket = &schedule->buckets[hash & (N_BUCKETS - 1)];
    for (struct gm_host *host = *bucket; host; host = host->chain)
        if (host->hash == hash && host->key_bytes == key_bytes &&
            memcmp(host->key, key, key_bytes) == 0)
            return host;
    struct gm_host *host = malloc(sizeof *host + key_bytes);
    if (!host)
        return NULL;
    *host = (struct gm_host){.chain = *bucket,
                             .hash = hash,
                             .home = (unsigned)(hash >> 32),
                             .tokens = 1,
                             .key_bytes = key_bytes};
    host->robots_state = schedule->limits.robots ? ROBOTS_NEEDED : ROBOTS_KNOWN;
    memcpy(host->key, key, key_bytes);
    *bucket = host;
    schedule->n_hosts++;
    ring_push(&schedule->idle, host, IDLE);
    schedule->n_idle++;
    return host;
}

static unsigned slots_of(const struct gm_schedule *schedule, const struct gm_host *host,
                         unsigned thread)
{
    unsigned n_threads = schedule->limits.n_threads;
    unsigned distance = (thread + n_threads - host->home % n_threads) % n_threads;
    unsigned remainder = schedule->limits.per_host % n_threads;
    return schedule->limits.per_host / n_threads + (distance < remainder ? 1 : 0);
}

static bool may_start(const struct gm_host *host)
{
    if (host->paused || !host->queue.first)
        return false;
    return host->robots_state != ROBOTS_UNDER_WAY || host->queue.first->kind == GM_JOB_ROBOTS;
}

static void host_update(struct gm_schedule *schedule, struct gm_host *host)
{
    bool startable = may_start(host) && host->n_in_flight < schedule->limits.per_host;
    for (unsigned t = 0; t < schedule->limits.n_threads; t++) {
        bool ready = startable && host->in_flight[t] < slots_of(schedule, host, t);
        if (ready && !host->ready[t].linked)
            ring_push(&schedule->ready[t], host, READY(t));
        else if (!ready && host->ready[t].linked)
            ring_remove(&schedule->ready[t], host, READY(t));
    }
    bool idle = !host->queue.first && host->n_in_flight == 0 && host->n_timers == 0;
    if (idle && !host->idle.linked) {
        ring_push(&schedule->idle, host, IDLE);
        schedule->n_idle++;
    } else if (!idle && host->idle.linked) {
        ring_remove(&schedule->idle, host, IDLE);
        schedule->n_idle--;
    }
}

void gm_schedule_set_threads(struct gm_schedule *schedule, unsigned n_threads)
{
    GM_ASSERT(n_threads >= schedule->limits.n_threads && n_threads <= GM_FETCH_MAX_THREADS);
    schedule->limits.n_threads = n_threads;
    for (size_t i = 0; i < N_BUCKETS; i++)
        for (struct gm_host *host = schedule->buckets[i]; host; host = host->chain)
            host_update(schedule, host);
}

static void forget_idle(struct gm_schedule *schedule)
{
    while (schedule->n_idle > schedule->limits.max_idle_hosts)
        host_forget(schedule, schedule->idle.first);
}

/* ---- jobs ---- */

static bool find_host(struct gm_schedule *schedule, struct gm_job *job)
{
    struct gm_url parts;
    const char *problem;
    char key[HOST_KEY_BYTES];
    enum gm_reason reason = gm_url_split(job->url, &parts, &problem);
    GM_ASSERT(reason == GM_REASON_NONE);
    job->host = host_get(schedule, key, gm_url_host_key(&parts, key, sizeof key));
    return job->host != NULL;
}

bool gm_schedule_add(struct gm_schedule *schedule, struct gm_job *job)
{
    if (!find_host(schedule, job))
        return false;
    gm_job_list_push(&job->host->queue, job);
    schedule->n_waiting++;
    host_update(schedule, job->host);
    forget_idle(schedule);
    return true;
}

/* Sets a timer that ends the host's pause. Without memory for it there is no pause: impolite, but
 * nothing is lost. */
static void host_pause(struct gm_schedule *schedule, struct gm_host *host, uint64_t until_ms)
{
    if (host->paused && host->paused_until_ms >= until_ms)
        return;
    if (!gm_timers_push(&schedule->timers, &(struct gm_timer){.due_ms = until_ms, .host = host}))
        return;
    host->n_timers++;
    host->paused = true;
    host->paused_until_ms = until_ms;
}

static void run_timers(struct gm_schedule *schedule, uint64_t now_ms)
{
    struct gm_timer timer;
    while (gm_timers_pop(&schedule->timers, now_ms, &timer)) {
        struct gm_host *host = timer.host;
        host->n_timers--;
        if (timer.job)
            gm_job_list_unshift(&host->queue, timer.job);
        else if (host->paused_until_ms <= timer.due_ms)
            host->paused = false;
        host_update(schedule, host);
    }
}

/* Takes one token; false: none left, the host now sleeps until there is one. A tenth of a second's
 * worth may gather, so that late wake-ups do not lower the rate. */
static bool take_token(struct gm_schedule *schedule, struct gm_host *host, uint64_t now_ms)
{
    double rate = schedule->limits.rate;
    if (rate <= 0)
        return true;
    double most = rate * 0.1 > 1 ? rate * 0.1 : 1;
    if (now_ms > host->tokens_at_ms) {
        double elapsed_s = (double)(now_ms - host->tokens_at_ms) / 1000;
        host->tokens = host->tokens + elapsed_s * rate;
        if (host->tokens > most || host->tokens_at_ms == 0)
            host->tokens = host->tokens_at_ms == 0 ? 1 : most;
        host->tokens_at_ms = now_ms;
    }
    if (host->tokens >= 1) {
        host->tokens -= 1;
        return true;
    }
    uint64_t wait_ms = (uint64_t)((1 - host->tokens) / rate * 1000) + 1;
    host_pause(schedule, host, now_ms + wait_ms);
    return false;
}

/* The host's next job: the question for its robots.txt first if that is not known yet. */
static struct gm_job *next_job(struct gm_schedule *schedule, struct gm_host *host)
{
    if (host->robots_state == ROBOTS_NEEDED) {
        struct gm_job *robots = gm_job_new_robots(host->queue.first);
        host->robots_state = robots ? ROBOTS_UNDER_WAY : ROBOTS_KNOWN;
        if (robots) {
            robots->host = host;
            return robots;
        }
    }
    schedule->n_waiting--;
    return gm_job_list_pop(&host->queue);
}

/* true: the host's next job is to fail without a try. */
static bool is_given_up(const struct gm_schedule *schedule, struct gm_host *host, uint64_t now_ms)
{
    unsigned limit = schedule->limits.give_up_after;
    if (limit == 0 || host->n_unreachable < limit)
        return false;
    if (now_ms < host->probe_at_ms)
        return true;
    host->probe_at_ms = now_ms + PROBE_MS;
    return false;
}

struct gm_job *gm_schedule_take(struct gm_schedule *schedule, unsigned thread, uint64_t now_ms)
{
    GM_ASSERT(thread < schedule->limits.n_threads);
    run_timers(schedule, now_ms);
    struct gm_host *host;
    while ((host = schedule->ready[thread].first)) {
        bool given_up = is_given_up(schedule, host, now_ms);
        if (!given_up && !take_token(schedule, host, now_ms)) {
            host_update(schedule, host);
            if (host->ready[thread].linked) /* no memory for the timer */
                return NULL;
            continue;
        }
        struct gm_job *job = next_job(schedule, host);
        job->given_up = given_up;
        host->in_flight[thread]++;
        host->n_in_flight++;
        ring_remove(&schedule->ready[thread], host, READY(thread));
        host_update(schedule, host);
        return job;
    }
    return NULL;
}

void gm_schedule_release(struct gm_schedule *schedule, struct gm_job *job, unsigned thread,
                         uint64_t now_ms)
{
    struct gm_host *host = job->host;
    GM_ASSERT(host && host->in_flight[thread] > 0 && host->n_in_flight > 0);
    host->in_flight[thread]--;
    host->n_in_flight--;
    if (!job->given_up) {
        host->n_unreachable = job->unreachable ? host->n_unreachable + 1 : 0;
        if (host->n_unreachable == schedule->limits.give_up_after)
            host->probe_at_ms = now_ms + PROBE_MS;
    }
    if (job->pause_ms > 0)
        host_pause(schedule, host, now_ms + job->pause_ms);
    job->pause_ms = 0;
    host_update(schedule, host);
}

bool gm_schedule_retry(struct gm_schedule *schedule, struct gm_job *job)
{
    if (job->kind == GM_JOB_URL && !find_host(schedule, job))
        return false;
    struct gm_timer timer = {.due_ms = job->due_ms, .host = job->host, .job = job};
    if (!gm_timers_push(&schedule->timers, &timer))
        return false;
    job->host->n_timers++;
    schedule->n_waiting++;
    host_update(schedule, job->host);
    return true;
}

void gm_schedule_set_robots(struct gm_schedule *schedule, struct gm_job *job)
{
    GM_ASSERT(job->kind == GM_JOB_ROBOTS && job->host->robots_state == ROBOTS_UNDER_WAY);
    job->host->rules = job->robots;
    job->robots = NULL;
    job->host->robots_state = ROBOTS_KNOWN;
    host_update(schedule, job->host);
}

bool gm_schedule_is_ready(const struct gm_schedule *schedule, unsigned thread)
{
    return schedule->ready[thread].first != NULL;
}

uint64_t gm_schedule_next_ms(const struct gm_schedule *schedule)
{
    return gm_timers_next_ms(&schedule->timers);
}

uint64_t gm_schedule_n_waiting(const struct gm_schedule *schedule)
{
    return schedule->n_waiting;
}

size_t gm_schedule_n_hosts(const struct gm_schedule *schedule)
{
    return schedule->n_hosts;
}

const struct gm_robots *gm_host_robots(const struct gm_host *host)
{
    return host->rules;
}
