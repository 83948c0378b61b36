/* The rows of sink_rows.h. */
#include "sink_rows.h"

#include "media.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct gm_column_def defs[] = {
    {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, NULL},
    {"count", GM_TYPE_U64, GM_COLUMN_VISIBLE, NULL, NULL},
    {"delta", GM_TYPE_I64, GM_COLUMN_VISIBLE, NULL, NULL},
    {"ratio", GM_TYPE_F64, GM_COLUMN_VISIBLE, NULL, NULL},
    {"flag", GM_TYPE_BOOL, GM_COLUMN_VISIBLE, NULL, NULL},
    {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, NULL},
    {"ids", GM_TYPE_LIST_U32, GM_COLUMN_VISIBLE, NULL, NULL},
    {"hidden", GM_TYPE_STRING, GM_COLUMN_HIDDEN, NULL, NULL},
    {"file", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, NULL},
    {"gray_image", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, NULL},
};

static const char *const texts[] = {
    "plain",
    "",
    "quotes \" and \\ and /",
    "lines\nand\r\ntabs\t",
    "\x01\x02\x1f\x7f controls",
    "dropped",
    "ümläut 日本語 😀 \xe2\x80\xa8 separator",
    "{\"looks\":\"like json\"}",
    "                                                  \" late quote",
    "x",
    "0123456789abcdef0123456789abcde\"",
    "\xef\xbf\xbf noncharacter",
};
static const char *const files[] = {
    "a.jpg",       "b/a.jpg",     "b/a.png",       "b.c/d.e.f.PNG",
    ".hidden.png", "dropped.jpg", "日本/写真.jpg", "with space/%25.jpg",
    NULL,          NULL,          "deep/1.png",    "deep/2",
};

static void set_text(struct gm_batch *batch, int column, uint32_t row, const char *text)
{
    GM_ASSERT(gm_batch_set_copy(batch, column, row, text, strlen(text)));
}

/* Paths over 100 and over 255 bytes, with and without a place to cut. */
static const char *long_file(uint32_t row, char path[400])
{
    memset(path, 'n', 399);
    path[399] = '\0';
    if (row == 8) {
        for (size_t i = 40; i < 180; i += 40)
            path[i] = '/';
        memcpy(path + 180, ".jpg", 5);
    } else {
        memcpy(path + 300, ".png", 5);
    }
    return path;
}

static void fill_input(struct gm_batch *batch, uint32_t row)
{
    static const char body[] = "body \0 of a file";
    gm_batch_set_u64(batch, GM_IN_ITEM, row, 17 + row / 2);
    if (row % 2)
        gm_batch_set_u64(batch, GM_IN_MEMBER, row, row);
    set_text(batch, GM_IN_SOURCE, row, "http://a.example/\"x\"?ü");
    if (row % 3)
        set_text(batch, GM_IN_NAME, row, texts[row]);
    gm_batch_set_u64(batch, GM_IN_MEDIA, row, row == 9 ? GM_MEDIA_JSON_LINE : GM_MEDIA_JPEG);
    gm_batch_set_view(batch, GM_IN_BODY, row, body, sizeof body - row);
    if (row % 4)
        set_text(batch, GM_IN_META, row, row == 2 ? "{\"a\":\r\n1}" : "{\"label\":[1,null]}");
}

static void fill_columns(struct gm_batch *batch, uint32_t row)
{
    static const double ratios[] = {0.5, -0.0, 1e300, 1.0 / 3, 5e-324, 1, 123456789.0};
    set_text(batch, SINK_TEXT_SHADOWED, row, "shadowed");
    set_text(batch, SINK_HIDDEN, row, "hidden");
    set_text(batch, SINK_TEXT, row, texts[row]);
    gm_batch_set_u64(batch, SINK_COUNT, row, row == 1 ? UINT64_MAX : row);
    gm_batch_set_i64(batch, SINK_DELTA, row, row == 1 ? INT64_MIN : -(int64_t)row);
    gm_batch_set_f64(batch, SINK_RATIO, row, row == 7 ? NAN : ratios[row % 7]);
    gm_batch_set_u64(batch, SINK_FLAG, row, row % 2);
    uint32_t ids[] = {1, row, UINT32_MAX};
    GM_ASSERT(gm_batch_set_copy(batch, SINK_IDS, row, ids, row % 4 * sizeof *ids));
    char path[400];
    set_text(batch, SINK_FILE, row, files[row] ? files[row] : long_file(row, path));
    uint8_t image[1024];
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * row);
    GM_ASSERT(gm_batch_set_copy(batch, SINK_IMAGE, row, image, 500 + row * 2));
}

void sink_rows_fill(struct gm_batch *batch)
{
    gm_batch_reset(batch);
    batch->n_rows = SINK_ROWS;
    batch->reasons = gm_batch_alloc(batch, SINK_ROWS * sizeof *batch->reasons);
    batch->messages = gm_batch_alloc(batch, SINK_ROWS * sizeof *batch->messages);
    GM_ASSERT(batch->reasons && batch->messages);
    memset(batch->reasons, 0, SINK_ROWS * sizeof *batch->reasons);
    memset(batch->messages, 0, SINK_ROWS * sizeof *batch->messages);
    for (int i = 0; i < GM_IN_COUNT; i++)
        GM_ASSERT(gm_batch_add_column(batch, &gm_input_columns[i]) == i);
    for (size_t i = 0; i < GM_ARRAY_LEN(defs); i++)
        GM_ASSERT(gm_batch_add_column(batch, &defs[i]) == (int)(GM_IN_COUNT + i));
    for (uint32_t row = 0; row < SINK_ROWS; row++) {
        fill_input(batch, row);
        if (row != 9)
            fill_columns(batch, row);
    }
    gm_batch_reject(batch, 5, GM_REASON_TEXT_EMPTY, "dropped");
}

enum gm_status sink_run_open(struct sink_run *run, const struct gm_sink *sink, const char *settings,
                             const struct gm_batch *schema, struct gm_err *err)
{
    run->sink = sink;
    run->opts = calloc(1, sink->opts_bytes);
    run->ctx = calloc(1, sink->ctx_bytes);
    GM_ASSERT(run->opts && run->ctx);
    gm_opts_init(sink->opts, run->opts, sink->opts_bytes);
    for (const char *at = settings; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " "), n_name = strcspn(at, "=");
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)n_name, at);
        const struct gm_opt *opt = gm_opt_find(sink->opts, name);
        GM_ASSERT(opt && n_name < n);
        GM_ASSERT(gm_opt_apply(opt, run->opts, at + n_name + 1, n - n_name - 1, NULL) == GM_OK);
        at += n;
    }
    return sink->open(run->ctx, run->opts, schema, err);
}

void sink_run_close(struct sink_run *run)
{
    run->sink->close(run->ctx);
    gm_opts_free(run->sink->opts, run->opts);
    free(run->opts);
    free(run->ctx);
}

void sink_run_encode(struct sink_run *run, const struct gm_batch *batch, struct gm_out *out)
{
    gm_out_reset(out);
    out->stream = GM_STREAM_FIRST_SINK;
    GM_ASSERT(run->sink->encode(run->ctx, batch, out, NULL) == GM_OK);
    GM_ASSERT(gm_out_finish(out, NULL) == GM_OK);
}
