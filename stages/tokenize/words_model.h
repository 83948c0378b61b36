/* What the models of words.h share: tables of a vocabulary, and the memory of a thread. */
#ifndef GM_TOKENIZE_WORDS_MODEL_H
#define GM_TOKENIZE_WORDS_MODEL_H

#include "tokenize/spec.h"
#include "tokenize/trie.h"
#include "tokenize/words.h"

struct gm_words {
    enum gm_model_kind model;
    struct gm_trie trie; /* of the tokens; value: the id, for UNIGRAM the place in scores */
    uint32_t unk_id;
    bool is_bytes; /* a byte counts as a character: the text is byte-level */

    uint32_t max_chars;  /* WORDPIECE */
    uint32_t continuing; /* WORDPIECE: where words go on, behind the prefix; 0: no such token */

    double *scores; /* UNIGRAM */
    uint32_t *ids;
    double unk_score;
    bool byte_fallback;
    uint32_t byte_ids[256]; /* GM_NO_TOKEN: none */
};

/* The best way to a place in the piece. */
struct gm_words_path {
    double score;
    uint32_t start; /* of its last token; GM_NO_TOKEN: no way yet */
    uint32_t token; /* place in scores, GM_NO_TOKEN: unk */
};
struct gm_words_scratch {
    struct gm_words_path *paths;
    size_t capacity;
};

size_t gm_wordpiece_encode(const struct gm_words *words, const uint8_t *piece, size_t n_bytes,
                           uint32_t *ids);
size_t gm_wordlevel_encode(const struct gm_words *words, const uint8_t *piece, size_t n_bytes,
                           uint32_t *ids);
size_t gm_unigram_encode(const struct gm_words *words, struct gm_words_scratch *scratch,
                         const uint8_t *piece, size_t n_bytes, uint32_t *ids);

#endif
