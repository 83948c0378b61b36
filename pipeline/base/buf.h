/* A growable byte buffer, and the JSON text writer that every output of this program uses.
 *
 * A failed allocation sets `failed` and makes every later append a no-op, so that a caller may
 * append many times and check once. Not thread-safe; owned by whoever called init. */
#ifndef GM_BASE_BUF_H
#define GM_BASE_BUF_H

#include "base/assert.h"
#include <stdbool.h>
#include <stdint.h>

struct gm_buf {
    uint8_t *data;  /* NULL while capacity_bytes is 0; not NUL-terminated */
    size_t n_bytes; /* used */
    size_t capacity_bytes;
    bool failed;   /* an allocation failed since init or clear */
    bool borrowed; /* data is somebody else's: never freed; outgrown, its bytes move to the heap */
};

#define GM_BUF_INIT                                                                                \
    {                                                                                              \
        NULL, 0, 0, false, false                                                                   \
    }

void gm_buf_init(struct gm_buf *buf);
void gm_buf_free(struct gm_buf *buf);  /* NULL allowed; leaves it initialised */
void gm_buf_clear(struct gm_buf *buf); /* keeps the memory */
/* Frees what it has and begins anew in the caller's memory, which must stay until gm_buf_free or
 * the next borrow. */
void gm_buf_borrow(struct gm_buf *buf, void *data, size_t capacity_bytes);
/* gm_buf_reserve for when there is not enough room. */
bool gm_buf_grow(struct gm_buf *buf, size_t extra_bytes);
/* Makes room behind n_bytes; false: no memory (and failed is set). */
static inline bool gm_buf_reserve(struct gm_buf *buf, size_t extra_bytes)
{
    if (!buf->failed && extra_bytes <= buf->capacity_bytes - buf->n_bytes)
        return true;
    return gm_buf_grow(buf, extra_bytes);
}
void gm_buf_append(struct gm_buf *buf, const void *data, size_t n_bytes);
static inline void gm_buf_char(struct gm_buf *buf, char c)
{
    if (gm_buf_reserve(buf, 1))
        buf->data[buf->n_bytes++] = (uint8_t)c;
}
void gm_buf_text(struct gm_buf *buf, const char *text); /* NUL-terminated text without the NUL */
void gm_buf_printf(struct gm_buf *buf, const char *format, ...) GM_PRINTF(2, 3);
/* A NUL-terminated view; the NUL is not counted. Never NULL ("" after a failed allocation). */
const char *gm_buf_cstr(struct gm_buf *buf);

/* JSON. Strings are written in quotes; ", \ and C0 controls and DEL are escaped; valid UTF-8 is
 * written as it is; each byte that is not part of valid UTF-8 becomes U+FFFD. */
void gm_json_string(struct gm_buf *buf, const void *text, size_t n_bytes);
/* "key": with a comma in front unless the last byte is '{' or '['. */
void gm_json_key(struct gm_buf *buf, const char *key);
void gm_json_u64(struct gm_buf *buf, uint64_t value);
void gm_json_i64(struct gm_buf *buf, int64_t value);
/* The fewest digits that read back as the same double, so the text is deterministic; NaN and
 * infinities are null. 1 is written "1.0", so that a reader infers one type for the column; an
 * exponent is used below 0.0001 and from 1e16 on. */
void gm_json_f64(struct gm_buf *buf, double value);

#endif
