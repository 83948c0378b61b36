/* Stage dedup: exact deduplication. It has no code of its own: the stage stats leaves a 128-bit key
 * of each text in the column text_key, and the engine passes the keys through an ordered gate,
 * which keeps the first record of each key in input order and drops the others. It must therefore
 * stand behind stats, and what stands behind it sees the survivors only. */
#include "stage.h"

static const struct gm_opt opts[] = {GM_OPT_END};

static const struct gm_column_def in[] = {
    {"text_key", GM_TYPE_BYTES, GM_COLUMN_HIDDEN, NULL, "key of the text, from the stage stats"},
    GM_COLUMN_END};

static const struct gm_column_def out[] = {GM_COLUMN_END};

const struct gm_stage gm_text_dedup = {
    .name = "dedup",
    .family = "text",
    .summary = "keeps the first of records with the same text",
    .in = in,
    .out = out,
    .opts = opts,
    .gate_key = "text_key",
    .gate_reason = GM_REASON_TEXT_DUPLICATE,
};
