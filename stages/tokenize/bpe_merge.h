/* From the bytes of a word to ids without a cache: initial symbols, then merges. Private to
 * bpe*.c. */
#ifndef GM_TOKENIZE_BPE_MERGE_H
#define GM_TOKENIZE_BPE_MERGE_H

#include "tokenize/bpe_tables.h"

/* Memory for long words, kept from word to word. Zero it before the first use. */
struct gm_bpe_scratch {
    uint64_t *heap;
    uint32_t *links;   /* previous, next and rank of each symbol of a window */
    uint32_t *windows; /* two */
    size_t capacity;   /* symbols in a window */
    uint32_t *symbols;
    size_t n_symbols;
    uint32_t *ready; /* windows that were merged side by side */
    size_t n_batch;  /* how many are; kept, as one long word is often like the one before */
};
void gm_bpe_scratch_free(struct gm_bpe_scratch *scratch);

/* The symbols of a word before any merge, at most n_bytes of them. */
size_t gm_bpe_symbols(const struct gm_bpe *bpe, const uint8_t *word, size_t n_bytes, uint32_t *ids,
                      uint64_t *n_unknown);

/* The ids of a word of at most GM_BPE_SCAN_MAX bytes; at most n_bytes of them. */
#define GM_BPE_SCAN_MAX 61
size_t gm_bpe_merge_word(const struct gm_bpe *bpe, const uint8_t *word, size_t n_bytes,
                         uint32_t *ids, uint64_t *n_unknown);

/* The same for several words at a time: a merge of each in turn, so that the processor waits for
 * the tables on behalf of all of them. */
#define GM_BPE_MERGE_WORDS 8u
#define GM_BPE_WORD_BYTES  16u
struct gm_bpe_word {
    const uint8_t *bytes;
    size_t n_bytes; /* up to GM_BPE_WORD_BYTES */
    size_t n_ids;
    uint64_t n_unknown;
    uint32_t ids[GM_BPE_WORD_BYTES];
};
void gm_bpe_merge_words(const struct gm_bpe *bpe, struct gm_bpe_word *const *words, size_t n);

/* Merges the symbols of up to GM_BPE_MERGE_WORDS windows in place, side by side. */
struct gm_bpe_window {
    uint32_t *ids;
    size_t n;      /* up to GM_BPE_SCAN_MAX */
    uint64_t left; /* a bit for each place that is left */
};
void gm_bpe_merge_windows(const struct gm_bpe *bpe, struct gm_bpe_window *windows, size_t n);
/* Merges the n symbols of a window of any size in place; GM_NO_TOKEN is where none is left. The
 * scratch has room for as many. is_repetitive: the same pairs come again and again (speed only). */
void gm_bpe_merge_window(const struct gm_bpe *bpe, struct gm_bpe_scratch *scratch, uint32_t *ids,
                         size_t n, bool is_repetitive);
/* Merges n > 0 symbols in place and closes the gaps; returns how many are left. SIZE_MAX: no
 * memory. */
size_t gm_bpe_merge_long(const struct gm_bpe *bpe, struct gm_bpe_scratch *scratch, uint32_t *ids,
                         size_t n);

#endif
