/* Threads that read local files: small ones into memory, large ones and containers as a descriptor.
 * They are apart from the network threads, because reading a disk blocks. */
#ifndef GM_FETCH_LOCAL_H
#define GM_FETCH_LOCAL_H

#include "fetch/exchange.h"
#include "fetch/fetch_opts.h"

struct gm_local;

/* Starts n_threads threads that take file jobs until the exchange stops. settings, exchange and
 * feed must outlive them; the feed is used for counters only. */
enum gm_status gm_local_start(unsigned n_threads, const struct gm_fetch_settings *settings,
                              struct gm_exchange *exchange, struct gm_feed *feed,
                              struct gm_local **local, struct gm_err *err);
/* Waits for the threads (after gm_exchange_stop). NULL allowed. */
void gm_local_join(struct gm_local *local);

/* One file, in the calling thread: gives the job its verdict. */
void gm_local_read(const struct gm_fetch_settings *settings, struct gm_job *job);

#endif
