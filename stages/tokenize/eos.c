/* See eos.h. */
#include "tokenize/eos.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/jread.h"

#include <fcntl.h>
#include <string.h>

#define CONFIG_MAX_BYTES (16u << 20)

static const char *const config_names[] = {"tokenizer_config.json", "special_tokens_map.json"};

/* GPT-2, GPT-4, Qwen base; Llama-2, Mistral, T5; Llama-3; Gemma; DeepSeek; Claude. BERT's [SEP] and
 * chat turns' ends are no ends of documents. */
static const char *const known[] = {"<|endoftext|>",
                                    "</s>",
                                    "<|end_of_text|>",
                                    "<eos>",
                                    "<\xef\xbd\x9c"
                                    "end\xe2\x96\x81of\xe2\x96\x81sentence"
                                    "\xef\xbd\x9c>",
                                    "<EOT>"};

/* "content" of an object whose first token was read. */
static bool read_content(struct gm_jread *reader, struct gm_buf *text)
{
    enum gm_jread_token token;
    while ((token = gm_jread_next(reader)) == GM_JREAD_KEY) {
        bool wanted = gm_jread_is(reader, "content");
        token = gm_jread_next(reader);
        if (wanted && token == GM_JREAD_STRING)
            gm_buf_append(text, reader->value.data, reader->value.n_bytes);
        else if (!gm_jread_skip(reader, token))
            return false;
    }
    return token == GM_JREAD_OBJECT_END;
}

/* eos_token of a configuration file: a string, or an object with "content". Leaves text empty if it
 * has none; what cannot be read has none. */
static void read_eos(const struct gm_buf *file, struct gm_buf *text)
{
    struct gm_jread reader;
    gm_jread_init(&reader, file->data, file->n_bytes);
    bool ok = gm_jread_next(&reader) == GM_JREAD_OBJECT;
    while (ok && gm_jread_next(&reader) == GM_JREAD_KEY) {
        bool wanted = gm_jread_is(&reader, "eos_token");
        enum gm_jread_token token = gm_jread_next(&reader);
        if (wanted && token == GM_JREAD_STRING)
            gm_buf_append(text, reader.value.data, reader.value.n_bytes);
        else if (wanted && token == GM_JREAD_OBJECT)
            ok = read_content(&reader, text);
        else
            ok = gm_jread_skip(&reader, token);
    }
    gm_jread_free(&reader);
}

/* GM_MISSING: no such file, or it names none. */
static enum gm_status from_config(const struct gm_tokenizer *tokenizer, const char *path,
                                  const char *name, uint32_t *id, struct gm_err *err)
{
    struct gm_buf config_path = GM_BUF_INIT, file = GM_BUF_INIT, text = GM_BUF_INIT;
    const char *slash = strrchr(path, '/');
    if (slash)
        gm_buf_append(&config_path, path, (size_t)(slash - path) + 1);
    gm_buf_text(&config_path, name);
    enum gm_status status =
        gm_read_file(AT_FDCWD, gm_buf_cstr(&config_path), CONFIG_MAX_BYTES, &file, NULL);
    if (status == GM_OK)
        read_eos(&file, &text);
    status = text.n_bytes > 0 ? GM_OK : GM_MISSING;
    if (status == GM_OK) {
        *id = gm_tokenizer_id(tokenizer, text.data, text.n_bytes);
        if (*id == GM_NO_TOKEN)
            status = gm_err_set(err, GM_CONFIG,
                                "append_eos: %s names \"%s\", which is no token of the tokenizer",
                                gm_buf_cstr(&config_path), gm_buf_cstr(&text));
    }
    gm_buf_free(&config_path);
    gm_buf_free(&file);
    gm_buf_free(&text);
    return status;
}

static enum gm_status from_known(const struct gm_tokenizer *tokenizer, uint32_t *id,
                                 struct gm_err *err)
{
    struct gm_buf names = GM_BUF_INIT;
    unsigned n = 0;
    for (size_t i = 0; i < GM_ARRAY_LEN(known); i++) {
        uint32_t found = gm_tokenizer_id(tokenizer, known[i], strlen(known[i]));
        if (found == GM_NO_TOKEN)
            continue;
        gm_buf_printf(&names, "%s%s", n++ ? ", " : "", known[i]);
        *id = found;
    }
    enum gm_status status = GM_OK;
    if (n == 0)
        status = gm_err_set(err, GM_CONFIG,
                            "append_eos: the tokenizer's files do not say which token ends a "
                            "document: name it");
    else if (n > 1)
        status = gm_err_set(err, GM_CONFIG, "append_eos: it can be one of %s: name it",
                            gm_buf_cstr(&names));
    gm_buf_free(&names);
    return status;
}

enum gm_status gm_eos_find(const struct gm_tokenizer *tokenizer, const char *path, uint32_t *id,
                           struct gm_err *err)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(config_names); i++) {
        enum gm_status status = from_config(tokenizer, path, config_names[i], id, err);
        if (status != GM_MISSING)
            return status;
    }
    return from_known(tokenizer, id, err);
}
