/* See quick.h. This is the object around the strings, which are quick_string.c. */
#include "json/quick.h"

#include "base/utf8.h"
#include "json/json.h"
#include "json/quick_string.h"
#include <string.h>

enum {
    MAX_DIGITS = 18,         /* of a number; longer ones have rules of their own */
    MAX_EXPONENT_DIGITS = 2, /* and so have those that no double can hold */
    MAX_DEPTH = 8            /* levels of arrays and objects, with the outer object */
};

struct line {
    const uint8_t *at, *end;
    gm_quick_string_function *decode;
    bool is_ascii; /* all strings so far */
};

struct span {
    const uint8_t *data;
    size_t n_bytes;
};

/* Decodes the string behind an opening quote; text to `at` and `to` behind it. */
static bool take_string(struct line *line, uint8_t *decoded, struct gm_quick_string *string)
{
    *string = (struct gm_quick_string){line->at, line->end, decoded, false, true};
    bool ok = line->decode(string);
    line->at = string->at;
    line->is_ascii &= string->is_ascii;
    return ok;
}

static void skip_space(struct line *line)
{
    while (line->at < line->end &&
           (*line->at == ' ' || *line->at == '\t' || *line->at == '\n' || *line->at == '\r'))
        line->at++;
}

static bool take(struct line *line, char c)
{
    skip_space(line);
    if (line->at == line->end || *line->at != (uint8_t)c)
        return false;
    line->at++;
    return true;
}

static bool take_word(struct line *line, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(line->end - line->at) < n || memcmp(line->at, word, n) != 0)
        return false;
    line->at += n;
    return true;
}

static size_t take_digits(struct line *line)
{
    const uint8_t *from = line->at;
    while (line->at < line->end && *line->at >= '0' && *line->at <= '9')
        line->at++;
    return (size_t)(line->at - from);
}

static bool take_number(struct line *line)
{
    if (line->at < line->end && *line->at == '-')
        line->at++;
    bool zero = line->at < line->end && *line->at == '0';
    size_t n = take_digits(line);
    if (n == 0 || n > MAX_DIGITS || (zero && n > 1))
        return false;
    if (line->at == line->end || *line->at != '.')
        return true;
    line->at++;
    n = take_digits(line);
    return n > 0 && n <= MAX_DIGITS;
}

static bool take_exponent(struct line *line)
{
    if (line->at == line->end || (*line->at | 32) != 'e')
        return true;
    line->at++;
    if (line->at < line->end && (*line->at == '+' || *line->at == '-'))
        line->at++;
    size_t n = take_digits(line);
    return n > 0 && n <= MAX_EXPONENT_DIGITS;
}

static bool take_value(struct line *line, uint8_t *room, unsigned depth);

static bool take_array(struct line *line, uint8_t *room, unsigned depth)
{
    if (take(line, ']'))
        return true;
    do {
        if (!take_value(line, room, depth))
            return false;
    } while (take(line, ','));
    return take(line, ']');
}

static bool take_object(struct line *line, uint8_t *room, unsigned depth)
{
    struct gm_quick_string key;
    if (take(line, '}'))
        return true;
    do {
        if (!take(line, '"') || !take_string(line, room, &key) || !take(line, ':') ||
            !take_value(line, room, depth))
            return false;
    } while (take(line, ','));
    return take(line, '}');
}

/* A value that is not wanted, `depth` levels down. room: for its strings. */
static bool take_value(struct line *line, uint8_t *room, unsigned depth)
{
    struct gm_quick_string string;
    skip_space(line);
    if (line->at == line->end)
        return false;
    switch (*line->at) {
    case '"':
        line->at++;
        return take_string(line, room, &string);
    case '[':
        line->at++;
        return depth < MAX_DEPTH && take_array(line, room, depth + 1);
    case '{':
        line->at++;
        return depth < MAX_DEPTH && take_object(line, room, depth + 1);
    case 't':
        return take_word(line, "true");
    case 'f':
        return take_word(line, "false");
    case 'n':
        return take_word(line, "null");
    default:
        return take_number(line) && take_exponent(line);
    }
}

