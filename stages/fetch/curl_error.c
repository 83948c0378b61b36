/* The table from libcurl's error codes to reasons. libcurl's own text is appended by the caller:
 * it knows the details (port, errno), this table says what it means here. */
#include "fetch/curl_error.h"

#include "base/assert.h"
#include <stddef.h>
#include <string.h>

static const struct gm_curl_error table[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, NULL, GM_REASON_FETCH_PROTOCOL, false,
     "not an HTTP/1 or HTTP/2 answer"},
    {CURLE_URL_MALFORMAT, NULL, GM_REASON_FETCH_URL, false, "the URL is malformed"},
    {CURLE_COULDNT_RESOLVE_PROXY, NULL, GM_REASON_FETCH_DNS, true,
     "the proxy's name does not resolve"},
    {CURLE_COULDNT_RESOLVE_HOST, NULL, GM_REASON_FETCH_DNS, true, "the host name does not resolve"},
    {CURLE_COULDNT_CONNECT, NULL, GM_REASON_FETCH_CONNECT, true, "connection failed"},
    {CURLE_WEIRD_SERVER_REPLY, NULL, GM_REASON_FETCH_PROTOCOL, false, "malformed answer"},
    {CURLE_HTTP2, NULL, GM_REASON_FETCH_PROTOCOL, true, "HTTP/2 framing error"},
    {CURLE_PARTIAL_FILE, NULL, GM_REASON_FETCH_TRUNCATED, true,
     "the connection ended inside the body"},
    {CURLE_OUT_OF_MEMORY, NULL, GM_REASON_LIMIT_MEMORY, false, "out of memory"},
    {CURLE_OPERATION_TIMEDOUT, NULL, GM_REASON_FETCH_TIMEOUT, true, "timed out"},
    {CURLE_SSL_CONNECT_ERROR, NULL, GM_REASON_FETCH_TLS, true, "TLS handshake failed"},
    {CURLE_TOO_MANY_REDIRECTS, NULL, GM_REASON_FETCH_REDIRECTS, false, "too many redirects"},
    {CURLE_GOT_NOTHING, NULL, GM_REASON_FETCH_PROTOCOL, true,
     "the connection closed without an answer"},
    {CURLE_SEND_ERROR, "Connection died", GM_REASON_FETCH_PROTOCOL, true,
     "the connection closed without an answer"},
    {CURLE_SEND_ERROR, NULL, GM_REASON_FETCH_CONNECT, true, "sending the request failed"},
    {CURLE_RECV_ERROR, "chunked-encoding", GM_REASON_FETCH_PROTOCOL, false, "malformed chunks"},
    {CURLE_RECV_ERROR, "response headers", GM_REASON_FETCH_PROTOCOL, false, "too long a head"},
    {CURLE_RECV_ERROR, NULL, GM_REASON_FETCH_CONNECT, true, "the connection broke"},
    {CURLE_SSL_CERTPROBLEM, NULL, GM_REASON_FETCH_TLS, false, "problem with the local certificate"},
    {CURLE_SSL_CIPHER, NULL, GM_REASON_FETCH_TLS, false, "no common TLS cipher"},
    {CURLE_PEER_FAILED_VERIFICATION, NULL, GM_REASON_FETCH_TLS, false,
     "the server's certificate is not valid for it"},
    {CURLE_BAD_CONTENT_ENCODING, NULL, GM_REASON_FETCH_PROTOCOL, false,
     "malformed transfer encoding"},
    {CURLE_FILESIZE_EXCEEDED, NULL, GM_REASON_FETCH_SIZE, false, "larger than max_body"},
    {CURLE_SSL_CACERT_BADFILE, NULL, GM_REASON_FETCH_TLS, false,
     "the CA certificates cannot be read"},
    {CURLE_SSL_ISSUER_ERROR, NULL, GM_REASON_FETCH_TLS, false, "the certificate's issuer is wrong"},
    {CURLE_SSL_INVALIDCERTSTATUS, NULL, GM_REASON_FETCH_TLS, false, "the certificate was revoked"},
    {CURLE_HTTP2_STREAM, NULL, GM_REASON_FETCH_PROTOCOL, true, "HTTP/2 stream error"},
    {CURLE_PROXY, NULL, GM_REASON_FETCH_CONNECT, true, "the proxy refused"},
    {CURLE_UNRECOVERABLE_POLL, NULL, GM_REASON_FETCH_CONNECT, true, "polling the socket failed"},
    {CURLE_OK, NULL, GM_REASON_FETCH_PROTOCOL, false,
     "transfer failed"}, /* every other code; last */
};

const struct gm_curl_error *gm_curl_error_find(CURLcode code, const char *detail)
{
    GM_ASSERT(code != CURLE_OK);
    size_t i = 0;
    while (i < GM_ARRAY_LEN(table) - 1 &&
           (table[i].code != code || (table[i].detail && !strstr(detail, table[i].detail))))
        i++;
    return &table[i];
}
