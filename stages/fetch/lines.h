/* Lines of a list, from a file or standard input, gzip or plain, in constant memory. A byte order
 * mark at the start and the CR of CR LF are dropped; the last line need not end. A line (or, for
 * CSV, a record with line breaks inside quotes) that is longer than GM_LINE_MAX_BYTES is reported
 * and skipped. One reader, one thread. */
#ifndef GM_FETCH_LINES_H
#define GM_FETCH_LINES_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_LINE_MAX_BYTES (64u * 1024u)

struct gm_lines;

struct gm_line {
    char *text; /* may be written to; valid until the next call; NUL-terminated (may hold more NULs)
                 */
    size_t n_bytes;
    uint64_t number; /* of its first line, from 1 */
    bool too_long;   /* text holds the start only */
};

/* path "-": stdin_fd (not closed, -1: there is none). GM_MISSING, GM_PERMISSION, GM_IO. */
enum gm_status gm_lines_open(const char *path, int stdin_fd, struct gm_lines **lines,
                             struct gm_err *err);
void gm_lines_close(struct gm_lines *lines); /* NULL allowed */
/* The next line; GM_END after the last; GM_INPUT: the gzip stream is damaged; GM_IO. */
enum gm_status gm_lines_next(struct gm_lines *lines, struct gm_line *line, struct gm_err *err);
/* The next CSV record: as a line, but a line break between double quotes does not end it. */
enum gm_status gm_lines_next_quoted(struct gm_lines *lines, struct gm_line *line,
                                    struct gm_err *err);

#endif
