/* Collects mistakes and draws them. Lines come from the text itself: long ones are cut around the
 * caret, control characters are shown as '?', tabs stay tabs so that the caret lines up. Wide
 * characters (CJK) count as one column, so the caret can stand left of them by a few places. */
#include "run/report.h"

#include "base/utf8.h"
#include "run/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_COLUMNS 100 /* of a long line */
#define SHOWN_BEFORE  60  /* of them in front of the caret */

struct mistake {
    struct gm_place place;
    enum gm_status status;
    uint32_t number; /* order of arrival, so that sorting is stable */
    char *message;
    char *hint; /* or NULL */
};

struct gm_report {
    struct mistake *mistakes;
    uint32_t n_mistakes, capacity;
    uint32_t n_lost; /* no memory to keep them */
};

struct gm_report *gm_report_new(void)
{
    return calloc(1, sizeof(struct gm_report));
}

void gm_report_free(struct gm_report *report)
{
    if (!report)
        return;
    for (uint32_t i = 0; i < report->n_mistakes; i++) {
        free(report->mistakes[i].message);
        free(report->mistakes[i].hint);
    }
    free(report->mistakes);
    free(report);
}

static bool grow(struct gm_report *report)
{
    if (report->n_mistakes < report->capacity)
        return true;
    uint32_t capacity = report->capacity ? report->capacity * 2 : 16;
    struct mistake *mistakes = reallocarray(report->mistakes, capacity, sizeof *mistakes);
    if (!mistakes)
        return false;
    report->mistakes = mistakes;
    report->capacity = capacity;
    return true;
}

void gm_report_add(struct gm_report *report, const struct gm_complaint *complaint,
                   const char *format, ...)
{
    struct mistake mistake = {.place = complaint->place, .status = complaint->status};
    va_list args;
    va_start(args, format);
    int n = vasprintf(&mistake.message, format, args);
    va_end(args);
    if (n < 0)
        mistake.message = NULL;
    if (mistake.message && complaint->hint)
        mistake.hint = strdup(complaint->hint);
    if (!mistake.message || (complaint->hint && !mistake.hint) || !grow(report)) {
        free(mistake.message);
        free(mistake.hint);
        report->n_lost++;
        return;
    }
    mistake.number = report->n_mistakes;
    report->mistakes[report->n_mistakes++] = mistake;
}

