/* WordPiece: the longest token at each place, from left to right; a piece that cannot be covered so
 * is unknown as a whole. Tokens inside of a word begin with a prefix, so the trie is entered behind
 * it. */
#include "tokenize/words_model.h"

/* Is the piece of more than max characters? */
static bool is_longer(const struct gm_words *words, const uint8_t *piece, size_t n_bytes)
{
    size_t n = 0;
    if (n_bytes <= words->max_chars)
        return false;
    if (words->is_bytes)
        return true;
    for (size_t i = 0; i < n_bytes; i++)
        n += (piece[i] & 0xC0) != 0x80;
    return n > words->max_chars;
}

size_t gm_wordpiece_encode(const struct gm_words *words, const uint8_t *piece, size_t n_bytes,
                           uint32_t *ids)
{
    const struct gm_trie *trie = &words->trie;
    size_t start = 0, n = 0;
    bool known = !is_longer(words, piece, n_bytes);
    while (known && start < n_bytes) {
        uint32_t node = start == 0 ? GM_TRIE_ROOT : words->continuing, id = GM_TRIE_NOTHING;
        size_t end = start;
        for (size_t at = start; node && at < n_bytes; at++) {
            node = gm_trie_step(trie, node, piece[at]);
            if (node && trie->units[node].value != GM_TRIE_NOTHING) {
                id = trie->units[node].value;
                end = at + 1;
            }
        }
        known = id != GM_TRIE_NOTHING;
        ids[n++] = id;
        start = end;
    }
    if (known)
        return n;
    ids[0] = words->unk_id;
    return 1;
}
