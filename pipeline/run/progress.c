/* When to draw and how to keep the line apart from log lines; what is drawn is in progress_line.c.
 * The terminal's width is asked for at each drawing, so a resized window needs no signal. A
 * descriptor that cannot take a line now (a stalled pipe) misses it: the run does not wait. */
#include "run/progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "run/progress_line.h"
#include "run/rate.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS      100
#define PLAIN_MS       5000
#define JSON_MS        1000
#define PLAIN_COLUMNS  160
#define USUAL_COLUMNS  80
#define LOG_WAIT_MS    100
#define FINISH_WAIT_MS 1000

struct gm_progress {
    int fd;
    enum gm_progress_mode mode; /* never AUTO */
    bool use_color;
    unsigned drawn_columns; /* of the line that stands on the terminal; 0: none */
    uint64_t started_ms, drawn_ms;
    struct gm_rate items, bytes;
    struct gm_progress_state state; /* last seen, for redrawing below a log line */
    struct gm_buf line;
};

struct gm_progress *gm_progress_new(int fd, enum gm_progress_mode mode, bool use_color)
{
    struct gm_progress *progress = calloc(1, sizeof *progress);
    if (!progress)
        return NULL;
    if (mode == GM_PROGRESS_AUTO)
        mode = isatty(fd) ? GM_PROGRESS_TERMINAL : GM_PROGRESS_PLAIN;
    progress->fd = fd;
    progress->mode = mode;
    progress->use_color = use_color;
    progress->started_ms = progress->drawn_ms = gm_now_ms();
    return progress;
}

/* Writes the collected line, waiting at most wait_ms for room, and empties it. */
static void flush(struct gm_progress *progress, int wait_ms)
{
    struct pollfd pollfd = {.fd = progress->fd, .events = POLLOUT};
    const uint8_t *data = progress->line.data;
    size_t left = progress->line.failed ? 0 : progress->line.n_bytes;
    while (left > 0 && poll(&pollfd, 1, wait_ms) == 1 && (pollfd.revents & POLLOUT)) {
        ssize_t n = write(progress->fd, data, left);
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0) {
            data += n;
            left -= (size_t)n;
        }
    }
    gm_buf_clear(&progress->line);
}

static unsigned width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return USUAL_COLUMNS;
}

static struct gm_progress_view view_of(struct gm_progress *progress)
{
    const struct gm_progress_state *state = &progress->state;
    uint64_t eta_ms = UINT64_MAX;
    if (state->n_items_total > 0 && state->n_items_done <= state->n_items_total)
        eta_ms = gm_rate_eta_ms(&progress->items, state->n_items_total - state->n_items_done);
    return (struct gm_progress_view){.state = state,
                                     .elapsed_ms = gm_now_ms() - progress->started_ms,
                                     .eta_ms = eta_ms,
                                     .items_per_s = gm_rate_per_second(&progress->items),
                                     .bytes_per_s = gm_rate_per_second(&progress->bytes)};
}

/* Blanks are written over the rest of the last line: no escape sequence, so that a terminal
 * without any is served too. */
static void erase(struct gm_progress *progress, unsigned from)
{
    for (unsigned i = from; i < progress->drawn_columns; i++)
        gm_buf_char(&progress->line, ' ');
}

static void draw_terminal(struct gm_progress *progress, const struct gm_progress_view *view)
{
    /* The last column stays free: many terminals wrap as soon as it is used. */
    unsigned columns = width(progress->fd) - 1;
    gm_buf_char(&progress->line, '\r');
    unsigned n = gm_progress_line(view, columns, progress->use_color, &progress->line);
    if (progress->drawn_columns > columns) /* the window was made smaller */
        progress->drawn_columns = columns;
    erase(progress, n);
    gm_buf_char(&progress->line, '\r');
    progress->drawn_columns = n;
}

static void draw(struct gm_progress *progress, const struct gm_progress_view *view)
{
    if (progress->mode == GM_PROGRESS_TERMINAL) {
        draw_terminal(progress, view);
    } else if (progress->mode == GM_PROGRESS_PLAIN) {
        gm_buf_text(&progress->line, "gristmill: ");
        gm_progress_line(view, PLAIN_COLUMNS, false, &progress->line);
        gm_buf_char(&progress->line, '\n');
    } else if (progress->mode == GM_PROGRESS_JSON) {
        gm_progress_json(view, &progress->line);
        gm_buf_char(&progress->line, '\n');
    }
}

static uint64_t interval_ms(enum gm_progress_mode mode)
{
    static const uint64_t intervals[] = {[GM_PROGRESS_TERMINAL] = REDRAW_MS,
                                         [GM_PROGRESS_PLAIN] = PLAIN_MS,
                                         [GM_PROGRESS_JSON] = JSON_MS,
                                         [GM_PROGRESS_QUIET] = UINT64_MAX};
    return intervals[mode];
}

void gm_progress_update(struct gm_progress *progress, const struct gm_progress_state *state)
{
    uint64_t now_ms = gm_now_ms();
    progress->state = *state;
    gm_rate_add(&progress->items, now_ms, state->n_items_done);
    gm_rate_add(&progress->bytes, now_ms, state->fetched_bytes);
    if (now_ms - progress->drawn_ms < interval_ms(progress->mode))
        return;
    progress->drawn_ms = now_ms;
    struct gm_progress_view view = view_of(progress);
    draw(progress, &view);
    flush(progress, 0);
}

void gm_progress_log(void *context, enum gm_log_level level, const char *line, size_t n_bytes)
{
    struct gm_progress *progress = context;
    (void)level; /* gm_log has filtered by it */
    bool redraw = progress->drawn_columns > 0;
    if (redraw) {
        gm_buf_char(&progress->line, '\r');
        erase(progress, (unsigned)(n_bytes < UINT32_MAX ? n_bytes : UINT32_MAX));
        gm_buf_char(&progress->line, '\r');
    }
    gm_buf_append(&progress->line, line, n_bytes);
    gm_buf_char(&progress->line, '\n');
    if (redraw) {
        struct gm_progress_view view = view_of(progress);
        progress->drawn_columns = 0;
        draw(progress, &view);
    }
    flush(progress, LOG_WAIT_MS);
}

void gm_progress_free(struct gm_progress *progress)
{
    if (!progress)
        return;
    if (progress->drawn_columns > 0) {
        gm_buf_char(&progress->line, '\r');
        erase(progress, 0);
        gm_buf_char(&progress->line, '\r');
        flush(progress, FINISH_WAIT_MS);
    }
    gm_buf_free(&progress->line);
    free(progress);
}
