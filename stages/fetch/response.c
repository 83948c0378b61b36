/* Headers are found by a table. Only the last response counts: a status line throws away what
 * interim responses said, but not their number and size, which are bounded. */
#include "fetch/response.h"

#include "base/assert.h"
#include "base/num.h"
#include "fetch/request.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct value {
    const char *text;
    size_t n_bytes;
};

static const char *on_length(struct gm_response *response, struct value value)
{
    uint64_t n = 0;
    if (gm_parse_u64(value.text, value.n_bytes, &n, NULL) != GM_OK)
        return "a Content-Length that is no number";
    if (response->content_length != UINT64_MAX && response->content_length != n)
        return "conflicting Content-Length headers";
    response->content_length = n;
    return NULL;
}

static bool is_word(struct value word, const char *text)
{
    return word.n_bytes == strlen(text) && strncasecmp(word.text, text, word.n_bytes) == 0;
}

/* Takes the first word off a list that is separated by commas; false: there is none. */
static bool next_word(struct value *list, struct value *word)
{
    while (list->n_bytes && strchr(" \t,", *list->text))
        list->text++, list->n_bytes--;
    *word = (struct value){list->text, 0};
    while (list->n_bytes && *list->text != ',')
        list->text++, list->n_bytes--;
    word->n_bytes = (size_t)(list->text - word->text);
    while (word->n_bytes && strchr(" \t", word->text[word->n_bytes - 1]))
        word->n_bytes--;
    return word->n_bytes > 0;
}

/* Several lines are one list. Chunked stated twice is taken as once: some proxies repeat the line.
 */
static const char *on_encoding(struct gm_response *response, struct value value)
{
    struct value word;
    while (next_word(&value, &word)) {
        if (is_word(word, "chunked"))
            response->chunked = true;
        else if (!is_word(word, "identity"))
            response->coded = true;
    }
    return NULL;
}

static const char *on_connection(struct gm_response *response, struct value value)
{
    struct value word;
    while (next_word(&value, &word)) {
        response->closes = response->closes || is_word(word, "close");
        response->keeps = response->keeps || is_word(word, "keep-alive");
    }
    return NULL;
}

/* "bytes FIRST-LAST/TOTAL"; a star stands for FIRST-LAST or for TOTAL if there is none. */
static const char *on_range(struct gm_response *response, struct value value)
{
    char text[80];
    if (value.n_bytes < 6 || value.n_bytes >= sizeof text ||
        strncasecmp(value.text, "bytes ", 6) != 0)
        return NULL;
    memcpy(text, value.text + 6, value.n_bytes - 6);
    text[value.n_bytes - 6] = '\0';
    char *slash = strchr(text, '/');
    if (!slash)
        return NULL;
    *slash = '\0';
    const char *total = slash + 1;
    uint64_t first = UINT64_MAX, size = UINT64_MAX;
    char *dash = strchr(text, '-');
    if (dash && gm_parse_u64(text, (size_t)(dash - text), &first, NULL) != GM_OK)
        return NULL;
    if (!dash && strcmp(text, "*") != 0)
        return NULL;
    if (strcmp(total, "*") != 0 && gm_parse_u64(total, strlen(total), &size, NULL) != GM_OK)
        return NULL;
    response->has_range = true;
    response->range_first = first;
    response->range_total = size;
    return NULL;
}

/* A repeated header's last value wins; without memory the value is forgotten, which costs a
 * conditional request later but no data. */
static const char *keep(char **field, struct value value)
{
    free(*field);
    *field = value.n_bytes && value.n_bytes < 1024 ? strndup(value.text, value.n_bytes) : NULL;
    return NULL;
}

/* ... and goes back to a server, in a later request. */
static const char *keep_validator(char **field, struct value value)
{
    keep(field, value);
    if (*field && gm_has_control(*field)) {
        free(*field);
        *field = NULL;
    }
    return NULL;
}

static const char *on_etag(struct gm_response *response, struct value value)
{
    return keep_validator(&response->etag, value);
}

static const char *on_modified(struct gm_response *response, struct value value)
{
    return keep_validator(&response->last_modified, value);
}

