/* The sink "tokens": the column input_ids as the files that training programs map into memory. The
 * ids of a block are one part, its documents' lengths the part's sizes; what has to be known of a
 * whole shard is made when it is closed (tokens_index.c). Every document has at least one token,
 * for the stage tokenize rejects a text without any. */
#include "sink/tokens.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_names[] = {"megatron", "npy", "ds", "none", NULL};
static const char *const type_names[] = {"auto", "u16", "u32", "i32", NULL};
static const char *const extensions[] = {".bin", ".npy", ".ds", ""};

static const struct gm_opt tokens_opt_table[] = {
    {"format", GM_OPT_ENUM, offsetof(struct gm_tokens_opts, format), "megatron", 0, 0, format_names,
     NULL,
     "megatron: .bin and .idx; npy: .npy and the documents' ends; ds: .ds, .ds.index and "
     ".ds.metadata as datatrove writes them; none: only count"},
    {"dtype", GM_OPT_ENUM, offsetof(struct gm_tokens_opts, dtype), "auto", 0, 0, type_names, NULL,
     "type of an id; auto: u16 where the vocabulary allows it, by the format's own rule"},
    {"shard", GM_OPT_BYTES, offsetof(struct gm_tokens_opts, shard_bytes), "1GB", 1024, 1e15, NULL,
     NULL, "a shard is closed before it would grow larger than this"},
    GM_OPT_END,
};

struct tokens {
    const struct gm_tokens_opts *opts;
    int input_ids;
    int token_bytes, n_unknown, truncated; /* GM_NO_COLUMN: not there */
    uint32_t *sizes;
    uint32_t capacity;
};

uint32_t gm_token_bytes(int dtype)
{
    return dtype == GM_TOKEN_U16 ? 2 : 4;
}

/* ---- options ---- */

/* Whether a reader of the format knows the type. */
static bool is_type_of(int format, int dtype)
{
    static const bool known[][4] = {
        [GM_TOKENS_MEGATRON] = {[GM_TOKEN_U16] = true, [GM_TOKEN_I32] = true},
        [GM_TOKENS_NPY] = {[GM_TOKEN_U16] = true, [GM_TOKEN_U32] = true, [GM_TOKEN_I32] = true},
        [GM_TOKENS_DS] = {[GM_TOKEN_U16] = true, [GM_TOKEN_U32] = true},
        [GM_TOKENS_NONE] = {[GM_TOKEN_U16] = true, [GM_TOKEN_U32] = true, [GM_TOKEN_I32] = true},
    };
    return dtype == GM_TOKEN_AUTO || known[format][dtype];
}

/* Megatron-LM takes u16 below 65,500, datatrove up to 65,536; both 4 bytes above. */
static int type_for(int format, uint64_t n_ids)
{
    if (format == GM_TOKENS_MEGATRON)
        return n_ids < 65500 ? GM_TOKEN_U16 : GM_TOKEN_I32;
    return n_ids <= 65536 ? GM_TOKEN_U16 : GM_TOKEN_U32;
}

static enum gm_status tokens_check(const void *opts, struct gm_err *err)
{
    const struct gm_tokens_opts *wanted = opts;
    if (!is_type_of(wanted->format, wanted->dtype))
        return gm_err_set(err, GM_CONFIG, "dtype: readers of %s do not know %s",
                          format_names[wanted->format], type_names[wanted->dtype]);
    return GM_OK;
}

static enum gm_status tokens_settle(void *opts, const struct gm_facts *facts, struct gm_err *err)
{
    struct gm_tokens_opts *settled = opts;
    const struct gm_fact *n_ids = gm_fact_find(facts, "input_ids.n_ids");
    const struct gm_fact *tokenizer = gm_fact_find(facts, "input_ids.tokenizer");
    settled->tokenizer = tokenizer && tokenizer->text ? tokenizer->text : "unknown";
    /* Without the stage the planner misses the column, and says so. */
    uint64_t n = n_ids ? n_ids->number : UINT32_MAX;
    if (settled->dtype == GM_TOKEN_AUTO)
        settled->dtype = type_for(settled->format, n);
    if (n_ids && settled->dtype == GM_TOKEN_U16 && n > 65536)
        return gm_err_set(err, GM_CONFIG,
                          "dtype: u16 ends at 65,535, and the tokenizer has ids up "
                          "to %llu",
                          (unsigned long long)n - 1);
    return GM_OK;
}

static enum gm_stream_mode tokens_mode(const void *opts)
{
    return ((const struct gm_tokens_opts *)opts)->format == GM_TOKENS_NONE ? GM_STREAM_NOTHING
                                                                           : GM_STREAM_SHARDS;
}

static const char *tokens_extension(const void *opts)
{
    return extensions[((const struct gm_tokens_opts *)opts)->format];
}

static uint64_t tokens_shard_bytes(const void *opts)
{
    return ((const struct gm_tokens_opts *)opts)->shard_bytes;
}

/* ---- in the worker ---- */

static enum gm_status tokens_open(void *ctx, const void *opts, const struct gm_batch *schema,
                                  struct gm_err *err)
{
    struct tokens *tokens = ctx;
    (void)err;
    tokens->opts = opts;
    tokens->input_ids = gm_batch_find(schema, "input_ids");
    tokens->token_bytes = gm_batch_find(schema, "token_bytes");
    tokens->n_unknown = gm_batch_find(schema, "n_unknown");
    tokens->truncated = gm_batch_find(schema, "truncated");
    return GM_OK;
}

