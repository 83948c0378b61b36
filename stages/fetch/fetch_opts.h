/* The values of the `fetch:` section and what is derived from them once. Read-only while threads
 * run. The table of options is in fetch_opts.c. */
#ifndef GM_FETCH_OPTS_H
#define GM_FETCH_OPTS_H

#include "base/err.h"
#include "base/opt.h"
#include "fetch/address.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_FETCH_MAX_THREADS 8

enum gm_fetch_client { GM_FETCH_CLIENT_OWN, GM_FETCH_CLIENT_LIBCURL };

struct gm_fetch_opts {
    uint64_t connections;
    uint64_t per_host;
    double rate;
    uint64_t retries;
    uint64_t backoff_ms;
    uint64_t backoff_max_ms;
    uint64_t retry_after_max_ms;
    uint64_t connect_timeout_ms;
    uint64_t give_up_after;
    uint64_t low_speed_bytes; /* per second; 0: off */
    uint64_t low_speed_time_ms;
    uint64_t deadline_ms;
    uint64_t max_body_bytes;
    uint64_t max_redirects;
    bool allow_private;
    struct gm_opt_list allow_net;
    char *contact;
    struct gm_opt_list headers;
    char *proxy;
    char *ca_file;
    struct gm_opt_list insecure_hosts;
    bool robots;
    char *threads;
    bool http2;
    bool sha256;
    int client; /* enum gm_fetch_client */
};

extern const struct gm_opt gm_fetch_opt_table[];

/* Combinations and texts that the table cannot check. GM_CONFIG with "option: ...". */
enum gm_status gm_fetch_opts_check(const void *opts, struct gm_err *err);

struct curl_slist;

/* Ready-made from the options; one for all threads. */
struct gm_fetch_settings {
    const struct gm_fetch_opts *opts;
    unsigned n_threads; /* at most, if it is as many as it takes */
    bool as_many_as_it_takes;
    struct gm_network *allowed;
    size_t n_allowed;
    char user_agent[256];
    struct curl_slist *headers;      /* for the URL's own host; NULL: none */
    struct curl_slist *safe_headers; /* without credentials, after a redirect to another host */
    uint64_t inline_bytes;
};

enum gm_status gm_fetch_settings_init(struct gm_fetch_settings *settings,
                                      const struct gm_fetch_opts *opts, struct gm_err *err);
void gm_fetch_settings_fini(struct gm_fetch_settings *settings);

#endif
