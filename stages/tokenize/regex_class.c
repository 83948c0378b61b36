/* Character classes and escapes of the expressions: [..], \s, \p{..}, \x{..}. What the two dialects
 * read differently, or what Oniguruma reads with a warning, is refused. */
#include "tokenize/regex_ast.h"
#include "base/utf8.h"
#include "tokenize/unicode16.h"
#include <string.h>

static bool is_done(const struct gm_regex_parser *parser)
{
    return parser->at == parser->n_bytes;
}

static uint8_t peek(const struct gm_regex_parser *parser)
{
    return is_done(parser) ? 0 : parser->pattern[parser->at];
}

static bool looking_at(const struct gm_regex_parser *parser, const char *text)
{
    size_t n = strlen(text);
    return parser->n_bytes - parser->at >= n && memcmp(parser->pattern + parser->at, text, n) == 0;
}

enum gm_status gm_regex_refuse(struct gm_regex_parser *parser, size_t offset, const char *what)
{
    return gm_err_set(parser->err, GM_INPUT, "at %zu: %s", offset, what);
}

enum gm_status gm_regex_take(struct gm_regex_parser *parser, uint32_t *code_point)
{
    size_t length;
    if (is_done(parser))
        return gm_regex_refuse(parser, parser->at, "the pattern ends too early");
    *code_point = gm_utf8_decode(parser->pattern + parser->at, &length);
    parser->at += length;
    return GM_OK;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to n digits; how many there were. */
static size_t take_digits(struct gm_regex_parser *parser, size_t n_digits, uint32_t *number)
{
    size_t n = 0;
    *number = 0;
    for (; n < n_digits && hex_value(peek(parser)) >= 0; n++)
        *number = *number << 4 | (uint32_t)hex_value(parser->pattern[parser->at++]);
    return n;
}

/* \xHH, \x{H..}, \uHHHH, behind the letter. */
static enum gm_status take_hex(struct gm_regex_parser *parser, size_t start, size_t n_digits,
                               uint32_t *code_point)
{
    bool braces = peek(parser) == '{' && (n_digits == 2 || parser->syntax == GM_REGEX_RUST);
    bool fine;
    parser->at += braces;
    if (braces)
        fine = take_digits(parser, 8, code_point) > 0 && peek(parser) == '}';
    else
        fine = take_digits(parser, n_digits, code_point) == n_digits;
    if (!fine)
        return gm_regex_refuse(parser, start, "malformed hexadecimal escape");
    parser->at += braces;
    if (*code_point > GM_LAST_CODE_POINT || (*code_point >= 0xD800 && *code_point < 0xE000))
        return gm_regex_refuse(parser, start, "an escape that is no character");
    if (!braces && n_digits == 2 && *code_point >= 0x80 && parser->syntax == GM_REGEX_ONIGURUMA)
        return gm_regex_refuse(parser, start, "escapes of single bytes are not supported");
    return GM_OK;
}

/* \p{Name}, \p{^Name}, \P{Name}, \pL, behind the letter. */
static enum gm_status take_property(struct gm_regex_parser *parser, size_t start, bool negate,
                                    struct gm_code_set *set)
{
    size_t end, from;
    if (peek(parser) != '{')
        return gm_regex_refuse(parser, start, "properties without braces are not supported");
    parser->at++;
    if (peek(parser) == '^') {
        parser->at++;
        negate = !negate;
    }
    from = end = parser->at;
    while (end < parser->n_bytes && parser->pattern[end] != '}')
        end++;
    if (end == parser->n_bytes)
        return gm_regex_refuse(parser, start, "a property without }");
    if (!gm_code_set_property(set, (const char *)parser->pattern + from, end - from))
        return gm_err_set(parser->err, GM_INPUT, "at %zu: property %.*s is not supported", start,
                          (int)(end - from > 60 ? 60 : end - from), parser->pattern + from);
    parser->at = end + 1;
    if (negate)
        gm_code_set_negate(set);
    return GM_OK;
}

/* \s and its like: the name of the property, NULL if the letter is none. */
static const char *short_class(uint8_t letter)
{
    switch (letter | 32) {
    case 's':
        return "Space";
    case 'w':
        return "Word";
    case 'd':
        return "Digit";
    case 'h':
        return "";
    default:
        return NULL;
    }
}

/* Takes what is in other out of the set. */
static void subtract(struct gm_code_set *set, uint32_t first, uint32_t last)
{
    struct gm_code_set other;
    gm_code_set_init(&other);
    gm_code_set_add(&other, first, last);
    gm_code_set_negate(&other);
    gm_code_set_intersect(set, &other);
    gm_code_set_free(&other);
}

/* Rust's words have the two joiners, Oniguruma's have not; but there, outside of a class, \w and \b
 * know characters below U+0100 from another table, which has superscripts and fractions. */
void gm_regex_add_word(const struct gm_regex_parser *parser, struct gm_code_set *set)
{
    static const uint32_t extra[] = {0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE};
    gm_code_set_property(set, "Word", 4);
    if (parser->syntax == GM_REGEX_RUST)
        return;
    subtract(set, 0x200C, 0x200D);
    for (size_t i = 0; !parser->in_class && i < sizeof(extra) / sizeof(extra[0]); i++)
        gm_code_set_add(set, extra[i], extra[i]);
    gm_code_set_tidy(set);
}

static bool take_short_class(const struct gm_regex_parser *parser, uint8_t letter,
                             struct gm_code_set *set)
{
    const char *name = short_class(letter);
    if (!name)
        return false;
    if ((letter | 32) == 'w') {
        gm_regex_add_word(parser, set);
    } else if (*name) {
        gm_code_set_property(set, name, strlen(name));
    } else {
        gm_code_set_add(set, '0', '9');
        gm_code_set_add(set, 'A', 'F');
        gm_code_set_add(set, 'a', 'f');
    }
    if (!(letter & 32))
        gm_code_set_negate(set);
    return true;
}

/* \n and its like; 0: no control character. */
static uint32_t control_of(uint32_t letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'f':
        return '\f';
    case 'v':
        return '\v';
    case 'a':
        return '\a';
    case 'e':
        return 0x1B;
    default:
        return 0;
    }
}

