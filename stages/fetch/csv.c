/* Splitting in place: a field never grows, so quotes can be taken off where it stands. */
#include "fetch/csv.h"

#include <stdbool.h>
#include <string.h>

/* Takes the quotes off; *at is behind the opening one and then behind the closing one. */
static bool unquote(char **at, const char *end, struct gm_csv_field *field)
{
    char *to = *at;
    field->text = to;
    for (char *from = *at; from < end; from++) {
        if (*from != '"') {
            *to++ = *from;
        } else if (from + 1 < end && from[1] == '"') {
            *to++ = '"';
            from++;
        } else {
            field->n_bytes = (size_t)(to - field->text);
            *at = from + 1;
            return true;
        }
    }
    return false;
}

static void plain(char **at, char *end, char separator, struct gm_csv_field *field)
{
    char *stop = memchr(*at, separator, (size_t)(end - *at));
    if (!stop)
        stop = end;
    *field = (struct gm_csv_field){*at, (size_t)(stop - *at)};
    *at = stop;
}

size_t gm_csv_split(char *text, size_t n_bytes, enum gm_csv_kind kind,
                    struct gm_csv_field fields[GM_CSV_MAX_FIELDS], const char **problem)
{
    char *at = text, *end = text + n_bytes;
    char separator = kind == GM_CSV_TAB ? '\t' : ',';
    *problem = NULL;
    for (size_t n = 0; n < GM_CSV_MAX_FIELDS;) {
        struct gm_csv_field *field = &fields[n++];
        if (kind == GM_CSV_COMMA && at < end && *at == '"') {
            at++;
            if (!unquote(&at, end, field)) {
                *problem = "a quoted field is not closed";
                return 0;
            }
            if (at < end && *at != separator) {
                *problem = "text after the closing quote of a field";
                return 0;
            }
        } else {
            plain(&at, end, separator, field);
        }
        bool last = at == end;
        field->text[field->n_bytes] = '\0';
        if (last)
            return n;
        at++;
    }
    *problem = "more than 512 fields";
    return 0;
}
