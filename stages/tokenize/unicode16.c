/* Look-ups in the Unicode 16.0 tables. */
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
