/* Normalizers of one character at a time. ASCII goes through a table that is made from the same
 * rules. */
#include "tokenize/normal_map.h"
#include "base/utf8.h"
#include "tokenize/character.h"
#include "tokenize/unicode16.h"
#include "tokenize/unicode_hf.h"

#define MAX_RESULT 3

static bool is_in(uint32_t c, const uint32_t (*ranges)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}
#define IS_IN(c, ranges) is_in(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* normalizers/unicode.rs do_nmt of the reference */
static unsigned map_nmt(uint32_t c, uint32_t *result)
{
    static const uint32_t gone[][2] = {{1, 8},       {0xB, 0xB},   {0xE, 0x1F},
                                       {0x7F, 0x7F}, {0x8F, 0x8F}, {0x9F, 0x9F}};
    static const uint32_t space[][2] = {{9, 0xA},         {0xC, 0xD},       {0x1680, 0x1680},
                                        {0x200B, 0x200F}, {0x2028, 0x2029}, {0x2581, 0x2581},
                                        {0xFEFF, 0xFEFF}, {0xFFFD, 0xFFFD}};
    result[0] = IS_IN(c, space) ? ' ' : c;
    return IS_IN(c, gone) ? 0 : 1;
}

/* normalizers/bert.rs is_chinese_char of the reference, which ends a block early and begins one
 * late */
static bool is_ideograph(uint32_t c)
{
    static const uint32_t blocks[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                         {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                         {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    return IS_IN(c, blocks);
}

/* What a character becomes: 0 to MAX_RESULT others. */
static unsigned map_one(enum gm_normal_map_kind kind, uint32_t c, uint32_t result[MAX_RESULT])
{
    result[0] = c;
    switch (kind) {
    case GM_MAP_NMT:
        return map_nmt(c, result);
    case GM_MAP_LOWERCASE:
        return gm_hf_lowercase_of(c, result);
    case GM_MAP_STRIP_ACCENTS:
        return gm_hf_is_combining(c) ? 0 : 1;
    case GM_MAP_BERT_CLEAN:
        result[0] = gm_unicode16_is_space(c) ? ' ' : c;
        return gm_hf_is_other(c) ? 0 : 1;
    case GM_MAP_BERT_CJK:
        if (!is_ideograph(c))
            return 1;
        result[0] = result[2] = ' ';
        result[1] = c;
        return 3;
    case GM_MAP_BERT_ACCENTS:
        return gm_hf_is_nonspacing(c) ? 0 : 1;
    }
    return 1;
}

void gm_normal_map_init(struct gm_normal_map *map, enum gm_normal_map_kind kind)
{
    map->kind = kind;
    for (uint32_t c = 0; c < 128; c++) {
        uint32_t result[MAX_RESULT];
        unsigned n = map_one(kind, c, result);
        map->ascii[c] = n == 1 ? (uint8_t)result[0] : 0xFF;
    }
}

/* Most bytes that one character becomes: spaces around an ideograph of 4 bytes. */
#define MAX_RESULT_BYTES 8

/* The first place from at on where something changes; n_bytes: none. */
static size_t find_change(const struct gm_normal_map *map, const uint8_t *text, size_t n_bytes)
{
    size_t at = 0, length;
    while (at < n_bytes) {
        uint32_t result[MAX_RESULT], c;
        if (text[at] < 128 && map->ascii[text[at]] == text[at]) {
            at++;
            continue;
        }
        c = gm_character_at(text + at, n_bytes - at, &length);
        if (c != GM_NO_CHARACTER && (map_one(map->kind, c, result) != 1 || result[0] != c))
            return at;
        at += length;
    }
    return n_bytes;
}

/* What the character at text becomes, written to out; returns the number of bytes. */
static size_t map_character(const struct gm_normal_map *map, const uint8_t *text, size_t n_bytes,
                            size_t *length, uint8_t *out)
{
    uint32_t result[MAX_RESULT], c = gm_character_at(text, n_bytes, length);
    size_t n_written = 0;
    unsigned n;
    if (c == GM_NO_CHARACTER) {
        out[0] = text[0];
        return 1;
    }
    n = map_one(map->kind, c, result);
    for (unsigned i = 0; i < n; i++)
        n_written += gm_utf8_encode(result[i], out + n_written);
    return n_written;
}

bool gm_normal_map(const struct gm_normal_map *map, const uint8_t *text, size_t n_bytes,
                   struct gm_buf *out)
{
    size_t at = find_change(map, text, n_bytes);
    if (at == n_bytes)
        return false;
    gm_buf_append(out, text, at);
    while (at < n_bytes) {
        /* Room for the rest if it does not grow; when it does, there is more for the next turn. */
        size_t length, room;
        uint8_t *to;
        if (!gm_buf_reserve(out, n_bytes - at + 64 * MAX_RESULT_BYTES))
            return true;
        to = out->data + out->n_bytes;
        for (room = n_bytes - at + 64 * MAX_RESULT_BYTES;
             at < n_bytes && room >= n_bytes - at + MAX_RESULT_BYTES;) {
            size_t n = 1;
            length = 1;
            if (text[at] < 128 && map->ascii[text[at]] != 0xFF)
                *to = map->ascii[text[at]];
            else
                n = map_character(map, text + at, n_bytes - at, &length, to);
            to += n;
            room -= n;
            at += length;
        }
        out->n_bytes = (size_t)(to - out->data);
    }
    return true;
}
