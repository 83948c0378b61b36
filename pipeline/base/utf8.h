/* UTF-8: the one validator of the project (Unicode 15, section 3.9, table 3-7: no overlong forms,
 * no surrogates, nothing above U+10FFFF). An ASCII run is skipped 32 or more bytes at a time.
 * Any process, any thread. */
#ifndef GM_BASE_UTF8_H
#define GM_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes from the start that are valid UTF-8 (n_bytes if all are). */
size_t gm_utf8_valid_prefix(const uint8_t *text, size_t n_bytes);
/* Bytes from the start that are ASCII. */
size_t gm_ascii_prefix(const uint8_t *text, size_t n_bytes);
/* Length in bytes of the maximal ill-formed subpart at text (>= 1), as the Unicode Standard's
 * "substitution of maximal subparts" and every modern decoder count it. text[0..] is known bad. */
size_t gm_utf8_bad_length(const uint8_t *text, size_t n_bytes);
/* Decodes one code point of valid UTF-8; *length gets 1..4. */
uint32_t gm_utf8_decode(const uint8_t *text, size_t *length);
/* Writes 1..4 bytes; returns the number. code_point must be a scalar value. */
size_t gm_utf8_encode(uint32_t code_point, uint8_t out[4]);

#endif
