/* The generic pre-tokenizers: what a list of steps may be, and running it. Bert's pre-tokenizer is
 * two steps, whitespace and then punctuation. */
#include "tokenize/pretok.h"
#include "tokenize/pieces.h"
#include <stdlib.h>
#include <string.h>

#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define WHITESPACE_PATTERN "\\w+|[^\\w\\s]+" /* in Rust's dialect */

static const struct gm_op bert_whitespace = {.kind = GM_OP_PRE_WHITESPACE_SPLIT};
static const struct gm_op bert_punctuation = {.kind = GM_OP_PRE_PUNCTUATION,
                                              .value = GM_SPLIT_ISOLATED};

struct gm_pretokenizer {
    struct gm_pretok_step *steps;
    uint32_t n_steps;
};

/* Names for messages. */
static const char *kind_name(uint16_t kind)
{
    static const char *const names[] = {"BertPreTokenizer",   "ByteLevel",   "Digits",
                                        "Metaspace",          "Punctuation", "Split",
                                        "UnicodeScripts",     "Whitespace",  "WhitespaceSplit",
                                        "CharDelimiterSplit", "FixedLength"};
    return names[kind - GM_OP_PRE_BERT];
}

static bool is_known(uint16_t kind)
{
    return kind >= GM_OP_PRE_BERT && kind <= GM_OP_PRE_FIXED_LENGTH;
}

/* What can be said about one step alone; NULL: it is fine. */
static const char *complaint(const struct gm_op *op)
{
    bool has_behavior = op->kind == GM_OP_PRE_SPLIT || op->kind == GM_OP_PRE_PUNCTUATION;
    if (has_behavior && op->value > GM_SPLIT_CONTIGUOUS)
        return "unknown behavior";
    if (op->kind == GM_OP_PRE_FIXED_LENGTH && op->value == 0)
        return "length is 0";
    if ((op->kind == GM_OP_PRE_DELIMITER || op->kind == GM_OP_PRE_METASPACE) && op->a.n_bytes == 0)
        return "no character";
    if (op->kind == GM_OP_PRE_METASPACE && op->value > GM_PREPEND_ALWAYS)
        return "unknown prepend_scheme";
    return NULL;
}

/* What Hugging Face would do differently than bytes allow; NULL: nothing. */
static const char *order_complaint(const struct gm_spec *spec, uint32_t index)
{
    const struct gm_op *op = &spec->pretokenizers[index];
    bool changed = false;
    for (uint32_t i = 0; i < spec->n_normalizers; i++)
        if (spec->normalizers[i].kind == GM_OP_BYTE_LEVEL_NORMAL)
            return "behind a ByteLevel normalizer it is not supported";
    for (uint32_t i = 0; i < index; i++) {
        changed |= gm_pretok_changes(&spec->pretokenizers[i]);
        if (spec->pretokenizers[i].kind == GM_OP_PRE_BYTE_LEVEL)
            return "behind ByteLevel it is not supported";
    }
    /* The reference asks where the piece began in the text as it was; that is not known any more.
     */
    if (op->kind == GM_OP_PRE_METASPACE && op->value == GM_PREPEND_FIRST && index > 0 &&
        (spec->n_normalizers > 0 || changed))
        return "prepend_scheme first behind other steps is not supported";
    return NULL;
}

/* The pattern that a step needs compiled; NULL: none. */
static const uint8_t *pattern_of(const struct gm_spec *spec, const struct gm_op *op,
                                 size_t *n_bytes)
{
    const char *pattern = NULL;
    if (op->kind == GM_OP_PRE_SPLIT && ((op->flags & GM_OP_REGEX) || op->a.n_bytes == 0)) {
        *n_bytes = op->a.n_bytes;
        return op->a.n_bytes ? gm_spec_bytes(spec, op->a) : (const uint8_t *)"";
    }
    if (op->kind == GM_OP_PRE_BYTE_LEVEL && (op->flags & GM_OP_USE_REGEX))
        pattern = GPT2_PATTERN;
    else if (op->kind == GM_OP_PRE_WHITESPACE)
        pattern = WHITESPACE_PATTERN;
    *n_bytes = pattern ? strlen(pattern) : 0;
    return (const uint8_t *)pattern;
}

