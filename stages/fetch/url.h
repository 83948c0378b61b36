/* A look at a URL before anything is done with it: is it one that may be fetched, and which host
 * does it count against. The fine syntax is left to libcurl; what is refused here is what must
 * never reach a socket or a log: other schemes, control characters and spaces, credentials. Any
 * thread. */
#ifndef GM_FETCH_URL_H
#define GM_FETCH_URL_H

#include "reason.h"
#include <stddef.h>

#define GM_URL_MAX_BYTES 8192

struct gm_url {
    const char *scheme_end; /* at "://" */
    const char *host;       /* host with its port, as written; not NUL-terminated */
    size_t host_bytes;
    const char *path; /* from the '/' on, without query and fragment; may be empty */
    size_t path_bytes;
};

/* NONE and *parts (pointing into url), or FETCH_URL / FETCH_SCHEME and *problem, a static text. */
enum gm_reason gm_url_split(const char *url, struct gm_url *parts, const char **problem);

/* What limits are counted by: the host in lower case, with the port unless it is 80 or 443. Writes
 * at most key_bytes - 1 bytes and a NUL; returns the length (longer hosts are cut). */
size_t gm_url_host_key(const struct gm_url *parts, char *key, size_t key_bytes);

/* Where a redirect leads: location, a URL or a reference relative to base (RFC 3986, section 5), as
 * libcurl resolves it. What cannot be resolved comes back as it is, for gm_url_split to refuse.
 * malloc'ed; NULL: no memory. */
char *gm_url_resolve(const char *base, const char *location);

#endif
