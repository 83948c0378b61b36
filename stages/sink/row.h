/* A row of a batch as one JSON object, the same in every sink:
 *
 *   {"id":"000000017.000003","source":"...","name":null,"media":"text", ...columns..., "meta":null}
 *
 * Columns stand in the order in which stages first added them; of several with one name only the
 * last counts, and it stands only if it is visible. BYTES columns are never written. A null is
 * written as null, so that every object of a run has the same keys; so is a number that JSON does
 * not have (NaN). Keys are encoded once, when the writer is set up. One process. */
#ifndef GM_SINK_ROW_H
#define GM_SINK_ROW_H

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "batch.h"

struct gm_sink_field {
    int column;
    uint32_t key_at, key_bytes; /* in gm_sink_row.keys: comma, key, colon */
    void (*put)(struct gm_buf *buf, const struct gm_column *column, uint32_t row);
};

struct gm_sink_row {
    struct gm_sink_field fields[GM_MAX_COLUMNS];
    uint32_t n_fields;
    struct gm_buf keys;
};

/* Picks the fields. only: their names, an empty list means all; but: names to leave out; either may
 * be NULL. "id" is always there. GM_CONFIG: a name in a list that is no field. GM_NOMEM. */
enum gm_status gm_sink_row_init(struct gm_sink_row *row, const struct gm_batch *schema,
                                const struct gm_opt_list *only, const struct gm_opt_list *but,
                                struct gm_err *err);
void gm_sink_row_free(struct gm_sink_row *row); /* all zeros allowed */
/* Appends the object, without a newline. A failed allocation shows in buf->failed. */
void gm_sink_row_put(const struct gm_sink_row *row, const struct gm_batch *batch, uint32_t number,
                     struct gm_buf *buf);
/* "000000017.000003" with a NUL; returns its length. */
size_t gm_sink_row_id(const struct gm_batch *batch, uint32_t number, char text[GM_RECORD_ID_BYTES]);

#endif
