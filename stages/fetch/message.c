/* A state machine with one function a state (table `takers`). Each takes what it can of the input;
 * gm_message_take goes on until there is something to hand out. Lines of the head are mostly whole
 * in the input and are read where they lie; only one that is cut is gathered in `line`. */
#include "fetch/message.h"

#include "base/assert.h"
#include <string.h>

#define MAX_SIZE_DIGITS      16
#define FREE_EXTENSIONS      (64u * 1024u)
#define KEPT_LINE_BYTES      4096u /* thousands of connections may be kept */
#define STATUS_VERSION_BYTES 8
#define STATUS_LINE_BYTES    12 /* "HTTP/1.1 200" */
#define INPUT_IS_NO_HTTP     "something that is no HTTP/1 answer"
#define HEAD_IS_TOO_LONG     "response headers of more than 128 KB"
#define NO_MEMORY_FOR_LINES  "a head that there is no memory for"

struct input {
    const uint8_t *data;
    size_t n_bytes;
};

static void drop_front(struct input *input, size_t n_bytes)
{
    input->data += n_bytes;
    input->n_bytes -= n_bytes;
}

void gm_message_begin(struct gm_message *message, struct gm_response *response)
{
    struct gm_buf line = message->line;
    gm_buf_clear(&line);
    *message =
        (struct gm_message){.response = response, .line = line, .spare_bytes = FREE_EXTENSIONS};
}

void gm_message_fini(struct gm_message *message)
{
    gm_buf_free(&message->line);
}

/* ---- lines ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static size_t without_end(const uint8_t *line, size_t n_bytes)
{
    n_bytes -= n_bytes && line[n_bytes - 1] == '\n';
    n_bytes -= n_bytes && line[n_bytes - 1] == '\r';
    return n_bytes;
}

/* The gathered line was whole but for the question whether the next one belongs to it. */
static bool is_continued(struct gm_message *message, const struct input *input)
{
    struct gm_buf *line = &message->line;
    message->line_is_whole = false;
    if (!is_blank(*input->data))
        return false;
    for (size_t i = without_end(line->data, line->n_bytes); i < line->n_bytes; i++)
        line->data[i] = ' ';
    return true;
}

/* Whether a line of which first and size are known may be continued by the next one: any header
 * but the empty line. */
static bool may_fold(const struct gm_message *message, uint8_t first, size_t n_bytes)
{
    bool empty = n_bytes == 1 || (n_bytes == 2 && first == '\r');
    return message->at != GM_MESSAGE_STATUS && !empty;
}

/* The next line with its end, in *line: true. false: it needs more bytes, all of the input was
 * taken. Whoever used the line clears message->line. */
static bool take_line(struct gm_message *message, struct input *input, struct input *line)
{
    struct gm_buf *kept = &message->line;
    if (message->line_is_whole && !is_continued(message, input)) {
        *line = (struct input){kept->data, kept->n_bytes};
        return true;
    }
    const uint8_t *end = memchr(input->data, '\n', input->n_bytes);
    size_t n = end ? (size_t)(end - input->data) + 1 : input->n_bytes;
    *line = (struct input){input->data, n};
    bool more = n < input->n_bytes;
    bool folds =
        end && may_fold(message, kept->n_bytes ? *kept->data : *input->data, kept->n_bytes + n);
    if (end && kept->n_bytes == 0 && (!folds || (more && !is_blank(input->data[n])))) {
        drop_front(input, n);
        return true;
    }
    gm_buf_append(kept, input->data, n);
    drop_front(input, n);
    message->line_is_whole = folds;
    *line = (struct input){kept->data, kept->n_bytes};
    return end && !folds && !kept->failed;
}

/* RFC 9112, sections 2.2 and 5.1. */
static const char *line_problem(const struct gm_message *message, struct input line)
{
    size_t n = without_end(line.data, line.n_bytes);
    if (memchr(line.data, '\0', n))
        return "a NUL in a header";
    if (memchr(line.data, '\r', n))
        return "a CR in a header";
    if (message->at == GM_MESSAGE_STATUS)
        return NULL;
    if (n && is_blank(*line.data)) /* the first one: any other belongs to the line before it */
        return "a head that begins with a space";
    const uint8_t *colon = memchr(line.data, ':', n);
    if (colon && colon > line.data && is_blank(colon[-1]))
        return "a space in front of a header's colon";
    if (n >= 5 && memcmp(line.data, "HTTP/", 5) == 0)
        return "a second status line";
    return NULL;
}

static const char *bounded_line(struct gm_message *message, struct input *input, struct input *line,
                                bool *whole)
{
    *whole = take_line(message, input, line);
    if (message->line.failed)
        return NO_MEMORY_FOR_LINES;
    if (message->response->head_bytes + message->line.n_bytes > GM_RESPONSE_MAX_HEAD_BYTES)
        return HEAD_IS_TOO_LONG;
    return *whole ? line_problem(message, *line) : NULL;
}

