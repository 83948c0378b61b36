/* A line is made of parts, each with a rank: parts are shown in the order of the table, and the
 * ones of the highest rank number are left out first when the line is too long. */
#include "run/progress_line.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PART_BYTES 96
#define GAP        2 /* columns between parts */
#define BAR_WIDTH  20

typedef void render_part(const struct gm_progress_view *view, char *text);

/* An empty text: nothing to say. */

static void part_phase(const struct gm_progress_view *view, char *text)
{
    const char *phase = view->state->phase ? view->state->phase : "running";
    snprintf(text, PART_BYTES, "%s", phase);
}

static double fraction(const struct gm_progress_state *state)
{
    if (state->n_items_total == 0)
        return 0;
    double done = (double)state->n_items_done / (double)state->n_items_total;
    return done < 1 ? done : 1;
}

static void part_bar(const struct gm_progress_view *view, char *text)
{
    if (view->state->n_items_total == 0)
        return;
    int n = (int)(fraction(view->state) * BAR_WIDTH);
    snprintf(text, PART_BYTES, "[%.*s%.*s]", n, "####################", BAR_WIDTH - n,
             "....................");
}

static void part_items(const struct gm_progress_view *view, char *text)
{
    char done[GM_NUM_TEXT_BYTES], total[GM_NUM_TEXT_BYTES];
    const struct gm_progress_state *state = view->state;
    gm_format_count(state->n_items_done, done);
    if (state->n_items_total > 0)
        snprintf(text, PART_BYTES, "%s/%s items", done,
                 gm_format_count(state->n_items_total, total));
    else if (state->n_items_listed > 0)
        snprintf(text, PART_BYTES, "%s of %s+ items", done,
                 gm_format_count(state->n_items_listed, total));
    else
        snprintf(text, PART_BYTES, "%s items", done);
}

static void part_percent(const struct gm_progress_view *view, char *text)
{
    if (view->state->n_items_total > 0)
        snprintf(text, PART_BYTES, "%d %%", (int)(fraction(view->state) * 100));
}

static void part_eta(const struct gm_progress_view *view, char *text)
{
    char time[GM_NUM_TEXT_BYTES];
    if (view->eta_ms != UINT64_MAX)
        snprintf(text, PART_BYTES, "eta %s", gm_format_ms(view->eta_ms / 1000 * 1000, time));
}

static void part_failed(const struct gm_progress_view *view, char *text)
{
    char count[GM_NUM_TEXT_BYTES];
    if (view->state->n_failed > 0)
        snprintf(text, PART_BYTES, "%s failed", gm_format_count(view->state->n_failed, count));
}

static void part_written(const struct gm_progress_view *view, char *text)
{
    char count[GM_NUM_TEXT_BYTES];
    if (view->state->n_written > 0)
        snprintf(text, PART_BYTES, "%s records", gm_format_count(view->state->n_written, count));
}

static void part_rejected(const struct gm_progress_view *view, char *text)
{
    char count[GM_NUM_TEXT_BYTES];
    if (view->state->n_rejected > 0)
        snprintf(text, PART_BYTES, "%s rejected", gm_format_count(view->state->n_rejected, count));
}

static void part_rate(const struct gm_progress_view *view, char *text)
{
    if (view->items_per_s >= 9.95)
        snprintf(text, PART_BYTES, "%.0f/s", view->items_per_s);
    else if (view->items_per_s > 0)
        snprintf(text, PART_BYTES, "%.1f/s", view->items_per_s);
}

static void part_bytes(const struct gm_progress_view *view, char *text)
{
    char bytes[GM_NUM_TEXT_BYTES];
    if (view->bytes_per_s >= 1)
        snprintf(text, PART_BYTES, "%s/s", gm_format_bytes((uint64_t)view->bytes_per_s, bytes));
}

static void part_memory(const struct gm_progress_view *view, char *text)
{
    char used[GM_NUM_TEXT_BYTES];
    if (view->state->memory_bytes > 0)
        snprintf(text, PART_BYTES, "mem %s", gm_format_bytes(view->state->memory_bytes, used));
}

static void part_workers(const struct gm_progress_view *view, char *text)
{
    const struct gm_progress_state *state = view->state;
    if (state->n_workers > 0)
        snprintf(text, PART_BYTES, "%u/%u busy", state->n_busy_workers, state->n_workers);
}

static void part_bottleneck(const struct gm_progress_view *view, char *text)
{
    if (view->state->bottleneck)
        snprintf(text, PART_BYTES, "limit: %s", view->state->bottleneck);
}

static void part_deaths(const struct gm_progress_view *view, char *text)
{
    if (view->state->n_deaths > 0)
        snprintf(text, PART_BYTES, "%u worker death%s", view->state->n_deaths,
                 view->state->n_deaths == 1 ? "" : "s");
}

