/* `urls:` a list of URLs, streamed: memory does not grow with the list.
 *
 * txt is one URL a line; blank lines and lines that start with '#' are skipped; a comma is a
 * character like any other. csv and tsv have a header line and take the URL from the named column,
 * jsonl from the named key; the other columns pass through as the item's metadata. */
#include "fetch/list_row.h"

#include "base/assert.h"
#include <string.h>
#include <strings.h>

static const char *const formats[] = {"auto", "txt", "csv", "tsv", "jsonl", NULL};

static const struct gm_opt opts[] = {
    {"path", GM_OPT_STRING, offsetof(struct gm_list_urls_opts, urls), NULL, 0, 0, NULL, NULL,
     "file with the list, plain or .gz; - for standard input"},
    {"format", GM_OPT_ENUM, offsetof(struct gm_list_urls_opts, format), "auto", 0, 0, formats, NULL,
     "how the list is written; auto goes by the file's name, txt if that says nothing"},
    {"column", GM_OPT_STRING, offsetof(struct gm_list_urls_opts, column), "url", 0, 0, NULL, NULL,
     "column or key that holds the URL (csv, tsv, jsonl)"},
    {"sha256_column", GM_OPT_STRING, offsetof(struct gm_list_urls_opts, sha256_column), NULL, 0, 0,
     NULL, NULL, "column or key with the SHA-256 that the body must have"},
    {"size_column", GM_OPT_STRING, offsetof(struct gm_list_urls_opts, size_column), NULL, 0, 0,
     NULL, NULL, "column or key with the size in bytes that the body must have"},
    GM_OPT_END};

static enum gm_status (*const readers[GM_LIST_FORMATS])(struct gm_list *, struct gm_err *) = {
    [GM_LIST_TXT] = gm_list_read_txt,
    [GM_LIST_CSV] = gm_list_read_csv,
    [GM_LIST_TSV] = gm_list_read_tsv,
    [GM_LIST_JSONL] = gm_list_read_jsonl,
};

static bool ends_with(const char *text, size_t n_bytes, const char *end)
{
    size_t length = strlen(end);
    return n_bytes >= length && strncasecmp(text + n_bytes - length, end, length) == 0;
}

static enum gm_list_format guess_format(const char *path)
{
    static const struct {
        const char *end;
        enum gm_list_format format;
    } table[] = {{".csv", GM_LIST_CSV},
                 {".tsv", GM_LIST_TSV},
                 {".jsonl", GM_LIST_JSONL},
                 {".ndjson", GM_LIST_JSONL}};
    size_t n_bytes = strlen(path);
    if (ends_with(path, n_bytes, ".gz"))
        n_bytes -= 3;
    for (size_t i = 0; i < GM_ARRAY_LEN(table); i++)
        if (ends_with(path, n_bytes, table[i].end))
            return table[i].format;
    return GM_LIST_TXT;
}

enum gm_status gm_list_read_txt(struct gm_list *list, struct gm_err *err)
{
    struct gm_line line;
    enum gm_status status = GM_OK;
    while (list->sink && status == GM_OK &&
           (status = gm_lines_next(list->lines, &line, err)) == GM_OK) {
        if (line.too_long) {
            status = gm_list_add_bad(list, line.number, "the line is longer than 64 KB", err);
            continue;
        }
        if (line.text[0] == '#' || strspn(line.text, " \t") == line.n_bytes)
            continue;
        struct gm_list_row row = {.line = line.number, .url = {line.text, line.n_bytes}};
        status = gm_list_add(list, &row, err);
    }
    return status == GM_END ? GM_OK : status;
}

static enum gm_status read_list(const struct gm_list_urls_opts *values, int stdin_fd,
                                struct gm_lister_sink *sink, struct gm_err *err)
{
    struct gm_list list = {.opts = values,
                           .name = strcmp(values->urls, "-") == 0 ? "standard input" : values->urls,
                           .sink = sink};
    int format = values->format == GM_LIST_AUTO ? (int)guess_format(values->urls) : values->format;
    enum gm_status status = gm_lines_open(values->urls, stdin_fd, &list.lines, err);
    if (status != GM_OK)
        return status;
    status = readers[format](&list, err);
    gm_lines_close(list.lines);
    gm_buf_free(&list.meta);
    return status;
}

static enum gm_status urls_check(const void *opts_values, struct gm_err *err)
{
    const struct gm_list_urls_opts *values = opts_values;
    if (!values->urls || !*values->urls)
        return gm_err_set(err, GM_CONFIG, "path: name a file with URLs, or - for standard input");
    if (!values->column || !*values->column)
        return gm_err_set(err, GM_CONFIG, "column: name the column that holds the URL");
    if (strcmp(values->urls, "-") == 0)
        return GM_OK;
    return read_list(values, -1, NULL, err);
}

static enum gm_status urls_list(const void *opts_values, int stdin_fd, struct gm_lister_sink *sink,
                                struct gm_err *err)
{
    return read_list(opts_values, stdin_fd, sink, err);
}

const struct gm_lister gm_list_urls = {
    .name = "urls",
    .summary = "a list of URLs: txt, csv, tsv or jsonl, plain or gzip, from a file or stdin",
    .opts = opts,
    .opts_bytes = sizeof(struct gm_list_urls_opts),
    .check = urls_check,
    .list = urls_list,
};
