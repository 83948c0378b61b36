/* What the files of the sink "tokens" have in common: its options as settled, and the writing of
 * each format. One shard holds the ids of its documents one after the other, nothing between them;
 * what else a format needs is made of the documents' lengths when the shard is closed. */
#ifndef GM_SINK_TOKENS_H
#define GM_SINK_TOKENS_H

#include "sink.h"
#include <stdint.h>

enum gm_token_format { GM_TOKENS_MEGATRON, GM_TOKENS_NPY, GM_TOKENS_DS, GM_TOKENS_NONE };
enum gm_token_type { GM_TOKEN_AUTO, GM_TOKEN_U16, GM_TOKEN_U32, GM_TOKEN_I32 };

struct gm_tokens_opts {
    int format; /* enum gm_token_format */
    int dtype;  /* enum gm_token_type; settled: never AUTO */
    uint64_t shard_bytes;
    /* settled, no options */
    const char *tokenizer; /* as the job names it */
};

uint32_t gm_token_bytes(int dtype);

/* tokens_index.c: the files beside the ids, and the head in front of them. */
void gm_tokens_extras(const void *opts, struct gm_shard_extras *extras);

/* tokens_count.c: what is counted, and what it means to people. */
extern const struct gm_counter_def gm_tokens_counters[];
struct gm_token_counts { /* of one document */
    uint32_t n_tokens;
    uint64_t n_bytes, n_unknown, n_truncated;
};
void gm_tokens_count(struct gm_out *out, const struct gm_token_counts *counts);
void gm_tokens_describe(const void *opts, const uint64_t *counters, struct gm_buf *text);

#endif
