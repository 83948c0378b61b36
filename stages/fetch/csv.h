/* One record of a CSV (RFC 4180) or TSV list, split into fields in place. */
#ifndef GM_FETCH_CSV_H
#define GM_FETCH_CSV_H

#include <stddef.h>

#define GM_CSV_MAX_FIELDS 512

struct gm_csv_field {
    char *text; /* NUL-terminated; quotes are taken off */
    size_t n_bytes;
};

enum gm_csv_kind {
    GM_CSV_COMMA, /* RFC 4180: fields may be in double quotes, "" is a quote */
    GM_CSV_TAB    /* no quoting (IANA text/tab-separated-values) */
};

/* text: one record without its line break, NUL-terminated, is overwritten. Returns the number of
 * fields; on a mistake 0 and *problem, a static text. */
size_t gm_csv_split(char *text, size_t n_bytes, enum gm_csv_kind kind,
                    struct gm_csv_field fields[GM_CSV_MAX_FIELDS], const char **problem);

#endif
