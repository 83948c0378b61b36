/* The list of normalizers: made from the spec once, run over each text. Bert's is written as the
 * steps that it consists of. */
#include "tokenize/normal.h"
#include "tokenize/character.h"
#include "tokenize/charsmap.h"
#include "tokenize/normal_form.h"
#include "tokenize/normal_map.h"
#include "tokenize/regex.h"
#include "tokenize/replace_byte.h"
#include "tokenize/unicode16.h"
#include <stdlib.h>
#include <string.h>

struct step;
/* False: nothing changes; else the result has been appended to out. */
typedef bool (*step_function)(const struct step *step, const uint8_t *text, size_t n_bytes,
                              struct gm_buf *out);

struct step {
    step_function run;
    unsigned flags; /* GM_HF_NFC ...; GM_OP_LEFT, GM_OP_RIGHT */
    struct gm_normal_map map;
    const uint8_t *pattern, *content;
    size_t n_pattern_bytes, n_content_bytes;
    struct gm_replace_byte replace_byte;
    struct gm_regex *regex;
    struct gm_charsmap charsmap;
};

struct gm_normalizer {
    struct step *steps;
    uint32_t n_steps;
};
#define STEPS_OF_BERT 5u

static bool run_form(const struct step *step, const uint8_t *text, size_t n_bytes,
                     struct gm_buf *out)
{
    return gm_normal_form(step->flags, text, n_bytes, out);
}

static bool run_map(const struct step *step, const uint8_t *text, size_t n_bytes,
                    struct gm_buf *out)
{
    return gm_normal_map(&step->map, text, n_bytes, out);
}

static bool run_charsmap(const struct step *step, const uint8_t *text, size_t n_bytes,
                         struct gm_buf *out)
{
    return gm_charsmap_run(&step->charsmap, text, n_bytes, out);
}

static bool run_prepend(const struct step *step, const uint8_t *text, size_t n_bytes,
                        struct gm_buf *out)
{
    if (n_bytes == 0 || step->n_content_bytes == 0)
        return false;
    gm_buf_append(out, step->content, step->n_content_bytes);
    gm_buf_append(out, text, n_bytes);
    return true;
}

/* Length of the whitespace at the start, or 0. */
static size_t space_at(const uint8_t *text, size_t n_bytes)
{
    size_t length;
    uint32_t c = n_bytes ? gm_character_at(text, n_bytes, &length) : GM_NO_CHARACTER;
    return c != GM_NO_CHARACTER && gm_unicode16_is_space(c) ? length : 0;
}

static bool run_strip(const struct step *step, const uint8_t *text, size_t n_bytes,
                      struct gm_buf *out)
{
    size_t start = 0, end = n_bytes, length;
    while ((step->flags & GM_OP_LEFT) && (length = space_at(text + start, end - start)) > 0)
        start += length;
    while ((step->flags & GM_OP_RIGHT) && end > start) {
        size_t last = start + gm_character_before(text + start, end - start);
        if (space_at(text + last, end - last) != end - last)
            break;
        end = last;
    }
    if (end - start == n_bytes)
        return false;
    gm_buf_append(out, text + start, end - start);
    return true;
}

static bool run_replace_string(const struct step *step, const uint8_t *text, size_t n_bytes,
                               struct gm_buf *out)
{
    const uint8_t *found;
    size_t copied = 0;
    while (
        (found = memmem(text + copied, n_bytes - copied, step->pattern, step->n_pattern_bytes))) {
        gm_buf_append(out, text + copied, (size_t)(found - text) - copied);
        gm_buf_append(out, step->content, step->n_content_bytes);
        copied = (size_t)(found - text) + step->n_pattern_bytes;
    }
    if (copied == 0)
        return false;
    gm_buf_append(out, text + copied, n_bytes - copied);
    return true;
}

static bool run_replace_byte(const struct step *step, const uint8_t *text, size_t n_bytes,
                             struct gm_buf *out)
{
    return gm_replace_byte(&step->replace_byte, text, n_bytes, out);
}

