/* Replaces one byte everywhere in a text: SentencePiece's " " by "\u2581", which is all that the
 * normalizers of Llama-2 and Gemma do with a document. Pure functions, any process. */
#ifndef GM_TOKENIZE_REPLACE_BYTE_H
#define GM_TOKENIZE_REPLACE_BYTE_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_REPLACE_MAX_BYTES 16

struct gm_replace_byte {
    uint8_t from;
    uint8_t n_bytes; /* of the content, at most GM_REPLACE_MAX_BYTES */
    uint8_t content[GM_REPLACE_MAX_BYTES];
};

/* Appends the text with every `from` replaced. false: there is none, and nothing is appended. */
bool gm_replace_byte(const struct gm_replace_byte *replace, const uint8_t *text, size_t n_bytes,
                     struct gm_buf *out);

#endif
