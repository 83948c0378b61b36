/* What the sinks of files share: a folder of files, or tar shards in the way of WebDataset, where
 * the members of a sample follow each other and share a name up to the first dot.
 *
 * In a tar the dots of a file's own name become %2E, so that KEY.FIELD splits where readers split
 * it, and no two files share a key: "cats/1.jpg" becomes "cats/1%2Ejpg.jpg" and
 * "cats/1%2Ejpg.json". */
#ifndef GM_SINK_LAYOUT_H
#define GM_SINK_LAYOUT_H

#include "base/opt.h"
#include "sink.h"
#include "sink/row.h"

enum gm_layout { GM_LAYOUT_FOLDER, GM_LAYOUT_TAR };

struct gm_layout_opts {
    int layout; /* enum gm_layout */
    uint64_t shard_bytes;
};

extern const char *const gm_layout_names[];
/* Rows for the option table of a struct that starts with struct gm_layout_opts. */
#define GM_LAYOUT_OPTS(default_layout)                                                             \
    {"layout",        GM_OPT_ENUM, offsetof(struct gm_layout_opts, layout),                        \
     default_layout,  0,           0,                                                              \
     gm_layout_names, NULL,        "folder: one file each; tar: WebDataset shards"},               \
    {                                                                                              \
        "shard", GM_OPT_BYTES, offsetof(struct gm_layout_opts, shard_bytes), "256MB", 1024, 1e15,  \
            NULL, NULL, "a tar shard is closed before it would grow larger than this"              \
    }

struct gm_layout_ctx {
    const struct gm_layout_opts *opts;
    struct gm_sink_row row;
    struct gm_buf name, json;
};

/* Hooks of struct gm_sink; opts starts with struct gm_layout_opts, ctx with gm_layout_ctx. */
enum gm_stream_mode gm_layout_mode(const void *opts);
const char *gm_layout_extension(const void *opts);
uint64_t gm_layout_shard_bytes(const void *opts);
const void *gm_layout_trailer(const void *opts, size_t *n_bytes);
enum gm_status gm_layout_open(void *ctx, const void *opts, const struct gm_batch *schema,
                              struct gm_err *err);
void gm_layout_close(void *ctx);

struct gm_layout_file {
    const struct gm_batch *batch;
    uint32_t row;
    struct gm_view name; /* what the key is made of */
    const char *field;   /* extension of the data: "jpg" */
    struct gm_view data;
};

/* Appends to a tar run: KEY.FIELD with the data and KEY.json with the row's object. */
void gm_layout_sample(struct gm_layout_ctx *ctx, const struct gm_layout_file *file,
                      struct gm_buf *tar);

#endif
