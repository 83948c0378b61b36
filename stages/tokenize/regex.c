/* Running the tables of an expression over a text. */
#include "tokenize/regex.h"
#include "base/assert.h"
#include "tokenize/character.h"
#include "tokenize/regex_table.h"
#include <stdlib.h>

#define REPLACEMENT 0xFFFDu

enum gm_status gm_regex_new(struct gm_regex **regex, const uint8_t *pattern, size_t n_bytes,
                            enum gm_regex_syntax syntax, struct gm_err *err)
{
    struct gm_regex_ast ast = {0};
    struct gm_regex_program program = {0};
    uint8_t *member = NULL;
    struct gm_err own;
    enum gm_status status;
    err = err ? err : &own;
    *regex = calloc(1, sizeof(**regex));
    if (!*regex)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    status = gm_regex_parse(&ast, pattern, n_bytes, syntax, err);
    if (status == GM_OK)
        status = gm_regex_program(&program, &ast, err);
    if (status == GM_OK)
        status = gm_regex_classes(*regex, &ast, &member, err);
    if (status == GM_OK)
        status = gm_regex_tables(*regex, &ast, &program, member, err);
    free(member);
    gm_regex_program_free(&program);
    gm_regex_ast_free(&ast);
    if (status != GM_OK) {
        gm_regex_free(*regex);
        *regex = NULL;
    }
    return status;
}

void gm_regex_free(struct gm_regex *regex)
{
    if (!regex)
        return;
    free(regex->pages);
    free(regex->next);
    free(regex->at_end);
    free(regex->walk);
    free(regex);
}

void gm_regex_text_init(struct gm_regex_text *work)
{
    *work = (struct gm_regex_text){0};
}

void gm_regex_text_free(struct gm_regex_text *work)
{
    free(work->marks);
    gm_regex_text_init(work);
}

/* The class of the character that ends at end > 0; *start: where it begins. */
static inline uint32_t class_ending_at(const struct gm_regex *regex, const uint8_t *text,
                                       size_t end, size_t *start)
{
    size_t at = end - 1, length;
    uint32_t code_point;
    if (text[at] < 0x80) {
        *start = at;
        return regex->ascii[text[at]];
    }
    *start = at = gm_character_before(text, end);
    code_point = gm_character_at(text + at, end - at, &length);
    return gm_regex_class_of(regex, code_point == GM_NO_CHARACTER ? REPLACEMENT : code_point);
}

static bool reserve(struct gm_regex_text *work, size_t n_bytes)
{
    size_t capacity = n_bytes + n_bytes / 2 + 64;
    void *marks;
    if (n_bytes < work->capacity)
        return true;
    marks = realloc(work->marks, capacity * sizeof(*work->marks));
    if (!marks)
        return false;
    work->marks = marks;
    work->capacity = capacity;
    return true;
}

static void mark_all(struct gm_regex_text *work, const uint8_t *text)
{
    const struct gm_regex *regex = work->regex;
    uint16_t *marks = work->marks;
    size_t end = work->n_bytes, start;
    uint32_t mark = regex->at_end[0];
    marks[end] = (uint16_t)mark;
    while (end > 0) {
        uint32_t class = class_ending_at(regex, text, end, &start);
        while (--end > start)
            marks[end] = GM_REGEX_INSIDE;
        mark = regex->next[mark * regex->n_symbols + class];
        marks[end] = (uint16_t)mark;
    }
}

/* The same for expressions with \b and its like: each step needs the class before, too. */
static void mark_all_looking_back(struct gm_regex_text *work, const uint8_t *text)
{
    const struct gm_regex *regex = work->regex;
    uint16_t *marks = work->marks;
    size_t end = work->n_bytes, start = end;
    uint32_t before = end > 0 ? class_ending_at(regex, text, end, &start) : regex->n_classes;
    uint32_t mark = regex->at_end[before];
    marks[end] = (uint16_t)mark;
    while (end > 0) {
        uint32_t class = before;
        while (--end > start)
            marks[end] = GM_REGEX_INSIDE;
        before = end > 0 ? class_ending_at(regex, text, end, &start) : regex->n_classes;
        mark = regex->next[mark * regex->n_symbols + class * regex->n_before + before];
        marks[end] = (uint16_t)mark;
    }
}

bool gm_regex_begin(struct gm_regex_text *work, const struct gm_regex *regex, const uint8_t *text,
                    size_t n_bytes)
{
    if (!reserve(work, n_bytes))
        return false;
    work->regex = regex;
    work->n_bytes = n_bytes;
    work->position = 0;
    work->last_match_end = SIZE_MAX;
    if (regex->n_before == 1)
        mark_all(work, text);
    else
        mark_all_looking_back(work, text);
    return true;
}

static size_t next_character(const struct gm_regex_text *work, size_t at)
{
    do
        at++;
    while (at <= work->n_bytes && work->marks[at] == GM_REGEX_INSIDE);
    return at;
}

bool gm_regex_find(const struct gm_regex_text *work, size_t from, size_t *start, size_t *end)
{
    const struct gm_regex *regex = work->regex;
    const uint16_t *marks = work->marks, *walk = regex->walk;
    uint32_t n_rows = regex->n_rows, row = 0;
    size_t at = from;
    GM_ASSERT(from <= work->n_bytes);
    while (at <= work->n_bytes &&
           (marks[at] == GM_REGEX_INSIDE || walk[marks[at] * n_rows] == GM_REGEX_FAILS))
        at++;
    if (at > work->n_bytes)
        return false;
    *start = at;
    while ((row = walk[marks[at] * n_rows + row]) != GM_REGEX_MATCH)
        at = next_character(work, at);
    *end = at;
    return true;
}

bool gm_regex_next(struct gm_regex_text *work, size_t *start, size_t *end)
{
    while (work->position <= work->n_bytes && gm_regex_find(work, work->position, start, end)) {
        if (*start == *end && *end == work->last_match_end) {
            work->position = next_character(work, work->position);
            continue;
        }
        work->position = work->last_match_end = *end;
        return true;
    }
    work->position = work->n_bytes + 1;
    return false;
}
