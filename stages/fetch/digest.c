/* Collects the bodies whose digest is due, a batch at a time. */
#include "fetch/digest.h"

#include "base/sha256_many.h"

#define BATCH_MESSAGES 64

struct batch {
    size_t n;
    struct gm_job *jobs[BATCH_MESSAGES];
    struct gm_sha256_message messages[BATCH_MESSAGES];
    uint8_t digests[BATCH_MESSAGES][GM_SHA256_BYTES];
};

bool gm_digest_is_left(uint64_t n_bytes)
{
    return n_bytes <= GM_DIGEST_LATER_BYTES && gm_sha256_many_is_faster();
}

static void add(struct batch *batch, struct gm_job *job)
{
    size_t i = batch->n++;
    batch->jobs[i] = job;
    batch->messages[i] = (struct gm_sha256_message){job->result->body, (size_t)job->result->n_bytes,
                                                    batch->digests[i]};
}

static void flush(struct batch *batch)
{
    gm_sha256_many(batch->messages, batch->n);
    for (size_t i = 0; i < batch->n; i++)
        gm_job_set_digest(batch->jobs[i], batch->digests[i]);
    batch->n = 0;
}

void gm_digest_jobs(const struct gm_job_list *jobs)
{
    struct batch batch;
    batch.n = 0; /* the rest is filled as it is used */
    for (struct gm_job *job = jobs->first; job; job = job->next) {
        if (job->digest_due)
            add(&batch, job);
        if (batch.n == BATCH_MESSAGES)
            flush(&batch);
    }
    flush(&batch);
}
