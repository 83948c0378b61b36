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

static void append(struct gm_buf *out, const uint32_t *code_points, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t bytes[4];
        gm_buf_append(out, bytes, gm_utf8_encode(code_points[i], bytes));
    }
}

bool gm_normal_map(const struct gm_normal_map *map, const uint8_t *text, size_t n_bytes,
                   struct gm_buf *out)
{
    size_t copied = 0, at = 0;
    bool changed = false;
    while (at < n_bytes) {
        uint32_t result[MAX_RESULT], c;
        size_t length;
        unsigned n;
        if (text[at] < 128 && map->ascii[text[at]] == text[at]) {
            at++;
            continue;
        }
        c = gm_character_at(text + at, n_bytes - at, &length);
        result[0] = c;
        n = c == GM_NO_CHARACTER ? 1 : map_one(map->kind, c, result);
        if (n != 1 || result[0] != c) {
            gm_buf_append(out, text + copied, at - copied);
            append(out, result, n);
            copied = at + length;
            changed = true;
        }
        at += length;
    }
    if (changed)
        gm_buf_append(out, text + copied, n_bytes - copied);
    return changed;
}
