/* SHA-256 of many messages at once. One message is a chain: each step waits for the one before it,
 * so the CPU's SHA instructions are idle half of the time. Two messages side by side fill the gaps:
 * 3.3 GB/s instead of 1.8 on the machine where this was measured (AMD EPYC, one thread). */
#ifndef GM_BASE_SHA256_MANY_H
#define GM_BASE_SHA256_MANY_H

#include "base/hash.h"
#include <stdbool.h>

struct gm_sha256_message {
    const uint8_t *data; /* may be NULL if n_bytes is 0 */
    size_t n_bytes;
    uint8_t *digest; /* GM_SHA256_BYTES, written */
};

/* The digest of each message, as gm_sha256 makes it. Any process, any thread. */
void gm_sha256_many(const struct gm_sha256_message *messages, size_t n_messages);

/* Does this CPU hash two messages side by side? If not, many take as long as one by one, and it is
 * better to let several threads hash them. Cheap; the same at every call. */
bool gm_sha256_many_is_faster(void);

#endif
