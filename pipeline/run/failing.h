/* Items that fail in every generation: a page that is gone stays on the list, is tried again by
 * every run, and is no news as long as it fails in the same way. Such an item has a line in
 * items.jsonl, and no reject and no place in the counts of records. */
#ifndef GM_RUN_FAILING_H
#define GM_RUN_FAILING_H

#include "base/err.h"
#include <stdint.h>

#define GM_ITEM_FAILING "failing" /* the status in items.jsonl */

/* Counts them in the generation's items.jsonl. Supervisor, when the generation is complete. */
enum gm_status gm_failing_count(int generation_fd, uint64_t *n_failing, struct gm_err *err);

#endif
