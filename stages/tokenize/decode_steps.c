/* The decoders, one function each: from the list `in`, text by text, to the list `out`. */
#include "tokenize/decode_steps.h"

#include "base/utf8.h"
#include "tokenize/byte_alphabet.h"
#include "tokenize/character.h"
#include "tokenize/regex.h"
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

struct gm_decode_steps {
    const struct gm_spec *spec;
    struct gm_regex **regexes; /* by place of the decoder; NULL: it has none */
};

struct text {
    const uint8_t *data;
    size_t n_bytes;
};

/* ---- lists ---- */

void gm_strings_init(struct gm_strings *strings)
{
    gm_buf_init(&strings->bytes);
    gm_buf_init(&strings->ends);
}

void gm_strings_free(struct gm_strings *strings)
{
    gm_buf_free(&strings->bytes);
    gm_buf_free(&strings->ends);
}

void gm_strings_end(struct gm_strings *strings)
{
    size_t end = strings->bytes.n_bytes;
    gm_buf_append(&strings->ends, &end, sizeof end);
    strings->bytes.failed = strings->bytes.failed || strings->ends.failed;
}

static void clear(struct gm_strings *strings)
{
    gm_buf_clear(&strings->bytes);
    gm_buf_clear(&strings->ends);
}

static size_t count(const struct gm_strings *strings)
{
    return strings->ends.n_bytes / sizeof(size_t);
}

static size_t end_of(const struct gm_strings *strings, size_t i)
{
    size_t end;
    memcpy(&end, strings->ends.data + i * sizeof end, sizeof end);
    return end;
}

/* Its data is never NULL: a list of empty texts has no buffer. */
static struct text text_at(const struct gm_strings *strings, size_t i)
{
    size_t start = i > 0 ? end_of(strings, i - 1) : 0;
    const uint8_t *data = strings->bytes.data ? strings->bytes.data : (const uint8_t *)"";
    return (struct text){data + start, end_of(strings, i) - start};
}

static void append(struct gm_buf *out, struct text text)
{
    gm_buf_append(out, text.data, text.n_bytes);
}

/* ---- help ---- */

/* A run: its step and its lists. */
struct run {
    const struct gm_spec *spec;
    const struct gm_op *op;
    const struct gm_regex *regex;
    const struct gm_strings *in;
    struct gm_strings *out;
};

static struct text op_text(const struct run *run, struct gm_spec_text text)
{
    return (struct text){gm_spec_bytes(run->spec, text), text.n_bytes};
}

static struct text literal(const char *text)
{
    return (struct text){(const uint8_t *)text, strlen(text)};
}

static void append_replaced(struct gm_buf *out, struct text text, struct text from, struct text to)
{
    while (text.n_bytes > 0) {
        const uint8_t *found =
            from.n_bytes ? memmem(text.data, text.n_bytes, from.data, from.n_bytes) : NULL;
        size_t n = found ? (size_t)(found - text.data) : text.n_bytes;
        gm_buf_append(out, text.data, n);
        if (!found)
            break;
        append(out, to);
        text = (struct text){text.data + n + from.n_bytes, text.n_bytes - n - from.n_bytes};
    }
}

/* Rust's "x".replace("", to) puts `to` at every character's side; a suffix or pad token may be
 * empty. */
static void append_replaced_any(struct gm_buf *out, struct text text, struct text from,
                                struct text to)
{
    if (from.n_bytes > 0) {
        append_replaced(out, text, from, to);
        return;
    }
    append(out, to);
    while (text.n_bytes > 0) {
        size_t length;
        gm_character_at(text.data, text.n_bytes, &length);
        gm_buf_append(out, text.data, length);
        append(out, to);
        text = (struct text){text.data + length, text.n_bytes - length};
    }
}

static bool has_prefix(struct text text, struct text prefix)
{
    return text.n_bytes >= prefix.n_bytes &&
           (prefix.n_bytes == 0 || memcmp(text.data, prefix.data, prefix.n_bytes) == 0);
}

