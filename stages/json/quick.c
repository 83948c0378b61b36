/* See quick.h. This is the object around the strings, which are quick_string.c. */
#include "json/quick.h"

#include "base/utf8.h"
#include "json/quick_string.h"
#include <string.h>

enum { MAX_DIGITS = 18 }; /* of a number; longer ones have rules of their own */

struct line {
    const uint8_t *at, *end;
    gm_quick_string_function *decode;
    bool is_ascii; /* all strings so far */
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

/* A value that is not wanted. decoded: room that its string may use. */
static bool take_value(struct line *line, uint8_t *decoded)
{
    struct gm_quick_string string;
    skip_space(line);
    if (line->at == line->end)
        return false;
    switch (*line->at) {
    case '"':
        line->at++;
        return take_string(line, decoded, &string);
    case 't':
        return take_word(line, "true");
    case 'f':
        return take_word(line, "false");
    case 'n':
        return take_word(line, "null");
    default:
        return take_number(line);
    }
}

/* The key up to its colon. */
static bool take_key(struct line *line, uint8_t *decoded, const uint8_t **key, size_t *key_bytes)
{
    struct gm_quick_string string;
    if (!take(line, '"'))
        return false;
    *key = line->at;
    if (!take_string(line, decoded, &string) || string.has_escapes)
        return false;
    *key_bytes = (size_t)(line->at - *key) - 1;
    return take(line, ':');
}

static bool take_wanted(struct line *line, struct gm_json_quick *quick, uint8_t *decoded)
{
    struct gm_quick_string string;
    if (!take(line, '"'))
        return false;
    const uint8_t *from = line->at;
    if (!take_string(line, decoded, &string))
        return false;
    quick->value = string.has_escapes ? decoded : from;
    quick->value_bytes =
        string.has_escapes ? (size_t)(string.to - decoded) : (size_t)(line->at - from) - 1;
    return true;
}

/* The fields of an object, behind its opening brace. */
static bool take_fields(struct line *line, struct gm_json_quick *quick, uint8_t *decoded)
{
    size_t field_bytes = strlen(quick->field), key_bytes;
    uint8_t *room = decoded; /* behind the wanted string */
    const uint8_t *key;
    bool found = false;
    do {
        if (!take_key(line, room, &key, &key_bytes))
            return false;
        if (key_bytes != field_bytes || memcmp(key, quick->field, key_bytes) != 0) {
            if (!take_value(line, room))
                return false;
        } else {
            if (found || !take_wanted(line, quick, room))
                return false;
            found = true;
            if (quick->value == decoded)
                room += quick->value_bytes;
        }
    } while (take(line, ','));
    return found;
}

bool gm_json_quick_string(struct gm_json_quick *quick, const uint8_t *text, size_t n_bytes,
                          uint8_t *decoded)
{
    struct line line = {text, text + n_bytes, gm_quick_string_of[quick->tier], true};
    if (!take(&line, '{') || !take_fields(&line, quick, decoded) || !take(&line, '}'))
        return false;
    skip_space(&line);
    if (line.at != line.end)
        return false;
    return line.is_ascii || gm_utf8_valid_prefix(text, n_bytes) == n_bytes;
}
