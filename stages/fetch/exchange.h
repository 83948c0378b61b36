/* Where the main thread and the I/O threads meet: one mutex around the schedule, the queue of files
 * and the list of finished jobs.
 *
 *      main:    add ──> schedule ──> turn ──> network threads
 *               add ──> files ─────> take_file ──> file threads
 *               collect <── finished <── turn, finish_file
 *
 * Lock rule: the mutex is held for bookkeeping only, never over I/O, and no other lock is taken
 * under it. Wake-ups are eventfds (condition variable for file threads) and are written only for
 * somebody who said that he waits; a busy main thread is told of finished jobs 64 at a time. */
#ifndef GM_FETCH_EXCHANGE_H
#define GM_FETCH_EXCHANGE_H

#include "fetch/schedule.h"

struct gm_exchange;

/* Jobs go to limits->n_threads network threads first, of max_threads that there may be; all
 * together have at most n_connections requests under way, each its share of them. */
enum gm_status gm_exchange_new(const struct gm_schedule_limits *limits, unsigned max_threads,
                               unsigned n_connections, struct gm_exchange **exchange,
                               struct gm_err *err);
void gm_exchange_free(struct gm_exchange *exchange); /* NULL allowed; all threads must have ended */

/* ---- main thread ---- */

/* Moves all jobs in (files to the files' queue) and wakes who waits for them. */
void gm_exchange_add(struct gm_exchange *exchange, struct gm_job_list *jobs);

enum gm_patience {
    GM_WAKE_AT_ONCE, /* the descriptor becomes readable with the first finished job */
    GM_WAKE_BATCHED  /* with the 64th; the caller comes back by itself within a millisecond or so */
};
/* Takes all finished jobs; if there are none the descriptor will tell. */
struct gm_job_list gm_exchange_collect(struct gm_exchange *exchange, enum gm_patience patience);
int gm_exchange_fd(const struct gm_exchange *exchange);
/* Something that the run cannot survive (spool full), as set by a thread; GM_OK: nothing. */
enum gm_status gm_exchange_failure(struct gm_exchange *exchange, struct gm_err *err);
/* A network thread is as busy as one can be, and there may be more of them. Tells it once; the
 * descriptor becomes readable for it. */
bool gm_exchange_wants_thread(struct gm_exchange *exchange);
/* From now on jobs and connections are shared by so many threads, which all run. */
void gm_exchange_set_threads(struct gm_exchange *exchange, unsigned n_threads);
/* Tells all threads to end. */
void gm_exchange_stop(struct gm_exchange *exchange);

/* ---- any thread ---- */

void gm_exchange_fail(struct gm_exchange *exchange, const struct gm_err *err);

/* ---- network threads ---- */

void gm_exchange_ask_for_thread(struct gm_exchange *exchange);

struct gm_turn {
    struct gm_job_list back; /* in: jobs no longer under way, each with its verdict */
    unsigned wanted;         /* in: free slots */
    unsigned n_jobs;         /* out */
    unsigned share;          /* out: connections that are this thread's, 0 before it is counted */
    struct gm_job_list jobs; /* out: to be started */
    uint64_t next_ms;        /* out: come back at this time; UINT64_MAX: the descriptor tells */
};
/* false: the run is stopping; no jobs were handed out, `back` was taken. */
bool gm_exchange_turn(struct gm_exchange *exchange, unsigned thread, uint64_t now_ms,
                      struct gm_turn *turn);
/* Becomes readable when a thread that got fewer jobs than it wanted should take its turn. */
int gm_exchange_thread_fd(const struct gm_exchange *exchange, unsigned thread);

/* ---- file threads ---- */

/* Waits for a file job; NULL: the run is stopping. */
struct gm_job *gm_exchange_take_file(struct gm_exchange *exchange);
void gm_exchange_finish_file(struct gm_exchange *exchange, struct gm_job *job);

/* Empties an eventfd. */
void gm_exchange_drain_fd(int fd);

#endif
