/* What a libcurl error means to a record: its reason, whether another try may help, and a text. */
#ifndef GM_FETCH_CURL_ERROR_H
#define GM_FETCH_CURL_ERROR_H

#include "reason.h"
#include <curl/curl.h>
#include <stdbool.h>

struct gm_curl_error {
    CURLcode code;
    const char *detail; /* must be part of libcurl's text; NULL: any */
    enum gm_reason reason;
    bool retry;
    const char *text; /* what happened, in the words of this project */
};

/* The row for a code that is not CURLE_OK. detail: libcurl's own text (may be empty), which tells
 * some failures apart that share a code. Codes that the table does not know get the last row
 * (fetch.protocol, no retry). Static; any thread. */
const struct gm_curl_error *gm_curl_error_find(CURLcode code, const char *detail);

#endif
