/* The files beside a shard of ids. All little-endian; the formats are those of
 *
 *      megatron  Megatron-LM, megatron/core/datasets/indexed_dataset.py
 *      ds        datatrove, pipeline/tokens/tokenizer.py
 *      npy       NumPy, "NPY format version 1.0"
 *
 * and stand field by field in docs/formats.md. A document is one sequence of an .idx. */
#include "sink/tokens.h"

#include "base/assert.h"
#include <stdio.h>
#include <string.h>

enum { CHUNK = 4096 /* sizes at a time */ };
enum { NPY_HEAD_BYTES = 128, NPY_PREFIX_BYTES = 10 };

/* Gives each chunk of sizes to `put`, from the first on. */
struct pass {
    const struct gm_tokens_opts *opts;
    struct gm_shard_io *io;
    uint64_t sum; /* of what came before, in what the pass counts */
};
typedef enum gm_status put_function(struct pass *pass, const uint32_t *sizes, size_t n,
                                    struct gm_err *err);

static enum gm_status for_all(struct pass *pass, put_function *put, struct gm_err *err)
{
    uint32_t sizes[CHUNK];
    size_t n = 1;
    pass->sum = 0;
    enum gm_status status = pass->io->rewind(pass->io, err);
    while (status == GM_OK && n > 0) {
        status = pass->io->sizes(pass->io, sizes, CHUNK, &n, err);
        if (status == GM_OK && n > 0)
            status = put(pass, sizes, n, err);
    }
    return status;
}

static enum gm_status put_sizes(struct pass *pass, const uint32_t *sizes, size_t n,
                                struct gm_err *err)
{
    return pass->io->put(pass->io, sizes, n * sizeof *sizes, err);
}

/* Where each document starts, in bytes. */
static enum gm_status put_starts(struct pass *pass, const uint32_t *sizes, size_t n,
                                 struct gm_err *err)
{
    uint64_t starts[CHUNK];
    uint32_t unit = gm_token_bytes(pass->opts->dtype);
    for (size_t i = 0; i < n; i++) {
        starts[i] = pass->sum;
        pass->sum += (uint64_t)unit * sizes[i];
    }
    return pass->io->put(pass->io, starts, n * sizeof *starts, err);
}

/* Where each document ends, in ids. */
static enum gm_status put_ends(struct pass *pass, const uint32_t *sizes, size_t n,
                               struct gm_err *err)
{
    uint64_t ends[CHUNK];
    for (size_t i = 0; i < n; i++)
        ends[i] = pass->sum += sizes[i];
    return pass->io->put(pass->io, ends, n * sizeof *ends, err);
}

/* 1, 2, 3 ...: the number of sequences up to the end of each document. */
static enum gm_status put_numbers(struct pass *pass, const uint32_t *sizes, size_t n,
                                  struct gm_err *err)
{
    uint64_t numbers[CHUNK];
    (void)sizes;
    for (size_t i = 0; i < n; i++)
        numbers[i] = ++pass->sum;
    return pass->io->put(pass->io, numbers, n * sizeof *numbers, err);
}

/* ---- megatron ---- */

struct idx_head {
    char magic[9];
    uint64_t version;
    uint8_t dtype;
    uint64_t n_sequences;
    uint64_t n_document_indices;
} __attribute__((packed));
_Static_assert(sizeof(struct idx_head) == 34, "the head of an .idx has 34 bytes");

static enum gm_status make_idx(const void *opts, struct gm_shard_io *io, struct gm_err *err)
{
    struct pass pass = {.opts = opts, .io = io};
    const uint64_t zero = 0;
    const struct idx_head head = {.magic = "MMIDIDX\0", /* and the NUL of the string */
                                  .version = 1,
                                  .dtype = pass.opts->dtype == GM_TOKEN_U16 ? 8 : 4,
                                  .n_sequences = io->facts.n_records,
                                  .n_document_indices = io->facts.n_records + 1};
    enum gm_status status = io->put(io, &head, sizeof head, err);
    if (status == GM_OK)
        status = for_all(&pass, put_sizes, err);
    if (status == GM_OK)
        status = for_all(&pass, put_starts, err);
    if (status == GM_OK)
        status = io->put(io, &zero, sizeof zero, err);
    return status == GM_OK ? for_all(&pass, put_numbers, err) : status;
}

