/* What a tokenizer file says, read and checked: the meeting point of the loaders (tokenizer.json,
 * .tiktoken) and everything that is computed from them (image, split, merges, decode).
 *
 * Everything is position-independent: arrays of fixed-size structs, and strings as offsets into one
 * pool, so that the image copies the arrays as they are. A loader fails closed: a feature that is
 * not carried out exactly is refused by its name, so whoever reads a spec may rely on it.
 *
 * Reference: Hugging Face tokenizers 0.23.2 (tokenizer.json), tiktoken 0.14.0 (.tiktoken). One
 * process, one thread; a finished spec is read-only. */
#ifndef GM_TOKENIZE_SPEC_H
#define GM_TOKENIZE_SPEC_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in the spec's pool; n_bytes 0 is the empty string. */
struct gm_spec_text {
    uint32_t offset;
    uint32_t n_bytes;
};

/* name, text in tokenizer.json */
#define GM_MODEL_TABLE(X)                                                                          \
    X(BPE, "BPE")             /* merges in order of rank */                                        \
    X(RANKS, "tiktoken")      /* a pair merges into a token; the lowest id first */                \
    X(WORDPIECE, "WordPiece") /* greedy longest match */                                           \
    X(WORDLEVEL, "WordLevel") /* whole pieces only */                                              \
    X(UNIGRAM, "Unigram")     /* most probable segmentation */
enum gm_model_kind {
#define X(name, text) GM_MODEL_##name,
    GM_MODEL_TABLE(X)
#undef X
        GM_MODEL_COUNT
};

enum gm_spec_flags {
    GM_SPEC_BYTE_LEVEL = 1,    /* vocabulary and text are bytes: the ByteLevel alphabet has been
                                  turned back into bytes by the loader */
    GM_SPEC_IGNORE_MERGES = 2, /* a piece that is a token needs no merges */
    GM_SPEC_BYTE_FALLBACK = 4, /* <0x00> .. <0xFF> for what has no token */
    GM_SPEC_FUSE_UNK = 8,      /* unknown characters in a row become one unk */
    GM_SPEC_MERGES_BY_ID = 16  /* ranks of merges rise with the id of the result: one number does
                                  for both */
};

const char *gm_model_name(enum gm_model_kind model);

/* One token of the model; sorted by id, ids unique, holes allowed. With BYTE_LEVEL its bytes are
 * raw, else UTF-8. A token that no text can give (a character outside of the ByteLevel alphabet)
 * keeps its UTF-8 and has the flag. */
enum gm_spec_token_flags { GM_SPEC_TOKEN_UNREACHABLE = 1 };
struct gm_spec_token {
    struct gm_spec_text text;
    uint32_t id;
    uint32_t flags;
    double score; /* UNIGRAM: log probability */
};

/* BPE: left and right become merged; the place in the array is the rank. */
struct gm_spec_merge {
    uint32_t left, right, merged; /* ids */
};

enum gm_added_flags {
    GM_ADDED_SPECIAL = 1,
    GM_ADDED_SINGLE_WORD = 2, /* only where no word character is beside it */
    GM_ADDED_LSTRIP = 4,      /* takes the whitespace on its left, too */
    GM_ADDED_RSTRIP = 8,
    GM_ADDED_NORMALIZED = 16 /* found after normalisation, else before */
};
struct gm_spec_added {
    struct gm_spec_text content; /* not empty */
    uint32_t id;
    uint32_t flags; /* enum gm_added_flags */
};

/* How the pieces around a match are put together (HF's SplitDelimiterBehavior). */
enum gm_split_behavior {
    GM_SPLIT_REMOVED,
    GM_SPLIT_ISOLATED,
    GM_SPLIT_MERGED_WITH_PREVIOUS,
    GM_SPLIT_MERGED_WITH_NEXT,
    GM_SPLIT_CONTIGUOUS
};

/* One step of normalizer, pre-tokenizer or decoder; Sequences are laid out flat, in order. Meaning
 * of value, flags, a and b: beside each kind; what is not named is 0. */
