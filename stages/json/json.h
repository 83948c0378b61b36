/* Reading JSON: one object at a time, strictly (RFC 8259), through simdjson's document parser.
 *
 *      gm_json_parse -> gm_json_get / gm_json_next / gm_json_append_* -> gm_json_parse ...
 *
 * What "strictly" means here: the whole text is validated, UTF-8 and escapes included; nothing may
 * stand behind the object; lone surrogates, comments, trailing commas, NaN and control characters
 * in strings are errors. Integers outside int64/uint64 and numbers that no double can hold are
 * errors too.
 *
 * Duplicate keys: the last one counts in gm_json_get, as in Python, JavaScript and jq. Appending
 * and iterating show all of them, in the order of the text.
 *
 * A parser belongs to one thread; it grows with the largest text seen and keeps that memory: about
 * 15 bytes of address space per byte of text, of which only what the text needs is touched. No
 * function here throws, prints or aborts. */
#ifndef GM_JSON_JSON_H
#define GM_JSON_JSON_H

#ifdef __cplusplus
extern "C" {
#endif

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

/* Readable bytes that the parser wants behind a text to work on it in place. */
#define GM_JSON_PADDING_BYTES 64
#define GM_JSON_DEFAULT_DEPTH 64

enum gm_json_kind {
    GM_JSON_MISSING, /* no such key */
    GM_JSON_NULL,
    GM_JSON_BOOL,   /* u64 is 0 or 1 */
    GM_JSON_U64,    /* a whole number >= 0 */
    GM_JSON_I64,    /* a whole number < 0 */
    GM_JSON_F64,    /* written with a fraction or an exponent */
    GM_JSON_STRING, /* text, n_bytes: decoded, valid UTF-8, may hold NUL */
    GM_JSON_ARRAY,
    GM_JSON_OBJECT
};

struct gm_json_value {
    enum gm_json_kind kind;
    union {
        uint64_t u64;
        int64_t i64;
        double f64;
        struct {
            const char *text; /* not NUL-terminated; lives until the next parse */
            size_t n_bytes;
        };
    };
};

struct gm_json_parser;

/* max_bytes: longest text that is accepted (below 4 GB); max_depth: how deep arrays and objects may
 * nest, the outer object included, 1..1024. NULL: no memory. */
struct gm_json_parser *gm_json_parser_new(size_t max_bytes, size_t max_depth);
void gm_json_parser_free(struct gm_json_parser *parser); /* NULL allowed */

/* Parses one object. n_behind: how many bytes behind text + n_bytes may be read (their values do
 * not matter); from GM_JSON_PADDING_BYTES on the text is used in place and must then live until the
 * next parse, below that it is copied.
 *
 * GM_INPUT: not a JSON object; the message is "byte N: expected ',' or '}'" or the like.
 * GM_LIMIT: deeper than max_depth or longer than max_bytes. GM_NOMEM: no memory.
 * After a failure the parser holds no object: gm_json_get finds nothing. */
enum gm_status gm_json_parse(struct gm_json_parser *parser, const void *text, size_t n_bytes,
                             size_t n_behind, struct gm_err *err);

/* Field of the outer object by decoded key (NUL-terminated). Fills *value, returns its kind. */
enum gm_json_kind gm_json_get(const struct gm_json_parser *parser, const char *key,
                              struct gm_json_value *value);

/* Walks the fields of the outer object in the order of the text, duplicates included: rewind, then
 * next until it says false. The key is decoded and lives until the next parse. */
struct gm_json_field {
    const char *key;
    size_t key_bytes;
    struct gm_json_value value;
    const uint8_t *raw; /* the value as written, without the white space around it */
    size_t raw_bytes;
};
void gm_json_rewind(struct gm_json_parser *parser);
bool gm_json_next(struct gm_json_parser *parser, struct gm_json_field *field);

/* Appends raw JSON without the white space between tokens. Numbers and escapes stay as written. */
void gm_json_append_minified(struct gm_buf *out, const uint8_t *raw, size_t raw_bytes);

/* Appends "{...}" with every field but those named in `except` (NULL-ended list of keys, may be
 * NULL), minified. Returns the number of fields written; 0 appends "{}". Moves the walk to its end.
 */
size_t gm_json_append_others(struct gm_json_parser *parser, const char *const *except,
                             struct gm_buf *out);

/* Values below the outer object. A node is a place in the parsed text, small enough to be copied;
 * it lives until the next parse. A walk goes through an array or an object in the order of the
 * text, duplicate keys included; any other value has no members. */
struct gm_json_node {
    uint64_t place[2]; /* the parser's own */
};
struct gm_json_walk {
    uint64_t next[2], end[2];
    enum gm_json_kind kind; /* GM_JSON_ARRAY, GM_JSON_OBJECT; GM_JSON_MISSING: nothing to walk */
};
/* The outer object; the last parse must have succeeded. */
struct gm_json_node gm_json_root(const struct gm_json_parser *parser);
struct gm_json_value gm_json_node_value(struct gm_json_node node);
struct gm_json_walk gm_json_enter(struct gm_json_node node);
/* The next member. key may be NULL; it gets a string for members of objects, GM_JSON_MISSING for
 * those of arrays. false: no more, and nothing is written. */
bool gm_json_step(struct gm_json_walk *walk, struct gm_json_value *key,
                  struct gm_json_node *member);

/* Whether the bytes are valid UTF-8, at the speed of the parser. */
bool gm_json_is_utf8(const uint8_t *text, size_t n_bytes);

/* The slow second look that finds where a text stops being JSON: offset of the first byte that does
 * not fit (n_bytes: the text ends early), and what was expected there (a static string such as
 * "':'"). SIZE_MAX: nothing wrong found. stages/json/locate.c */
size_t gm_json_locate(const uint8_t *text, size_t n_bytes, const char **expected);
/* Length of the value that starts at text; the text must be valid JSON from there on.
 * stages/json/locate.c */
size_t gm_json_value_length(const uint8_t *text, size_t n_bytes);

#ifdef __cplusplus
}
#endif
#endif
