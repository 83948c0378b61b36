/* WordLevel: a piece is a token or unknown. */
#include "tokenize/words_model.h"

size_t gm_wordlevel_encode(const struct gm_words *words, const uint8_t *piece, size_t n_bytes,
                           uint32_t *ids)
{
    uint32_t node = gm_trie_walk(&words->trie, GM_TRIE_ROOT, piece, n_bytes);
    uint32_t id = node ? words->trie.units[node].value : GM_TRIE_NOTHING;
    ids[0] = id == GM_TRIE_NOTHING ? words->unk_id : id;
    return 1;
}
