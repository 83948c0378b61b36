/* The byte buffer and the JSON writer.
 *
 * Every record of every run is written through gm_json_string, so it looks for something to escape
 * while it copies (verbatim.h); the validator is asked when the first byte comes that is not ASCII,
 * how far the text is UTF-8. Numbers are written without printf's locale. Memory grows by doubling.
 */
#include "base/buf.h"

#include "base/decimal.h"
#include "base/num.h"
#include "base/utf8.h"
#include "base/verbatim.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 256
#define REPLACEMENT "\xEF\xBF\xBD"

void gm_buf_init(struct gm_buf *buf)
{
    *buf = (struct gm_buf)GM_BUF_INIT;
}

void gm_buf_free(struct gm_buf *buf)
{
    if (!buf)
        return;
    if (!buf->borrowed)
        free(buf->data);
    gm_buf_init(buf);
}

void gm_buf_borrow(struct gm_buf *buf, void *data, size_t capacity_bytes)
{
    gm_buf_free(buf);
    buf->data = data;
    buf->capacity_bytes = capacity_bytes;
    buf->borrowed = true;
}

void gm_buf_clear(struct gm_buf *buf)
{
    buf->n_bytes = 0;
    buf->failed = false;
}

static bool grow(struct gm_buf *buf, size_t needed_bytes)
{
    size_t capacity = buf->capacity_bytes ? buf->capacity_bytes : FIRST_BYTES;
    while (capacity < needed_bytes) {
        if (!gm_mul_size(capacity, 2, &capacity))
            capacity = needed_bytes;
    }
    uint8_t *data = realloc(buf->borrowed ? NULL : buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    if (buf->borrowed)
        memcpy(data, buf->data, buf->n_bytes);
    buf->borrowed = false;
    buf->data = data;
    buf->capacity_bytes = capacity;
    return true;
}

bool gm_buf_grow(struct gm_buf *buf, size_t extra_bytes)
{
    if (buf->failed)
        return false;
    size_t needed_bytes;
    if (!gm_add_size(buf->n_bytes, extra_bytes, &needed_bytes)) {
        buf->failed = true;
        return false;
    }
    return grow(buf, needed_bytes);
}

void gm_buf_append(struct gm_buf *buf, const void *data, size_t n_bytes)
{
    if (n_bytes == 0 || !gm_buf_reserve(buf, n_bytes))
        return;
    memcpy(buf->data + buf->n_bytes, data, n_bytes);
    buf->n_bytes += n_bytes;
}

void gm_buf_text(struct gm_buf *buf, const char *text)
{
    gm_buf_append(buf, text, strlen(text));
}

void gm_buf_printf(struct gm_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    /* Most texts fit the room that is there, and are then formatted once. */
    size_t room = buf->failed ? 0 : buf->capacity_bytes - buf->n_bytes;
    char *at = room ? (char *)buf->data + buf->n_bytes : NULL;
    int n = vsnprintf(at, room, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
    } else if ((size_t)n < room) {
        buf->n_bytes += (size_t)n;
    } else if (gm_buf_reserve(buf, (size_t)n + 1)) {
        vsnprintf((char *)buf->data + buf->n_bytes, (size_t)n + 1, format, again);
        buf->n_bytes += (size_t)n;
    }
    va_end(again);
}

const char *gm_buf_cstr(struct gm_buf *buf)
{
    if (!gm_buf_reserve(buf, 1))
        return "";
    buf->data[buf->n_bytes] = '\0';
    return (const char *)buf->data;
}

static void write_escape(struct gm_buf *buf, uint8_t byte)
{
    static const char short_form[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                      ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    char short_char = byte < sizeof short_form ? short_form[byte] : '\0';
    if (short_char) {
        gm_buf_append(buf, (char[]){'\\', short_char}, 2);
        return;
    }
    gm_buf_append(buf, (char[]){'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 6);
}

void gm_json_string(struct gm_buf *buf, const void *text, size_t n_bytes)
{
    const enum gm_verbatim_tier tier = gm_verbatim_best_tier();
    const uint8_t *bytes = text;
    size_t i = 0, valid_to = 0; /* up to there the text is known to be valid */
    gm_buf_char(buf, '"');
    while (i < n_bytes) {
        const size_t left = (valid_to > i ? valid_to : n_bytes) - i;
        if (!gm_buf_reserve(buf, n_bytes - i))
            return;
        const size_t n_plain =
            gm_verbatim_copy(tier, buf->data + buf->n_bytes, bytes + i, left, valid_to > i);
        buf->n_bytes += n_plain;
        i += n_plain;
        if (n_plain == left)
            continue;
        if (bytes[i] < 0x80) {
            write_escape(buf, bytes[i++]);
            continue;
        }
        valid_to = i + gm_utf8_valid_prefix(bytes + i, n_bytes - i);
        if (valid_to == i) {
            gm_buf_text(buf, REPLACEMENT);
            i++;
        }
    }
    gm_buf_char(buf, '"');
}

void gm_json_key(struct gm_buf *buf, const char *key)
{
    uint8_t last = buf->n_bytes ? buf->data[buf->n_bytes - 1] : '{';
    if (last != '{' && last != '[')
        gm_buf_char(buf, ',');
    gm_json_string(buf, key, strlen(key));
    gm_buf_char(buf, ':');
}

void gm_json_u64(struct gm_buf *buf, uint64_t value)
{
    if (gm_buf_reserve(buf, GM_DECIMAL_U64_MAX))
        buf->n_bytes += gm_decimal_u64(value, (char *)buf->data + buf->n_bytes);
}

void gm_json_i64(struct gm_buf *buf, int64_t value)
{
    if (value < 0)
        gm_buf_char(buf, '-');
    gm_json_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* At most GM_DECIMAL_DIGITS_MAX + 5 bytes for points above -4. */
static void write_positional(struct gm_buf *buf, const struct gm_decimal *decimal)
{
    enum { ROOM = GM_DECIMAL_DIGITS_MAX + 8 };
    const size_t n_digits = (size_t)decimal->n_digits;
    const size_t n_whole = decimal->point > 0 ? (size_t)decimal->point : 0;
    const size_t n_taken = n_whole < n_digits ? n_whole : n_digits;
    if (!gm_buf_reserve(buf, ROOM))
        return;
    uint8_t *to = buf->data + buf->n_bytes;
    memset(to, '0', ROOM); /* what follows leaves the zeros that are needed */
    memcpy(to, decimal->digits, n_taken);
    to += n_whole ? n_whole : 1;
    *to++ = '.';
    if (n_taken < n_digits && decimal->point < 0)
        to += -decimal->point;
    memcpy(to, decimal->digits + n_taken, n_digits - n_taken);
    to += n_taken < n_digits ? n_digits - n_taken : 1;
    buf->n_bytes = (size_t)(to - buf->data);
}

static void write_scientific(struct gm_buf *buf, const struct gm_decimal *decimal)
{
    gm_buf_char(buf, decimal->digits[0]);
    if (decimal->n_digits > 1) {
        gm_buf_char(buf, '.');
        gm_buf_append(buf, decimal->digits + 1, (size_t)decimal->n_digits - 1);
    }
    gm_buf_printf(buf, "e%+03d", decimal->point - 1);
}

void gm_json_f64(struct gm_buf *buf, double value)
{
    if (!isfinite(value)) {
        gm_buf_text(buf, "null");
        return;
    }
    if (signbit(value))
        gm_buf_char(buf, '-');
    struct gm_decimal decimal = {.digits = "0", .n_digits = 1, .point = 1};
    if (value != 0)
        gm_decimal_shortest(fabs(value), &decimal);
    /* Plain notation between 0.0001 and 1e16, as people write numbers. */
    if (decimal.point > -4 && decimal.point <= 16)
        write_positional(buf, &decimal);
    else
        write_scientific(buf, &decimal);
}
