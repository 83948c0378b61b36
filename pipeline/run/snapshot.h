/* The snapshot: every source item of a generation, in order, in one file of the run folder. It is
 * written once by the lister process and is the input from then on: item numbers, resuming and the
 * ETA hang on it, and a list that changes during the run changes nothing.
 *
 *      header "GMSNAP2\n" | record | record | ... | end record: length 0, count, hash
 *
 * Records are length-prefixed, little-endian, and chained by XXH3-64, so that a torn file is told
 * from a whole one. Both ends stream; memory does not grow with the number of items. */
#ifndef GM_RUN_SNAPSHOT_H
#define GM_RUN_SNAPSHOT_H

#include "base/err.h"
#include "base/buf.h"
#include "source.h"
#include <stdbool.h>
#include <stdint.h>

/* Longest locator, name, meta, etag; longer rows are listed as rejected (fetch.list). */
#define GM_SNAPSHOT_TEXT_BYTES 65536u

/* What the last generation knows of an item. */
struct gm_previous {
    bool known;
    bool unchanged; /* need not be fetched: left out of the snapshot */
    bool has_sha256;
    enum gm_reason reason; /* why it did not come out when it was fetched; NONE: it did */
    uint16_t http_status;  /* of that time */
    uint8_t sha256[GM_SHA256_BYTES];
    char etag[512]; /* "" if none */
    char last_modified[64];
};
typedef enum gm_status gm_previous_lookup(void *context, const struct gm_item *item,
                                          struct gm_previous *previous, struct gm_err *err);

struct gm_own;
struct gm_lister_sink {
    int fd; /* the file, not owned */
    struct gm_buf buf;
    uint64_t n_items;
    uint64_t n_unchanged;
    uint64_t n_removed; /* set by the caller before the end */
    uint32_t source;    /* set by the caller, from 1: names to mirror of all but the first source
                           get the prefix "source-2/", so that no two are the same */
    uint64_t hash;
    struct gm_own *own;         /* set by the caller: files in it are left out; NULL: none */
    gm_previous_lookup *lookup; /* NULL: first generation */
    void *lookup_context;
};

/* Writes to fd from its current offset. lookup may be NULL. */
enum gm_status gm_snapshot_begin(struct gm_lister_sink *sink, int fd, gm_previous_lookup *lookup,
                                 void *context, struct gm_err *err);
/* The end record. Making the file durable is the caller's part. */
enum gm_status gm_snapshot_end(struct gm_lister_sink *sink, struct gm_err *err);

struct gm_snapshot {
    int fd;          /* not owned */
    uint64_t offset; /* of the next record */
    uint64_t next_number;
    struct gm_buf window; /* read ahead */
    uint64_t window_offset;
};

struct gm_snapshot_info {
    uint64_t n_items;
    uint64_t n_unchanged; /* items left out because they have not changed */
    uint64_t n_removed;   /* items of the last generation that are gone */
    uint64_t hash;
};

/* Reads only the end record. GM_INPUT: the file is torn. */
enum gm_status gm_snapshot_info(int fd, struct gm_snapshot_info *info, struct gm_err *err);
/* Starts reading at item `first`. */
enum gm_status gm_snapshot_open(struct gm_snapshot *snapshot, int fd, uint64_t first,
                                struct gm_err *err);
void gm_snapshot_close(struct gm_snapshot *snapshot);
/* What travels with an item of the last generation. */
struct gm_snapshot_previous {
    const uint8_t *sha256; /* NULL: not known */
    enum gm_reason reason;
    uint16_t http_status;
};
/* The item's strings and the digest live until the next call. previous may be NULL. GM_END at the
 * end. */
enum gm_status gm_snapshot_next(struct gm_snapshot *snapshot, struct gm_item *item,
                                struct gm_snapshot_previous *previous, struct gm_err *err);

#endif
