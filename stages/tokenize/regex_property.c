/* The properties that \p{..} can name, from the tables of Unicode 16.0. */
#include "tokenize/regex_set.h"
#include "tokenize/unicode16.h"
#include <string.h>

#define BLOCK 128u /* code points of a block of the tables */

/* category bits, short name, long name */
#define BIT(name)   (1u << GM_CAT_##name)
#define LETTERS     (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define CASED       (BIT(LU) | BIT(LL) | BIT(LT))
#define MARKS       (BIT(MN) | BIT(MC) | BIT(ME))
#define NUMBERS     (BIT(ND) | BIT(NL) | BIT(NO))
#define PUNCTUATION (BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO))
#define SYMBOLS     (BIT(SM) | BIT(SC) | BIT(SK) | BIT(SO))
#define SEPARATORS  (BIT(ZS) | BIT(ZL) | BIT(ZP))
#define OTHERS      (BIT(CC) | BIT(CF) | BIT(CS) | BIT(CO) | BIT(CN))

static const struct category_name {
    uint32_t bits;
    const char *short_name, *long_name;
} category_names[] = {
    {LETTERS, "l", "letter"},
    {CASED, "lc", "casedletter"},
    {BIT(LU), "lu", "uppercaseletter"},
    {BIT(LL), "ll", "lowercaseletter"},
    {BIT(LT), "lt", "titlecaseletter"},
    {BIT(LM), "lm", "modifierletter"},
    {BIT(LO), "lo", "otherletter"},
    {MARKS, "m", "mark"},
    {BIT(MN), "mn", "nonspacingmark"},
    {BIT(MC), "mc", "spacingmark"},
    {BIT(ME), "me", "enclosingmark"},
    {NUMBERS, "n", "number"},
    {BIT(ND), "nd", "decimalnumber"},
    {BIT(NL), "nl", "letternumber"},
    {BIT(NO), "no", "othernumber"},
    {PUNCTUATION, "p", "punctuation"},
    {BIT(PC), "pc", "connectorpunctuation"},
    {BIT(PD), "pd", "dashpunctuation"},
    {BIT(PS), "ps", "openpunctuation"},
    {BIT(PE), "pe", "closepunctuation"},
    {BIT(PI), "pi", "initialpunctuation"},
    {BIT(PF), "pf", "finalpunctuation"},
    {BIT(PO), "po", "otherpunctuation"},
    {SYMBOLS, "s", "symbol"},
    {BIT(SM), "sm", "mathsymbol"},
    {BIT(SC), "sc", "currencysymbol"},
    {BIT(SK), "sk", "modifiersymbol"},
    {BIT(SO), "so", "othersymbol"},
    {SEPARATORS, "z", "separator"},
    {BIT(ZS), "zs", "spaceseparator"},
    {BIT(ZL), "zl", "lineseparator"},
    {BIT(ZP), "zp", "paragraphseparator"},
    {OTHERS, "c", "other"},
    {BIT(CC), "cc", "control"},
    {BIT(CF), "cf", "format"},
    {BIT(CS), "cs", "surrogate"},
    {BIT(CO), "co", "privateuse"},
    {BIT(CN), "cn", "unassigned"},
};

/* What is looked for: categories and flags, or a script. */
struct wanted {
    const uint16_t *blocks; /* of the table: of 128 code points each, by number of the block */
    uint32_t categories;
    unsigned flags;
    uint8_t script;
};

static bool has(const struct wanted *wanted, uint32_t code_point)
{
    if (wanted->blocks == gm_unicode16_scripts_blocks)
        return gm_unicode16_script(code_point) == wanted->script;
    unsigned properties = gm_unicode16(code_point);
    return (wanted->categories >> (properties & GM_UNICODE16_CATEGORY) & 1) ||
           (properties & wanted->flags);
}

/* Most blocks are like the one before, and of one kind: what such a block has said of its first
 * code point is true for all of the next one. */
static void add_where(struct gm_code_set *set, const struct wanted *wanted)
{
    uint32_t first = 0;
    bool inside = false, block_is_even = false;
    for (uint32_t c = 0; c <= GM_LAST_CODE_POINT; c++) {
        if (c % BLOCK == 0) {
            if (block_is_even && wanted->blocks[c / BLOCK] == wanted->blocks[c / BLOCK - 1]) {
                c += BLOCK - 1;
                continue;
            }
            block_is_even = true;
        }
        bool now = has(wanted, c);
        if (now == inside)
            continue;
        if (now)
            first = c;
        else
            gm_code_set_add(set, first, c - 1);
        inside = now;
        block_is_even = block_is_even && c % BLOCK == 0;
    }
    if (inside)
        gm_code_set_add(set, first, GM_LAST_CODE_POINT);
}

static void add_categories(struct gm_code_set *set, uint32_t categories)
{
    add_where(set, &(struct wanted){.blocks = gm_unicode16_props_blocks, .categories = categories});
}

static void add_flagged(struct gm_code_set *set, unsigned flags)
{
    add_where(set, &(struct wanted){.blocks = gm_unicode16_props_blocks, .flags = flags});
}

static void add_script_number(struct gm_code_set *set, uint8_t script)
{
    add_where(set, &(struct wanted){.blocks = gm_unicode16_scripts_blocks, .script = script});
}

#define NAME_BYTES 48u

/* The name in small letters, without what does not matter; false: longer than any name. */
static bool fold_name(char folded[NAME_BYTES], const char *name, size_t n_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        char c = name[i];
        if (c == ' ' || c == '-' || c == '_')
            continue;
        if (n + 1 == NAME_BYTES)
            return false;
        folded[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    folded[n] = '\0';
    return true;
}

static bool add_script(struct gm_code_set *set, const char *wanted)
{
    char folded[NAME_BYTES];
    const char *name;
    for (unsigned i = 0; i < 256 && (name = gm_unicode16_script_name((uint8_t)i)); i++)
        if (fold_name(folded, name, strlen(name)) && strcmp(folded, wanted) == 0) {
            add_script_number(set, (uint8_t)i);
            return true;
        }
    return false;
}

bool gm_code_set_property(struct gm_code_set *set, const char *name, size_t n_bytes)
{
    char folded[NAME_BYTES];
    if (!fold_name(folded, name, n_bytes))
        return false;
    for (size_t i = 0; i < sizeof(category_names) / sizeof(category_names[0]); i++)
        if (strcmp(folded, category_names[i].short_name) == 0 ||
            strcmp(folded, category_names[i].long_name) == 0) {
            add_categories(set, category_names[i].bits);
            return true;
        }
    if (strcmp(folded, "any") == 0)
        gm_code_set_add(set, 0, GM_LAST_CODE_POINT);
    else if (strcmp(folded, "ascii") == 0)
        gm_code_set_add(set, 0, 0x7F);
    else if (strcmp(folded, "space") == 0)
        add_flagged(set, GM_UNICODE16_SPACE);
    else if (strcmp(folded, "word") == 0)
        add_flagged(set, GM_UNICODE16_WORD);
    else if (strcmp(folded, "digit") == 0)
        add_categories(set, BIT(ND));
    else
        return add_script(set, folded);
    gm_code_set_tidy(set);
    return true;
}
