/* CSV and TSV lists: the first record names the columns. A row that lacks the URL's column, or
 * whose quotes are broken, is a bad row; missing or surplus other columns are let pass. */
#include "fetch/csv.h"
#include "fetch/list_row.h"

#include <stdlib.h>
#include <string.h>

#define NO_COLUMN SIZE_MAX

struct table {
    enum gm_csv_kind kind;
    char **names;
    size_t n_names;
    size_t url, sha256, size; /* columns; NO_COLUMN: none */
    struct gm_csv_field fields[GM_CSV_MAX_FIELDS];
};

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->n_names; i++)
        free(table->names[i]);
    free(table->names);
    free(table);
}

static enum gm_status read_record(struct gm_list *list, enum gm_csv_kind kind, struct gm_line *line,
                                  struct gm_err *err)
{
    return kind == GM_CSV_COMMA ? gm_lines_next_quoted(list->lines, line, err)
                                : gm_lines_next(list->lines, line, err);
}

static enum gm_status missing(const struct gm_list *list, const struct table *table,
                              const char *name, struct gm_err *err)
{
    struct gm_buf names = GM_BUF_INIT;
    for (size_t i = 0; i < table->n_names && names.n_bytes < 300; i++)
        gm_buf_printf(&names, "%s%s", i ? ", " : "", table->names[i]);
    gm_err_set(err, GM_INPUT, "%s: the header line has no column '%s'; it has: %s", list->name,
               name, gm_buf_cstr(&names));
    gm_buf_free(&names);
    return GM_INPUT;
}

static enum gm_status find(const struct gm_list *list, const struct table *table, const char *name,
                           size_t *column, struct gm_err *err)
{
    *column = NO_COLUMN;
    if (!name)
        return GM_OK;
    for (size_t i = 0; i < table->n_names; i++) {
        if (strcmp(table->names[i], name) == 0) {
            *column = i;
            return GM_OK;
        }
    }
    return missing(list, table, name, err);
}

static enum gm_status read_header(struct gm_list *list, struct table *table, struct gm_err *err)
{
    struct gm_line line;
    const char *problem = NULL;
    enum gm_status status = read_record(list, table->kind, &line, err);
    if (status == GM_END)
        return gm_err_set(err, GM_INPUT, "%s: empty; a header line with column names is needed",
                          list->name);
    if (status != GM_OK)
        return status;
    size_t n = 0;
    if (line.too_long)
        problem = "longer than 64 KB";
    else
        n = gm_csv_split(line.text, line.n_bytes, table->kind, table->fields, &problem);
    if (problem)
        return gm_err_set(err, GM_INPUT, "%s: header line: %s", list->name, problem);
    table->names = calloc(n, sizeof *table->names);
    for (size_t i = 0; table->names && i < n; i++) {
        table->names[i] = strdup(table->fields[i].text);
        if (!table->names[i])
            break;
        table->n_names++;
    }
    if (table->n_names < n)
        return gm_err_set(err, GM_NOMEM, "no memory for the columns of %s", list->name);
    status = find(list, table, list->opts->column, &table->url, err);
    if (status == GM_OK)
        status = find(list, table, list->opts->sha256_column, &table->sha256, err);
    if (status == GM_OK)
        status = find(list, table, list->opts->size_column, &table->size, err);
    return status;
}

static struct gm_list_value value_of(const struct table *table, size_t n_fields, size_t column)
{
    if (column >= n_fields)
        return (struct gm_list_value){NULL, 0};
    return (struct gm_list_value){table->fields[column].text, table->fields[column].n_bytes};
}

static void build_meta(struct gm_list *list, const struct table *table, size_t n_fields)
{
    struct gm_buf *meta = &list->meta;
    gm_buf_clear(meta);
    for (size_t i = 0; i < n_fields && i < table->n_names; i++) {
        if (i == table->url || i == table->sha256 || i == table->size)
            continue;
        gm_buf_char(meta, meta->n_bytes ? ',' : '{');
        gm_json_string(meta, table->names[i], strlen(table->names[i]));
        gm_buf_char(meta, ':');
        gm_json_string(meta, table->fields[i].text, table->fields[i].n_bytes);
    }
    if (meta->n_bytes)
        gm_buf_char(meta, '}');
}

static enum gm_status add_record(struct gm_list *list, struct table *table, struct gm_line *line,
                                 struct gm_err *err)
{
    const char *problem = NULL;
    if (line->too_long)
        return gm_list_add_bad(list, line->number, "the row is longer than 64 KB", err);
    if (line->n_bytes == 0)
        return GM_OK;
    size_t n = gm_csv_split(line->text, line->n_bytes, table->kind, table->fields, &problem);
    if (!problem && table->url >= n)
        problem = "the row has too few fields: the URL's is missing";
    if (problem)
        return gm_list_add_bad(list, line->number, problem, err);
    struct gm_list_row row = {.line = line->number,
                              .url = value_of(table, n, table->url),
                              .sha256 = value_of(table, n, table->sha256),
                              .size = value_of(table, n, table->size)};
    build_meta(list, table, n);
    return gm_list_add(list, &row, err);
}

static enum gm_status read_table(struct gm_list *list, enum gm_csv_kind kind, struct gm_err *err)
{
    struct table *table = calloc(1, sizeof *table);
    struct gm_line line;
    if (!table)
        return gm_err_set(err, GM_NOMEM, "no memory to read %s", list->name);
    table->kind = kind;
    enum gm_status status = read_header(list, table, err);
    while (list->sink && status == GM_OK && (status = read_record(list, kind, &line, err)) == GM_OK)
        status = add_record(list, table, &line, err);
    table_free(table);
    return status == GM_END ? GM_OK : status;
}

enum gm_status gm_list_read_csv(struct gm_list *list, struct gm_err *err)
{
    return read_table(list, GM_CSV_COMMA, err);
}

enum gm_status gm_list_read_tsv(struct gm_list *list, struct gm_err *err)
{
    return read_table(list, GM_CSV_TAB, err);
}
