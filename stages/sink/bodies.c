/* The sink "bodies": the bytes as they were fetched, under names that never come from the URL:
 *
 *      item-000000017.jpg      the body; the extension follows from its first bytes
 *      item-000000017.json     id, source, name, media, meta
 *
 * as a folder or as WebDataset shards. */
#include "sink/layout.h"

#include "media.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = GM_RECORD_ID_BYTES + 32 };

static const struct gm_opt bodies_opt_table[] = {
    GM_LAYOUT_OPTS("tar"),
    GM_OPT_END,
};

/* "item-000000017"; a member's dot becomes '-'. */
static size_t key_of(const struct gm_batch *batch, uint32_t row, char key[KEY_BYTES])
{
    char id[GM_RECORD_ID_BYTES];
    gm_sink_row_id(batch, row, id);
    char *dot = strchr(id, '.');
    if (dot)
        *dot = '-';
    return (size_t)snprintf(key, KEY_BYTES, "item-%s", id);
}

/* Extension of a body; "json" is taken by the description. */
static const char *field_of(enum gm_media media)
{
    return media == GM_MEDIA_JSON_LINE ? "jsonl" : gm_media_extension(media);
}

static enum gm_status put_files(struct gm_layout_ctx *layout, const struct gm_layout_file *file,
                                struct gm_out *out, struct gm_err *err)
{
    char name[KEY_BYTES];
    gm_buf_clear(&layout->json);
    gm_sink_row_put(&layout->row, file->batch, file->row, &layout->json);
    gm_buf_char(&layout->json, '\n');
    if (layout->json.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the description of a file");
    snprintf(name, sizeof name, "%s.%s", (const char *)file->name.data, file->field);
    enum gm_status status = gm_out_part(out, name, file->data.data, file->data.n_bytes, 1, err);
    snprintf(name, sizeof name, "%s.json", (const char *)file->name.data);
    return status == GM_OK ? gm_out_part(out, name, layout->json.data, layout->json.n_bytes, 0, err)
                           : status;
}

static enum gm_status bodies_encode(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                                    struct gm_err *err)
{
    struct gm_layout_ctx *layout = ctx;
    bool folder = layout->opts->layout == GM_LAYOUT_FOLDER;
    struct gm_buf *tar = folder ? NULL : gm_out_begin(out);
    uint32_t n_records = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        char key[KEY_BYTES];
        struct gm_layout_file file = {
            .batch = batch, .row = row, .data = gm_batch_view(batch, GM_IN_BODY, row)};
        file.name = (struct gm_view){(const uint8_t *)key, key_of(batch, row, key)};
        file.field = field_of((enum gm_media)gm_batch_u64(batch, GM_IN_MEDIA, row));
        n_records++;
        enum gm_status status = GM_OK;
        if (folder)
            status = put_files(layout, &file, out, err);
        else
            gm_layout_sample(layout, &file, tar);
        if (status != GM_OK)
            return status;
    }
    return folder ? GM_OK : gm_out_end(out, n_records, err);
}

const struct gm_sink gm_sink_bodies = {
    .name = "bodies",
    .summary = "fetched files as they came, as WebDataset shards or a folder",
    .family = "files",
    .opts = bodies_opt_table,
    .opts_bytes = sizeof(struct gm_layout_opts),
    .ctx_bytes = sizeof(struct gm_layout_ctx),
    .mode = gm_layout_mode,
    .extension = gm_layout_extension,
    .shard_bytes = gm_layout_shard_bytes,
    .trailer = gm_layout_trailer,
    .open = gm_layout_open,
    .encode = bodies_encode,
    .close = gm_layout_close,
};
