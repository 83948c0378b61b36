/* Log lines, built whole on the stack and handed over once.
 *
 * The only mutable state of the base layer is the destination below, because a log call must work
 * from anywhere; it is set up before the first fork and the first thread and only read afterwards.
 * A write that would block is not made: poll(2) is asked first, so that a blocking descriptor that
 * we share with other programs need not be switched to non-blocking. A line may therefore still
 * block when another process fills the same pipe between the two calls. */
#include "base/log.h"

#include "base/clock.h"
#include "base/utf8.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2000
#define NAME_BYTES     32

static struct {
    int fd;
    enum gm_log_level level;
    enum gm_log_format format;
    char name[NAME_BYTES];
    gm_log_emit *emit;
    void *context;
    atomic_uint_least64_t n_dropped;
} destination = {STDERR_FILENO, GM_LOG_INFO, GM_LOG_TEXT, "gristmill", NULL, NULL, 0};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Code points that could move the cursor, hide text or reorder it. */
static const struct {
    uint32_t first, last;
} hidden_ranges[] = {
    {0x00, 0x08},     {0x0A, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C},
    {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069},
};

struct line {
    char text[LINE_BYTES_MAX + 1]; /* room for the newline */
    size_t n_bytes;
};

void gm_log_setup(int fd, enum gm_log_level level, enum gm_log_format format, const char *name)
{
    destination.fd = fd;
    destination.level = level;
    destination.format = format;
    snprintf(destination.name, sizeof destination.name, "%s", name);
}

void gm_log_redirect(gm_log_emit *emit, void *context)
{
    destination.emit = emit;
    destination.context = context;
}

void gm_log_count_dropped(void)
{
    atomic_fetch_add_explicit(&destination.n_dropped, 1, memory_order_relaxed);
}

uint64_t gm_log_dropped(void)
{
    return atomic_load_explicit(&destination.n_dropped, memory_order_relaxed);
}

const char *gm_log_level_name(enum gm_log_level level)
{
    GM_ASSERT((unsigned)level < GM_ARRAY_LEN(level_names));
    return level_names[level];
}

static bool is_hidden(uint32_t code_point)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(hidden_ranges); i++) {
        if (code_point >= hidden_ranges[i].first && code_point <= hidden_ranges[i].last)
            return true;
    }
    return false;
}

/* How one unit of the message is written: as it is, or as an escape. */
struct piece {
    char text[16];
    size_t n_bytes;
};

static void text_piece(const uint8_t *at, size_t length, struct piece *piece)
{
    uint32_t code_point = length ? gm_utf8_decode(at, &length) : *at;
    int n;
    if (length == 0)
        n = snprintf(piece->text, sizeof piece->text, "\\x%02x", (unsigned)code_point);
    else if (code_point == '\n')
        n = snprintf(piece->text, sizeof piece->text, "\\n");
    else if (code_point < 0x80 && is_hidden(code_point))
        n = snprintf(piece->text, sizeof piece->text, "\\x%02x", (unsigned)code_point);
    else if (is_hidden(code_point))
        n = snprintf(piece->text, sizeof piece->text, "\\u%04x", (unsigned)code_point);
    else
        n = snprintf(piece->text, sizeof piece->text, "%.*s", (int)length, (const char *)at);
    piece->n_bytes = (size_t)n;
}

static void json_piece(const uint8_t *at, size_t length, struct piece *piece)
{
    uint32_t code_point = length ? gm_utf8_decode(at, &length) : 0xFFFD;
    int n;
    if (code_point == '"' || code_point == '\\')
        n = snprintf(piece->text, sizeof piece->text, "\\%c", (int)code_point);
    else if (length == 0 || code_point == '\t' || is_hidden(code_point))
        n = snprintf(piece->text, sizeof piece->text, "\\u%04x", (unsigned)code_point);
    else
        n = snprintf(piece->text, sizeof piece->text, "%.*s", (int)length, (const char *)at);
    piece->n_bytes = (size_t)n;
}

/* Appends message, leaving tail_bytes free; a message that does not fit ends with "...". */
static void add_message(struct line *line, const char *message, size_t tail_bytes)
{
    const uint8_t *text = (const uint8_t *)message;
    size_t n_text = strlen(message);
    size_t end = LINE_BYTES_MAX - tail_bytes;
    size_t cut_at = line->n_bytes; /* last place behind a whole piece where "..." still fits */
    for (size_t i = 0; i < n_text;) {
        size_t left = n_text - i;
        /* One code point at most: whether it is well-formed, and how long it is. */
        size_t length = gm_utf8_valid_prefix(text + i, left < 4 ? left : 4);
        struct piece piece;
        if (length)
            gm_utf8_decode(text + i, &length);
        if (destination.format == GM_LOG_JSON)
            json_piece(text + i, length, &piece);
        else
            text_piece(text + i, length, &piece);
        if (line->n_bytes + 3 <= end)
            cut_at = line->n_bytes;
        if (line->n_bytes + piece.n_bytes > end) {
            memcpy(line->text + cut_at, "...", 3);
            line->n_bytes = cut_at + 3;
            return;
        }
        memcpy(line->text + line->n_bytes, piece.text, piece.n_bytes);
        line->n_bytes += piece.n_bytes;
        i += length ? length : 1;
    }
}

static void build_line(struct line *line, enum gm_log_level level, const char *message)
{
    int n;
    if (destination.format == GM_LOG_JSON) {
        char time_text[24];
        n = snprintf(line->text, sizeof line->text,
                     "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"",
                     gm_wall_time(time_text), gm_log_level_name(level), destination.name);
    } else {
        n = snprintf(line->text, sizeof line->text, "%s: %s: ", destination.name,
                     gm_log_level_name(level));
    }
    line->n_bytes = (size_t)n;
    add_message(line, message, 2);
    if (destination.format == GM_LOG_JSON) {
        memcpy(line->text + line->n_bytes, "\"}", 2);
        line->n_bytes += 2;
    }
}

static bool would_block(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    return poll(&poll_fd, 1, 0) == 0;
}

static bool write_line(struct line *line)
{
    ssize_t n;
    line->text[line->n_bytes] = '\n';
    if (would_block(destination.fd))
        return false;
    do
        n = write(destination.fd, line->text, line->n_bytes + 1);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)line->n_bytes + 1;
}

void gm_log(enum gm_log_level level, const char *format, ...)
{
    if (level > destination.level)
        return;
    int saved_errno = errno;
    /* One byte more than a line holds, so that a cut is seen as one. */
    char message[LINE_BYTES_MAX + 2];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct line line;
    build_line(&line, level, n < 0 ? format : message);
    if (destination.emit)
        destination.emit(destination.context, level, line.text, line.n_bytes);
    else if (!write_line(&line))
        gm_log_count_dropped();
    errno = saved_errno;
}
