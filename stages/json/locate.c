/* Where a text stops being JSON. The fast parser says that a text is wrong but not where; for the
 * one text in a million that is wrong this second, plain scanner of the same grammar (RFC 8259)
 * finds the byte and what should have stood there, so that a message can be acted on. It also
 * measures values in texts that are known to be valid. Iterative: the only state is one bit per
 * open array or object, 1,024 of them. */
#include "json/json.h"

#include <string.h>

#define MAX_DEPTH 1024

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, NOTHING };

static const char *const expect_text[] = {
    [VALUE] = "a value",
    [VALUE_OR_END] = "a value or ']'",
    [KEY] = "a key in double quotes",
    [KEY_OR_END] = "a key in double quotes or '}'",
    [COLON] = "':'",
    [COMMA_OR_END] = "',' or a closing bracket",
    [NOTHING] = "the end of the text",
};

struct scan {
    const uint8_t *text;
    size_t at;
    size_t n_bytes;
    const char *expected;
    size_t depth;
    uint8_t is_object[MAX_DEPTH / 8];
};

static int peek(const struct scan *scan)
{
    return scan->at < scan->n_bytes ? scan->text[scan->at] : -1;
}

static bool want(struct scan *scan, const char *expected)
{
    scan->expected = expected;
    return false;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void skip_space(struct scan *scan)
{
    for (;; scan->at++) {
        int c = peek(scan);
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return;
    }
}

static bool scan_hex4(struct scan *scan, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        int c = peek(scan);
        if (!is_hex(c))
            return want(scan, "four hexadecimal digits behind \\u");
        *unit = *unit * 16 + (unsigned)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

static bool scan_low_surrogate(struct scan *scan)
{
    static const char expected[] = "a low surrogate (\\uDC00 to \\uDFFF)";
    for (const char *c = "\\u"; *c != '\0'; c++, scan->at++)
        if (peek(scan) != *c)
            return want(scan, expected);
    unsigned unit;
    if (!scan_hex4(scan, &unit))
        return false;
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return true;
    scan->at -= 6;
    return want(scan, expected);
}

/* At the character behind the backslash. */
static bool scan_escape(struct scan *scan)
{
    int c = peek(scan);
    if (c < 0 || strchr("\"\\/bfnrtu", c) == NULL || c == 0)
        return want(scan, "one of \"\\/bfnrtu behind the backslash");
    scan->at++;
    if (c != 'u')
        return true;
    unsigned unit;
    if (!scan_hex4(scan, &unit))
        return false;
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        scan->at -= 6;
        return want(scan, "a high surrogate in front of a low one");
    }
    if (unit < 0xd800 || unit > 0xdbff)
        return true;
    return scan_low_surrogate(scan);
}

static bool scan_string(struct scan *scan)
{
    for (scan->at++;;) {
        int c = peek(scan);
        if (c < 0)
            return want(scan, "the closing '\"' of a string");
        if (c < 0x20)
            return want(scan, "an escape instead of a control character in a string");
        scan->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !scan_escape(scan))
            return false;
    }
}

static bool scan_digits(struct scan *scan)
{
    if (!is_digit(peek(scan)))
        return want(scan, "a digit");
    while (is_digit(peek(scan)))
        scan->at++;
    return true;
}

static bool scan_number(struct scan *scan)
{
    if (peek(scan) == '-')
        scan->at++;
    if (peek(scan) == '0')
        scan->at++;
    else if (!scan_digits(scan))
        return false;
    if (peek(scan) == '.') {
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-')
            scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word)
{
    for (; *word != '\0'; word++, scan->at++)
        if (peek(scan) != (uint8_t)*word)
            return want(scan, "true, false or null");
    return true;
}

/* A string, number or word. */
static bool scan_scalar(struct scan *scan)
{
    switch (peek(scan)) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        if (is_digit(peek(scan)) || peek(scan) == '-')
            return scan_number(scan);
        return want(scan, expect_text[VALUE]);
    }
}

