/* The table of the `fetch:` options, their checks, and the settings derived from them. */
#include "fetch/fetch_opts.h"

#include "base/assert.h"
#include "fetch/request.h"
#include "version.h"
#include <curl/curl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROW(name, type, field, text, low, high, unit, help)                                        \
    {                                                                                              \
        name, type, offsetof(struct gm_fetch_opts, field), text, low, high, NULL, unit, help       \
    }

static const char *const client_names[] = {
    [GM_FETCH_CLIENT_OWN] = "own", [GM_FETCH_CLIENT_LIBCURL] = "libcurl", NULL};

const struct gm_opt gm_fetch_opt_table[] = {
    ROW("connections", GM_OPT_U64, connections, "64", 1, 4096, "connections",
        "how many requests may be under way at once, over all hosts"),
    ROW("per_host", GM_OPT_U64, per_host, "8", 1, 4096, "connections",
        "how many of them may go to one host"),
    ROW("rate", GM_OPT_RATE, rate, "0", 0, 100000, NULL,
        "requests to one host at most; 0: no limit"),
    ROW("retries", GM_OPT_U64, retries, "4", 0, 100, "tries",
        "further tries after a failure that may go away"),
    ROW("backoff", GM_OPT_MS, backoff_ms, "500ms", 0, 3600e3, NULL,
        "longest wait before the first retry; doubles with each, the wait is random below it"),
    ROW("backoff_max", GM_OPT_MS, backoff_max_ms, "30s", 0, 86400e3, NULL,
        "bound of the doubled wait"),
    ROW("retry_after_max", GM_OPT_MS, retry_after_max_ms, "2m", 0, 86400e3, NULL,
        "longest wait that a server's Retry-After header is granted"),
    ROW("connect_timeout", GM_OPT_MS, connect_timeout_ms, "10s", 1, 300e3, NULL,
        "bound for name look-up, connection and TLS handshake"),
    ROW("give_up_after", GM_OPT_U64, give_up_after, "64", 0, 1e9, "tries",
        "tries in a row that find no connection, after which a host's other items fail without a "
        "try (one a minute looks whether it is back); 0: never"),
    ROW("low_speed", GM_OPT_BYTES, low_speed_bytes, "100", 0, 1e12, NULL,
        "bytes a second below which a transfer is given up; 0: never"),
    ROW("low_speed_time", GM_OPT_MS, low_speed_time_ms, "20s", 1, 86400e3, NULL,
        "how long it must be that slow"),
    ROW("deadline", GM_OPT_MS, deadline_ms, "60s", 1, 30 * 86400e3, NULL,
        "bound for one item over all its tries and waits"),
    ROW("max_body", GM_OPT_BYTES, max_body_bytes, "64MB", 1, 1e15, NULL,
        "largest body that is downloaded; files are not bound by it"),
    ROW("max_redirects", GM_OPT_U64, max_redirects, "5", 0, 50, "redirects",
        "redirects that are followed for one item"),
    ROW("allow_private", GM_OPT_BOOL, allow_private, "false", 0, 0, NULL,
        "also connect to loopback, private and reserved addresses"),
    ROW("allow_net", GM_OPT_LIST, allow_net, NULL, 0, 0, NULL,
        "address blocks that may be connected to although private, as 10.1.0.0/16"),
    ROW("contact", GM_OPT_STRING, contact, NULL, 0, 0, NULL,
        "address or page for the user agent, so that an operator can reach you"),
    ROW("headers", GM_OPT_LIST, headers, NULL, 0, 0, NULL,
        "request headers, as \"Name: value\", sent to every host of the list"),
    ROW("proxy", GM_OPT_STRING, proxy, NULL, 0, 0, NULL,
        "proxy URL; it then resolves names, so addresses are not checked here"),
    ROW("ca_file", GM_OPT_STRING, ca_file, NULL, 0, 0, NULL,
        "PEM file of certificate authorities to trust instead of the system's"),
    ROW("insecure_hosts", GM_OPT_LIST, insecure_hosts, NULL, 0, 0, NULL,
        "hosts whose TLS certificate is not verified"),
    ROW("robots", GM_OPT_BOOL, robots, "false", 0, 0, NULL,
        "obey robots.txt of each host (user agent gristmill)"),
    ROW("threads", GM_OPT_STRING, threads, "auto", 0, 0, NULL,
        "threads for the network, 1 to 8; auto: as many as it takes, at most one a processor and "
        "4"),
    ROW("http2", GM_OPT_BOOL, http2, "true", 0, 0, NULL, "use HTTP/2 where a TLS server offers it"),
    {"client", GM_OPT_ENUM, offsetof(struct gm_fetch_opts, client), "own", 0, 0, client_names, NULL,
     "who speaks HTTP/1.1 to http:// URLs without a proxy: own is quicker, libcurl is for a server "
     "that own does not get on with (https and proxies are libcurl's anyway)"},
    ROW("sha256", GM_OPT_BOOL, sha256, "true", 0, 0, NULL, "compute the SHA-256 of each body"),
    GM_OPT_END};

