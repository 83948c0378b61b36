/* The head of an HTTP response, taken line by line: what the fetcher needs of it, and the framing
 * mistakes that libcurl lets pass. Both ways of speaking HTTP fill it, libcurl and message.h. */
#ifndef GM_FETCH_RESPONSE_H
#define GM_FETCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_RESPONSE_MAX_HEAD_BYTES (128u * 1024u) /* over all responses of one request */
#define GM_RESPONSE_MAX_INTERIM    16             /* 1xx responses before the real one */

struct gm_response {
    unsigned status;  /* 0: none yet */
    unsigned version; /* 1, 2 */
    bool is_1_0;      /* HTTP/1.0 */
    unsigned n_interim;
    size_t head_bytes;
    bool complete;           /* the empty line behind the headers has come */
    uint64_t content_length; /* UINT64_MAX: not stated */
    bool chunked;
    bool coded;           /* a transfer coding besides chunked */
    bool closes;          /* Connection: close */
    bool keeps;           /* Connection: keep-alive */
    bool has_range;       /* a Content-Range that could be read */
    uint64_t range_first; /* UINT64_MAX: an unsatisfied range */
    uint64_t range_total; /* UINT64_MAX: not stated */
    char *etag;           /* malloc'ed or NULL; may be moved out */
    char *last_modified;
    char *content_type;
    char *location;       /* the first one */
    char retry_after[64]; /* "": none */
};

/* Starts over, frees what is left of the last response. The struct is zero or was reset before. */
void gm_response_reset(struct gm_response *response);
/* One line with or without its CR LF. NULL, or what is wrong (static text): give up. */
const char *gm_response_line(struct gm_response *response, const char *line, size_t n_bytes);
/* Is the end of the body known other than by the closing of the connection? */
bool gm_response_is_framed(const struct gm_response *response);

#endif
