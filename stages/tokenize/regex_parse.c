/* From the text of an expression to its tree. Possessive repeats of one character are written with
 * a lookahead, which is the same thing: X++ is X+(?!X). */
#include "tokenize/regex_ast.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

#define MAX_REPEATS 16u /* one behind the other; bounds the depth of the tree */

static uint32_t parse_alternatives(struct gm_regex_parser *parser);

static bool is_done(const struct gm_regex_parser *parser)
{
    return parser->at == parser->n_bytes;
}

static bool looking_at(const struct gm_regex_parser *parser, const char *text)
{
    size_t n = strlen(text);
    return parser->n_bytes - parser->at >= n && memcmp(parser->pattern + parser->at, text, n) == 0;
}

static uint32_t refuse(struct gm_regex_parser *parser, size_t offset, const char *what)
{
    gm_regex_refuse(parser, offset, what);
    return GM_REGEX_NONE;
}

static uint32_t add(struct gm_regex_parser *parser, struct gm_regex_node node)
{
    uint32_t index = gm_regex_ast_node(parser->ast, node);
    if (index == GM_REGEX_NONE)
        gm_err_set(parser->err, GM_NOMEM, "out of memory");
    return index;
}

static uint32_t add_set(struct gm_regex_parser *parser, struct gm_code_set *set)
{
    uint32_t index;
    gm_code_set_tidy(set);
    index = gm_regex_ast_set(parser->ast, set);
    if (index == GM_REGEX_NONE) {
        gm_err_set(parser->err, GM_NOMEM, "out of memory");
        return index;
    }
    return add(parser, (struct gm_regex_node){.kind = GM_NODE_SET, .value = index});
}

/* A list of nodes as the children of one; a list of one is that one. */
static uint32_t add_list(struct gm_regex_parser *parser, enum gm_regex_node_kind kind,
                         uint32_t last, bool nullable)
{
    if (last == GM_REGEX_NONE)
        return add(parser, (struct gm_regex_node){.kind = GM_NODE_EMPTY, .nullable = true});
    if (parser->ast->nodes[last].previous == GM_REGEX_NONE)
        return last;
    return add(parser,
               (struct gm_regex_node){.kind = (uint8_t)kind, .last = last, .nullable = nullable});
}

static uint32_t add_pair(struct gm_regex_parser *parser, enum gm_regex_node_kind kind, uint32_t a,
                         uint32_t b)
{
    struct gm_regex_node *nodes = parser->ast->nodes;
    bool nullable;
    if (a == GM_REGEX_NONE || b == GM_REGEX_NONE)
        return GM_REGEX_NONE;
    nodes[b].previous = a;
    nullable = kind == GM_NODE_SEQ ? nodes[a].nullable && nodes[b].nullable
                                   : nodes[a].nullable || nodes[b].nullable;
    return add_list(parser, kind, b, nullable);
}

static uint32_t add_repeat(struct gm_regex_parser *parser, uint32_t child, uint32_t min,
                           uint32_t max, bool lazy)
{
    bool nullable = parser->ast->nodes[child].nullable;
    if (nullable && max > 1)
        return refuse(parser, parser->repeat_at, "a repeat of what can be empty is not supported");
    return add(parser, (struct gm_regex_node){.kind = GM_NODE_REPEAT,
                                              .flag = lazy,
                                              .nullable = nullable || min == 0,
                                              .last = child,
                                              .min = min,
                                              .max = max});
}

/* Two nodes may not be the same child: a copy of a SET. */
static uint32_t copy_set(struct gm_regex_parser *parser, uint32_t index)
{
    return add(parser, (struct gm_regex_node){.kind = GM_NODE_SET,
                                              .value = parser->ast->nodes[index].value});
}

static uint32_t add_not_ahead(struct gm_regex_parser *parser, uint32_t set)
{
    uint32_t child = copy_set(parser, set);
    if (child == GM_REGEX_NONE)
        return child;
    return add(parser, (struct gm_regex_node){
                           .kind = GM_NODE_LOOK, .flag = true, .nullable = true, .last = child});
}

