/* The generic pre-tokenizers: every step that Hugging Face has, in any sequence, for what split.h
 * does not know. Slower, exact, linear in the text.
 *
 * Byte-level vocabularies: text stays bytes; the ByteLevel step only cuts (use_regex) and adds the
 * prefix space. Reference: Hugging Face tokenizers 0.23.2 pre_tokenizers/. */
#ifndef GM_TOKENIZE_PRETOK_H
#define GM_TOKENIZE_PRETOK_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/spec.h"
#include <stdbool.h>

struct gm_pretokenizer;

enum gm_status gm_pretokenizer_new(struct gm_pretokenizer **pretokenizer,
                                   const struct gm_spec *spec, struct gm_err *err);
void gm_pretokenizer_free(struct gm_pretokenizer *pretokenizer);

/* Pieces of a text, which may have changed (Metaspace, prefix space): piece i is
 * text.data[starts[i] .. ends[i]). Reused from call to call; free with gm_pieces_free. */
struct gm_pieces {
    struct gm_buf text;
    uint32_t *starts, *ends;
    size_t n, capacity;
    struct gm_buf scratch;
};
void gm_pieces_init(struct gm_pieces *pieces);
void gm_pieces_free(struct gm_pieces *pieces);

/* is_first: the text stands at the beginning of the document (Metaspace's prepend_scheme first).
 * The text is valid UTF-8. GM_NOMEM. */
enum gm_status gm_pretokenize(const struct gm_pretokenizer *pretokenizer, const uint8_t *text,
                              size_t n_bytes, bool is_first, struct gm_pieces *pieces,
                              struct gm_err *err);

#endif
