/* A buffer that always holds one whole longest line, filled through zlib, which passes plain bytes
 * on as they are. */
#include "fetch/lines.h"

#include "base/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define READ_BYTES (256u * 1024u)

struct gm_lines {
    gzFile file;
    char *name;
    uint64_t number; /* of the line that starts at `at` */
    size_t at, end;  /* unread bytes of buffer */
    bool eof;
    bool started;
    char buffer[READ_BYTES + 1];
};

static enum gm_status open_fd(const char *path, int stdin_fd, int *fd, struct gm_err *err)
{
    struct stat info;
    if (strcmp(path, "-") == 0) {
        if (stdin_fd < 0)
            return gm_err_set(err, GM_MISSING, "there is no standard input to read the list from");
        *fd = fcntl(stdin_fd, F_DUPFD_CLOEXEC, 3);
        return *fd >= 0 ? GM_OK : gm_err_sys(err, GM_IO, errno, "unable to read standard input");
    }
    enum gm_status status = gm_open_at(AT_FDCWD, path, O_RDONLY | O_NOCTTY, fd, err);
    if (status == GM_OK && fstat(*fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        gm_close(fd);
        return gm_err_set(err, GM_MISSING,
                          "%s is a folder, not a list of URLs; `files:` takes folders", path);
    }
    return status;
}

enum gm_status gm_lines_open(const char *path, int stdin_fd, struct gm_lines **lines,
                             struct gm_err *err)
{
    int fd = -1;
    enum gm_status status = open_fd(path, stdin_fd, &fd, err);
    if (status != GM_OK)
        return status;
    struct gm_lines *made = calloc(1, sizeof *made);
    if (made)
        made->name = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
    if (made && made->name)
        made->file = gzdopen(fd, "rb");
    if (!made || !made->file) {
        gm_close(&fd);
        gm_lines_close(made);
        return gm_err_set(err, GM_NOMEM, "no memory to read %s", path);
    }
    made->number = 1;
    *lines = made;
    return GM_OK;
}

void gm_lines_close(struct gm_lines *lines)
{
    if (!lines)
        return;
    if (lines->file)
        gzclose(lines->file);
    free(lines->name);
    free(lines);
}

/* Moves what is unread to the front and fills the rest of the buffer. */
static enum gm_status fill(struct gm_lines *lines, struct gm_err *err)
{
    size_t n_left = lines->end - lines->at;
    memmove(lines->buffer, lines->buffer + lines->at, n_left);
    lines->at = 0;
    lines->end = n_left;
    while (!lines->eof && lines->end < READ_BYTES) {
        errno = 0;
        int n =
            gzread(lines->file, lines->buffer + lines->end, (unsigned)(READ_BYTES - lines->end));
        int code = Z_OK;
        const char *text = gzerror(lines->file, &code);
        if (code == Z_ERRNO)
            return gm_err_sys(err, GM_IO, errno, "unable to read %s", lines->name);
        if (n < 0 || code != Z_OK)
            return gm_err_set(err, GM_INPUT, "%s: the gzip stream is damaged: %s", lines->name,
                              text);
        lines->eof = n == 0;
        lines->end += (size_t)n;
        if (n > 0 && lines->end >= 3)
            break; /* standard input: do not wait for more than there is */
    }
    if (!lines->started) {
        lines->started = true;
        if (lines->end >= 3 && memcmp(lines->buffer, "\xef\xbb\xbf", 3) == 0)
            lines->at = 3;
    }
    return GM_OK;
}

/* Looks for the end of the line in what is there. true: found, *length without the line break. */
static bool find_end(const struct gm_lines *lines, bool quoted, size_t *scanned, bool *in_quotes,
                     size_t *length)
{
    const char *text = lines->buffer + lines->at;
    size_t n_bytes = lines->end - lines->at;
    if (!quoted) {
        const char *end =
            n_bytes > *scanned ? memchr(text + *scanned, '\n', n_bytes - *scanned) : NULL;
        *scanned = n_bytes;
        *length = end ? (size_t)(end - text) : n_bytes;
        return end != NULL;
    }
    for (; *scanned < n_bytes; (*scanned)++) {
        char c = text[*scanned];
        if (c == '"')
            *in_quotes = !*in_quotes;
        else if (c == '\n' && !*in_quotes) {
            *length = *scanned;
            return true;
        }
    }
    *length = n_bytes;
    return false;
}

/* After a line that is too long: drops everything up to the next line break. */
static enum gm_status skip_rest(struct gm_lines *lines, struct gm_err *err)
{
    for (;;) {
        char *text = lines->buffer + lines->at;
        char *end = memchr(text, '\n', lines->end - lines->at);
        if (end) {
            lines->at = (size_t)(end + 1 - lines->buffer);
            lines->number++;
            return GM_OK;
        }
        lines->at = lines->end;
        if (lines->eof)
            return GM_OK;
        enum gm_status status = fill(lines, err);
        if (status != GM_OK)
            return status;
    }
}

static uint64_t count_breaks(const char *text, size_t n_bytes)
{
    uint64_t n = 0;
    for (const char *end = text + n_bytes; (text = memchr(text, '\n', (size_t)(end - text)));
         text++)
        n++;
    return n;
}

static enum gm_status too_long(struct gm_lines *lines, struct gm_line *line, struct gm_err *err)
{
    line->too_long = true;
    line->text = lines->buffer + READ_BYTES; /* the NUL behind the buffer */
    lines->number += count_breaks(lines->buffer + lines->at, GM_LINE_MAX_BYTES);
    lines->at += GM_LINE_MAX_BYTES;
    return skip_rest(lines, err);
}

static enum gm_status next(struct gm_lines *lines, bool quoted, struct gm_line *line,
                           struct gm_err *err)
{
    size_t scanned = 0, length = 0;
    bool in_quotes = false;
    while (!find_end(lines, quoted, &scanned, &in_quotes, &length)) {
        if (lines->eof || length > GM_LINE_MAX_BYTES)
            break;
        enum gm_status status = fill(lines, err);
        if (status != GM_OK)
            return status;
    }
    if (lines->eof && lines->at == lines->end)
        return GM_END;
    *line = (struct gm_line){.number = lines->number};
    if (length > GM_LINE_MAX_BYTES)
        return too_long(lines, line, err);
    line->text = lines->buffer + lines->at;
    bool has_break = lines->at + length < lines->end;
    lines->number += has_break + (quoted ? count_breaks(line->text, length) : 0);
    lines->at += length + has_break;
    if (length && line->text[length - 1] == '\r')
        length--;
    line->text[length] = '\0';
    line->n_bytes = length;
    return GM_OK;
}

enum gm_status gm_lines_next(struct gm_lines *lines, struct gm_line *line, struct gm_err *err)
{
    return next(lines, false, line, err);
}

enum gm_status gm_lines_next_quoted(struct gm_lines *lines, struct gm_line *line,
                                    struct gm_err *err)
{
    return next(lines, true, line, err);
}