static const char *on_type(struct gm_response *response, struct value value)
{
    return keep(&response->content_type, value);
}

/* What makes no URL is refused where it is used, so that the message can say so. */
static const char *on_location(struct gm_response *response, struct value value)
{
    if (!response->location && value.n_bytes)
        response->location = strndup(value.text, value.n_bytes);
    return NULL;
}

static const char *on_retry_after(struct gm_response *response, struct value value)
{
    if (value.n_bytes < sizeof response->retry_after) {
        memcpy(response->retry_after, value.text, value.n_bytes);
        response->retry_after[value.n_bytes] = '\0';
    }
    return NULL;
}

struct header {
    const char *name;
    size_t name_bytes;
    const char *(*take)(struct gm_response *response, struct value value);
};
#define HEADER(name, take)                                                                         \
    {                                                                                              \
        name, sizeof(name) - 1, take                                                               \
    }

static const struct header headers[] = {
    HEADER("content-length", on_length),   HEADER("transfer-encoding", on_encoding),
    HEADER("content-range", on_range),     HEADER("etag", on_etag),
    HEADER("last-modified", on_modified),  HEADER("content-type", on_type),
    HEADER("retry-after", on_retry_after), HEADER("location", on_location),
    HEADER("connection", on_connection),
};

static void forget(struct gm_response *response)
{
    free(response->etag);
    free(response->last_modified);
    free(response->content_type);
    free(response->location);
    *response = (struct gm_response){.n_interim = response->n_interim,
                                     .head_bytes = response->head_bytes,
                                     .content_length = UINT64_MAX};
}

void gm_response_reset(struct gm_response *response)
{
    forget(response);
    response->n_interim = 0;
    response->head_bytes = 0;
}

static const char *on_status_line(struct gm_response *response, const char *line, size_t n_bytes)
{
    const char *space = memchr(line, ' ', n_bytes);
    uint64_t status = 0;
    forget(response);
    if (!space || space + 4 > line + n_bytes || gm_parse_u64(space + 1, 3, &status, NULL) != GM_OK)
        return "a malformed status line";
    response->status = (unsigned)status;
    response->version = n_bytes > 5 && line[5] == '2' ? 2 : 1;
    response->is_1_0 = n_bytes > 7 && memcmp(line + 5, "1.0", 3) == 0;
    if (status >= 100 && status < 200 && ++response->n_interim > GM_RESPONSE_MAX_INTERIM)
        return "endless interim (1xx) responses";
    return NULL;
}

static const struct header *find_header(const char *line, size_t n_bytes)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(headers); i++)
        if (n_bytes > headers[i].name_bytes && line[headers[i].name_bytes] == ':' &&
            (line[0] | 0x20) == headers[i].name[0] &&
            strncasecmp(line, headers[i].name, headers[i].name_bytes) == 0)
            return &headers[i];
    return NULL;
}

const char *gm_response_line(struct gm_response *response, const char *line, size_t n_bytes)
{
    response->head_bytes += n_bytes;
    if (response->head_bytes > GM_RESPONSE_MAX_HEAD_BYTES)
        return "response headers of more than 128 KB";
    while (n_bytes && (line[n_bytes - 1] == '\n' || line[n_bytes - 1] == '\r'))
        n_bytes--;
    if (n_bytes >= 5 && memcmp(line, "HTTP/", 5) == 0)
        return on_status_line(response, line, n_bytes);
    if (response->complete || n_bytes == 0) {
        response->complete = true; /* what comes now are trailers: nobody's business */
        return NULL;
    }
    const struct header *header = find_header(line, n_bytes);
    if (!header)
        return NULL;
    struct value value = {line + header->name_bytes + 1, n_bytes - header->name_bytes - 1};
    while (value.n_bytes && (*value.text == ' ' || *value.text == '\t'))
        value.text++, value.n_bytes--;
    while (value.n_bytes && strchr(" \t", value.text[value.n_bytes - 1]))
        value.n_bytes--;
    return header->take(response, value);
}

bool gm_response_is_framed(const struct gm_response *response)
{
    bool bodyless = response->status == 204 || response->status == 304;
    return bodyless || response->version >= 2 || response->chunked ||
           response->content_length != UINT64_MAX;
}
