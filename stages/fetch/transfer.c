/* Setting up a request and the callbacks while it runs. What comes of it is judged in verdict.c.
 *
 * libcurl's own timeouts are not used: they cost timer work on each request and do not cover every
 * way to dawdle (endless headers, drip-fed 1xx). gm_transfer_is_late watches instead. */
#include "fetch/transfer.h"

#include "base/assert.h"
#include "base/num.h"
#include "fetch/robots.h"
#include "fetch/schedule.h"
#include "fetch/url.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES     65536L
#define DNS_CACHE_S       120L
#define MAX_DISCARD_BYTES (256u * 1024u) /* of an unwanted body, to keep the connection */

void gm_transfer_give_up(struct gm_transfer *transfer, enum gm_reason reason, bool retry,
                         const char *format, ...)
{
    va_list args;
    if (transfer->reason != GM_REASON_NONE)
        return;
    transfer->reason = reason;
    transfer->retry = retry;
    va_start(args, format);
    vsnprintf(transfer->problem, sizeof transfer->problem, format, args);
    va_end(args);
}

void gm_transfer_refuse(struct gm_transfer *transfer, const char *problem)
{
    gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, false, "the server sends %s", problem);
}

/* ---- callbacks ---- */

static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct gm_transfer *transfer = data;
    const struct gm_fetch_settings *settings = transfer->settings;
    (void)purpose;
    if (!settings->opts->allow_private && !settings->opts->proxy) {
        const char *range =
            gm_address_forbidden(&address->addr, settings->allowed, settings->n_allowed);
        if (range) {
            char text[GM_ADDRESS_TEXT_BYTES];
            transfer->refused = true;
            snprintf(transfer->problem, sizeof transfer->problem,
                     "%s is a %s address; fetch.allow_private or fetch.allow_net opens it",
                     gm_address_text(&address->addr, text), range);
            return CURL_SOCKET_BAD;
        }
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0 && errno != EAFNOSUPPORT) /* our fault, not the host's */
        gm_transfer_give_up(transfer, GM_REASON_FETCH_CONNECT, true, "unable to open a socket: %s",
                            strerrordesc_np(errno));
    return fd;
}

static int on_connected(void *data, char *ip, char *local_ip, int port, int local_port)
{
    struct gm_transfer *transfer = data;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    transfer->connected = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n_bytes, void *data)
{
    struct gm_transfer *transfer = data;
    GM_ASSERT(size == 1);
    const char *problem = gm_response_line(&transfer->response, line, n_bytes);
    if (!problem)
        return n_bytes;
    gm_transfer_refuse(transfer, problem);
    return 0;
}

static void copy_text(char *to, const char *from)
{
    size_t n = from ? strlen(from) : 0;
    if (n >= GM_SPOOL_TEXT_BYTES)
        n = 0;
    memcpy(to, from ? from : "", n);
    to[n] = '\0';
}

static void describe_body(struct gm_transfer *transfer)
{
    struct gm_spool_meta *meta = &transfer->store.meta;
    const struct gm_response *response = &transfer->response;
    copy_text(meta->etag, response->etag);
    copy_text(meta->last_modified, response->last_modified);
    copy_text(meta->content_type, response->content_type);
    meta->total_bytes = response->content_length;
    meta->http_status = response->status;
}

static void spool_failed(struct gm_transfer *transfer, const struct gm_err *err)
{
    transfer->fatal = *err;
    gm_transfer_give_up(transfer, GM_REASON_FETCH_IO, false, "%s", err->text);
}

/* A part goes on only if the server sends exactly what is missing. */
static bool continue_part(struct gm_transfer *transfer)
{
    const struct gm_response *response = &transfer->response;
    struct gm_err err;
    if (!response->has_range || response->range_first != transfer->resume_from ||
        (transfer->store.meta.total_bytes != UINT64_MAX &&
         response->range_total != transfer->store.meta.total_bytes)) {
        gm_store_restart(&transfer->store);
        gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, true,
                            "the server sends another range than asked");
        return false;
    }
    if (gm_store_continue(&transfer->store, &err) == GM_OK)
        return true;
    spool_failed(transfer, &err);
    return false;
}

