/* Which kind of tokenizer file it is, and the frame of loading one. */
#include "tokenize/load.h"

#include "tokenize/image.h"
#include "tokenize/load_parts.h"
#include <string.h>

/* "IQ== 0": visible characters, a space, a digit. */
static bool is_rank_line(const uint8_t *bytes, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes && bytes[i] > ' ' && bytes[i] < 0x7F)
        i++;
    return i > 0 && n_bytes - i >= 2 && bytes[i] == ' ' && bytes[i + 1] >= '0' &&
           bytes[i + 1] <= '9';
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

enum gm_load_kind gm_load_kind(const void *data, size_t n_bytes)
{
    const uint8_t *bytes = data;
    size_t magic_bytes = strlen(GM_IMAGE_MAGIC);
    if (n_bytes >= magic_bytes && memcmp(bytes, GM_IMAGE_MAGIC, magic_bytes) == 0)
        return GM_LOAD_IMAGE;
    size_t i = 0;
    while (i < n_bytes && is_space(bytes[i]))
        i++;
    if (i < n_bytes && bytes[i] == '{')
        return GM_LOAD_JSON;
    return is_rank_line(bytes, n_bytes) ? GM_LOAD_TIKTOKEN : GM_LOAD_UNKNOWN;
}

static enum gm_status load(struct gm_loader *loader, const void *data, size_t n_bytes,
                           const struct gm_load_opts *opts)
{
    if (n_bytes > GM_LOAD_MAX_BYTES)
        return gm_err_set(loader->err, GM_LIMIT, "a tokenizer file of %zu bytes: more than %u",
                          n_bytes, GM_LOAD_MAX_BYTES);
    switch (gm_load_kind(data, n_bytes)) {
    case GM_LOAD_JSON:
        return gm_load_json(loader, data, n_bytes, opts->n_behind);
    case GM_LOAD_TIKTOKEN:
        return gm_load_tiktoken(loader, data, n_bytes, opts);
    default:
        return gm_err_set(loader->err, GM_INPUT, "neither a tokenizer.json nor a .tiktoken file");
    }
}

enum gm_status gm_spec_load(struct gm_spec *spec, const void *data, size_t n_bytes,
                            const struct gm_load_opts *opts, struct gm_err *err)
{
    static const struct gm_load_opts defaults;
    if (!opts)
        opts = &defaults;
    struct gm_loader loader = {
        .spec = spec, .notes = opts->notes, .err = err, .quoted = GM_BUF_INIT};
    enum gm_status status = load(&loader, data, n_bytes, opts);
    gm_names_free(&loader.names);
    gm_buf_free(&loader.quoted);
    if (status != GM_OK)
        gm_spec_free(spec);
    return status;
}
