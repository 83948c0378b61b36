/* The worker's loop over a chain, as small as it gets; see chain.h. */
#include "chain.h"

#include "run/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void chain_init(struct chain *chain)
{
    memset(chain, 0, sizeof *chain);
    gm_batch_init(&chain->batch);
}

static void apply(const struct gm_stage *stage, void *opts, const char *setting, size_t n_bytes)
{
    const char *equals = memchr(setting, '=', n_bytes);
    GM_ASSERT(equals);
    char *name = strndup(setting, (size_t)(equals - setting));
    const struct gm_opt *opt = gm_opt_find(stage->opts, name);
    GM_ASSERT(opt);
    struct gm_err err;
    const size_t value_bytes = n_bytes - (size_t)(equals + 1 - setting);
    GM_ASSERT(gm_opt_apply(opt, opts, equals + 1, value_bytes, &err) == GM_OK);
    free(name);
}

void chain_add(struct chain *chain, const struct gm_stage *stage, const char *settings)
{
    GM_ASSERT(chain->n_links < CHAIN_MAX_STAGES && !chain->is_open);
    struct chain_link *link = &chain->links[chain->n_links++];
    link->stage = stage;
    link->opts = calloc(1, stage->opts_bytes + 1);
    link->ctx = calloc(1, stage->ctx_bytes + 1);
    gm_opts_init(stage->opts, link->opts, stage->opts_bytes);
    while (settings && *settings) {
        const size_t n_bytes = strcspn(settings, " ");
        apply(stage, link->opts, settings, n_bytes);
        settings += n_bytes + strspn(settings + n_bytes, " ");
    }
    struct gm_err err;
    GM_ASSERT(!stage->check || stage->check(link->opts, &err) == GM_OK);
    GM_ASSERT(!stage->prepare ||
              gm_prepare(stage, link->opts, GM_SANDBOX_OFF, &link->prepared, &err) == GM_OK);
}

void chain_free(struct chain *chain)
{
    for (size_t i = 0; i < chain->n_links; i++) {
        struct chain_link *link = &chain->links[i];
        if (chain->is_open && link->stage->close)
            link->stage->close(link->ctx);
        gm_prepared_free(&link->prepared);
        gm_opts_free(link->stage->opts, link->opts);
        free(link->opts);
        free(link->ctx);
    }
    gm_batch_free(&chain->batch);
    chain_init(chain);
}

static void add_columns(struct chain *chain)
{
    for (int i = 0; i < GM_IN_COUNT; i++)
        GM_ASSERT(gm_batch_add_column(&chain->batch, &gm_input_columns[i]) == i);
    for (size_t i = 0; i < chain->n_links; i++) {
        struct chain_link *link = &chain->links[i];
        for (size_t c = 0; link->stage->in[c].name; c++) {
            link->in[c] = gm_batch_find(&chain->batch, link->stage->in[c].name);
            GM_ASSERT(link->in[c] != GM_NO_COLUMN);
        }
        for (size_t c = 0; link->stage->out[c].name; c++)
            link->out[c] = gm_batch_add_column(&chain->batch, &link->stage->out[c]);
        link->bind = (struct gm_bind){.in = link->in, .out = link->out};
    }
}

static void open_links(struct chain *chain)
{
    struct gm_err err;
    for (size_t i = 0; i < chain->n_links && !chain->is_open; i++) {
        struct chain_link *link = &chain->links[i];
        if (link->stage->open)
            GM_ASSERT(link->stage->open(link->ctx, link->opts, &link->prepared, &link->bind,
                                        &err) == GM_OK);
    }
    chain->is_open = true;
}

void chain_begin(struct chain *chain, const struct chain_row *rows, size_t n_rows)
{
    struct gm_batch *batch = &chain->batch;
    gm_batch_reset(batch);
    batch->n_rows = (uint32_t)n_rows;
    batch->reasons = gm_batch_alloc(batch, n_rows * sizeof *batch->reasons);
    batch->messages = gm_batch_alloc(batch, n_rows * sizeof *batch->messages);
    memset(batch->reasons, 0, n_rows * sizeof *batch->reasons);
    memset(batch->messages, 0, n_rows * sizeof *batch->messages);
    add_columns(chain);
    open_links(chain);
    for (uint32_t row = 0; row < n_rows; row++) {
        gm_batch_set_u64(batch, GM_IN_ITEM, row, row);
        gm_batch_set_u64(batch, GM_IN_MEDIA, row, rows[row].media);
        gm_batch_set_view(batch, GM_IN_BODY, row, rows[row].body, rows[row].n_bytes);
    }
}

void chain_step(struct chain *chain, size_t link, uint32_t row)
{
    const struct chain_link *each = &chain->links[link];
    struct gm_err err;
    if (each->stage->process)
        GM_ASSERT(each->stage->process(each->ctx, &chain->batch, row, &err) == GM_OK);
}

void chain_run(struct chain *chain, const struct chain_row *rows, size_t n_rows)
{
    chain_begin(chain, rows, n_rows);
    for (uint32_t row = 0; row < n_rows; row++)
        for (size_t i = 0; i < chain->n_links && !chain->batch.reasons[row]; i++)
            chain_step(chain, i, row);
}

void chain_run_text(struct chain *chain, enum gm_media media, const char *body)
{
    const struct chain_row row = {media, body, strlen(body)};
    chain_run(chain, &row, 1);
}

static int column_of(const struct chain *chain, const char *column)
{
    const int found = gm_batch_find(&chain->batch, column);
    GM_ASSERT(found != GM_NO_COLUMN);
    return found;
}

enum gm_reason chain_reason(const struct chain *chain, uint32_t row)
{
    GM_ASSERT(row < chain->batch.n_rows);
    return chain->batch.reasons[row];
}

bool chain_is_null(const struct chain *chain, const char *column, uint32_t row)
{
    return gm_batch_is_null(&chain->batch, column_of(chain, column), row);
}

uint64_t chain_u64(const struct chain *chain, const char *column, uint32_t row)
{
    GM_ASSERT(!chain_is_null(chain, column, row));
    return gm_batch_u64(&chain->batch, column_of(chain, column), row);
}

double chain_f64(const struct chain *chain, const char *column, uint32_t row)
{
    GM_ASSERT(!chain_is_null(chain, column, row));
    return gm_batch_f64(&chain->batch, column_of(chain, column), row);
}

struct gm_view chain_view(const struct chain *chain, const char *column, uint32_t row)
{
    return gm_batch_view(&chain->batch, column_of(chain, column), row);
}

bool chain_equals(const struct chain *chain, const char *column, uint32_t row, const char *wanted)
{
    const struct gm_view found =
        column ? chain_view(chain, column, row) : chain->batch.messages[row];
    if (found.data && found.n_bytes == strlen(wanted) &&
        memcmp(found.data, wanted, found.n_bytes) == 0)
        return true;
    printf("%s: found \"%.*s\"%s\n%*s wanted \"%s\"\n", column ? column : "message",
           (int)found.n_bytes, found.data ? (const char *)found.data : "",
           found.data ? "" : " (null)", (int)strlen(column ? column : "message"), "", wanted);
    return false;
}
