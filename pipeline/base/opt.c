/* Options by table. What differs between the types of options (how a value is parsed, how a bound
 * is written, what the type is called) is a row of `kinds`; the rest of the file knows no type
 * but those that own memory. */
#include "base/opt.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES_MAX 64 /* longer words have no neighbours */

struct value_text {
    const char *text;
    size_t n_bytes;
};

typedef enum gm_status parse_value(const struct gm_opt *opt, void *field, struct value_text value,
                                   struct gm_err *err);
typedef double bounded_value(const void *field);
typedef const char *format_bound(double value, char *text);

struct kind {
    const char *name;
    parse_value *parse;
    bounded_value *bounded; /* NULL: has no bounds */
    format_bound *format;
};

static enum gm_status parse_bool_field(const struct gm_opt *opt, void *field,
                                       struct value_text value, struct gm_err *err)
{
    (void)opt;
    return gm_parse_bool(value.text, value.n_bytes, field, err);
}

static enum gm_status parse_u64_field(const struct gm_opt *opt, void *field,
                                      struct value_text value, struct gm_err *err)
{
    (void)opt;
    return gm_parse_u64(value.text, value.n_bytes, field, err);
}

static enum gm_status parse_f64_field(const struct gm_opt *opt, void *field,
                                      struct value_text value, struct gm_err *err)
{
    (void)opt;
    return gm_parse_f64(value.text, value.n_bytes, field, err);
}

static enum gm_status parse_bytes_field(const struct gm_opt *opt, void *field,
                                        struct value_text value, struct gm_err *err)
{
    (void)opt;
    return gm_parse_bytes(value.text, value.n_bytes, field, err);
}

static enum gm_status parse_ms_field(const struct gm_opt *opt, void *field, struct value_text value,
                                     struct gm_err *err)
{
    (void)opt;
    return gm_parse_ms(value.text, value.n_bytes, field, err);
}

static enum gm_status parse_rate_field(const struct gm_opt *opt, void *field,
                                       struct value_text value, struct gm_err *err)
{
    (void)opt;
    return gm_parse_rate(value.text, value.n_bytes, field, err);
}

static enum gm_status copy_text(struct value_text value, char **copy, struct gm_err *err)
{
    if (memchr(value.text, '\0', value.n_bytes))
        return gm_err_set(err, GM_CONFIG, "expected text without NUL bytes");
    *copy = strndup(value.text, value.n_bytes);
    if (!*copy)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    return GM_OK;
}

static enum gm_status parse_string_field(const struct gm_opt *opt, void *field,
                                         struct value_text value, struct gm_err *err)
{
    char **text = field;
    char *copy;
    (void)opt;
    enum gm_status status = copy_text(value, &copy, err);
    if (status != GM_OK)
        return status;
    free(*text);
    *text = copy;
    return GM_OK;
}

static enum gm_status parse_list_field(const struct gm_opt *opt, void *field,
                                       struct value_text value, struct gm_err *err)
{
    struct gm_opt_list *list = field;
    char *copy;
    (void)opt;
    enum gm_status status = copy_text(value, &copy, err);
    if (status != GM_OK)
        return status;
    char **items = reallocarray(list->items, list->n_items + 1, sizeof *items);
    if (!items) {
        free(copy);
        return gm_err_set(err, GM_NOMEM, "out of memory");
    }
    items[list->n_items++] = copy;
    list->items = items;
    return GM_OK;
}

