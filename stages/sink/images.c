/* The sink "images": the gray files, as a folder that mirrors the input's names or as WebDataset
 * shards with each picture's features beside it. Names and bytes come from the gray stage. */
#include "sink/layout.h"

#include <stddef.h>
#include <string.h>

static const struct gm_opt images_opt_table[] = {
    GM_LAYOUT_OPTS("folder"),
    GM_OPT_END,
};

static const char *const images_columns[] = {"file", "gray_image", NULL};

struct images {
    struct gm_layout_ctx layout;
    int file, image; /* columns */
};

static enum gm_status images_open(void *ctx, const void *opts, const struct gm_batch *schema,
                                  struct gm_err *err)
{
    struct images *images = ctx;
    images->file = gm_batch_find(schema, "file");
    images->image = gm_batch_find(schema, "gray_image");
    GM_ASSERT(images->file != GM_NO_COLUMN && images->image != GM_NO_COLUMN);
    return gm_layout_open(ctx, opts, schema, err);
}

/* The extension of a name in lower case ("jpg"); "bin" if it has none. */
static const char *field_of(struct gm_view name, char field[8])
{
    const uint8_t *dot = memrchr(name.data, '.', name.n_bytes);
    size_t n = dot ? (size_t)(name.data + name.n_bytes - dot) - 1 : 0;
    if (n == 0 || n >= 8 || memchr(dot, '/', n + 1))
        return "bin";
    for (size_t i = 0; i < n; i++)
        field[i] = (char)(dot[1 + i] >= 'A' && dot[1 + i] <= 'Z' ? dot[1 + i] | 32 : dot[1 + i]);
    field[n] = '\0';
    return field;
}

static enum gm_status put_file(struct images *images, struct gm_view name, struct gm_view data,
                               struct gm_out *out, struct gm_err *err)
{
    struct gm_buf *text = &images->layout.name;
    gm_buf_clear(text);
    gm_buf_append(text, name.data, name.n_bytes);
    const char *path = gm_buf_cstr(text);
    if (text->failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the name of an image");
    return gm_out_part(out, path, data.data, data.n_bytes, 1, err);
}

static enum gm_status images_encode(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                                    struct gm_err *err)
{
    struct images *images = ctx;
    bool folder = images->layout.opts->layout == GM_LAYOUT_FOLDER;
    struct gm_buf *tar = folder ? NULL : gm_out_begin(out);
    uint32_t n_records = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        struct gm_layout_file file = {.batch = batch,
                                      .row = row,
                                      .name = gm_batch_view(batch, images->file, row),
                                      .data = gm_batch_view(batch, images->image, row)};
        char field[8];
        if (batch->reasons[row] != GM_REASON_NONE || !file.name.data || !file.data.data)
            continue;
        n_records++;
        if (folder) {
            enum gm_status status = put_file(images, file.name, file.data, out, err);
            if (status != GM_OK)
                return status;
            continue;
        }
        file.field = field_of(file.name, field);
        gm_layout_sample(&images->layout, &file, tar);
    }
    return folder ? GM_OK : gm_out_end(out, n_records, err);
}

const struct gm_sink gm_sink_images = {
    .name = "images",
    .summary = "gray images, as a folder or as WebDataset shards",
    .family = "image",
    .opts = images_opt_table,
    .opts_bytes = sizeof(struct gm_layout_opts),
    .ctx_bytes = sizeof(struct images),
    .columns = images_columns,
    .mode = gm_layout_mode,
    .extension = gm_layout_extension,
    .shard_bytes = gm_layout_shard_bytes,
    .trailer = gm_layout_trailer,
    .open = images_open,
    .encode = images_encode,
    .close = gm_layout_close,
};
