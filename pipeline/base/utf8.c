/* UTF-8 by table: the first byte of a sequence says how long it is and which second bytes are
 * allowed (table 3-7 of the Unicode Standard puts every special case into the second byte). ASCII
 * runs are skipped 32 bytes at a time. */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#define HIGH_BITS 0x8080808080808080u

/* What may follow a first byte of 0xC0..0xFF; n_bytes 0: it may not stand there. */
struct lead {
    uint8_t n_bytes;
    uint8_t second_min, second_max;
};

static const struct lead lead_table[64] = {
    [0x02 ... 0x1F] = {2, 0x80, 0xBF}, /* C2..DF */
    [0x20] = {3, 0xA0, 0xBF},          /* E0: no overlong forms */
    [0x21 ... 0x2C] = {3, 0x80, 0xBF}, /* E1..EC */
    [0x2D] = {3, 0x80, 0x9F},          /* ED: no surrogates */
    [0x2E ... 0x2F] = {3, 0x80, 0xBF}, /* EE..EF */
    [0x30] = {4, 0x90, 0xBF},          /* F0: no overlong forms */
    [0x31 ... 0x33] = {4, 0x80, 0xBF}, /* F1..F3 */
    [0x34] = {4, 0x80, 0x8F},          /* F4: nothing above U+10FFFF */
};

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

static uint64_t load_word(const uint8_t *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* Bytes from the start that are ASCII. */
static size_t ascii_prefix(const uint8_t *text, size_t n_bytes)
{
    size_t i = 0;
    while (n_bytes - i >= 32) {
        uint64_t any = load_word(text + i) | load_word(text + i + 8) | load_word(text + i + 16) |
                       load_word(text + i + 24);
        if (any & HIGH_BITS)
            break;
        i += 32;
    }
    while (i < n_bytes && text[i] < 0x80)
        i++;
    return i;
}

/* Length of the sequence of two or more bytes at text, or 0 if it is not well-formed. */
static size_t sequence_length(const uint8_t *text, size_t n_bytes)
{
    if (text[0] < 0xC0)
        return 0;
    const struct lead *lead = &lead_table[text[0] - 0xC0];
    if (lead->n_bytes == 0 || lead->n_bytes > n_bytes)
        return 0;
    if (text[1] < lead->second_min || text[1] > lead->second_max)
        return 0;
    if (lead->n_bytes >= 3 && !is_continuation(text[2]))
        return 0;
    if (lead->n_bytes == 4 && !is_continuation(text[3]))
        return 0;
    return lead->n_bytes;
}

size_t gm_utf8_valid_prefix(const uint8_t *text, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes) {
        if (text[i] < 0x80) {
            i += ascii_prefix(text + i, n_bytes - i);
            continue;
        }
        size_t length = sequence_length(text + i, n_bytes - i);
        if (length == 0)
            break;
        i += length;
    }
    return i;
}

size_t gm_utf8_bad_length(const uint8_t *text, size_t n_bytes)
{
    if (n_bytes < 2 || text[0] < 0xC0)
        return 1;
    const struct lead *lead = &lead_table[text[0] - 0xC0];
    if (lead->n_bytes == 0 || text[1] < lead->second_min || text[1] > lead->second_max)
        return 1;
    size_t length = 2;
    while (length < lead->n_bytes - 1u && length < n_bytes && is_continuation(text[length]))
        length++;
    return length;
}

uint32_t gm_utf8_decode(const uint8_t *text, size_t *length)
{
    uint32_t first = text[0];
    if (first < 0x80) {
        *length = 1;
        return first;
    }
    if (first < 0xE0) {
        *length = 2;
        return (first & 0x1F) << 6 | (text[1] & 0x3Fu);
    }
    if (first < 0xF0) {
        *length = 3;
        return (first & 0x0F) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
    }
    *length = 4;
    return (first & 0x07) << 18 | (text[1] & 0x3Fu) << 12 | (text[2] & 0x3Fu) << 6 |
           (text[3] & 0x3Fu);
}

size_t gm_utf8_encode(uint32_t code_point, uint8_t out[4])
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xC0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code_point >> 12);
        out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code_point >> 18);
    out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 4;
}
