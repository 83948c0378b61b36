/* Option tables. One row per option drives YAML validation, --set, the command line, `gristmill
 * stages NAME`, the man page and shell completion; nothing else in the program parses options.
 *
 * A table is a const array of struct gm_opt, ended by a row with a NULL name. Values live in a
 * plain struct whose size the owner of the table states; `offset` says where. Strings are
 * allocated and belong to the struct: gm_opts_free frees them. */
#ifndef GM_BASE_OPT_H
#define GM_BASE_OPT_H

#include "base/err.h"
#include "base/num.h"
#include <stddef.h>

/* C type of the field, and how a value is written */
enum gm_opt_type {
    GM_OPT_BOOL,   /* bool */
    GM_OPT_U64,    /* uint64_t */
    GM_OPT_F64,    /* double */
    GM_OPT_BYTES,  /* uint64_t, "64MB" */
    GM_OPT_MS,     /* uint64_t, "60s" */
    GM_OPT_RATE,   /* double per second, "20/s"; 0 = no limit */
    GM_OPT_STRING, /* char *, NULL if unset and no default */
    GM_OPT_ENUM,   /* int, index into `choices` */
    GM_OPT_LIST    /* struct gm_opt_list, a YAML sequence or a single scalar */
};

struct gm_opt_list {
    char **items;
    size_t n_items;
};

struct gm_opt {
    const char *name; /* as written in YAML; words joined by '_' */
    enum gm_opt_type type;
    size_t offset;              /* of the field in the options struct */
    const char *default_text;   /* parsed like a user's value; NULL: zero, or unset for strings */
    double min, max;            /* inclusive, for U64 F64 BYTES MS RATE; both 0: no bound */
    const char *const *choices; /* for ENUM, ended by NULL */
    const char *unit;           /* for help: "pixels"; NULL if the type says it */
    const char *help;           /* one sentence, no full stop */
};

#define GM_OPT_END                                                                                 \
    {                                                                                              \
        NULL, GM_OPT_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL                                         \
    }

/* Zeroes the struct and applies the defaults. A default that does not parse is a bug (asserted). */
void gm_opts_init(const struct gm_opt *table, void *values, size_t values_bytes);
void gm_opts_free(const struct gm_opt *table, void *values);

/* Row by name, or NULL. */
const struct gm_opt *gm_opt_find(const struct gm_opt *table, const char *name);
/* The nearest of a NULL-ended list of words (edit distance <= 1/3 of the length + 1), or NULL. */
const char *gm_word_nearest(const char *const *words, const char *word);

/* Parses text into the field (for LIST: appends one item), checks range and choices. GM_CONFIG
 * with "NAME: ..." and, for a choice, a hint with the nearest one. */
enum gm_status gm_opt_apply(const struct gm_opt *opt, void *values, const char *text,
                            size_t n_bytes, struct gm_err *err);

/* "bytes", "duration", "one of a|b|c"... for help texts; static or written into text. */
const char *gm_opt_type_text(const struct gm_opt *opt, char *text, size_t text_bytes);

#endif
