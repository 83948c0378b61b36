/* What a stage has loaded from disk, once, for all workers (stage.h: prepare). */
#ifndef GM_PREPARED_H
#define GM_PREPARED_H

#include "base/hash.h"
#include <stddef.h>
#include <stdint.h>

struct gm_prepared {
    const uint8_t *data; /* aligned to a page, read-only, shared by all workers; NULL: nothing */
    size_t n_bytes;
    uint8_t digest[GM_SHA256_BYTES]; /* of the contents of the files, and of what was found in them:
                                        a changed file makes another job */
    uint64_t notes[4];               /* the stage's own, for the hooks that do not look at data */
};

#endif
