/* Splitting text into pieces by one of the known rules, without a regular expression: classes of
 * 64 bytes at a time become bitmaps, the rule becomes shifts and ands of bitmaps, the set bits
 * become piece ends. AVX-512, AVX2 and scalar tiers give the same pieces; the best one that the
 * processor has is chosen at run time.
 *
 * Texts are valid UTF-8; pieces cover the text without gaps (all rules here are Isolated). No byte
 * outside of the text is read. Pure functions, any process. */
#ifndef GM_TOKENIZE_SPLIT_H
#define GM_TOKENIZE_SPLIT_H

#include "tokenize/spec.h"
#include <stddef.h>
#include <stdint.h>

/* name, text for `tokenizer info` */
#define GM_SCHEME_TABLE(X)                                                                         \
    X(NONE, "no known rule")         /* the generic pre-tokenizers */                              \
    X(WHOLE, "whole text")           /* no split: one piece */                                     \
    X(GPT2, "gpt2")                  /* r50k, p50k; ByteLevel with use_regex */                    \
    X(CL100K, "cl100k")              /* GPT-3.5/4 as JSON has it, Llama-3, OLMo */                 \
    X(CL100K_END, "cl100k-tiktoken") /* newer tiktoken: \s++$ keeps the whitespace at the end */   \
    X(QWEN2, "qwen2")                /* cl100k with single digits */                               \
    X(QWEN35, "qwen3.5")             /* letters with marks */                                      \
    X(O200K, "o200k")                /* GPT-4o, gpt-oss */                                         \
    X(DEEPSEEK3, "deepseek-v3")      /* three Splits in a row */                                   \
    X(BERT, "bert")                  /* BertPreTokenizer: whitespace is removed, not a piece */
enum gm_scheme {
#define X(name, text) GM_SCHEME_##name,
    GM_SCHEME_TABLE(X)
#undef X
        GM_SCHEME_COUNT
};
const char *gm_scheme_name(enum gm_scheme scheme);

/* The scheme that the pre-tokenizers of the spec amount to, told from the literal patterns and
 * behaviors; GM_SCHEME_NONE if they are not known or a step stands beside them that changes pieces.
 * add_prefix_space is left to the caller. */
enum gm_scheme gm_scheme_recognise(const struct gm_spec *spec);

enum gm_split_tier { GM_TIER_SCALAR, GM_TIER_AVX2, GM_TIER_AVX512, GM_TIER_COUNT };
/* The best tier of this processor. */
enum gm_split_tier gm_split_best_tier(void);

/* A text in work. Fields are the splitter's own. */
struct gm_split {
    enum gm_scheme scheme;
    enum gm_split_tier tier;
    const uint8_t *text;
    size_t n_bytes;
    size_t position; /* end of the last piece handed out */
    uint64_t state[8];
};

/* n_bytes < 2^32 - 64. scheme is neither NONE nor BERT. */
void gm_split_begin(struct gm_split *split, enum gm_scheme scheme, enum gm_split_tier tier,
                    const uint8_t *text, size_t n_bytes);
/* The next pieces: their ends, as offsets in the text, rising; the first piece starts where the
 * last call ended. capacity >= GM_SPLIT_MIN_PIECES. Returns how many; 0: the text is done. */
#define GM_SPLIT_MIN_PIECES 128
size_t gm_split_next(struct gm_split *split, uint32_t *ends, size_t capacity);

#endif
