/* A feed and a lister's sink in memory, for tests of the input side without an engine.
 *
 * The functions of source.h that they stand in for are defined weak: a test that links the real
 * ones gets those. Single-threaded but for gm_feed_count. */
#ifndef GM_TEST_FAKE_FEED_H
#define GM_TEST_FAKE_FEED_H

#include "source.h"
#include <stdio.h>

struct gm_feed *fake_feed_new(uint64_t inline_bytes, int spool_fd);
void fake_feed_free(struct gm_feed *feed);
/* Where items come from: next returns GM_OK, or GM_END. */
typedef enum gm_status fake_feed_source(void *context, struct gm_item *item, struct gm_err *err);
void fake_feed_set_source(struct gm_feed *feed, fake_feed_source *source, void *context);
/* Called with each outcome; what it leaves in *fetched is freed. */
typedef void fake_feed_sink(void *context, struct gm_fetched *fetched);
void fake_feed_set_sink(struct gm_feed *feed, fake_feed_sink *sink, void *context);
/* At most this many items are out at once, then gm_feed_next says GM_AGAIN. 0: no bound. */
void fake_feed_set_window(struct gm_feed *feed, uint64_t n_items);
uint64_t fake_feed_n_done(const struct gm_feed *feed);
uint64_t fake_feed_n_requests(const struct gm_feed *feed);
uint64_t fake_feed_n_retries(const struct gm_feed *feed);

/* Items as a lister added them, copied. */
struct gm_lister_sink *fake_items_new(void);
void fake_items_free(struct gm_lister_sink *items);
size_t fake_items_count(const struct gm_lister_sink *items);
const struct gm_item *fake_items_at(const struct gm_lister_sink *items, size_t i);
/* With keep off, items are counted and dropped. */
void fake_items_set_keep(struct gm_lister_sink *items, bool keep);

#endif
