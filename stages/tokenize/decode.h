/* Ids back to text, by the file's decoders: what gm_decode does. Read-only after gm_decoder_new.
 *
 * Reference: Hugging Face tokenizers 0.23.2 tokenizer/mod.rs (decode) and decoders/. */
#ifndef GM_TOKENIZE_DECODE_H
#define GM_TOKENIZE_DECODE_H

#include "base/buf.h"
#include "base/err.h"
#include "tokenize/added.h"
#include "tokenize/spec.h"

struct gm_decoder;

/* spec and added must outlive it. GM_INPUT: a decoder's expression is not supported. */
enum gm_status gm_decoder_new(struct gm_decoder **decoder, const struct gm_spec *spec,
                              const struct gm_added *added, struct gm_err *err);
void gm_decoder_free(struct gm_decoder *decoder); /* NULL allowed */
/* As gm_decode (tokenizer.h). */
enum gm_status gm_decoder_decode(const struct gm_decoder *decoder, const uint32_t *ids,
                                 size_t n_ids, unsigned flags, struct gm_buf *text,
                                 struct gm_err *err);
/* Place of a token in spec->tokens by its id; GM_NO_TOKEN: there is none. */
uint32_t gm_decoder_token(const struct gm_decoder *decoder, uint32_t id);

#endif