bool gm_transfer_start_body(struct gm_transfer *transfer)
{
    const struct gm_response *response = &transfer->response;
    const struct gm_job *job = transfer->job;
    uint64_t max_bytes = transfer->store.max_bytes;
    transfer->body_started = true;
    transfer->discard = response->status < 200 || response->status > 299;
    if (transfer->discard)
        return true;
    if (response->status == 206) {
        if (transfer->resume_from)
            return continue_part(transfer);
        gm_transfer_give_up(transfer, GM_REASON_FETCH_PROTOCOL, false,
                            "HTTP 206 although no range was asked for");
        return false;
    }
    if (transfer->resume_from)
        gm_store_restart(&transfer->store);
    if (response->content_length != UINT64_MAX && response->content_length > max_bytes &&
        job->kind == GM_JOB_URL) {
        gm_transfer_give_up(
            transfer, GM_REASON_FETCH_SIZE, false, "the server states %llu bytes, max_body is %llu",
            (unsigned long long)response->content_length, (unsigned long long)max_bytes);
        return false;
    }
    describe_body(transfer);
    return true;
}

static bool append_failed(struct gm_transfer *transfer, enum gm_status status,
                          const struct gm_err *err)
{
    if (status == GM_OK)
        return false;
    if (status == GM_LIMIT)
        gm_transfer_give_up(transfer, GM_REASON_FETCH_SIZE, false, "%s", err->text);
    else if (status == GM_NOMEM)
        gm_transfer_give_up(transfer, GM_REASON_LIMIT_MEMORY, false, "%s", err->text);
    else
        spool_failed(transfer, err);
    return true;
}

bool gm_transfer_take_body(struct gm_transfer *transfer, const void *bytes, size_t n_bytes)
{
    struct gm_err err;
    transfer->body_bytes += n_bytes;
    if (!transfer->body_started && !gm_transfer_start_body(transfer))
        return false;
    if (transfer->discard) /* known well enough, the connection is dropped */
        return transfer->body_bytes <= MAX_DISCARD_BYTES;
    enum gm_status status =
        gm_store_append(&transfer->store, bytes, n_bytes, transfer->response.content_length, &err);
    if (transfer->job->kind == GM_JOB_ROBOTS && status == GM_LIMIT) {
        transfer->discard = true; /* the rest: RFC 9309 does not ask us to read more */
        return false;
    }
    return !append_failed(transfer, status, &err);
}

static size_t on_body(char *bytes, size_t size, size_t n_bytes, void *data)
{
    GM_ASSERT(size == 1);
    return gm_transfer_take_body(data, bytes, n_bytes) ? n_bytes : 0;
}

/* ---- setting up ---- */

static bool set_constant_options(struct gm_transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct gm_fetch_opts *opts = transfer->settings->opts;
    CURLcode bad = 0;
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    bad |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, transfer->settings->user_agent);
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, opts->proxy ? opts->proxy : "");
    if (!opts->proxy) /* so that it does not ask the environment for each request */
        bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                            opts->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->settings->headers);
    if (opts->ca_file) {
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, opts->ca_file);
        bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    transfer->set_headers = transfer->settings->headers;
    return bad == CURLE_OK;
}

enum gm_status gm_transfer_init(struct gm_transfer *transfer,
                                const struct gm_fetch_settings *settings,
                                const struct gm_spool *spool, struct gm_err *err)
{
    *transfer = (struct gm_transfer){.settings = settings};
    gm_store_init(&transfer->store, settings, spool);
    gm_response_reset(&transfer->response);
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        return gm_err_set(err, GM_NOMEM, "no memory for a connection");
    if (!set_constant_options(transfer))
        return gm_err_set(err, GM_CONFIG,
                          "libcurl refuses the fetch options (proxy, ca_file or http2?)");
    return GM_OK;
}

bool gm_transfer_renew_easy(struct gm_transfer *transfer)
{
    CURL *old = transfer->easy;
    transfer->easy = curl_easy_init();
    if (transfer->easy && set_constant_options(transfer)) {
        transfer->only_connects = false;
        curl_easy_cleanup(old);
        return true;
    }
    curl_easy_cleanup(transfer->easy); /* NULL is fine */
    transfer->easy = old;
    return false;
}

void gm_transfer_fini(struct gm_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    gm_response_reset(&transfer->response);
    gm_store_fini(&transfer->store);
    transfer->easy = NULL;
}

/* Same host as the list named? Only that one gets credentials. */
static bool is_original_host(const struct gm_job *job)
{
    struct gm_url a, b;
    const char *problem;
    if (job->by_redirect)
        return false;
    if (job->url == job->locator)
        return true;
    return gm_url_split(job->url, &a, &problem) == GM_REASON_NONE &&
           gm_url_split(job->locator, &b, &problem) == GM_REASON_NONE &&
           a.scheme_end - job->url == b.scheme_end - job->locator && a.host_bytes == b.host_bytes &&
           strncasecmp(a.host, b.host, a.host_bytes) == 0;
}

