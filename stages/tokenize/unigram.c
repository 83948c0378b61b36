/* Unigram: the segmentation with the largest sum of log probabilities, by the Viterbi algorithm. Of
 * equal sums the one found first wins, which is the one whose last token begins first; sums are
 * made from left to right, in doubles, as the reference makes them. */
#include "tokenize/character.h"
#include "tokenize/words_model.h"
#include <stdlib.h>

static bool reserve(struct gm_words_scratch *scratch, size_t n)
{
    size_t capacity = n + n / 2 + 64;
    void *paths;
    if (n <= scratch->capacity)
        return true;
    paths = realloc(scratch->paths, capacity * sizeof(*scratch->paths));
    if (!paths)
        return false;
    scratch->paths = paths;
    scratch->capacity = capacity;
    return true;
}

static inline void offer(struct gm_words_path *path, double score, uint32_t start, uint32_t token)
{
    if (path->start == GM_NO_TOKEN || score > path->score)
        *path = (struct gm_words_path){score, start, token};
}

static void find_paths(const struct gm_words *words, struct gm_words_path *paths,
                       const uint8_t *piece, size_t n_bytes)
{
    const struct gm_trie *trie = &words->trie;
    size_t length = 1;
    for (size_t i = 0; i <= n_bytes; i++)
        paths[i] = (struct gm_words_path){0, GM_NO_TOKEN, GM_NO_TOKEN};
    for (size_t start = 0; start < n_bytes; start += length) {
        double score = paths[start].score;
        uint32_t node = GM_TRIE_ROOT;
        bool has_single = false;
        if (!words->is_bytes)
            gm_character_at(piece + start, n_bytes - start, &length);
        for (size_t at = start; at < n_bytes; at++) {
            uint32_t token;
            node = gm_trie_step(trie, node, piece[at]);
            if (!node)
                break;
            token = trie->units[node].value;
            if (token == GM_TRIE_NOTHING)
                continue;
            offer(&paths[at + 1], words->scores[token] + score, (uint32_t)start, token);
            has_single |= at + 1 - start == length;
        }
        if (!has_single)
            offer(&paths[start + length], words->unk_score + score, (uint32_t)start, GM_NO_TOKEN);
    }
}

/* A run of unknown characters: one unk, or its bytes if all of them have tokens. A run may happen
 * to be a token, one with a score so low that it was not chosen. */
static size_t put_unknown(const struct gm_words *words, const uint8_t *text, size_t n_bytes,
                          uint32_t *ids)
{
    uint32_t node = gm_trie_walk(&words->trie, GM_TRIE_ROOT, text, n_bytes);
    bool all = words->byte_fallback;
    if (node && words->trie.units[node].value != GM_TRIE_NOTHING) {
        ids[0] = words->ids[words->trie.units[node].value];
        return 1;
    }
    for (size_t i = 0; i < n_bytes && all; i++) {
        ids[i] = words->byte_ids[text[i]];
        all = ids[i] != GM_NO_TOKEN;
    }
    if (all)
        return n_bytes;
    ids[0] = words->unk_id;
    return 1;
}

static bool is_unknown(const struct gm_words *words, const struct gm_words_path *path)
{
    return path->token == GM_NO_TOKEN || words->ids[path->token] == words->unk_id;
}

/* The best path leads from the end to the beginning: its tokens are chained forward, in start. */
static void reverse(struct gm_words_path *paths, size_t n_bytes)
{
    uint32_t end = (uint32_t)n_bytes, behind = GM_NO_TOKEN;
    while (behind != 0) {
        uint32_t start = end == 0 ? 0 : paths[end].start;
        paths[end].start = behind; /* where the token behind this place ends */
        behind = end;
        end = start;
    }
}

size_t gm_unigram_encode(const struct gm_words *words, struct gm_words_scratch *scratch,
                         const uint8_t *piece, size_t n_bytes, uint32_t *ids)
{
    struct gm_words_path *paths;
    size_t at = 0, n = 0;
    if (!reserve(scratch, n_bytes + 1))
        return SIZE_MAX;
    paths = scratch->paths;
    find_paths(words, paths, piece, n_bytes);
    reverse(paths, n_bytes);
    while (at < n_bytes) {
        size_t start = at;
        at = paths[at].start;
        if (!is_unknown(words, &paths[at])) {
            ids[n++] = words->ids[paths[at].token];
            continue;
        }
        while (at < n_bytes && is_unknown(words, &paths[paths[at].start]))
            at = paths[at].start;
        n += put_unknown(words, piece + start, at - start, ids + n);
    }
    return n;
}
