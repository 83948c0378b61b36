/* Folder or tar: the hooks that the sinks of files share. */
#include "sink/layout.h"

#include "sink/tar.h"
#include <string.h>

const char *const gm_layout_names[] = {"folder", "tar", NULL};

static bool is_tar(const void *opts)
{
    return ((const struct gm_layout_opts *)opts)->layout == GM_LAYOUT_TAR;
}

enum gm_stream_mode gm_layout_mode(const void *opts)
{
    return is_tar(opts) ? GM_STREAM_SHARDS : GM_STREAM_FILES;
}

const char *gm_layout_extension(const void *opts)
{
    return is_tar(opts) ? ".tar" : "";
}

uint64_t gm_layout_shard_bytes(const void *opts)
{
    return ((const struct gm_layout_opts *)opts)->shard_bytes;
}

const void *gm_layout_trailer(const void *opts, size_t *n_bytes)
{
    *n_bytes = is_tar(opts) ? GM_TAR_END_BYTES : 0;
    return gm_tar_end;
}

enum gm_status gm_layout_open(void *ctx, const void *opts, const struct gm_batch *schema,
                              struct gm_err *err)
{
    struct gm_layout_ctx *layout = ctx;
    layout->opts = opts;
    gm_buf_init(&layout->name);
    gm_buf_init(&layout->json);
    enum gm_status status = gm_sink_row_init(&layout->row, schema, NULL, NULL, err);
    if (status != GM_OK)
        gm_sink_row_free(&layout->row);
    return status;
}

void gm_layout_close(void *ctx)
{
    struct gm_layout_ctx *layout = ctx;
    gm_sink_row_free(&layout->row);
    gm_buf_free(&layout->name);
    gm_buf_free(&layout->json);
}

/* The key, and a dot. */
static void put_key(struct gm_buf *out, struct gm_view name)
{
    const uint8_t *slash = memrchr(name.data, '/', name.n_bytes);
    size_t base_at = slash ? (size_t)(slash - name.data) + 1 : 0;
    gm_buf_append(out, name.data, base_at);
    for (size_t i = base_at; i < name.n_bytes; i++)
        if (name.data[i] == '.')
            gm_buf_text(out, "%2E");
        else
            gm_buf_char(out, (char)name.data[i]);
    gm_buf_char(out, '.');
}

void gm_layout_sample(struct gm_layout_ctx *ctx, const struct gm_layout_file *file,
                      struct gm_buf *tar)
{
    gm_buf_clear(&ctx->name);
    gm_buf_clear(&ctx->json);
    put_key(&ctx->name, file->name);
    size_t key_bytes = ctx->name.n_bytes;
    gm_buf_text(&ctx->name, file->field);
    gm_sink_row_put(&ctx->row, file->batch, file->row, &ctx->json);
    if (ctx->name.failed || ctx->json.failed) {
        tar->failed = true;
        return;
    }
    gm_tar_put(tar, (const char *)ctx->name.data, ctx->name.n_bytes, file->data.data,
               file->data.n_bytes);
    ctx->name.n_bytes = key_bytes;
    gm_buf_text(&ctx->name, "json");
    tar->failed |= ctx->name.failed;
    gm_tar_put(tar, (const char *)ctx->name.data, ctx->name.n_bytes, ctx->json.data,
               ctx->json.n_bytes);
}
