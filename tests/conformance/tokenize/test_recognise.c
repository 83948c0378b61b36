/* The split rule of every real tokenizer file is told from it. Files that are not there are named
 * and skipped. */
#include "base/fs.h"
#include "fixture.h"
#include "tokenize/load.h"
#include "tokenize/split.h"

#include <fcntl.h>
#include <stdio.h>

static const struct {
    const char *file;
    enum gm_scheme scheme;
} expected[] = {
    {"tokenizers/gpt35turbo.json", GM_SCHEME_CL100K},
    {"tokenizers/gpt4o.json", GM_SCHEME_O200K},
    {"tokenizers/gptoss.json", GM_SCHEME_O200K},
    {"tokenizers/llama3.json", GM_SCHEME_CL100K},
    {"tokenizers/llama3_1.json", GM_SCHEME_CL100K},
    {"tokenizers/qwen3.json", GM_SCHEME_QWEN2},
    {"tokenizers/deepseek_v3.json", GM_SCHEME_DEEPSEEK3},
    {"tokenizers/gemma3.json", GM_SCHEME_WHOLE},
    {"tokenizers/gemini.json", GM_SCHEME_WHOLE},
    {"tokenizers/llama2.json", GM_SCHEME_WHOLE},
    {"tokenizers/claude.json", GM_SCHEME_GPT2},
    {"tiktoken/r50k_base.tiktoken", GM_SCHEME_GPT2},
    {"tiktoken/p50k_base.tiktoken", GM_SCHEME_GPT2},
    {"tiktoken/cl100k_base.tiktoken", GM_SCHEME_CL100K_END},
    {"tiktoken/o200k_base.tiktoken", GM_SCHEME_O200K},
};

/* 0: as expected; 1: not; 77: not there. */
static int check(size_t i)
{
    char path[4096];
    struct gm_err err = {0};
    struct gm_buf bytes;
    struct gm_spec spec;
    gm_buf_init(&bytes);
    gm_spec_init(&spec);
    fixture_path(expected[i].file, path, sizeof(path));
    enum gm_status status = gm_read_file(AT_FDCWD, path, GM_LOAD_MAX_BYTES, &bytes, &err);
    int result = 77;
    if (status == GM_OK) {
        const struct gm_load_opts opts = {.name = expected[i].file};
        status = gm_spec_load(&spec, bytes.data, bytes.n_bytes, &opts, &err);
        enum gm_scheme scheme = gm_scheme_recognise(&spec);
        result = status != GM_OK || scheme != expected[i].scheme;
        printf("%s: %s\n", expected[i].file, status != GM_OK ? err.text : gm_scheme_name(scheme));
    } else {
        printf("SKIPPED: no %s (make fixtures)\n", path);
    }
    gm_spec_free(&spec);
    gm_buf_free(&bytes);
    return result;
}

int main(void)
{
    int result = 0;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int each = check(i);
        result = each == 1 || result == 1 ? 1 : each > result ? each : result;
    }
    return result;
}
