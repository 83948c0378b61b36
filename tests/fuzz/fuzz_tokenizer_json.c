/* Fuzz target: any bytes as a tokenizer file. It is refused with a reason, or it opens, encodes any
 * text into ids of its vocabulary, and decodes them, and both ways to load it agree. Texts are
 * taken from the input itself, so that they have to do with the vocabulary. */
#include "load_ways.h"
#include "tokenize/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char fixed[] = "  ab <s>abc\n\n \xE2\x96\x81"
                            "a\xC3\xA9 12, word's [X]  \xE6\xBC\xA2\xF0\x9F\x98\x80";

static void encode(struct gm_tokenizer *tokenizer, struct gm_encoder_opts opts, const void *text,
                   size_t n_bytes)
{
    struct gm_encoder *encoder;
    struct gm_err err = {0};
    const uint32_t *ids;
    size_t n_ids;
    struct gm_buf decoded = GM_BUF_INIT;
    opts.cache_bytes = 1 << 20;
    opts.tier = GM_TIER_COUNT;
    if (gm_encoder_new(&encoder, tokenizer, &opts, &err) != GM_OK) {
        GM_ASSERT(err.text[0] != '\0');
        return;
    }
    enum gm_status status = gm_encode(encoder, text, n_bytes, &ids, &n_ids, &err);
    if (status == GM_OK) {
        for (size_t i = 0; i < n_ids; i++)
            GM_ASSERT(ids[i] < gm_tokenizer_spec(tokenizer)->n_ids);
        /* Ids of a post-processor need not be tokens. */
        status = gm_decode(tokenizer, ids, n_ids, GM_DECODE_SKIP_SPECIAL, &decoded, &err);
        GM_ASSERT(status == GM_OK || (opts.flags & GM_ENCODE_SPECIAL_TOKENS));
    } else {
        GM_ASSERT(err.text[0] != '\0');
    }
    gm_buf_free(&decoded);
    gm_encoder_free(encoder);
}

static void use(const char *path, const uint8_t *data, size_t n_bytes)
{
    struct gm_tokenizer *tokenizer;
    struct gm_tokenizer_opts opts = {.scheme = "gpt2"};
    struct gm_err err = {0};
    if (gm_tokenizer_open(&tokenizer, path, &opts, &err) != GM_OK) {
        GM_ASSERT(err.text[0] != '\0' && !tokenizer);
        return;
    }
    encode(tokenizer, (struct gm_encoder_opts){.flags = GM_ENCODE_SPECIAL_TOKENS}, fixed,
           sizeof fixed - 1);
    encode(tokenizer, (struct gm_encoder_opts){.invalid_utf8 = GM_INVALID_REPLACE}, data, n_bytes);
    encode(tokenizer, (struct gm_encoder_opts){.invalid_utf8 = GM_INVALID_BYTES}, data, n_bytes);
    gm_tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    char path[64];
    enum gm_status status;
    GM_ASSERT(load_ways_agree(data, n_bytes, &status));
    int fd = memfd_create("tokenizer", 0);
    GM_ASSERT(fd >= 0);
    ssize_t n = write(fd, data, n_bytes);
    GM_ASSERT(n == (ssize_t)n_bytes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    use(path, data, n_bytes);
    close(fd);
    return 0;
}
