/* Taking the stuffing out of JPEG data and putting it in. FF bytes are rare (one in 250 of dense
 * data), so 16 bytes are copied at a time, and the position of an FF byte among them comes from the
 * compare mask. */
#include "image/jpeg_bits.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define VECTOR 16

/* How many of the 16 bytes at from come before the first FF byte; all 16 go to to. */
static inline size_t copy_plain(uint8_t *to, const uint8_t *from)
{
#ifdef __SSE2__
    __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    _mm_storeu_si128((__m128i *)to, bytes);
    unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(-1)));
    return mask ? (size_t)__builtin_ctz(mask) : VECTOR;
#else
    size_t n = 0;
    memcpy(to, from, VECTOR);
    while (n < VECTOR && from[n] != 0xff)
        n++;
    return n;
#endif
}

/* One FF byte at window->next: data, or the end of the segment. */
static bool take_ff(struct gm_jpeg_window *window)
{
    if (window->end - window->next < 2 || window->next[1] != 0) {
        window->is_last = true;
        return false;
    }
    window->data[window->n_bytes++] = 0xff;
    window->next += 2;
    return true;
}

static void take_byte(struct gm_jpeg_window *window)
{
    if (window->next == window->end)
        window->is_last = true;
    else if (*window->next != 0xff)
        window->data[window->n_bytes++] = *window->next++;
    else
        take_ff(window);
}

static void take_all(struct gm_jpeg_window *window)
{
    const size_t full = GM_JPEG_MAX_MCU_BYTES + GM_JPEG_WINDOW_BYTES;
    while (!window->is_last && window->n_bytes + VECTOR < full &&
           window->end - window->next > VECTOR) {
        size_t n = copy_plain(window->data + window->n_bytes, window->next);
        window->n_bytes += n;
        window->next += n;
        if (n < VECTOR)
            take_ff(window);
    }
    while (!window->is_last && window->n_bytes < full)
        take_byte(window);
    memset(window->data + window->n_bytes, 0, GM_JPEG_MAX_MCU_BYTES + 32);
}

void gm_jpeg_window_open(struct gm_jpeg_window *window, const uint8_t *next, const uint8_t *end)
{
    window->next = next;
    window->end = end;
    window->n_bytes = 0;
    window->is_last = false;
    take_all(window);
}

void gm_jpeg_window_fill(struct gm_jpeg_window *window, size_t n_used)
{
    GM_ASSERT(n_used <= window->n_bytes && window->n_bytes - n_used <= GM_JPEG_MAX_MCU_BYTES + 16);
    window->n_bytes -= n_used;
    memmove(window->data, window->data + n_used, window->n_bytes);
    take_all(window);
}

const uint8_t *gm_jpeg_skip_data(const uint8_t *next, const uint8_t *end)
{
    while (next < end) {
        next = memchr(next, 0xff, (size_t)(end - next));
        if (!next || end - next < 2)
            return end;
        if (next[1] != 0 && (next[1] & 0xf8) != 0xd0)
            return next;
        next += 2;
    }
    return end;
}

void gm_jpeg_stuff(struct gm_buf *out, const uint8_t *data, size_t n_bytes)
{
    if (!gm_buf_reserve(out, 2 * n_bytes + VECTOR))
        return;
    uint8_t *to = out->data + out->n_bytes;
    const uint8_t *end = data + n_bytes;
    while (end - data >= VECTOR) {
        size_t n = copy_plain(to, data);
        to += n;
        data += n;
        if (n < VECTOR) {
            *to++ = *data++;
            *to++ = 0;
        }
    }
    while (data < end) {
        *to++ = *data;
        if (*data++ == 0xff)
            *to++ = 0;
    }
    out->n_bytes = (size_t)(to - out->data);
}