static bool is_auto(const char *threads)
{
    return !threads || strcmp(threads, "auto") == 0;
}

static enum gm_status parse_threads(const struct gm_fetch_opts *opts, unsigned *n_threads,
                                    struct gm_err *err)
{
    uint64_t value = 0;
    if (is_auto(opts->threads)) {
        cpu_set_t set;
        int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
        value = n < 1 ? 1 : n > 4 ? 4 : (uint64_t)n;
    } else if (gm_parse_u64(opts->threads, strlen(opts->threads), &value, NULL) != GM_OK ||
               value < 1 || value > GM_FETCH_MAX_THREADS) {
        return gm_err_set(err, GM_CONFIG, "threads: '%.40s' is neither auto nor 1 to %d",
                          opts->threads, GM_FETCH_MAX_THREADS);
    }
    *n_threads = (unsigned)(value > opts->connections ? opts->connections : value);
    return GM_OK;
}

/* A name of token characters, a colon, a value without control characters. */
static enum gm_status check_header(const char *header, struct gm_err *err)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const reserved[] = {"Host",       "Content-Length",    "Transfer-Encoding",
                                           "Connection", "Accept-Encoding",   "Range",
                                           "If-Range",   "If-Modified-Since", "If-None-Match"};
    size_t name_bytes = strspn(header, token);
    if (name_bytes == 0 || header[name_bytes] != ':' || gm_has_control(header))
        return gm_err_set(err, GM_CONFIG, "headers: '%.80s' is not of the form \"Name: value\"",
                          header);
    for (size_t i = 0; i < GM_ARRAY_LEN(reserved); i++)
        if (strlen(reserved[i]) == name_bytes && strncasecmp(reserved[i], header, name_bytes) == 0)
            return gm_err_set(err, GM_CONFIG, "headers: %s is set by gristmill itself",
                              reserved[i]);
    return GM_OK;
}

enum gm_status gm_fetch_opts_check(const void *values, struct gm_err *err)
{
    const struct gm_fetch_opts *opts = values;
    unsigned n_threads;
    struct gm_network network;
    enum gm_status status = parse_threads(opts, &n_threads, err);
    for (size_t i = 0; status == GM_OK && i < opts->allow_net.n_items; i++)
        if ((status = gm_network_parse(opts->allow_net.items[i], &network, err)) != GM_OK)
            gm_err_add(err, "allow_net");
    for (size_t i = 0; status == GM_OK && i < opts->headers.n_items; i++)
        status = check_header(opts->headers.items[i], err);
    if (status != GM_OK)
        return status;
    if (opts->contact && (gm_has_control(opts->contact) || strlen(opts->contact) > 200 ||
                          strpbrk(opts->contact, "()\\")))
        return gm_err_set(err, GM_CONFIG,
                          "contact: at most 200 characters, no parentheses or control characters");
    if (opts->proxy && (gm_has_control(opts->proxy) || !*opts->proxy))
        return gm_err_set(err, GM_CONFIG, "proxy: not a URL");
    return GM_OK;
}

static bool is_secret(const char *header)
{
    return strncasecmp(header, "Authorization:", 14) == 0 ||
           strncasecmp(header, "Cookie:", 7) == 0 ||
           strncasecmp(header, "Proxy-Authorization:", 20) == 0;
}

static bool append_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (longer)
        *list = longer;
    return longer != NULL;
}

enum gm_status gm_fetch_settings_init(struct gm_fetch_settings *settings,
                                      const struct gm_fetch_opts *opts, struct gm_err *err)
{
    *settings = (struct gm_fetch_settings){.opts = opts};
    enum gm_status status = parse_threads(opts, &settings->n_threads, err);
    if (status != GM_OK)
        return status;
    settings->as_many_as_it_takes = is_auto(opts->threads);
    settings->allowed = calloc(opts->allow_net.n_items + 1, sizeof *settings->allowed);
    if (!settings->allowed)
        return gm_err_set(err, GM_NOMEM, "no memory for the fetch settings");
    for (size_t i = 0; i < opts->allow_net.n_items; i++) {
        status = gm_network_parse(opts->allow_net.items[i], &settings->allowed[i], err);
        if (status != GM_OK)
            return status;
        settings->n_allowed++;
    }
    for (size_t i = 0; i < opts->headers.n_items; i++) {
        const char *header = opts->headers.items[i];
        if (!append_header(&settings->headers, header) ||
            (!is_secret(header) && !append_header(&settings->safe_headers, header)))
            return gm_err_set(err, GM_NOMEM, "no memory for the fetch settings");
    }
    snprintf(settings->user_agent, sizeof settings->user_agent, "gristmill/%s%s%s%s", GM_VERSION,
             opts->contact ? " (" : "", opts->contact ? opts->contact : "",
             opts->contact ? ")" : "");
    return GM_OK;
}

void gm_fetch_settings_fini(struct gm_fetch_settings *settings)
{
    free(settings->allowed);
    curl_slist_free_all(settings->headers);
    curl_slist_free_all(settings->safe_headers);
    *settings = (struct gm_fetch_settings){0};
}
