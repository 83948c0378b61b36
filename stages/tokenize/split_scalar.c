/* The split rules as read from their regular expressions, by hand. Where an expression backtracks,
 * the comment says to what. */
#include "tokenize/split_scalar.h"

#include "base/assert.h"
#include "tokenize/split_class.h"
#include "tokenize/unicode16.h"

/* Sets of classes. */
enum {
    OTHERS = 1 << GM_CLASS_OTHER | 1 << GM_CLASS_CJK_OTHER,
    PUNCTS = 1 << GM_CLASS_PUNCT | 1 << GM_CLASS_CJK_PUNCT,
    MARKS = 1 << GM_CLASS_MARK | 1 << GM_CLASS_CJK_MARK,
    CASELESS = 1 << GM_CLASS_CASELESS | 1 << GM_CLASS_CJK,
    LETTERS = 1 << GM_CLASS_UPPER | 1 << GM_CLASS_LOWER | CASELESS,
    NUMBERS = 1 << GM_CLASS_NUMBER,
    SPACES = 1 << GM_CLASS_SPACE,
    CJKS = 1 << GM_CLASS_CJK | 1 << GM_CLASS_CJK_PUNCT | 1 << GM_CLASS_CJK_MARK |
           1 << GM_CLASS_CJK_OTHER,
    /* o200k: what a word may begin and what it may go on with */
    HEADS = 1 << GM_CLASS_UPPER | CASELESS | MARKS,
    TAILS = 1 << GM_CLASS_LOWER | CASELESS | MARKS
};

struct text {
    const uint8_t *data;
    size_t n_bytes;
};

enum gm_split_class gm_split_class_high(uint32_t code_point)
{
    static const uint8_t of_category[GM_CAT_COUNT] = {
        [GM_CAT_LU] = GM_CLASS_UPPER,    [GM_CAT_LT] = GM_CLASS_UPPER,
        [GM_CAT_LL] = GM_CLASS_LOWER,    [GM_CAT_LM] = GM_CLASS_CASELESS,
        [GM_CAT_LO] = GM_CLASS_CASELESS, [GM_CAT_MN] = GM_CLASS_MARK,
        [GM_CAT_MC] = GM_CLASS_MARK,     [GM_CAT_ME] = GM_CLASS_MARK,
        [GM_CAT_ND] = GM_CLASS_NUMBER,   [GM_CAT_NL] = GM_CLASS_NUMBER,
        [GM_CAT_NO] = GM_CLASS_NUMBER,   [GM_CAT_PC] = GM_CLASS_PUNCT,
        [GM_CAT_PD] = GM_CLASS_PUNCT,    [GM_CAT_PS] = GM_CLASS_PUNCT,
        [GM_CAT_PE] = GM_CLASS_PUNCT,    [GM_CAT_PI] = GM_CLASS_PUNCT,
        [GM_CAT_PF] = GM_CLASS_PUNCT,    [GM_CAT_PO] = GM_CLASS_PUNCT,
        [GM_CAT_SM] = GM_CLASS_PUNCT,    [GM_CAT_SC] = GM_CLASS_PUNCT,
        [GM_CAT_SK] = GM_CLASS_PUNCT,    [GM_CAT_SO] = GM_CLASS_PUNCT};
    /* No white space behind plane 0. Bytes that are no UTF-8 can make larger numbers. */
    if (code_point > 0x10FFFF)
        return GM_CLASS_OTHER;
    return (enum gm_split_class)of_category[gm_unicode16(code_point) & GM_UNICODE16_CATEGORY];
}

/* Is there a character of the set at at? *next: behind it. */
static bool is_at(const struct text *text, size_t at, unsigned set, size_t *next)
{
    size_t length;
    if (at >= text->n_bytes)
        return false;
    if (!(set >> gm_split_class_at(text->data, text->n_bytes, at, &length) & 1))
        return false;
    *next = at + length;
    return true;
}

/* Behind all characters of the set from at. */
static size_t skip(const struct text *text, size_t at, unsigned set)
{
    while (is_at(text, at, set, &at))
        ;
    return at;
}

static bool is_newline(const struct text *text, size_t at)
{
    return at < text->n_bytes && (text->data[at] == '\r' || text->data[at] == '\n');
}

static size_t skip_newlines(const struct text *text, size_t at)
{
    while (is_newline(text, at))
        at++;
    return at;
}

static size_t up_to_three_numbers(const struct text *text, size_t at)
{
    for (int i = 0; i < 3 && is_at(text, at, NUMBERS, &at); i++)
        ;
    return at;
}