/* "a|b|c", cut if it does not fit. */
static const char *join_choices(const char *const *choices, char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; choices[i] && used < text_bytes; i++) {
        int n = snprintf(text + used, text_bytes - used, "%s%s", i ? "|" : "", choices[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return text;
}

static enum gm_status parse_enum_field(const struct gm_opt *opt, void *field,
                                       struct value_text value, struct gm_err *err)
{
    char word[WORD_BYTES_MAX + 1];
    char choices[256];
    for (int i = 0; opt->choices[i]; i++) {
        if (strlen(opt->choices[i]) == value.n_bytes &&
            memcmp(opt->choices[i], value.text, value.n_bytes) == 0) {
            *(int *)field = i;
            return GM_OK;
        }
    }
    size_t n_word = value.n_bytes < WORD_BYTES_MAX ? value.n_bytes : WORD_BYTES_MAX;
    snprintf(word, sizeof word, "%.*s", (int)n_word, value.text);
    join_choices(opt->choices, choices, sizeof choices);
    const char *nearest = gm_word_nearest(opt->choices, word);
    if (nearest)
        return gm_err_set(err, GM_CONFIG, "expected one of %s, not \"%s\"; did you mean \"%s\"?",
                          choices, word, nearest);
    return gm_err_set(err, GM_CONFIG, "expected one of %s, not \"%s\"", choices, word);
}

static double u64_value(const void *field)
{
    return (double)*(const uint64_t *)field;
}

static double f64_value(const void *field)
{
    return *(const double *)field;
}

static const char *format_number(double value, char *text)
{
    snprintf(text, GM_NUM_TEXT_BYTES, "%.15g", value);
    return text;
}

static const char *format_bytes(double value, char *text)
{
    return gm_format_bytes((uint64_t)value, text);
}

static const char *format_ms(double value, char *text)
{
    return gm_format_ms((uint64_t)value, text);
}

static const char *format_rate(double value, char *text)
{
    snprintf(text, GM_NUM_TEXT_BYTES, "%.15g/s", value);
    return text;
}

static const struct kind kinds[] = {
    [GM_OPT_BOOL] = {"true or false", parse_bool_field, NULL, NULL},
    [GM_OPT_U64] = {"whole number", parse_u64_field, u64_value, format_number},
    [GM_OPT_F64] = {"number", parse_f64_field, f64_value, format_number},
    [GM_OPT_BYTES] = {"bytes", parse_bytes_field, u64_value, format_bytes},
    [GM_OPT_MS] = {"duration", parse_ms_field, u64_value, format_ms},
    [GM_OPT_RATE] = {"rate", parse_rate_field, f64_value, format_rate},
    [GM_OPT_STRING] = {"text", parse_string_field, NULL, NULL},
    [GM_OPT_ENUM] = {NULL, parse_enum_field, NULL, NULL},
    [GM_OPT_LIST] = {"list", parse_list_field, NULL, NULL},
};

static const struct kind *kind_of(const struct gm_opt *opt)
{
    GM_ASSERT((unsigned)opt->type < GM_ARRAY_LEN(kinds));
    return &kinds[opt->type];
}

static void *field_of(const struct gm_opt *opt, void *values)
{
    return (char *)values + opt->offset;
}

static size_t field_bytes(const struct gm_opt *opt)
{
    static const size_t sizes[] = {
        [GM_OPT_BOOL] = sizeof(bool),
        [GM_OPT_U64] = sizeof(uint64_t),
        [GM_OPT_F64] = sizeof(double),
        [GM_OPT_BYTES] = sizeof(uint64_t),
        [GM_OPT_MS] = sizeof(uint64_t),
        [GM_OPT_RATE] = sizeof(double),
        [GM_OPT_STRING] = sizeof(char *),
        [GM_OPT_ENUM] = sizeof(int),
        [GM_OPT_LIST] = sizeof(struct gm_opt_list),
    };
    GM_ASSERT((unsigned)opt->type < GM_ARRAY_LEN(sizes));
    return sizes[opt->type];
}

void gm_opts_init(const struct gm_opt *table, void *values, size_t values_bytes)
{
    memset(values, 0, values_bytes);
    for (const struct gm_opt *opt = table; opt->name; opt++) {
        GM_ASSERT(opt->offset + field_bytes(opt) <= values_bytes);
        GM_ASSERT(opt->type != GM_OPT_ENUM || (opt->choices && opt->choices[0]));
        if (!opt->default_text)
            continue;
        enum gm_status status =
            gm_opt_apply(opt, values, opt->default_text, strlen(opt->default_text), NULL);
        GM_ASSERT(status == GM_OK);
    }
}

static void free_list(struct gm_opt_list *list)
{
    for (size_t i = 0; i < list->n_items; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct gm_opt_list){NULL, 0};
}

void gm_opts_free(const struct gm_opt *table, void *values)
{
    for (const struct gm_opt *opt = table; opt->name; opt++) {
        if (opt->type == GM_OPT_LIST)
            free_list(field_of(opt, values));
        if (opt->type == GM_OPT_STRING) {
            char **text = field_of(opt, values);
            free(*text);
            *text = NULL;
        }
    }
}

const struct gm_opt *gm_opt_find(const struct gm_opt *table, const char *name)
{
    for (const struct gm_opt *opt = table; opt->name; opt++) {
        if (strcmp(opt->name, name) == 0)
            return opt;
    }
    return NULL;
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions and replacements of bytes that turn a into b; both at most WORD_BYTES_MAX
 * long. One row of the usual table at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_BYTES_MAX + 1];
    size_t n_a = strlen(a), n_b = strlen(b);
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 0; i < n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n_b; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = min_of(replaced, min_of(diagonal, row[j]) + 1);
        }
    }
    return row[n_b];
}

