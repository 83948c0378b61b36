/* Look-ups in the Unicode 16.0 tables. Lowercase is a binary search: few callers, and ASCII has
 * gone before. */
#include "tokenize/unicode16.h"

#include "base/assert.h"

#define N_CODE_POINTS 0x110000u

enum gm_category gm_unicode16_category(uint32_t code_point)
{
    GM_ASSERT(code_point < N_CODE_POINTS);
    return (enum gm_category)(gm_unicode16(code_point) & GM_UNICODE16_CATEGORY);
}

bool gm_unicode16_is_space(uint32_t code_point)
{
    GM_ASSERT(code_point < N_CODE_POINTS);
    return (gm_unicode16(code_point) & GM_UNICODE16_SPACE) != 0;
}

bool gm_unicode16_is_word(uint32_t code_point)
{
    GM_ASSERT(code_point < N_CODE_POINTS);
    return (gm_unicode16(code_point) & GM_UNICODE16_WORD) != 0;
}

bool gm_unicode16_is_onig_word(uint32_t code_point)
{
    if (code_point == 0x200C || code_point == 0x200D)
        return false;
    bool is_latin1_number = code_point < 0x100 && gm_unicode16_category(code_point) == GM_CAT_NO;
    return is_latin1_number || gm_unicode16_is_word(code_point);
}

uint8_t gm_unicode16_script(uint32_t code_point)
{
    GM_ASSERT(code_point < N_CODE_POINTS);
    uint32_t block = gm_unicode16_scripts_blocks[code_point >> 7];
    return gm_unicode16_scripts[block << 7 | (code_point & 127)];
}

const char *gm_unicode16_script_name(uint8_t script)
{
    /* The names end with NULL; a loop, because a place behind the end is a fair question. */
    for (uint8_t i = 0; i < script; i++)
        if (gm_unicode16_script_names[i] == NULL)
            return NULL;
    return gm_unicode16_script_names[script];
}

unsigned gm_unicode16_lowercase(uint32_t code_point, uint32_t lower[3])
{
    GM_ASSERT(code_point < N_CODE_POINTS);
    uint32_t low = 0, high = gm_unicode16_lower_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (gm_unicode16_lower[middle].code_point < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    const struct gm_unicode16_lower *found = &gm_unicode16_lower[low];
    if (low == gm_unicode16_lower_count || found->code_point != code_point) {
        lower[0] = code_point;
        return 1;
    }
    lower[0] = found->lower;
    lower[1] = found->second;
    return found->second != 0 ? 2 : 1;
}
