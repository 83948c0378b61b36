/* Where the body of one response goes: memory while it is small, a spool file once it is larger
 * than a body may be inline, or is a container (those always travel as a file). Counts bytes
 * against max_body and computes the SHA-256. One per connection slot; one thread. */
#ifndef GM_FETCH_STORE_H
#define GM_FETCH_STORE_H

#include "fetch/fetch_opts.h"
#include "fetch/job.h"
#include "fetch/spool.h"

struct gm_store {
    const struct gm_fetch_settings *settings;
    const struct gm_spool *spool;
    struct gm_job *job;
    struct gm_spool_meta meta; /* filled by the caller before the first byte */
    bool hashing;
    uint64_t max_bytes;
    uint64_t n_bytes; /* of the body so far, with a part that is continued */
    uint8_t *data;    /* in memory */
    size_t capacity;
    int fd;                 /* in the spool; -1 */
    struct gm_sha256 *hash; /* of a spooled body; kept between bodies */
    uint8_t head[GM_MEDIA_HEAD_BYTES];
    size_t head_bytes;
};

/* Static parts; fini frees everything. */
void gm_store_init(struct gm_store *store, const struct gm_fetch_settings *settings,
                   const struct gm_spool *spool);
void gm_store_fini(struct gm_store *store);

/* Begins a body for a job. max_bytes: more is GM_LIMIT. */
void gm_store_begin(struct gm_store *store, struct gm_job *job, uint64_t max_bytes);
/* Opens what an earlier try left: GM_OK, store->n_bytes is what is there (meta.complete: all of it,
 * the head is read). GM_MISSING: nothing. */
enum gm_status gm_store_reopen(struct gm_store *store);
/* The server goes on with the part: hashes what is there. */
enum gm_status gm_store_continue(struct gm_store *store, struct gm_err *err);
/* The server starts over: forgets the part. */
void gm_store_restart(struct gm_store *store);
/* expected_bytes: what the server stated for the body, UINT64_MAX if nothing; only a hint.
 * GM_LIMIT, GM_NOMEM, or a failure of the spool, which the run does not survive. */
enum gm_status gm_store_append(struct gm_store *store, const void *data, size_t n_bytes,
                               uint64_t expected_bytes, struct gm_err *err);
/* The body is whole: moves it into the job's result. */
enum gm_status gm_store_finish(struct gm_store *store, struct gm_err *err);

enum gm_store_drop { GM_STORE_REMOVE, GM_STORE_KEEP_PART };
/* Gives the body up. KEEP_PART: leaves a spooled one that can be continued for the next try (the
 * job's has_part says whether there is one). Safe at any time, also twice. */
void gm_store_drop(struct gm_store *store, enum gm_store_drop what);

#endif
