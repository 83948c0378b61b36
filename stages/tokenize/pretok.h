/* The generic pre-tokenizers: every step that Hugging Face has, in any sequence, for what split.h
 * does not know. Slower, exact, linear in the text.
 *
 * Byte-level vocabularies: text stays bytes; the ByteLevel step only cuts (use_regex) and adds the
 * prefix space. What Hugging Face would do differently because its text has become the ByteLevel
 * alphabet (a step behind ByteLevel, or a ByteLevel normalizer before) is refused by name.
 *
 * Reference: Hugging Face tokenizers 0.23.2 pre_tokenizers/. Pure functions, any process. */
#ifndef GM_TOKENIZE_PRETOK_H
#define GM_TOKENIZE_PRETOK_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/regex.h"
#include "tokenize/spec.h"
#include <stdbool.h>

struct gm_pretokenizer;

/* GM_INPUT names the step that is not supported: "pre-tokenizer 2 (Split): at 7: ...". The patterns
 * of a spec with GM_MODEL_RANKS are in tiktoken's dialect. spec must outlive it. */
enum gm_status gm_pretokenizer_new(struct gm_pretokenizer **pretokenizer,
                                   const struct gm_spec *spec, struct gm_err *err);
void gm_pretokenizer_free(struct gm_pretokenizer *pretokenizer); /* NULL allowed */

struct gm_piece {
    uint32_t start, end;
};
struct gm_piece_list {
    struct gm_piece *items;
    uint8_t *is_match; /* of a span that a step has found */
    size_t n, capacity;
};

/* Pieces of a text, which may have changed (Metaspace, prefix space): piece i is
 * text.data[starts[i] .. ends[i]), never empty. Reused from call to call; free with
 * gm_pieces_free. The fields below n are scratch. */
struct gm_pieces {
    struct gm_buf text;
    uint32_t *starts, *ends;
    size_t n, capacity;
    struct gm_buf scratch;
    struct gm_piece_list now, next, spans;
    struct gm_regex_text regex;
    bool failed;
};
void gm_pieces_init(struct gm_pieces *pieces);
void gm_pieces_free(struct gm_pieces *pieces);

/* is_first: the text stands at the beginning of the document (Metaspace's prepend_scheme first).
 * The text is valid UTF-8; bytes that are not count as U+FFFD and stay as they are. GM_NOMEM.
 * GM_LIMIT: the text is longer than 4 GB, or becomes so. */
enum gm_status gm_pretokenize(const struct gm_pretokenizer *pretokenizer, const uint8_t *text,
                              size_t n_bytes, bool is_first, struct gm_pieces *pieces,
                              struct gm_err *err);

#endif
