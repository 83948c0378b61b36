/* A tokenizer's spec: what it owns, and its text. See spec.h. */
#include "tokenize/spec.h"

#include <stdlib.h>
#include <string.h>

void gm_spec_init(struct gm_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    spec->unk_id = GM_NO_TOKEN;
    gm_buf_init(&spec->pool);
}

void gm_spec_free(struct gm_spec *spec)
{
    free(spec->tokens);
    free(spec->merges);
    free(spec->added);
    free(spec->normalizers);
    free(spec->pretokenizers);
    free(spec->decoders);
    free(spec->prefix_ids);
    free(spec->suffix_ids);
    gm_buf_free(&spec->pool);
    gm_spec_init(spec);
}

const char *gm_model_name(enum gm_model_kind model)
{
    static const char *const names[GM_MODEL_COUNT] = {
#define X(name, text) text,
        GM_MODEL_TABLE(X)
#undef X
    };
    GM_ASSERT(model < GM_MODEL_COUNT);
    return names[model];
}
