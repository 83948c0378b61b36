/* The text of a GET request as message.h's counterpart: what of a URL goes where, and the bytes
 * that are sent (RFC 9112, section 3; the fields are those that libcurl would send). Any thread.
 *
 *      GET /path?query HTTP/1.1
 *      Host: example.org:8080        without the port if it is 80
 *      If-None-Match: "v1"           of this request only
 *      User-Agent: gristmill/…       of all requests: gm_request_common
 *      Accept: (anything)
 */
#ifndef GM_FETCH_REQUEST_H
#define GM_FETCH_REQUEST_H

#include "base/buf.h"
#include <curl/curl.h>

#define GM_TARGET_KEY_BYTES 264 /* host, colon, port, NUL */

struct gm_target {
    const char *host; /* points into the URL */
    size_t host_bytes;
    unsigned port;
    const char *path; /* with the query, without the fragment */
    size_t path_bytes;
    bool no_slash; /* "/" has to be put in front of path */
};

/* The parts of a plain http:// URL. false: it is of another scheme, or needs more thought than is
 * worth having twice (bytes that have to be encoded, dot segments, IPv6 and odd spellings of IPv4
 * addresses, international names): libcurl's. The URL is one that gm_url_split lets pass. */
bool gm_target_parse(const char *url, struct gm_target *target);
/* "host:port" in lower case with a NUL: connections to the same key are the same. */
void gm_target_key(const struct gm_target *target, char key[GM_TARGET_KEY_BYTES]);

/* Control characters end a field, or a request: nothing that has any is sent. */
bool gm_has_control(const char *text);

/* Appends the fields that are the same for all requests: user agent, Accept, and the user's, which
 * win over those two; one without a value only takes away. */
void gm_request_common(struct gm_buf *text, const char *user_agent,
                       const struct curl_slist *headers);
/* Appends a whole request. extra: n fields of this one. */
void gm_request_write(struct gm_buf *text, const struct gm_target *target,
                      const struct curl_slist *extra, unsigned n_extra,
                      const struct gm_buf *common);

#endif
