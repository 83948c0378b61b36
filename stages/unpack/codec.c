/* gzip, bzip2, xz and zstd, each through its own library. libarchive could do this too, but it does
 * not check gzip's checksum, hides how many bytes a frame took and gives xz all the memory that it
 * asks for. */
#include "unpack/codec.h"

#include "base/assert.h"

#include <bzlib.h>
#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static unsigned clamp(size_t n_bytes)
{
    return n_bytes < UINT_MAX ? (unsigned)n_bytes : UINT_MAX;
}

static enum gm_codec_result damaged(struct gm_codec_io *io, const char *why)
{
    io->why = why;
    return GM_CODEC_DAMAGED;
}

static void moved(struct gm_codec_io *io, size_t n_in, size_t n_out)
{
    io->in += n_in;
    io->in_bytes -= n_in;
    io->out += n_out;
    io->out_bytes -= n_out;
}

/* ---- gzip ---- */

static bool gzip_may_start(uint8_t first)
{
    return first == 0x1f;
}

static void *gzip_new(void)
{
    z_stream *z = calloc(1, sizeof(*z));
    if (z && inflateInit2(z, 15 + 16) != Z_OK) {
        free(z);
        return NULL;
    }
    return z;
}

static enum gm_codec_result gzip_start(void *state)
{
    return inflateReset(state) == Z_OK ? GM_CODEC_MORE : GM_CODEC_NO_MEMORY;
}

static enum gm_codec_result gzip_step(void *state, struct gm_codec_io *io)
{
    z_stream *z = state;
    unsigned n_in = clamp(io->in_bytes), n_out = clamp(io->out_bytes);
    z->next_in = (Bytef *)io->in;
    z->avail_in = n_in;
    z->next_out = io->out;
    z->avail_out = n_out;
    int code = inflate(z, Z_NO_FLUSH);
    moved(io, n_in - z->avail_in, n_out - z->avail_out);
    switch (code) {
    case Z_OK:
    case Z_BUF_ERROR:
        return GM_CODEC_MORE;
    case Z_STREAM_END:
        return GM_CODEC_END;
    case Z_MEM_ERROR:
        return GM_CODEC_NO_MEMORY;
    default:
        return damaged(io, z->msg ? z->msg : "not valid deflate data");
    }
}

static void gzip_free(void *state)
{
    if (state)
        inflateEnd(state);
    free(state);
}

/* ---- bzip2 ---- */

struct bzip2 {
    bz_stream bz;
    bool open;
};

static bool bzip2_may_start(uint8_t first)
{
    return first == 'B';
}

static void *bzip2_new(void)
{
    return calloc(1, sizeof(struct bzip2));
}

static void bzip2_stop(struct bzip2 *state)
{
    if (state->open)
        BZ2_bzDecompressEnd(&state->bz);
    state->open = false;
}

static enum gm_codec_result bzip2_start(void *state)
{
    struct bzip2 *bzip2 = state;
    bzip2_stop(bzip2);
    bzip2->bz = (bz_stream){0};
    if (BZ2_bzDecompressInit(&bzip2->bz, 0, 0) != BZ_OK)
        return GM_CODEC_NO_MEMORY;
    bzip2->open = true;
    return GM_CODEC_MORE;
}

static enum gm_codec_result bzip2_step(void *state, struct gm_codec_io *io)
{
    bz_stream *bz = &((struct bzip2 *)state)->bz;
    unsigned n_in = clamp(io->in_bytes), n_out = clamp(io->out_bytes);
    bz->next_in = (char *)io->in;
    bz->avail_in = n_in;
    bz->next_out = (char *)io->out;
    bz->avail_out = n_out;
    int code = BZ2_bzDecompress(bz);
    moved(io, n_in - bz->avail_in, n_out - bz->avail_out);
    switch (code) {
    case BZ_OK:
        return GM_CODEC_MORE;
    case BZ_STREAM_END:
        return GM_CODEC_END;
    case BZ_MEM_ERROR:
        return GM_CODEC_NO_MEMORY;
    default:
        return damaged(io, "not valid bzip2 data, or its checksum is wrong");
    }
}

