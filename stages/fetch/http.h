/* One network thread: an epoll loop around two HTTP clients with its share of the connections. It
 * takes jobs from the exchange when it has free slots and gives them back with their verdict. */
#ifndef GM_FETCH_HTTP_H
#define GM_FETCH_HTTP_H

#include "fetch/exchange.h"
#include "fetch/fetch_opts.h"
#include "fetch/spool.h"

struct gm_http;

struct gm_http_place {
    unsigned thread;  /* number in the exchange */
    unsigned n_slots; /* requests at once, >= 1; its share of them may become less */
    bool asks;        /* for another thread when it is as busy as it can be */
    const struct gm_fetch_settings *settings;
    const struct gm_spool *spool;
    struct gm_exchange *exchange;
    struct gm_feed *feed; /* for counters only */
};

/* Starts the thread, with all signals blocked. place is copied. */
enum gm_status gm_http_start(const struct gm_http_place *place, struct gm_http **http,
                             struct gm_err *err);
/* Waits for the thread (after gm_exchange_stop) and frees everything. NULL allowed. */
void gm_http_join(struct gm_http *http);

#endif
