/* A stream of bytes that is pulled piece by piece, with a look ahead at its first bytes. What is
 * read comes from a file, memory, a decoder or an archive's member; whoever implements one embeds
 * this struct first and sets the hooks. One thread. */
#ifndef GM_UNPACK_STREAM_H
#define GM_UNPACK_STREAM_H

#include "base/err.h"
#include "media.h"
#include "reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gm_unpacking;

#define GM_STREAM_PIECE_BYTES (256 * 1024)

struct gm_stream {
    /* The next piece, valid until the next call; *n_bytes 0 is the end. Not called again after a
     * failure or the end. */
    enum gm_status (*read)(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                           struct gm_err *err);
    /* Goes to an offset of [0, n_bytes]; NULL: the stream goes forward only. */
    void (*seek)(struct gm_stream *stream, uint64_t offset);
    struct gm_unpacking *unpacking;
    uint64_t n_bytes; /* size if seek is there */

    /* private */
    uint64_t at;         /* bytes given out */
    const uint8_t *rest; /* of the last piece, behind what was looked at */
    size_t rest_bytes;
    size_t held_bytes; /* looked at and gathered from small pieces */
    bool ended;
    enum gm_status failed;
    enum gm_reason failed_reason;
    struct gm_err failure;
    uint8_t held[GM_MEDIA_HEAD_BYTES];
};

/* The next piece; *n_bytes 0 is the end. A failure is repeated at each further call. */
enum gm_status gm_stream_next(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                              struct gm_err *err);
/* The first GM_MEDIA_HEAD_BYTES bytes (fewer at the end) from here, without taking them. Fails only
 * if there is not one byte in front of the failure. Only at the start of a stream. */
enum gm_status gm_stream_peek(struct gm_stream *stream, const uint8_t **head, size_t *n_bytes,
                              struct gm_err *err);
/* stream->seek must be there, offset <= n_bytes. Forgets a failure. */
void gm_stream_seek(struct gm_stream *stream, uint64_t offset);
/* Reads to the end. */
enum gm_status gm_stream_drain(struct gm_stream *stream, struct gm_err *err);

/* A file or a piece of memory. */
struct gm_source {
    struct gm_stream stream;
    int fd;              /* -1: data */
    const uint8_t *data; /* NULL: fd */
    uint64_t next;       /* offset of the next read */
    uint8_t *buffer;     /* for fd; GM_STREAM_PIECE_BYTES, the caller's */
    bool is_item;        /* its bytes count as consumed */
};
void gm_source_init_file(struct gm_source *source, struct gm_unpacking *unpacking, int fd,
                         uint64_t n_bytes, uint8_t *buffer);
void gm_source_init_memory(struct gm_source *source, struct gm_unpacking *unpacking,
                           const uint8_t *data, uint64_t n_bytes);

#endif
