/* The members of every kind of step. What the reference requires is required here; what it
 * defaults has the same default; what it ignores is ignored. */
#include "tokenize/load_ops.h"

#include "base/utf8.h"
#include "tokenize/base64.h"

/* ---- members that several have ---- */

static enum gm_status read_flag(struct gm_loader *loader, struct gm_json_node node, const char *key,
                                uint16_t flag, struct gm_op *op)
{
    bool set = false;
    enum gm_status status = gm_load_bool(loader, node, key, GM_LOAD_REQUIRED, &set);
    if (set)
        op->flags |= flag;
    return status;
}

static enum gm_status read_text(struct gm_loader *loader, struct gm_json_node node, const char *key,
                                struct gm_spec_text *text)
{
    struct gm_json_value value;
    enum gm_status status = gm_load_text(loader, node, key, GM_LOAD_REQUIRED, &value);
    if (status == GM_OK)
        *text = gm_load_keep(loader, value.text, value.n_bytes);
    return status;
}

static enum gm_status read_character(struct gm_loader *loader, struct gm_json_node node,
                                     const char *key, struct gm_spec_text *text)
{
    enum gm_status status = read_text(loader, node, key, text);
    if (status != GM_OK || loader->spec->pool.failed)
        return status;
    size_t length = 0;
    if (text->n_bytes > 0)
        gm_utf8_decode(gm_spec_bytes(loader->spec, *text), &length);
    return length > 0 && length == text->n_bytes
               ? GM_OK
               : gm_load_refuse(loader, "%s is not one character", key);
}

/* {"String": "..."} or {"Regex": "..."} into a. */
static enum gm_status read_pattern(struct gm_loader *loader, struct gm_json_node node,
                                   struct gm_op *op)
{
    struct gm_json_node pattern;
    struct gm_json_value key, text = {0};
    struct gm_json_node member;
    size_t n_members = 0;
    size_t mark = gm_load_enter(loader, ".pattern");
    if (gm_load_member(node, "pattern", &pattern)) {
        struct gm_json_walk walk = gm_json_enter(pattern);
        for (; walk.kind == GM_JSON_OBJECT && gm_json_step(&walk, &key, &member); n_members++)
            text = gm_json_node_value(member);
    }
    bool regex = n_members == 1 && gm_load_is(&key, "Regex");
    if (n_members != 1 || text.kind != GM_JSON_STRING || !(regex || gm_load_is(&key, "String")))
        return gm_load_refuse(loader, "{\"String\": text} or {\"Regex\": text} is expected");
    if (text.n_bytes == 0)
        return gm_load_refuse(loader, "an empty pattern is not supported");
    gm_load_leave(loader, mark);
    op->flags |= regex ? GM_OP_REGEX : 0;
    op->a = gm_load_keep(loader, text.text, text.n_bytes);
    return GM_OK;
}

static enum gm_status read_choice(struct gm_loader *loader, const struct gm_json_value *value,
                                  const char *const *choices, uint32_t *out)
{
    for (uint32_t i = 0; choices[i]; i++) {
        if (gm_load_is(value, choices[i])) {
            *out = i;
            return GM_OK;
        }
    }
    return gm_load_refuse(loader, "%s is not supported",
                          gm_load_quote(loader, value->text, value->n_bytes));
}

