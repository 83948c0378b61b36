/* tool_tokenize encode|decode FILE [-s] [-o] [-i error|replace|bytes] [-e ENCODING] [-c BYTES] [-t
 * TIER]
 * [-m IMAGE]: the tokenizer as a filter, for comparing it with others.
 *
 * encode reads texts and writes ids, decode the other way round. A text is its length and its
 * bytes, ids are their number and the ids; all numbers are 32 bits, little-endian. A text that
 * fails gives the number 0xFFFFFFFF. */
#include "tokenize/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tool {
    struct gm_tokenizer *tokenizer;
    struct gm_encoder *encoder;
    struct gm_buf in, out;
    unsigned decode_flags;
};

static bool read_item(struct gm_buf *in, size_t item_bytes)
{
    uint32_t n;
    if (fread(&n, sizeof n, 1, stdin) != 1)
        return false;
    gm_buf_clear(in);
    if (!gm_buf_reserve(in, (size_t)n * item_bytes + 1))
        return false;
    in->n_bytes = (size_t)n * item_bytes;
    return in->n_bytes == 0 || fread(in->data, in->n_bytes, 1, stdin) == 1;
}

static void write_item(uint32_t n, const void *data, size_t n_bytes)
{
    fwrite(&n, sizeof n, 1, stdout);
    if (n_bytes > 0)
        fwrite(data, n_bytes, 1, stdout);
}

static void encode_all(struct tool *tool)
{
    struct gm_err err;
    const uint32_t *ids;
    size_t n;
    while (read_item(&tool->in, 1)) {
        /* An exact copy, so that a sanitizer guards its end. */
        uint8_t *copy = malloc(tool->in.n_bytes ? tool->in.n_bytes : 1);
        if (!copy)
            exit(1);
        if (tool->in.n_bytes > 0)
            memcpy(copy, tool->in.data, tool->in.n_bytes);
        enum gm_status status = gm_encode(tool->encoder, copy, tool->in.n_bytes, &ids, &n, &err);
        free(copy);
        if (status == GM_OK)
            write_item((uint32_t)n, ids, n * sizeof *ids);
        else
            write_item(UINT32_MAX, NULL, 0);
    }
}

static void decode_all(struct tool *tool)
{
    struct gm_err err;
    while (read_item(&tool->in, sizeof(uint32_t))) {
        gm_buf_clear(&tool->out);
        enum gm_status status =
            gm_decode(tool->tokenizer, (const uint32_t *)tool->in.data,
                      tool->in.n_bytes / sizeof(uint32_t), tool->decode_flags, &tool->out, &err);
        if (status == GM_OK)
            write_item((uint32_t)tool->out.n_bytes, tool->out.data, tool->out.n_bytes);
        else
            write_item(UINT32_MAX, NULL, 0);
    }
}

static enum gm_invalid_utf8 policy(const char *name)
{
    if (strcmp(name, "replace") == 0)
        return GM_INVALID_REPLACE;
    return strcmp(name, "bytes") == 0 ? GM_INVALID_BYTES : GM_INVALID_ERROR;
}

static int fail(const struct gm_err *err)
{
    fprintf(stderr, "%s\n", err->text);
    return gm_status_exit_code(err->status);
}

int main(int argc, char **argv)
{
    struct tool tool = {.in = GM_BUF_INIT, .out = GM_BUF_INIT};
    struct gm_tokenizer_opts opts = {0};
    struct gm_encoder_opts encoder_opts = {.tier = GM_TIER_COUNT};
    struct gm_err err;
    int option;
    while ((option = getopt(argc, argv, "soi:e:c:t:m:")) != -1) {
        switch (option) {
        case 's':
            encoder_opts.flags |= GM_ENCODE_SPECIAL_TOKENS;
            tool.decode_flags |= GM_DECODE_SKIP_SPECIAL;
            break;
        case 'o':
            encoder_opts.flags |= GM_ENCODE_ORDINARY;
            break;
        case 'i':
            encoder_opts.invalid_utf8 = policy(optarg);
            break;
        case 'e':
            opts.scheme = optarg;
            break;
        case 'c':
            encoder_opts.cache_bytes = (size_t)strtoull(optarg, NULL, 10);
            if (encoder_opts.cache_bytes == 0)
                encoder_opts.cache_bytes = GM_ENCODER_NO_CACHE;
            break;
        case 't':
            encoder_opts.tier = (enum gm_split_tier)strtoul(optarg, NULL, 10);
            break;
        case 'm':
            opts.image_path = optarg;
            break;
        default:
            return 64;
        }
    }
    if (argc - optind != 2)
        return 64;
    if (gm_tokenizer_open(&tool.tokenizer, argv[optind + 1], &opts, &err) != GM_OK)
        return fail(&err);
    if (opts.image_path && gm_tokenizer_is_new(tool.tokenizer)) {
        size_t n_bytes;
        const uint8_t *data = gm_tokenizer_image(tool.tokenizer, &n_bytes);
        if (gm_tokenizer_save_image(opts.image_path, data, n_bytes, &err) != GM_OK)
            return fail(&err);
    }
    if (gm_encoder_new(&tool.encoder, tool.tokenizer, &encoder_opts, &err) != GM_OK)
        return fail(&err);
    if (strcmp(argv[optind], "encode") == 0)
        encode_all(&tool);
    else
        decode_all(&tool);
    gm_encoder_free(tool.encoder);
    gm_tokenizer_free(tool.tokenizer);
    gm_buf_free(&tool.in);
    gm_buf_free(&tool.out);
    return ferror(stdout) || fflush(stdout) != 0;
}