/* Edit distance, or SIZE_MAX if the words are not near each other. */
static size_t near_distance(const char *candidate, const char *word)
{
    size_t n_word = strlen(word);
    if (n_word > WORD_BYTES_MAX || strlen(candidate) > WORD_BYTES_MAX)
        return SIZE_MAX;
    size_t distance = edit_distance(candidate, word);
    /* A replacement of every byte is no likeness, however short the word. */
    bool near = distance <= n_word / 3 + 1 && distance < n_word;
    return near ? distance : SIZE_MAX;
}

const char *gm_word_nearest(const char *const *words, const char *word)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (; *words; words++) {
        size_t distance = near_distance(*words, word);
        if (distance < best) {
            best = distance;
            nearest = *words;
        }
    }
    return nearest;
}

static enum gm_status check_bounds(const struct gm_opt *opt, const void *field, struct gm_err *err)
{
    const struct kind *kind = kind_of(opt);
    if (!kind->bounded || (opt->min == 0 && opt->max == 0))
        return GM_OK;
    double value = kind->bounded(field);
    if (value >= opt->min && value <= opt->max)
        return GM_OK;
    char is[GM_NUM_TEXT_BYTES], bound[GM_NUM_TEXT_BYTES];
    bool below = value < opt->min;
    kind->format(value, is);
    kind->format(below ? opt->min : opt->max, bound);
    return gm_err_set(err, GM_CONFIG, "%s is %s %s%s%s", is, below ? "below" : "above", bound,
                      opt->unit ? " " : "", opt->unit ? opt->unit : "");
}

enum gm_status gm_opt_apply(const struct gm_opt *opt, void *values, const char *text,
                            size_t n_bytes, struct gm_err *err)
{
    const struct kind *kind = kind_of(opt);
    void *field = field_of(opt, values);
    struct value_text value = {text, n_bytes};
    enum gm_status status;
    if (kind->bounded) {
        /* Checked before it is stored: a refused value leaves the field as it was. */
        union {
            uint64_t u64;
            double f64;
        } parsed;
        status = kind->parse(opt, &parsed, value, err);
        if (status == GM_OK)
            status = check_bounds(opt, &parsed, err);
        if (status == GM_OK)
            memcpy(field, &parsed, field_bytes(opt));
    } else {
        status = kind->parse(opt, field, value, err);
    }
    if (status != GM_OK)
        gm_err_add(err, "%s", opt->name);
    return status;
}

const char *gm_opt_type_text(const struct gm_opt *opt, char *text, size_t text_bytes)
{
    const struct kind *kind = kind_of(opt);
    if (kind->name)
        return kind->name;
    int n = snprintf(text, text_bytes, "one of ");
    if (n > 0 && (size_t)n < text_bytes)
        join_choices(opt->choices, text + n, text_bytes - (size_t)n);
    return text;
}