size_t gm_split_contraction(const uint8_t *text, size_t n_bytes, size_t at,
                            enum gm_contraction_case fold)
{
    size_t left = n_bytes - at;
    if (left < 2 || text[at] != '\'')
        return 0;
    uint8_t lower = fold == GM_CONTRACTION_FOLD ? 0x20 : 0;
    uint8_t first = text[at + 1] | lower, second = left > 2 ? text[at + 2] | lower : 0;
    switch (first) {
    case 's':
    case 't':
    case 'm':
    case 'd':
        return 2;
    case 'l':
        return second == 'l' ? 3 : 0;
    case 'r':
    case 'v':
        return second == 'e' ? 3 : 0;
    default:
        /* U+017F is a small s that folds to s. */
        return lower != 0 && left > 2 && text[at + 1] == 0xC5 && text[at + 2] == 0xBF ? 3 : 0;
    }
}

/* What the end of the text does to white space before it. */
enum at_end { END_IS_NOTHING, END_TAKES_ALL /* \s++$ comes first */ };

/* \s*[\r\n]+|\s+(?!\S)|\s+ from a white space: up to the last newline of the run; else the run but
 * for its last character; else that one. Where the text (or DeepSeek's segment) ends, \s+ takes the
 * rest of the run. */
static size_t space_end(const struct text *text, size_t start, unsigned ends_segment,
                        enum at_end at_end)
{
    size_t at = start, last = start, newline = 0, ignored;
    for (size_t next; is_at(text, at, SPACES, &next); at = next) {
        last = at;
        if (is_newline(text, at))
            newline = next;
    }
    if (at == text->n_bytes && at_end == END_TAKES_ALL)
        return at;
    if (newline != 0)
        return newline;
    if (at == text->n_bytes || last == start || is_at(text, at, ends_segment, &ignored))
        return at;
    return last;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t gpt2_end(const struct text *text, size_t start)
{
    size_t contraction =
        gm_split_contraction(text->data, text->n_bytes, start, GM_CONTRACTION_EXACT);
    if (contraction != 0)
        return start + contraction;
    static const unsigned sets[] = {LETTERS, NUMBERS, OTHERS | PUNCTS | MARKS};
    size_t body = start + (text->data[start] == ' ');
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        size_t end = skip(text, body, sets[i]);
        if (end > body)
            return end;
    }
    size_t at = start, last = start;
    for (size_t next; is_at(text, at, SPACES, &next); at = next)
        last = at;
    return at == text->n_bytes || last == start ? at : last;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+ and its kin: Qwen2 has \p{N}; Qwen3.5 also [\p{L}\p{M}] for \p{L}, but
 * in the optional first character, where a mark changes nothing because it could as well be in what
 * follows. */
static size_t cl100k_end(const struct text *text, size_t start, enum gm_scheme scheme)
{
    unsigned letters = scheme == GM_SCHEME_QWEN35 ? LETTERS | MARKS : LETTERS;
    unsigned others = (OTHERS | PUNCTS | MARKS) & ~letters;
    bool is_single = scheme == GM_SCHEME_QWEN2 || scheme == GM_SCHEME_QWEN35;
    size_t contraction =
        gm_split_contraction(text->data, text->n_bytes, start, GM_CONTRACTION_FOLD);
    if (contraction != 0)
        return start + contraction;
    size_t next;
    if (is_at(text, start, NUMBERS, &next))
        return is_single ? next : up_to_three_numbers(text, start);
    if (is_at(text, start, letters, &next))
        return skip(text, next, letters);
    if (!is_newline(text, start)) {
        (void)is_at(text, start, ~0u, &next);
        size_t end = skip(text, next, letters);
        if (end > next)
            return end;
    }
    size_t body = start + (text->data[start] == ' ');
    size_t end = skip(text, body, others);
    if (end > body)
        return skip_newlines(text, end);
    return space_end(text, start, 0,
                     scheme == GM_SCHEME_CL100K_END ? END_TAKES_ALL : END_IS_NOTHING);
}

/* [Lu Lt Lm Lo M]*[Ll Lm Lo M]+ or, if that fails, [Lu Lt Lm Lo M]+[Ll Lm Lo M]*, from start; start
 * if there is no word. The first part runs on to the first character that it may not hold; if no
 * lowercase letter stands there, it gives back up to the last character that can be in the second
 * part, which is then that one alone. */
static size_t cased_word_end(const struct text *text, size_t start)
{
    size_t at = start, given_back = start, next;
    while (is_at(text, at, HEADS, &next)) {
        if (is_at(text, at, TAILS, &next))
            given_back = next;
        at = next;
    }
    if (is_at(text, at, 1 << GM_CLASS_LOWER, &next))
        return skip(text, next, TAILS);
    return given_back > start ? given_back : at;
}

/* [^\r\n\p{L}\p{N}]?(a cased word)(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|
 *  ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * A mark can be the optional first character or begin the word: the end is the same. */
static size_t o200k_end(const struct text *text, size_t start)
{
    size_t next, word = start;
    if (is_at(text, start, NUMBERS, &next))
        return up_to_three_numbers(text, start);
    if (!is_at(text, start, LETTERS | MARKS, &next) && !is_newline(text, start))
        (void)is_at(text, start, ~0u, &word);
    size_t end = cased_word_end(text, word);
    if (end > word)
        return end == text->n_bytes ? end
                                    : end + gm_split_contraction(text->data, text->n_bytes, end,
                                                                 GM_CONTRACTION_FOLD);
    size_t body = start + (text->data[start] == ' ');
    end = skip(text, body, OTHERS | PUNCTS | MARKS);
    if (end == body)
        return space_end(text, start, 0, END_IS_NOTHING);
    while (is_newline(text, end) || (end < text->n_bytes && text->data[end] == '/'))
        end++;
    return end;
}

static bool is_ascii_letter(const struct text *text, size_t at)
{
    return at < text->n_bytes && (text->data[at] | 0x20) >= 'a' && (text->data[at] | 0x20) <= 'z';
}

/* A run of characters that match nothing but as the first of a word. */
static size_t stray_end(const struct text *text, size_t start, unsigned strays, unsigned words)
{
    size_t at = start, last = start, next;
    for (; is_at(text, at, strays, &next); at = next)
        last = at;
    return is_at(text, at, words, &next) ? last : at;
}

/* Three Splits, each of which cuts the pieces of the one before: \p{N}{1,3}; then
 * [U+4E00-U+9FA5 U+3040-U+30FF]+; then
 * [ASCII punctuation and symbols][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
 *  ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * So numbers, CJK and what is between end each other's pieces as if the text ended there. No
 * control, format or unassigned character matches but as the first of letters: a run of them is a
 * piece of its own, less its last character if letters follow. */
static size_t deepseek3_end(const struct text *text, size_t start)
{
    size_t next;
    if (is_at(text, start, NUMBERS, &next))
        return up_to_three_numbers(text, start);
    const unsigned segment = is_at(text, start, CJKS, &next) ? CJKS : ~(unsigned)(CJKS | NUMBERS);
    const unsigned words = (LETTERS | MARKS) & segment, puncts = PUNCTS & segment;
    const unsigned strays = OTHERS & segment;
    if (is_at(text, start, puncts, &next) && text->data[start] < 0x80 &&
        is_ascii_letter(text, next)) {
        while (is_ascii_letter(text, next))
            next++;
        return next;
    }
    if (is_at(text, start, words, &next))
        return skip(text, next, words);
    if (is_at(text, start, strays | SPACES, &next) && !is_newline(text, start)) {
        size_t end = skip(text, next, words);
        if (end > next)
            return end;
    }
    size_t body = start + (text->data[start] == ' ');
    size_t end = skip(text, body, puncts);
    if (end > body)
        return segment == CJKS ? end : skip_newlines(text, end);
    if (is_at(text, start, SPACES, &next))
        return space_end(text, start, ~segment, END_IS_NOTHING);
    return stray_end(text, start, strays, words);
}

size_t gm_split_piece_end(enum gm_scheme scheme, const uint8_t *data, size_t n_bytes, size_t start)
{
    const struct text text = {data, n_bytes};
    switch (scheme) {
    case GM_SCHEME_GPT2:
        return gpt2_end(&text, start);
    case GM_SCHEME_CL100K:
    case GM_SCHEME_CL100K_END:
    case GM_SCHEME_QWEN2:
    case GM_SCHEME_QWEN35:
        return cl100k_end(&text, start, scheme);
    case GM_SCHEME_O200K:
        return o200k_end(&text, start);
    case GM_SCHEME_DEEPSEEK3:
        return deepseek3_end(&text, start);
    default:
        GM_ASSERT(scheme == GM_SCHEME_WHOLE);
        return n_bytes;
    }
}
