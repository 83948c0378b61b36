/* The ByteLevel alphabet. Characters are one or two bytes of UTF-8, so decoding never grows. */
#include "tokenize/byte_alphabet.h"

#include "base/utf8.h"
#include "tokenize/character.h"

#define FIRST_SHIFTED 0x100u
#define LAST_SHIFTED  0x143u

static bool stands_for_itself(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
           (byte >= 0xAE && byte <= 0xFF);
}

int gm_alphabet_byte(uint32_t code_point)
{
    if (code_point < FIRST_SHIFTED)
        return stands_for_itself(code_point) ? (int)code_point : -1;
    if (code_point > LAST_SHIFTED)
        return -1;
    /* The shifted bytes are 0x00..0x20, 0x7F..0xA0 and 0xAD. */
    uint32_t place = code_point - FIRST_SHIFTED;
    if (place <= 0x20)
        return (int)place;
    return place == LAST_SHIFTED - FIRST_SHIFTED ? 0xAD : (int)(place - 0x21 + 0x7F);
}

static uint32_t character_of(uint8_t byte)
{
    if (stands_for_itself(byte))
        return byte;
    if (byte <= 0x20)
        return FIRST_SHIFTED + byte;
    return byte == 0xAD ? LAST_SHIFTED : FIRST_SHIFTED + 0x21 + (byte - 0x7Fu);
}

bool gm_alphabet_decode(const uint8_t *text, size_t n_bytes, struct gm_buf *bytes)
{
    if (!gm_buf_reserve(bytes, n_bytes))
        return true; /* as every append: the buffer has failed */
    uint8_t *out = bytes->data ? bytes->data + bytes->n_bytes : NULL;
    size_t n_out = 0;
    for (size_t i = 0; i < n_bytes;) {
        if (text[i] < 0x80) {
            if (text[i] < 0x21 || text[i] > 0x7E)
                return false;
            out[n_out++] = text[i++];
            continue;
        }
        size_t length;
        int byte = gm_alphabet_byte(gm_character_at(text + i, n_bytes - i, &length));
        if (byte < 0)
            return false;
        out[n_out++] = (uint8_t)byte;
        i += length;
    }
    bytes->n_bytes += n_out;
    return true;
}

void gm_alphabet_encode(const uint8_t *bytes, size_t n_bytes, struct gm_buf *text)
{
    for (size_t i = 0; i < n_bytes; i++) {
        uint8_t utf8[4];
        gm_buf_append(text, utf8, gm_utf8_encode(character_of(bytes[i]), utf8));
    }
}
