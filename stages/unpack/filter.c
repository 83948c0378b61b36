/* One layer of compression: frames in a row, decoded piece by piece. Never looks for a further
 * layer: what comes out is sniffed by the caller, who counts the layers. */
#include "unpack/filter.h"

#include "unpack/unpacking.h"

#include <stdlib.h>
#include <string.h>

static enum gm_status refill(struct gm_filter *filter, struct gm_err *err)
{
    return gm_stream_next(filter->input, &filter->in, &filter->in_bytes, err);
}

static enum gm_status truncated(struct gm_filter *filter, struct gm_err *err)
{
    return gm_unpacking_fail(filter->stream.unpacking, GM_REASON_UNPACK_BROKEN, err,
                             "%s: truncated: the data ends at byte %llu, in the middle of a "
                             "compressed frame",
                             gm_media_name(filter->codec->media),
                             (unsigned long long)filter->consumed_bytes);
}

static void end_here(struct gm_filter *filter, uint64_t garbage_at)
{
    filter->is_last = true;
    filter->garbage_at = garbage_at;
}

/* Between frames: on to the first byte of the next, or to the end. */
static enum gm_status find_frame(struct gm_filter *filter, struct gm_err *err)
{
    for (;;) {
        while (filter->n_frames > 0 && filter->in_bytes > 0 && *filter->in == 0) {
            filter->in++;
            filter->in_bytes--;
            filter->consumed_bytes++;
        }
        if (filter->in_bytes > 0)
            break;
        enum gm_status status = refill(filter, err);
        if (status != GM_OK)
            return status;
        if (filter->in_bytes == 0 && filter->n_frames == 0)
            return truncated(filter, err);
        if (filter->in_bytes == 0) {
            end_here(filter, UINT64_MAX);
            return GM_OK;
        }
    }
    if (!filter->codec->may_start(*filter->in)) {
        end_here(filter, filter->consumed_bytes);
        return GM_OK;
    }
    filter->in_frame = true;
    filter->frame_at = filter->consumed_bytes;
    filter->frame_produced = 0;
    if (filter->codec->start(filter->state) != GM_CODEC_MORE)
        return gm_unpacking_fail(filter->stream.unpacking, GM_REASON_LIMIT_MEMORY, err,
                                 "no memory for the %s decoder",
                                 gm_media_name(filter->codec->media));
    return GM_OK;
}

static enum gm_status report_damage(struct gm_filter *filter, struct gm_err *err)
{
    struct gm_unpacking *unpacking = filter->stream.unpacking;
    const char *name = gm_media_name(filter->codec->media);
    unsigned long long at = filter->consumed_bytes;
    if (filter->damage_reason == GM_REASON_LIMIT_MEMORY)
        return gm_unpacking_fail(unpacking, GM_REASON_LIMIT_MEMORY, err,
                                 "%s: not enough memory to decode on from byte %llu (a window of "
                                 "at most %u MB is allowed)",
                                 name, at, GM_CODEC_WINDOW_BYTES >> 20);
    return gm_unpacking_fail(unpacking, filter->damage_reason, err,
                             "%s: damaged from about byte %llu on: %s", name, at, filter->damage);
}

static void note_result(struct gm_filter *filter, enum gm_codec_result result, const char *why)
{
    switch (result) {
    case GM_CODEC_MORE:
        return;
    case GM_CODEC_END:
        filter->in_frame = false;
        filter->n_frames++;
        return;
    case GM_CODEC_NO_MEMORY:
        filter->damage = "no memory";
        filter->damage_reason = GM_REASON_LIMIT_MEMORY;
        return;
    case GM_CODEC_DAMAGED:
        /* Bytes behind a good frame that only looked like the start of another one. */
        if (filter->n_frames > 0 && filter->frame_produced == 0) {
            end_here(filter, filter->frame_at);
            return;
        }
        filter->damage = why;
        filter->damage_reason = GM_REASON_UNPACK_BROKEN;
        return;
    }
}

/* One call of the decoder; *n_out: bytes that it put into filter->out. */
static enum gm_status step(struct gm_filter *filter, size_t *n_out, struct gm_err *err)
{
    struct gm_codec_io io = {filter->in, filter->in_bytes, filter->out, GM_STREAM_PIECE_BYTES,
                             NULL};
    enum gm_codec_result result = filter->codec->step(filter->state, &io);
    size_t n_in = filter->in_bytes - io.in_bytes;
    *n_out = GM_STREAM_PIECE_BYTES - io.out_bytes;
    filter->in = io.in;
    filter->in_bytes = io.in_bytes;
    filter->consumed_bytes += n_in;
    filter->frame_produced += *n_out;
    note_result(filter, result, io.why);
    if (result != GM_CODEC_MORE || *n_out > 0)
        return GM_OK;
    if (filter->in_bytes > 0 && n_in == 0) {
        note_result(filter, GM_CODEC_DAMAGED, "the decoder makes no progress");
        return GM_OK;
    }
    if (filter->in_bytes > 0)
        return GM_OK;
    enum gm_status status = refill(filter, err);
    if (status == GM_OK && filter->in_bytes == 0)
        return truncated(filter, err);
    return status;
}

static enum gm_status filter_read(struct gm_stream *stream, const uint8_t **data, size_t *n_bytes,
                                  struct gm_err *err)
{
    struct gm_filter *filter = (struct gm_filter *)stream;
    *data = filter->out;
    *n_bytes = 0;
    while (*n_bytes == 0 && !filter->is_last) {
        if (filter->damage)
            return report_damage(filter, err);
        enum gm_status status =
            filter->in_frame ? step(filter, n_bytes, err) : find_frame(filter, err);
        if (status != GM_OK)
            return status;
    }
    return gm_unpacking_produced(stream->unpacking, *n_bytes, err);
}

enum gm_status gm_filter_init(struct gm_filter *filter, struct gm_stream *input,
                              enum gm_media media, struct gm_err *err)
{
    memset(filter, 0, sizeof(*filter));
    filter->stream.read = filter_read;
    filter->stream.unpacking = input->unpacking;
    filter->input = input;
    filter->garbage_at = UINT64_MAX;
    filter->codec = gm_codec_find(media);
    GM_ASSERT(filter->codec);
    filter->out = malloc(GM_STREAM_PIECE_BYTES);
    filter->state = filter->codec->new_state();
    if (filter->out && filter->state)
        return GM_OK;
    return gm_unpacking_fail(input->unpacking, GM_REASON_LIMIT_MEMORY, err,
                             "no memory for the %s decoder", gm_media_name(media));
}

void gm_filter_fini(struct gm_filter *filter)
{
    filter->codec->free_state(filter->state);
    free(filter->out);
    filter->state = NULL;
    filter->out = NULL;
}
