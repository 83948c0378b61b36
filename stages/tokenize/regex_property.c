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

/* A table of a byte per code point, in blocks, and which bytes are looked for. */
struct wanted {
    const uint16_t *blocks; /* numbers of blocks of 128 code points each */
    const uint8_t *bytes;
    bool is_wanted[256];
};

/* Where a set is at while code points are walked through. */
struct walk {
    uint32_t first; /* of the range at hand */
    bool inside;
    uint8_t last; /* byte of the code point before */
};

/* All code points of a block; true: all are as what is before them, or as the first one. Eight that
 * are like the one before are passed over at once. */
static bool add_block(struct gm_code_set *set, const struct wanted *wanted, uint32_t c,
                      struct walk *walk)
{
    const uint8_t *bytes = wanted->bytes + (size_t)wanted->blocks[c / BLOCK] * BLOCK;
    bool is_even = true;
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint64_t eight = 0;
        if (i % 8 == 0)
            memcpy(&eight, bytes + i, sizeof eight);
        if (i % 8 == 0 && c + i > 0 && eight == walk->last * UINT64_C(0x0101010101010101)) {
            i += 7;
            continue;
        }
        walk->last = bytes[i];
        bool now = wanted->is_wanted[bytes[i]];
        if (now == walk->inside)
            continue;
        if (now)
            walk->first = c + i;
        else
            gm_code_set_add(set, walk->first, c + i - 1);
        walk->inside = now;
        is_even = is_even && i == 0;
    }
    return is_even;
}

/* Most blocks are like the one before, and of one kind: what such a block has said of its first
 * code point is true for all of the next one. */
static void add_where(struct gm_code_set *set, const struct wanted *wanted)
{
    struct walk walk = {0, false, 0};
    bool is_even = false;
    for (uint32_t c = 0; c <= GM_LAST_CODE_POINT; c += BLOCK)
        if (!is_even || wanted->blocks[c / BLOCK] != wanted->blocks[c / BLOCK - 1])
            is_even = add_block(set, wanted, c, &walk);
    if (walk.inside)
        gm_code_set_add(set, walk.first, GM_LAST_CODE_POINT);
}

static void add_properties(struct gm_code_set *set, uint32_t categories, unsigned flags)
{
    struct wanted wanted = {.blocks = gm_unicode16_props_blocks, .bytes = gm_unicode16_props};
    for (unsigned byte = 0; byte < 256; byte++)
        wanted.is_wanted[byte] =
            categories >> (byte & GM_UNICODE16_CATEGORY) & 1 || (byte & flags) != 0;
    add_where(set, &wanted);
}

static void add_categories(struct gm_code_set *set, uint32_t categories)
{
    add_properties(set, categories, 0);
}

static void add_flagged(struct gm_code_set *set, unsigned flags)
{
    add_properties(set, 0, flags);
}

static void add_script_number(struct gm_code_set *set, uint8_t script)
{
    struct wanted wanted = {.blocks = gm_unicode16_scripts_blocks, .bytes = gm_unicode16_scripts};
    wanted.is_wanted[script] = true;
    add_where(set, &wanted);
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
