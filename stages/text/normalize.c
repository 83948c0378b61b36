/* Stage normalize: one spelling for texts that look the same. Passes in a fixed order, each over
 * the result of the one before:
 *
 *      control characters -> normalisation form -> line ends -> white space
 *
 * Control characters go first, because without them a letter and its accent may meet; white space
 * comes last, because form KC makes spaces. The result shadows the column "text"; a text that no
 * pass changes keeps its bytes where they are. */
#include "base/buf.h"
#include "stage.h"
#include "text/nform.h"
#include "text/tidy.h"

#include <string.h>

enum form { FORM_NONE, FORM_NFC, FORM_NFKC };
enum control { CONTROL_KEEP, CONTROL_STRIP };
enum newlines { NEWLINES_KEEP, NEWLINES_LF };
enum whitespace { WHITESPACE_KEEP, WHITESPACE_TRIM, WHITESPACE_COLLAPSE, WHITESPACE_FLATTEN };

struct normalize_opts {
    int form, control, newlines, whitespace;
};

struct normalize {
    const struct normalize_opts *opts;
    struct gm_nformer nformer;
    struct gm_buf buffers[2]; /* a pass reads one and writes the other */
    unsigned n_passes;        /* that changed the text; the last wrote buffers[n_passes % 2] */
    int in, out;
};

#define BUFFER_KEPT_BYTES ((size_t)1 << 20) /* a larger buffer is given back after its text */

static const char *const form_choices[] = {"none", "nfc", "nfkc", NULL};
static const char *const control_choices[] = {"keep", "strip", NULL};
static const char *const newlines_choices[] = {"keep", "lf", NULL};
static const char *const whitespace_choices[] = {"keep", "trim", "collapse", "flatten", NULL};

static const struct gm_opt opts[] = {
    {.name = "form",
     .type = GM_OPT_ENUM,
     .offset = offsetof(struct normalize_opts, form),
     .default_text = "nfc",
     .choices = form_choices,
     .help = "Unicode normalisation form"},
    {.name = "control",
     .type = GM_OPT_ENUM,
     .offset = offsetof(struct normalize_opts, control),
     .default_text = "keep",
     .choices = control_choices,
     .help = "control characters other than white space"},
    {.name = "newlines",
     .type = GM_OPT_ENUM,
     .offset = offsetof(struct normalize_opts, newlines),
     .default_text = "keep",
     .choices = newlines_choices,
     .help = "lf: CR LF and CR become LF"},
    {.name = "whitespace",
     .type = GM_OPT_ENUM,
     .offset = offsetof(struct normalize_opts, whitespace),
     .default_text = "keep",
     .choices = whitespace_choices,
     .help = "trim: none at both ends; collapse: also runs become a space, line end or empty line; "
             "flatten: runs become a space"},
    GM_OPT_END};

static const struct gm_column_def in[] = {
    {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, "the text"}, GM_COLUMN_END};

static const struct gm_column_def out[] = {
    {"text", GM_TYPE_STRING, GM_COLUMN_VISIBLE, NULL, "the normalised text"}, GM_COLUMN_END};

static enum gm_status normalize_open(void *ctx, const void *options,
                                     const struct gm_prepared *prepared, const struct gm_bind *bind,
                                     struct gm_err *err)
{
    (void)prepared;
    (void)err;
    struct normalize *normalize = ctx;
    normalize->opts = options;
    normalize->in = bind->in[0];
    normalize->out = bind->out[0];
    gm_nformer_init(&normalize->nformer);
    gm_buf_init(&normalize->buffers[0]);
    gm_buf_init(&normalize->buffers[1]);
    return GM_OK;
}

static void normalize_close(void *ctx)
{
    struct normalize *normalize = ctx;
    gm_nformer_fini(&normalize->nformer);
    gm_buf_free(&normalize->buffers[0]);
    gm_buf_free(&normalize->buffers[1]);
}

static struct gm_buf *begin_pass(struct normalize *normalize)
{
    struct gm_buf *buffer = &normalize->buffers[(normalize->n_passes + 1) % 2];
    gm_buf_clear(buffer);
    return buffer;
}

