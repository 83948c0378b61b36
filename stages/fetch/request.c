/* Strict and short: a URL that is not plainly good is left to libcurl, whose parser knows all the
 * rest. */
#include "fetch/request.h"

#include "base/assert.h"
#include "base/num.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define SCHEME         "http://"
#define MAX_HOST_BYTES 253
#define HTTP_PORT      80u

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_';
}

/* What inet_aton would take for an address, in whatever spelling, ends in a label that begins with
 * a digit; only the common spelling is taken here. */
static bool is_plain_host(const char *host, size_t n_bytes)
{
    char text[MAX_HOST_BYTES + 1];
    struct in_addr address;
    if (n_bytes == 0 || n_bytes > MAX_HOST_BYTES || host[0] == '.' || host[n_bytes - 1] == '.')
        return false;
    size_t label = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (!is_host_byte(host[i]))
            return false;
        if (host[i] == '.')
            label = i + 1;
    }
    if (!is_digit(host[label]))
        return true;
    memcpy(text, host, n_bytes);
    text[n_bytes] = '\0';
    return inet_pton(AF_INET, text, &address) == 1;
}

static bool parse_port(const char *text, size_t n_bytes, unsigned *port)
{
    uint64_t value = 0;
    if (n_bytes == 0 || n_bytes > 5 || *text == '0' ||
        gm_parse_u64(text, n_bytes, &value, NULL) != GM_OK || value > 65535)
        return false;
    *port = (unsigned)value;
    return true;
}

/* Bytes that go out as they are, and no "/." that would have to be resolved. */
static bool is_plain_path(const char *path, size_t n_bytes)
{
    bool in_query = false;
    for (size_t i = 0; i < n_bytes; i++) {
        if (path[i] <= ' ' || path[i] > '~')
            return false;
        in_query = in_query || path[i] == '?';
        if (!in_query && path[i] == '.' && i > 0 && path[i - 1] == '/')
            return false;
    }
    return true;
}

bool gm_target_parse(const char *url, struct gm_target *target)
{
    if (strncasecmp(url, SCHEME, sizeof SCHEME - 1) != 0)
        return false;
    const char *host = url + sizeof SCHEME - 1;
    size_t authority_bytes = strcspn(host, "/?#");
    const char *colon = memchr(host, ':', authority_bytes);
    const char *path = host + authority_bytes;
    *target = (struct gm_target){.host = host,
                                 .host_bytes = colon ? (size_t)(colon - host) : authority_bytes,
                                 .port = HTTP_PORT,
                                 .path = path,
                                 .path_bytes = strcspn(path, "#"),
                                 .no_slash = *path != '/'};
    return is_plain_host(host, target->host_bytes) &&
           (!colon || parse_port(colon + 1, (size_t)(path - colon) - 1, &target->port)) &&
           is_plain_path(path, target->path_bytes);
}

/* ":8080" with a NUL. By hand: it is made for each request. */
static void put_port(unsigned port, char *text)
{
    unsigned n_digits = 1;
    for (unsigned rest = port; rest >= 10; rest /= 10)
        n_digits++;
    text[0] = ':';
    text[n_digits + 1] = '\0';
    for (unsigned i = n_digits; i > 0; i--, port /= 10)
        text[i] = (char)('0' + port % 10);
}

void gm_target_key(const struct gm_target *target, char key[GM_TARGET_KEY_BYTES])
{
    size_t n = target->host_bytes;
    GM_ASSERT(n <= MAX_HOST_BYTES);
    for (size_t i = 0; i < n; i++) {
        char c = target->host[i];
        key[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    put_port(target->port, key + n);
}

bool gm_has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool is_named(const struct curl_slist *headers, const char *name)
{
    size_t n = strlen(name);
    for (; headers; headers = headers->next)
        if (strncasecmp(headers->data, name, n) == 0 && headers->data[n] == ':')
            return true;
    return false;
}

static void append_field(struct gm_buf *text, const char *field)
{
    gm_buf_text(text, field);
    gm_buf_text(text, "\r\n");
}

void gm_request_common(struct gm_buf *text, const char *user_agent,
                       const struct curl_slist *headers)
{
    if (!is_named(headers, "User-Agent")) {
        gm_buf_text(text, "User-Agent: ");
        append_field(text, user_agent);
    }
    if (!is_named(headers, "Accept"))
        append_field(text, "Accept: */*");
    for (; headers; headers = headers->next) {
        const char *value = strchr(headers->data, ':');
        GM_ASSERT(value);
        if (value[1 + strspn(value + 1, " \t")])
            append_field(text, headers->data);
    }
}

void gm_request_write(struct gm_buf *text, const struct gm_target *target,
                      const struct curl_slist *extra, unsigned n_extra, const struct gm_buf *common)
{
    char port[sizeof ":65535"];
    gm_buf_text(text, "GET ");
    if (target->no_slash)
        gm_buf_char(text, '/');
    gm_buf_append(text, target->path, target->path_bytes);
    gm_buf_text(text, " HTTP/1.1\r\nHost: ");
    gm_buf_append(text, target->host, target->host_bytes);
    if (target->port != HTTP_PORT) {
        put_port(target->port, port);
        gm_buf_text(text, port);
    }
    gm_buf_text(text, "\r\n");
    for (unsigned i = 0; i < n_extra; i++)
        append_field(text, extra[i].data);
    gm_buf_append(text, common->data, common->n_bytes);
    gm_buf_text(text, "\r\n");
}