/* The most characters of the set and nothing less: fewer than max only if no other follows. */
static uint32_t add_possessive(struct gm_regex_parser *parser, uint32_t child, uint32_t min,
                               uint32_t max)
{
    uint32_t all, fewer;
    if (parser->ast->nodes[child].kind != GM_NODE_SET)
        return refuse(parser, parser->repeat_at,
                      "possessive repeats of more than one character are not supported");
    if (min == max)
        return add_repeat(parser, child, min, max, false);
    if (max == GM_REGEX_INFINITE)
        return add_pair(parser, GM_NODE_SEQ, add_repeat(parser, child, min, max, false),
                        add_not_ahead(parser, child));
    all = add_repeat(parser, child, max, max, false);
    fewer = copy_set(parser, child);
    if (all == GM_REGEX_NONE || fewer == GM_REGEX_NONE)
        return GM_REGEX_NONE;
    fewer = add_repeat(parser, fewer, min, max - 1, false);
    fewer = add_pair(parser, GM_NODE_SEQ, fewer, add_not_ahead(parser, child));
    return add_pair(parser, GM_NODE_ALT, all, fewer);
}

static bool take_number(struct gm_regex_parser *parser, uint32_t *number)
{
    size_t start = parser->at;
    *number = 0;
    while (!is_done(parser) && parser->pattern[parser->at] >= '0' &&
           parser->pattern[parser->at] <= '9' && parser->at - start < 6)
        *number = *number * 10 + (uint32_t)(parser->pattern[parser->at++] - '0');
    return parser->at > start;
}

/* {n}, {n,}, {n,m}, and for Oniguruma {,m}. False, with nothing moved: no interval. */
static bool take_interval(struct gm_regex_parser *parser, uint32_t *min, uint32_t *max)
{
    size_t start = parser->at;
    bool has_min, has_max = false, comma;
    parser->at++;
    has_min = take_number(parser, min);
    comma = looking_at(parser, ",");
    parser->at += comma;
    if (comma)
        has_max = take_number(parser, max);
    if (!looking_at(parser, "}") || (!has_min && !has_max) ||
        (!has_min && parser->syntax == GM_REGEX_RUST)) {
        parser->at = start;
        return false;
    }
    parser->at++;
    if (!comma)
        *max = *min;
    else if (!has_max)
        *max = GM_REGEX_INFINITE;
    return true;
}

struct quantifier {
    uint32_t min, max;
    bool is_interval;
};

/* *, +, ? or an interval. False: none here. */
static bool take_quantifier(struct gm_regex_parser *parser, struct quantifier *quantifier)
{
    quantifier->is_interval = looking_at(parser, "{");
    if (quantifier->is_interval)
        return take_interval(parser, &quantifier->min, &quantifier->max);
    if (!looking_at(parser, "*") && !looking_at(parser, "+") && !looking_at(parser, "?"))
        return false;
    quantifier->min = parser->pattern[parser->at] == '+';
    quantifier->max = parser->pattern[parser->at] == '?' ? 1 : GM_REGEX_INFINITE;
    parser->at++;
    return true;
}

/* One repeat of the atom, its limits taken. */
static uint32_t parse_repeat(struct gm_regex_parser *parser, uint32_t atom,
                             const struct quantifier *quantifier)
{
    bool is_interval = quantifier->is_interval, lazy = looking_at(parser, "?");
    bool possessive = looking_at(parser, "+") && (!is_interval || parser->syntax == GM_REGEX_RUST);
    uint32_t min = quantifier->min, max = quantifier->max;
    if (min > max)
        return refuse(parser, parser->repeat_at, "a repeat with its limits exchanged");
    if (max == 0)
        return refuse(parser, parser->repeat_at, "a repeat of zero times is not supported");
    if (lazy && is_interval && min == max)
        return refuse(parser, parser->repeat_at, "{n}? is not supported: dialects differ");
    parser->at += lazy || possessive;
    return possessive ? add_possessive(parser, atom, min, max)
                      : add_repeat(parser, atom, min, max, lazy);
}