/* Takes what a pass wrote, unless it is what it read. */
static bool end_pass(struct normalize *normalize, const struct gm_buf *buffer, struct gm_view *text)
{
    if (buffer->failed)
        return false;
    if (buffer->n_bytes == text->n_bytes &&
        (text->n_bytes == 0 || memcmp(buffer->data, text->data, text->n_bytes) == 0))
        return true;
    *text = (struct gm_view){buffer->data, buffer->n_bytes};
    normalize->n_passes++;
    return true;
}

static bool pass_form(struct normalize *normalize, struct gm_view *text)
{
    const enum gm_nform form = normalize->opts->form == FORM_NFKC ? GM_NFORM_NFKC : GM_NFORM_NFC;
    if (gm_nform_prefix(form, text->data, text->n_bytes) == text->n_bytes)
        return true;
    struct gm_buf *buffer = begin_pass(normalize);
    return gm_nform_append(&normalize->nformer, form, text->data, text->n_bytes, buffer, NULL) ==
               GM_OK &&
           end_pass(normalize, buffer, text);
}

static bool pass_whitespace(struct normalize *normalize, struct gm_view *text)
{
    if (normalize->opts->whitespace == WHITESPACE_TRIM) {
        *text = gm_tidy_trim(*text);
        return true;
    }
    struct gm_buf *buffer = begin_pass(normalize);
    gm_tidy_spaces(*text,
                   normalize->opts->whitespace == WHITESPACE_FLATTEN ? GM_TIDY_FLATTEN
                                                                     : GM_TIDY_COLLAPSE,
                   buffer);
    return end_pass(normalize, buffer, text);
}

/* false: no memory. */
static bool run_passes(struct normalize *normalize, struct gm_view *text)
{
    const struct normalize_opts *wanted = normalize->opts;
    bool is_ok = true;
    if (wanted->control == CONTROL_STRIP) {
        struct gm_buf *buffer = begin_pass(normalize);
        gm_tidy_controls(*text, buffer);
        is_ok = end_pass(normalize, buffer, text);
    }
    if (is_ok && wanted->form != FORM_NONE)
        is_ok = pass_form(normalize, text);
    if (is_ok && wanted->newlines == NEWLINES_LF && memchr(text->data, '\r', text->n_bytes)) {
        struct gm_buf *buffer = begin_pass(normalize);
        gm_tidy_newlines(*text, buffer);
        is_ok = end_pass(normalize, buffer, text);
    }
    if (is_ok && wanted->whitespace != WHITESPACE_KEEP)
        is_ok = pass_whitespace(normalize, text);
    return is_ok;
}

static enum gm_status normalize_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                        struct gm_err *err)
{
    struct normalize *normalize = ctx;
    const struct gm_view original = gm_batch_view(batch, normalize->in, row);
    struct gm_view text = original;
    normalize->n_passes = 0;
    bool is_ok = original.n_bytes == 0 || run_passes(normalize, &text);
    if (is_ok && text.n_bytes == 0) {
        gm_batch_reject(batch, row, GM_REASON_TEXT_EMPTY, "normalisation left nothing");
    } else if (is_ok && normalize->n_passes == 0) {
        gm_batch_set_view(batch, normalize->out, row, text.data, text.n_bytes);
    } else if (is_ok) {
        is_ok = gm_batch_set_copy(batch, normalize->out, row, text.data, text.n_bytes);
    }
    for (unsigned i = 0; i < 2; i++)
        if (normalize->buffers[i].capacity_bytes > BUFFER_KEPT_BYTES)
            gm_buf_free(&normalize->buffers[i]);
    if (!is_ok)
        return gm_err_set(err, GM_NOMEM, "no memory to normalise a text of %zu bytes",
                          original.n_bytes);
    return GM_OK;
}

const struct gm_stage gm_text_normalize = {
    .name = "normalize",
    .family = "text",
    .summary = "gives texts that look the same the same bytes",
    .in = in,
    .out = out,
    .opts = opts,
    .opts_bytes = sizeof(struct normalize_opts),
    .ctx_bytes = sizeof(struct normalize),
    .open = normalize_open,
    .process = normalize_process,
    .close = normalize_close,
};
