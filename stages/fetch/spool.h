/* Bodies on disk: large ones and containers, kept across tries and crashes so that a download goes
 * on where it stopped.
 *
 *      item-17.part   the body so far
 *      item-17.meta   what is needed to go on: URL, validator, total size; see spool.c
 *
 * A part is used again only on the same boot of the machine: after a power cut its size may be
 * right and its bytes not. The engine removes both files when the item is committed. One gm_spool
 * for all threads; an item is handled by one thread at a time. */
#ifndef GM_FETCH_SPOOL_H
#define GM_FETCH_SPOOL_H

#include "base/err.h"
#include "base/hash.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_SPOOL_TEXT_BYTES 1024 /* longest validator or type that is kept, with NUL */

struct gm_spool {
    int dir_fd; /* not owned */
    char boot_id[40];
    uint64_t *leftovers; /* items with a part when the run started, sorted */
    size_t n_leftovers;
};

struct gm_spool_meta {
    const char *url;                /* the item's locator; a part of another one is not used */
    char etag[GM_SPOOL_TEXT_BYTES]; /* "" : none */
    char last_modified[GM_SPOOL_TEXT_BYTES]; /* "" : none */
    char content_type[GM_SPOOL_TEXT_BYTES];  /* "" : none */
    uint64_t total_bytes;                    /* UINT64_MAX: not stated by the server */
    unsigned http_status;
    bool complete; /* the part is the whole body, its hash is known */
    uint8_t sha256[GM_SHA256_BYTES];
};

/* Looks at what an earlier process left. */
enum gm_status gm_spool_init(struct gm_spool *spool, int dir_fd, struct gm_err *err);
void gm_spool_fini(struct gm_spool *spool);
/* Did an earlier process leave a part of this item? */
bool gm_spool_has_leftover(const struct gm_spool *spool, uint64_t number);

/* Opens a part that can be continued or is complete: *fd for reading and writing, *n_bytes its
 * size, meta filled (meta->url says which URL is wanted). GM_MISSING: there is none that can be
 * used; what lay there was removed. */
enum gm_status gm_spool_reopen(const struct gm_spool *spool, uint64_t number,
                               struct gm_spool_meta *meta, int *fd, uint64_t *n_bytes);
/* A new, empty part, and its meta if the server gave a validator (else the part is never reused).
 */
enum gm_status gm_spool_create(const struct gm_spool *spool, uint64_t number,
                               const struct gm_spool_meta *meta, int *fd, struct gm_err *err);
enum gm_status gm_spool_write_meta(const struct gm_spool *spool, uint64_t number,
                                   const struct gm_spool_meta *meta, struct gm_err *err);
/* Removes part and meta; missing ones are fine. */
void gm_spool_remove(const struct gm_spool *spool, uint64_t number);

/* Header for If-Range: the strong ETag, else Last-Modified, else NULL. */
const char *gm_spool_validator(const struct gm_spool_meta *meta);

/* Reads n_bytes of the file from its start into the hash. */
enum gm_status gm_spool_hash(int fd, uint64_t n_bytes, struct gm_sha256 *hash, struct gm_err *err);

#endif