static bool run_replace_regex(const struct step *step, const uint8_t *text, size_t n_bytes,
                              struct gm_buf *out)
{
    struct gm_regex_text work;
    size_t start, end, copied = 0;
    bool changed = false;
    if (n_bytes == 0) /* the reference does not search an empty text */
        return false;
    gm_regex_text_init(&work);
    if (!gm_regex_begin(&work, step->regex, text, n_bytes)) {
        out->failed = true;
        return true;
    }
    while (gm_regex_next(&work, &start, &end)) {
        gm_buf_append(out, text + copied, start - copied);
        gm_buf_append(out, step->content, step->n_content_bytes);
        copied = end;
        changed = true;
    }
    gm_regex_text_free(&work);
    if (changed)
        gm_buf_append(out, text + copied, n_bytes - copied);
    return changed;
}

static struct step *add_step(struct gm_normalizer *normalizer, step_function run)
{
    struct step *step = &normalizer->steps[normalizer->n_steps++];
    step->run = run;
    return step;
}

static void add_form(struct gm_normalizer *normalizer, unsigned form)
{
    add_step(normalizer, run_form)->flags = form;
}

static void add_map(struct gm_normalizer *normalizer, enum gm_normal_map_kind kind)
{
    gm_normal_map_init(&add_step(normalizer, run_map)->map, kind);
}

static void add_bert(struct gm_normalizer *normalizer, unsigned flags)
{
    if (flags & GM_OP_CLEAN)
        add_map(normalizer, GM_MAP_BERT_CLEAN);
    if (flags & GM_OP_CJK)
        add_map(normalizer, GM_MAP_BERT_CJK);
    if (flags & GM_OP_ACCENTS) {
        add_form(normalizer, GM_HF_NFD);
        add_map(normalizer, GM_MAP_BERT_ACCENTS);
    }
    if (flags & GM_OP_LOWER)
        add_map(normalizer, GM_MAP_LOWERCASE);
}

static void set_content(struct step *step, const struct gm_spec *spec, struct gm_spec_text content)
{
    step->content = content.n_bytes ? gm_spec_bytes(spec, content) : NULL;
    step->n_content_bytes = content.n_bytes;
}

/* A string pattern that is empty matches between all characters, as an expression does. */
static enum gm_status add_replace(struct gm_normalizer *normalizer, const struct gm_spec *spec,
                                  const struct gm_op *op, struct gm_err *err)
{
    bool is_regex = (op->flags & GM_OP_REGEX) || op->a.n_bytes == 0;
    struct step *step = add_step(normalizer, is_regex ? run_replace_regex : run_replace_string);
    const uint8_t *pattern = op->a.n_bytes ? gm_spec_bytes(spec, op->a) : (const uint8_t *)"";
    set_content(step, spec, op->b);
    step->pattern = pattern;
    step->n_pattern_bytes = op->a.n_bytes;
    if (!is_regex && op->a.n_bytes == 1 && op->b.n_bytes <= GM_REPLACE_MAX_BYTES) {
        step->run = run_replace_byte;
        step->replace_byte.from = pattern[0];
        step->replace_byte.n_bytes = (uint8_t)op->b.n_bytes;
        memcpy(step->replace_byte.content, gm_spec_bytes(spec, op->b), op->b.n_bytes);
    }
    return is_regex ? gm_regex_new(&step->regex, pattern, op->a.n_bytes, GM_REGEX_ONIGURUMA, err)
                    : GM_OK;
}

static enum gm_status add_op(struct gm_normalizer *normalizer, const struct gm_spec *spec,
                             const struct gm_op *op, struct gm_err *err)
{
    switch ((enum gm_op_kind)op->kind) {
    case GM_OP_NFC:
    case GM_OP_NFD:
    case GM_OP_NFKC:
    case GM_OP_NFKD:
        add_form(normalizer, 1u << (op->kind - GM_OP_NFC));
        return GM_OK;
    case GM_OP_NMT:
        add_map(normalizer, GM_MAP_NMT);
        return GM_OK;
    case GM_OP_LOWERCASE:
        add_map(normalizer, GM_MAP_LOWERCASE);
        return GM_OK;
    case GM_OP_STRIP_ACCENTS:
        add_map(normalizer, GM_MAP_STRIP_ACCENTS);
        return GM_OK;
    case GM_OP_STRIP:
        add_step(normalizer, run_strip)->flags = op->flags;
        return GM_OK;
    case GM_OP_PREPEND:
        set_content(add_step(normalizer, run_prepend), spec, op->a);
        return GM_OK;
    case GM_OP_REPLACE:
        return add_replace(normalizer, spec, op, err);
    case GM_OP_PRECOMPILED:
        return gm_charsmap_init(&add_step(normalizer, run_charsmap)->charsmap,
                                op->a.n_bytes ? gm_spec_bytes(spec, op->a) : NULL, op->a.n_bytes,
                                err);
    case GM_OP_BERT_NORMALIZER:
        add_bert(normalizer, op->flags);
        return GM_OK;
    case GM_OP_BYTE_LEVEL_NORMAL:
        return GM_OK;
    default:
        return gm_err_set(err, GM_INPUT, "unknown kind");
    }
}

