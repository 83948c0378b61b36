/* The JSON reader: one function a kind of token, and what may come next as a small state. */
#include "base/jread.h"

#include "base/num.h"
#include "base/utf8.h"
#include "base/verbatim.h"
#include <string.h>

enum { MAX_DEPTH = 64, AT_ONCE_BYTES = 256, DEL = 0x7F };

enum expects {
    EXPECTS_VALUE,
    EXPECTS_VALUE_OR_END, /* behind '[' */
    EXPECTS_KEY_OR_END,   /* behind '{' */
    EXPECTS_MORE,         /* behind a value in an object or array */
    EXPECTS_NOTHING,      /* behind the whole */
    EXPECTS_BROKEN
};

void gm_jread_init(struct gm_jread *reader, const void *text, size_t n_bytes)
{
    memset(reader, 0, sizeof *reader);
    reader->text = text;
    reader->n_bytes = n_bytes;
    reader->expects = EXPECTS_VALUE;
    gm_buf_init(&reader->value);
}

void gm_jread_restart(struct gm_jread *reader, const void *text, size_t n_bytes)
{
    struct gm_buf value = reader->value;
    *reader = (struct gm_jread){
        .text = text, .n_bytes = n_bytes, .expects = EXPECTS_VALUE, .value = value};
}

void gm_jread_free(struct gm_jread *reader)
{
    gm_buf_free(&reader->value);
}

static enum gm_jread_token broken(struct gm_jread *reader)
{
    reader->expects = EXPECTS_BROKEN;
    return GM_JREAD_ERROR;
}

static int peek(const struct gm_jread *reader)
{
    return reader->at < reader->n_bytes ? reader->text[reader->at] : -1;
}

static void skip_space(struct gm_jread *reader)
{
    int c;
    while ((c = peek(reader)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        reader->at++;
}

static void value_done(struct gm_jread *reader)
{
    reader->expects = reader->depth > 0 ? EXPECTS_MORE : EXPECTS_NOTHING;
}

/* ---- strings ---- */

static bool read_hex4(struct gm_jread *reader, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        int c = peek(reader);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a') + 10;
        else
            return false;
        *unit = *unit << 4 | digit;
    }
    return true;
}

/* Behind "\u". */
static bool read_unicode(struct gm_jread *reader)
{
    uint32_t code_point, low;
    uint8_t bytes[4];
    if (!read_hex4(reader, &code_point) || (code_point >= 0xDC00 && code_point <= 0xDFFF))
        return false;
    if (code_point >= 0xD800 && code_point <= 0xDBFF) {
        if (reader->n_bytes - reader->at < 6 || reader->text[reader->at] != '\\' ||
            reader->text[reader->at + 1] != 'u')
            return false;
        reader->at += 2;
        if (!read_hex4(reader, &low) || low < 0xDC00 || low > 0xDFFF)
            return false;
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
    }
    gm_buf_append(&reader->value, bytes, gm_utf8_encode(code_point, bytes));
    return true;
}

/* Behind a backslash. */
static bool read_escape(struct gm_jread *reader)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(reader);
    reader->at++;
    if (c == 'u')
        return read_unicode(reader);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found)
        return false;
    gm_buf_char(&reader->value, to[found - from]);
    return true;
}

/* At the opening quote. */
static bool read_string(struct gm_jread *reader)
{
    const enum gm_verbatim_tier tier = gm_verbatim_best_tier();
    struct gm_buf *value = &reader->value;
    gm_buf_clear(value);
    reader->at++;
    for (;;) {
        size_t n = reader->n_bytes - reader->at;
        n = n < AT_ONCE_BYTES ? n : AT_ONCE_BYTES;
        if (!gm_buf_reserve(value, n + 1)) /* an empty one has no address yet */
            return false;
        size_t n_plain = gm_verbatim_copy(tier, value->data + value->n_bytes,
                                          reader->text + reader->at, n, true);
        value->n_bytes += n_plain;
        reader->at += n_plain;
        if (n_plain == AT_ONCE_BYTES)
            continue;
        int c = peek(reader);
        reader->at += c >= 0;
        if (c == '"')
            break;
        if (c == DEL) /* not plain for a writer; for us it is */
            gm_buf_char(value, (char)c);
        else if (c != '\\' || !read_escape(reader))
            return false;
    }
    return !value->failed && gm_utf8_valid_prefix(value->data, value->n_bytes) == value->n_bytes;
}

/* ---- other values ---- */

static bool read_digits(struct gm_jread *reader)
{
    size_t start = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return reader->at > start;
}

static bool read_number(struct gm_jread *reader)
{
    size_t start = reader->at;
    reader->at += peek(reader) == '-';
    if (peek(reader) == '0')
        reader->at++;
    else if (!read_digits(reader))
        return false;
    if (peek(reader) == '.') {
        reader->at++;
        if (!read_digits(reader))
            return false;
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        reader->at++;
        reader->at += peek(reader) == '+' || peek(reader) == '-';
        if (!read_digits(reader))
            return false;
    }
    gm_buf_clear(&reader->value);
    gm_buf_append(&reader->value, reader->text + start, reader->at - start);
    return !reader->value.failed;
}

