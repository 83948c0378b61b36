/* Writes what the sinks make of the rows of sink_rows.h, for readers that are not ours:
 *
 *      tool_sink DIR       records.jsonl, records.jsonl.zst, images.tar, bodies.tar (two parts
 * each)
 */
#include "sink_rows.h"

#include "base/fs.h"
#include <fcntl.h>

extern const struct gm_sink gm_sink_records, gm_sink_images, gm_sink_bodies;

static const struct {
    const char *file;
    const struct gm_sink *sink;
    const char *settings;
} outputs[] = {
    {"records.jsonl", &gm_sink_records, "format=jsonl"},
    {"records.jsonl.zst", &gm_sink_records, "format=jsonl.zst"},
    {"images.tar", &gm_sink_images, "layout=tar"},
    {"bodies.tar", &gm_sink_bodies, "layout=tar"},
};

static void append_parts(const struct gm_out *out, struct gm_buf *file)
{
    size_t offset = sizeof(struct gm_out_header);
    struct gm_out_part part;
    const uint8_t *name, *data;
    while (gm_out_next(out->bytes.data, out->bytes.n_bytes, &offset, &part, &name, &data, NULL) ==
           GM_OK)
        gm_buf_append(file, data, part.n_bytes);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return gm_status_exit_code(GM_USAGE);
    struct gm_batch batch;
    struct gm_out out;
    int dir_fd = -1;
    GM_ASSERT(gm_open_at(AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY, &dir_fd, NULL) == GM_OK);
    gm_batch_init(&batch);
    gm_out_init(&out);
    sink_rows_fill(&batch);
    for (size_t i = 0; i < GM_ARRAY_LEN(outputs); i++) {
        struct sink_run run;
        struct gm_buf file = GM_BUF_INIT;
        GM_ASSERT(sink_run_open(&run, outputs[i].sink, outputs[i].settings, &batch, NULL) == GM_OK);
        /* Two blocks: all rows, then the others of another item's number. */
        sink_run_encode(&run, &batch, &out);
        append_parts(&out, &file);
        for (uint32_t row = 0; row < batch.n_rows; row++) {
            gm_batch_set_u64(&batch, GM_IN_ITEM, row, 900 + row);
            struct gm_view name = gm_batch_view(&batch, SINK_FILE, row);
            if (name.data)
                GM_ASSERT(gm_batch_set_copy(&batch, SINK_FILE, row, "x.png", 5));
            batch.reasons[row] = row == 3 ? GM_REASON_NONE : GM_REASON_TEXT_EMPTY;
        }
        sink_run_encode(&run, &batch, &out);
        append_parts(&out, &file);
        if (outputs[i].sink->trailer) {
            size_t n_end;
            const void *end = outputs[i].sink->trailer(run.opts, &n_end);
            gm_buf_append(&file, end, n_end);
        }
        GM_ASSERT(gm_write_file_durable(dir_fd, outputs[i].file, file.data, file.n_bytes, NULL) ==
                  GM_OK);
        gm_buf_free(&file);
        sink_run_close(&run);
        sink_rows_fill(&batch);
    }
    gm_out_free(&out);
    gm_batch_free(&batch);
    gm_close(&dir_fd);
    return 0;
}