/* The key up to its colon. */
static bool take_key(struct line *line, uint8_t *room, struct span *key)
{
    struct gm_quick_string string;
    if (!take(line, '"'))
        return false;
    key->data = line->at;
    if (!take_string(line, room, &string) || string.has_escapes)
        return false;
    key->n_bytes = (size_t)(line->at - key->data) - 1;
    return take(line, ':');
}

static bool take_wanted(struct line *line, struct gm_json_quick *quick, uint8_t *room)
{
    struct gm_quick_string string;
    if (!take(line, '"'))
        return false;
    const uint8_t *from = line->at;
    if (!take_string(line, room, &string))
        return false;
    quick->value = string.has_escapes ? room : from;
    quick->value_bytes =
        string.has_escapes ? (size_t)(string.to - room) : (size_t)(line->at - from) - 1;
    return true;
}

static bool take_id(struct line *line, struct gm_json_quick *quick, uint8_t *room)
{
    struct gm_quick_string string;
    skip_space(line);
    const uint8_t *from = line->at;
    if (take(line, '"')) {
        if (!take_string(line, room, &string) || string.has_escapes)
            return false;
        quick->id = from + 1;
        quick->id_bytes = (size_t)(line->at - from) - 2;
        return true;
    }
    if (!take_value(line, room, 1))
        return false;
    if (*from == '-' || (*from >= '0' && *from <= '9')) {
        quick->id = from;
        quick->id_bytes = (size_t)(line->at - from);
    }
    return true;
}

static bool take_other(struct line *line, struct gm_json_quick *quick, struct span key,
                       uint8_t *room)
{
    struct gm_buf *others = quick->others;
    skip_space(line);
    const uint8_t *from = line->at;
    if (!take_value(line, room, 1))
        return false;
    if (!others)
        return true;
    gm_buf_char(others, quick->n_others++ ? ',' : '{');
    gm_json_string(others, key.data, key.n_bytes);
    gm_buf_char(others, ':');
    if (*from == '[' || *from == '{')
        gm_json_append_minified(others, from, (size_t)(line->at - from));
    else
        gm_buf_append(others, from, (size_t)(line->at - from));
    return true;
}

static bool is_key(struct span key, const char *name, size_t name_bytes)
{
    return key.n_bytes == name_bytes && memcmp(key.data, name, name_bytes) == 0;
}

/* The fields of an object, behind its opening brace. */
static bool take_fields(struct line *line, struct gm_json_quick *quick, uint8_t *decoded)
{
    const char *id_field = quick->id_field ? quick->id_field : "";
    const size_t field_bytes = strlen(quick->field), id_bytes = strlen(id_field);
    uint8_t *room = decoded; /* behind the wanted string */
    struct span key;
    bool found = false, found_id = false;
    do {
        if (!take_key(line, room, &key))
            return false;
        if (is_key(key, quick->field, field_bytes)) {
            if (found || !take_wanted(line, quick, room))
                return false;
            found = true;
            if (quick->value == decoded)
                room += quick->value_bytes;
        } else if (quick->id_field && is_key(key, id_field, id_bytes)) {
            if (found_id || !take_id(line, quick, room))
                return false;
            found_id = true;
        } else if (!take_other(line, quick, key, room)) {
            return false;
        }
    } while (take(line, ','));
    return found;
}

bool gm_json_quick_string(struct gm_json_quick *quick, const uint8_t *text, size_t n_bytes,
                          uint8_t *decoded)
{
    struct line line = {text, text + n_bytes, gm_quick_string_of[quick->tier], true};
    quick->id = NULL;
    quick->id_bytes = quick->n_others = 0;
    if (!take(&line, '{') || !take_fields(&line, quick, decoded) || !take(&line, '}'))
        return false;
    skip_space(&line);
    if (line.at != line.end)
        return false;
    if (quick->n_others > 0)
        gm_buf_char(quick->others, '}');
    return line.is_ascii || gm_utf8_valid_prefix(text, n_bytes) == n_bytes;
}
