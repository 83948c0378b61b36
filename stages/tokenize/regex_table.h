/* The finished automaton of an expression: what regex_build.c makes and regex.c runs. */
#ifndef GM_TOKENIZE_REGEX_TABLE_H
#define GM_TOKENIZE_REGEX_TABLE_H

#include "tokenize/regex_ast.h"

#define GM_REGEX_PAGE_BITS 7u
#define GM_REGEX_N_PAGES   ((GM_LAST_CODE_POINT + 1) >> GM_REGEX_PAGE_BITS)

/* Values of walk and marks that are no row and no mark. */
#define GM_REGEX_FAILS  0xFFFFu
#define GM_REGEX_MATCH  0xFFFEu
#define GM_REGEX_INSIDE 0xFFFFu /* mark of a byte that begins no character */

/* Code points that no set of the expression tells apart are one class. A mark stands for the set of
 * states from which a match can be completed at a place; a row for the state that a walk is in
 * behind a character. */
struct gm_regex {
    uint8_t ascii[128]; /* class */
    uint16_t page_of[GM_REGEX_N_PAGES];
    uint8_t *pages;
    uint32_t n_classes;
    uint32_t n_before;  /* what can stand in front: 1 if nothing depends on it, else each class and,
                           as the last, the beginning of the text */
    uint32_t n_symbols; /* n_classes * n_before */
    uint32_t n_marks;
    uint32_t n_rows;
    uint16_t *next;   /* mark in front of a character, by mark behind it, class, and class before */
    uint16_t *at_end; /* mark at the end of the text, by class before */
    uint16_t *walk; /* by mark and row: the row of the state behind the next character, or above */
};

static inline uint32_t gm_regex_class_of(const struct gm_regex *regex, uint32_t code_point)
{
    uint32_t page = regex->page_of[code_point >> GM_REGEX_PAGE_BITS];
    return regex
        ->pages[(page << GM_REGEX_PAGE_BITS) | (code_point & ((1u << GM_REGEX_PAGE_BITS) - 1))];
}

/* Fills the classes; member gets [class * n_sets + set] for each set of the tree, to be freed. */
enum gm_status gm_regex_classes(struct gm_regex *regex, const struct gm_regex_ast *ast,
                                uint8_t **member, struct gm_err *err);
/* Fills the tables. */
enum gm_status gm_regex_tables(struct gm_regex *regex, const struct gm_regex_ast *ast,
                               const struct gm_regex_program *program, const uint8_t *member,
                               struct gm_err *err);

#endif
