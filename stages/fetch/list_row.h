/* One row of a URL list on its way into the snapshot, whatever the list's format. */
#ifndef GM_FETCH_LIST_ROW_H
#define GM_FETCH_LIST_ROW_H

#include "base/buf.h"
#include "base/opt.h"
#include "fetch/lines.h"
#include "source.h"

enum gm_list_format {
    GM_LIST_AUTO,
    GM_LIST_TXT,
    GM_LIST_CSV,
    GM_LIST_TSV,
    GM_LIST_JSONL,
    GM_LIST_FORMATS
};

struct gm_list_urls_opts {
    char *urls; /* path or "-" */
    int format; /* enum gm_list_format */
    char *column;
    char *sha256_column; /* NULL: none */
    char *size_column;
};

/* What is known while a list is read. */
struct gm_list {
    const struct gm_list_urls_opts *opts;
    const char *name; /* for messages: path or "standard input" */
    struct gm_lines *lines;
    struct gm_lister_sink *sink;
    struct gm_buf meta; /* JSON object of the row's other columns, being built */
};

struct gm_list_value { /* text NULL: the row has none */
    const char *text;
    size_t n_bytes;
};

struct gm_list_row {
    uint64_t line;
    struct gm_list_value url, sha256, size;
};

/* Adds the row with list->meta ("" : none) as an item; a row that cannot be used is added with the
 * reason fetch.list. Only failures of the sink are returned. */
enum gm_status gm_list_add(struct gm_list *list, const struct gm_list_row *row, struct gm_err *err);
/* Adds a row that cannot be used; its locator is "LIST:LINE". */
enum gm_status gm_list_add_bad(struct gm_list *list, uint64_t line, const char *problem,
                               struct gm_err *err);

/* Readers, one per format. With list->sink NULL they only check that the columns are there
 * (GM_INPUT with what to do). */
enum gm_status gm_list_read_txt(struct gm_list *list, struct gm_err *err);
enum gm_status gm_list_read_csv(struct gm_list *list, struct gm_err *err);
enum gm_status gm_list_read_tsv(struct gm_list *list, struct gm_err *err);
enum gm_status gm_list_read_jsonl(struct gm_list *list, struct gm_err *err);

#endif
