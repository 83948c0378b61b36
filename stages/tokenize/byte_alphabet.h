/* The ByteLevel alphabet of GPT-2: a visible character for each of the 256 bytes. Printable Latin-1
 * stands for itself; the other bytes, in order, are U+0100 .. U+0143.
 *
 * Pure functions, any process. Reference: Hugging Face tokenizers 0.23.2
 * pre_tokenizers/byte_level.rs. */
#ifndef GM_TOKENIZE_BYTE_ALPHABET_H
#define GM_TOKENIZE_BYTE_ALPHABET_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The byte that a character stands for; -1: none. */
int gm_alphabet_byte(uint32_t code_point);
/* Appends the bytes that a text of the alphabet stands for. false: a character is not of the
 * alphabet, or the text is not UTF-8, and nothing is appended. */
bool gm_alphabet_decode(const uint8_t *text, size_t n_bytes, struct gm_buf *bytes);
/* Appends the characters of the bytes. */
void gm_alphabet_encode(const uint8_t *bytes, size_t n_bytes, struct gm_buf *text);

#endif
