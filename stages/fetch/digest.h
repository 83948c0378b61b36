/* The SHA-256 of finished bodies. Small ones are left to the main thread, which has many at hand
 * and takes them in pairs (base/sha256_many.h): most of what a hash costs, without it. Large ones
 * are hashed by the thread that received them: there are more of those, and only one main thread.
 * So are all where the CPU cannot take them in pairs. */
#ifndef GM_FETCH_DIGEST_H
#define GM_FETCH_DIGEST_H

#include "fetch/job.h"

#define GM_DIGEST_LATER_BYTES (64u * 1024u) /* larger bodies are never left */

/* Is the digest of a body in memory left to gm_digest_jobs? */
bool gm_digest_is_left(uint64_t n_bytes);

/* Computes all digests that are due; a body that is not what the list states is dropped and its job
 * fails. The jobs stay in the list. */
void gm_digest_jobs(const struct gm_job_list *jobs);

#endif
