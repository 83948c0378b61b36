/* Base64: four characters at a time; padding only at the end, unused bits zero. */
#include "tokenize/base64.h"

#include <stdint.h>

/* -1: not a digit. */
static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four; returns the number of bytes, 0: not Base64. n_padding characters at the end
 * are '='. */
static size_t decode_group(const char *group, size_t n_padding, uint8_t out[3])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < 4 - n_padding ? digit_of(group[i]) : 0;
        if (digit < 0)
            return 0;
        bits = bits << 6 | (uint32_t)digit;
    }
    if ((n_padding == 1 && (bits & 0xFF) != 0) || (n_padding == 2 && (bits & 0xFFFF) != 0))
        return 0;
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    return 3 - n_padding;
}

bool gm_base64_decode(const char *text, size_t n_bytes, struct gm_buf *out)
{
    if (n_bytes % 4 != 0)
        return false;
    if (n_bytes == 0 || !gm_buf_reserve(out, n_bytes / 4 * 3))
        return true;
    size_t n_padding = text[n_bytes - 1] != '=' ? 0 : text[n_bytes - 2] != '=' ? 1 : 2;
    uint8_t *data = out->data + out->n_bytes;
    size_t n_out = 0;
    for (size_t i = 0; i < n_bytes; i += 4) {
        size_t n = decode_group(text + i, i + 4 == n_bytes ? n_padding : 0, data + n_out);
        if (n == 0)
            return false;
        n_out += n;
    }
    out->n_bytes += n_out;
    return true;
}
