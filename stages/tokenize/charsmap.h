/* SentencePiece's precompiled_charsmap: a double-array trie of strings and what they are replaced
 * by, applied to grapheme clusters as the spm_precompiled crate 0.1 does, with its ways: a cluster
 * of less than 6 bytes of which a beginning is in the trie is replaced whole by what stands for the
 * shortest such beginning; else each of its characters is looked up.
 *
 *      trie size in bytes (4, little-endian) | units of 4 bytes | replacements, each ended by NUL
 */
#ifndef GM_TOKENIZE_CHARSMAP_H
#define GM_TOKENIZE_CHARSMAP_H

#include "base/buf.h"
#include "base/err.h"

struct gm_charsmap {
    const uint8_t *units; /* 4 bytes each, unaligned */
    size_t n_units;
    const uint8_t *replacements;
    size_t n_bytes;
    bool touches_ascii[128];
};

struct gm_charsmap_text {
    const uint8_t *data;
    size_t n_bytes;
};

/* The map points into data. GM_INPUT: not a charsmap. */
enum gm_status gm_charsmap_init(struct gm_charsmap *map, const uint8_t *data, size_t n_bytes,
                                struct gm_err *err);
/* False: nothing changes and out is as it was; else the result has been appended. Where the map
 * leads out of itself, which makes the reference panic, nothing is replaced. */
bool gm_charsmap_run(const struct gm_charsmap *map, const uint8_t *text, size_t n_bytes,
                     struct gm_buf *out);

#endif