/* English punctuation without the spaces that tokenizing put there. */
static void append_clean(struct gm_buf *out, struct text text)
{
    static const char *const pairs[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    struct gm_buf buffers[2] = {GM_BUF_INIT, GM_BUF_INIT};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct gm_buf *next = &buffers[i % 2];
        gm_buf_clear(next);
        append_replaced(next, text, literal(pairs[i][0]), literal(pairs[i][1]));
        text = (struct text){next->data, next->n_bytes};
    }
    out->failed = out->failed || buffers[0].failed || buffers[1].failed;
    append(out, text);
    gm_buf_free(&buffers[0]);
    gm_buf_free(&buffers[1]);
}

/* ---- the decoders ---- */

static void decode_byte_level(const struct run *run)
{
    struct gm_buf bytes = GM_BUF_INIT;
    struct gm_buf *out = &run->out->bytes;
    for (size_t i = 0; i < count(run->in); i++) {
        struct text text = text_at(run->in, i);
        if (!gm_alphabet_decode(text.data, text.n_bytes, &bytes))
            append(&bytes, text);
    }
    struct text rest = {bytes.data, bytes.n_bytes};
    while (rest.n_bytes > 0) {
        size_t n = gm_utf8_valid_prefix(rest.data, rest.n_bytes);
        gm_buf_append(out, rest.data, n);
        if (n < rest.n_bytes) {
            n += gm_utf8_bad_length(rest.data + n, rest.n_bytes - n);
            gm_buf_text(out, REPLACEMENT);
        }
        rest = (struct text){rest.data + n, rest.n_bytes - n};
    }
    out->failed = out->failed || bytes.failed;
    gm_strings_end(run->out);
    gm_buf_free(&bytes);
}

static void append_matches_replaced(struct gm_buf *out, const struct run *run, struct text text,
                                    struct gm_regex_text *work)
{
    size_t done = 0, start, end;
    if (!gm_regex_begin(work, run->regex, text.data, text.n_bytes)) {
        out->failed = true;
        return;
    }
    while (text.n_bytes > 0 && gm_regex_next(work, &start, &end)) {
        gm_buf_append(out, text.data + done, start - done);
        append(out, op_text(run, run->op->b));
        done = end;
    }
    gm_buf_append(out, text.data + done, text.n_bytes - done);
}

static void decode_regex(const struct run *run)
{
    struct gm_regex_text work;
    gm_regex_text_init(&work);
    for (size_t i = 0; i < count(run->in); i++) {
        append_matches_replaced(&run->out->bytes, run, text_at(run->in, i), &work);
        gm_strings_end(run->out);
    }
    gm_regex_text_free(&work);
}