static enum gm_status read_behavior(struct gm_loader *loader, struct gm_json_node node,
                                    enum gm_load_need need, uint32_t *out)
{
    static const char *const behaviors[] = {
        [GM_SPLIT_REMOVED] = "Removed",
        [GM_SPLIT_ISOLATED] = "Isolated",
        [GM_SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [GM_SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
        [GM_SPLIT_CONTIGUOUS] = "Contiguous",
        NULL,
    };
    struct gm_json_value value = {0};
    enum gm_status status = gm_load_text(loader, node, "behavior", need, &value);
    *out = GM_SPLIT_ISOLATED;
    if (status != GM_OK || value.kind == GM_JSON_MISSING)
        return status;
    size_t mark = gm_load_enter(loader, ".behavior");
    status = read_choice(loader, &value, behaviors, out);
    gm_load_leave(loader, mark);
    return status;
}

static enum gm_status read_replace(struct gm_loader *loader, struct gm_json_node node,
                                   struct gm_op *op)
{
    enum gm_status status = read_pattern(loader, node, op);
    return status == GM_OK ? read_text(loader, node, "content", &op->b) : status;
}

static enum gm_status read_metaspace(struct gm_loader *loader, struct gm_json_node node,
                                     struct gm_op *op)
{
    static const char *const schemes[] = {[GM_PREPEND_NEVER] = "never",
                                          [GM_PREPEND_FIRST] = "first",
                                          [GM_PREPEND_ALWAYS] = "always",
                                          NULL};
    struct gm_json_value scheme = {0};
    bool add_prefix = true, split = true;
    op->value = GM_PREPEND_ALWAYS;
    enum gm_status status = read_character(loader, node, "replacement", &op->a);
    if (status == GM_OK)
        status = gm_load_text(loader, node, "prepend_scheme", GM_LOAD_OPTIONAL, &scheme);
    if (status == GM_OK && scheme.kind == GM_JSON_STRING)
        status = read_choice(loader, &scheme, schemes, &op->value);
    if (status == GM_OK)
        status = gm_load_bool(loader, node, "add_prefix_space", GM_LOAD_OPTIONAL, &add_prefix);
    if (status == GM_OK)
        status = gm_load_bool(loader, node, "split", GM_LOAD_OPTIONAL, &split);
    op->flags |= split ? GM_OP_SPLIT : 0;
    if (status == GM_OK && !add_prefix && op->value != GM_PREPEND_NEVER)
        return gm_load_refuse(loader, "add_prefix_space does not agree with prepend_scheme");
    return status;
}

/* ---- normalizers ---- */

static enum gm_status read_strip(struct gm_loader *loader, struct gm_json_node node,
                                 struct gm_op *op)
{
    enum gm_status status = read_flag(loader, node, "strip_left", GM_OP_LEFT, op);
    return status == GM_OK ? read_flag(loader, node, "strip_right", GM_OP_RIGHT, op) : status;
}

static enum gm_status read_prepend(struct gm_loader *loader, struct gm_json_node node,
                                   struct gm_op *op)
{
    return read_text(loader, node, "prepend", &op->a);
}

static enum gm_status read_bert(struct gm_loader *loader, struct gm_json_node node,
                                struct gm_op *op)
{
    enum gm_status status = read_flag(loader, node, "clean_text", GM_OP_CLEAN, op);
    if (status == GM_OK)
        status = read_flag(loader, node, "handle_chinese_chars", GM_OP_CJK, op);
    if (status == GM_OK)
        status = read_flag(loader, node, "lowercase", GM_OP_LOWER, op);
    bool accents = (op->flags & GM_OP_LOWER) != 0;
    if (status == GM_OK)
        status = gm_load_bool(loader, node, "strip_accents", GM_LOAD_OPTIONAL, &accents);
    op->flags |= accents ? GM_OP_ACCENTS : 0;
    return status;
}

/* The charsmap: length of a trie in bytes, the trie, then the replacements, NUL-terminated. */
static bool is_charsmap(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 4)
        return false;
    size_t trie_bytes =
        data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
    if (trie_bytes % 4 != 0 || trie_bytes > n_bytes - 4)
        return false;
    size_t n_rest = n_bytes - 4 - trie_bytes;
    return gm_utf8_valid_prefix(data + 4 + trie_bytes, n_rest) == n_rest;
}

static enum gm_status read_precompiled(struct gm_loader *loader, struct gm_json_node node,
                                       struct gm_op *op)
{
    struct gm_json_value value;
    struct gm_buf *pool = &loader->spec->pool;
    enum gm_status status =
        gm_load_text(loader, node, "precompiled_charsmap", GM_LOAD_REQUIRED, &value);
    if (status != GM_OK)
        return status;
    size_t start = pool->n_bytes;
    if (!gm_base64_decode(value.text, value.n_bytes, pool))
        return gm_load_refuse(loader, "precompiled_charsmap is not Base64");
    op->a.offset = (uint32_t)start;
    op->a.n_bytes = (uint32_t)(pool->n_bytes - start);
    if (!pool->failed && !is_charsmap(pool->data + start, op->a.n_bytes))
        return gm_load_refuse(loader, "precompiled_charsmap is damaged");
    return GM_OK;
}

const struct gm_op_reader *gm_normalizer_readers(void)
{
    static const struct gm_op_reader readers[] = {
        {"NFC", GM_OP_NFC, NULL},
        {"NFD", GM_OP_NFD, NULL},
        {"NFKC", GM_OP_NFKC, NULL},
        {"NFKD", GM_OP_NFKD, NULL},
        {"Nmt", GM_OP_NMT, NULL},
        {"Lowercase", GM_OP_LOWERCASE, NULL},
        {"Strip", GM_OP_STRIP, read_strip},
        {"StripAccents", GM_OP_STRIP_ACCENTS, NULL},
        {"Prepend", GM_OP_PREPEND, read_prepend},
        {"Replace", GM_OP_REPLACE, read_replace},
        {"Precompiled", GM_OP_PRECOMPILED, read_precompiled},
        {"BertNormalizer", GM_OP_BERT_NORMALIZER, read_bert},
        {"Bert", GM_OP_BERT_NORMALIZER, read_bert},
        {"ByteLevel", GM_OP_BYTE_LEVEL_NORMAL, NULL},
        {NULL, 0, NULL},
    };
    return readers;
}

/* ---- pre-tokenizers ---- */

static enum gm_status read_byte_level(struct gm_loader *loader, struct gm_json_node node,
                                      struct gm_op *op)
{
    bool use_regex = true;
    enum gm_status status = read_flag(loader, node, "add_prefix_space", GM_OP_ADD_PREFIX_SPACE, op);
    if (status == GM_OK)
        status = gm_load_bool(loader, node, "use_regex", GM_LOAD_OPTIONAL, &use_regex);
    op->flags |= use_regex ? GM_OP_USE_REGEX : 0;
    return status;
}

static enum gm_status read_digits(struct gm_loader *loader, struct gm_json_node node,
                                  struct gm_op *op)
{
    return read_flag(loader, node, "individual_digits", GM_OP_INDIVIDUAL, op);
}

static enum gm_status read_punctuation(struct gm_loader *loader, struct gm_json_node node,
                                       struct gm_op *op)
{
    return read_behavior(loader, node, GM_LOAD_OPTIONAL, &op->value);
}

static enum gm_status read_split(struct gm_loader *loader, struct gm_json_node node,
                                 struct gm_op *op)
{
    enum gm_status status = read_pattern(loader, node, op);
    if (status == GM_OK)
        status = read_behavior(loader, node, GM_LOAD_REQUIRED, &op->value);
    return status == GM_OK ? read_flag(loader, node, "invert", GM_OP_INVERT, op) : status;
}

static enum gm_status read_delimiter(struct gm_loader *loader, struct gm_json_node node,
                                     struct gm_op *op)
{
    return read_character(loader, node, "delimiter", &op->a);
}

static enum gm_status read_fixed_length(struct gm_loader *loader, struct gm_json_node node,
                                        struct gm_op *op)
{
    op->value = 5;
    enum gm_status status = gm_load_u32(loader, node, "length", GM_LOAD_OPTIONAL, &op->value);
    if (status == GM_OK && op->value == 0)
        return gm_load_refuse(loader, "length is 0");
    return status;
}

const struct gm_op_reader *gm_pretokenizer_readers(void)
{
    static const struct gm_op_reader readers[] = {
        {"BertPreTokenizer", GM_OP_PRE_BERT, NULL},
        {"ByteLevel", GM_OP_PRE_BYTE_LEVEL, read_byte_level},
        {"Digits", GM_OP_PRE_DIGITS, read_digits},
        {"Metaspace", GM_OP_PRE_METASPACE, read_metaspace},
        {"Punctuation", GM_OP_PRE_PUNCTUATION, read_punctuation},
        {"Split", GM_OP_PRE_SPLIT, read_split},
        {"UnicodeScripts", GM_OP_PRE_SCRIPTS, NULL},
        {"Whitespace", GM_OP_PRE_WHITESPACE, NULL},
        {"WhitespaceSplit", GM_OP_PRE_WHITESPACE_SPLIT, NULL},
        {"CharDelimiterSplit", GM_OP_PRE_DELIMITER, read_delimiter},
        {"FixedLength", GM_OP_PRE_FIXED_LENGTH, read_fixed_length},
        {NULL, 0, NULL},
    };
    return readers;
}

/* ---- decoders ---- */

static enum gm_status read_decode_strip(struct gm_loader *loader, struct gm_json_node node,
                                        struct gm_op *op)
{
    enum gm_status status = read_character(loader, node, "content", &op->a);
    if (status == GM_OK)
        status = gm_load_u32(loader, node, "start", GM_LOAD_REQUIRED, &op->value);
    return status == GM_OK ? gm_load_u32(loader, node, "stop", GM_LOAD_REQUIRED, &op->value2)
                           : status;
}

static enum gm_status read_wordpiece(struct gm_loader *loader, struct gm_json_node node,
                                     struct gm_op *op)
{
    enum gm_status status = read_text(loader, node, "prefix", &op->a);
    return status == GM_OK ? read_flag(loader, node, "cleanup", GM_OP_CLEANUP, op) : status;
}

static enum gm_status read_bpe(struct gm_loader *loader, struct gm_json_node node, struct gm_op *op)
{
    return read_text(loader, node, "suffix", &op->a);
}

static enum gm_status read_ctc(struct gm_loader *loader, struct gm_json_node node, struct gm_op *op)
{
    enum gm_status status = read_text(loader, node, "pad_token", &op->a);
    if (status == GM_OK)
        status = read_text(loader, node, "word_delimiter_token", &op->b);
    return status == GM_OK ? read_flag(loader, node, "cleanup", GM_OP_CLEANUP, op) : status;
}

const struct gm_op_reader *gm_decoder_readers(void)
{
    static const struct gm_op_reader readers[] = {
        {"ByteLevel", GM_OP_DECODE_BYTE_LEVEL, NULL},
        {"Replace", GM_OP_DECODE_REPLACE, read_replace},
        {"ByteFallback", GM_OP_DECODE_BYTE_FALLBACK, NULL},
        {"Fuse", GM_OP_DECODE_FUSE, NULL},
        {"Strip", GM_OP_DECODE_STRIP, read_decode_strip},
        {"WordPiece", GM_OP_DECODE_WORDPIECE, read_wordpiece},
        {"Metaspace", GM_OP_DECODE_METASPACE, read_metaspace},
        {"BPEDecoder", GM_OP_DECODE_BPE, read_bpe},
        {"CTC", GM_OP_DECODE_CTC, read_ctc},
        {NULL, 0, NULL},
    };
    return readers;
}
