/* A stream decoded from another one by a codec: one layer of compression.
 *
 * Frames that follow each other (`cat a.gz b.gz`, parallel compressors) are one stream; zeros
 * behind a frame are padding. Other bytes behind the last frame do not belong to the data: they are
 * ignored, as gzip(1) does, but the owner can ask for them and say so. A frame that ends early or
 * fails its checksum is GM_INPUT, after everything in front of it was given out. */
#ifndef GM_UNPACK_FILTER_H
#define GM_UNPACK_FILTER_H

#include "unpack/codec.h"
#include "unpack/stream.h"

struct gm_filter {
    struct gm_stream stream;
    struct gm_stream *input;
    const struct gm_codec *codec;
    void *state;
    uint8_t *out; /* GM_STREAM_PIECE_BYTES */
    const uint8_t *in;
    size_t in_bytes;
    uint64_t consumed_bytes;
    uint64_t frame_at;       /* offset of the frame in the input */
    uint64_t frame_produced; /* bytes out of it */
    uint64_t n_frames;       /* complete ones */
    bool in_frame;
    bool is_last;        /* nothing follows */
    uint64_t garbage_at; /* offset of what follows the last frame; UINT64_MAX: nothing does */
    const char *damage;  /* the decoder has given up: why; not yet reported */
    enum gm_reason damage_reason;
};

/* GM_INPUT with limit.memory: no memory (fini is to be called all the same). media has a codec. The
 * input is the caller's. */
enum gm_status gm_filter_init(struct gm_filter *filter, struct gm_stream *input,
                              enum gm_media media, struct gm_err *err);
void gm_filter_fini(struct gm_filter *filter);

#endif
