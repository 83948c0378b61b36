/* Fuzz target: any bytes as a container. The splitter must end with GM_OK, within its limits, with
 * its calls in the order of the contract (the fake checks that). Bytes without the magic of a
 * container are tried as the kind that the first one chooses. */
#include "fake_emit.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TOTAL_BYTES (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void *open_splitter(void)
{
    static const char *const settings[][2] = {
        {"max_depth", "2"}, {"max_entries", "100"}, {"max_entry", "1MB"}, {"max_total", "8MB"}};
    void *opts = calloc(1, gm_unpack.opts_bytes);
    void *ctx = calloc(1, gm_unpack.ctx_bytes);
    GM_ASSERT(opts && ctx);
    gm_opts_init(gm_unpack.opts, opts, gm_unpack.opts_bytes);
    for (size_t i = 0; i < GM_ARRAY_LEN(settings); i++) {
        const struct gm_opt *opt = gm_opt_find(gm_unpack.opts, settings[i][0]);
        const char *text = settings[i][1];
        GM_ASSERT(opt && gm_opt_apply(opt, opts, text, strlen(text), NULL) == GM_OK);
    }
    GM_ASSERT(gm_unpack.open(ctx, opts, NULL) == GM_OK);
    free(opts);
    return ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const enum gm_media kinds[] = {GM_MEDIA_TAR,   GM_MEDIA_ZIP, GM_MEDIA_SEVENZIP,
                                          GM_MEDIA_GZIP,  GM_MEDIA_XZ,  GM_MEDIA_BZIP2,
                                          GM_MEDIA_JSONL, GM_MEDIA_ZSTD};
    static const char name[] = "fuzz.jsonl.gz";
    static void *ctx;
    if (!ctx)
        ctx = open_splitter();

    struct gm_container container = {.fd = -1, .n_bytes = n_bytes, .name = name};
    container.data = n_bytes > 0 ? data : (const uint8_t *)"";
    container.media = gm_media_sniff(data, n_bytes, "", 0);
    if (strcmp(gm_media_family(container.media), "unpack") != 0)
        container.media = kinds[n_bytes > 0 ? data[0] % GM_ARRAY_LEN(kinds) : 0];

    struct gm_err err = {0};
    struct gm_emit emit;
    gm_fake_init(&emit);
    emit.keep_bytes = 0;
    emit.max_rows = 1;
    emit.max_record_bytes = 1 << 16;
    GM_ASSERT(gm_unpack.split(ctx, &container, &emit, &err) == GM_OK);
    GM_ASSERT(!emit.is_open);
    GM_ASSERT(emit.body_bytes <= n_bytes + MAX_TOTAL_BYTES);
    gm_fake_free(&emit);
    return 0;
}
