/* Base64 (RFC 4648, the standard alphabet, with padding), strictly. Pure, any process. */
#ifndef GM_TOKENIZE_BASE64_H
#define GM_TOKENIZE_BASE64_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

/* Appends the decoded bytes; false: not Base64, and nothing is appended. */
bool gm_base64_decode(const char *text, size_t n_bytes, struct gm_buf *out);

#endif
