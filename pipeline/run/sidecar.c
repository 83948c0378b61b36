/* Index files: the hooks of the sink get a buffered reader over the sizes and a buffered, hashing
 * writer, so that a shard of any number of records costs the same memory. */
#include "run/sidecar.h"

#include "base/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 256 * 1024 };

struct maker {
    struct gm_shard_io io;
    const struct gm_sidecar_input *input;
    uint64_t sizes_at; /* of the next read, in bytes */
    int fd;            /* the index file */
    const char *path;  /* for messages */
    uint8_t *buffer;   /* BUFFER_BYTES */
    size_t n_buffered;
    uint64_t n_bytes;
    struct gm_sha256 *sha256;
};

uint32_t gm_sidecar_count(const struct gm_output_stream *def)
{
    uint32_t n = 0;
    while (def->sidecars && def->sidecars[n].extension)
        n++;
    return n;
}

bool gm_sizes_fit(const struct gm_output_stream *def, const struct gm_out_part *part,
                  const uint32_t *sizes, size_t n_bytes)
{
    uint64_t sum = 0;
    if (n_bytes != 4 * (uint64_t)part->n_records)
        return false;
    for (uint32_t i = 0; i < part->n_records; i++)
        sum += sizes[i];
    return sum <= part->n_bytes && sum * def->unit_bytes == part->n_bytes;
}

static enum gm_status next_sizes(struct gm_shard_io *io, uint32_t *sizes, size_t capacity,
                                 size_t *n_sizes, struct gm_err *err)
{
    struct maker *maker = (struct maker *)io;
    uint64_t end = 4 * maker->input->facts.n_records;
    size_t n_wanted = capacity * 4, n_read;
    if (n_wanted > end - maker->sizes_at)
        n_wanted = (size_t)(end - maker->sizes_at);
    enum gm_status status =
        gm_pread_full(maker->input->sizes_fd, sizes, n_wanted, maker->sizes_at, &n_read, err);
    if (status == GM_OK && n_read != n_wanted)
        status = gm_err_set(err, GM_INPUT, "the sizes of its records are cut off");
    maker->sizes_at += n_wanted;
    *n_sizes = n_wanted / 4;
    return status;
}

static enum gm_status rewind_sizes(struct gm_shard_io *io, struct gm_err *err)
{
    (void)err;
    ((struct maker *)io)->sizes_at = 0;
    return GM_OK;
}

static enum gm_status flush(struct maker *maker, struct gm_err *err)
{
    gm_sha256_update(maker->sha256, maker->buffer, maker->n_buffered);
    maker->n_bytes += maker->n_buffered;
    enum gm_status status =
        gm_write_full(maker->fd, maker->buffer, maker->n_buffered, maker->path, err);
    maker->n_buffered = 0;
    return status;
}

static enum gm_status put(struct gm_shard_io *io, const void *data, size_t n_bytes,
                          struct gm_err *err)
{
    struct maker *maker = (struct maker *)io;
    const uint8_t *from = data;
    enum gm_status status = GM_OK;
    while (n_bytes > 0 && status == GM_OK) {
        size_t n = BUFFER_BYTES - maker->n_buffered;
        n = n < n_bytes ? n : n_bytes;
        memcpy(maker->buffer + maker->n_buffered, from, n);
        maker->n_buffered += n;
        from += n;
        n_bytes -= n;
        if (maker->n_buffered == BUFFER_BYTES)
            status = flush(maker, err);
    }
    return status;
}

static enum gm_status write_file(struct maker *maker, const struct gm_sidecar *sidecar,
                                 struct gm_err *err)
{
    const struct gm_output_config *config = maker->input->config;
    const struct gm_output_stream *def = &config->streams[maker->input->shard->stream];
    maker->n_buffered = 0;
    maker->n_bytes = 0;
    maker->sizes_at = 0;
    gm_sha256_reset(maker->sha256);
    maker->fd = openat(config->dir_fd, maker->path,
                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (maker->fd < 0)
        return gm_err_sys(err, GM_IO, errno, "unable to create %s", maker->path);
    enum gm_status status = sidecar->make(def->opts, &maker->io, err);
    if (status != GM_OK)
        gm_err_add(err, "%s", maker->path);
    if (status == GM_OK)
        status = flush(maker, err);
    if (status == GM_OK && config->durability != GM_DURABILITY_NONE)
        status = gm_sync_data(maker->fd, maker->path, err);
    gm_close(&maker->fd);
    return status;
}

static enum gm_status make_one(struct maker *maker, uint32_t number, struct gm_journal *journal,
                               struct gm_err *err)
{
    const struct gm_sidecar_input *input = maker->input;
    const struct gm_output_stream *def = &input->config->streams[input->shard->stream];
    struct gm_frame_file frame = *input->shard;
    struct gm_buf path = GM_BUF_INIT;
    frame.sidecar = number + 1;
    gm_output_file_name(def, &frame, &path);
    maker->path = gm_buf_cstr(&path);
    enum gm_status status = path.failed ? gm_err_set(err, GM_NOMEM, "output: no memory")
                                        : write_file(maker, &def->sidecars[number], err);
    if (status == GM_OK) {
        frame.n_bytes = maker->n_bytes;
        gm_sha256_final(maker->sha256, frame.sha256);
        status = gm_journal_add_file(journal, &frame, err);
    }
    gm_buf_free(&path);
    return status == GM_OK ? GM_OK : gm_err_add(err, "%s", input->config->folder);
}

enum gm_status gm_sidecar_make(const struct gm_sidecar_input *input, struct gm_journal *journal,
                               struct gm_err *err)
{
    const struct gm_output_stream *def = &input->config->streams[input->shard->stream];
    struct maker maker = {.io = {input->facts, next_sizes, rewind_sizes, put},
                          .input = input,
                          .fd = -1,
                          .buffer = malloc(BUFFER_BYTES),
                          .sha256 = gm_sha256_new()};
    enum gm_status status = maker.buffer && maker.sha256
                                ? GM_OK
                                : gm_err_set(err, GM_NOMEM, "output: no memory for an index");
    for (uint32_t i = 0; i < gm_sidecar_count(def) && status == GM_OK; i++)
        status = make_one(&maker, i, journal, err);
    gm_sha256_free(maker.sha256);
    free(maker.buffer);
    return status;
}