/* ---- ds ---- */

static enum gm_status make_ds_index(const void *opts, struct gm_shard_io *io, struct gm_err *err)
{
    struct pass pass = {.opts = opts, .io = io};
    return for_all(&pass, put_ends, err);
}

/* Three digits with the SI prefix, as Python's humanize.metric writes them: "1.23 GT". */
static void metric(uint64_t n, char *text, size_t text_bytes)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    double value = (double)n;
    unsigned exponent = 0;
    for (uint64_t rest = n; rest >= 10; rest /= 10)
        exponent++;
    for (unsigned i = 0; i < exponent / 3; i++)
        value /= 1000;
    snprintf(text, text_bytes, "%.*f %sT", (int)(2 - exponent % 3), value, prefixes[exponent / 3]);
}

static enum gm_status make_ds_metadata(const void *opts, struct gm_shard_io *io, struct gm_err *err)
{
    const struct gm_tokens_opts *tokens = opts;
    uint32_t unit = gm_token_bytes(tokens->dtype);
    uint64_t n_tokens = io->facts.n_bytes / unit;
    char human[32];
    struct gm_buf text = GM_BUF_INIT;
    metric(n_tokens, human, sizeof human);
    gm_buf_printf(&text, "%s|%u\n%llu\n%s", tokens->tokenizer, unit, (unsigned long long)n_tokens,
                  human);
    enum gm_status status = text.failed ? gm_err_set(err, GM_NOMEM, "no memory for the metadata")
                                        : io->put(io, text.data, text.n_bytes, err);
    gm_buf_free(&text);
    return status;
}

/* ---- npy ---- */

static void npy_head(uint8_t *head, const char *descr, uint64_t n)
{
    char text[NPY_HEAD_BYTES];
    int n_text =
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%llu,), }",
                 descr, (unsigned long long)n);
    GM_ASSERT(n_text > 0 && n_text < NPY_HEAD_BYTES - NPY_PREFIX_BYTES);
    memset(head, ' ', NPY_HEAD_BYTES);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = NPY_HEAD_BYTES - NPY_PREFIX_BYTES; /* length of the rest, 2 bytes */
    head[9] = 0;
    memcpy(head + NPY_PREFIX_BYTES, text, (size_t)n_text);
    head[NPY_HEAD_BYTES - 1] = '\n';
}

static void fill_npy_head(const void *opts, const struct gm_shard_facts *facts, uint8_t *head)
{
    static const char *const descr[] = {
        [GM_TOKEN_U16] = "<u2", [GM_TOKEN_U32] = "<u4", [GM_TOKEN_I32] = "<i4"};
    int dtype = ((const struct gm_tokens_opts *)opts)->dtype;
    npy_head(head, descr[dtype], facts->n_bytes / gm_token_bytes(dtype));
}

static enum gm_status make_npy_ends(const void *opts, struct gm_shard_io *io, struct gm_err *err)
{
    struct pass pass = {.opts = opts, .io = io};
    uint8_t head[NPY_HEAD_BYTES];
    npy_head(head, "<u8", io->facts.n_records);
    enum gm_status status = io->put(io, head, sizeof head, err);
    return status == GM_OK ? for_all(&pass, put_ends, err) : status;
}

/* ---- together ---- */

static const struct gm_sidecar idx[] = {{".idx", make_idx}, {NULL, NULL}};
static const struct gm_sidecar npy[] = {{".ends.npy", make_npy_ends}, {NULL, NULL}};
static const struct gm_sidecar ds[] = {
    {".ds.index", make_ds_index}, {".ds.metadata", make_ds_metadata}, {NULL, NULL}};

void gm_tokens_extras(const void *opts, struct gm_shard_extras *extras)
{
    static const struct gm_sidecar *const sidecars[] = {
        [GM_TOKENS_MEGATRON] = idx, [GM_TOKENS_NPY] = npy, [GM_TOKENS_DS] = ds};
    const struct gm_tokens_opts *tokens = opts;
    if (tokens->format == GM_TOKENS_NONE)
        return;
    extras->unit_bytes = gm_token_bytes(tokens->dtype);
    extras->sidecars = sidecars[tokens->format];
    if (tokens->format != GM_TOKENS_NPY)
        return;
    extras->head_bytes = NPY_HEAD_BYTES;
    extras->head = fill_npy_head;
}