static const struct part {
    render_part *render;
    unsigned rank;
    const char *color; /* escape sequence in front; NULL: none */
} parts[] = {
    {part_phase, 3, "\033[1m"},   {part_bar, 13, NULL},         {part_percent, 1, NULL},
    {part_items, 0, NULL},        {part_eta, 2, NULL},          {part_rate, 5, NULL},
    {part_bytes, 6, NULL},        {part_written, 8, NULL},      {part_rejected, 7, NULL},
    {part_failed, 4, "\033[31m"}, {part_deaths, 9, "\033[31m"}, {part_memory, 10, NULL},
    {part_workers, 12, NULL},     {part_bottleneck, 11, NULL},
};

/* Which parts fit: the lowest ranks first, as long as there is room. */
static uint32_t choose(char texts[][PART_BYTES], unsigned n_columns)
{
    uint32_t chosen = 0;
    unsigned used = 0;
    for (unsigned rank = 0; rank < GM_ARRAY_LEN(parts); rank++) {
        for (unsigned i = 0; i < GM_ARRAY_LEN(parts); i++) {
            unsigned n = (unsigned)strlen(texts[i]);
            if (parts[i].rank != rank || n == 0)
                continue;
            unsigned with_gap = n + (chosen ? GAP : 0);
            if (used + with_gap > n_columns)
                return chosen;
            used += with_gap;
            chosen |= 1u << i;
        }
    }
    return chosen;
}

unsigned gm_progress_line(const struct gm_progress_view *view, unsigned n_columns, bool use_color,
                          struct gm_buf *line)
{
    char texts[GM_ARRAY_LEN(parts)][PART_BYTES];
    unsigned used = 0;
    for (unsigned i = 0; i < GM_ARRAY_LEN(parts); i++) {
        texts[i][0] = '\0';
        parts[i].render(view, texts[i]);
    }
    uint32_t chosen = choose(texts, n_columns);
    for (unsigned i = 0; i < GM_ARRAY_LEN(parts); i++) {
        if (!(chosen >> i & 1))
            continue;
        if (used > 0) {
            gm_buf_text(line, "  ");
            used += GAP;
        }
        bool colored = use_color && parts[i].color;
        gm_buf_printf(line, "%s%s%s", colored ? parts[i].color : "", texts[i],
                      colored ? "\033[0m" : "");
        used += (unsigned)strlen(texts[i]);
    }
    return used;
}

static void json_count(struct gm_buf *line, const char *key, uint64_t value)
{
    gm_json_key(line, key);
    gm_json_u64(line, value);
}

static void json_text(struct gm_buf *line, const char *key, const char *text)
{
    gm_json_key(line, key);
    if (text)
        gm_json_string(line, text, strlen(text));
    else
        gm_buf_text(line, "null");
}

static void json_known(struct gm_buf *line, const char *key, uint64_t value, uint64_t unknown)
{
    gm_json_key(line, key);
    if (value == unknown)
        gm_buf_text(line, "null");
    else
        gm_json_u64(line, value);
}

void gm_progress_json(const struct gm_progress_view *view, struct gm_buf *line)
{
    const struct gm_progress_state *state = view->state;
    gm_buf_char(line, '{');
    json_text(line, "event", "progress");
    json_text(line, "phase", state->phase);
    json_count(line, "elapsed_ms", view->elapsed_ms);
    json_known(line, "eta_ms", view->eta_ms, UINT64_MAX);
    json_known(line, "items_total", state->n_items_total, 0);
    json_count(line, "items_listed", state->n_items_listed);
    json_count(line, "items_fetched", state->n_items_fetched);
    json_count(line, "items_done", state->n_items_done);
    json_count(line, "written", state->n_written);
    json_count(line, "rejected", state->n_rejected);
    json_count(line, "failed", state->n_failed);
    json_count(line, "fetched_bytes", state->fetched_bytes);
    json_count(line, "output_bytes", state->output_bytes);
    gm_json_key(line, "items_per_s");
    gm_json_f64(line, (double)(int64_t)(view->items_per_s * 10) / 10);
    json_count(line, "bytes_per_s", (uint64_t)view->bytes_per_s);
    json_count(line, "memory_bytes", state->memory_bytes);
    json_count(line, "memory_budget_bytes", state->memory_budget_bytes);
    json_count(line, "busy_workers", state->n_busy_workers);
    json_count(line, "workers", state->n_workers);
    json_count(line, "worker_deaths", state->n_deaths);
    json_text(line, "bottleneck", state->bottleneck);
    gm_buf_char(line, '}');
}
