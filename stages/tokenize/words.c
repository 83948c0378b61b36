/* The models that are not byte-pair encoding: what they are made from. */
#include "tokenize/words.h"
#include "base/assert.h"
#include "tokenize/words_model.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* K_UNK_PENALTY of the reference */
#define UNK_PENALTY 10.0

static struct gm_trie_key *list_keys(const struct gm_spec *spec, size_t *n_keys)
{
    struct gm_trie_key *keys = malloc(((size_t)spec->n_tokens + 1) * sizeof(*keys));
    *n_keys = 0;
    for (uint32_t i = 0; keys && i < spec->n_tokens; i++) {
        const struct gm_spec_token *token = &spec->tokens[i];
        if ((token->flags & GM_SPEC_TOKEN_UNREACHABLE) || token->text.n_bytes == 0)
            continue;
        keys[(*n_keys)++] =
            (struct gm_trie_key){gm_spec_bytes(spec, token->text), token->text.n_bytes,
                                 spec->model == GM_MODEL_UNIGRAM ? i : token->id};
    }
    return keys;
}

static enum gm_status make_wordpiece(struct gm_words *words, const struct gm_spec *spec)
{
    struct gm_spec_text prefix = spec->word_prefix;
    words->max_chars = spec->max_chars_per_word;
    words->continuing = GM_TRIE_ROOT;
    if (prefix.n_bytes > 0)
        words->continuing =
            gm_trie_walk(&words->trie, GM_TRIE_ROOT, gm_spec_bytes(spec, prefix), prefix.n_bytes);
    return GM_OK;
}

/* <0x00> .. <0xFF> */
static void find_byte_tokens(struct gm_words *words)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        uint32_t node;
        snprintf(text, sizeof(text), "<0x%02X>", byte);
        node = gm_trie_walk(&words->trie, GM_TRIE_ROOT, (const uint8_t *)text, 6);
        words->byte_ids[byte] = GM_NO_TOKEN;
        if (node != 0 && words->trie.units[node].value != GM_TRIE_NOTHING)
            words->byte_ids[byte] = words->ids[words->trie.units[node].value];
    }
}

static enum gm_status make_unigram(struct gm_words *words, const struct gm_spec *spec,
                                   struct gm_err *err)
{
    double least = INFINITY;
    words->scores = malloc(((size_t)spec->n_tokens + 1) * sizeof(*words->scores));
    words->ids = malloc(((size_t)spec->n_tokens + 1) * sizeof(*words->ids));
    if (!words->scores || !words->ids)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        double score = spec->tokens[i].score;
        if (!isfinite(score))
            return gm_err_set(err, GM_INPUT, "token %u: its score is not a number",
                              spec->tokens[i].id);
        words->scores[i] = score;
        words->ids[i] = spec->tokens[i].id;
        least = score < least ? score : least;
    }
    words->unk_score = least - UNK_PENALTY;
    words->byte_fallback = spec->flags & GM_SPEC_BYTE_FALLBACK;
    if (words->byte_fallback && words->is_bytes)
        return gm_err_set(err, GM_INPUT,
                          "byte_fallback with a byte-level vocabulary is not supported");
    find_byte_tokens(words);
    return GM_OK;
}

static enum gm_status make(struct gm_words *words, const struct gm_spec *spec, struct gm_err *err)
{
    size_t n_keys;
    struct gm_trie_key *keys = list_keys(spec, &n_keys);
    enum gm_status status;
    if (!keys)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    words->model = spec->model;
    words->unk_id = spec->unk_id;
    words->is_bytes = spec->flags & GM_SPEC_BYTE_LEVEL;
    status = gm_trie_build(&words->trie, keys, n_keys, err);
    free(keys);
    if (status != GM_OK)
        return status;
    if (spec->unk_id == GM_NO_TOKEN)
        return gm_err_set(err, GM_INPUT, "model.unk_token: a model without it is not supported");
    if (spec->model == GM_MODEL_WORDPIECE)
        return make_wordpiece(words, spec);
    return spec->model == GM_MODEL_UNIGRAM ? make_unigram(words, spec, err) : GM_OK;
}

enum gm_status gm_words_new(struct gm_words **words, const struct gm_spec *spec, struct gm_err *err)
{
    enum gm_status status;
    GM_ASSERT(spec->model == GM_MODEL_WORDPIECE || spec->model == GM_MODEL_WORDLEVEL ||
              spec->model == GM_MODEL_UNIGRAM);
    *words = calloc(1, sizeof(**words));
    if (!*words)
        return gm_err_set(err, GM_NOMEM, "out of memory");
    status = make(*words, spec, err);
    if (status != GM_OK) {
        gm_words_free(*words);
        *words = NULL;
    }
    return status;
}

void gm_words_free(struct gm_words *words)
{
    if (!words)
        return;
    gm_trie_free(&words->trie);
    free(words->scores);
    free(words->ids);
    free(words);
}

struct gm_words_scratch *gm_words_scratch_new(void)
{
    return calloc(1, sizeof(struct gm_words_scratch));
}

void gm_words_scratch_free(struct gm_words_scratch *scratch)
{
    if (!scratch)
        return;
    free(scratch->paths);
    free(scratch);
}

size_t gm_words_encode(const struct gm_words *words, struct gm_words_scratch *scratch,
                       const uint8_t *piece, size_t n_bytes, uint32_t *ids)
{
    if (n_bytes == 0)
        return 0;
    switch (words->model) {
    case GM_MODEL_WORDPIECE:
        return gm_wordpiece_encode(words, piece, n_bytes, ids);
    case GM_MODEL_WORDLEVEL:
        return gm_wordlevel_encode(words, piece, n_bytes, ids);
    default:
        return gm_unigram_encode(words, scratch, piece, n_bytes, ids);
    }
}
