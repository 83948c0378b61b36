/* The statistics of a run of the sink "tokens". They are the engine's committed counters, so they
 * are exact after any crash, and count what stands in the shards and nothing else. */
#include "sink/tokens.h"

#include "base/num.h"
#include <string.h>

enum {
    COUNT_DOCUMENTS,
    COUNT_TOKENS,
    COUNT_BYTES,
    COUNT_UNKNOWN,
    COUNT_TRUNCATED,
    COUNT_TOKENS_CUT,
    COUNT_LENGTHS,
    N_LENGTHS = 25
};
enum { BAR_CHARS = 40 };

/* Documents by length: bucket i holds those of 2^i to 2^(i+1) - 1 tokens, the last all above. */
#define LENGTH(n)                                                                                  \
    {                                                                                              \
        "length_" #n, "documents of " #n " to twice as many tokens, less one"                      \
    }
const struct gm_counter_def gm_tokens_counters[] = {
    [COUNT_DOCUMENTS] = {"documents", "documents with at least one token"},
    [COUNT_TOKENS] = {"tokens", "ids written, those added by append_eos and special_tokens too"},
    [COUNT_BYTES] = {"bytes", "bytes of text that were tokenized"},
    [COUNT_UNKNOWN] = {"unknown", "ids that stand for text outside of the vocabulary"},
    [COUNT_TRUNCATED] = {"truncated", "documents cut to max_tokens"},
    [COUNT_TOKENS_CUT] = {"tokens_cut", "ids that were cut off of them"},
    [COUNT_LENGTHS] = LENGTH(1),
    LENGTH(2),
    LENGTH(4),
    LENGTH(8),
    LENGTH(16),
    LENGTH(32),
    LENGTH(64),
    LENGTH(128),
    LENGTH(256),
    LENGTH(512),
    LENGTH(1024),
    LENGTH(2048),
    LENGTH(4096),
    LENGTH(8192),
    LENGTH(16384),
    LENGTH(32768),
    LENGTH(65536),
    LENGTH(131072),
    LENGTH(262144),
    LENGTH(524288),
    LENGTH(1048576),
    LENGTH(2097152),
    LENGTH(4194304),
    LENGTH(8388608),
    [COUNT_LENGTHS + N_LENGTHS - 1] = {"length_16777216", "documents of so many tokens or more"},
    {NULL, NULL}};
_Static_assert(sizeof gm_tokens_counters / sizeof *gm_tokens_counters ==
                   COUNT_LENGTHS + N_LENGTHS + 1,
               "a bucket for each power of two");

void gm_tokens_count(struct gm_out *out, const struct gm_token_counts *counts)
{
    gm_out_add(out, COUNT_DOCUMENTS, 1);
    gm_out_add(out, COUNT_TOKENS, counts->n_tokens);
    gm_out_add(out, COUNT_BYTES, counts->n_bytes);
    gm_out_add(out, COUNT_UNKNOWN, counts->n_unknown);
    gm_out_add(out, COUNT_TRUNCATED, counts->n_truncated > 0);
    gm_out_add(out, COUNT_TOKENS_CUT, counts->n_truncated);
    unsigned bucket = counts->n_tokens ? 31 - (unsigned)__builtin_clz(counts->n_tokens) : 0;
    gm_out_add(out, COUNT_LENGTHS + (bucket < N_LENGTHS ? bucket : N_LENGTHS - 1), 1);
}

static void print_lengths(const uint64_t *lengths, struct gm_buf *text)
{
    unsigned first = 0, last = N_LENGTHS;
    uint64_t most = 1;
    char n[GM_NUM_TEXT_BYTES];
    while (first < N_LENGTHS && lengths[first] == 0)
        first++;
    while (last > first && lengths[last - 1] == 0)
        last--;
    for (unsigned i = first; i < last; i++)
        most = lengths[i] > most ? lengths[i] : most;
    gm_buf_text(text, first < last ? "  tokens a document\n" : "");
    for (unsigned i = first; i < last; i++) {
        gm_buf_printf(text, "    %8u%s %12s  ", 1u << i, i + 1 < N_LENGTHS ? "+" : " and more",
                      gm_format_count(lengths[i], n));
        for (uint64_t k = 0; k < (lengths[i] * BAR_CHARS + most - 1) / most; k++)
            gm_buf_char(text, '#');
        gm_buf_char(text, '\n');
    }
}

void gm_tokens_describe(const void *opts, const uint64_t *counters, struct gm_buf *text)
{
    char n[GM_NUM_TEXT_BYTES], bytes[GM_NUM_TEXT_BYTES];
    uint64_t n_tokens = counters[COUNT_TOKENS], n_bytes = counters[COUNT_BYTES];
    (void)opts;
    gm_buf_printf(text, "  %-10s %12s  of %s of text", "tokens", gm_format_count(n_tokens, n),
                  gm_format_bytes(n_bytes, bytes));
    if (n_tokens > 0)
        gm_buf_printf(text, ", %.3f bytes a token", (double)n_bytes / (double)n_tokens);
    gm_buf_char(text, '\n');
    gm_buf_printf(text, "  %-10s %12s\n", "unknown", gm_format_count(counters[COUNT_UNKNOWN], n));
    if (counters[COUNT_TRUNCATED] > 0) {
        gm_buf_printf(text, "  %-10s %12s  documents", "truncated",
                      gm_format_count(counters[COUNT_TRUNCATED], n));
        gm_buf_printf(text, ", %s tokens cut off\n",
                      gm_format_count(counters[COUNT_TOKENS_CUT], n));
    }
    print_lengths(counters + COUNT_LENGTHS, text);
}