static bool is_ascii_punctuation(uint32_t c)
{
    return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
           (c >= 0x7B && c <= 0x7E);
}

/* Rust's \< and \> are edges of words. */
static bool is_literal_escape(const struct gm_regex_parser *parser, uint32_t c)
{
    if ((c == '<' || c == '>') && parser->syntax == GM_REGEX_RUST)
        return false;
    return is_ascii_punctuation(c) || c == ' ';
}

enum gm_status gm_regex_escape(struct gm_regex_parser *parser, struct gm_code_set *set,
                               uint32_t *single)
{
    size_t start = parser->at - 1;
    uint32_t letter;
    enum gm_status status = gm_regex_take(parser, &letter);
    *single = GM_REGEX_NONE;
    if (status != GM_OK)
        return status;
    if (letter == 'p' || letter == 'P')
        return take_property(parser, start, letter == 'P', set);
    if (letter < 0x80 && take_short_class(parser, (uint8_t)letter, set))
        return GM_OK;
    if (letter == 'x' || letter == 'u')
        status = take_hex(parser, start, letter == 'x' ? 2 : 4, single);
    else if (control_of(letter))
        *single = control_of(letter);
    else if (is_literal_escape(parser, letter))
        *single = letter;
    else
        return gm_err_set(parser->err, GM_INPUT, "at %zu: escape \\%.*s is not supported", start,
                          (int)(parser->at - start - 1), parser->pattern + start + 1);
    return status == GM_OK ? gm_regex_add_folded(parser, set, *single) : status;
}

/* Letters beyond ASCII have folds of their own, which are not known here. */
static bool may_have_case(uint32_t code_point)
{
    enum gm_category category = gm_unicode16_category(code_point);
    return category <= GM_CAT_ME || category == GM_CAT_NL || category == GM_CAT_SO;
}

enum gm_status gm_regex_add_folded(struct gm_regex_parser *parser, struct gm_code_set *set,
                                   uint32_t code_point)
{
    gm_code_set_add(set, code_point, code_point);
    if (!parser->fold)
        return GM_OK;
    if (code_point >= 0x80)
        return may_have_case(code_point)
                   ? gm_regex_refuse(parser, parser->at,
                                     "letters beyond ASCII under (?i) are not supported")
                   : GM_OK;
    if ((code_point | 32) >= 'a' && (code_point | 32) <= 'z') {
        gm_code_set_add(set, code_point ^ 32, code_point ^ 32);
        if ((code_point | 32) == 's')
            gm_code_set_add(set, 0x17F, 0x17F); /* long s */
        if ((code_point | 32) == 'k')
            gm_code_set_add(set, 0x212A, 0x212A); /* Kelvin sign */
    }
    return GM_OK;
}

static enum gm_status add_range(struct gm_regex_parser *parser, struct gm_code_set *set,
                                uint32_t first, uint32_t last)
{
    enum gm_status status = GM_OK;
    if (first > last)
        return gm_regex_refuse(parser, parser->at, "an empty range");
    if (!parser->fold) {
        gm_code_set_add(set, first, last);
        return GM_OK;
    }
    if (last >= 0x80)
        return gm_regex_refuse(parser, parser->at,
                               "ranges beyond ASCII under (?i) are not supported");
    for (uint32_t c = first; c <= last && status == GM_OK; c++)
        status = gm_regex_add_folded(parser, set, c);
    return status;
}

