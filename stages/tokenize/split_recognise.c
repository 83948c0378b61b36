/* Which known rule the pre-tokenizers of a file are, told by the letters of their expressions: an
 * expression that is spelt in another way is not known, however equal, and runs on the general
 * engine. */
#include "tokenize/split.h"

#include <string.h>

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES       "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define O200K_WORD_1 "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
#define O200K_WORD_2 "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" CONTRACTIONS "?"
#define O200K_WORD_3 "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
#define O200K_WORD_4 "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" CONTRACTIONS "?"

/* Engines read some expressions differently: {1,3}+ is possessive for tiktoken's, and means once or
 * more for Oniguruma, which tokenizer.json is written for. */
enum engine { ANY_ENGINE, TIKTOKEN_ONLY };

static const struct {
    enum gm_scheme scheme;
    enum engine engine;
    const char *pattern;
} known[] = {
    {GM_SCHEME_GPT2, ANY_ENGINE,
     "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {GM_SCHEME_GPT2, ANY_ENGINE,
     "'s|'t|'re|'ve|'m|'ll|'d| ?[\\p{L}]+| ?[\\p{N}]+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {GM_SCHEME_GPT2, ANY_ENGINE,
     "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {GM_SCHEME_GPT2, TIKTOKEN_ONLY,
     "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s"},
    {GM_SCHEME_CL100K, ANY_ENGINE,
     CONTRACTIONS
     "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES},
    {GM_SCHEME_CL100K_END, TIKTOKEN_ONLY,
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| "
     "?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s"},
    {GM_SCHEME_QWEN2, ANY_ENGINE,
     CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES},
    {GM_SCHEME_QWEN35, ANY_ENGINE,
     CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "
                  "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" SPACES},
    {GM_SCHEME_O200K, ANY_ENGINE,
     O200K_WORD_1 O200K_WORD_2 "|" O200K_WORD_3 O200K_WORD_4
                               "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" SPACES},
};

#define DEEPSEEK3_WORDS                                                                            \
    "[!\"#$%&'()*+,\\-./"                                                                          \
    ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"                \
    " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
static const char *const deepseek3[] = {"\\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                                        DEEPSEEK3_WORDS};
enum { N_DEEPSEEK3 = sizeof(deepseek3) / sizeof(deepseek3[0]) };

static bool equals(const struct gm_spec *spec, struct gm_spec_text text, const char *expected)
{
    return text.n_bytes == strlen(expected) &&
           memcmp(gm_spec_bytes(spec, text), expected, text.n_bytes) == 0;
}

/* Are the pieces all matches and all that is between them? For expressions that match everything,
 * keeping the matches alone comes to the same. */
static bool keeps_all(const struct gm_op *op)
{
    bool is_inverted = (op->flags & GM_OP_INVERT) != 0;
    return op->value == GM_SPLIT_ISOLATED || (op->value == GM_SPLIT_REMOVED && is_inverted);
}

static enum gm_scheme of_pattern(const struct gm_spec *spec, const struct gm_op *op)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (equals(spec, op->a, known[i].pattern) &&
            (known[i].engine == ANY_ENGINE || spec->model == GM_MODEL_RANKS))
            return known[i].scheme;
    return GM_SCHEME_NONE;
}

static bool is_deepseek3(const struct gm_spec *spec, const struct gm_op *ops, uint32_t n_ops)
{
    if (n_ops != N_DEEPSEEK3)
        return false;
    for (uint32_t i = 0; i < n_ops; i++)
        if (ops[i].kind != GM_OP_PRE_SPLIT || !(ops[i].flags & GM_OP_REGEX) ||
            ops[i].value != GM_SPLIT_ISOLATED || !equals(spec, ops[i].a, deepseek3[i]))
            return false;
    return true;
}

/* Gemma cuts at spaces after its normalizer has replaced all of them: no cut. */
static bool never_finds(const struct gm_spec *spec, const struct gm_op *op)
{
    if (op->kind != GM_OP_PRE_SPLIT || (op->flags & GM_OP_REGEX) || !equals(spec, op->a, " ") ||
        spec->n_normalizers == 0)
        return false;
    const struct gm_op *last = &spec->normalizers[spec->n_normalizers - 1];
    return last->kind == GM_OP_REPLACE && !(last->flags & GM_OP_REGEX) &&
           equals(spec, last->a, " ") &&
           memchr(gm_spec_bytes(spec, last->b), ' ', last->b.n_bytes) == NULL;
}

enum gm_scheme gm_scheme_recognise(const struct gm_spec *spec)
{
    const struct gm_op *ops = spec->pretokenizers;
    uint32_t n_ops = spec->n_pretokenizers;
    if (n_ops == 1 && ops[0].kind == GM_OP_PRE_BERT)
        return GM_SCHEME_BERT;
    /* ByteLevel at the end: the alphabet is dealt with elsewhere, its expression is GPT-2's. */
    if (n_ops > 0 && ops[n_ops - 1].kind == GM_OP_PRE_BYTE_LEVEL) {
        if (ops[n_ops - 1].flags & GM_OP_USE_REGEX)
            return n_ops == 1 ? GM_SCHEME_GPT2 : GM_SCHEME_NONE;
        n_ops--;
    }
    if (n_ops == 0 || (n_ops == 1 && never_finds(spec, &ops[0])))
        return GM_SCHEME_WHOLE;
    if (is_deepseek3(spec, ops, n_ops))
        return GM_SCHEME_DEEPSEEK3;
    if (n_ops == 1 && ops[0].kind == GM_OP_PRE_SPLIT && (ops[0].flags & GM_OP_REGEX) &&
        keeps_all(&ops[0]))
        return of_pattern(spec, &ops[0]);
    return GM_SCHEME_NONE;
}
