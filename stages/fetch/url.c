/* Splitting a URL just far enough. One pass looks for bytes that no URL has; the rest is a search
 * for "://", the authority and the path. */
#include "fetch/url.h"

#include "base/assert.h"
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Spaces and control characters are how a header or a second request is smuggled in. */
static const char *bad_byte(const char *url, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)url[i];
        if (c == ' ')
            return "a space in the URL: write it as %20";
        if (c < 0x20 || c == 0x7f)
            return "a control character in the URL";
    }
    return NULL;
}

enum gm_reason gm_url_split(const char *url, struct gm_url *parts, const char **problem)
{
    size_t n_bytes = strlen(url);
    *problem =
        n_bytes > GM_URL_MAX_BYTES ? "the URL is longer than 8,192 bytes" : bad_byte(url, n_bytes);
    if (*problem)
        return GM_REASON_FETCH_URL;
    const char *mark = strstr(url, "://");
    if (!mark || mark == url) {
        *problem = "not a URL: it has no scheme such as https://";
        return GM_REASON_FETCH_URL;
    }
    size_t scheme_bytes = (size_t)(mark - url);
    bool http = (scheme_bytes == 4 && strncasecmp(url, "http", 4) == 0) ||
                (scheme_bytes == 5 && strncasecmp(url, "https", 5) == 0);
    if (!http) {
        *problem = "only http and https URLs are fetched";
        return GM_REASON_FETCH_SCHEME;
    }
    const char *host = mark + 3;
    size_t host_bytes = strcspn(host, "/?#\\");
    if (host_bytes == 0 || host[0] == ':')
        *problem = "the URL has no host";
    else if (memchr(host, '@', host_bytes))
        *problem = "the URL carries a user name: set fetch.headers instead";
    else if (host[host_bytes] == '\\')
        *problem = "a backslash in the URL";
    if (*problem)
        return GM_REASON_FETCH_URL;
    const char *path = host + host_bytes;
    *parts = (struct gm_url){.scheme_end = mark,
                             .host = host,
                             .host_bytes = host_bytes,
                             .path = path,
                             .path_bytes = *path == '/' ? strcspn(path, "?#") : 0};
    return GM_REASON_NONE;
}

size_t gm_url_host_key(const struct gm_url *parts, char *key, size_t key_bytes)
{
    GM_ASSERT(key_bytes > 0);
    size_t n = parts->host_bytes;
    if (n >= 3 && memcmp(parts->host + n - 3, ":80", 3) == 0)
        n -= 3;
    else if (n >= 4 && memcmp(parts->host + n - 4, ":443", 4) == 0)
        n -= 4;
    else if (n >= 1 && parts->host[n - 1] == ':')
        n -= 1;
    if (n > key_bytes - 1)
        n = key_bytes - 1;
    for (size_t i = 0; i < n; i++) {
        char c = parts->host[i];
        key[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    key[n] = '\0';
    return n;
}

char *gm_url_resolve(const char *base, const char *location)
{
    CURLU *url = curl_url();
    char *resolved = NULL, *copy = NULL;
    if (!url)
        return NULL;
    if (curl_url_set(url, CURLUPART_URL, base, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        curl_url_get(url, CURLUPART_URL, &resolved, 0);
    copy = strdup(resolved ? resolved : location);
    curl_free(resolved);
    curl_url_cleanup(url);
    return copy;
}