static bool read_word(struct gm_jread *reader, const char *word)
{
    size_t n = strlen(word);
    if (reader->n_bytes - reader->at < n || memcmp(reader->text + reader->at, word, n) != 0)
        return false;
    reader->at += n;
    return true;
}

static enum gm_jread_token scalar(struct gm_jread *reader, bool good, enum gm_jread_token token)
{
    if (!good)
        return broken(reader);
    value_done(reader);
    return token;
}

static enum gm_jread_token open_level(struct gm_jread *reader, bool object)
{
    if (reader->depth == MAX_DEPTH)
        return broken(reader);
    uint64_t bit = (uint64_t)1 << reader->depth++;
    reader->in_object = object ? reader->in_object | bit : reader->in_object & ~bit;
    reader->expects = object ? EXPECTS_KEY_OR_END : EXPECTS_VALUE_OR_END;
    reader->at++;
    return object ? GM_JREAD_OBJECT : GM_JREAD_ARRAY;
}

static bool inside_object(const struct gm_jread *reader)
{
    return reader->depth > 0 && (reader->in_object >> (reader->depth - 1) & 1);
}

static enum gm_jread_token close_level(struct gm_jread *reader)
{
    enum gm_jread_token token = inside_object(reader) ? GM_JREAD_OBJECT_END : GM_JREAD_ARRAY_END;
    reader->at++;
    reader->depth--;
    value_done(reader);
    return token;
}

static enum gm_jread_token read_value(struct gm_jread *reader)
{
    switch (peek(reader)) {
    case '{':
        return open_level(reader, true);
    case '[':
        return open_level(reader, false);
    case '"':
        return scalar(reader, read_string(reader), GM_JREAD_STRING);
    case 't':
        return scalar(reader, read_word(reader, "true"), GM_JREAD_TRUE);
    case 'f':
        return scalar(reader, read_word(reader, "false"), GM_JREAD_FALSE);
    case 'n':
        return scalar(reader, read_word(reader, "null"), GM_JREAD_NULL);
    default:
        return scalar(reader, read_number(reader), GM_JREAD_NUMBER);
    }
}

static enum gm_jread_token read_key(struct gm_jread *reader)
{
    if (peek(reader) != '"' || !read_string(reader))
        return broken(reader);
    skip_space(reader);
    if (peek(reader) != ':')
        return broken(reader);
    reader->at++;
    reader->expects = EXPECTS_VALUE;
    return GM_JREAD_KEY;
}

enum gm_jread_token gm_jread_next(struct gm_jread *reader)
{
    skip_space(reader);
    int c = peek(reader);
    if (reader->expects == EXPECTS_MORE) {
        if (c == (inside_object(reader) ? '}' : ']'))
            return close_level(reader);
        if (c != ',')
            return broken(reader);
        reader->at++;
        skip_space(reader);
        return inside_object(reader) ? read_key(reader) : read_value(reader);
    }
    switch (reader->expects) {
    case EXPECTS_VALUE:
        return read_value(reader);
    case EXPECTS_VALUE_OR_END:
        return c == ']' ? close_level(reader) : read_value(reader);
    case EXPECTS_KEY_OR_END:
        return c == '}' ? close_level(reader) : read_key(reader);
    case EXPECTS_NOTHING:
        return c < 0 ? GM_JREAD_END : broken(reader);
    default:
        return broken(reader);
    }
}

bool gm_jread_take_key(struct gm_jread *reader, const char *key, size_t key_bytes)
{
    size_t comma = reader->expects == EXPECTS_MORE;
    size_t n = reader->n_bytes - reader->at;
    const uint8_t *text = reader->text + reader->at;
    if (reader->expects != EXPECTS_KEY_OR_END && !(comma && inside_object(reader)))
        return false;
    if (n < comma + key_bytes || (comma && text[0] != ',') ||
        memcmp(text + comma, key, key_bytes) != 0)
        return false;
    reader->at += comma + key_bytes;
    reader->expects = EXPECTS_VALUE;
    return true;
}

bool gm_jread_skip(struct gm_jread *reader, enum gm_jread_token token)
{
    if (token != GM_JREAD_OBJECT && token != GM_JREAD_ARRAY)
        return token != GM_JREAD_ERROR;
    unsigned depth = reader->depth - 1;
    while (reader->depth > depth)
        if (gm_jread_next(reader) == GM_JREAD_ERROR)
            return false;
    return true;
}

bool gm_jread_is(struct gm_jread *reader, const char *text)
{
    size_t n = strlen(text);
    return reader->value.n_bytes == n && (n == 0 || memcmp(reader->value.data, text, n) == 0);
}

bool gm_jread_u64(struct gm_jread *reader, uint64_t *out)
{
    return gm_parse_u64((const char *)reader->value.data, reader->value.n_bytes, out, NULL) ==
           GM_OK;
}