static void add_header(struct gm_transfer *transfer, unsigned *n, const char *name,
                       const char *value)
{
    if (strlen(value) >= GM_SPOOL_TEXT_BYTES)
        return;
    char *text = transfer->extra_text[*n];
    snprintf(text, sizeof transfer->extra_text[0], "%s: %s", name, value);
    transfer->extra[*n].data = text;
    (*n)++;
}

/* What this request says besides what all say; chained in front of the user's, because libcurl
 * takes one list (and only reads it). */
static void choose_headers(struct gm_transfer *transfer)
{
    struct gm_job *job = transfer->job;
    unsigned n = 0;
    transfer->base_headers =
        is_original_host(job) ? transfer->settings->headers : transfer->settings->safe_headers;
    if (transfer->resume_from) {
        char range[48];
        snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)transfer->resume_from);
        add_header(transfer, &n, "Range", range);
        add_header(transfer, &n, "If-Range", gm_spool_validator(&transfer->store.meta));
    } else {
        if (job->etag)
            add_header(transfer, &n, "If-None-Match", job->etag);
        if (job->last_modified)
            add_header(transfer, &n, "If-Modified-Since", job->last_modified);
    }
    for (unsigned i = 0; i < n; i++)
        transfer->extra[i].next = i + 1 < n ? &transfer->extra[i + 1] : transfer->base_headers;
    transfer->n_extra = n;
}

static void set_headers(struct gm_transfer *transfer)
{
    struct curl_slist *headers = transfer->n_extra ? transfer->extra : transfer->base_headers;
    if (headers != transfer->set_headers || transfer->n_extra)
        curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, headers);
    transfer->set_headers = headers;
}