static bool push(struct scan *scan, bool is_object)
{
    if (scan->depth == MAX_DEPTH)
        return want(scan, "fewer levels of nesting");
    uint8_t bit = (uint8_t)(1u << (scan->depth % 8));
    if (is_object)
        scan->is_object[scan->depth / 8] |= bit;
    else
        scan->is_object[scan->depth / 8] &= (uint8_t)~bit;
    scan->depth++;
    return true;
}

static bool in_object(const struct scan *scan)
{
    size_t top = scan->depth - 1;
    return (scan->is_object[top / 8] >> (top % 8) & 1) != 0;
}

static enum expect pop(struct scan *scan)
{
    scan->at++;
    scan->depth--;
    return scan->depth > 0 ? COMMA_OR_END : NOTHING;
}

static bool step_value(struct scan *scan, enum expect *expect)
{
    int c = peek(scan);
    if (c == ']' && *expect == VALUE_OR_END) {
        *expect = pop(scan);
        return true;
    }
    if (c == '{' || c == '[') {
        if (!push(scan, c == '{'))
            return false;
        scan->at++;
        *expect = c == '{' ? KEY_OR_END : VALUE_OR_END;
        return true;
    }
    if (!scan_scalar(scan))
        return false;
    *expect = scan->depth > 0 ? COMMA_OR_END : NOTHING;
    return true;
}

static bool step(struct scan *scan, enum expect *expect)
{
    int c = peek(scan);
    switch (*expect) {
    case VALUE:
    case VALUE_OR_END:
        return step_value(scan, expect);
    case KEY:
    case KEY_OR_END:
        if (c == '}' && *expect == KEY_OR_END) {
            *expect = pop(scan);
            return true;
        }
        if (c != '"')
            return want(scan, expect_text[*expect]);
        *expect = COLON;
        return scan_string(scan);
    case COLON:
        *expect = VALUE;
        scan->at += c == ':';
        return c == ':' ? true : want(scan, expect_text[COLON]);
    case COMMA_OR_END:
        if (c == (in_object(scan) ? '}' : ']')) {
            *expect = pop(scan);
            return true;
        }
        *expect = in_object(scan) ? KEY : VALUE;
        scan->at += c == ',';
        return c == ',' ? true : want(scan, in_object(scan) ? "',' or '}'" : "',' or ']'");
    case NOTHING:
        return c < 0 ? true : want(scan, expect_text[NOTHING]);
    }
    GM_UNREACHABLE();
}

size_t gm_json_locate(const uint8_t *text, size_t n_bytes, const char **expected)
{
    struct scan scan = {.text = text, .n_bytes = n_bytes};
    enum expect expect = VALUE;
    for (;;) {
        skip_space(&scan);
        if (scan.at == n_bytes) {
            *expected = expect_text[expect];
            return expect == NOTHING ? SIZE_MAX : n_bytes;
        }
        if (!step(&scan, &expect)) {
            *expected = scan.expected;
            return scan.at;
        }
    }
}

/* A quote closes the string unless an odd number of backslashes stands in front of it; looking only
 * at quotes lets memchr do the work on long texts. */
static size_t string_length(const uint8_t *text, size_t n_bytes)
{
    size_t at = 1;
    while (at < n_bytes) {
        const uint8_t *quote = memchr(text + at, '"', n_bytes - at);
        if (quote == NULL)
            return n_bytes;
        at = (size_t)(quote - text) + 1;
        const uint8_t *before = quote;
        while (before > text + 1 && before[-1] == '\\')
            before--;
        if ((quote - before) % 2 == 0)
            return at;
    }
    return n_bytes;
}

size_t gm_json_value_length(const uint8_t *text, size_t n_bytes)
{
    size_t depth = 0;
    size_t at = 0;
    while (at < n_bytes) {
        switch (text[at]) {
        case '"':
            at += string_length(text + at, n_bytes - at);
            break;
        case '{':
        case '[':
            depth++;
            at++;
            continue;
        case '}':
        case ']':
            if (depth == 0)
                return at; /* the bracket behind a bare number or word */
            depth--;
            at++;
            break;
        case ',':
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            if (depth == 0)
                return at;
            at++;
            continue;
        default: /* part of a number or word, or a colon inside */
            at++;
            continue;
        }
        if (depth == 0)
            return at;
    }
    return n_bytes;
}
