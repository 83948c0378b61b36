/* JSON Lines lists: one object a line, the URL under a key; the object's other fields pass through
 * as they are written. */
#include "fetch/list_row.h"
#include "json/json.h"

#include <stdio.h>
#include <string.h>

/* A number is taken as it would be written, so that sizes may be numbers or strings. */
static struct gm_list_value value_of(const struct gm_json_parser *parser, const char *key,
                                     char number[32])
{
    struct gm_json_value value;
    if (!key)
        return (struct gm_list_value){NULL, 0};
    switch (gm_json_get(parser, key, &value)) {
    case GM_JSON_STRING:
        return (struct gm_list_value){value.text, value.n_bytes};
    case GM_JSON_U64:
        return (struct gm_list_value){
            number, (size_t)snprintf(number, 32, "%llu", (unsigned long long)value.u64)};
    case GM_JSON_MISSING:
    case GM_JSON_NULL:
        return (struct gm_list_value){NULL, 0};
    default: /* judged as what it is not */
        return (struct gm_list_value){"?", 1};
    }
}

static enum gm_status add_object(struct gm_list *list, struct gm_json_parser *parser,
                                 const struct gm_line *line, struct gm_err *err)
{
    const struct gm_list_urls_opts *opts = list->opts;
    const char *except[4] = {opts->column};
    size_t n = 1;
    char sha256[32], size[32];
    struct gm_json_value url;
    if (opts->sha256_column)
        except[n++] = opts->sha256_column;
    if (opts->size_column)
        except[n++] = opts->size_column;
    if (gm_json_get(parser, opts->column, &url) != GM_JSON_STRING) {
        char problem[256];
        snprintf(problem, sizeof problem, "the object has no string under the key '%.100s'",
                 opts->column);
        return gm_list_add_bad(list, line->number, problem, err);
    }
    gm_buf_clear(&list->meta);
    if (gm_json_append_others(parser, except, &list->meta) == 0)
        gm_buf_clear(&list->meta);
    struct gm_list_row row = {.line = line->number,
                              .url = {url.text, url.n_bytes},
                              .sha256 = value_of(parser, opts->sha256_column, sha256),
                              .size = value_of(parser, opts->size_column, size)};
    return gm_list_add(list, &row, err);
}

static enum gm_status add_line(struct gm_list *list, struct gm_json_parser *parser,
                               const struct gm_line *line, struct gm_err *err)
{
    struct gm_err problem;
    if (line->too_long)
        return gm_list_add_bad(list, line->number, "the line is longer than 64 KB", err);
    if (strspn(line->text, " \t") == line->n_bytes)
        return GM_OK;
    enum gm_status status = gm_json_parse(parser, line->text, line->n_bytes, 0, &problem);
    if (status == GM_NOMEM)
        return gm_err_set(err, GM_NOMEM, "no memory for line %llu of %s",
                          (unsigned long long)line->number, list->name);
    if (status != GM_OK)
        return gm_list_add_bad(list, line->number, problem.text, err);
    return add_object(list, parser, line, err);
}

enum gm_status gm_list_read_jsonl(struct gm_list *list, struct gm_err *err)
{
    struct gm_line line;
    enum gm_status status = GM_OK;
    if (!list->sink)
        return GM_OK; /* nothing to check before the rows */
    struct gm_json_parser *parser =
        gm_json_parser_new(GM_LINE_MAX_BYTES + 1, GM_JSON_DEFAULT_DEPTH);
    if (!parser)
        return gm_err_set(err, GM_NOMEM, "no memory to read %s", list->name);
    while (status == GM_OK && (status = gm_lines_next(list->lines, &line, err)) == GM_OK)
        status = add_line(list, parser, &line, err);
    gm_json_parser_free(parser);
    return status == GM_END ? GM_OK : status;
}