static void bzip2_free(void *state)
{
    if (state)
        bzip2_stop(state);
    free(state);
}

/* ---- xz ---- */

static bool xz_may_start(uint8_t first)
{
    return first == 0xfd;
}

static void *xz_new(void)
{
    return calloc(1, sizeof(lzma_stream));
}

static enum gm_codec_result xz_start(void *state)
{
    lzma_ret code = lzma_stream_decoder(state, GM_CODEC_WINDOW_BYTES, 0);
    return code == LZMA_OK ? GM_CODEC_MORE : GM_CODEC_NO_MEMORY;
}

static enum gm_codec_result xz_step(void *state, struct gm_codec_io *io)
{
    lzma_stream *lzma = state;
    size_t n_in = io->in_bytes, n_out = io->out_bytes;
    lzma->next_in = io->in;
    lzma->avail_in = n_in;
    lzma->next_out = io->out;
    lzma->avail_out = n_out;
    lzma_ret code = lzma_code(lzma, LZMA_RUN);
    moved(io, n_in - lzma->avail_in, n_out - lzma->avail_out);
    switch (code) {
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        return GM_CODEC_MORE;
    case LZMA_STREAM_END:
        return GM_CODEC_END;
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        return GM_CODEC_NO_MEMORY;
    case LZMA_OPTIONS_ERROR:
        return damaged(io, "unsupported xz options, or not valid xz data");
    default:
        return damaged(io, "not valid xz data, or its checksum is wrong");
    }
}

static void xz_free(void *state)
{
    if (state)
        lzma_end(state);
    free(state);
}

/* ---- zstd ---- */

static bool zstd_may_start(uint8_t first)
{
    return first == 0x28 || (first & 0xf0) == 0x50;
}

static void *zstd_new(void)
{
    ZSTD_DCtx *dctx = ZSTD_createDCtx();
    if (dctx) /* 27: the log of GM_CODEC_WINDOW_BYTES */
        ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax, 27);
    return dctx;
}

static enum gm_codec_result zstd_start(void *state)
{
    ZSTD_DCtx_reset(state, ZSTD_reset_session_only);
    return GM_CODEC_MORE;
}

static enum gm_codec_result zstd_step(void *state, struct gm_codec_io *io)
{
    ZSTD_inBuffer in = {io->in, io->in_bytes, 0};
    ZSTD_outBuffer out = {io->out, io->out_bytes, 0};
    size_t code = ZSTD_decompressStream(state, &out, &in);
    moved(io, in.pos, out.pos);
    if (code == 0)
        return GM_CODEC_END;
    if (!ZSTD_isError(code))
        return GM_CODEC_MORE;
    const char *why = ZSTD_getErrorName(code);
    /* The library's error codes are not part of its stable interface, their texts stand for them.
     */
    static const char *const memory[] = {"Allocation error : not enough memory",
                                         "Frame requires too much memory for decoding"};
    for (size_t i = 0; i < GM_ARRAY_LEN(memory); i++)
        if (strcmp(why, memory[i]) == 0)
            return GM_CODEC_NO_MEMORY;
    return damaged(io, why);
}

static void zstd_free(void *state)
{
    ZSTD_freeDCtx(state);
}

static const struct gm_codec codecs[] = {
    {GM_MEDIA_GZIP, gzip_may_start, gzip_new, gzip_start, gzip_step, gzip_free},
    {GM_MEDIA_BZIP2, bzip2_may_start, bzip2_new, bzip2_start, bzip2_step, bzip2_free},
    {GM_MEDIA_XZ, xz_may_start, xz_new, xz_start, xz_step, xz_free},
    {GM_MEDIA_ZSTD, zstd_may_start, zstd_new, zstd_start, zstd_step, zstd_free},
};

const struct gm_codec *gm_codec_find(enum gm_media media)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(codecs); i++)
        if (codecs[i].media == media)
            return &codecs[i];
    return NULL;
}
