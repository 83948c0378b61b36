/* A strict reader of JSON text (RFC 8259), token by token, for our own small files. It keeps no
 * tree, does not recurse, allows 64 levels, refuses invalid UTF-8, lone surrogates and anything
 * behind the value. Numbers stay text: see gm_json_read_u64. Any process, any thread. */
#ifndef GM_BASE_JSON_H
#define GM_BASE_JSON_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_json_token {
    GM_JSON_ERROR, /* malformed; every later call says so again */
    GM_JSON_END,   /* behind the one value */
    GM_JSON_OBJECT,
    GM_JSON_OBJECT_END,
    GM_JSON_ARRAY,
    GM_JSON_ARRAY_END,
    GM_JSON_KEY,    /* its text is in `value` */
    GM_JSON_STRING, /* its text is in `value` */
    GM_JSON_NUMBER, /* as written, in `value` */
    GM_JSON_TRUE,
    GM_JSON_FALSE,
    GM_JSON_NULL
};

struct gm_json_reader {
    const uint8_t *text; /* not owned */
    size_t n_bytes;
    size_t at; /* behind the last token; where it broke, after ERROR */
    unsigned depth;
    uint64_t in_object; /* bit per level */
    int expects;        /* json.c */
    struct gm_buf value;
};

void gm_json_reader_init(struct gm_json_reader *reader, const void *text, size_t n_bytes);
void gm_json_reader_free(struct gm_json_reader *reader);
enum gm_json_token gm_json_next(struct gm_json_reader *reader);
/* Behind the value that starts with this token (the one just returned): steps over its members.
 * false: malformed. */
bool gm_json_skip(struct gm_json_reader *reader, enum gm_json_token token);
/* Whether the text of the last KEY or STRING is this. */
bool gm_json_is(struct gm_json_reader *reader, const char *text);
/* The last NUMBER as a whole number; false: it is none, or too large. */
bool gm_json_read_u64(struct gm_json_reader *reader, uint64_t *out);

#endif
