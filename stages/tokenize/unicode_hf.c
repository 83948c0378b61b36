/* Look-ups in the tables of gen_unicode_hf.py. Ranges are searched by halves: ASCII, which is most
 * of the text, is decided before. */
#include "tokenize/unicode_hf.h"
#include "tokenize/unicode16.h"
#include "tokenize/unicode_hf_table.h"
#include <string.h>

static bool is_in(const struct gm_hf_range *ranges, uint32_t n, uint32_t code_point)
{
    uint32_t low = 0;
    while (low < n) {
        uint32_t middle = low + (n - low) / 2;
        if (code_point > ranges[middle].last)
            low = middle + 1;
        else if (code_point < ranges[middle].first)
            n = middle;
        else
            return true;
    }
    return false;
}

bool gm_hf_is_punctuation(uint32_t code_point)
{
    if (code_point < 0x80)
        return (code_point >= '!' && code_point <= '/') ||
               (code_point >= ':' && code_point <= '@') ||
               (code_point >= '[' && code_point <= '`') || (code_point >= '{' && code_point <= '~');
    return is_in(gm_hf_punctuation, gm_hf_n_punctuation, code_point);
}

bool gm_hf_is_numeric(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= '0' && code_point <= '9';
    return is_in(gm_hf_numeric, gm_hf_n_numeric, code_point);
}

bool gm_hf_is_other(uint32_t code_point)
{
    return is_in(gm_hf_other, gm_hf_n_other, code_point);
}

bool gm_hf_is_nonspacing(uint32_t code_point)
{
    return code_point >= 0x300 && is_in(gm_hf_nonspacing, gm_hf_n_nonspacing, code_point);
}

bool gm_hf_is_combining(uint32_t code_point)
{
    return code_point >= 0x300 && is_in(gm_hf_combining, gm_hf_n_combining, code_point);
}

unsigned gm_hf_lowercase_of(uint32_t code_point, uint32_t lower[2])
{
    uint32_t low = 0, high = gm_hf_n_lowercase;
    lower[0] = code_point;
    if (code_point < 0x80) {
        lower[0] += code_point >= 'A' && code_point <= 'Z' ? 32 : 0;
        return 1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (gm_hf_lowercase[middle].code_point < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == gm_hf_n_lowercase || gm_hf_lowercase[low].code_point != code_point)
        return 1;
    memcpy(lower, gm_hf_lowercase[low].lower, 2 * sizeof(*lower));
    return lower[1] ? 2 : 1;
}

unsigned gm_hf_script(uint32_t code_point)
{
    /* Scripts are named by one of their letters. */
    const uint32_t space = 0x20, ka_devanagari = 0x915, hiragana = 0x3042, katakana = 0x30A2,
                   han = 0x4E00;
    unsigned script = gm_unicode16_script(code_point);
    if (code_point == 0x30FC || script == gm_unicode16_script(hiragana) ||
        script == gm_unicode16_script(katakana))
        return gm_unicode16_script(han);
    if (code_point == 0x589 || code_point == 0x61C) /* had no script of their own then */
        return gm_unicode16_script(space);
    if (code_point == 0x953 || code_point == 0x954)
        return gm_unicode16_script(ka_devanagari);
    if (is_in(gm_hf_no_script, gm_hf_n_no_script, code_point))
        return GM_HF_SCRIPT_ANY;
    return script;
}

unsigned gm_hf_normal(uint32_t code_point)
{
    return gm_hf_normal_bits[(uint32_t)gm_hf_normal_blocks[code_point >> 7] << 7 |
                             (code_point & 127)];
}
