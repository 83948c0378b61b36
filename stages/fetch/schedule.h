/* Which job may start now: one queue per host, so that a slow host or one that asked for a pause
 * never holds up another.
 *
 *      host a: [7][9][12]   2 of 8 under way    ready  ─┐
 *      host b: [8]          8 of 8 under way            ├─ round robin ─> gm_schedule_take
 *      host c: [10][11]     0 of 8, paused 3 s  timer   │
 *      host d: [13]         1 of 8              ready  ─┘
 *
 * A host's slots are dealt out to the threads (per_host 8, 2 threads: 4 each), because each thread
 * keeps its own connections: so the cap holds for open connections, too. per_host 1 gives the host
 * to one thread. When a thread is added they are dealt out anew; who then has more than his share
 * gets nothing until he has less, and all together never have more than per_host.
 *
 * Pure bookkeeping: no clock (the caller says what time it is), no lock, no I/O. Not thread-safe:
 * fetch/exchange.c wraps it. Hosts without work are kept for their token bucket and robots.txt up
 * to a bound, then forgotten, oldest first. */
#ifndef GM_FETCH_SCHEDULE_H
#define GM_FETCH_SCHEDULE_H

#include "fetch/job.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_schedule;

struct gm_schedule_limits {
    unsigned n_threads; /* 1..GM_FETCH_MAX_THREADS, to begin with */
    unsigned per_host;  /* >= 1 */
    double rate;        /* requests a second to one host; 0: no limit */
    unsigned
        give_up_after; /* tries in a row that do not reach a host before it is given up; 0: never */
    bool robots;       /* a job of kind GM_JOB_ROBOTS goes first for each new host */
    unsigned max_idle_hosts;
};

struct gm_schedule *gm_schedule_new(const struct gm_schedule_limits *limits); /* NULL: no memory */
void gm_schedule_free(struct gm_schedule *schedule); /* NULL allowed; frees jobs and hosts */
/* More threads than before. */
void gm_schedule_set_threads(struct gm_schedule *schedule, unsigned n_threads);

/* Queues a URL job behind the others of its host (looked up from job->url, which must be a good
 * URL). false: no memory, the job is still the caller's. */
bool gm_schedule_add(struct gm_schedule *schedule, struct gm_job *job);

/* The next job that this thread may start, or NULL. It is counted as under way until it comes back
 * by gm_schedule_release. */
struct gm_job *gm_schedule_take(struct gm_schedule *schedule, unsigned thread, uint64_t now_ms);

/* The job is no longer under way for this thread; the caller owns it. unreachable counts against
 * its host: one that is given up has its jobs handed out with given_up set, but for one a minute,
 * which finds out whether it is back. pause_ms > 0: nothing of its host starts before now_ms +
 * pause_ms. */
void gm_schedule_release(struct gm_schedule *schedule, struct gm_job *job, unsigned thread,
                         uint64_t now_ms);
/* Puts a released job in front of its host's queue at job->due_ms. The host is looked up again from
 * job->url; robots.txt stays with the host that it was asked for. false: no memory. */
bool gm_schedule_retry(struct gm_schedule *schedule, struct gm_job *job);

/* Would take give this thread something right now (as far as known without looking at the clock)?
 */
bool gm_schedule_is_ready(const struct gm_schedule *schedule, unsigned thread);
/* When the next timer is due, UINT64_MAX: none. */
uint64_t gm_schedule_next_ms(const struct gm_schedule *schedule);

/* Takes the rules out of a finished and released GM_JOB_ROBOTS job; they are kept with the host
 * that it was made for, whose other jobs may start from now on. */
void gm_schedule_set_robots(struct gm_schedule *schedule, struct gm_job *job);

/* Jobs waiting in queues and timers. */
uint64_t gm_schedule_n_waiting(const struct gm_schedule *schedule);
size_t gm_schedule_n_hosts(const struct gm_schedule *schedule);

/* For the caller's use while it holds a taken job: the host's rules, NULL if none. */
const struct gm_robots *gm_host_robots(const struct gm_host *host);

#endif