/* The repeats behind an atom. */
static uint32_t parse_repeats(struct gm_regex_parser *parser, uint32_t atom)
{
    struct quantifier quantifier;
    unsigned n = 0;
    parser->repeat_at = parser->at;
    while (atom != GM_REGEX_NONE && take_quantifier(parser, &quantifier)) {
        parser->last_fold = 0;
        if (n++ == MAX_REPEATS)
            return refuse(parser, parser->repeat_at, "too many repeats of a repeat");
        atom = parse_repeat(parser, atom, &quantifier);
        parser->repeat_at = parser->at;
    }
    if (atom != GM_REGEX_NONE && looking_at(parser, "{") && parser->syntax == GM_REGEX_RUST)
        return refuse(parser, parser->at, "a malformed repeat");
    return atom;
}

static uint32_t add_assert(struct gm_regex_parser *parser, enum gm_regex_assert kind)
{
    struct gm_regex_ast *ast = parser->ast;
    struct gm_code_set set;
    uint32_t *place = NULL;
    gm_code_set_init(&set);
    if (kind == GM_ASSERT_WORD_EDGE || kind == GM_ASSERT_NO_WORD_EDGE) {
        gm_regex_add_word(parser, &set);
        place = &ast->word_set;
    } else if (kind == GM_ASSERT_LINE_START || kind == GM_ASSERT_LINE_END) {
        gm_code_set_add(&set, '\n', '\n');
        place = &ast->newline_set;
    }
    if (place && (*place = gm_regex_ast_set(ast, &set)) == GM_REGEX_NONE) {
        gm_err_set(parser->err, GM_NOMEM, "out of memory");
        return GM_REGEX_NONE;
    }
    ast->looks_back |= kind != GM_ASSERT_TEXT_END;
    return add(parser, (struct gm_regex_node){
                           .kind = GM_NODE_ASSERT, .value = (uint32_t)kind, .nullable = true});
}

/* ^ $ \A \z \b \B; -1: something else, and nothing is moved. */
static int take_assert(struct gm_regex_parser *parser)
{
    bool lines = parser->syntax == GM_REGEX_ONIGURUMA;
    static const struct {
        const char *text;
        enum gm_regex_assert oniguruma, rust;
    } asserts[] = {{"^", GM_ASSERT_LINE_START, GM_ASSERT_TEXT_START},
                   {"$", GM_ASSERT_LINE_END, GM_ASSERT_TEXT_END},
                   {"\\A", GM_ASSERT_TEXT_START, GM_ASSERT_TEXT_START},
                   {"\\z", GM_ASSERT_TEXT_END, GM_ASSERT_TEXT_END},
                   {"\\b", GM_ASSERT_WORD_EDGE, GM_ASSERT_WORD_EDGE},
                   {"\\B", GM_ASSERT_NO_WORD_EDGE, GM_ASSERT_NO_WORD_EDGE}};
    for (size_t i = 0; i < sizeof(asserts) / sizeof(asserts[0]); i++)
        if (looking_at(parser, asserts[i].text)) {
            parser->at += strlen(asserts[i].text);
            return (int)(lines ? asserts[i].oniguruma : asserts[i].rust);
        }
    return -1;
}

/* Behind "(?=" and its like: the group, up to and with its ")". */
static uint32_t parse_group_end(struct gm_regex_parser *parser, size_t start)
{
    bool fold = parser->fold;
    uint32_t inside;
    if (parser->depth == GM_REGEX_MAX_DEPTH)
        return refuse(parser, start, "nested too deep");
    parser->depth++;
    inside = parse_alternatives(parser);
    parser->depth--;
    parser->fold = fold;
    if (inside == GM_REGEX_NONE)
        return inside;
    if (!looking_at(parser, ")"))
        return refuse(parser, start, "a group without )");
    parser->at++;
    return inside;
}