uint32_t gm_report_count(const struct gm_report *report)
{
    return report->n_mistakes + report->n_lost;
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_mistakes(const void *left, const void *right)
{
    const struct mistake *a = left, *b = right;
    int order = compare_u32(a->place.origin->rank, b->place.origin->rank);
    if (order == 0)
        order = compare_u32(a->place.line, b->place.line);
    if (order == 0)
        order = compare_u32(a->place.column, b->place.column);
    return order ? order : compare_u32(a->number, b->number);
}

/* The line without its end; false if the text has fewer lines. */
static bool find_line(const struct gm_origin *origin, uint32_t line, struct gm_view *out)
{
    const char *at = origin->data, *end = origin->data + origin->n_bytes;
    for (uint32_t i = 1; i < line; i++) {
        const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (!newline)
            return false;
        at = newline + 1;
    }
    if (at >= end)
        return false;
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *stop = newline ? newline : end;
    if (stop > at && stop[-1] == '\r')
        stop--;
    *out = (struct gm_view){(const uint8_t *)at, (size_t)(stop - at)};
    return true;
}

/* Length of the code point at data, 1 for a byte that is not UTF-8. */
static size_t step(const uint8_t *data, size_t n_bytes)
{
    size_t length = 1;
    if (data[0] >= 0x80 && gm_utf8_valid_prefix(data, n_bytes < 4 ? n_bytes : 4) > 0)
        gm_utf8_decode(data, &length);
    return length;
}

static void draw_code_point(struct gm_buf *text, const uint8_t *data, size_t length)
{
    bool control = length == 1 && (data[0] < 0x20 || data[0] >= 0x7f) && data[0] != '\t';
    bool c1 = length == 2 && data[0] == 0xc2 && data[1] < 0xa0;
    if (control || c1)
        gm_buf_char(text, '?');
    else
        gm_buf_append(text, data, length);
}

/* Messages quote names and values of the job: nothing in them may steer the terminal. */
static void draw_text(struct gm_buf *out, const char *text)
{
    const uint8_t *data = (const uint8_t *)text;
    size_t n_bytes = strlen(text);
    for (size_t i = 0; i < n_bytes;) {
        size_t length = step(data + i, n_bytes - i);
        draw_code_point(out, data + i, length);
        i += length;
    }
}

/* Draws the shown part of the line into text and what stands below it into marks. */
static void draw_line(struct gm_view line, const struct gm_place *place, struct gm_buf *text,
                      struct gm_buf *marks)
{
    uint32_t from = place->column > SHOWN_BEFORE ? place->column - SHOWN_BEFORE : 1;
    uint32_t width = place->width ? place->width : 1;
    uint32_t column = 1;
    if (from > 1) {
        gm_buf_text(text, "...");
        gm_buf_text(marks, "   ");
    }
    for (size_t i = 0; i < line.n_bytes; column++) {
        size_t length = step(line.data + i, line.n_bytes - i);
        if (column >= from + SHOWN_COLUMNS) {
            gm_buf_text(text, "...");
            break;
        }
        if (column >= from) {
            draw_code_point(text, line.data + i, length);
            if (column < place->column)
                gm_buf_char(marks, line.data[i] == '\t' ? '\t' : ' ');
            else if (column < place->column + width)
                gm_buf_char(marks, column == place->column ? '^' : '~');
        }
        i += length;
    }
    if (column <= place->column) /* a place behind the end of the line: "something is missing" */
        gm_buf_char(marks, '^');
}

static void draw_source(struct gm_buf *out, const struct gm_place *place)
{
    struct gm_view line;
    if (place->line == 0 || !find_line(place->origin, place->line, &line))
        return;
    struct gm_buf text = GM_BUF_INIT, marks = GM_BUF_INIT;
    draw_line(line, place, &text, &marks);
    if (place->origin->rank > 0)
        gm_buf_printf(out, "  --set | %s\n", gm_buf_cstr(&text));
    else
        gm_buf_printf(out, "  %5u | %s\n", place->line, gm_buf_cstr(&text));
    gm_buf_printf(out, "        | %s\n", gm_buf_cstr(&marks));
    gm_buf_free(&text);
    gm_buf_free(&marks);
}

static void draw(struct gm_buf *out, const struct mistake *mistake)
{
    const struct gm_place *place = &mistake->place;
    struct gm_buf head = GM_BUF_INIT;
    if (place->origin->rank > 0 || place->line == 0)
        gm_buf_printf(&head, "%s: %s", place->origin->name, mistake->message);
    else
        gm_buf_printf(&head, "%s:%u:%u: %s", place->origin->name, place->line, place->column,
                      mistake->message);
    draw_text(out, gm_buf_cstr(&head));
    gm_buf_char(out, '\n');
    draw_source(out, place);
    if (mistake->hint) {
        gm_buf_text(out, "   hint: ");
        draw_text(out, mistake->hint);
        gm_buf_char(out, '\n');
    }
    gm_buf_free(&head);
}

enum gm_status gm_report_render(struct gm_report *report, struct gm_mistakes *mistakes)
{
    enum gm_status status = GM_OK;
    mistakes->n_mistakes = gm_report_count(report);
    gm_buf_init(&mistakes->text);
    if (report->n_mistakes > 0)
        qsort(report->mistakes, report->n_mistakes, sizeof *report->mistakes, compare_mistakes);
    for (uint32_t i = 0; i < report->n_mistakes; i++) {
        const struct mistake *mistake = &report->mistakes[i];
        draw(&mistakes->text, mistake);
        if (i == 0)
            status = mistake->status;
        else if (status != mistake->status)
            status = GM_CONFIG;
    }
    return report->n_lost ? GM_NOMEM : status;
}
