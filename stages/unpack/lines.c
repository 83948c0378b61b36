/* Splitting JSON Lines. A line that lies whole within a piece of the stream is emitted straight
 * from there; only a line that crosses pieces is begun, fed and ended. That makes memchr and the
 * engine's copy the whole cost, and leaves nothing to buffer. */
#include "unpack/lines.h"

#include "split.h"
#include "unpack/stream.h"
#include "unpack/unpacking.h"

#include <string.h>

enum line_state {
    BETWEEN,  /* nothing but blanks of the next line seen so far */
    OPEN,     /* begun, being fed */
    SKIPPING, /* too long: ignored up to its end */
};

struct lines {
    struct gm_unpacking *unpacking;
    enum line_state state;
    bool held_cr; /* OPEN: a CR at the end of the last piece, not yet fed */
};

static const struct gm_member line_member = {NULL, 0, GM_MEDIA_JSON_LINE, 0};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static const uint8_t *skip_blanks(const uint8_t *from, const uint8_t *end)
{
    while (from < end && is_blank(*from))
        from++;
    return from;
}

/* Feeds the open line; too long is no failure. */
static enum gm_status feed(struct lines *lines, const uint8_t *from, size_t n_bytes,
                           struct gm_err *err)
{
    if (n_bytes == 0)
        return GM_OK;
    enum gm_status status = gm_emit_data(lines->unpacking->emit, from, n_bytes, err);
    if (status != GM_LIMIT)
        return status;
    lines->state = SKIPPING;
    return GM_OK;
}

static enum gm_status whole_line(struct lines *lines, const uint8_t *from, const uint8_t *end,
                                 struct gm_err *err)
{
    if (end > from && end[-1] == '\r')
        end--;
    if (from == end || (is_blank(*from) && skip_blanks(from, end) == end))
        return GM_OK;
    enum gm_status status =
        gm_emit_record(lines->unpacking->emit, &line_member, from, (size_t)(end - from), err);
    return status == GM_LIMIT ? GM_OK : status; /* rejected by the engine as too long */
}

/* The end of the piece without a newline: the start or the middle of a line that goes on. A CR is
 * held back until it is known whether it belongs to the newline. */
static enum gm_status part_of_line(struct lines *lines, const uint8_t *from, const uint8_t *end,
                                   struct gm_err *err)
{
    enum gm_status status = GM_OK;
    if (lines->state == BETWEEN) {
        from = skip_blanks(from, end);
        if (from == end)
            return GM_OK;
        status = gm_emit_begin(lines->unpacking->emit, &line_member, err);
        if (status != GM_OK)
            return status;
        lines->state = OPEN;
    }
    if (from == end || lines->state == SKIPPING)
        return GM_OK;
    if (lines->held_cr)
        status = feed(lines, (const uint8_t *)"\r", 1, err);
    lines->held_cr = end[-1] == '\r';
    if (status == GM_OK && lines->state == OPEN)
        status = feed(lines, from, (size_t)(end - from) - lines->held_cr, err);
    return status;
}

/* The rest of a line that began in an earlier piece. */
static enum gm_status end_of_line(struct lines *lines, const uint8_t *from, const uint8_t *end,
                                  struct gm_err *err)
{
    if (end > from && end[-1] == '\r')
        end--;
    enum gm_status status = GM_OK;
    if (lines->state == OPEN && lines->held_cr && end > from)
        status = feed(lines, (const uint8_t *)"\r", 1, err);
    if (status == GM_OK && lines->state == OPEN)
        status = feed(lines, from, (size_t)(end - from), err);
    if (status == GM_OK && lines->state == OPEN)
        status = gm_emit_end(lines->unpacking->emit, err);
    lines->state = BETWEEN;
    lines->held_cr = false;
    return status;
}

static enum gm_status piece(struct lines *lines, const uint8_t *from, size_t n_bytes,
                            struct gm_err *err)
{
    const uint8_t *end = from + n_bytes;
    while (from < end) {
        const uint8_t *newline = memchr(from, '\n', (size_t)(end - from));
        enum gm_status status;
        if (!newline)
            return part_of_line(lines, from, end, err);
        if (lines->state == BETWEEN)
            status = whole_line(lines, from, newline, err);
        else
            status = end_of_line(lines, from, newline, err);
        if (status != GM_OK)
            return status;
        from = newline + 1;
    }
    return GM_OK;
}

static enum gm_status broken(struct lines *lines, enum gm_status status, struct gm_err *err)
{
    if (lines->state != OPEN || (status != GM_INPUT && status != GM_LIMIT))
        return status;
    struct gm_err failure;
    enum gm_status aborted =
        gm_emit_abort(lines->unpacking->emit, lines->unpacking->reason, err->text, &failure);
    if (aborted == GM_OK)
        return status;
    *err = failure;
    return aborted;
}

enum gm_status gm_lines_split(struct gm_unpacking *unpacking, struct gm_stream *stream,
                              struct gm_err *err)
{
    struct lines lines = {.unpacking = unpacking};
    const uint8_t *data;
    size_t n_bytes;
    enum gm_status status = gm_stream_peek(stream, &data, &n_bytes, err);
    bool has_mark = status == GM_OK && n_bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    while (status == GM_OK) {
        status = gm_stream_next(stream, &data, &n_bytes, err);
        if (status != GM_OK)
            return broken(&lines, status, err);
        if (n_bytes == 0)
            return end_of_line(&lines, data, data, err);
        if (has_mark) {
            data += 3;
            n_bytes -= 3;
            has_mark = false;
        }
        status = piece(&lines, data, n_bytes, err);
    }
    return status;
}