_Static_assert(GM_HF_NFC == 1u << (GM_OP_NFC - GM_OP_NFC) &&
                   GM_HF_NFD == 1u << (GM_OP_NFD - GM_OP_NFC) &&
                   GM_HF_NFKC == 1u << (GM_OP_NFKC - GM_OP_NFC) &&
                   GM_HF_NFKD == 1u << (GM_OP_NFKD - GM_OP_NFC),
               "a form's bit follows from its kind");

static const char *kind_name(uint16_t kind)
{
    static const char *const names[] = {"NFC",      "NFD",       "NFKC",        "NFKD",
                                        "Nmt",      "Lowercase", "Strip",       "StripAccents",
                                        "Prepend",  "Replace",   "Precompiled", "BertNormalizer",
                                        "ByteLevel"};
    return kind >= GM_OP_NFC && kind <= GM_OP_BYTE_LEVEL_NORMAL ? names[kind - GM_OP_NFC] : "?";
}

enum gm_status gm_normalizer_new(struct gm_normalizer **normalizer, const struct gm_spec *spec,
                                 struct gm_err *err)
{
    enum gm_status status = GM_OK;
    *normalizer = calloc(1, sizeof(**normalizer));
    if (*normalizer)
        (*normalizer)->steps =
            calloc((size_t)spec->n_normalizers * STEPS_OF_BERT + 1, sizeof(*(*normalizer)->steps));
    if (!*normalizer || !(*normalizer)->steps)
        status = gm_err_set(err, GM_NOMEM, "out of memory");
    for (uint32_t i = 0; i < spec->n_normalizers && status == GM_OK; i++) {
        const struct gm_op *op = &spec->normalizers[i];
        if (i > 0 && op[-1].kind == GM_OP_BYTE_LEVEL_NORMAL)
            status = gm_err_set(err, GM_INPUT, "behind ByteLevel it is not supported");
        else
            status = add_op(*normalizer, spec, op, err);
        if (status != GM_OK)
            gm_err_add(err, "normalizer %u (%s)", i + 1, kind_name(op->kind));
    }
    if (status != GM_OK) {
        gm_normalizer_free(*normalizer);
        *normalizer = NULL;
    }
    return status;
}

void gm_normalizer_free(struct gm_normalizer *normalizer)
{
    if (!normalizer)
        return;
    for (uint32_t i = 0; i < normalizer->n_steps && normalizer->steps; i++)
        gm_regex_free(normalizer->steps[i].regex);
    free(normalizer->steps);
    free(normalizer);
}

enum gm_status gm_normalize_text(const struct gm_normalizer *normalizer, const uint8_t *text,
                                 size_t n_bytes, struct gm_buf *scratch, struct gm_normal_text *out,
                                 struct gm_err *err)
{
    struct gm_buf other = GM_BUF_INIT, swap;
    bool failed = false;
    *out = (struct gm_normal_text){text, n_bytes};
    gm_buf_clear(scratch);
    for (uint32_t i = 0; i < normalizer->n_steps && !failed; i++) {
        const struct step *step = &normalizer->steps[i];
        gm_buf_clear(&other);
        if (!step->run(step, out->data, out->n_bytes, &other))
            continue;
        failed = other.failed;
        swap = *scratch; /* the result is always in scratch */
        *scratch = other;
        other = swap;
        *out = (struct gm_normal_text){scratch->data, scratch->n_bytes};
    }
    gm_buf_free(&other);
    return failed ? gm_err_set(err, GM_NOMEM, "out of memory") : GM_OK;
}
