/* The capitals stage: the share of capitals among the letters A to Z, which tells shouting and
 * tables of codes from prose. A text without such letters has no share; with require_letters it is
 * rejected. */
#include "stage.h"

struct capitals_opts {
    bool require_letters;
};

static const struct gm_opt opts[] = {{.name = "require_letters",
                                      .type = GM_OPT_BOOL,
                                      .offset = offsetof(struct capitals_opts, require_letters),
                                      .default_text = "false",
                                      .help = "reject a text that has no letter from A to Z"},
                                     GM_OPT_END};

enum { IN_TEXT };
static const struct gm_column_def in[] = {{"text", GM_TYPE_STRING, 0, NULL, "the text"},
                                          GM_COLUMN_END};

enum { OUT_CAPITAL_RATIO };
static const struct gm_column_def out[] = {
    {"capital_ratio", GM_TYPE_F64, 0, "of letters", "share of capitals among the letters A to Z"},
    GM_COLUMN_END};

struct capitals {
    const struct capitals_opts *opts;
    const struct gm_bind *bind;
};

static enum gm_status capitals_open(void *ctx, const void *values,
                                    const struct gm_prepared *prepared, const struct gm_bind *bind,
                                    struct gm_err *err)
{
    (void)prepared, (void)err;
    *(struct capitals *)ctx = (struct capitals){values, bind};
    return GM_OK;
}

static enum gm_status capitals_process(void *ctx, struct gm_batch *batch, uint32_t row,
                                       struct gm_err *err)
{
    const struct capitals *capitals = ctx;
    struct gm_view text = gm_batch_view(batch, capitals->bind->in[IN_TEXT], row);
    size_t n_capitals = 0, n_letters = 0;
    (void)err;
    for (size_t i = 0; i < text.n_bytes; i++) {
        n_capitals += text.data[i] >= 'A' && text.data[i] <= 'Z';
        n_letters += (text.data[i] | 32) >= 'a' && (text.data[i] | 32) <= 'z';
    }
    if (n_letters > 0)
        gm_batch_set_f64(batch, capitals->bind->out[OUT_CAPITAL_RATIO], row,
                         (double)n_capitals / (double)n_letters);
    else if (capitals->opts->require_letters)
        gm_batch_reject(batch, row, GM_REASON_TEXT_EMPTY, "no letter from A to Z");
    return GM_OK;
}

const struct gm_stage gm_text_capitals = {
    .name = "capitals",
    .family = "text",
    .summary = "share of capital letters",
    .in = in,
    .out = out,
    .opts = opts,
    .opts_bytes = sizeof(struct capitals_opts),
    .ctx_bytes = sizeof(struct capitals),
    .open = capitals_open,
    .process = capitals_process,
};
