/* See image_row.h. Columns are bound by name, as the planner does it. */
#include "image_row.h"

#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>

#define N_STAGES    2
#define MAX_BINDING 32

extern const struct gm_stage gm_image_gray, gm_image_features;
static const struct gm_stage *const stages[N_STAGES] = {&gm_image_gray, &gm_image_features};

struct image_row {
    struct gm_batch batch;
    void *opts[N_STAGES], *ctx[N_STAGES];
    int in[N_STAGES][MAX_BINDING], out[N_STAGES][MAX_BINDING];
    struct gm_bind binds[N_STAGES];
    char message[600];
};

static void die(const char *what, const struct gm_err *err)
{
    fprintf(stderr, "image_row: %s: %s\n", what, err ? err->text : "");
    exit(99);
}

static void bind(struct image_row *row, size_t i)
{
    for (size_t k = 0; stages[i]->in[k].name; k++)
        row->in[i][k] = gm_batch_find(&row->batch, stages[i]->in[k].name);
    for (size_t k = 0; stages[i]->out[k].name; k++)
        row->out[i][k] = gm_batch_add_column(&row->batch, &stages[i]->out[k]);
    row->binds[i] = (struct gm_bind){.in = row->in[i], .out = row->out[i]};
}

/* One row and all columns, null. */
static void start_batch(struct image_row *row)
{
    struct gm_batch *batch = &row->batch;
    gm_batch_reset(batch);
    batch->n_rows = 1;
    batch->reasons = gm_batch_alloc(batch, sizeof(*batch->reasons));
    batch->messages = gm_batch_alloc(batch, sizeof(*batch->messages));
    if (!batch->reasons || !batch->messages)
        die("memory", NULL);
    batch->reasons[0] = GM_REASON_NONE;
    batch->messages[0] = (struct gm_view){NULL, 0};
    for (int i = 0; i < GM_IN_COUNT; i++)
        gm_batch_add_column(batch, &gm_input_columns[i]);
    for (size_t i = 0; i < N_STAGES; i++)
        bind(row, i);
}

static void apply(struct image_row *row, const char *setting)
{
    struct gm_err err = {0};
    const char *equals = strchr(setting, '=');
    char *name = equals ? strndup(setting, (size_t)(equals - setting)) : NULL;
    for (size_t i = 0; name && i < N_STAGES; i++) {
        const struct gm_opt *opt = gm_opt_find(stages[i]->opts, name);
        if (opt && gm_opt_apply(opt, row->opts[i], equals + 1, strlen(equals + 1), &err))
            die(setting, &err);
        if (opt) {
            free(name);
            return;
        }
    }
    die(setting, NULL);
}

static void open_stage(struct image_row *row, size_t i)
{
    struct gm_err err = {0};
    if ((stages[i]->check && stages[i]->check(row->opts[i], &err)) ||
        stages[i]->open(row->ctx[i], row->opts[i], NULL, &row->binds[i], &err))
        die(stages[i]->name, &err);
}

struct image_row *image_row_new(const char *const *settings)
{
    struct image_row *row = calloc(1, sizeof(*row));
    if (!row)
        die("memory", NULL);
    gm_batch_init(&row->batch);
    start_batch(row);
    for (size_t i = 0; i < N_STAGES; i++) {
        row->opts[i] = calloc(1, stages[i]->opts_bytes);
        row->ctx[i] = calloc(1, stages[i]->ctx_bytes);
        if (!row->opts[i] || !row->ctx[i])
            die("memory", NULL);
        gm_opts_init(stages[i]->opts, row->opts[i], stages[i]->opts_bytes);
    }
    for (; settings && *settings; settings++)
        apply(row, *settings);
    for (size_t i = 0; i < N_STAGES; i++)
        open_stage(row, i);
    return row;
}

void image_row_free(struct image_row *row)
{
    for (size_t i = 0; i < N_STAGES; i++) {
        if (stages[i]->close)
            stages[i]->close(row->ctx[i]);
        gm_opts_free(stages[i]->opts, row->opts[i]);
        free(row->opts[i]);
        free(row->ctx[i]);
    }
    gm_batch_free(&row->batch);
    free(row);
}

void image_row_end_block(struct image_row *row)
{
    struct gm_err err = {0};
    stages[0]->flush(row->ctx[0], &row->batch, &err);
}

enum gm_reason image_row_run(struct image_row *row, const struct image_row_input *input)
{
    struct gm_batch *batch = &row->batch;
    struct gm_err err = {0};
    image_row_end_block(row); /* the one before */
    start_batch(row);
    const char *name = input->name;
    gm_batch_set_u64(batch, GM_IN_ITEM, 0, input->item);
    if (input->member != UINT64_MAX)
        gm_batch_set_u64(batch, GM_IN_MEMBER, 0, input->member);
    if (name)
        gm_batch_set_view(batch, GM_IN_NAME, 0, name, strlen(name));
    gm_batch_set_u64(batch, GM_IN_MEDIA, 0, gm_media_sniff(input->data, input->n_bytes, "", 0));
    gm_batch_set_view(batch, GM_IN_BODY, 0, input->data, input->n_bytes);
    for (size_t i = 0; i < N_STAGES && batch->reasons[0] == GM_REASON_NONE; i++) {
        enum gm_status status = stages[i]->process(row->ctx[i], batch, 0, &err);
        if (status == GM_NOMEM)
            gm_batch_reject(batch, 0, GM_REASON_LIMIT_MEMORY, "%s", err.text);
        else if (status != GM_OK)
            die(stages[i]->name, &err);
    }
    return (enum gm_reason)batch->reasons[0];
}

const struct gm_batch *image_row_batch(const struct image_row *row)
{
    return &row->batch;
}

const char *image_row_message(struct image_row *row)
{
    struct gm_view message = row->batch.messages[0];
    snprintf(row->message, sizeof(row->message), "%.*s", (int)message.n_bytes,
             message.data ? (const char *)message.data : "");
    return row->message;
}

struct gm_view image_row_view(const struct image_row *row, const char *column)
{
    return gm_batch_view(&row->batch, gm_batch_find(&row->batch, column), 0);
}

uint64_t image_row_u64(const struct image_row *row, const char *column)
{
    return gm_batch_u64(&row->batch, gm_batch_find(&row->batch, column), 0);
}

double image_row_f64(const struct image_row *row, const char *column)
{
    return gm_batch_f64(&row->batch, gm_batch_find(&row->batch, column), 0);
}

uint8_t *image_row_read(const char *path, size_t *n_bytes)
{
    struct gm_buf buf = GM_BUF_INIT;
    struct gm_err err = {0};
    if (gm_read_file(AT_FDCWD, path, (size_t)1 << 30, &buf, &err))
        die(path, &err);
    *n_bytes = buf.n_bytes;
    return buf.data ? buf.data : calloc(1, 1);
}
