/* One item on its way through the fetcher: made by the main thread from the feed's item, owned by
 * exactly one place at a time (host queue, timer, I/O thread, list of finished jobs), so no field
 * needs a lock of its own. */
#ifndef GM_FETCH_JOB_H
#define GM_FETCH_JOB_H

#include "source.h"

struct gm_host;
struct gm_robots;

enum gm_job_kind { GM_JOB_URL, GM_JOB_FILE, GM_JOB_ROBOTS };

/* What the I/O thread wants done with a job that it gives back. */
enum gm_job_verdict {
    GM_JOB_FINISHED, /* result is filled */
    GM_JOB_RETRY,    /* not before due_ms; pause_ms > 0: nor any other job of that host */
    GM_JOB_REDIRECT  /* job->url names another place */
};

struct gm_job {
    struct gm_job *next;
    struct gm_host *host; /* whom it counts against; set by the schedule */
    enum gm_job_kind kind;
    enum gm_job_verdict verdict;
    uint64_t number;     /* of the item */
    const char *locator; /* as listed; points into strings */
    const char *url;     /* what to get now: locator, or redirect_url */
    char *redirect_url;  /* malloc'ed, NULL: not redirected */
    const char *etag;    /* for a conditional request; NULL: none */
    const char *last_modified;
    uint64_t expected_bytes; /* UINT64_MAX: not stated */
    uint64_t file_bytes;
    int64_t file_mtime_ns;
    uint64_t first_start_ms; /* 0: never started */
    uint64_t due_ms;
    uint64_t pause_ms;
    uint64_t wire_bytes; /* over all tries */
    unsigned n_tries;
    unsigned n_redirects;
    bool has_sha256;
    bool unreachable; /* the last try found no host to talk to */
    bool given_up;    /* the schedule has given its host up: fail it without a try */
    bool has_part;    /* there may be a partial body in the spool */
    bool by_redirect; /* ROBOTS: of a host that a redirect named, which gets no credentials */
    bool digest_due;  /* the result lacks the sha256 of its body; see digest.h */
    uint8_t expected_sha256[GM_SHA256_BYTES];
    struct gm_robots *robots;  /* ROBOTS: what came of it; NULL: nothing is forbidden */
    struct gm_fetched *result; /* malloc'ed by gm_job_result */
    size_t n_bytes;            /* memory of this job, for bounds */
    char strings[];
};

/* A copy of the item; NULL: no memory. */
struct gm_job *gm_job_new(const struct gm_item *item);
/* A request for robots.txt of the host that a job is for; NULL: no memory. */
struct gm_job *gm_job_new_robots(const struct gm_job *asker);
void gm_job_free(struct gm_job *job); /* NULL allowed; the result with what it owns, too */

/* The result struct, made at the first call, with number and counters filled. Out of memory is an
 * assertion: 500 bytes. */
struct gm_fetched *gm_job_result(struct gm_job *job);
/* Marks the job as finished with a reason and message. */
void gm_job_fail(struct gm_job *job, enum gm_reason reason, const char *format, ...)
    GM_PRINTF(3, 4);
/* Frees what a fetched owns and empties it. */
void gm_fetched_clear(struct gm_fetched *fetched);

/* What a body is; of a URL only the path of the locator is used as a name. */
enum gm_media gm_job_sniff(const struct gm_job *job, const uint8_t *head, size_t head_bytes);

struct gm_body {
    uint8_t *data; /* malloc'ed; NULL if fd */
    int fd;        /* -1 if data */
    uint64_t n_bytes;
    enum gm_media media;
    const uint8_t *sha256; /* NULL: not computed */
    bool digest_due;       /* ... but will be: gm_job_set_digest follows */
};
/* Hands the body over to the result, checked against the size and sha256 that the list states; a
 * body that does not match is dropped and the job fails. */
void gm_job_succeed(struct gm_job *job, const struct gm_body *body);
/* The digest of a body for which it was due; checked in the same way. */
void gm_job_set_digest(struct gm_job *job, const uint8_t digest[GM_SHA256_BYTES]);

/* A singly linked queue of jobs. */
struct gm_job_list {
    struct gm_job *first, *last;
};
void gm_job_list_push(struct gm_job_list *list, struct gm_job *job);
void gm_job_list_unshift(struct gm_job_list *list, struct gm_job *job);
struct gm_job *gm_job_list_pop(struct gm_job_list *list); /* NULL: empty */
/* Moves all of `from` behind `to`. */
void gm_job_list_join(struct gm_job_list *to, struct gm_job_list *from);
void gm_job_list_free(struct gm_job_list *list);

#endif
