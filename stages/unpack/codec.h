/* The four decompressors behind one interface. A codec decodes one frame (gzip member, bzip2 or xz
 * stream, zstd frame) at a time; what may follow a frame is the filter's matter. Checksums are
 * verified. One state per stream, one thread. */
#ifndef GM_UNPACK_CODEC_H
#define GM_UNPACK_CODEC_H

#include "media.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest dictionary or window that a stream may ask for. */
#define GM_CODEC_WINDOW_BYTES (128u << 20)

enum gm_codec_result {
    GM_CODEC_MORE,      /* wants more input or more room */
    GM_CODEC_END,       /* the frame is complete */
    GM_CODEC_DAMAGED,   /* *why says what is wrong; output so far is good as far as one can tell */
    GM_CODEC_NO_MEMORY, /* or wants more than GM_CODEC_WINDOW_BYTES */
};

/* Both ends are moved on by what was used. */
struct gm_codec_io {
    const uint8_t *in;
    size_t in_bytes;
    uint8_t *out;
    size_t out_bytes;
    const char *why;
};

struct gm_codec {
    enum gm_media media;
    bool (*may_start)(uint8_t first); /* can a frame begin with this byte? */
    /* NULL: no memory. The state is ready for its first frame after start. */
    void *(*new_state)(void);
    enum gm_codec_result (*start)(void *state);
    enum gm_codec_result (*step)(void *state, struct gm_codec_io *io);
    void (*free_state)(void *state); /* NULL allowed */
};

/* NULL: no such codec. */
const struct gm_codec *gm_codec_find(enum gm_media media);

#endif