static void tokens_close(void *ctx)
{
    free(((struct tokens *)ctx)->sizes);
}

static uint64_t number_of(const struct gm_batch *batch, int column, uint32_t row)
{
    return column == GM_NO_COLUMN || gm_batch_is_null(batch, column, row)
               ? 0
               : gm_batch_u64(batch, column, row);
}

/* Sizes of the rows that are in; *n_tokens their sum. UINT32_MAX: no memory. */
static uint32_t measure(struct tokens *tokens, const struct gm_batch *batch, uint64_t *n_tokens)
{
    uint32_t n = 0;
    if (batch->n_rows > tokens->capacity) {
        uint32_t *grown = realloc(tokens->sizes, batch->n_rows * sizeof *grown);
        if (!grown)
            return UINT32_MAX;
        tokens->sizes = grown;
        tokens->capacity = batch->n_rows;
    }
    *n_tokens = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        tokens->sizes[n] = (uint32_t)(gm_batch_view(batch, tokens->input_ids, row).n_bytes / 4);
        *n_tokens += tokens->sizes[n++];
    }
    return n;
}

static void count_rows(struct tokens *tokens, const struct gm_batch *batch, struct gm_out *out)
{
    uint32_t n = 0;
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        struct gm_token_counts counts = {.n_tokens = tokens->sizes[n++],
                                         .n_bytes = number_of(batch, tokens->token_bytes, row),
                                         .n_unknown = number_of(batch, tokens->n_unknown, row),
                                         .n_truncated = number_of(batch, tokens->truncated, row)};
        gm_tokens_count(out, &counts);
    }
}

typedef uint32_t wide __attribute__((vector_size(32), aligned(1)));
typedef uint16_t narrow __attribute__((vector_size(16), aligned(1)));

/* The planner has made sure that the ids fit. */
static void put_u16(uint8_t *to, const uint8_t *ids, size_t n_ids)
{
    size_t i = 0;
    for (; i + 8 <= n_ids; i += 8) {
        wide eight;
        memcpy(&eight, ids + 4 * i, sizeof eight);
        narrow halves = __builtin_convertvector(eight, narrow);
        memcpy(to + 2 * i, &halves, sizeof halves);
    }
    for (; i < n_ids; i++)
        memcpy(to + 2 * i, ids + 4 * i, 2); /* little-endian */
}

static void put_rows(struct tokens *tokens, const struct gm_batch *batch, uint8_t *to)
{
    for (uint32_t row = 0; row < batch->n_rows; row++) {
        if (batch->reasons[row] != GM_REASON_NONE)
            continue;
        struct gm_view ids = gm_batch_view(batch, tokens->input_ids, row);
        if (tokens->opts->dtype == GM_TOKEN_U16) {
            put_u16(to, ids.data, ids.n_bytes / 4);
            to += ids.n_bytes / 2;
        } else {
            memcpy(to, ids.data, ids.n_bytes);
            to += ids.n_bytes;
        }
    }
}

static enum gm_status tokens_encode(void *ctx, const struct gm_batch *batch, struct gm_out *out,
                                    struct gm_err *err)
{
    struct tokens *tokens = ctx;
    uint64_t n_tokens;
    uint32_t n_records = measure(tokens, batch, &n_tokens);
    if (n_records == UINT32_MAX)
        return gm_err_set(err, GM_NOMEM, "no memory for %u lengths", batch->n_rows);
    if (tokens->opts->format != GM_TOKENS_NONE && n_tokens > 0) {
        size_t n_bytes = (size_t)n_tokens * gm_token_bytes(tokens->opts->dtype);
        struct gm_buf *bytes = gm_out_begin(out);
        if (!gm_buf_reserve(bytes, n_bytes))
            return gm_err_set(err, GM_NOMEM, "no memory for %zu bytes of ids", n_bytes);
        put_rows(tokens, batch, bytes->data + bytes->n_bytes);
        bytes->n_bytes += n_bytes;
        enum gm_status status = gm_out_end(out, n_records, err);
        if (status == GM_OK)
            status = gm_out_sizes(out, tokens->sizes, n_records, err);
        if (status != GM_OK)
            return status;
    }
    count_rows(tokens, batch, out);
    return GM_OK;
}

static const char *const columns[] = {"input_ids", NULL};

const struct gm_sink gm_sink_tokens = {
    .name = "tokens",
    .summary = "token ids in shards, as training programs read them",
    .family = "text",
    .opts = tokens_opt_table,
    .opts_bytes = sizeof(struct gm_tokens_opts),
    .ctx_bytes = sizeof(struct tokens),
    .columns = columns,
    .holds_records = true,
    .counters = gm_tokens_counters,
    .check = tokens_check,
    .settle = tokens_settle,
    .mode = tokens_mode,
    .extension = tokens_extension,
    .shard_bytes = tokens_shard_bytes,
    .extras = gm_tokens_extras,
    .open = tokens_open,
    .encode = tokens_encode,
    .close = tokens_close,
    .describe = gm_tokens_describe,
};
