/* The parts of the regular expressions, from text to automaton; regex.h is for everybody else.
 *
 *      pattern -> gm_regex_parse -> tree -> gm_regex_program -> program -> regex.c: tables
 */
#ifndef GM_TOKENIZE_REGEX_AST_H
#define GM_TOKENIZE_REGEX_AST_H

#include "tokenize/regex.h"
#include "tokenize/regex_set.h"

#define GM_REGEX_NONE     UINT32_MAX
#define GM_REGEX_INFINITE UINT32_MAX

enum gm_regex_node_kind {
    GM_NODE_EMPTY,
    GM_NODE_SET,    /* value: the set; one character */
    GM_NODE_SEQ,    /* children, one behind the other */
    GM_NODE_ALT,    /* children, the first that works */
    GM_NODE_REPEAT, /* one child, min, max; flag: lazy */
    GM_NODE_ASSERT, /* value: enum gm_regex_assert */
    GM_NODE_LOOK,   /* one child, ahead; flag: must not match */
    GM_NODE_BEHIND  /* value: the set; flag: must not be before; one character back */
};

enum gm_regex_assert {
    GM_ASSERT_TEXT_START,
    GM_ASSERT_TEXT_END,
    GM_ASSERT_LINE_START,
    GM_ASSERT_LINE_END,
    GM_ASSERT_WORD_EDGE,
    GM_ASSERT_NO_WORD_EDGE
};

struct gm_regex_node {
    uint8_t kind;
    bool flag;
    bool nullable;     /* can match without a character */
    uint32_t value;    /* see the kinds */
    uint32_t last;     /* last or only child */
    uint32_t previous; /* the sibling in front, or GM_REGEX_NONE */
    uint32_t min, max; /* REPEAT */
};

struct gm_regex_ast {
    struct gm_regex_node *nodes;
    uint32_t n_nodes, capacity;
    struct gm_code_set *sets; /* no two are equal */
    uint32_t n_sets, sets_capacity;
    uint32_t root;
    uint32_t word_set, newline_set; /* GM_REGEX_NONE unless an assertion needs them */
    bool looks_back;                /* what matches depends on the character in front */
};

enum gm_status gm_regex_parse(struct gm_regex_ast *ast, const uint8_t *pattern, size_t n_bytes,
                              enum gm_regex_syntax syntax, struct gm_err *err);
void gm_regex_ast_free(struct gm_regex_ast *ast);
/* Adds a node; GM_REGEX_NONE: no memory. */
uint32_t gm_regex_ast_node(struct gm_regex_ast *ast, struct gm_regex_node node);
/* Moves a tidy set into the tree, or frees it if an equal one is there; GM_REGEX_NONE: no memory.
 */
uint32_t gm_regex_ast_set(struct gm_regex_ast *ast, struct gm_code_set *set);

/* Where the parser is: shared by regex_parse.c and regex_class.c. */
struct gm_regex_parser {
    const uint8_t *pattern;
    size_t n_bytes;
    size_t at;
    size_t repeat_at; /* the repeat in work, for messages */
    enum gm_regex_syntax syntax;
    bool fold; /* (?i) */
    bool in_class;
    unsigned depth;    /* of groups and classes */
    uint8_t last_fold; /* the small letter just parsed under (?i), 0 if something else was */
    struct gm_regex_ast *ast;
    struct gm_err *err;
};
#define GM_REGEX_MAX_DEPTH 64u

/* Sets the error "at OFFSET: what" and returns GM_INPUT. */
enum gm_status gm_regex_refuse(struct gm_regex_parser *parser, size_t offset, const char *what);
/* The next code point of the pattern, which is moved over; GM_INPUT: end or not UTF-8. */
enum gm_status gm_regex_take(struct gm_regex_parser *parser, uint32_t *code_point);
/* Behind a backslash: adds what the escape stands for to the set. *single: its one code point, or
 * GM_REGEX_NONE if it stands for many (\s). */
enum gm_status gm_regex_escape(struct gm_regex_parser *parser, struct gm_code_set *set,
                               uint32_t *single);
/* Behind '[': adds what the class contains, and moves behind its ']'. */
enum gm_status gm_regex_class(struct gm_regex_parser *parser, struct gm_code_set *set);
/* Adds what \w matches here, which differs between dialects, and inside and outside of classes. */
void gm_regex_add_word(const struct gm_regex_parser *parser, struct gm_code_set *set);
/* Adds one code point, under (?i) with its other cases. */
enum gm_status gm_regex_add_folded(struct gm_regex_parser *parser, struct gm_code_set *set,
                                   uint32_t code_point);

/* The program: states with branches in order of priority. Every state of it except CHAR is passed
 * without a character, and these passes have no circle. */
enum gm_regex_op_kind {
    GM_STATE_MATCH,
    GM_STATE_CHAR,   /* value: set; then a */
    GM_STATE_SPLIT,  /* a, or else b */
    GM_STATE_ASSERT, /* value: enum gm_regex_assert; then a */
    GM_STATE_LOOK,   /* b must (flag: must not) succeed; then a */
    GM_STATE_BEHIND  /* value: set; flag: must not; then a */
};
struct gm_regex_state {
    uint8_t kind;
    bool flag;
    uint32_t value, a, b;
};
struct gm_regex_program {
    struct gm_regex_state *states;
    uint32_t n, capacity, start;
    uint32_t *order; /* each state behind those that it passes to */
};
#define GM_REGEX_MAX_STATES 4096u

/* GM_INPUT: too large. */
enum gm_status gm_regex_program(struct gm_regex_program *program, const struct gm_regex_ast *ast,
                                struct gm_err *err);
void gm_regex_program_free(struct gm_regex_program *program);

#endif