static uint32_t parse_look(struct gm_regex_parser *parser, size_t start, bool behind, bool negative)
{
    uint32_t inside;
    parser->at += 1 + behind;
    parser->last_fold = 0;
    inside = parse_group_end(parser, start);
    parser->last_fold = 0;
    if (inside == GM_REGEX_NONE)
        return inside;
    if (!behind)
        return add(parser,
                   (struct gm_regex_node){
                       .kind = GM_NODE_LOOK, .flag = negative, .nullable = true, .last = inside});
    if (parser->ast->nodes[inside].kind != GM_NODE_SET)
        return refuse(parser, start, "lookbehind of more than one character is not supported");
    parser->ast->looks_back = true;
    return add(parser, (struct gm_regex_node){.kind = GM_NODE_BEHIND,
                                              .flag = negative,
                                              .nullable = true,
                                              .value = parser->ast->nodes[inside].value});
}

/* (?i: and (?-i:, and (?i) where it stands at the beginning of a group. */
static uint32_t parse_options(struct gm_regex_parser *parser, size_t start, bool at_start)
{
    bool on = !looking_at(parser, "-"), fold = parser->fold;
    uint32_t inside;
    parser->at += !on;
    if (!looking_at(parser, "i:") && !looking_at(parser, "i)"))
        return refuse(parser, start, "this kind of group is not supported");
    parser->at += 2;
    parser->fold = on;
    if (parser->pattern[parser->at - 1] == ')') {
        if (!at_start)
            return refuse(parser, start, "(?i) is supported at the beginning of a group only");
        return add(parser, (struct gm_regex_node){.kind = GM_NODE_EMPTY, .nullable = true});
    }
    inside = parse_group_end(parser, start);
    parser->fold = fold;
    return inside;
}

/* Moves behind the name of a group; false: it has no end. */
static bool skip_name(struct gm_regex_parser *parser)
{
    while (!is_done(parser) && parser->pattern[parser->at] != '>')
        parser->at++;
    parser->at += !is_done(parser);
    return !is_done(parser);
}

/* Behind "(". */
static uint32_t parse_group(struct gm_regex_parser *parser, bool at_start)
{
    size_t start = parser->at - 1;
    if (looking_at(parser, "*"))
        return refuse(parser, start, "callouts are not supported");
    if (!looking_at(parser, "?"))
        return parse_group_end(parser, start);
    parser->at++;
    if (looking_at(parser, ":")) {
        parser->at++;
        return parse_group_end(parser, start);
    }
    if (looking_at(parser, "=") || looking_at(parser, "!"))
        return parse_look(parser, start, false, looking_at(parser, "!"));
    if (looking_at(parser, "<=") || looking_at(parser, "<!"))
        return parse_look(parser, start, true, looking_at(parser, "<!"));
    if (looking_at(parser, ">"))
        return refuse(parser, start, "atomic groups are not supported");
    if (looking_at(parser, "<") || (looking_at(parser, "P<") && parser->syntax == GM_REGEX_RUST))
        return skip_name(parser) ? parse_group_end(parser, start)
                                 : refuse(parser, start, "a group without end");
    return parse_options(parser, start, at_start);
}

/* Oniguruma folds some letters in a row to one character (ss and U+00DF), which is not done here.
 */
static bool folds_together(uint8_t a, uint8_t b)
{
    return (a == 's' && (b == 's' || b == 't')) || (a == 'f' && (b == 'f' || b == 'i' || b == 'l'));
}