enum gm_op_kind {
    /* normalizers */
    GM_OP_NFC = 1,
    GM_OP_NFD,
    GM_OP_NFKC,
    GM_OP_NFKD,
    GM_OP_NMT,
    GM_OP_LOWERCASE,
    GM_OP_STRIP, /* flags: GM_OP_LEFT, GM_OP_RIGHT */
    GM_OP_STRIP_ACCENTS,
    GM_OP_PREPEND,           /* a */
    GM_OP_REPLACE,           /* a: pattern (GM_OP_REGEX: a regular expression), b: content */
    GM_OP_PRECOMPILED,       /* a: SentencePiece's charsmap, decoded from base64, checked */
    GM_OP_BERT_NORMALIZER,   /* flags: GM_OP_CLEAN, GM_OP_CJK, GM_OP_ACCENTS, GM_OP_LOWER */
    GM_OP_BYTE_LEVEL_NORMAL, /* the ByteLevel normalizer: nothing to do on bytes */
    /* pre-tokenizers */
    GM_OP_PRE_BERT = 64,
    GM_OP_PRE_BYTE_LEVEL,  /* flags: GM_OP_ADD_PREFIX_SPACE, GM_OP_USE_REGEX */
    GM_OP_PRE_DIGITS,      /* flags: GM_OP_INDIVIDUAL */
    GM_OP_PRE_METASPACE,   /* a: replacement; value: enum gm_prepend_scheme; flags: GM_OP_SPLIT */
    GM_OP_PRE_PUNCTUATION, /* value: enum gm_split_behavior */
    GM_OP_PRE_SPLIT,       /* a: pattern (GM_OP_REGEX); value: behavior; GM_OP_INVERT */
    GM_OP_PRE_SCRIPTS,     /* UnicodeScripts */
    GM_OP_PRE_WHITESPACE,  /* \w+|[^\w\s]+ */
    GM_OP_PRE_WHITESPACE_SPLIT,
    GM_OP_PRE_DELIMITER,    /* CharDelimiterSplit; a: the character */
    GM_OP_PRE_FIXED_LENGTH, /* value: characters */
    /* decoders */
    GM_OP_DECODE_BYTE_LEVEL = 128,
    GM_OP_DECODE_REPLACE, /* as GM_OP_REPLACE */
    GM_OP_DECODE_BYTE_FALLBACK,
    GM_OP_DECODE_FUSE,
    GM_OP_DECODE_STRIP,     /* a: the character; value: at the start; value2: at the end */
    GM_OP_DECODE_WORDPIECE, /* a: prefix; flags: GM_OP_CLEANUP */
    GM_OP_DECODE_METASPACE, /* as GM_OP_PRE_METASPACE */
    GM_OP_DECODE_BPE,       /* a: suffix */
    GM_OP_DECODE_CTC        /* a: pad token; b: word delimiter; flags: GM_OP_CLEANUP */
};

enum gm_op_flags {
    GM_OP_LEFT = 1,
    GM_OP_RIGHT = 2,
    GM_OP_REGEX = 4,
    GM_OP_INVERT = 8,
    GM_OP_ADD_PREFIX_SPACE = 16,
    GM_OP_USE_REGEX = 32,
    GM_OP_INDIVIDUAL = 64,
    GM_OP_SPLIT = 128,
    GM_OP_CLEAN = 256,
    GM_OP_CJK = 512,
    GM_OP_ACCENTS = 1024,
    GM_OP_LOWER = 2048,
    GM_OP_CLEANUP = 4096
};
enum gm_prepend_scheme { GM_PREPEND_NEVER, GM_PREPEND_FIRST, GM_PREPEND_ALWAYS };

struct gm_op {
    uint16_t kind; /* enum gm_op_kind */
    uint16_t flags;
    uint32_t value;
    uint32_t value2;
    struct gm_spec_text a, b;
};
_Static_assert(sizeof(struct gm_op) == 28, "ops are stored in images");

#define GM_NO_TOKEN     UINT32_MAX
#define GM_SPEC_MAX_IDS (1u << 24) /* ids are below; a larger one is refused */

struct gm_spec {
    enum gm_model_kind model;
    uint32_t flags; /* enum gm_spec_flags */
    struct gm_spec_token *tokens;
    uint32_t n_tokens;
    uint32_t n_ids; /* largest id of model and added tokens, plus 1 */
    struct gm_spec_merge *merges;
    uint32_t n_merges;
    /* Known to its maker, in no image: what is merged has the bytes of left, then of right. */
    bool merges_are_joined;
    struct gm_spec_added *added; /* in the file's order */
    uint32_t n_added;

    uint32_t unk_id;                 /* GM_NO_TOKEN: none */
    uint32_t max_chars_per_word;     /* WORDPIECE */
    struct gm_spec_text word_prefix; /* continuing_subword_prefix */
    struct gm_spec_text word_suffix; /* end_of_word_suffix */

    struct gm_op *normalizers, *pretokenizers, *decoders;
    uint32_t n_normalizers, n_pretokenizers, n_decoders;
    /* Ids that the post-processor puts around one sequence. */
    uint32_t *prefix_ids, *suffix_ids;
    uint32_t n_prefix_ids, n_suffix_ids;

    struct gm_buf pool; /* all strings */
};

/* The bytes of a text; valid while the pool is not appended to. */
static inline const uint8_t *gm_spec_bytes(const struct gm_spec *spec, struct gm_spec_text text)
{
    return (const uint8_t *)spec->pool.data + text.offset;
}

void gm_spec_init(struct gm_spec *spec);
void gm_spec_free(struct gm_spec *spec); /* frees what it holds; a fresh or freed one is fine */

#endif