static void set_tls(struct gm_transfer *transfer)
{
    const struct gm_opt_list *insecure = &transfer->settings->opts->insecure_hosts;
    struct gm_url parts;
    const char *problem;
    bool verify = true;
    char key[256];
    if (insecure->n_items == 0 ||
        gm_url_split(transfer->job->url, &parts, &problem) != GM_REASON_NONE)
        return;
    gm_url_host_key(&parts, key, sizeof key);
    for (size_t i = 0; i < insecure->n_items; i++)
        verify = verify && strcasecmp(insecure->items[i], key) != 0;
    curl_easy_setopt(transfer->easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    curl_easy_setopt(transfer->easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
}

void gm_transfer_set_easy(struct gm_transfer *transfer, enum gm_transfer_use use)
{
    const char *url = transfer->job->url;
    bool only_connects = use == GM_TRANSFER_CONNECT;
    if (only_connects != transfer->only_connects)
        curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_ONLY, (long)only_connects);
    transfer->only_connects = only_connects;
    set_headers(transfer);
    set_tls(transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT,
                     transfer->settings->opts->http2 && url[4] != ':' ? 1L : 0L);
    if (curl_easy_setopt(transfer->easy, CURLOPT_URL, url) != CURLE_OK)
        gm_transfer_give_up(transfer, GM_REASON_LIMIT_MEMORY, false, "no memory for the URL");
}

static void reset(struct gm_transfer *transfer, struct gm_job *job, uint64_t now_ms)
{
    transfer->job = job;
    transfer->started_ms = now_ms;
    transfer->window_ms = now_ms;
    transfer->window_bytes = 0;
    transfer->connected = false;
    transfer->fd = -1;
    transfer->body_started = false;
    transfer->discard = false;
    transfer->body_bytes = 0;
    transfer->resume_from = 0;
    transfer->reason = GM_REASON_NONE;
    transfer->retry = false;
    transfer->refused = false;
    transfer->problem[0] = '\0';
    transfer->error[0] = '\0';
    gm_response_reset(&transfer->response);
    if (!job->first_start_ms)
        job->first_start_ms = now_ms;
    if (job->verdict != GM_JOB_REDIRECT && !job->given_up)
        job->n_tries++;
    gm_store_begin(&transfer->store, job,
                   job->kind == GM_JOB_ROBOTS ? GM_ROBOTS_MAX_BYTES
                                              : transfer->settings->opts->max_body_bytes);
}

/* A part of an earlier try or run; a complete one needs no request. true: the job is done. */
static bool reuse_part(struct gm_transfer *transfer)
{
    struct gm_job *job = transfer->job;
    struct gm_store *store = &transfer->store;
    if (job->kind != GM_JOB_URL ||
        (!job->has_part && !gm_spool_has_leftover(store->spool, job->number)))
        return false;
    if (gm_store_reopen(store) != GM_OK)
        return false;
    if (!store->meta.complete) {
        transfer->resume_from = store->n_bytes;
        return false;
    }
    struct gm_fetched *result = gm_job_result(job);
    result->http_status = store->meta.http_status;
    result->etag = *store->meta.etag ? strdup(store->meta.etag) : NULL;
    result->last_modified = *store->meta.last_modified ? strdup(store->meta.last_modified) : NULL;
    result->content_type = *store->meta.content_type ? strdup(store->meta.content_type) : NULL;
    if (gm_store_finish(store, &transfer->fatal) != GM_OK)
        gm_job_fail(job, GM_REASON_FETCH_IO, "%s", transfer->fatal.text);
    return true;
}

/* By robots.txt; then the job has failed. */
static bool is_disallowed(struct gm_job *job)
{
    const struct gm_robots *rules = gm_host_robots(job->host);
    struct gm_url parts;
    const char *problem;
    if (job->kind != GM_JOB_URL || !rules)
        return false;
    enum gm_reason reason = gm_url_split(job->url, &parts, &problem);
    GM_ASSERT(reason == GM_REASON_NONE);
    if (gm_robots_allows(rules, parts.path, strcspn(parts.path, "#")))
        return false;
    gm_job_fail(job, GM_REASON_FETCH_ROBOTS, "robots.txt of %.*s disallows it",
                (int)(parts.host_bytes < 120 ? parts.host_bytes : 120), parts.host);
    return true;
}

enum gm_transfer_start gm_transfer_start(struct gm_transfer *transfer, struct gm_job *job,
                                         uint64_t now_ms)
{
    GM_ASSERT(!transfer->job);
    reset(transfer, job, now_ms);
    if (job->given_up) {
        gm_transfer_give_up(transfer, GM_REASON_FETCH_CONNECT, false,
                            "the host could not be reached %llu times in a row (give_up_after)",
                            (unsigned long long)transfer->settings->opts->give_up_after);
        gm_transfer_finish(transfer, CURLE_OK, now_ms);
        return GM_TRANSFER_DONE;
    }
    if (is_disallowed(job)) {
        transfer->job = NULL;
        return GM_TRANSFER_DONE;
    }
    if (reuse_part(transfer)) {
        transfer->job = NULL;
        return GM_TRANSFER_DONE;
    }
    choose_headers(transfer);
    return GM_TRANSFER_RUNNING;
}

bool gm_transfer_is_late(struct gm_transfer *transfer, uint64_t now_ms)
{
    const struct gm_fetch_opts *opts = transfer->settings->opts;
    uint64_t received = transfer->body_bytes + transfer->response.head_bytes;
    char text[GM_NUM_TEXT_BYTES], more[GM_NUM_TEXT_BYTES];
    if (now_ms - transfer->job->first_start_ms >= opts->deadline_ms) {
        gm_transfer_give_up(transfer, GM_REASON_FETCH_TIMEOUT, false,
                            "not finished after %s (deadline)",
                            gm_format_ms(opts->deadline_ms, text));
    } else if (!transfer->connected) {
        if (now_ms - transfer->started_ms >= opts->connect_timeout_ms)
            gm_transfer_give_up(transfer, GM_REASON_FETCH_CONNECT, true, "no connection after %s",
                                gm_format_ms(opts->connect_timeout_ms, text));
        transfer->window_ms = now_ms;
    } else if (opts->low_speed_bytes && now_ms - transfer->window_ms >= opts->low_speed_time_ms) {
        uint64_t elapsed_ms = now_ms - transfer->window_ms;
        if ((received - transfer->window_bytes) * 1000 / elapsed_ms < opts->low_speed_bytes)
            gm_transfer_give_up(
                transfer, GM_REASON_FETCH_STALLED, true, "%llu bytes in %s, low_speed is %s/s",
                (unsigned long long)(received - transfer->window_bytes),
                gm_format_ms(elapsed_ms, text), gm_format_bytes(opts->low_speed_bytes, more));
        transfer->window_ms = now_ms;
        transfer->window_bytes = received;
    }
    return transfer->reason != GM_REASON_NONE;
}
