/* Each step of the generic pre-tokenizers on one piece. */
#include "tokenize/character.h"
#include "tokenize/pieces.h"
#include "tokenize/unicode16.h"
#include "tokenize/unicode_hf.h"
#include <string.h>

static uint32_t character_at(const uint8_t *text, size_t n_bytes, size_t *length)
{
    uint32_t c = gm_character_at(text, n_bytes, length);
    return c == GM_NO_CHARACTER ? 0xFFFD : c;
}

typedef bool (*is_kind)(uint32_t code_point);

/* Each character of the kind is a match. */
static void find_kind(struct gm_pieces *pieces, struct gm_piece piece, is_kind kind)
{
    const uint8_t *text = pieces->text.data;
    size_t at = piece.start, last = at, length;
    for (; at < piece.end; at += length) {
        if (!kind(character_at(text + at, piece.end - at, &length)))
            continue;
        if (last < at)
            gm_pieces_span(pieces, last, at, false);
        gm_pieces_span(pieces, at, at + length, true);
        last = at + length;
    }
    if (last < piece.end)
        gm_pieces_span(pieces, last, piece.end, false);
}

static void find_regex(struct gm_pieces *pieces, struct gm_piece piece,
                       const struct gm_regex *regex)
{
    size_t start, end, last = piece.start;
    if (!gm_regex_begin(&pieces->regex, regex, pieces->text.data + piece.start,
                        piece.end - piece.start)) {
        pieces->failed = true;
        return;
    }
    while (gm_regex_next(&pieces->regex, &start, &end)) {
        if (last < piece.start + start)
            gm_pieces_span(pieces, last, piece.start + start, false);
        last = piece.start + end;
        gm_pieces_span(pieces, piece.start + start, last, true);
    }
    if (last < piece.end)
        gm_pieces_span(pieces, last, piece.end, false);
}

/* Each occurrence of a string that is not empty. */
static void find_string(struct gm_pieces *pieces, struct gm_piece piece, const uint8_t *wanted,
                        size_t n_bytes)
{
    const uint8_t *text = pieces->text.data, *found;
    size_t last = piece.start;
    while ((found = memmem(text + last, piece.end - last, wanted, n_bytes))) {
        size_t at = (size_t)(found - text);
        if (last < at)
            gm_pieces_span(pieces, last, at, false);
        last = at + n_bytes;
        gm_pieces_span(pieces, at, last, true);
    }
    if (last < piece.end)
        gm_pieces_span(pieces, last, piece.end, false);
}

static void fixed_length(struct gm_pieces *pieces, struct gm_piece piece, uint32_t n_characters)
{
    size_t at = piece.start, start = at, length;
    uint32_t n = 0;
    for (; at < piece.end; at += length) {
        if (n == n_characters) {
            gm_pieces_piece(pieces, start, at);
            start = at;
            n = 0;
        }
        character_at(pieces->text.data + at, piece.end - at, &length);
        n++;
    }
    gm_pieces_piece(pieces, start, piece.end);
}

/* Runs of one script; what has none (spaces, unassigned) goes on with the run. What stands before
 * the first character with a script is lost, as it is in Hugging Face. */
static void scripts(struct gm_pieces *pieces, struct gm_piece piece)
{
    size_t at = piece.start, start = piece.end, length;
    unsigned last = GM_HF_SCRIPT_ANY;
    for (; at < piece.end; at += length) {
        unsigned script =
            gm_hf_script(character_at(pieces->text.data + at, piece.end - at, &length));
        if (script == GM_HF_SCRIPT_ANY || script == last)
            continue;
        if (start < at)
            gm_pieces_piece(pieces, start, at);
        start = at;
        last = script;
    }
    gm_pieces_piece(pieces, start, piece.end);
}

/* A piece of the text as it will be: appended to scratch with every space replaced. */
static struct gm_piece replace_spaces(struct gm_pieces *pieces, struct gm_piece piece,
                                      const struct gm_pretok_step *step, bool prefix)
{
    struct gm_buf *out = &pieces->scratch;
    const uint8_t *text = pieces->text.data;
    size_t start = out->n_bytes, last = piece.start;
    if (prefix)
        gm_buf_append(out, step->pattern, step->n_bytes);
    for (size_t at = piece.start; at < piece.end; at++)
        if (text[at] == ' ') {
            gm_buf_append(out, text + last, at - last);
            gm_buf_append(out, step->pattern, step->n_bytes);
            last = at + 1;
        }
    gm_buf_append(out, text + last, piece.end - last);
    pieces->failed |= out->failed || out->n_bytes > UINT32_MAX;
    return (struct gm_piece){(uint32_t)start, (uint32_t)out->n_bytes};
}

