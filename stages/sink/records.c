/* The sink "records": one JSON object a row and line, a part a block. With zstd each part is a
 * frame of its own, with its size and checksum, so that shards can be read in parallel, cut at any
 * part, and are the same bytes however the work was spread. */
#include "sink/row.h"

#include "sink.h"
#include <stddef.h>
#include <string.h>
#include <zstd.h>

enum format { FORMAT_JSONL_ZST, FORMAT_JSONL };
static const char *const format_names[] = {"jsonl.zst", "jsonl", NULL};
static const char *const extensions[] = {".jsonl.zst", ".jsonl"};

struct records_opts {
    int format; /* enum format */
    uint64_t level;
    uint64_t shard_bytes;
    struct gm_opt_list fields;
    struct gm_opt_list exclude;
};

static const struct gm_opt records_opt_table[] = {
    {"format", GM_OPT_ENUM, offsetof(struct records_opts, format), "jsonl.zst", 0, 0, format_names,
     NULL, "format of the shards"},
    {"level", GM_OPT_U64, offsetof(struct records_opts, level), "1", 1, 19, NULL, NULL,
     "zstd compression level; higher is slower and smaller"},
    {"shard", GM_OPT_BYTES, offsetof(struct records_opts, shard_bytes), "256MB", 1024, 1e15, NULL,
     NULL, "a shard is closed before it would grow larger than this"},
    {"fields", GM_OPT_LIST, offsetof(struct records_opts, fields), NULL, 0, 0, NULL, NULL,
     "write only these fields (and id); default: all"},
    {"exclude", GM_OPT_LIST, offsetof(struct records_opts, exclude), NULL, 0, 0, NULL, NULL,
     "fields to leave out"},
    GM_OPT_END,
};

struct records {
    const struct records_opts *opts;
    struct gm_sink_row row;
    ZSTD_CCtx *zstd;     /* NULL for plain JSONL */
    struct gm_buf frame; /* compressed */
};

static enum gm_stream_mode records_mode(const void *opts)
{
    (void)opts;
    return GM_STREAM_SHARDS;
}

static const char *records_extension(const void *opts)
{
    return extensions[((const struct records_opts *)opts)->format];
}

static uint64_t records_shard_bytes(const void *opts)
{
    return ((const struct records_opts *)opts)->shard_bytes;
}

static void records_close(void *ctx)
{
    struct records *records = ctx;
    gm_sink_row_free(&records->row);
    ZSTD_freeCCtx(records->zstd);
    records->zstd = NULL;
    gm_buf_free(&records->frame);
}

static bool open_zstd(struct records *records)
{
    records->zstd = ZSTD_createCCtx();
    return records->zstd &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(records->zstd, ZSTD_c_compressionLevel,
                                                (int)records->opts->level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(records->zstd, ZSTD_c_checksumFlag, 1));
}

static enum gm_status records_open(void *ctx, const void *opts, const struct gm_batch *schema,
                                   struct gm_err *err)
{
    struct records *records = ctx;
    records->opts = opts;
    gm_buf_init(&records->frame);
    enum gm_status status = gm_sink_row_init(&records->row, schema, &records->opts->fields,
                                             &records->opts->exclude, err);
    if (status == GM_OK && records->opts->format == FORMAT_JSONL_ZST && !open_zstd(records))
        status = gm_err_set(err, GM_NOMEM, "no memory for the compressor");
    if (status != GM_OK)
        records_close(records);
    return status;
}

static enum gm_status compress(struct records *records, const struct gm_buf *text,
                               struct gm_err *err)
{
    gm_buf_clear(&records->frame);
    size_t bound = ZSTD_compressBound(text->n_bytes);
    if (!gm_buf_reserve(&records->frame, bound))
        return gm_err_set(err, GM_NOMEM, "no memory to compress %zu bytes", text->n_bytes);
    size_t n = ZSTD_compress2(records->zstd, records->frame.data, bound, text->data, text->n_bytes);
    if (ZSTD_isError(n))
        return gm_err_set(err, GM_NOMEM, "unable to compress %zu bytes: %s", text->n_bytes,
                          ZSTD_getErrorName(n));
    records->frame.n_bytes = n;
    return GM_OK;
}

static enum gm_status records_encode(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                                     struct gm_err *err)
{
    struct records *records = ctx;
    struct gm_buf *text = records->zstd ? gm_out_scratch(out) : gm_out_begin(out);
    uint32_t n_records = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        gm_sink_row_put(&records->row, batch, row, text);
        gm_buf_char(text, '\n');
        n_records++;
    }
    if (!records->zstd)
        return gm_out_end(out, n_records, err);
    if (text->failed)
        return gm_err_set(err, GM_NOMEM, "no memory for the records of a block");
    if (n_records == 0)
        return GM_OK;
    enum gm_status status = compress(records, text, err);
    if (status != GM_OK)
        return status;
    return gm_out_part(out, NULL, records->frame.data, records->frame.n_bytes, n_records, err);
}

const struct gm_sink gm_sink_records = {
    .name = "records",
    .summary = "one JSON object a record, in shards",
    .family = "",
    .opts = records_opt_table,
    .opts_bytes = sizeof(struct records_opts),
    .ctx_bytes = sizeof(struct records),
    .mode = records_mode,
    .extension = records_extension,
    .shard_bytes = records_shard_bytes,
    .open = records_open,
    .encode = records_encode,
    .close = records_close,
};