static uint32_t parse_literal(struct gm_regex_parser *parser)
{
    struct gm_code_set set;
    uint32_t code_point, node = GM_REGEX_NONE;
    size_t start = parser->at;
    uint8_t folded = 0;
    enum gm_status status;
    gm_code_set_init(&set);
    status = gm_regex_take(parser, &code_point);
    if (status == GM_OK && code_point == '\\') {
        status = gm_regex_escape(parser, &set, &code_point);
    } else if (status == GM_OK && code_point == '[') {
        status = gm_regex_class(parser, &set);
        code_point = GM_REGEX_NONE;
    } else if (status == GM_OK && code_point == '.') {
        gm_code_set_add(&set, '\n', '\n');
        gm_code_set_negate(&set);
        code_point = GM_REGEX_NONE;
    } else if (status == GM_OK) {
        status = gm_regex_add_folded(parser, &set, code_point);
    }
    if (parser->fold && code_point < 0x80)
        folded = (uint8_t)(code_point | 32);
    if (status == GM_OK && folds_together(parser->last_fold, folded))
        status = gm_regex_refuse(parser, start, "letters under (?i) that fold to a ligature");
    parser->last_fold = folded;
    if (status == GM_OK)
        node = add_set(parser, &set);
    gm_code_set_free(&set);
    return node;
}

static uint32_t parse_atom(struct gm_regex_parser *parser, bool at_start)
{
    int kind = take_assert(parser);
    uint32_t min, max;
    if (kind >= 0) {
        parser->last_fold = 0;
        return add_assert(parser, (enum gm_regex_assert)kind);
    }
    switch (parser->pattern[parser->at]) {
    case '(':
        parser->at++;
        return parse_group(parser, at_start);
    case '*':
    case '+':
    case '?':
        return refuse(parser, parser->at, "nothing to repeat");
    case '{':
        if (parser->syntax == GM_REGEX_RUST || take_interval(parser, &min, &max))
            return refuse(parser, parser->at, "nothing to repeat");
        return parse_literal(parser);
    default:
        return parse_literal(parser);
    }
}

static uint32_t parse_sequence(struct gm_regex_parser *parser)
{
    uint32_t last = GM_REGEX_NONE;
    bool nullable = true;
    while (!is_done(parser) && !looking_at(parser, "|") && !looking_at(parser, ")")) {
        uint32_t node = parse_repeats(parser, parse_atom(parser, last == GM_REGEX_NONE));
        if (node == GM_REGEX_NONE)
            return node;
        parser->ast->nodes[node].previous = last;
        nullable = nullable && parser->ast->nodes[node].nullable;
        last = node;
    }
    return add_list(parser, GM_NODE_SEQ, last, nullable);
}

static uint32_t parse_alternatives(struct gm_regex_parser *parser)
{
    uint32_t last = GM_REGEX_NONE;
    bool nullable = false;
    for (;;) {
        uint32_t node = parse_sequence(parser);
        if (node == GM_REGEX_NONE)
            return node;
        parser->ast->nodes[node].previous = last;
        nullable = nullable || parser->ast->nodes[node].nullable;
        last = node;
        if (!looking_at(parser, "|"))
            return add_list(parser, GM_NODE_ALT, last, nullable);
        parser->at++;
        parser->last_fold = 0;
    }
}

enum gm_status gm_regex_parse(struct gm_regex_ast *ast, const uint8_t *pattern, size_t n_bytes,
                              enum gm_regex_syntax syntax, struct gm_err *err)
{
    struct gm_regex_parser parser = {
        .pattern = pattern, .n_bytes = n_bytes, .syntax = syntax, .ast = ast, .err = err};
    size_t valid = n_bytes ? gm_utf8_valid_prefix(pattern, n_bytes) : 0;
    *ast = (struct gm_regex_ast){.word_set = GM_REGEX_NONE, .newline_set = GM_REGEX_NONE};
    if (n_bytes > GM_REGEX_MAX_PATTERN_BYTES)
        return gm_err_set(err, GM_INPUT, "the pattern is longer than %u bytes",
                          GM_REGEX_MAX_PATTERN_BYTES);
    if (valid < n_bytes)
        return gm_err_set(err, GM_INPUT, "at %zu: not UTF-8", valid);
    gm_err_clear(err);
    ast->root = parse_alternatives(&parser);
    if (ast->root != GM_REGEX_NONE && !is_done(&parser))
        ast->root = refuse(&parser, parser.at, "a ) without group");
    if (ast->root == GM_REGEX_NONE)
        return err ? err->status : GM_INPUT;
    return GM_OK;
}