static void decode_replace(const struct run *run)
{
    if (run->regex) {
        decode_regex(run);
        return;
    }
    for (size_t i = 0; i < count(run->in); i++) {
        append_replaced(&run->out->bytes, text_at(run->in, i), op_text(run, run->op->a),
                        op_text(run, run->op->b));
        gm_strings_end(run->out);
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The byte that "<0xNN>" stands for; -1: none. A plus sign is a digit's sign, as in Rust. */
static int fallback_byte(struct text text)
{
    if (text.n_bytes != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    int high = text.data[3] == '+' ? 0 : hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Bytes in a row that are no UTF-8 together become a U+FFFD each. */
static void end_bytes(struct gm_strings *out, struct gm_buf *bytes)
{
    if (bytes->n_bytes == 0)
        return;
    if (gm_utf8_valid_prefix(bytes->data, bytes->n_bytes) == bytes->n_bytes) {
        gm_buf_append(&out->bytes, bytes->data, bytes->n_bytes);
        gm_strings_end(out);
    } else {
        for (size_t i = 0; i < bytes->n_bytes; i++) {
            gm_buf_text(&out->bytes, REPLACEMENT);
            gm_strings_end(out);
        }
    }
    out->bytes.failed = out->bytes.failed || bytes->failed;
    gm_buf_clear(bytes);
}

static void decode_byte_fallback(const struct run *run)
{
    struct gm_buf bytes = GM_BUF_INIT;
    for (size_t i = 0; i < count(run->in); i++) {
        struct text text = text_at(run->in, i);
        int byte = fallback_byte(text);
        if (byte >= 0) {
            gm_buf_char(&bytes, (char)byte);
            continue;
        }
        end_bytes(run->out, &bytes);
        append(&run->out->bytes, text);
        gm_strings_end(run->out);
    }
    end_bytes(run->out, &bytes);
    gm_buf_free(&bytes);
}

static void decode_fuse(const struct run *run)
{
    gm_buf_append(&run->out->bytes, run->in->bytes.data, run->in->bytes.n_bytes);
    gm_strings_end(run->out);
}

static void decode_strip(const struct run *run)
{
    struct text character = op_text(run, run->op->a);
    for (size_t i = 0; i < count(run->in); i++) {
        struct text text = text_at(run->in, i);
        struct text whole = text;
        for (uint32_t n = 0; n < run->op->value && text.n_bytes > 0; n++) {
            if (!has_prefix(text, character))
                break;
            text.data += character.n_bytes;
            text.n_bytes -= character.n_bytes;
        }
        /* The end is looked for in the whole text; the two may meet. */
        for (uint32_t n = 0; n < run->op->value2 && whole.n_bytes >= character.n_bytes; n++) {
            if (memcmp(whole.data + whole.n_bytes - character.n_bytes, character.data,
                       character.n_bytes) != 0)
                break;
            whole.n_bytes -= character.n_bytes;
        }
        if (whole.data + whole.n_bytes > text.data)
            gm_buf_append(&run->out->bytes, text.data,
                          (size_t)(whole.data + whole.n_bytes - text.data));
        gm_strings_end(run->out);
    }
}

static void decode_wordpiece(const struct run *run)
{
    struct gm_buf word = GM_BUF_INIT;
    struct text prefix = op_text(run, run->op->a);
    for (size_t i = 0; i < count(run->in); i++) {
        struct text text = text_at(run->in, i);
        gm_buf_clear(&word);
        if (i > 0 && has_prefix(text, prefix))
            text = (struct text){text.data + prefix.n_bytes, text.n_bytes - prefix.n_bytes};
        else if (i > 0)
            gm_buf_char(&word, ' ');
        append(&word, text);
        if (run->op->flags & GM_OP_CLEANUP)
            append_clean(&run->out->bytes, (struct text){word.data, word.n_bytes});
        else
            gm_buf_append(&run->out->bytes, word.data, word.n_bytes);
        run->out->bytes.failed = run->out->bytes.failed || word.failed;
        gm_strings_end(run->out);
    }
    gm_buf_free(&word);
}

static void decode_metaspace(const struct run *run)
{
    bool drops = run->op->value != GM_PREPEND_NEVER;
    for (size_t i = 0; i < count(run->in); i++) {
        append_replaced(&run->out->bytes, text_at(run->in, i), op_text(run, run->op->a),
                        literal(i == 0 && drops ? "" : " "));
        gm_strings_end(run->out);
    }
}

static void decode_bpe(const struct run *run)
{
    size_t n = count(run->in);
    for (size_t i = 0; i < n; i++) {
        append_replaced_any(&run->out->bytes, text_at(run->in, i), op_text(run, run->op->a),
                            literal(i + 1 == n ? "" : " "));
        gm_strings_end(run->out);
    }
}

static bool is_same(struct text left, struct text right)
{
    return left.n_bytes == right.n_bytes && has_prefix(left, right);
}

static void decode_ctc(const struct run *run)
{
    struct gm_buf words[2] = {GM_BUF_INIT, GM_BUF_INIT};
    struct gm_buf *out = &run->out->bytes;
    for (size_t i = 0; i < count(run->in); i++) {
        struct text text = text_at(run->in, i);
        if (i > 0 && is_same(text, text_at(run->in, i - 1)))
            continue;
        size_t start = out->n_bytes;
        gm_buf_clear(&words[0]);
        gm_buf_clear(&words[1]);
        append_replaced_any(&words[0], text, op_text(run, run->op->a), literal(""));
        text = (struct text){words[0].data, words[0].n_bytes};
        if (run->op->flags & GM_OP_CLEANUP) {
            append_clean(&words[1], text);
            append_replaced_any(out, (struct text){words[1].data, words[1].n_bytes},
                                op_text(run, run->op->b), literal(" "));
        } else {
            append(out, text);
        }
        out->failed = out->failed || words[0].failed || words[1].failed;
        if (out->n_bytes > start)
            gm_strings_end(run->out);
    }
    gm_buf_free(&words[0]);
    gm_buf_free(&words[1]);
}

/* ---- the chain ---- */

static void (*const decoders[])(const struct run *) = {
    [GM_OP_DECODE_BYTE_LEVEL] = decode_byte_level,
    [GM_OP_DECODE_REPLACE] = decode_replace,
    [GM_OP_DECODE_BYTE_FALLBACK] = decode_byte_fallback,
    [GM_OP_DECODE_FUSE] = decode_fuse,
    [GM_OP_DECODE_STRIP] = decode_strip,
    [GM_OP_DECODE_WORDPIECE] = decode_wordpiece,
    [GM_OP_DECODE_METASPACE] = decode_metaspace,
    [GM_OP_DECODE_BPE] = decode_bpe,
    [GM_OP_DECODE_CTC] = decode_ctc,
};

static enum gm_status make_regex(struct gm_decode_steps *steps, uint32_t i, struct gm_err *err)
{
    const struct gm_op *op = &steps->spec->decoders[i];
    if (op->kind >= sizeof decoders / sizeof *decoders || !decoders[op->kind])
        return gm_err_set(err, GM_INPUT, "decoder %u: kind %u is not known", i, op->kind);
    if (op->kind == GM_OP_DECODE_STRIP && op->a.n_bytes == 0)
        return gm_err_set(err, GM_INPUT, "decoder %u: no character", i);
    if (!(op->flags & GM_OP_REGEX))
        return GM_OK;
    enum gm_status status = gm_regex_new(&steps->regexes[i], gm_spec_bytes(steps->spec, op->a),
                                         op->a.n_bytes, GM_REGEX_ONIGURUMA, err);
    return status == GM_OK ? GM_OK : gm_err_add(err, "decoder %u: pattern", i);
}

enum gm_status gm_decode_steps_new(struct gm_decode_steps **out, const struct gm_spec *spec,
                                   struct gm_err *err)
{
    *out = NULL;
    struct gm_decode_steps *steps = calloc(1, sizeof *steps);
    if (!steps)
        return gm_err_set(err, GM_NOMEM, "no memory for a decoder");
    steps->spec = spec;
    steps->regexes = calloc(spec->n_decoders + 1, sizeof(struct gm_regex *));
    enum gm_status status = steps->regexes ? GM_OK : GM_NOMEM;
    if (status != GM_OK)
        gm_err_set(err, status, "no memory for a decoder");
    for (uint32_t i = 0; status == GM_OK && i < spec->n_decoders; i++)
        status = make_regex(steps, i, err);
    if (status != GM_OK) {
        gm_decode_steps_free(steps);
        return status;
    }
    *out = steps;
    return GM_OK;
}

void gm_decode_steps_free(struct gm_decode_steps *steps)
{
    if (!steps)
        return;
    for (uint32_t i = 0; steps->regexes && i < steps->spec->n_decoders; i++)
        gm_regex_free(steps->regexes[i]);
    free(steps->regexes);
    free(steps);
}

enum gm_status gm_decode_steps_run(const struct gm_decode_steps *steps, struct gm_strings *strings,
                                   struct gm_buf *text, struct gm_err *err)
{
    struct gm_strings other;
    struct gm_strings *in = strings, *out = &other;
    gm_strings_init(&other);
    for (uint32_t i = 0; i < steps->spec->n_decoders; i++) {
        const struct gm_op *op = &steps->spec->decoders[i];
        bool failed = in->bytes.failed;
        clear(out);
        struct run run = {steps->spec, op, steps->regexes[i], in, out};
        decoders[op->kind](&run);
        out->bytes.failed = out->bytes.failed || failed;
        struct gm_strings *swap = in;
        in = out;
        out = swap;
    }
    for (size_t i = 0; i < count(in); i++) {
        if (i > 0 && steps->spec->n_decoders == 0)
            gm_buf_char(text, ' ');
        append(text, text_at(in, i));
    }
    bool failed = in->bytes.failed || text->failed;
    gm_strings_free(&other);
    return failed ? gm_err_set(err, GM_NOMEM, "no memory to decode") : GM_OK;
}
