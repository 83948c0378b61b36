/* See shard.h. Shards are runs of independent zstd frames; the streaming decoder steps over their
 * borders by itself. */
#include "cli/shard.h"

#include "base/fs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_BYTES (64u << 10)

struct gm_shard {
    int fd;
    const char *path;   /* not owned */
    ZSTD_DStream *zstd; /* NULL: plain */
    struct gm_buf text; /* decoded bytes */
    size_t at;          /* first byte of text that was not given out */
    size_t looked_at;   /* no newline between at and here */
    bool ended;
    uint8_t chunk[CHUNK_BYTES];
};

enum gm_status gm_shard_open(struct gm_shard **out, int dir_fd, const char *path,
                             struct gm_err *err)
{
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    uint8_t head[4];
    size_t n_head = 0;
    struct gm_shard *shard = calloc(1, sizeof *shard);
    *out = NULL;
    if (!shard)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    shard->fd = -1;
    shard->path = path;
    enum gm_status status = gm_open_at(dir_fd, path, O_RDONLY, &shard->fd, err);
    if (status == GM_OK)
        status = gm_pread_full(shard->fd, head, sizeof head, 0, &n_head, err);
    if (status == GM_OK && n_head == sizeof head && memcmp(head, magic, sizeof magic) == 0) {
        shard->zstd = ZSTD_createDStream();
        if (!shard->zstd)
            status = gm_err_set(err, GM_NOMEM, "out of memory");
    }
    if (status != GM_OK) {
        gm_shard_close(shard);
        return status;
    }
    *out = shard;
    return GM_OK;
}

void gm_shard_close(struct gm_shard *shard)
{
    if (!shard)
        return;
    gm_close(&shard->fd);
    ZSTD_freeDStream(shard->zstd);
    gm_buf_free(&shard->text);
    free(shard);
}

static enum gm_status decode(struct gm_shard *shard, size_t n_read, struct gm_err *err)
{
    ZSTD_inBuffer in = {shard->chunk, n_read, 0};
    bool full = false;
    while (in.pos < in.size || full) {
        if (!gm_buf_reserve(&shard->text, CHUNK_BYTES))
            return gm_err_set(err, GM_NOMEM, "out of memory");
        ZSTD_outBuffer out = {shard->text.data + shard->text.n_bytes, CHUNK_BYTES, 0};
        size_t result = ZSTD_decompressStream(shard->zstd, &out, &in);
        if (ZSTD_isError(result))
            return gm_err_set(err, GM_INPUT, "%s: damaged: %s", shard->path,
                              ZSTD_getErrorName(result));
        shard->text.n_bytes += out.pos;
        full = out.pos == out.size;
    }
    return GM_OK;
}

static enum gm_status fill(struct gm_shard *shard, struct gm_err *err)
{
    size_t n_read = 0;
    if (shard->at > 0) { /* make room: what was given out is no longer needed */
        memmove(shard->text.data, shard->text.data + shard->at, shard->text.n_bytes - shard->at);
        shard->text.n_bytes -= shard->at;
        shard->looked_at -= shard->at;
        shard->at = 0;
    }
    if (shard->text.n_bytes > GM_SHARD_MAX_BYTES)
        return gm_err_set(err, GM_LIMIT, "%s: a line is longer than 256 MB", shard->path);
    enum gm_status status = gm_read_full(shard->fd, shard->chunk, CHUNK_BYTES, &n_read, err);
    if (status != GM_OK)
        return status;
    shard->ended = n_read < CHUNK_BYTES;
    if (shard->zstd)
        return decode(shard, n_read, err);
    gm_buf_append(&shard->text, shard->chunk, n_read);
    return shard->text.failed ? gm_err_set(err, GM_NOMEM, "out of memory") : GM_OK;
}

enum gm_status gm_shard_next(struct gm_shard *shard, const char **line, size_t *n_bytes,
                             struct gm_err *err)
{
    for (;;) {
        size_t n_new = shard->text.n_bytes - shard->looked_at;
        uint8_t *from = n_new > 0 ? shard->text.data + shard->looked_at : NULL;
        uint8_t *newline = from ? memchr(from, '\n', n_new) : NULL;
        if (newline) {
            *line = (const char *)shard->text.data + shard->at;
            *n_bytes = (size_t)(newline - shard->text.data) - shard->at;
            shard->at = shard->looked_at = (size_t)(newline - shard->text.data) + 1;
            return GM_OK;
        }
        shard->looked_at = shard->text.n_bytes;
        if (shard->ended)
            return GM_END;
        enum gm_status status = fill(shard, err);
        if (status != GM_OK)
            return status;
    }
}