/* ---- the head ---- */

/* RFC 9112, section 6.3 */
static const char *begin_body(struct gm_message *message)
{
    const struct gm_response *response = message->response;
    unsigned status = response->status;
    message->left = 0;
    if (status < 200 && status != 101) {
        message->at = GM_MESSAGE_STATUS;
    } else if (status == 101 || status == 204 || status == 304) {
        message->at = GM_MESSAGE_DONE;
    } else if (response->coded) {
        return "a transfer coding that nobody asked for";
    } else if (response->chunked) {
        message->at = GM_MESSAGE_CHUNK_SIZE;
        message->n_digits = 0;
    } else if (response->content_length != UINT64_MAX) {
        message->left = response->content_length;
        message->at = message->left ? GM_MESSAGE_COUNTED : GM_MESSAGE_DONE;
    } else {
        message->at = GM_MESSAGE_UNTIL_CLOSE;
    }
    return NULL;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; as much of it as there is must be right. */
static const char *status_problem(struct input line, bool whole)
{
    static const char want[STATUS_LINE_BYTES + 1] = "HTTP/1.# ###";
    size_t n = whole ? without_end(line.data, line.n_bytes) : line.n_bytes;
    for (size_t i = 0; i < n && i < STATUS_LINE_BYTES; i++) {
        bool fits = want[i] == '#' ? is_digit(line.data[i]) : line.data[i] == want[i];
        if (!fits)
            return i < STATUS_VERSION_BYTES ? INPUT_IS_NO_HTTP : "a malformed status line";
    }
    if (n > STATUS_LINE_BYTES && !is_blank(line.data[STATUS_LINE_BYTES]) &&
        line.data[STATUS_LINE_BYTES] != '\r')
        return "a malformed status line";
    if (whole && n < STATUS_VERSION_BYTES)
        return INPUT_IS_NO_HTTP;
    if (whole && (n < STATUS_LINE_BYTES || line.data[9] == '0'))
        return "a malformed status line";
    return NULL;
}

static const char *take_status(struct gm_message *message, struct input *input,
                               struct gm_message_step *step)
{
    struct input line;
    bool whole;
    (void)step;
    const char *problem = bounded_line(message, input, &line, &whole);
    if (!problem)
        problem = status_problem(line, whole);
    if (problem || !whole)
        return problem;
    problem = gm_response_line(message->response, (const char *)line.data, line.n_bytes);
    gm_buf_clear(&message->line);
    message->at = GM_MESSAGE_HEADER;
    return problem;
}

/* Headers and trailers. */
static const char *take_header(struct gm_message *message, struct input *input,
                               struct gm_message_step *step)
{
    struct input line;
    bool whole;
    (void)step;
    const char *problem = bounded_line(message, input, &line, &whole);
    if (problem || !whole)
        return problem;
    bool empty = without_end(line.data, line.n_bytes) == 0;
    problem = gm_response_line(message->response, (const char *)line.data, line.n_bytes);
    gm_buf_clear(&message->line);
    if (problem || !empty)
        return problem;
    if (message->line.capacity_bytes > KEPT_LINE_BYTES)
        gm_buf_free(&message->line);
    if (message->at == GM_MESSAGE_HEADER)
        return begin_body(message);
    message->at = GM_MESSAGE_DONE;
    return NULL;
}

/* ---- the body ---- */

static void hand_out(struct input *input, size_t n_bytes, struct gm_message_step *step)
{
    step->body = input->data;
    step->body_bytes = n_bytes;
    drop_front(input, n_bytes);
}

static size_t hand_out_counted(struct gm_message *message, struct input *input,
                               struct gm_message_step *step)
{
    size_t n = message->left < input->n_bytes ? (size_t)message->left : input->n_bytes;
    hand_out(input, n, step);
    message->left -= n;
    return n;
}

static const char *take_counted(struct gm_message *message, struct input *input,
                                struct gm_message_step *step)
{
    hand_out_counted(message, input, step);
    if (message->left == 0)
        message->at = GM_MESSAGE_DONE;
    return NULL;
}

static const char *take_until_close(struct gm_message *message, struct input *input,
                                    struct gm_message_step *step)
{
    (void)message;
    hand_out(input, input->n_bytes, step);
    return NULL;
}

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size is known and its line at its end. */
static void begin_chunk(struct gm_message *message)
{
    message->at = message->left ? GM_MESSAGE_CHUNK_DATA : GM_MESSAGE_TRAILER;
}

static const char *take_chunk_size(struct gm_message *message, struct input *input,
                                   struct gm_message_step *step)
{
    (void)step;
    for (; input->n_bytes; drop_front(input, 1)) {
        int value = hex_value(*input->data);
        if (value < 0)
            break;
        if (++message->n_digits > MAX_SIZE_DIGITS || message->left > UINT64_MAX >> 5)
            return "an absurd chunk size";
        message->left = message->left << 4 | (unsigned)value;
    }
    if (input->n_bytes == 0)
        return NULL;
    uint8_t c = *input->data;
    if (message->n_digits == 0 || (c != '\n' && c != '\r' && c != ';' && !is_blank(c)))
        return "a malformed chunk size";
    drop_front(input, 1);
    if (c == '\n')
        begin_chunk(message);
    else
        message->at = c == '\r' ? GM_MESSAGE_CHUNK_SIZE_LF : GM_MESSAGE_CHUNK_EXTENSION;
    return NULL;
}

static const char *take_chunk_extension(struct gm_message *message, struct input *input,
                                        struct gm_message_step *step)
{
    (void)step;
    const uint8_t *end = memchr(input->data, '\n', input->n_bytes);
    size_t n = end ? (size_t)(end - input->data) + 1 : input->n_bytes;
    if (n > message->spare_bytes)
        return "chunk extensions without end";
    message->spare_bytes -= n;
    drop_front(input, n);
    if (end)
        begin_chunk(message);
    return NULL;
}

static const char *take_chunk_size_lf(struct gm_message *message, struct input *input,
                                      struct gm_message_step *step)
{
    (void)step;
    if (*input->data != '\n')
        return "a malformed chunk size";
    drop_front(input, 1);
    begin_chunk(message);
    return NULL;
}

static const char *take_chunk_data(struct gm_message *message, struct input *input,
                                   struct gm_message_step *step)
{
    message->spare_bytes += hand_out_counted(message, input, step);
    if (message->left == 0)
        message->at = GM_MESSAGE_CHUNK_END;
    return NULL;
}

static const char *take_chunk_end(struct gm_message *message, struct input *input,
                                  struct gm_message_step *step)
{
    uint8_t c = *input->data;
    (void)step;
    if (c != '\n' && (c != '\r' || message->at == GM_MESSAGE_CHUNK_END_LF))
        return "a chunk that is longer than its size";
    drop_front(input, 1);
    message->at = c == '\n' ? GM_MESSAGE_CHUNK_SIZE : GM_MESSAGE_CHUNK_END_LF;
    message->n_digits = 0;
    return NULL;
}

typedef const char *taker(struct gm_message *message, struct input *input,
                          struct gm_message_step *step);
static taker *const takers[] = {
    [GM_MESSAGE_STATUS] = take_status,
    [GM_MESSAGE_HEADER] = take_header,
    [GM_MESSAGE_COUNTED] = take_counted,
    [GM_MESSAGE_UNTIL_CLOSE] = take_until_close,
    [GM_MESSAGE_CHUNK_SIZE] = take_chunk_size,
    [GM_MESSAGE_CHUNK_EXTENSION] = take_chunk_extension,
    [GM_MESSAGE_CHUNK_SIZE_LF] = take_chunk_size_lf,
    [GM_MESSAGE_CHUNK_DATA] = take_chunk_data,
    [GM_MESSAGE_CHUNK_END] = take_chunk_end,
    [GM_MESSAGE_CHUNK_END_LF] = take_chunk_end,
    [GM_MESSAGE_TRAILER] = take_header,
};

const char *gm_message_take(struct gm_message *message, const uint8_t *data, size_t n_bytes,
                            struct gm_message_step *step)
{
    struct input input = {data, n_bytes};
    const char *problem = NULL;
    GM_ASSERT(n_bytes > 0 && message->at != GM_MESSAGE_DONE);
    *step = (struct gm_message_step){0};
    message->any = true;
    while (!problem && input.n_bytes && step->body_bytes == 0 && message->at != GM_MESSAGE_DONE)
        problem = takers[message->at](message, &input, step);
    step->n_bytes = n_bytes - input.n_bytes;
    return problem;
}

enum gm_message_end gm_message_end(const struct gm_message *message)
{
    if (!message->any)
        return GM_MESSAGE_END_NOTHING;
    if (message->at <= GM_MESSAGE_HEADER)
        return GM_MESSAGE_END_IN_HEAD;
    if (message->at != GM_MESSAGE_UNTIL_CLOSE && message->at != GM_MESSAGE_DONE)
        return GM_MESSAGE_END_IN_BODY;
    return GM_MESSAGE_END_WHOLE;
}

bool gm_message_in_body(const struct gm_message *message)
{
    return message->at > GM_MESSAGE_HEADER && message->at < GM_MESSAGE_DONE;
}

bool gm_message_keeps(const struct gm_message *message)
{
    const struct gm_response *response = message->response;
    GM_ASSERT(message->at == GM_MESSAGE_DONE);
    if (response->status == 101 || response->closes || !gm_response_is_framed(response))
        return false;
    if (response->chunked && (response->is_1_0 || response->content_length != UINT64_MAX))
        return false;
    return !response->is_1_0 || response->keeps;
}