/* One member of a class that is one character or an escape; see gm_regex_escape for single. */
static enum gm_status take_member(struct gm_regex_parser *parser, struct gm_code_set *set,
                                  uint32_t *single)
{
    enum gm_status status = gm_regex_take(parser, single);
    if (status != GM_OK)
        return status;
    if (*single == '\\') {
        size_t start = parser->at - 1;
        uint8_t letter = peek(parser);
        if (parser->fold && letter && strchr("pPwWSDhH", letter))
            return gm_regex_refuse(parser, start, "such a class under (?i) is not supported");
        return gm_regex_escape(parser, set, single);
    }
    return gm_regex_add_folded(parser, set, *single);
}

/* A member, or a range if a hyphen and an end follow. */
static enum gm_status take_item(struct gm_regex_parser *parser, struct gm_code_set *set)
{
    struct gm_code_set item;
    uint32_t first, last;
    size_t start = parser->at;
    enum gm_status status;
    gm_code_set_init(&item);
    status = take_member(parser, &item, &first);
    if (status == GM_OK && peek(parser) == '-' && !looking_at(parser, "-]")) {
        parser->at++;
        gm_code_set_free(&item);
        if (first == GM_REGEX_NONE || first == '-' || peek(parser) == '[' || peek(parser) == '-' ||
            looking_at(parser, "&&"))
            status = gm_regex_refuse(parser, start, "this use of - in a class is not supported");
        else
            status = take_member(parser, &item, &last);
        gm_code_set_free(&item);
        if (status == GM_OK && last == GM_REGEX_NONE)
            status = gm_regex_refuse(parser, start, "a range that ends with a class");
        if (status == GM_OK)
            status = add_range(parser, &item, first, last);
        if (status == GM_OK && peek(parser) == '-' && !looking_at(parser, "-]"))
            status = gm_regex_refuse(parser, start, "this use of - in a class is not supported");
    }
    gm_code_set_unite(set, &item);
    gm_code_set_free(&item);
    return status;
}

static enum gm_status take_nested(struct gm_regex_parser *parser, struct gm_code_set *set)
{
    struct gm_code_set nested;
    enum gm_status status;
    if (looking_at(parser, "[:"))
        return gm_regex_refuse(parser, parser->at, "POSIX classes are not supported");
    parser->at++;
    gm_code_set_init(&nested);
    status = gm_regex_class(parser, &nested);
    gm_code_set_unite(set, &nested);
    gm_code_set_free(&nested);
    return status;
}

/* Members up to "]" or "&&". */
static enum gm_status take_operand(struct gm_regex_parser *parser, struct gm_code_set *set)
{
    enum gm_status status = GM_OK;
    size_t start = parser->at;
    while (status == GM_OK && !is_done(parser) && peek(parser) != ']' &&
           !looking_at(parser, "&&")) {
        if (parser->syntax == GM_REGEX_RUST &&
            (looking_at(parser, "--") || looking_at(parser, "~~")))
            return gm_regex_refuse(parser, parser->at, "differences of classes are not supported");
        status = peek(parser) == '[' ? take_nested(parser, set) : take_item(parser, set);
    }
    if (status == GM_OK && parser->at == start)
        return gm_regex_refuse(parser, start, "an empty class, or one that begins with ]");
    return status;
}

enum gm_status gm_regex_class(struct gm_regex_parser *parser, struct gm_code_set *set)
{
    size_t start = parser->at - 1;
    bool negate = peek(parser) == '^', in_class = parser->in_class;
    enum gm_status status;
    parser->at += negate;
    parser->in_class = true;
    if (parser->depth == GM_REGEX_MAX_DEPTH)
        return gm_regex_refuse(parser, start, "nested too deep");
    parser->depth++;
    status = take_operand(parser, set);
    while (status == GM_OK && looking_at(parser, "&&")) {
        struct gm_code_set other;
        parser->at += 2;
        gm_code_set_init(&other);
        status = take_operand(parser, &other);
        gm_code_set_intersect(set, &other);
        gm_code_set_free(&other);
    }
    parser->depth--;
    parser->in_class = in_class;
    if (status != GM_OK)
        return status;
    if (is_done(parser))
        return gm_regex_refuse(parser, start, "a class without ]");
    parser->at++;
    if (negate)
        gm_code_set_negate(set);
    return set->failed ? gm_err_set(parser->err, GM_NOMEM, "out of memory") : GM_OK;
}