static void swap_texts(struct gm_pieces *pieces)
{
    struct gm_buf text = pieces->text;
    pieces->text = pieces->scratch;
    pieces->scratch = text;
}

static void metaspace(const struct gm_pretok_step *step, struct gm_pieces *pieces,
                      struct gm_piece piece, bool at_beginning)
{
    const uint8_t *text = pieces->text.data + piece.start;
    size_t n_bytes = piece.end - piece.start;
    bool has_prefix = text[0] == ' ' ||
                      (n_bytes >= step->n_bytes && memcmp(text, step->pattern, step->n_bytes) == 0);
    bool wants_prefix = step->op->value == GM_PREPEND_ALWAYS ||
                        (step->op->value == GM_PREPEND_FIRST && at_beginning);
    struct gm_piece changed = replace_spaces(pieces, piece, step, wants_prefix && !has_prefix);
    if (pieces->failed)
        return;
    if (!(step->op->flags & GM_OP_SPLIT)) {
        gm_pieces_piece(pieces, changed.start, changed.end);
        return;
    }
    swap_texts(pieces); /* the new text is the one to look at */
    find_string(pieces, changed, step->pattern, step->n_bytes);
    swap_texts(pieces);
    gm_pieces_join(pieces, GM_SPLIT_MERGED_WITH_NEXT, false);
}

static void byte_level(const struct gm_pretok_step *step, struct gm_pieces *pieces,
                       struct gm_piece piece)
{
    struct gm_buf *out = &pieces->scratch;
    const uint8_t *text = pieces->text.data + piece.start;
    bool changes = gm_pretok_changes(step->op);
    if (changes) {
        size_t start = out->n_bytes;
        if (text[0] != ' ')
            gm_buf_char(out, ' ');
        gm_buf_append(out, text, piece.end - piece.start);
        pieces->failed |= out->failed || out->n_bytes > UINT32_MAX;
        if (pieces->failed)
            return;
        piece = (struct gm_piece){(uint32_t)start, (uint32_t)out->n_bytes};
    }
    if (!step->regex) {
        gm_pieces_piece(pieces, piece.start, piece.end);
        return;
    }
    if (changes)
        swap_texts(pieces);
    find_regex(pieces, piece, step->regex);
    if (changes)
        swap_texts(pieces);
    gm_pieces_join(pieces, GM_SPLIT_ISOLATED, false);
}

bool gm_pretok_changes(const struct gm_op *op)
{
    return op->kind == GM_OP_PRE_METASPACE ||
           (op->kind == GM_OP_PRE_BYTE_LEVEL && (op->flags & GM_OP_ADD_PREFIX_SPACE));
}

void gm_pretok_step(const struct gm_pretok_step *step, struct gm_pieces *pieces,
                    struct gm_piece piece, bool at_beginning)
{
    const struct gm_op *op = step->op;
    enum gm_split_behavior behavior = (enum gm_split_behavior)op->value;
    switch ((enum gm_op_kind)op->kind) {
    case GM_OP_PRE_BYTE_LEVEL:
        byte_level(step, pieces, piece);
        return;
    case GM_OP_PRE_METASPACE:
        metaspace(step, pieces, piece, at_beginning);
        return;
    case GM_OP_PRE_SCRIPTS:
        scripts(pieces, piece);
        return;
    case GM_OP_PRE_FIXED_LENGTH:
        fixed_length(pieces, piece, op->value);
        return;
    case GM_OP_PRE_DIGITS:
        find_kind(pieces, piece, gm_hf_is_numeric);
        behavior = op->flags & GM_OP_INDIVIDUAL ? GM_SPLIT_ISOLATED : GM_SPLIT_CONTIGUOUS;
        break;
    case GM_OP_PRE_PUNCTUATION:
        find_kind(pieces, piece, gm_hf_is_punctuation);
        break;
    case GM_OP_PRE_WHITESPACE_SPLIT:
        find_kind(pieces, piece, gm_unicode16_is_space);
        behavior = GM_SPLIT_REMOVED;
        break;
    case GM_OP_PRE_DELIMITER:
        find_string(pieces, piece, step->pattern, step->n_bytes);
        behavior = GM_SPLIT_REMOVED;
        break;
    case GM_OP_PRE_WHITESPACE:
        find_regex(pieces, piece, step->regex);
        gm_pieces_join(pieces, GM_SPLIT_REMOVED, true);
        return;
    default: /* GM_OP_PRE_SPLIT */
        if (step->regex)
            find_regex(pieces, piece, step->regex);
        else
            find_string(pieces, piece, step->pattern, step->n_bytes);
    }
    gm_pieces_join(pieces, behavior, op->flags & GM_OP_INVERT);
}
