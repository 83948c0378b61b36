/* Reading text one character at a time when it need not be UTF-8. */
#ifndef GM_TOKENIZE_CHARACTER_H
#define GM_TOKENIZE_CHARACTER_H

#include <stddef.h>
#include <stdint.h>

#define GM_NO_CHARACTER UINT32_MAX

/* The character at text, n_bytes > 0; *length: its bytes. GM_NO_CHARACTER, with length 1: a byte
 * that begins none (overlong forms, surrogates, what is cut off). */
static inline uint32_t gm_character_at(const uint8_t *text, size_t n_bytes, size_t *length)
{
    uint32_t lead = text[0], c;
    *length = 1;
    if (lead < 0x80)
        return lead;
    if (lead < 0xC2 || lead > 0xF4 || n_bytes < 2 || (text[1] & 0xC0) != 0x80)
        return GM_NO_CHARACTER;
    if (lead < 0xE0) {
        *length = 2;
        return (lead & 0x1F) << 6 | (text[1] & 0x3Fu);
    }
    if (n_bytes < 3 || (text[2] & 0xC0) != 0x80)
        return GM_NO_CHARACTER;
    c = (lead & 0xF) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
    if (lead < 0xF0) {
        if (c < 0x800 || (c >= 0xD800 && c < 0xE000))
            return GM_NO_CHARACTER;
        *length = 3;
        return c;
    }
    if (n_bytes < 4 || (text[3] & 0xC0) != 0x80)
        return GM_NO_CHARACTER;
    c = (lead & 7) << 18 | (text[1] & 0x3Fu) << 12 | (text[2] & 0x3Fu) << 6 | (text[3] & 0x3Fu);
    if (c < 0x10000 || c > 0x10FFFF)
        return GM_NO_CHARACTER;
    *length = 4;
    return c;
}

/* The start of the character that ends at end > 0; end - 1 if none does. */
static inline size_t gm_character_before(const uint8_t *text, size_t end)
{
    size_t at = end - 1, length;
    while (at > 0 && end - at < 4 && (text[at] & 0xC0) == 0x80)
        at--;
    if (gm_character_at(text + at, end - at, &length) == GM_NO_CHARACTER || at + length != end)
        return end - 1;
    return at;
}

#endif