static enum gm_status add_step(struct gm_pretokenizer *pretokenizer, const struct gm_spec *spec,
                               const struct gm_op *op, struct gm_err *err)
{
    struct gm_pretok_step *step = &pretokenizer->steps[pretokenizer->n_steps++];
    enum gm_regex_syntax syntax =
        spec->model == GM_MODEL_RANKS ? GM_REGEX_RUST : GM_REGEX_ONIGURUMA;
    size_t n_bytes;
    const uint8_t *pattern = pattern_of(spec, op, &n_bytes);
    *step = (struct gm_pretok_step){.op = op};
    if (op->a.n_bytes > 0) {
        step->pattern = gm_spec_bytes(spec, op->a);
        step->n_bytes = op->a.n_bytes;
    }
    if (op->kind == GM_OP_PRE_WHITESPACE)
        syntax = GM_REGEX_RUST;
    return pattern ? gm_regex_new(&step->regex, pattern, n_bytes, syntax, err) : GM_OK;
}

static enum gm_status add_op(struct gm_pretokenizer *pretokenizer, const struct gm_spec *spec,
                             uint32_t index, struct gm_err *err)
{
    const struct gm_op *op = &spec->pretokenizers[index];
    const char *what = is_known(op->kind) ? complaint(op) : "unknown kind";
    enum gm_status status;
    what = what ? what : order_complaint(spec, index);
    if (what) {
        gm_err_set(err, GM_INPUT, "%s", what);
    } else if (op->kind == GM_OP_PRE_BERT) {
        add_step(pretokenizer, spec, &bert_whitespace, err);
        return add_step(pretokenizer, spec, &bert_punctuation, err);
    }
    status = what ? GM_INPUT : add_step(pretokenizer, spec, op, err);
    if (status != GM_OK)
        gm_err_add(err, "pre-tokenizer %u (%s)", index + 1,
                   is_known(op->kind) ? kind_name(op->kind) : "?");
    return status;
}

enum gm_status gm_pretokenizer_new(struct gm_pretokenizer **pretokenizer,
                                   const struct gm_spec *spec, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    *pretokenizer = calloc(1, sizeof(**pretokenizer));
    if (*pretokenizer) /* Bert's takes two */
        (*pretokenizer)->steps =
            calloc((size_t)spec->n_pretokenizers * 2 + 1, sizeof(*(*pretokenizer)->steps));
    if (!*pretokenizer || !(*pretokenizer)->steps)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    for (uint32_t i = 0; i < spec->n_pretokenizers && status == GM_OK; i++)
        status = add_op(*pretokenizer, spec, i, err);
    if (status != GM_OK) {
        gm_pretokenizer_free(*pretokenizer);
        *pretokenizer = NULL;
    }
    return status;
}

void gm_pretokenizer_free(struct gm_pretokenizer *pretokenizer)
{
    if (!pretokenizer)
        return;
    for (uint32_t i = 0; i < pretokenizer->n_steps; i++)
        gm_regex_free(pretokenizer->steps[i].regex);
    free(pretokenizer->steps);
    free(pretokenizer);
}

/* All pieces through one step; the new pieces, and the new text if it changes, become the current
 * ones. */
static void run_step(const struct gm_pretok_step *step, struct gm_pieces *pieces, bool is_first)
{
    struct gm_piece_list done = pieces->now;
    bool changes = gm_pretok_changes(step->op);
    pieces->next.n = 0;
    gm_buf_clear(&pieces->scratch);
    for (size_t i = 0; i < done.n && !pieces->failed; i++)
        gm_pretok_step(step, pieces, done.items[i], is_first && done.items[i].start == 0);
    pieces->now = pieces->next;
    pieces->next = done;
    if (changes) {
        struct gm_buf text = pieces->text;
        pieces->text = pieces->scratch;
        pieces->scratch = text;
    }
}

enum gm_status gm_pretokenize(const struct gm_pretokenizer *pretokenizer, const uint8_t *text,
                              size_t n_bytes, bool is_first, struct gm_pieces *pieces,
                              struct gm_err *err)
{
    pieces->n = pieces->now.n = pieces->spans.n = 0;
    pieces->failed = false;
    gm_buf_clear(&pieces->text);
    if (n_bytes == 0)
        return GM_OK;
    if (n_bytes > UINT32_MAX)
        return gm_err_set(err, GM_LIMIT, "a text of %zu bytes is too long", n_bytes);
    gm_buf_append(&pieces->text, text, n_bytes);
    pieces->failed = pieces->text.failed || !gm_piece_list_add(&pieces->now, 0, n_bytes, false);
    for (uint32_t i = 0; i < pretokenizer->n_steps && !pieces->failed; i++)
        run_step(&pretokenizer->steps[i], pieces, is_first);
    if (pieces->text.n_bytes > UINT32_MAX || pieces->scratch.n_bytes > UINT32_MAX)
        return gm_err_set(err, GM_LIMIT, "the text becomes too long");
    if (pieces->failed || !gm_pieces_publish(pieces))
        return gm_err_set(err, GM_NOMEM, "out of memory");
    return GM_OK;
}
