/* Two ways to load a tokenizer.json: its lists are read from the text, or, where the key of the
 * model has an escape, from a document. */
#ifndef GM_TESTS_LOAD_WAYS_H
#define GM_TESTS_LOAD_WAYS_H

#include "base/buf.h"
#include "base/err.h"

/* Both ways, and whether they agree: in status, merges and image. *status: of the first way. Bytes
 * beside the text are not readable. Memory is asserted. */
bool load_ways_agree(const void *text, size_t n_bytes, enum gm_status *status);

#endif
