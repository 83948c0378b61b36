/* Appending to a file past the system's cache (O_DIRECT), in large aligned pieces out of a buffer
 * of our own. What is large, and synced anyway, has no use for the cache: it would push out what
 * others read again; and the kernel's work for each page, in and out, is most of what writing
 * costs.
 *
 *      file     | pieces, written directly | tail |
 *                                          ^at    what the buffer holds; gm_direct_flush writes it
 *                                                 like any other, and the piece that it grows into
 *                                                 is written whole, over it
 *
 * A file system that refuses, or a piece that is not written as a whole, is no failure: the piece
 * is written through the cache, which tells what is wrong if there is something. Private to
 * outfile.c; one process. */
#ifndef GM_RUN_DIRECT_H
#define GM_RUN_DIRECT_H

#include "base/err.h"
#include "batch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_DIRECT_UNIT 4096u /* offsets and pieces are multiples of it */

struct gm_direct {
    uint8_t *buffer;    /* NULL: not begun */
    size_t piece_bytes; /* its size */
    size_t n_bytes;     /* in it */
    size_t n_flushed;   /* of them, that the file has already */
    uint64_t at;        /* where it begins in the file */
    bool refused;       /* by the file system, or for want of memory */
};

struct gm_direct_file {
    int fd;
    const char *name; /* for messages */
};

/* Appends to a file of `size` bytes, through the cache up to the next unit and in pieces of
 * piece_bytes, a multiple of it, from there on; once begun, it goes on like that. GM_IO. */
enum gm_status gm_direct_append(struct gm_direct *direct, const struct gm_direct_file *file,
                                uint64_t size, struct gm_view data, struct gm_err *err);
/* Writes what is in the buffer; goes on behind it. Before the file is synced or closed. */
enum gm_status gm_direct_flush(struct gm_direct *direct, const struct gm_direct_file *file,
                               struct gm_err *err);
/* For a new, empty file. */
void gm_direct_restart(struct gm_direct *direct);
/* What was not flushed is lost. All zeros are allowed. */
void gm_direct_free(struct gm_direct *direct);

#endif
