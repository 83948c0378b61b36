/* Streams: the part that all kinds share, and the two kinds that stand at the bottom. A file is
 * read with pread in pieces rather than mapped, because a file that shrinks under a mapping would
 * kill the process. */
#include "unpack/stream.h"

#include "base/fs.h"
#include "split.h"
#include "unpack/unpacking.h"

#include <string.h>

static enum gm_status read_piece(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                                 struct gm_err *err)
{
    *n_bytes = 0;
    if (stream->ended)
        return GM_OK;
    if (stream->failed != GM_OK) {
        stream->unpacking->reason = stream->failed_reason;
        if (err)
            *err = stream->failure;
        return stream->failed;
    }
    enum gm_status status = stream->read(stream, data, n_bytes, &stream->failure);
    if (status == GM_OK) {
        stream->ended = *n_bytes == 0;
        return GM_OK;
    }
    stream->failed = status;
    stream->failed_reason = stream->unpacking->reason;
    *n_bytes = 0;
    if (err)
        *err = stream->failure;
    return status;
}

enum gm_status gm_stream_next(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                              struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (stream->held_bytes > 0) {
        *data = stream->held;
        *n_bytes = stream->held_bytes;
        stream->held_bytes = 0;
    } else if (stream->rest_bytes > 0) {
        *data = stream->rest;
        *n_bytes = stream->rest_bytes;
        stream->rest_bytes = 0;
    } else {
        status = read_piece(stream, data, n_bytes, err);
    }
    stream->at += *n_bytes;
    return status;
}

/* A first piece that is long enough is looked at in place; shorter ones are gathered. */
enum gm_status gm_stream_peek(struct gm_stream *stream, const uint8_t **head, size_t *n_bytes,
                              struct gm_err *err)
{
    GM_ASSERT(stream->at == 0);
    enum gm_status status = GM_OK;
    while (stream->rest_bytes == 0 && stream->held_bytes < sizeof(stream->held)) {
        const uint8_t *data;
        size_t n_data;
        status = read_piece(stream, &data, &n_data, err);
        if (status != GM_OK || n_data == 0)
            break;
        size_t n_copy = sizeof(stream->held) - stream->held_bytes;
        if (stream->held_bytes == 0 && n_data >= n_copy)
            n_copy = 0;
        if (n_copy > n_data)
            n_copy = n_data;
        memcpy(stream->held + stream->held_bytes, data, n_copy);
        stream->held_bytes += n_copy;
        stream->rest = data + n_copy;
        stream->rest_bytes = n_data - n_copy;
    }
    bool in_place = stream->held_bytes == 0;
    *head = in_place ? stream->rest : stream->held;
    *n_bytes = in_place ? stream->rest_bytes : stream->held_bytes;
    return *n_bytes > 0 ? GM_OK : status;
}

void gm_stream_seek(struct gm_stream *stream, uint64_t offset)
{
    GM_ASSERT(stream->seek && offset <= stream->n_bytes);
    stream->held_bytes = stream->rest_bytes = 0;
    stream->ended = false;
    stream->failed = GM_OK;
    stream->at = offset;
    stream->seek(stream, offset);
}

enum gm_status gm_stream_drain(struct gm_stream *stream, struct gm_err *err)
{
    for (;;) {
        const uint8_t *data;
        size_t n_bytes;
        enum gm_status status = gm_stream_next(stream, &data, &n_bytes, err);
        if (status != GM_OK || n_bytes == 0)
            return status;
    }
}

static enum gm_status source_read(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                                  struct gm_err *err)
{
    struct gm_source *source = (struct gm_source *)stream;
    struct gm_unpacking *unpacking = stream->unpacking;
    uint64_t left = stream->n_bytes - source->next;
    size_t n_piece = left < GM_STREAM_PIECE_BYTES ? (size_t)left : GM_STREAM_PIECE_BYTES;
    gm_emit_alive(unpacking->emit);
    if (source->data) {
        *data = source->data + source->next;
        *n_bytes = n_piece;
    } else {
        enum gm_status status =
            gm_pread_full(source->fd, source->buffer, n_piece, source->next, n_bytes, err);
        if (status != GM_OK)
            return gm_unpacking_fail(unpacking, GM_REASON_FETCH_IO, err,
                                     "unable to read at byte %llu",
                                     (unsigned long long)source->next);
        *data = source->buffer;
    }
    source->next += *n_bytes;
    if (source->is_item && source->next > unpacking->consumed_bytes)
        unpacking->consumed_bytes = source->next;
    return GM_OK;
}

static void source_seek(struct gm_stream *stream, uint64_t offset)
{
    ((struct gm_source *)stream)->next = offset;
}

static void source_init(struct gm_source *source, struct gm_unpacking *unpacking, uint64_t n_bytes)
{
    memset(source, 0, sizeof(*source));
    source->stream.read = source_read;
    source->stream.seek = source_seek;
    source->stream.unpacking = unpacking;
    source->stream.n_bytes = n_bytes;
    source->fd = -1;
}

void gm_source_init_file(struct gm_source *source, struct gm_unpacking *unpacking, int fd,
                         uint64_t n_bytes, uint8_t *buffer)
{
    source_init(source, unpacking, n_bytes);
    source->fd = fd;
    source->buffer = buffer;
}

void gm_source_init_memory(struct gm_source *source, struct gm_unpacking *unpacking,
                           const uint8_t *data, uint64_t n_bytes)
{
    source_init(source, unpacking, n_bytes);
    source->data = data;
}
