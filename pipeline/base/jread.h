/* A strict reader of JSON text (RFC 8259), token by token, for our own small files. It keeps no
 * tree, does not recurse, allows 64 levels, refuses invalid UTF-8, lone surrogates and anything
 * behind the value. Numbers stay text: see gm_jread_u64. Any process, any thread. */
#ifndef GM_BASE_JREAD_H
#define GM_BASE_JREAD_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gm_jread_token {
    GM_JREAD_ERROR, /* malformed; every later call says so again */
    GM_JREAD_END,   /* behind the one value */
    GM_JREAD_OBJECT,
    GM_JREAD_OBJECT_END,
    GM_JREAD_ARRAY,
    GM_JREAD_ARRAY_END,
    GM_JREAD_KEY,    /* its text is in `value` */
    GM_JREAD_STRING, /* its text is in `value` */
    GM_JREAD_NUMBER, /* as written, in `value` */
    GM_JREAD_TRUE,
    GM_JREAD_FALSE,
    GM_JREAD_NULL
};

struct gm_jread {
    const uint8_t *text; /* not owned */
    size_t n_bytes;
    size_t at; /* behind the last token; where it broke, after ERROR */
    unsigned depth;
    uint64_t in_object; /* bit per level */
    int expects;        /* jread.c */
    struct gm_buf value;
};

void gm_jread_init(struct gm_jread *reader, const void *text, size_t n_bytes);
/* Another text, with the memory that it has already. */
void gm_jread_restart(struct gm_jread *reader, const void *text, size_t n_bytes);
void gm_jread_free(struct gm_jread *reader);
enum gm_jread_token gm_jread_next(struct gm_jread *reader);
/* Steps over the next key if it is this one: key is `"name":`, name plain ASCII, and has to stand
 * there just so, without a space. false: nothing was read, and gm_jread_next tells what comes. For
 * who knows which key comes next: half of the time goes into keys otherwise. */
bool gm_jread_take_key(struct gm_jread *reader, const char *key, size_t key_bytes);
/* Behind the value that starts with this token (the one just returned): steps over its members.
 * false: malformed. */
bool gm_jread_skip(struct gm_jread *reader, enum gm_jread_token token);
/* Whether the text of the last KEY or STRING is this. */
bool gm_jread_is(struct gm_jread *reader, const char *text);
/* The last NUMBER as a whole number; false: it is none, or too large. */
bool gm_jread_u64(struct gm_jread *reader, uint64_t *out);

#endif
