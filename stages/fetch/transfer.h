/* One slot for a request: a libcurl easy handle, used for one job after the other, with everything
 * that is known of the request under way. Belongs to one network thread.
 *
 * The request is spoken by libcurl (multi.h) or by gristmill itself (plain.h); both give what comes
 * to the functions below, so that bounds, records and messages are the same. plain.h uses the easy
 * handle only to connect.
 *
 * Redirects are not followed by libcurl: each hop goes back to the schedule, so that it counts
 * against its host, is vetted, and obeys that host's robots.txt. */
#ifndef GM_FETCH_TRANSFER_H
#define GM_FETCH_TRANSFER_H

#include "fetch/fetch_opts.h"
#include "fetch/job.h"
#include "fetch/request.h"
#include "fetch/response.h"
#include "fetch/spool.h"
#include "fetch/store.h"
#include <curl/curl.h>

struct gm_connection;

struct gm_transfer {
    CURL *easy;
    bool is_plain;                    /* spoken by plain.h */
    struct gm_target target;          /* ... to there; points into job->url */
    struct gm_connection *connection; /* ... on this one; NULL: not yet, or by libcurl */
    const struct gm_fetch_settings *settings;
    struct gm_job *job;  /* NULL: free */
    uint64_t random;     /* state for jitter */
    uint64_t started_ms; /* or when the connection was begun for the second time */
    bool connected;
    int fd; /* socket that libcurl last waited on for this request; -1: none yet. Not owned */
    struct gm_response response;
    struct gm_store store;
    bool body_started;
    bool discard;          /* a body that nobody wants: error page, redirect */
    uint64_t body_bytes;   /* received with this request */
    uint64_t resume_from;  /* asked for by Range; 0: whole body */
    uint64_t window_ms;    /* since when the speed is measured */
    uint64_t window_bytes; /* received by then */
    enum gm_reason reason; /* why a callback or the watch gave up; NONE: it did not */
    bool retry;            /* ... and whether another try may help */
    char problem[192];
    bool refused;        /* an address was refused */
    struct gm_err fatal; /* spool failure: the run ends */
    char error[CURL_ERROR_SIZE];
    bool has_spoken;                 /* the handle has: it has to be renewed */
    struct curl_slist *set_headers;  /* as set in the handle now */
    bool only_connects;              /* ... as well */
    struct curl_slist *base_headers; /* the user's for this request, one of the settings' two */
    unsigned n_extra;
    struct curl_slist extra[3]; /* conditional or range headers of this request */
    char extra_text[3][GM_SPOOL_TEXT_BYTES + 32];
};

enum gm_status gm_transfer_init(struct gm_transfer *transfer,
                                const struct gm_fetch_settings *settings,
                                const struct gm_spool *spool, struct gm_err *err);
void gm_transfer_fini(struct gm_transfer *transfer);

enum gm_transfer_start {
    GM_TRANSFER_RUNNING, /* to be sent */
    GM_TRANSFER_DONE     /* the job has its verdict without a request; the slot is free */
};
enum gm_transfer_start gm_transfer_start(struct gm_transfer *transfer, struct gm_job *job,
                                         uint64_t now_ms);

/* A new easy handle in the place of the old one, which is in no multi handle. false: no memory, the
 * old one stays. */
bool gm_transfer_renew_easy(struct gm_transfer *transfer);

enum gm_transfer_use {
    GM_TRANSFER_SPEAK,  /* the whole request */
    GM_TRANSFER_CONNECT /* the connection only */
};
/* Tells the easy handle what the request under way needs. */
void gm_transfer_set_easy(struct gm_transfer *transfer, enum gm_transfer_use use);

/* A piece of the body, which may be empty. false: nothing more is wanted; end the request, which
 * may have gone wrong (then it has a reason) or not. */
bool gm_transfer_take_body(struct gm_transfer *transfer, const void *bytes, size_t n_bytes);
/* Something that a server must not send; problem goes behind "the server sends". */
void gm_transfer_refuse(struct gm_transfer *transfer, const char *problem);
/* Notes why the request is given up; the first reason counts. retry: another try may help. */
void gm_transfer_give_up(struct gm_transfer *transfer, enum gm_reason reason, bool retry,
                         const char *format, ...) GM_PRINTF(4, 5);
/* Deadlines: true if the request has to end now; then call finish with CURLE_OK. */
bool gm_transfer_is_late(struct gm_transfer *transfer, uint64_t now_ms);
/* The request has ended: gives the job its verdict, frees the slot. transfer->fatal.status tells if
 * the run has to stop. */
void gm_transfer_finish(struct gm_transfer *transfer, CURLcode code, uint64_t now_ms);
/* The run is stopping: keeps what can be continued, returns the job without a verdict. */
struct gm_job *gm_transfer_abandon(struct gm_transfer *transfer);

/* ---- between transfer.c and verdict.c ---- */

/* The head is complete: decides what happens to the body. false: gave up. */
bool gm_transfer_start_body(struct gm_transfer *transfer);

#endif
