/* Stage dedup: exact deduplication. It computes a 128-bit key of the text as it is at this place of
 * the chain; the engine passes the keys through an ordered gate, which keeps the first record of
 * each key in input order and drops the others.
 *
 * The chain up to here runs twice for every record, so it belongs behind normalize and in front of
 * stats. What stands behind it sees the survivors only. */
#include "base/hash.h"
#include "stage.h"

enum { IN_TEXT };
enum { OUT_KEY };

struct ctx {
    struct gm_bind bind;
};

static const struct gm_opt opts[] = {GM_OPT_END};

static const struct gm_column_def in[] = {
    [IN_TEXT] = {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, "what is compared"},
    GM_COLUMN_END};

static const struct gm_column_def out[] = {
    [OUT_KEY] = {"dedup_key", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, "XXH3-128 of the text"},
    GM_COLUMN_END};

static enum gm_status open_dedup(void *ctx, const void *options, const struct gm_prepared *prepared,
                                 const struct gm_bind *bind, struct gm_err *err)
{
    (void)options;
    (void)prepared;
    (void)err;
    ((struct ctx *)ctx)->bind = *bind;
    return GM_OK;
}

static enum gm_status process(void *ctx, struct gm_batch *batch, uint32_t row, struct gm_err *err)
{
    const struct gm_bind *bind = &((struct ctx *)ctx)->bind;
    struct gm_view text = gm_batch_view(batch, bind->in[IN_TEXT], row);
    struct gm_hash128 hash = gm_xxh128(text.data, text.n_bytes);
    (void)err;
    if (!gm_batch_set_copy(batch, bind->out[OUT_KEY], row, &hash, sizeof hash))
        return GM_NOMEM;
    return GM_OK;
}

const struct gm_stage gm_text_dedup = {
    .name = "dedup",
    .family = "text",
    .summary = "keeps the first of records with the same text",
    .in = in,
    .out = out,
    .opts = opts,
    .ctx_bytes = sizeof(struct ctx),
    .open = open_dedup,
    .process = process,
    .gate_key = "dedup_key",
    .gate_reason = GM_REASON_TEXT_DUPLICATE,
};
